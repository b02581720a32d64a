//! JSON text, with serde_json as the judge of what is valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::model::document::{Extractor, text};
use rdb_reindex::dump::rdb::{Json, RawStr};
use rdb_reindex::model::spec::{Path, Step};

fuzz_target!(|data: &[u8]| {
    let name = |name: &str| Step::Name(name.as_bytes().to_vec());
    let paths = [vec![name("a")], vec![name("a"), name("b")], vec![name("c"), Step::Each, name("a")]];
    let mut extractor = Extractor::new(&paths.map(|steps| Path { steps }));
    let ours = extractor.json(data).map(|slots| (slots.len(0), slots.len(1), slots.len(2)));
    let (mut room, mut out) = (Vec::new(), Vec::new());
    let compact = text(Json::Text(RawStr::Plain(data)), 0, &mut room, &mut out).unwrap();
    assert_eq!(ours.is_ok(), compact.is_ok());
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(data);
    match (compact, theirs) {
        (Ok(compact), Ok(theirs)) => {
            assert_eq!(serde_json::from_slice::<serde_json::Value>(compact).unwrap(), theirs);
        }
        // They refuse numbers beyond a double, and count depth from another place.
        (Ok(_), Err(error)) => {
            let error = error.to_string();
            assert!(error.contains("number out of range") || error.contains("recursion limit"), "{error}");
        }
        (Err(error), Ok(_)) => panic!("valid, but {error}"),
        (Err(_), Err(_)) => {}
    }
});
