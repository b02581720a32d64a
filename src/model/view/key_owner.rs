//! What the name of a key says: which classes and which families it belongs to.

use crate::dump::rdb::{Kind, Value};
use crate::model::spec::{Glob, Policy, Spec};

/// What the name of a key says.
#[derive(Debug)]
pub struct Names<'a> {
    /// The spec that the names are read by.
    pub spec: &'a Spec,
    /// By index and by record class, how the keys of each begin.
    family_starts: Vec<Start>,
    class_starts: Vec<Start>,
}

/// What a key is, by its name and by what kind of value it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The family that it is counted in.
    pub family: Family,
    /// It is a record, and its name is also one of an index key; or it is an index key, and several families claim it.
    pub shared: bool,
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

/// The first eight bytes of a key, those it lacks as zero.
fn first_word(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => key.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// What the first word of a matching key is: it tells nearly all families from each other, and costs no call.
#[derive(Clone, Copy, Debug)]
struct Start {
    word: u64,
    mask: u64,
}

impl Start {
    fn of(glob: &Glob) -> Self {
        let prefix = glob.literal_prefix();
        let mask = match prefix.len() {
            bytes @ 0..8 => (1 << (8 * bytes)) - 1,
            _ => u64::MAX,
        };
        Self { word: first_word(prefix), mask }
    }

    /// Whether a key with this first word may match.
    #[inline]
    fn allows(self, word: u64) -> bool {
        word & self.mask == self.word
    }
}

/// Whether a key with this value may be a record: a class takes strings, hashes and JSON.
pub fn can_be_record(value: &Value<'_>) -> bool {
    match value.ty.kind() {
        Kind::String | Kind::Hash => true,
        Kind::Module => value.module().is_some_and(|module| module.is_json()),
        Kind::List | Kind::Set | Kind::Zset | Kind::Stream | Kind::Array => false,
    }
}

impl<'a> Names<'a> {
    /// Prepares the names of a spec for being matched.
    pub fn new(spec: &'a Spec) -> Self {
        let family_starts = spec.indexes.iter().map(|index| Start::of(index.family.glob())).collect();
        let class_starts = spec.records.iter().map(|class| Start::of(&class.key)).collect();
        Self { spec, family_starts, class_starts }
    }
}

impl Names<'_> {
    /// What a key is: each is exactly one thing.
    ///
    /// A record is one also if its name is that of an index key. Of several families that a key belongs to, it is counted
    /// in the one that says most about its name.
    #[inline(always)]
    pub fn role(&self, db: u64, key: &[u8], can_be_record: bool) -> Role {
        let class = if can_be_record { self.classes_of(db, key).next() } else { None };
        let mut families = self.indexes_of(db, key);
        match (class, families.next()) {
            (Some(class), family) => Role { family: Family::Record(class), shared: family.is_some() },
            (None, None) => Role { family: Family::Other, shared: false },
            (None, Some(first)) => {
                let shared = families.next().is_some();
                let index = if shared { self.most_specific(db, key).unwrap_or(first) } else { first };
                Role { family: Family::Index(index), shared }
            }
        }
    }

    /// The one family that a key is counted in.
    pub fn family_of(&self, db: u64, key: &[u8], can_be_record: bool) -> Family {
        self.role(db, key, can_be_record).family
    }

    /// The indexes that decide what an index key of this name holds: those whose family it belongs to, but for retired
    /// ones.
    pub fn deciding<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        self.indexes_of(db, key).filter(|at| self.spec.indexes[*at].policy != Policy::Retire)
    }

    /// The indexes whose family a key belongs to.
    pub fn indexes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.family_starts.iter().enumerate().filter(move |(_, start)| start.allows(word));
        starts
            .map(|(at, _)| at)
            .filter(move |at| self.spec.indexes[*at].db == db && self.spec.indexes[*at].family.has(key))
    }

    /// The record classes that a key belongs to, after this one of them.
    pub fn classes_after<'n>(&'n self, first: usize, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.class_starts.iter().enumerate().skip(first + 1).filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| self.is_of_class(*at, db, key))
    }

    fn is_of_class(&self, class: usize, db: u64, key: &[u8]) -> bool {
        let class = &self.spec.records[class];
        class.db == db && class.key.matches(key)
    }

    /// The record classes that a key belongs to.
    pub fn classes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.class_starts.iter().enumerate().filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| self.is_of_class(*at, db, key))
    }

    /// Of the families that a key belongs to, the one that says most about its name; the first of equals.
    pub fn most_specific(&self, db: u64, key: &[u8]) -> Option<usize> {
        let literals = |at: &usize| self.spec.indexes[*at].family.literals();
        self.indexes_of(db, key).min_by_key(|at| std::cmp::Reverse(literals(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key shorter than a prefix may look alike up to its end: zeros are bytes, too.
    #[test]
    fn a_start_refuses_no_match() {
        let keys: [&[u8]; 9] = [
            b"",
            b"a",
            b"a\0",
            b"a\0\0",
            b"message",
            b"message:",
            b"message:1",
            b"messages:1",
            b"\xff\0\0\0\0\0\0\0\0",
        ];
        for pattern in ["*", "", "a", "a*", "a\0*", "mess*", "message:*", "message:?", "messages:*", "[m]*", "?"] {
            let glob = Glob::new(pattern.as_bytes());
            for key in keys {
                let allowed = Start::of(&glob).allows(first_word(key));
                assert!(allowed || !glob.matches(key), "{pattern:?} {key:?}");
            }
        }
        let start = Start::of(&Glob::new(b"message:*"));
        assert!(start.allows(first_word(b"message:1")) && !start.allows(first_word(b"messages:1")));
        assert!(!start.allows(first_word(b"message")));
    }
}
