//! A second reader: the sets and sorted sets that a plan touches, read once more by the crate `rdb`.
//!
//! All else in a rehearsal rests on one parser, ours. This one is written by others and shares no line with it. It is
//! given one record at a time, wrapped into a dump of its own: a type that it does not know stops it at that key alone,
//! and it holds one value per thread. Its bytes are those of the dump, from the first one that belongs to the key, so it
//! finds the expiry, the name and the members by itself; where the record begins and ends, and in which database, it is
//! told.
//!
//! Version 0.4 reads `REDIS` 1 to 13. What it cannot read is counted and said, and proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::rdb::{RdbDecoder, RdbError, RdbValue, Simple};
use rayon::prelude::*;

use super::Error;
use super::clock::Due;
use super::copy;
use super::finding::{Finding, Findings, Problem, Stage};
use super::model::Model;
use super::state::{self, Entry, Name, Value};
use crate::dump::rdb::{self, Header, Kind, Record, ValueType};
use crate::progress::Unit;
use crate::text::quoted;

/// Values that are read before it is noted what came of them.
const BATCH: usize = 4096;

/// Bytes before a name that are handed on: an expiry and the like take some twenty, data of modules more. Strings among
/// them may say that they unpack to nearly a hundred times their size, and the other reader believes that.
const MOST_BEFORE_NAME: usize = 1 << 20;

/// What came of reading a second time. There are findings where the two readers differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Sets that it read.
    pub sets: u64,
    /// Sorted sets that it read.
    pub sorted_sets: u64,
    /// Keys that it cannot read, by the reason.
    pub unread: BTreeMap<String, u64>,
    /// What it read otherwise.
    pub findings: Findings,
}

impl Second {
    /// Keys that were read twice.
    pub fn read(&self) -> u64 {
        self.sets.saturating_add(self.sorted_sets)
    }
}

/// What came of one key.
enum Outcome {
    Alike,
    Differs { expected: String, found: String },
    Unread(String),
}

/// Reads the sets and sorted sets among `touched` a second time, and compares them with what the model reads.
pub fn read_again(model: &Model<'_>, touched: &BTreeSet<Name>) -> Result<Second, Error> {
    read_again_as(model, touched, |name| model.start_of(name))
}

