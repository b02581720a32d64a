//! Which presets a dump is described by.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;

use crate::dump::rdb::{Element, Flow, Kind, Record, Scratch, Visitor, Walker};
use crate::model::entry::Entries;
use crate::model::spec::{DEFAULT_PRESET, Index, IndexType, PRESETS, Spec};
use crate::model::view::{KeyType, Names};

/// Of the keys of an index, and of the entries of a key, no more are looked at.
const KEYS: usize = 1000;
const ENTRIES: usize = 100;

/// The presets that would match a dump, best first.
///
/// That a key's name fits is not enough: an open capture takes names of other programs, too, and any name may stray into a
/// database. What counts is a reference: an entry, or a name, of a prune index by which a key is found that is in the dump.
/// An index that is made from records counts once records of its class and keys of its family are there. The best preset is
/// the one with the most such keys; of equals the one that says more of their names.
pub fn presets_for(dump: &[u8]) -> Vec<&'static str> {
    let specs: Vec<(&str, Spec)> = PRESETS.iter().filter_map(|(name, _)| Some((*name, Spec::preset(name)?))).collect();
    let state = RandomState::default();
    let mut there = HashSet::new();
    walk(dump, |record, key| {
        there.insert(state.hash_one((record.db, key)));
    });
    let mut found: Vec<(u64, u64, &str)> = Vec::new();
    for (name, spec) in &specs {
        let (keys, said) = weigh(dump, spec, &|db, key| there.contains(&state.hash_one((db, key))));
        if keys > 0 {
            found.push((keys, said, name));
        }
    }
    // Of equals, the order of the list stays.
    found.sort_by_key(|(keys, said, _)| std::cmp::Reverse((*keys, *said)));
    found.into_iter().map(|(_, _, name)| name).collect()
}

/// How many index keys speak for a spec, and how many bytes of their names it says.
fn weigh(dump: &[u8], spec: &Spec, there: &dyn Fn(u64, &[u8]) -> bool) -> (u64, u64) {
    let names = Names::new(spec);
    let mut looked = vec![0; spec.indexes.len()];
    let mut records = vec![0_u64; spec.records.len()];
    let mut made = vec![0_u64; spec.indexes.len()];
    let (mut keys, mut said) = (0, 0);
    walk(dump, |record, key| {
        let ty = KeyType::of(&record.value);
        for class in names.classes_of(record.db, key, ty) {
            records[class] += 1;
        }
        for index in names.indexes_of(record.db, key) {
            made[index] += u64::from(ty.is(spec.indexes[index].kind));
        }
        for at in names.pruning(record.db, key, ty) {
            let index = &spec.indexes[at];
            looked[at] += 1;
            if looked[at] > KEYS {
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
                keys += 1;
                said += index.family.literals() as u64;
                return;
            }
        }
    });
    for (index, made) in spec.indexes.iter().zip(made) {
        if made > 0 && index.from.is_some_and(|class| records.get(class).is_some_and(|records| *records > 0)) {
            keys += made;
            said += made * index.family.literals() as u64;
        }
    }
    (keys, said)
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

/// The preset that describes most of a dump, if that is no chance: by its own words, or by several of its indexes.
pub fn fitting(dump: &[u8]) -> Option<Fitting> {
    let mut found = presets_for(dump).into_iter();
    let name = found.find(|name| *name != DEFAULT_PRESET)?;
    let spec = Spec::preset(name)?;
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    let mut indexes = 0_usize;
    let mut literals = 0_usize;
    let state = RandomState::default();
    let mut there = HashSet::new();
    walk(dump, |record, key| {
        there.insert(state.hash_one((record.db, key)));
    });
    for index in &spec.indexes {
        if speaks(dump, index, &|db, key| there.contains(&state.hash_one((db, key)))) {
            indexes = indexes.saturating_add(1);
            literals = literals.max(index.family.literals());
        }
    }
    let is_sure = indexes >= 2 || indexes == 1 && literals >= WORDS;
    is_sure.then(|| Fitting { name, blocks: blocks(text), spec, others: found.collect() })
}

/// So many bytes of names that a preset gives are no chance.
const WORDS: usize = 8;
/// Entries that name keys.
const ENOUGH: usize = 3;

/// Whether enough entries of one index name keys, or it is made from records and has keys.
fn speaks(dump: &[u8], index: &Index, there: &dyn Fn(u64, &[u8]) -> bool) -> bool {
    let mut found = 0_usize;
    let mut looked = 0_usize;
    walk(dump, |record, key| {
        let ty = KeyType::of(&record.value);
        if record.db != index.db || !index.takes(key) || !ty.is(index.kind) || looked >= KEYS {
            return;
        }
        looked = looked.saturating_add(1);
        if index.exists.is_empty() {
            found = found.saturating_add(1);
            return;
        }
        let Some(entries) = Entries::new(index, key) else { return };
        let mut look = Look { entries, there, left: ENTRIES, name: Vec::new(), found: false };
        if index.kind == IndexType::Any {
            let _ = look.entry(&[], &[]);
        } else {
            let _ = record.value.visit(&mut Scratch::default(), &mut look);
        }
        found = found.saturating_add(usize::from(look.found));
    });
    found >= ENOUGH || found > 0 && found == looked
}

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
