//! What the name of a key says: whether it is a record or an index key, and of which index.

use super::super::reading::Reading;
use super::entry::{Entry, captures, fill};
use super::named::Named;
use crate::dump::rdb::{self, Kind};
use crate::model::spec::{Index, IndexType, Pattern, RecordType, Spec, Template};

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
        self.named(db, key).filter(|(_, index)| index.exists.is_empty()).map(|(at, _)| at).collect()
    }

    /// The rules that take away entries of a key of this name and type.
    pub fn pruning(&self, db: u64, key: &[u8], kind: Kind) -> Vec<usize> {
        let rules = self.named(db, key).filter(|(_, index)| !index.exists.is_empty() && is_of(kind, index.kind));
        rules.map(|(at, _)| at).collect()
    }

    fn named<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = (usize, &'a Index)> + 'n {
        let indexes = self.spec.indexes.iter().zip(&self.readings).zip(&self.not).enumerate();
        let of = indexes.filter(move |(_, ((index, (family, ..)), not))| index.db == db && takes(family, not, key));
        of.map(|(at, ((index, _), _))| (at, index))
    }

    /// How names of an index's keys are read.
    pub fn key_reading(&self, index: usize) -> Option<&Reading> {
        self.readings.get(index).map(|(key, _)| key)
    }

    /// Whether a key of this name is of a class, and counts by the names that are there.
    fn counts(&self, class: usize, key: &[u8], named: &Named<'_>) -> bool {
        let (Some(of), Some((reading, _))) = (self.spec.records.get(class), self.classes.get(class)) else {
            return false;
        };
        let Some(exists) = &of.exists else { return true };
        let captured = reading.read(key).map(|slots| captures(&slots, key)).unwrap_or_default();
        fill(&exists.parts, &captured).is_some_and(|name| named.contains_key(&(of.db, name)))
    }

    /// The name of the record that an entry of an index makes up.
    pub fn record_of(&self, index: usize, key: &[u8], member: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let rule = self.spec.indexes.get(index).filter(|rule| rule.makes_up_its_record)?;
        let class = self.spec.records.get(rule.from?)?;
        let entry = Entry::read(rule, self.key_reading(index)?, key, member, value)?;
        fill(&class.key.parts, &entry)
    }

    fn classes_of(&self, db: u64, key: &[u8], value: &rdb::Value<'_>, named: &Named<'_>) -> Vec<usize> {
        let classes = self.spec.records.iter().zip(&self.classes).enumerate();
        let of = classes.filter(|(at, (class, (names, not)))| {
            class.db == db && takes(names, not, key) && can_be(value, class.ty) && self.counts(*at, key, named)
        });
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
    /// Without a type, a class takes strings, hashes and JSON; a key of another type that is named like one of its records is
    /// not a record.
    pub fn role(&self, db: u64, key: &[u8], value: &rdb::Value<'_>, named: &Named<'_>) -> Role {
        let classes = self.classes_of(db, key, value, named);
        if !classes.is_empty() {
            Role::Record(classes)
        } else if self.indexes_of(db, key).is_empty() && self.pruning(db, key, value.ty.kind()).is_empty() {
            Role::Other
        } else {
            Role::Index
        }
    }
}

fn can_be(value: &rdb::Value<'_>, ty: Option<RecordType>) -> bool {
    match (value.ty.kind(), ty) {
        (Kind::String, None | Some(RecordType::String)) => true,
        (Kind::Hash, None | Some(RecordType::Hash)) => true,
        (Kind::Set, Some(RecordType::Set)) => true,
        (Kind::Module, None | Some(RecordType::Json)) => value.type_name().as_str() == "ReJSON-RL",
        _ => false,
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
    matches!(
        (kind, index),
        (Kind::Set, IndexType::Set)
            | (Kind::Zset, IndexType::Zset)
            | (Kind::Hash, IndexType::Hash)
            | (Kind::List, IndexType::List)
            | (Kind::String, IndexType::String)
            | (_, IndexType::Any)
    )
}
