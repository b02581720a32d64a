//! Which presets a dump is described by.

use std::collections::BinaryHeap;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut as _;

use super::open;
use crate::dump::rdb::{self, Element, Flow, Record, Scratch, Visitor};
use crate::dump::scan::{self, Observer, Worker};
use crate::model::entry::Entries;
use crate::model::spec::{Index, IndexType, PRESETS, Spec};
use crate::model::view::{Dump, Family, KeyType, Names};
use crate::report::inventory::FittingPreset;
use crate::ui::exit::Failure;
use crate::ui::progress;

/// Of the keys of an index, and of the entries of a key, no more are looked at.
const KEYS: usize = 1000;
const ENTRIES: usize = 100;

/// The presets that would match a dump, best first.
///
/// That a key's name fits is not enough: an open capture takes names of other programs, too, and any name may stray into a
/// database. What counts is a reference: an entry, or a name, of a prune index by which a key is found that is in the dump.
/// An index that is made from records counts once records of its class and keys of its family are there. The best preset is
/// the one with the most such keys; of equals the one that says more of their names.
///
/// The dump is read once, for all presets, by all threads; a key is remembered by eight bytes.
pub fn presets_for(dump: &[u8], observer: &Observer) -> Result<Vec<FittingPreset>, Failure> {
    let specs: Vec<(&str, Spec)> = PRESETS.iter().filter_map(|(name, _)| Some((*name, Spec::preset(name)?))).collect();
    let names: Vec<Names<'_>> = specs.iter().map(|(_, spec)| Names::new(spec)).collect();
    let state = RandomState::default();
    let worker = || Look::new(&names, &state);
    let pass = progress::bytes("looking at presets", dump.len() as u64, observer, || {
        let pass = scan::run(dump, observer, worker)?;
        let file = Dump { file: dump, header: pass.header };
        Ok(pass.workers.into_iter().reduce(Look::merge).map(|look| look.weigh(file, observer)))
    });
    let weights = match pass {
        Ok(weights) => weights.unwrap_or_default(),
        Err(scan::Error::Interrupted) => return Err(open::interrupted()),
        // What cannot be read is no evidence.
        Err(scan::Error::Dump(_)) => Vec::new(),
    };
    if observer.stopped() {
        return Err(open::interrupted());
    }
    let mut found: Vec<(Weight, &str)> = weights.into_iter().zip(specs.iter().map(|(name, _)| *name)).collect();
    found.retain(|(weight, _)| weight.keys > 0);
    // Of equals, the order of the list stays.
    found.sort_by_key(|(weight, _)| std::cmp::Reverse((weight.keys, weight.said)));
    Ok(found.into_iter().map(|(weight, name)| FittingPreset { name, keys: weight.named }).collect())
}

/// What speaks for a preset.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    /// Index keys that speak for it, of those that were looked at.
    keys: u64,
    /// How many bytes of their names it says.
    said: u64,
    /// Keys that it names: all of its families.
    named: u64,
}

/// What one thread sees of the dump.
struct Look<'n> {
    names: &'n [Names<'n>],
    state: &'n RandomState,
    /// The hashes of all keys with their databases.
    there: Vec<u64>,
    /// By preset.
    seen: Vec<Seen>,
    scratch: Vec<u8>,
}

/// What one thread sees of a preset.
struct Seen {
    named: u64,
    /// How many keys there are of each record class, and of each index that is made from records or retired.
    records: Vec<u64>,
    made: Vec<u64>,
    /// Where the first keys of each index start that prunes; the last one on top.
    pruned: Vec<BinaryHeap<u64>>,
}

impl<'n> Look<'n> {
    fn new(names: &'n [Names<'n>], state: &'n RandomState) -> Self {
        let seen = names.iter().map(|names| Seen {
            named: 0,
            records: vec![0; names.spec.records.len()],
            made: vec![0; names.spec.indexes.len()],
            pruned: vec![BinaryHeap::new(); names.spec.indexes.len()],
        });
        Self { names, state, there: Vec::new(), seen: seen.collect(), scratch: Vec::new() }
    }

    fn merge(mut self, other: Self) -> Self {
        self.there.extend(other.there);
        for (own, other) in self.seen.iter_mut().zip(other.seen) {
            own.named += other.named;
            own.records.iter_mut().zip(other.records).for_each(|(own, other)| *own += other);
            own.made.iter_mut().zip(other.made).for_each(|(own, other)| *own += other);
            for (own, other) in own.pruned.iter_mut().zip(other.pruned) {
                other.into_iter().for_each(|start| keep_first(own, start));
            }
        }
        self
    }

    /// What speaks for each preset.
    fn weigh(mut self, dump: Dump<'_>, observer: &Observer) -> Vec<Weight> {
        self.there.par_sort_unstable();
        let there = |db: u64, key: &[u8]| self.there.binary_search(&self.state.hash_one((db, key))).is_ok();
        let all = self.names.iter().zip(self.seen);
        all.map(|(names, seen)| seen.weigh(names.spec, dump, &there, observer)).collect()
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

impl<'a> Worker<'a> for Look<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let Ok(key) = record.key.decode(&mut self.scratch) else { return Ok(()) };
        let (db, ty) = (record.db, KeyType::of(&record.value));
        self.there.push(self.state.hash_one((db, key)));
        for (names, seen) in self.names.iter().zip(&mut self.seen) {
            if names.family_of(db, key, ty) == Family::Other {
                continue;
            }
            seen.named += 1;
            for class in names.classes_of(db, key, ty) {
                seen.records[class] += 1;
            }
            for index in names.indexes_of(db, key) {
                seen.made[index] += u64::from(ty.is(names.spec.indexes[index].kind));
            }
            for index in names.pruning(db, key, ty) {
                keep_first(&mut seen.pruned[index], record.start as u64);
            }
        }
        Ok(())
    }
}

impl Seen {
    fn weigh(self, spec: &Spec, dump: Dump<'_>, there: &dyn Fn(u64, &[u8]) -> bool, observer: &Observer) -> Weight {
        let mut weight = Weight { named: self.named, ..Weight::default() };
        // In the order of the dump, and of the spec where several rules prune one key.
        let pruned = self.pruned.into_iter().enumerate();
        let mut pruned: Vec<(u64, usize)> =
            pruned.flat_map(|(index, starts)| starts.into_iter().map(move |start| (start, index))).collect();
        pruned.sort_unstable();
        let mut spoke = None;
        for (start, at) in pruned {
            if spoke == Some(start) {
                continue;
            }
            if observer.stopped() {
                break;
            }
            let Some(index) = spec.indexes.get(at) else { continue };
            if refers(dump, start, index, there) {
                spoke = Some(start);
                weight.keys += 1;
                weight.said += index.family.literals() as u64;
            }
        }
        for (index, made) in spec.indexes.iter().zip(self.made) {
            let records = index.from.and_then(|class| self.records.get(class)).copied().unwrap_or(0);
            if made > 0 && records > 0 {
                weight.keys += made;
                weight.said += made * index.family.literals() as u64;
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
