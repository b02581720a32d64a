//! What the name of a key says: whether it is a record or an index key, and of which index.

use super::super::reading::Reading;
use crate::dump::rdb::{self, Kind};
use crate::model::spec::{Glob, Index, IndexType, Spec};

/// A spec, and how the names that it describes are read.
#[derive(Debug)]
pub struct Names<'a> {
    pub spec: &'a Spec,
    families: Vec<Glob>,
    /// By index: how names of its keys, and members of these, are read.
    readings: Vec<(Reading, Option<Reading>)>,
}

impl<'a> Names<'a> {
    pub fn new(spec: &'a Spec) -> Self {
        let families = spec.indexes.iter().map(|index| index.family.glob().clone()).collect();
        let readings = spec.indexes.iter().map(|index| readings(spec, index)).collect();
        Self { spec, families, readings }
    }

    /// The indexes whose families have this name.
    pub fn indexes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let indexes = self.spec.indexes.iter().zip(&self.families).enumerate();
        indexes.filter(|(_, (index, family))| index.db == db && family.matches(key)).map(|(at, _)| at).collect()
    }

    fn classes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let classes = self.spec.records.iter().enumerate();
        classes.filter(|(_, class)| class.db == db && class.key.matches(key)).map(|(at, _)| at).collect()
    }

    /// The index that a key of the dump belongs to, of those whose families have its name: the one that implies it. Implied
    /// by several, it is untouched; implied by none, it belongs to the family that says most about its name.
    pub fn owner(&self, families: &[usize], implies: impl Fn(usize) -> bool) -> Option<usize> {
        let claims: Vec<usize> = families.iter().copied().filter(|&index| implies(index)).collect();
        match claims.as_slice() {
            [] => self.most_specific(families),
            [owner] => Some(*owner),
            _ => None,
        }
    }

    /// How many `:` each field of the name of an index key has.
    pub fn colons(&self, index: usize, name: &[u8]) -> Vec<usize> {
        self.readings.get(index).map(|(key, _)| key.colons(name)).unwrap_or_default()
    }

    /// How members of these indexes are read: of those that describe them.
    pub fn member_forms(&self, indexes: &[usize]) -> Vec<&Reading> {
        indexes.iter().filter_map(|&at| self.readings.get(at)?.1.as_ref()).collect()
    }

    /// The one whose key template has most literal bytes, the first of equals.
    fn most_specific(&self, indexes: &[usize]) -> Option<usize> {
        let literal = |at: usize| self.spec.indexes.get(at).map_or(0, |index| index.family.literals());
        let most = indexes.iter().map(|&at| literal(at)).max()?;
        indexes.iter().copied().find(|&at| literal(at) == most)
    }
}

/// What a key of the dump is.
pub enum Role {
    /// A record of these classes.
    Record(Vec<usize>),
    Index,
    Other,
}

impl Names<'_> {
    /// A class takes strings, hashes and JSON; a key of another type that is named like one of its records is not a record.
    pub fn role(&self, db: u64, key: &[u8], value: &rdb::Value<'_>) -> Role {
        let can_be_record = match value.ty.kind() {
            Kind::String | Kind::Hash => true,
            Kind::Module => value.type_name().as_str() == "ReJSON-RL",
            _ => false,
        };
        let classes = if can_be_record { self.classes_of(db, key) } else { Vec::new() };
        if !classes.is_empty() {
            Role::Record(classes)
        } else if self.indexes_of(db, key).is_empty() {
            Role::Other
        } else {
            Role::Index
        }
    }
}

/// How names of an index's keys are read, and members. Members that the spec does not describe, and those that may be
/// anything, have none.
fn readings(spec: &Spec, index: &Index) -> (Reading, Option<Reading>) {
    let class = index.from.and_then(|class| spec.records.get(class)).map(|class| &class.key);
    let member = index.member_form.is_some().then(|| Reading::new(&index.member, class));
    (Reading::new(&index.key, class), member)
}

/// Whether a key has the type of an index.
pub fn is_of(kind: Kind, index: IndexType) -> bool {
    matches!((kind, index), (Kind::Set, IndexType::Set) | (Kind::Zset, IndexType::Zset))
}
