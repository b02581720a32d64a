//! What the name of a key says: which classes and which families it belongs to.

use std::sync::Arc;

use super::{Existing, KeyType};
use crate::model::spec::{Captured, Glob, Index, Policy, Reading, Spec, Text, Texts};

/// What the name of a key says.
#[derive(Debug)]
pub struct Names<'a> {
    /// The spec that the names are read by.
    pub spec: &'a Spec,
    /// By index and by record class, how the keys of each begin.
    family_starts: Vec<Start>,
    class_starts: Vec<Start>,
    /// Some index prunes.
    prunes: bool,
    /// The keys by which record classes count their records; without them, every one counts.
    existing: Option<Arc<Existing>>,
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

impl<'a> Names<'a> {
    /// Prepares the names of a spec for being matched.
    pub fn new(spec: &'a Spec) -> Self {
        let family_starts = spec.indexes.iter().map(|index| Start::of(index.family.glob())).collect();
        let class_starts = spec.records.iter().map(|class| Start::of(class.key.glob())).collect();
        let prunes = spec.indexes.iter().any(Index::prunes);
        Self { spec, family_starts, class_starts, prunes, existing: None }
    }

    /// The same, with the keys by which record classes count their records.
    pub fn with_existing(self, existing: Option<Arc<Existing>>) -> Self {
        Self { existing, ..self }
    }
}

impl Names<'_> {
    /// What a key is: each is exactly one thing.
    ///
    /// A record is one also if its name is that of an index key. Of several families that a key belongs to, it is counted
    /// in the one that says most about its name.
    #[inline(always)]
    pub fn role(&self, db: u64, key: &[u8], ty: KeyType) -> Role {
        let class = self.classes_of(db, key, ty).next();
        let mut families = self.indexes_of(db, key);
        let first = families.next();
        if let Some(class) = class {
            let shared = first.is_some() || (self.prunes && self.pruning(db, key, ty).next().is_some());
            return Role { family: Family::Record(class), shared };
        }
        match first {
            Some(first) => {
                let shared = families.next().is_some();
                let index = if shared { self.most_specific(db, key).unwrap_or(first) } else { first };
                Role { family: Family::Index(index), shared }
            }
            None if !self.prunes => Role { family: Family::Other, shared: false },
            // Rules that prune one key are judged together.
            None => match self.pruning(db, key, ty).next() {
                Some(index) => Role { family: Family::Index(index), shared: false },
                None => Role { family: Family::Other, shared: false },
            },
        }
    }

    /// The one family that a key is counted in.
    pub fn family_of(&self, db: u64, key: &[u8], ty: KeyType) -> Family {
        self.role(db, key, ty).family
    }

    /// The indexes that decide what an index key of this name holds: those whose family it belongs to, but for retired
    /// ones.
    pub fn deciding<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        self.indexes_of(db, key).filter(|at| self.spec.indexes[*at].policy != Policy::Retire)
    }

    /// The indexes that records imply, or that are retired, and whose family a key belongs to.
    pub fn indexes_of<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        self.named(db, key, |index| !index.prunes())
    }

    /// The indexes that take away entries of a key of this name and type.
    pub fn pruning<'n>(&'n self, db: u64, key: &'n [u8], ty: KeyType) -> impl Iterator<Item = usize> + 'n {
        self.named(db, key, move |index| index.prunes() && ty.is(index.kind))
    }

    /// The indexes of a kind whose family a key belongs to. The kind is asked first: to match a name costs more.
    #[inline]
    fn named<'n>(
        &'n self,
        db: u64,
        key: &'n [u8],
        is_wanted: impl Fn(&Index) -> bool + 'n,
    ) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.family_starts.iter().zip(&self.spec.indexes).enumerate();
        let starts = starts.filter(move |(_, (start, _))| start.allows(word));
        let wanted = starts.filter(move |(_, (_, index))| is_wanted(index) && index.db == db && index.takes(key));
        wanted.map(|(at, _)| at)
    }

    /// The record classes that a key of this type belongs to, after this one of them.
    pub fn classes_after<'n>(
        &'n self,
        first: usize,
        db: u64,
        key: &'n [u8],
        ty: KeyType,
    ) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.class_starts.iter().enumerate().skip(first + 1).filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| self.is_of_class(*at, db, key, Some(ty)))
    }

    fn is_of_class(&self, at: usize, db: u64, key: &[u8], ty: Option<KeyType>) -> bool {
        let class = &self.spec.records[at];
        class.db == db
            && ty.is_none_or(|ty| ty.is_record_of(class))
            && class.takes(key)
            && (class.exists.is_none() || self.counts(at, key))
    }

    /// Whether the key is there by which a record of a class counts.
    fn counts(&self, class: usize, key: &[u8]) -> bool {
        let (Some(_), Some(existing)) = (&self.spec.records[class].exists, &self.existing) else { return true };
        self.need(class, key).is_some_and(|name| existing.has(self.spec.records[class].db, &name))
    }

    /// The key that must be there for a key of this name to count as a record of a class; none if the class asks for none.
    pub fn need(&self, class: usize, key: &[u8]) -> Option<Vec<u8>> {
        let class = &self.spec.records[class];
        let exists = class.exists.as_ref()?;
        let (mut captured, mut name, texts) = (Captured::default(), Vec::new(), Texts::of_key(key));
        let is_named = class.key.form.capture(Text::Key, &texts, &mut Reading::default(), &mut captured)
            && exists.fill(&captured, &texts, &mut name);
        is_named.then_some(name)
    }

    /// The record classes that a key of this type belongs to.
    pub fn classes_of<'n>(&'n self, db: u64, key: &'n [u8], ty: KeyType) -> impl Iterator<Item = usize> + 'n {
        self.classes_with(db, key, Some(ty))
    }

    /// The record classes that a key of this name belongs to, whatever its type.
    pub fn classes_named<'n>(&'n self, db: u64, key: &'n [u8]) -> impl Iterator<Item = usize> + 'n {
        self.classes_with(db, key, None)
    }

    fn classes_with<'n>(&'n self, db: u64, key: &'n [u8], ty: Option<KeyType>) -> impl Iterator<Item = usize> + 'n {
        let word = first_word(key);
        let starts = self.class_starts.iter().enumerate().filter(move |(_, start)| start.allows(word));
        starts.map(|(at, _)| at).filter(move |at| self.is_of_class(*at, db, key, ty))
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
