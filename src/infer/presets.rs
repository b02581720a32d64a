//! Which presets a dump is described by.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;

use super::sample::Sample;
use super::survey::Survey;
use crate::dump::rdb::{self, Element, Flow, Kind, Record, Scratch, Visitor, Walker};
use crate::model::entry::Entries;
use crate::model::spec::{DEFAULT_PRESET, IndexType, PRESETS, Spec};
use crate::model::view::{KeyType, Names};

/// Of the keys of an index, and of the entries of a key, no more are looked at.
const KEYS: usize = 1000;
const ENTRIES: usize = 100;

/// The presets that would match a dump, best first. The dump is gone through twice.
pub fn presets_for(dump: &[u8]) -> Vec<&'static str> {
    let state = RandomState::default();
    let mut there = HashSet::new();
    walk(dump, |record, key| {
        there.insert(state.hash_one((record.db, key)));
    });
    let specs = specs();
    let mut scale = Scale::new(&specs);
    walk(dump, |record, key| scale.see(record, key, &|db, key| there.contains(&state.hash_one((db, key)))));
    scale.rank().into_iter().map(|weight| weight.name).collect()
}

fn specs() -> Vec<(&'static str, Spec)> {
    PRESETS.iter().filter_map(|(name, _)| Some((*name, Spec::preset(name)?))).collect()
}

/// Weighs presets by the keys that they describe.
///
/// That a key's name fits is not enough: an open capture takes names of other programs, too, and any name may stray into a
/// database. What counts is a reference: an entry, or a name, of a prune index by which a key is found that is in the dump.
/// An index that is made from records counts once records of its class and keys of its family are there. The best preset is
/// the one with the most such keys; of equals the one that says more of their names.
struct Scale<'s> {
    presets: Vec<Counted<'s>>,
}

struct Counted<'s> {
    name: &'static str,
    spec: &'s Spec,
    names: Names<'s>,
    records: Vec<u64>,
    /// By index: keys that were looked at; those that name a key, or of one that is made from records all.
    looked: Vec<usize>,
    found: Vec<u64>,
}

/// What speaks for a preset.
struct Weight {
    name: &'static str,
    /// Keys, and bytes of their names that it says.
    keys: u64,
    said: u64,
    /// Indexes for which enough keys speak, and the most bytes that the names of one of them are given.
    indexes: usize,
    literals: usize,
}

impl<'s> Scale<'s> {
    fn new(specs: &'s [(&'static str, Spec)]) -> Self {
        let counted = |(name, spec): &'s (&'static str, Spec)| Counted {
            name,
            spec,
            names: Names::new(spec),
            records: vec![0; spec.records.len()],
            looked: vec![0; spec.indexes.len()],
            found: vec![0; spec.indexes.len()],
        };
        Self { presets: specs.iter().map(counted).collect() }
    }

    fn see(&mut self, record: &Record<'_>, key: &[u8], there: &dyn Fn(u64, &[u8]) -> bool) {
        let ty = KeyType::of(&record.value);
        for preset in &mut self.presets {
            preset.see(record, key, ty, there);
        }
    }

    fn rank(self) -> Vec<Weight> {
        let mut all: Vec<Weight> = self.presets.into_iter().map(Counted::weight).filter(|weight| weight.keys > 0).collect();
        // Of equals, the order of the list stays.
        all.sort_by_key(|weight| std::cmp::Reverse((weight.keys, weight.said)));
        all
    }
}

impl Counted<'_> {
    fn see(&mut self, record: &Record<'_>, key: &[u8], ty: KeyType, there: &dyn Fn(u64, &[u8]) -> bool) {
        for class in self.names.classes_of(record.db, key, ty) {
            add(&mut self.records, class);
        }
        for at in self.names.indexes_of(record.db, key) {
            if self.spec.indexes.get(at).is_some_and(|index| index.exists.is_empty() && ty.is(index.kind)) {
                add(&mut self.found, at);
            }
        }
        for at in self.names.pruning(record.db, key, ty) {
            let (Some(index), Some(looked)) = (self.spec.indexes.get(at), self.looked.get_mut(at)) else { continue };
            *looked = looked.saturating_add(1);
            if *looked > KEYS {
                continue;
            }
            let Some(entries) = Entries::new(index, key) else { continue };
            let mut look = Look { entries, there, left: ENTRIES, name: Vec::new(), found: false };
            if index.kind == IndexType::Any {
                let _ = look.entry(&[], &[]);
            } else {
                // What cannot be read is no evidence.
                let _ = record.value.visit(&mut Scratch::default(), &mut look);
            }
            if look.found {
                add(&mut self.found, at);
                return;
            }
        }
    }

    fn weight(self) -> Weight {
        let mut weight = Weight { name: self.name, keys: 0, said: 0, indexes: 0, literals: 0 };
        for ((index, found), looked) in self.spec.indexes.iter().zip(self.found).zip(self.looked) {
            let class = index.from.and_then(|class| self.records.get(class));
            if found == 0 || class == Some(&0) || index.exists.is_empty() && class.is_none() {
                continue;
            }
            let literals = index.family.literals();
            weight.keys = weight.keys.saturating_add(found);
            weight.said = weight.said.saturating_add(found.saturating_mul(literals as u64));
            if found >= ENOUGH || looked as u64 == found {
                weight.indexes = weight.indexes.saturating_add(1);
                weight.literals = weight.literals.max(literals);
            }
        }
        weight
    }
}

