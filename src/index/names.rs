//! What the name of a key says: which classes and which families it belongs to.

use crate::rdb::Kind;
use crate::spec::{Glob, Spec};

/// What the name of a key says.
#[derive(Debug)]
pub struct Names<'a> {
    pub spec: &'a Spec,
    /// By index: the family of its keys.
    pub families: Vec<Glob>,
    /// By index and by record class, how the keys of each begin.
    family_starts: Vec<Start>,
    class_starts: Vec<Start>,
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

impl<'a> Names<'a> {
    pub fn new(spec: &'a Spec) -> Self {
        let families: Vec<Glob> = spec.indexes.iter().map(|index| index.key.family()).collect();
        let family_starts = families.iter().map(Start::of).collect();
        let class_starts = spec.records.iter().map(|class| Start::of(&class.key)).collect();
        Self { spec, families, family_starts, class_starts }
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
        let word = first_word(key);
        let starts = self.family_starts.iter().enumerate().filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| self.spec.indexes[*at].db == db && self.families[*at].matches(key))
    }

    /// The record classes that a key belongs to.
    pub fn classes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.class_starts.iter().enumerate().filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| {
            let class = &self.spec.records[*at];
            class.db == db && class.key.matches(key)
        })
    }

    /// Of the families that a key belongs to, the one that says most about its name; the first of equals.
    pub fn most_specific(&self, db: u64, key: &[u8]) -> usize {
        let literal = |at: &usize| self.spec.indexes[*at].key.literal_len();
        self.indexes_of(db, key).min_by_key(|at| std::cmp::Reverse(literal(at))).unwrap_or(0)
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
