//! What the name of a key says: which classes and which families it belongs to.

use crate::rdb::Kind;
use crate::spec::{Glob, Spec};

/// What the name of a key says.
#[derive(Debug)]
pub struct Names<'a> {
    pub spec: &'a Spec,
    /// By index: the family of its keys.
    pub families: Vec<Glob>,
}

/// The family that a key is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Of a record class.
    Record(usize),
    /// Of an index.
    Index(usize),
    /// One that is found from the names.
    Other,
}

/// Whether the first byte allows a match: it tells most families from each other, and costs no call.
#[inline]
fn may_match(glob: &Glob, key: &[u8]) -> bool {
    glob.literal_prefix().first().is_none_or(|first| key.first() == Some(first))
}

impl<'a> Names<'a> {
    pub fn new(spec: &'a Spec) -> Self {
        Self { spec, families: spec.indexes.iter().map(|index| index.key.family()).collect() }
    }
}

impl Names<'_> {
    /// The one family that a key with a value of this kind is counted in.
    pub fn family_of(&self, db: u64, key: &[u8], kind: Kind) -> Family {
        let class = self.classes_of(db, key).next();
        let can_be_record = matches!(kind, Kind::String | Kind::Hash | Kind::Module);
        match (class, self.indexes_of(db, key).next()) {
            (Some(class), None) => Family::Record(class),
            (Some(class), Some(_)) if can_be_record => Family::Record(class),
            (_, Some(_)) => Family::Index(self.most_specific(db, key)),
            (None, None) => Family::Other,
        }
    }

    /// The indexes whose family a key belongs to.
    pub fn indexes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let indexes = self.spec.indexes.iter().zip(&self.families).enumerate();
        indexes
            .filter(move |(_, (index, family))| index.db == db && may_match(family, key) && family.matches(key))
            .map(|(at, _)| at)
    }

    /// The record classes that a key belongs to.
    pub fn classes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let classes = self.spec.records.iter().enumerate();
        classes
            .filter(move |(_, class)| class.db == db && may_match(&class.key, key) && class.key.matches(key))
            .map(|(at, _)| at)
    }

    /// Of the families that a key belongs to, the one that says most about its name; the first of equals.
    pub fn most_specific(&self, db: u64, key: &[u8]) -> usize {
        let literal = |at: &usize| self.spec.indexes[*at].key.literal_len();
        self.indexes_of(db, key).min_by_key(|at| std::cmp::Reverse(literal(at))).unwrap_or(0)
    }
}
