//! The dumps of the corpus, which real servers wrote, against what the same servers answered to read commands.

use crate::support::corpus::collect;
use crate::support::corpus::expected;
use crate::support::judges::CORPUS;
mod hostile;
mod places;
mod wanted;

use std::path::PathBuf;

use rdb_reindex::dump::rdb::{Flavor, Item, Scratch, Tail, Walker};
use serde_json::Value as Js;

use collect::Collector;
use expected::{Dump, check};

/// The dumps, or nothing, loudly, where the corpus is not at hand. Under CI that is an error.
fn corpus() -> Vec<PathBuf> {
    let dumps = CORPUS.dumps();
    assert!(dumps.is_empty() || dumps.len() >= 44, "only {} dumps", dumps.len());
    dumps
}

#[test]
fn every_dump_holds_what_the_server_answered() {
    let mut compared = 0;
    for path in corpus() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        compared += compare(&name, &std::fs::read(&path).unwrap(), &Dump::read(&path.with_extension("json")));
    }
    eprintln!("{compared} keys compared");
}

/// Compares one dump with its answers and returns the number of keys.
fn compare(name: &str, bytes: &[u8], dump: &Dump) -> usize {
    let mut walker = Walker::new(bytes).unwrap();
    assert_eq!(Js::from(walker.header().version), dump.head["rdb_version"], "{name}");
    assert_eq!(walker.header().flavor == Flavor::Valkey, name.ends_with("-v80"), "{name}");
    let mut scratch = Scratch::default();
    let mut functions = Vec::new();
    let mut seen = 0;
    let mut db = 0;
    let mut last = 0;
    let mut ended = false;
    while let Some(item) = walker.next().unwrap_or_else(|error| panic!("{name}: {error}")) {
        match item {
            Item::Record(record) => {
                let key = record.key.decode(&mut Vec::new()).unwrap().to_vec();
                assert_eq!(record.key.len(), key.len());
                let about = format!("{name}: {:?} in {}", key.escape_ascii().to_string(), record.db);
                let answer = dump.keys.get(&(record.db, key)).unwrap_or_else(|| panic!("{about} is not expected"));
                assert_eq!(record.db, db, "{about}");
                assert!(record.start >= last && record.value.offset + record.value.bytes.len() == walker.position());
                last = walker.position();
                let mut found = Collector::default();
                let visited = record.value.visit(&mut scratch, &mut found);
                visited.unwrap_or_else(|error| panic!("{about}: {error}"));
                assert_eq!(record.value.elements().unwrap(), found.elements(), "{about}");
                check(&about, answer, &record, &found);
                seen += 1;
            }
            Item::Function(code) => functions.push(code.decode(&mut Vec::new()).unwrap().to_vec()),
            Item::SelectDb(n) => db = n,
            Item::ModuleAux { id, when, bytes, .. } => {
                assert!(matches!(when, 1 | 2) && !bytes.is_empty());
                assert!(["scdtype00", "ft_index0"].contains(&id.to_string().as_str()), "{name}: {id}");
            }
            Item::Aux { name: aux, value } if aux.eq_bytes(b"redis-bits", &mut Vec::new()).unwrap() => {
                assert_eq!(value.decode(&mut Vec::new()).unwrap(), b"64");
            }
            Item::End(footer) => {
                ended = true;
                assert_eq!(footer.body_end + 8, bytes.len(), "{name}");
                assert_eq!((footer.trailing, footer.tail), (0, Tail::Empty));
                let stored = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
                assert_eq!(footer.crc, Some(stored));
                assert_eq!(stored == 0, name.contains("nochecksum"), "{name}");
                if stored != 0 {
                    let computed = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &bytes[..footer.body_end]);
                    assert_eq!(stored, computed, "{name}");
                }
            }
            _ => {}
        }
    }
    assert!(ended && walker.next().unwrap().is_none());
    assert_eq!(seen, dump.keys.len(), "{name}: keys");
    let mut expected: Vec<&Js> = dump.head["functions"].as_array().unwrap().iter().collect();
    assert_eq!(functions.len(), expected.len(), "{name}: functions");
    for code in &functions {
        let at = expected.iter().position(|f| expected::is(&f["code"], code));
        expected.remove(at.unwrap_or_else(|| panic!("{name}: a function is not expected")));
    }
    seen
}
