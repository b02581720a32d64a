//! The families of a dump, and what each holds.

use std::collections::BTreeSet;

use super::Name;
use crate::index::Difference;
use crate::model::memory::Elements;
use crate::model::spec::{Glob, Policy, Spec};
use crate::model::stock::FamilyTree;
use crate::model::view::{self, KeyType, Names};

/// Databases of a family that are told apart.
const DATABASES: usize = 16;
/// The version of the format in which a set may be a listpack.
const PACKS_SETS: u32 = 11;

/// A family.
#[derive(Clone, Debug)]
pub struct Family {
    pub pattern: Vec<u8>,
    /// The name of its index or record class.
    pub of: Option<String>,
    kind: Kind,
    /// The spec retires it.
    pub retired: bool,
    /// Keys that a plan makes.
    pub absent: u64,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Index,
    Record,
    Found,
}

impl Family {
    fn new(pattern: Vec<u8>, of: Option<String>, kind: Kind) -> Self {
        let glob = Glob::new(&pattern);
        let prefix = glob.literal_prefix().to_vec();
        let last = pattern.iter().rposition(|&byte| byte == b'*').map_or(pattern.len(), |at| at.saturating_add(1));
        let after = pattern.get(last..).unwrap_or_default();
        let plain = !after.iter().any(|byte| matches!(byte, b'\\' | b'?' | b'[' | b']'));
        let suffix = if plain { after.to_vec() } else { Vec::new() };
        Self { pattern, of, kind, retired: false, absent: 0, prefix, suffix }
    }

    /// Of an index of the spec.
    pub fn is_index(&self) -> bool {
        self.kind == Kind::Index
    }

    /// Found from the names.
    pub fn is_found(&self) -> bool {
        self.kind == Kind::Found
    }

    /// What tells a key from the others of its family: what stands between the text at both ends.
    pub fn part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let rest = key.strip_prefix(self.prefix.as_slice()).unwrap_or_default();
        rest.strip_suffix(self.suffix.as_slice()).unwrap_or(rest)
    }

    /// What its keys begin with, if the rest of each is its part.
    pub fn only_prefix(&self) -> Option<&[u8]> {
        let star = self.pattern.strip_prefix(self.prefix.as_slice());
        (star == Some(b"*")).then_some(self.prefix.as_slice())
    }
}

/// All families of a dump.
pub struct Families<'f> {
    /// Those of the indexes, of the record classes, and then the others in the order of their patterns.
    pub all: Vec<Family>,
    pub spec: &'f Spec,
    names: Names<'f>,
    others_from: usize,
    tree: FamilyTree,
    /// The server that wrote the dump keeps small sets of texts as listpacks: Redis 7.2 and later, and Valkey.
    pub packs_sets: bool,
}

impl<'f> Families<'f> {
    pub fn new(difference: &Difference<'f>) -> Self {
        let spec = difference.spec;
        let index = |(index, summary): (&crate::model::spec::Index, &crate::index::Summary)| {
            let maintained = index.policy == Policy::Maintain;
            let retired = index.policy == Policy::Retire;
            let absent = if maintained { summary.absent_keys } else { 0 };
            let pattern = index.family.glob().as_bytes().to_vec();
            Family { retired, absent, ..Family::new(pattern, Some(index.name.clone()), Kind::Index) }
        };
        let mut all: Vec<Family> = spec.indexes.iter().zip(&difference.summaries).map(index).collect();
        for class in &spec.records {
            all.push(Family::new(class.key.glob().as_bytes().to_vec(), Some(class.name.clone()), Kind::Record));
        }
        let others_from = all.len();
        let others = difference.stock.others.list();
        all.extend(others.into_iter().map(|(pattern, _)| Family::new(pattern, None, Kind::Found)));
        // Whether what `exists` of a class names is there is not asked: a record that does not count is one here.
        let header = difference.dump.header;
        Self {
            all,
            spec,
            names: Names::new(spec),
            others_from,
            tree: difference.stock.others.tree(),
            packs_sets: header.version >= PACKS_SETS,
        }
    }

