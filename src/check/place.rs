//! In which key something is wrong, and how many keys before it are not.

use std::collections::BTreeMap;

use super::{Finding, Problem};
use crate::dump::rdb::{ErrorKind, Item, Walker, key_at, opcode};

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

/// The findings, each with its place.
#[derive(Default)]
pub(super) struct Located {
    pub findings: Vec<Finding>,
    /// Keys before the first one.
    pub whole: u64,
    /// Keys up to the last one.
    pub walked: u64,
}

/// Walks to the findings.
pub(super) fn locate(file: &[u8], found: BTreeMap<u64, Problem>) -> Located {
    let mut located = Located::default();
    let Some((&first, _)) = found.first_key_value() else { return located };
    let Ok(mut walker) = Walker::new(file) else { return located };
    let mut due = found.into_iter().peekable();
    let header = walker.header();
    let mut db = 0;
    while due.peek().is_some() {
        match walker.next() {
            Ok(Some(Item::Record(record))) => {
                let start = record.start as u64;
                located.walked = located.walked.saturating_add(1);
                if start < first {
                    located.whole = located.walked;
                }
                while let Some((start, problem)) = due.next_if(|(due, _)| *due <= start) {
                    let key = record.key.decode(&mut Vec::new()).map(<[u8]>::to_vec).ok();
                    let value = Some((record.value.type_name().to_string(), record.value.ty.encoding()));
                    located.findings.push(Finding { start, problem, place: Place { db: Some(record.db), key, value } });
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
        // Where only NUL bytes follow there is no record, and a name that goes on into them is none.
        let tail = match &problem {
            Problem::Format(error) if matches!(error.kind, ErrorKind::NulTail(_)) => Some(error.offset),
            _ => None,
        };
        let begins = file.get(at).is_some_and(|byte| *byte < 34 || opcode::is_prefix(header.flavor, *byte));
        let is_record = begins && tail.is_none_or(|tail| start < tail);
        // Of a record with prefixes the name is behind them.
        let name = key_at(file, header, start).ok().filter(|_| is_record);
        let key = name.and_then(|name| name.decode(&mut Vec::new()).map(<[u8]>::to_vec).ok());
        let key = key.filter(|key| tail.is_none() || key.last() != Some(&0));
        let place = Place { db: is_record.then_some(db), key, value: None };
        located.findings.push(Finding { start, problem, place });
    }
    located
}