/// The same with something else in place of what the model reads.
pub fn read_again_as(
    model: &Model<'_>,
    touched: &BTreeSet<Name>,
    first: impl Fn(&Name) -> Result<Option<Entry>, Error> + Sync,
) -> Result<Second, Error> {
    let mut second = Second::default();
    let keys: Vec<(&Name, &Record<'_>)> = touched
        .iter()
        .filter_map(|name| Some((name, model.records.get(name)?)))
        .filter(|(_, record)| matches!(record.value.ty.kind(), Kind::Set | Kind::Zset))
        .collect();
    model.watch.begin("reading a second time", Unit::Keys, u64::try_from(keys.len()).unwrap_or(u64::MAX));
    for batch in keys.chunks(BATCH) {
        // Whoever stops it throws away what it says.
        if model.watch.stopped() {
            break;
        }
        let outcomes = batch
            .par_iter()
            .map(|(name, record)| {
                let outcome = first(name)?.map(|entry| compare(model, name, &entry, record));
                model.watch.add(1);
                Ok(outcome)
            })
            .collect::<Result<Vec<Option<Outcome>>, Error>>()?;
        for ((name, record), outcome) in batch.iter().zip(outcomes) {
            let Some(outcome) = outcome else { continue };
            let read = match record.value.ty.kind() {
                Kind::Set => &mut second.sets,
                _ => &mut second.sorted_sets,
            };
            match outcome {
                Outcome::Alike => *read = read.saturating_add(1),
                Outcome::Differs { expected, found } => {
                    *read = read.saturating_add(1);
                    let (stage, problem) = (Stage::Second, Problem::SecondReader);
                    let key = Some((*name).clone());
                    second.findings.add(|| Finding { stage, problem, command: None, key, expected, found });
                }
                Outcome::Unread(reason) => {
                    let count = second.unread.entry(reason).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    Ok(second)
}

/// Compares the two readings of a key.
fn compare(model: &Model<'_>, name: &Name, entry: &Entry, record: &Record<'_>) -> Outcome {
    let (before, end) = (record.value.offset.saturating_sub(record.start), record.value.end());
    if before.saturating_sub(record.key.len()) > MOST_BEFORE_NAME {
        return Outcome::Unread("much data of modules before the name".to_owned());
    }
    let bytes = model.dump.get(record.start..end).unwrap_or_default();
    let read = match read(model, name.0, bytes) {
        Err(Fault::Damage(_)) if is_beyond_it(record, entry) => {
            return Outcome::Unread("a ziplist of more than 65534 entries".to_owned());
        }
        // Perhaps it is only what stands before the name.
        Err(Fault::Damage(_)) if read(model, name.0, &bare(record, &name.1)).is_ok() => {
            return Outcome::Unread("what stands before the name".to_owned());
        }
        read => read,
    };
    let (key, found) = match read {
        Ok(found) => found,
        Err(Fault::Unknown(reason)) => return Outcome::Unread(reason),
        Err(Fault::Type(byte)) if byte == record.value.ty.byte() => return Outcome::Unread(format!("type {byte}")),
        Err(Fault::Type(byte)) => return Outcome::Unread(format!("byte {byte} before the name")),
        Err(Fault::Damage(error)) => {
            let expected = format!("{} of {}", entry.value.type_name(), entry.value.elements());
            return Outcome::Differs { expected, found: format!("bytes that the second reader refuses: {error}") };
        }
    };
    if key != name.1 {
        let found = format!("the name {}", quoted(&key));
        return Outcome::Differs { expected: format!("the name {}", quoted(&name.1)), found };
    }
    match state::difference(Some(entry), found.as_ref()) {
        None => Outcome::Alike,
        Some((expected, found)) => Outcome::Differs { expected, found },
    }
}

/// Whether it is known why the other reader takes a value for damaged: it believes the count in the header of a ziplist,
/// where 65535 stands for any number from there on.
fn is_beyond_it(record: &Record<'_>, entry: &Entry) -> bool {
    record.value.ty == ValueType::ZsetZiplist && entry.value.elements() > 32_766
}

/// The record without what stands before its type.
fn bare(record: &Record<'_>, key: &[u8]) -> Vec<u8> {
    let mut bytes = vec![record.value.ty.byte()];
    copy::put(key, &mut bytes);
    bytes.extend_from_slice(record.value.bytes);
    bytes
}

/// Why there is no second reading.
enum Fault {
    /// It does not know that, and says so.
    Unknown(String),
    /// It knows no such type.
    Type(u8),
    /// It takes the bytes for damaged.
    Damage(String),
}

impl From<RdbError> for Fault {
    fn from(error: RdbError) -> Self {
        match error {
            RdbError::InvalidHeader(_) => Self::Unknown("the magic of Valkey".to_owned()),
            RdbError::UnsupportedVersion(version) => Self::Unknown(format!("version {version} of the format")),
            RdbError::UnknownEncoding(byte) => Self::Type(byte),
            RdbError::Unsupported(what) => Self::Unknown(what.to_owned()),
            other => Self::Damage(other.to_string()),
        }
    }
}

/// Has the other reader read a record of database `db`: its name, and what an entry of the model would be, which is none
/// if it had expired or has no members.
fn read(model: &Model<'_>, db: u64, record: &[u8]) -> Result<(Vec<u8>, Option<Entry>), Fault> {
    let mut head = model.dump.get(..Header::LEN).unwrap_or_default().to_vec();
    head.push(rdb::opcode::SELECTDB);
    copy::put_len(db, &mut head);
    let tail = [rdb::opcode::EOF, 0, 0, 0, 0, 0, 0, 0, 0];
    let dump = head.as_slice().chain(record).chain(tail.as_slice());
    // It is not ours: should it panic, that is a finding and no end of ours.
    let items = catch_unwind(AssertUnwindSafe(|| {
        RdbDecoder::new(dump, Simple::new())?.collect::<Result<Vec<RdbValue>, RdbError>>()
    }));
    let items = items.map_err(|_| Fault::Damage("it panicked".to_owned()))??;
    // The facts of KeyDB stand between an expiry and its key.
    let mut items = items.into_iter().filter(|item| !matches!(item, RdbValue::AuxField { .. }));
    let (Some(RdbValue::SelectDb(_)), Some(value), Some(RdbValue::Checksum(rest)), None) =
        (items.next(), items.next(), items.next(), items.next())
    else {
        return Err(Fault::Damage("not one key".to_owned()));
    };
    if rest.len() != 8 {
        return Err(Fault::Damage("another end".to_owned()));
    }
    let (key, value, expiry) = match value {
        RdbValue::Set { key, members, expiry } => (key, Value::Set(members.into_iter().collect()), expiry),
        RdbValue::SortedSet { key, values, expiry } => {
            // Of a member that stands twice, the first counts: in reverse, it comes last.
            let members = values.into_iter().rev().map(|(score, member)| (member, score));
            (key, Value::Zset(members.collect()), expiry)
        }
        _ => return Err(Fault::Damage("no set and no sorted set".to_owned())),
    };
    let expire_ms = match model.clock.due(expiry.map(|ms| i64::from_ne_bytes(ms.to_ne_bytes()))) {
        Due::Gone => return Ok((key, None)),
        Due::Never => None,
        Due::At(ms) => Some(ms),
    };
    Ok((key, Some(Entry { value, expire_ms }).filter(|entry| entry.value.elements() > 0)))
}
