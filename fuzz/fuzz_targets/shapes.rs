//! JSON texts, one a line: what was read before changes nothing in what is read now.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::model::document::{Extractor, Slots};
use rdb_reindex::model::spec::{Path, Step};

fuzz_target!(|data: &[u8]| {
    let name = |name: &str| Step::Name(name.as_bytes().to_vec());
    let paths = [vec![name("a")], vec![name("a"), name("b")], vec![name("cd")]].map(|steps| Path { steps });
    let mut known = Extractor::new(&paths);
    let fields = |slots: Slots<'_>| [0, 1, 2].map(|path| format!("{:?}", slots.elements(path).collect::<Vec<_>>()));
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for text in lines.iter().chain(&lines) {
        let fresh = Extractor::new(&paths).json(text).map(fields);
        assert_eq!(known.json(text).map(fields), fresh, "{}", String::from_utf8_lossy(text));
    }
});
