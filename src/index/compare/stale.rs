//! Members that nothing implies, and why.

use crate::dump::rdb::Place;
use crate::index::store::entry::ORPHAN;

/// A member that nothing implies: 24 bytes, since there may be as many of them as an index has members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stale {
    pub place: Place,
    /// Position of its key among the index keys that were read.
    pub key: u32,
    /// The hash of the member, until it is explained; then the number of the reason.
    word: u32,
}

impl Stale {
    /// Of a member with this hash.
    pub fn new(place: Place, key: u32, hash: u32) -> Self {
        Self { place, key, word: hash }
    }

    /// The same, of the key at this position.
    pub fn of_key(self, key: u32) -> Self {
        Self { key, ..self }
    }

    /// The low half of the member's hash. No longer known when the member is explained.
    pub fn hash(&self) -> u32 {
        self.word
    }

    pub fn explain(&mut self, reason: Reason) {
        self.word = reason.number();
    }

    /// Why it is stale.
    pub fn reason(&self) -> Reason {
        Reason::of(self.word)
    }
}

/// Why a member is stale. Found last, when all that is stale is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// No record implies it: all that can be said where members are not keys of records.
    #[default]
    NotImplied,
    RecordMissing,
    /// Its record exists and implies nothing.
    ImpliesNothing,
    /// Its record implies this key, but lacks a record it requires.
    Orphan,
    /// Its record belongs to the index key of this rank now.
    MovedTo(u32),
    /// The key that it names is not there, or is not what it should be.
    NamedKeyGone,
}

impl Reason {
    /// Ranks, which have 31 bits, stay what they are; the others are above them.
    fn number(self) -> u32 {
        match self {
            Self::MovedTo(rank) => rank & !ORPHAN,
            Self::NotImplied => ORPHAN,
            Self::RecordMissing => ORPHAN | 1,
            Self::ImpliesNothing => ORPHAN | 2,
            Self::Orphan => ORPHAN | 3,
            Self::NamedKeyGone => ORPHAN | 4,
        }
    }

    fn of(number: u32) -> Self {
        match number.checked_sub(ORPHAN) {
            None => Self::MovedTo(number),
            Some(1) => Self::RecordMissing,
            Some(2) => Self::ImpliesNothing,
            Some(3) => Self::Orphan,
            Some(4) => Self::NamedKeyGone,
            Some(_) => Self::NotImplied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_takes_the_place_of_the_hash() {
        assert_eq!(size_of::<Stale>(), 24);
        let last = Reason::MovedTo(ORPHAN - 1);
        for reason in [
            Reason::NotImplied,
            Reason::RecordMissing,
            Reason::ImpliesNothing,
            Reason::Orphan,
            Reason::NamedKeyGone,
            Reason::MovedTo(0),
            last,
        ] {
            let mut stale = Stale::new(Place { string: 1, inner: Place::WHOLE }, 2, u32::MAX);
            assert_eq!(stale.hash(), u32::MAX);
            stale.explain(reason);
            assert_eq!(stale.reason(), reason);
        }
    }
}
