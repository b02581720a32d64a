//! CBOR of RedisJSON: whatever is accepted becomes valid JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::model::document::{Extractor, text};
use rdb_reindex::dump::rdb::{Json, RawStr};
use rdb_reindex::model::spec::{Path, Step};

fuzz_target!(|data: &[u8]| {
    let json = Json::Cbor(RawStr::Plain(data));
    let (mut room, mut out) = (Vec::new(), Vec::new());
    let found = text(json, 0, &mut room, &mut out).unwrap();
    assert_eq!(Extractor::new(&[]).check(json, 0, &mut Vec::new()).unwrap(), found.map(|_| ()));
    let paths = [Path { steps: vec![Step::Name(b"a".to_vec()), Step::Each] }];
    let (mut from_cbor, mut from_text) = (Extractor::new(&paths), Extractor::new(&paths));
    let mut other = Vec::new();
    let slots = from_cbor.redis_json(json, 0, &mut other).unwrap();
    match found {
        Ok(found) => {
            assert!(found.len() <= 12 * data.len() + 2);
            let expected = from_text.json(found).unwrap();
            assert!(slots.unwrap().elements(0).eq(expected.elements(0)));
        }
        Err(_) => assert!(slots.is_err()),
    }
});
