//! Values that cannot be read, though the walk knows where they end: `--skip-damaged` leaves them out.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::Error;
use crate::dump::rdb::{self, Flow, Json, Record, Scratch, Visitor};
use crate::dump::scan::{self, Observer, Worker};
use crate::model::document::Extractor;

/// So many are named; the others are counted.
const NAMED: usize = 100;

/// The keys of a dump that cannot be read.
#[derive(Debug, Default)]
pub struct Damaged {
    /// Where their records start, in ascending order.
    starts: Vec<u64>,
    /// Hashes of their databases and names, as far as those can be read.
    names: HashSet<u64, RandomState>,
    hasher: RandomState,
    /// The first of them.
    pub first: Vec<Finding>,
    /// What ends the walk before the end of the dump: behind it nothing is known.
    pub end: Option<rdb::Error>,
}

/// One key that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub start: u64,
    pub db: u64,
    /// Its name, if that can be read.
    pub key: Option<Vec<u8>>,
    /// Type and form of its value.
    pub value: (String, &'static str),
    pub error: rdb::Error,
}

impl Damaged {
    /// Reads a whole dump, every value of it. Runs on the current `rayon` pool.
    pub fn find(file: &[u8], observer: &Observer) -> Result<Self, Error> {
        let hasher = RandomState::default();
        let found = Mutex::new(Vec::new());
        let new = || Reader {
            found: &found,
            hasher: &hasher,
            checker: Checker::new(),
            key: Vec::new(),
            scratch: Scratch::default(),
        };
        let end = match scan::run(file, observer, new) {
            Ok(_) => None,
            Err(scan::Error::Dump(error)) => Some(error),
            Err(scan::Error::Interrupted) => return Err(Error::Interrupted),
        };
        let mut found: Vec<Found> = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable_by_key(|found| found.start);
        let starts: Vec<u64> = found.iter().map(|found| found.start).collect();
        let names = found.iter().filter_map(|found| found.name).collect();
        let first = found.into_iter().filter_map(|found| found.finding).take(NAMED).collect();
        Ok(Self { starts, names, hasher, first, end })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.starts.len() as u64
    }

    /// Where their records start, in ascending order.
    pub fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// Whether the record that starts here is one of them.
    pub(super) fn has(&self, start: usize) -> bool {
        self.starts.binary_search(&(start as u64)).is_ok()
    }

    /// Whether one of them is named so.
    pub(super) fn has_name(&self, db: u64, key: &[u8]) -> bool {
        !self.names.is_empty() && self.names.contains(&self.hasher.hash_one((db, key)))
    }
}

struct Found {
    start: u64,
    name: Option<u64>,
    /// Kept as long as it may be among the first.
    finding: Option<Finding>,
}

/// Reads the values of one thread.
struct Reader<'f> {
    found: &'f Mutex<Vec<Found>>,
    hasher: &'f RandomState,
    checker: Checker,
    key: Vec<u8>,
    scratch: Scratch,
}

impl<'a> Worker<'a> for Reader<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let start = record.start as u64;
        let key = record.key.decode(&mut self.key).map_err(|kind| rdb::Error::in_string(start, kind));
        self.checker.offset = record.value.offset as u64;
        self.checker.error = None;
        let read = record.value.elements().and_then(|_| record.value.visit(&mut self.scratch, &mut self.checker));
        let error = key.as_ref().err().copied().or(read.err()).or(self.checker.error);
        let Some(error) = error else { return Ok(()) };
        let name = key.as_ref().ok().map(|key| self.hasher.hash_one((record.db, *key)));
        let value = (record.value.type_name().to_string(), record.value.ty.encoding());
        let key = key.ok().map(<[u8]>::to_vec);
        let finding = Finding { start, db: record.db, key, value, error: error.in_record(record.start) };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.push(Found { start, name, finding: Some(finding) });
        if found.len().is_multiple_of(4 * NAMED) {
            // Whoever is not among the first by now will never be.
            found.sort_unstable_by_key(|found| found.start);
            found.iter_mut().skip(NAMED).for_each(|found| found.finding = None);
        }
        Ok(())
    }
}

/// Listens for documents, which a visit does not read.
struct Checker {
    documents: Extractor,
    room: Vec<u8>,
    offset: u64,
    error: Option<rdb::Error>,
}

impl Checker {
    fn new() -> Self {
        Self { documents: Extractor::new(&[]), room: Vec::new(), offset: 0, error: None }
    }
}

impl Visitor for Checker {
    fn json(&mut self, json: Json<'_>) -> Flow {
        // That a text is no document is told in another way, and its row has the text.
        if !matches!(json, Json::Unsupported { .. }) {
            self.error = self.documents.check(json, self.offset, &mut self.room).err();
        }
        ControlFlow::Continue(())
    }
}
