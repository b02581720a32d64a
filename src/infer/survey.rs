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

/// A key that has not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Of database and name.
    hash: u64,
    pub start: u64,
    db: u32,
    pub kind: Kind,
    /// Its value can be gone back to, and is of a type that is known.
    pub readable: bool,
}

impl Key {
    /// The database.
    pub fn db(&self) -> u64 {
        u64::from(self.db)
    }

    /// Whether it may hold a record: it is a string, a hash, or RedisJSON.
    pub fn is_value(&self) -> bool {
        self.readable && matches!(self.kind, Kind::String | Kind::Hash | Kind::Module)
    }
}

/// A set or a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collection {
    pub start: u64,
    pub db: u64,
    pub elements: u64,
    /// The same in every run: decides what is sampled.
    pub lot: u64,
    pub kind: Kind,
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
    pub keys: Vec<Key>,
    /// In the order of the dump.
    pub collections: Vec<Collection>,
    pub key_families: Families,
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
            all.keys.extend(found.keys);
            all.collections.extend(found.collections);
            all.key_families.merge(found.key_families);
            all.value_families.merge(found.value_families);
            all.collection_families.merge(found.collection_families);
            all.seen.keys = all.seen.keys.saturating_add(found.seen.keys);
            all.seen.values = all.seen.values.saturating_add(found.seen.values);
            all.seen.sets = all.seen.sets.saturating_add(found.seen.sets);
            all.seen.zsets = all.seen.zsets.saturating_add(found.seen.zsets);
            all.seen.templated = all.seen.templated.saturating_add(found.seen.templated);
        }
        let Found { seen, mut keys, mut collections, key_families, value_families, collection_families } = all;
        keys.par_sort_unstable();
        collections.par_sort_unstable();
        let (crc64, footer) = (pass.crc64, pass.footer);
        Ok(Self {
            dump,
            clock,
            seen,
            crc64,
            footer,
            keys,
            collections,
            key_families,
            value_families,
            collection_families,
            hasher,
        })
    }

    /// The key of this name, whatever its type is, if its value can be read.
    pub fn find_any(&self, db: u64, name: &[u8], scratch: &mut Vec<u8>) -> Result<Option<Key>, rdb::Error> {
        for key in self.alike(db, name) {
            if key.db() == db && key.readable && self.dump.key_is(key.start, name, scratch)? {
                return Ok(Some(*key));
            }
        }
        Ok(None)
    }

    /// The string, hash or document of this name.
    pub fn find(&self, db: u64, name: &[u8], scratch: &mut Vec<u8>) -> Result<Option<Key>, rdb::Error> {
        for key in self.alike(db, name) {
            if key.db() == db && key.is_value() && self.dump.key_is(key.start, name, scratch)? {
                return Ok(Some(*key));
            }
        }
        Ok(None)
    }

    /// Whether a key of this name is there, by its hash.
    pub fn has(&self, db: u64, name: &[u8]) -> bool {
        !self.alike(db, name).is_empty()
    }

    /// The keys whose hash is that of this name.
    fn alike(&self, db: u64, name: &[u8]) -> &[Key] {
        let hash = self.hasher.hash_one((db, name));
        let len = self.keys.len();
        // Hashes are spread evenly, so that it stands near the place where it would stand if they were spread so exactly.
        let guess = (u128::from(hash).saturating_mul(len as u128) >> 64) as usize;
        let (mut low, mut high, mut step) = (guess, guess, 8_usize);
        let at = |place: usize| self.keys.get(place).map(|key| key.hash);
        while low > 0 && at(low).is_none_or(|own| own >= hash) {
            low = low.saturating_sub(step);
            step = step.saturating_mul(2);
        }
        step = 8;
        while high < len && at(high).is_some_and(|own| own < hash) {
            high = high.saturating_add(step).min(len);
            step = step.saturating_mul(2);
        }
        let window = self.keys.get(low..high).unwrap_or_default();
        let from = low.saturating_add(window.partition_point(|key| key.hash < hash));
        let rest = self.keys.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|key| key.hash == hash).count();
        rest.get(..count).unwrap_or_default()
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
    keys: Vec<Key>,
    collections: Vec<Collection>,
    key_families: Families,
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
        let kind = value.ty.kind();
        let templated = kind == Kind::Hash && !value.can_be_revisited();
        let foreign = kind == Kind::Module && value.json().map_err(|error| error.in_record(record.start))?.is_none();
        let readable = !templated && !foreign;
        if let Ok(db) = u32::try_from(record.db) {
            found.key_families.add(name, Tally { keys: 1, ..Tally::default() });
            found.keys.push(Key { hash: self.hasher.hash_one((record.db, name)), start, db, kind, readable });
        }
        match kind {
            Kind::Hash if templated => found.seen.templated = found.seen.templated.saturating_add(1),
            Kind::Module if foreign => {}
            Kind::String | Kind::Hash | Kind::Module => {
                found.seen.values = found.seen.values.saturating_add(1);
                found.value_families.add(name, Tally { keys: 1, ..Tally::default() });
            }
            kind @ (Kind::Set | Kind::Zset) => {
                let elements = value.elements().map_err(|error| error.in_record(record.start))?;
                let count = if kind == Kind::Zset { &mut found.seen.zsets } else { &mut found.seen.sets };
                *count = count.saturating_add(1);
                found.collection_families.add(name, Tally { keys: 1, elements, ..Tally::default() });
                found.collections.push(Collection { start, db: record.db, elements, lot: lot(name), kind });
            }
            Kind::List | Kind::Stream | Kind::Array => {}
        }
        Ok(())
    }
}
