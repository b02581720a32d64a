//! The tree of RedisJSON 1: whatever is accepted becomes valid JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::model::document::{Extractor, text};
use rdb_reindex::dump::rdb::Json;

fuzz_target!(|data: &[u8]| {
    let json = Json::Tree(data);
    let (mut room, mut out) = (Vec::new(), Vec::new());
    let checked = Extractor::new(&[]).check(json, 0, &mut Vec::new());
    match text(json, 0, &mut room, &mut out) {
        Ok(Ok(text)) => {
            assert_eq!(checked, Ok(Ok(())));
            assert!(Extractor::new(&[]).json(text).is_ok());
        }
        Ok(Err(error)) => assert_eq!(checked, Ok(Err(error))),
        Err(error) => assert_eq!(checked, Err(error)),
    }
});
