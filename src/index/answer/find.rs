//! The pass over the dump of a shard: its stock, and where the keys are that the edits name.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::dump::duplicate_keys;
use crate::dump::rdb::{self, Record, Walker};
use crate::dump::scan::{self, Observer, Pass};
use crate::index::gather::witness::{Witness, Witnesses};
use crate::model::memory::Estimate;
use crate::model::spec::Spec;
use crate::model::stock::{Stock, Tally};
use crate::model::view::{Clock, Diagnostics, Family, KeyType, Names};

/// What was found.
pub(super) struct Found<'a> {
    pub stock: Stock,
    pub diagnostics: Diagnostics,
    pub witnesses: Witnesses,
    /// Keys that edits name, by their number.
    pub keys: HashMap<usize, Key<'a>>,
}

/// A key that edits name.
pub(super) struct Key<'a> {
    pub record: Record<'a>,
    /// It is a record of the spec, and none of an index.
    pub is_record: bool,
}

/// By database and name, the numbers of keys.
pub(super) type Numbered = HashMap<u64, HashMap<Vec<u8>, usize>>;

/// What all threads share.
pub(super) struct Wanted<'w, 'a> {
    names: &'w Names<'a>,
    clock: Clock,
    estimate: Estimate,
    /// By database and name, the number of the key.
    keys: &'w Numbered,
    hasher: RandomState,
    bytes: usize,
}

struct Worker<'w, 'a> {
    wanted: &'w Wanted<'w, 'a>,
    found: Found<'a>,
    twice: duplicate_keys::Names<'w>,
    key: Vec<u8>,
}

impl<'a> scan::Worker<'a> for Worker<'_, 'a> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let mut room = std::mem::take(&mut self.key);
        let start = record.start as u64;
        let key = record.key.decode(&mut room).map_err(|kind| rdb::Error::in_string(start, kind));
        let done = key.and_then(|key| self.keyed(record, key));
        self.key = room;
        done.map_err(|error| error.in_record(record.start))
    }
}

impl<'a> Worker<'_, 'a> {
    fn keyed(&mut self, record: &Record<'a>, key: &[u8]) -> Result<(), rdb::Error> {
        let Wanted { names, clock, estimate, keys, .. } = self.wanted;
        let elements = record.value.elements()?;
        let tally = Tally {
            keys: 1,
            elements,
            bytes: record.value.end().saturating_sub(record.start) as u64,
            memory: estimate.of(record, elements),
            with_expiry: u64::from(record.expire_ms.is_some()),
        };
        let ty = KeyType::of(&record.value);
        let Found { stock, witnesses, keys: found, .. } = &mut self.found;
        stock.add(record, tally);
        stock.expiries.add(clock.left(record.expire_ms), tally.memory);
        let family = names.family_of(record.db, key, ty);
        match family {
            Family::Record(class) => {
                stock.record_family(class, tally);
                let witness = Witness { start: record.start as u64, db: record.db };
                witnesses.see(witness, || clock.left(record.expire_ms));
            }
            Family::Index(index) => stock.index_family(index, tally),
            Family::Other => stock.other_family(key, tally),
        }
        self.twice.add(record, key, true);
        if let Some(number) = keys.get(&record.db).and_then(|keys| keys.get(key)) {
            let mut classes = names.classes_of(record.db, key, ty);
            let is_record = classes.any(|class| names.spec.records[class].exists.is_none());
            found.insert(*number, Key { record: record.clone(), is_record });
        }
        Ok(())
    }
}

/// A pass, what it found, and the first key that is twice in the dump.
pub(super) type Seen<'a> = (Pass<()>, Found<'a>, Option<duplicate_keys::Twice>);

/// Goes through the dump.
pub(super) fn run<'a>(
    file: &'a [u8],
    spec: &'a Spec,
    clock: Clock,
    keys: &Numbered,
    observer: &Observer,
) -> Result<Seen<'a>, super::Error> {
    let names = Names::new(spec);
    let header = Walker::new(file)?.header();
    let wanted = Wanted {
        names: &names,
        clock,
        estimate: Estimate::new(header),
        keys,
        hasher: RandomState::default(),
        bytes: file.len(),
    };
    let nothing = || Found {
        stock: Stock::new(spec.records.len(), spec.indexes.len()),
        diagnostics: Diagnostics::default(),
        witnesses: Witnesses::new(wanted.bytes),
        keys: HashMap::new(),
    };
    let new = || Worker {
        wanted: &wanted,
        found: nothing(),
        twice: duplicate_keys::Names::new(&wanted.hasher),
        key: Vec::new(),
    };
    let (pass, workers) = scan::run(file, observer, new)?.split();
    let mut all = nothing();
    let mut twice = Vec::new();
    for worker in workers {
        all.stock.merge(worker.found.stock);
        all.witnesses.merge(worker.found.witnesses);
        all.keys.extend(worker.found.keys);
        twice.push(worker.twice);
    }
    let twice = duplicate_keys::find(file, header, twice, |_, _| true);
    Ok((pass, all, twice))
}