    /// The number of the family that a key is counted in.
    pub fn find(&self, db: u64, key: &[u8], ty: KeyType, room: &mut Room) -> Option<usize> {
        match self.names.family_of(db, key, ty) {
            view::Family::Index(index) => Some(index),
            view::Family::Record(class) => Some(self.spec.indexes.len().saturating_add(class)),
            view::Family::Other => {
                self.tree.find(key, &mut room.glob, &mut room.shape);
                let others = self.all.get(self.others_from..)?;
                let at = others.binary_search_by(|family| family.pattern.cmp(&room.glob)).ok()?;
                Some(self.others_from.saturating_add(at))
            }
        }
    }

    pub fn name(&self, at: usize) -> Name {
        let family = self.all.get(at);
        family.map(|family| Name { pattern: family.pattern.clone(), of: family.of.clone() }).unwrap_or_default()
    }

    /// Which of them the spec retires.
    pub fn retired(&self) -> Vec<bool> {
        self.all.iter().map(|family| family.retired).collect()
    }
}

/// Room for finding families.
#[derive(Debug, Default)]
pub struct Room {
    glob: Vec<u8>,
    shape: Vec<u8>,
}

/// Keys, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub keys: u64,
    pub bytes: u64,
    /// What they would take instead.
    pub instead: u64,
}

impl Held {
    pub fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.instead = self.instead.saturating_add(other.instead);
    }
}

/// What a family holds. Keys that a plan deletes are in `leaving` alone.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub sets: u64,
    pub zsets: u64,
    /// Keys of other types.
    pub values: u64,
    /// Those of them whose memory is not estimated: all but hashes.
    pub unmeasured: u64,
    /// Members of sets and sorted sets.
    pub members: u64,
    /// Of the largest of them.
    pub largest: u64,
    /// In memory, of sets, sorted sets and hashes.
    pub bytes: u64,
    /// Keys with an expiry: sets and sorted sets, and others.
    pub expiring: u64,
    pub expiring_values: u64,
    /// Sets of one member, and those whose member has what tells the key from the others as one of its parts.
    pub single: u64,
    pub named: u64,
    /// The sets of one member as fields of a hash.
    pub as_hash: Elements,
    /// Wrong keys.
    pub leaving: Held,
    /// Those that would be smaller in another encoding, by what it takes.
    pub ways: [Held; 3],
    /// All members of sets and sorted sets together.
    pub elements: Elements,
    pub dbs: BTreeSet<u64>,
}

impl Stats {
    /// Sets and sorted sets.
    pub fn collections(&self) -> u64 {
        self.sets.saturating_add(self.zsets)
    }

    /// All keys, those that a plan deletes among them.
    pub fn all(&self) -> u64 {
        self.collections().saturating_add(self.values).saturating_add(self.leaving.keys)
    }

    /// Members of a set or sorted set in the mean.
    pub fn mean(&self) -> f64 {
        self.members as f64 / self.collections().max(1) as f64
    }

    /// Only sets.
    pub fn is_of_sets(&self) -> bool {
        self.sets > 0 && self.zsets == 0 && self.values == 0
    }

    pub fn see_db(&mut self, db: u64) {
        if self.dbs.insert(db) && self.dbs.len() > DATABASES {
            self.dbs.pop_last();
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.sets, other.sets),
            (&mut self.zsets, other.zsets),
            (&mut self.values, other.values),
            (&mut self.unmeasured, other.unmeasured),
            (&mut self.members, other.members),
            (&mut self.bytes, other.bytes),
            (&mut self.expiring, other.expiring),
            (&mut self.expiring_values, other.expiring_values),
            (&mut self.single, other.single),
            (&mut self.named, other.named),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.largest = self.largest.max(other.largest);
        self.leaving.add(other.leaving);
        self.as_hash.add(&other.as_hash);
        self.elements.add(&other.elements);
        self.ways.iter_mut().zip(other.ways).for_each(|(mine, theirs)| mine.add(theirs));
        self.dbs.extend(other.dbs);
        while self.dbs.len() > DATABASES {
            self.dbs.pop_last();
        }
    }
}
