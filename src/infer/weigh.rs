//! What speaks for each preset: the keys of a dump that it describes.

use std::collections::BinaryHeap;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut as _;

use crate::dump::rdb::{self, Element, Flow, Record, Scratch, Visitor};
use crate::dump::scan::{self, Observer, Worker};
use crate::model::entry::Entries;
use crate::model::spec::{Index, IndexType, PRESETS, Spec};
use crate::model::view::{Dump, Family, KeyType, Names};

/// Of the keys of an index, and of the entries of a key, no more are looked at.
const KEYS: usize = 1000;
const ENTRIES: usize = 100;
/// So many keys of an index that name keys are no chance.
const ENOUGH: u64 = 3;

/// The presets, and the tables by which their names are matched.
pub struct Presets {
    specs: Vec<(&'static str, Spec)>,
}

impl Presets {
    pub fn new() -> Self {
        Self { specs: PRESETS.iter().filter_map(|(name, _)| Some((*name, Spec::preset(name)?))).collect() }
    }

    pub fn names(&self) -> Vec<Names<'_>> {
        self.specs.iter().map(|(_, spec)| Names::new(spec)).collect()
    }

    /// Those for which anything speaks, best first; of equals, the order of the list stays.
    pub fn rank(&self, weights: Vec<Weight>) -> Vec<(&'static str, Weight)> {
        let names = self.specs.iter().map(|(name, _)| *name);
        let mut found: Vec<(&str, Weight)> = names.zip(weights).filter(|(_, weight)| weight.keys > 0).collect();
        found.sort_by_key(|(_, weight)| std::cmp::Reverse((weight.keys, weight.said)));
        found
    }
}

/// A preset that describes something of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    pub name: &'static str,
    /// Keys of the dump that its families name.
    pub keys: u64,
}

/// The presets that would match a dump, best first.
///
/// That a key's name fits is not enough: an open capture takes names of other programs, too, and any name may stray into a
/// database. What counts is a reference: an entry, or a name, of a prune index by which a key is found that is in the dump.
/// An index that is made from records counts once records of its class and keys of its family are there. The best preset is
/// the one with the most such keys; of equals the one that says more of their names.
///
/// The dump is read once, for all presets, by all threads; a key is remembered by eight bytes.
pub fn presets_for(dump: &[u8], observer: &Observer) -> Result<Vec<Described>, scan::Error> {
    let presets = Presets::new();
    let names = presets.names();
    let state = RandomState::default();
    let worker = || Reader { look: Look::new(&names), state: &state, there: Vec::new(), scratch: Vec::new() };
    let pass = match scan::run(dump, observer, worker) {
        Ok(pass) => pass,
        // What cannot be read is no evidence.
        Err(scan::Error::Dump(_)) => return Ok(Vec::new()),
        Err(interrupted) => return Err(interrupted),
    };
    let file = Dump { file: dump, header: pass.header };
    let Some(mut all) = pass.workers.into_iter().reduce(Reader::merge) else { return Ok(Vec::new()) };
    all.there.par_sort_unstable();
    let there = |db: u64, key: &[u8]| all.there.binary_search(&state.hash_one((db, key))).is_ok();
    let weights = all.look.weigh(file, &there, observer);
    if observer.stopped() {
        return Err(scan::Error::Interrupted);
    }
    let found = presets.rank(weights).into_iter();
    Ok(found.map(|(name, weight)| Described { name, keys: weight.named }).collect())
}

/// What one thread sees of the dump.
struct Reader<'n> {
    look: Look<'n>,
    state: &'n RandomState,
    /// The hashes of all keys with their databases.
    there: Vec<u64>,
    scratch: Vec<u8>,
}

impl Reader<'_> {
    fn merge(mut self, other: Self) -> Self {
        self.there.extend(other.there);
        self.look.merge(other.look);
        self
    }
}

impl<'a> Worker<'a> for Reader<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let Ok(key) = record.key.decode(&mut self.scratch) else { return Ok(()) };
        self.there.push(self.state.hash_one((record.db, key)));
        self.look.see(record, key);
        Ok(())
    }
}

/// What speaks for a preset.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weight {
    /// Index keys that speak for it, of those that were looked at.
    pub keys: u64,
    /// How many bytes of their names it says.
    said: u64,
    /// Keys that it names: all of its families.
    named: u64,
    /// Indexes for which enough keys speak, and the most bytes that the names of one of them are given.
    pub indexes: usize,
    pub literals: usize,
}

/// What is seen of all presets.
pub struct Look<'n> {
    names: &'n [Names<'n>],
    /// By preset.
    seen: Vec<Seen>,
}

/// What is seen of a preset.
struct Seen {
    named: u64,
    /// How many keys there are of each record class, and of each index that is made from records or retired.
    records: Vec<u64>,
    made: Vec<u64>,
    /// Where the first keys of each index start that prunes; the last one on top.
    pruned: Vec<BinaryHeap<u64>>,
}

