//! Whether records hold what the keys are named by that list them: then whoever reads the records need not ask the keys.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::Error;
use super::families::{Families, Room};
use super::gather::has_part;
use super::joined::Joined;
use super::sample::hash;
use crate::dump::rdb::{self, Element, Flow, Json, Kind, Record, Scratch, Visitor};
use crate::dump::scan::{self, Observer, Worker};
use crate::index::Difference;
use crate::model::view::{Dump, KeyType};

/// So many keys of a family are looked at, more or less.
const KEYS: u64 = 256;
/// So many members of each.
const MEMBERS: usize = 8;
/// A larger record is passed over.
const RECORD_BYTES: usize = 1 << 20;

/// By family: records that hold what their key is named by, of how many that were looked at.
pub type Said = HashMap<usize, (u64, u64)>;

/// Looks at records of these families of sets, which have so many keys each.
pub fn said(
    difference: &Difference<'_>,
    families: &Families<'_>,
    joined: &Joined,
    asked: &[(usize, u64)],
    observer: &Observer,
) -> Result<Said, Error> {
    if asked.is_empty() {
        return Ok(Said::new());
    }
    let new = || Reader {
        dump: difference.dump,
        families,
        joined,
        asked,
        key: Vec::new(),
        room: Room::default(),
        scratch: Scratch::default(),
        found: Said::new(),
    };
    let pass = scan::run(difference.dump.file, observer, new)?;
    let mut all = Said::new();
    for worker in pass.workers {
        for (family, (said, of)) in worker.found {
            let sum = all.entry(family).or_default();
            *sum = (sum.0.saturating_add(said), sum.1.saturating_add(of));
        }
    }
    Ok(all)
}

struct Reader<'r, 'a> {
    dump: Dump<'a>,
    families: &'r Families<'r>,
    joined: &'r Joined,
    asked: &'r [(usize, u64)],
    key: Vec<u8>,
    room: Room,
    scratch: Scratch,
    found: Said,
}

impl<'a> Worker<'a> for Reader<'_, 'a> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        if record.value.ty.kind() != Kind::Set {
            return Ok(());
        }
        let start = record.start as u64;
        let key = record.key.decode(&mut self.key);
        let key = key.map_err(|kind| rdb::Error::in_string(start, kind).in_record(record.start))?;
        let at = self.families.find(record.db, key, KeyType::Set, &mut self.room);
        let Some((at, keys)) = self.asked.iter().find(|(family, _)| Some(*family) == at) else { return Ok(()) };
        // The same in every run: those whose hashes begin with as many zeros as it takes.
        let bits = (keys / KEYS).max(1).ilog2();
        let Some(family) = self.families.all.get(*at).filter(|_| hash(record.db, key).leading_zeros() >= bits) else {
            return Ok(());
        };
        let part = family.part(key);
        let mut members = Members { db: record.db, hashes: Vec::new() };
        record.value.visit(&mut self.scratch, &mut members).map_err(|error| error.in_record(record.start))?;
        for member in members.hashes {
            let Some(start) = self.joined.start(member) else { continue };
            let Ok(record) = self.dump.record(start) else { continue };
            if record.value.bytes.len() > RECORD_BYTES {
                continue;
            }
            let mut finder = Finder { part, found: false };
            record.value.visit(&mut self.scratch, &mut finder).map_err(|error| error.in_record(record.start))?;
            let sum = self.found.entry(*at).or_default();
            *sum = (sum.0.saturating_add(u64::from(finder.found)), sum.1.saturating_add(1));
        }
        Ok(())
    }
}

struct Members {
    db: u64,
    hashes: Vec<u64>,
}

impl Visitor for Members {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.hashes.push(hash(self.db, member.bytes));
        if self.hashes.len() < MEMBERS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Looks for a text in a value, as a whole word.
struct Finder<'f> {
    part: &'f [u8],
    found: bool,
}

impl Finder<'_> {
    fn look(&mut self, text: &[u8]) -> Flow {
        self.found |= has_part(text, self.part);
        if self.found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Visitor for Finder<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }

    fn hash_field(&mut self, _: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.look(value.bytes)
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        match json {
            Json::Text(text) | Json::Cbor(text) => match text.decode(&mut Vec::new()) {
                Ok(text) => self.look(text),
                Err(_) => ControlFlow::Continue(()),
            },
            Json::Tree(bytes) => self.look(bytes),
            Json::Unsupported { .. } => ControlFlow::Continue(()),
        }
    }
}
