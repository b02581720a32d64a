//! In which key something is wrong, and how many keys before it are not.

use std::collections::BTreeMap;

use super::{Finding, Problem};
use crate::rdb::{Item, Walker, key_at, opcode};

/// What can be said of the place of a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The database; none when it is not in a record.
    pub db: Option<u64>,
    /// The name of the key, if it can be read.
    pub key: Option<Vec<u8>>,
    /// Type and form of the value, if that can be read.
    pub value: Option<(String, &'static str)>,
}

/// Walks to the findings; the number of keys before the first one, of `keys` in all.
pub(super) fn locate(file: &[u8], keys: u64, found: BTreeMap<u64, Problem>) -> (u64, Vec<Finding>) {
    let Some((&first, _)) = found.first_key_value() else { return (keys, Vec::new()) };
    let mut whole = 0_u64;
    let mut findings = Vec::new();
    let mut due = found.into_iter().peekable();
    let Ok(mut walker) = Walker::new(file) else { return (0, findings) };
    let header = walker.header();
    let mut db = 0;
    while due.peek().is_some() {
        match walker.next() {
            Ok(Some(Item::Record(record))) => {
                let start = record.start as u64;
                if start < first {
                    whole = whole.saturating_add(1);
                }
                while let Some((start, problem)) = due.next_if(|(due, _)| *due <= start) {
                    let key = record.key.decode(&mut Vec::new()).map(<[u8]>::to_vec).ok();
                    let value = Some((record.value.type_name().to_string(), record.value.ty.encoding()));
                    findings.push(Finding { start, problem, place: Place { db: Some(record.db), key, value } });
                }
            }
            Ok(Some(Item::SelectDb(selected))) => db = selected,
            Ok(Some(_)) => {}
            // What stands here cannot be walked over: its name may still be read, if it has one.
            Ok(None) | Err(_) => break,
        }
    }
    for (start, problem) in due {
        let at = usize::try_from(start).unwrap_or(usize::MAX);
        // An opcode has no name; of a record with prefixes the name is behind them.
        let is_record = file.get(at).is_some_and(|byte| *byte < 34 || is_prefix(*byte));
        let key = if is_record {
            let raw = key_at(file, header, start).ok();
            raw.and_then(|raw| raw.decode(&mut Vec::new()).map(<[u8]>::to_vec).ok())
        } else {
            None
        };
        let place = Place { db: is_record.then_some(db), key, value: None };
        findings.push(Finding { start, problem, place });
    }
    (whole, findings)
}

/// Whether an opcode says something of the next key.
fn is_prefix(byte: u8) -> bool {
    matches!(byte, opcode::EXPIRETIME | opcode::EXPIRETIME_MS | opcode::IDLE | opcode::FREQ)
}