impl<'n> Look<'n> {
    pub fn new(names: &'n [Names<'n>]) -> Self {
        let seen = names.iter().map(|names| Seen {
            named: 0,
            records: vec![0; names.spec.records.len()],
            made: vec![0; names.spec.indexes.len()],
            pruned: vec![BinaryHeap::new(); names.spec.indexes.len()],
        });
        Self { names, seen: seen.collect() }
    }

    fn merge(&mut self, other: Self) {
        for (own, other) in self.seen.iter_mut().zip(other.seen) {
            own.named = own.named.saturating_add(other.named);
            own.records.iter_mut().zip(other.records).for_each(|(own, other)| *own = own.saturating_add(other));
            own.made.iter_mut().zip(other.made).for_each(|(own, other)| *own = own.saturating_add(other));
            for (own, other) in own.pruned.iter_mut().zip(other.pruned) {
                other.into_iter().for_each(|start| keep_first(own, start));
            }
        }
    }

    pub fn see(&mut self, record: &Record<'_>, key: &[u8]) {
        let (db, ty) = (record.db, KeyType::of(&record.value));
        for (names, seen) in self.names.iter().zip(&mut self.seen) {
            if names.family_of(db, key, ty) == Family::Other {
                continue;
            }
            seen.named = seen.named.saturating_add(1);
            for class in names.classes_of(db, key, ty) {
                add(&mut seen.records, class);
            }
            for at in names.indexes_of(db, key) {
                if names.spec.indexes.get(at).is_some_and(|index| ty.is(index.kind)) {
                    add(&mut seen.made, at);
                }
            }
            for at in names.pruning(db, key, ty) {
                if let Some(starts) = seen.pruned.get_mut(at) {
                    keep_first(starts, record.start as u64);
                }
            }
        }
    }

    /// What speaks for each preset; `there` tells whether a key is in the dump.
    pub fn weigh(self, dump: Dump<'_>, there: &dyn Fn(u64, &[u8]) -> bool, observer: &Observer) -> Vec<Weight> {
        let all = self.names.iter().zip(self.seen);
        all.map(|(names, seen)| seen.weigh(names.spec, dump, there, observer)).collect()
    }
}

fn add(counts: &mut [u64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

/// Keeps the keys that come first in the dump, whichever thread sees them when.
fn keep_first(heap: &mut BinaryHeap<u64>, start: u64) {
    if heap.len() < KEYS {
        heap.push(start);
    } else if let Some(mut last) = heap.peek_mut()
        && start < *last
    {
        *last = start;
    }
}

impl Seen {
    fn weigh(self, spec: &Spec, dump: Dump<'_>, there: &dyn Fn(u64, &[u8]) -> bool, observer: &Observer) -> Weight {
        // In the order of the dump, and of the spec where several rules prune one key.
        let pruned = self.pruned.into_iter().enumerate();
        let mut pruned: Vec<(u64, usize)> =
            pruned.flat_map(|(index, starts)| starts.into_iter().map(move |start| (start, index))).collect();
        pruned.sort_unstable();
        let mut looked = vec![0; spec.indexes.len()];
        let mut found = vec![0; spec.indexes.len()];
        let mut spoke = None;
        for (start, at) in pruned {
            if observer.stopped() {
                break;
            }
            let Some(index) = spec.indexes.get(at) else { continue };
            if spoke == Some(start) {
                continue;
            }
            add(&mut looked, at);
            if refers(dump, start, index, there) {
                spoke = Some(start);
                add(&mut found, at);
            }
        }
        for (at, (index, made)) in spec.indexes.iter().zip(self.made).enumerate() {
            let records = index.from.and_then(|class| self.records.get(class)).copied().unwrap_or(0);
            if let Some(found) = found.get_mut(at)
                && records > 0
            {
                *found = made.saturating_add(*found);
            }
        }
        let mut weight = Weight { named: self.named, ..Weight::default() };
        for ((index, found), looked) in spec.indexes.iter().zip(found).zip(looked).filter(|((_, found), _)| *found > 0)
        {
            let literals = index.family.literals();
            weight.keys = weight.keys.saturating_add(found);
            weight.said = weight.said.saturating_add(found.saturating_mul(literals as u64));
            if found >= ENOUGH || looked == found {
                weight.indexes = weight.indexes.saturating_add(1);
                weight.literals = weight.literals.max(literals);
            }
        }
        weight
    }
}

/// Whether an entry of the key that starts there names a key of the dump.
fn refers(dump: Dump<'_>, start: u64, index: &Index, there: &dyn Fn(u64, &[u8]) -> bool) -> bool {
    let Ok(record) = dump.record(start) else { return false };
    let mut scratch = Vec::new();
    let Ok(key) = record.key.decode(&mut scratch) else { return false };
    let Some(entries) = Entries::new(index, key) else { return false };
    let mut reference = Reference { entries, there, left: ENTRIES, name: Vec::new(), found: false };
    if index.kind == IndexType::Any {
        let _ = reference.entry(&[], &[]);
    } else {
        // What cannot be read is no evidence.
        let _ = record.value.visit(&mut Scratch::default(), &mut reference);
    }
    reference.found
}

/// Looks for an entry that names a key of the dump.
struct Reference<'l> {
    entries: Entries<'l>,
    there: &'l dyn Fn(u64, &[u8]) -> bool,
    left: usize,
    name: Vec<u8>,
    found: bool,
}

impl Reference<'_> {
    fn entry(&mut self, member: &[u8], value: &[u8]) -> Flow {
        if self.entries.read(member, value) {
            let index = self.entries.index;
            for exists in &index.exists {
                self.name.clear();
                self.found |=
                    self.entries.fill(&exists.key, member, value, &mut self.name) && (self.there)(index.db, &self.name);
            }
        }
        self.left = self.left.saturating_sub(1);
        if self.found || self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Visitor for Reference<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.entry(&[], value.bytes)
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.entry(value.bytes, &[])
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.entry(member.bytes, &[])
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.entry(member.bytes, &[])
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.entry(field.bytes, value.bytes)
    }
}
