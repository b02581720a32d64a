//! The pass over the dump: where records and sets are, and the families of their names.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut;

use super::Error;
use crate::dump::rdb::{self, Footer, Kind, Record, Walker};
use crate::dump::scan::{self, Observer, Worker};
use crate::model::stock::{Families, Tally};
use crate::model::view::{Clock, Dump, Expires, Expiry};

/// What there is in the dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub keys: u64,
    /// Strings, hashes and RedisJSON values.
    pub values: u64,
    pub sets: u64,
    pub zsets: u64,
    /// Hashes that refer to templates, which cannot be gone back to.
    pub templated: u64,
}

/// A key that may hold a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    /// Of database and name.
    hash: u64,
    pub start: u64,
    pub db: u64,
}

/// A set or a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collection {
    pub start: u64,
    pub db: u64,
    pub elements: u64,
    /// The same in every run: decides what is sampled.
    pub lot: u64,
    pub zset: bool,
}

/// A dump that was read once.
#[derive(Debug)]
pub struct Survey<'a> {
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub seen: Seen,
    pub crc64: u64,
    pub footer: Footer,
    /// Ordered by hash.
    pub values: Vec<Value>,
    /// In the order of the dump.
    pub collections: Vec<Collection>,
    pub value_families: Families,
    pub collection_families: Families,
    hasher: RandomState,
}

impl<'a> Survey<'a> {
    pub fn take(file: &'a [u8], expiry: Expiry, observer: &Observer) -> Result<Self, Error> {
        let clock = Clock::read(file, expiry)?;
        let dump = Dump { file, header: Walker::new(file)?.header() };
        let hasher = RandomState::default();
        let new = || Gatherer { clock, hasher: &hasher, key: Vec::new(), found: Found::default() };
        let pass = scan::run(file, observer, new)?;
        let mut all = Found::default();
        for worker in pass.workers {
            let found = worker.found;
            all.values.extend(found.values);
            all.collections.extend(found.collections);
            all.value_families.merge(found.value_families);
            all.collection_families.merge(found.collection_families);
            all.seen.keys = all.seen.keys.saturating_add(found.seen.keys);
            all.seen.values = all.seen.values.saturating_add(found.seen.values);
            all.seen.sets = all.seen.sets.saturating_add(found.seen.sets);
            all.seen.zsets = all.seen.zsets.saturating_add(found.seen.zsets);
            all.seen.templated = all.seen.templated.saturating_add(found.seen.templated);
        }
        let Found { seen, mut values, mut collections, value_families, collection_families } = all;
        values.par_sort_unstable();
        collections.par_sort_unstable();
        let (crc64, footer) = (pass.crc64, pass.footer);
        Ok(Self { dump, clock, seen, crc64, footer, values, collections, value_families, collection_families, hasher })
    }

    /// The string, hash or document of this name.
    pub fn find(&self, db: u64, name: &[u8], scratch: &mut Vec<u8>) -> Result<Option<Value>, rdb::Error> {
        let hash = self.hasher.hash_one((db, name));
        let from = self.values.partition_point(|value| value.hash < hash);
        for value in self.values.get(from..).unwrap_or_default().iter().take_while(|value| value.hash == hash) {
            if value.db == db && self.dump.key_is(value.start, name, scratch)? {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }
}

/// A number that follows from a name, and from nothing else.
pub fn lot(name: &[u8]) -> u64 {
    // No secret: whoever chooses the names may choose the sample, and what comes of it is measured on all of the dump.
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(0, 0);
    hasher.write(name);
    hasher.finish()
}

#[derive(Debug, Default)]
struct Found {
    seen: Seen,
    values: Vec<Value>,
    collections: Vec<Collection>,
    value_families: Families,
    collection_families: Families,
}

struct Gatherer<'s> {
    clock: Clock,
    hasher: &'s RandomState,
    key: Vec<u8>,
    found: Found,
}

impl<'a> Worker<'a> for Gatherer<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let found = &mut self.found;
        found.seen.keys = found.seen.keys.saturating_add(1);
        if self.clock.expires(record.expire_ms) == Expires::Gone {
            return Ok(());
        }
        let value = &record.value;
        let start = record.start as u64;
        let name = record.key.decode(&mut self.key);
        let name = name.map_err(|kind| rdb::Error::in_string(start, kind).in_record(record.start))?;
        match value.ty.kind() {
            Kind::Hash if !value.can_be_revisited() => found.seen.templated = found.seen.templated.saturating_add(1),
            Kind::Module if value.json().map_err(|error| error.in_record(record.start))?.is_none() => {}
            Kind::String | Kind::Hash | Kind::Module => {
                found.seen.values = found.seen.values.saturating_add(1);
                found.value_families.add(name, Tally { keys: 1, ..Tally::default() });
                found.values.push(Value { hash: self.hasher.hash_one((record.db, name)), start, db: record.db });
            }
            kind @ (Kind::Set | Kind::Zset) => {
                let elements = value.elements().map_err(|error| error.in_record(record.start))?;
                let zset = kind == Kind::Zset;
                let count = if zset { &mut found.seen.zsets } else { &mut found.seen.sets };
                *count = count.saturating_add(1);
                found.collection_families.add(name, Tally { keys: 1, elements, ..Tally::default() });
                found.collections.push(Collection { start, db: record.db, elements, lot: lot(name), zset });
            }
            Kind::List | Kind::Stream | Kind::Array => {}
        }
        Ok(())
    }
}