fn add(counts: &mut [u64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

fn walk(dump: &[u8], mut each: impl FnMut(&Record<'_>, &[u8])) {
    let Ok(walker) = Walker::new(dump) else { return };
    let mut scratch = Vec::new();
    for record in walker.records().map_while(Result::ok) {
        if let Ok(key) = record.key.decode(&mut scratch) {
            each(&record, key);
        }
    }
}

/// Looks for an entry that names a key of the dump.
struct Look<'l> {
    entries: Entries<'l>,
    there: &'l dyn Fn(u64, &[u8]) -> bool,
    left: usize,
    name: Vec<u8>,
    found: bool,
}

impl Look<'_> {
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

impl Visitor for Look<'_> {
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

impl Fitting {
    /// Its rules, as they are.
    pub fn text(&self) -> String {
        self.blocks.join("\n")
    }

    /// Whether one of its indexes takes this key.
    pub fn takes(&self, db: u64, kind: Kind, name: &[u8]) -> bool {
        self.spec.indexes.iter().any(|index| {
            let own = matches!(
                (index.kind, kind),
                (IndexType::Any, _)
                    | (IndexType::Set, Kind::Set)
                    | (IndexType::Zset, Kind::Zset)
                    | (IndexType::Hash, Kind::Hash)
                    | (IndexType::String, Kind::String)
                    | (IndexType::List, Kind::List)
            );
            own && index.db == db && index.takes(name)
        })
    }
}

/// A preset that describes a dump, and its rules.
#[derive(Debug)]
pub struct Fitting {
    pub name: &'static str,
    /// Its rules and classes, each with the comments before it.
    pub blocks: Vec<String>,
    pub spec: Spec,
    /// Others that describe something of the dump.
    pub others: Vec<&'static str>,
}

/// The preset that describes most of the sampled keys, if that is no chance: by its own words, or by several of its indexes.
pub fn fitting(survey: &Survey<'_>, sample: &Sample) -> Result<Option<Fitting>, rdb::Error> {
    let specs = specs();
    let mut scale = Scale::new(&specs);
    for named in sample.names.iter().filter(|named| named.readable) {
        let mut record = survey.dump.record(named.start)?;
        record.db = named.db;
        scale.see(&record, &named.name, &|db, key| survey.has(db, key));
    }
    let mut found = scale.rank().into_iter().filter(|weight| weight.name != DEFAULT_PRESET);
    let Some(best) = found.next() else { return Ok(None) };
    let others = found.map(|weight| weight.name).collect();
    if best.indexes < 2 && (best.indexes == 0 || best.literals < WORDS) {
        return Ok(None);
    }
    let name = best.name;
    let (Some(spec), Some((_, text))) = (Spec::preset(name), PRESETS.iter().find(|(known, _)| *known == name)) else {
        return Ok(None);
    };
    Ok(Some(Fitting { name, blocks: blocks(text), spec, others }))
}

/// So many bytes of names that a preset gives are no chance.
const WORDS: usize = 8;
/// Keys of an index that name keys.
const ENOUGH: u64 = 3;

/// The text of a preset in pieces: what begins with a class or an index, and the comments before each.
fn blocks(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut starts: Vec<usize> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() == "[[index]]" || line.trim() == "[[record]]" {
            let comments = lines.get(..at).unwrap_or_default().iter().rev().take_while(|line| line.starts_with('#')).count();
            starts.push(at.saturating_sub(comments));
        }
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let block = |(from, to): (usize, usize)| {
        let mut text = lines.get(from..to).unwrap_or_default().join("\n");
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    starts.iter().copied().zip(ends).map(block).collect()
}
