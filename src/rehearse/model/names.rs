//! What the name of a key says: whether it is a record or an index key, and of which index.

use super::super::reading::Reading;
use crate::dump::rdb::{self, Kind};
use crate::model::spec::{Index, IndexType, Pattern, Spec, Template};

/// A spec, and how the names that it describes are read.
#[derive(Debug)]
pub struct Names<'a> {
    pub spec: &'a Spec,
    /// By index: how names of its keys, and members of these, are read.
    readings: Vec<(Reading, Vec<Reading>)>,
    /// By index: names that are not of its family.
    not: Vec<Vec<Reading>>,
    /// By class: names of its records, and those that are not.
    classes: Vec<(Reading, Vec<Reading>)>,
}

impl<'a> Names<'a> {
    pub fn new(spec: &'a Spec) -> Self {
        let readings = spec.indexes.iter().map(|index| readings(spec, index)).collect();
        let patterns = |not: &[Pattern]| not.iter().map(pattern).collect();
        let classes = spec.records.iter().map(|class| (pattern(&class.key), patterns(&class.not))).collect();
        let not = spec.indexes.iter().map(|index| patterns(&index.not)).collect();
        Self { spec, readings, not, classes }
    }

    /// The indexes whose families have this name.
    pub fn indexes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let indexes = self.spec.indexes.iter().zip(&self.readings).zip(&self.not).enumerate();
        let of = indexes.filter(|(_, ((index, (family, _)), not))| index.db == db && takes(family, not, key));
        of.map(|(at, _)| at).collect()
    }

    fn classes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let classes = self.spec.records.iter().zip(&self.classes).enumerate();
        let of = classes.filter(|(_, (class, (names, not)))| class.db == db && takes(names, not, key));
        of.map(|(at, _)| at).collect()
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
        indexes.iter().filter_map(|&at| self.readings.get(at)).flat_map(|(_, members)| members).collect()
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
fn readings(spec: &Spec, index: &Index) -> (Reading, Vec<Reading>) {
    let class = index.from.and_then(|class| spec.records.get(class)).map(|class| class.key.parts.as_slice());
    let reading = |template: &Template| Reading::new(&template.parts, &index.captures, class);
    let members = std::iter::once(&index.member).chain(&index.more_members);
    let says_member = !index.member_forms.is_empty();
    (reading(&index.key), members.filter(|_| says_member).map(reading).collect())
}

/// A pattern of keys. The captures of `not` are numbered by themselves; they have no names that mean something.
fn pattern(pattern: &Pattern) -> Reading {
    Reading::new(&pattern.parts, &pattern.captures, None)
}

fn takes(names: &Reading, not: &[Reading], key: &[u8]) -> bool {
    names.fits(key) && !not.iter().any(|not| not.fits(key))
}

/// Whether a key has the type of an index.
pub fn is_of(kind: Kind, index: IndexType) -> bool {
    matches!((kind, index), (Kind::Set, IndexType::Set) | (Kind::Zset, IndexType::Zset))
}
