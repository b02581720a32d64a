//! A second opinion: the crate `rdb` on the dumps that its package carries, versions 2 to 13, which real servers wrote.
//!
//! It drops streams and modules, so those are only visited here.

use std::path::PathBuf;

use rdb::{RdbDecoder, RdbValue, filter::Simple};
use rdb_reindex::dump::rdb::{Item, Kind, Scratch, Walker};

use super::Told;
use crate::support::judges::RDB_SOURCES;

/// The dumps in the sources of the crate.
fn dumps() -> Vec<PathBuf> {
    RDB_SOURCES.dumps()
}

/// Database, key, expiry and content of every key that is neither stream nor module, in the order of the file.
fn ours(bytes: &[u8]) -> Vec<String> {
    let mut walker = Walker::new(bytes).unwrap();
    let mut scratch = Scratch::default();
    let mut keys = Vec::new();
    while let Some(item) = walker.next().unwrap() {
        match item {
            Item::Record(record) => {
                let mut told = Told::default();
                record.value.visit(&mut scratch, &mut told).unwrap();
                let mut room = Vec::new();
                let key = record.key.decode(&mut room).unwrap().escape_ascii();
                if !matches!(record.value.ty.kind(), Kind::Stream | Kind::Module) {
                    keys.push(format!("{} {key} {:?} {}", record.db, record.expire_ms, told.0));
                }
            }
            Item::End(footer) if footer.crc.is_some_and(|crc| crc != 0) => {
                let body = &bytes[..footer.body_end];
                assert_eq!(footer.crc, Some(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, body)));
            }
            _ => {}
        }
    }
    keys
}

/// The same by the other reader.
fn theirs(bytes: &[u8]) -> Vec<String> {
    let mut db = 0;
    let mut keys = Vec::new();
    for item in RdbDecoder::new(bytes, Simple::new()).unwrap() {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let (key, expiry, content) = match item.unwrap() {
            RdbValue::SelectDb(n) => {
                db = n;
                continue;
            }
            RdbValue::String { key, value, expiry } => (key, expiry, format!("\"{}\"", text(&value))),
            RdbValue::List { key, values, expiry } => {
                let all: Vec<String> =
                    values.iter().enumerate().map(|(n, value)| format!("[{n}]{}", text(value))).collect();
                (key, expiry, all.join(" "))
            }
            RdbValue::Set { key, members, expiry } => {
                let all: Vec<String> = members.iter().map(|member| text(member)).collect();
                (key, expiry, all.join(" "))
            }
            RdbValue::Hash { key, values, expiry } => {
                let all: Vec<String> = values.iter().map(|(f, v)| format!("{}={}", text(f), text(v))).collect();
                (key, expiry, all.join(" "))
            }
            RdbValue::SortedSet { key, values, expiry } => {
                let all: Vec<String> =
                    values.iter().map(|(score, member)| format!("{}:{score:?}", text(member))).collect();
                (key, expiry, all.join(" "))
            }
            _ => continue,
        };
        let expiry = expiry.map(u64::cast_signed);
        keys.push(format!("{db} {} {expiry:?} {content}", text(&key)));
    }
    keys
}

/// Cuts the expiries of fields, which the other reader does not tell.
fn without_field_expiry(text: &str) -> String {
    text.split(' ').map(|part| part.split_once('@').map_or(part, |(field, _)| field)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_other_reader_sees_the_same() {
    let mut compared = 0;
    for path in dumps() {
        let bytes = std::fs::read(&path).unwrap();
        let (ours, theirs) = (ours(&bytes), theirs(&bytes));
        assert_eq!(ours.len(), theirs.len(), "{}", path.display());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(ours == theirs || without_field_expiry(ours) == *theirs, "{}:\n{ours}\n{theirs}", path.display());
            compared += 1;
        }
    }
    eprintln!("{compared} keys compared");
}
