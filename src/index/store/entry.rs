//! Memberships as fixed-size entries.

use super::hash::{Hashed, REST_BITS};

/// Where the bytes of an implied member are.
///
/// The offset of a record in the dump (the member *is* its key), the number of an interned member, or the number that the
/// member is behind the prefix of its index. Dumps are limited to [`Source::MAX_OFFSET`] bytes; the bits above have what of
/// the member's hash an entry has no other room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(u64);

impl Source {
    const INTERNED: u64 = 1 << 63;
    /// The member has the prefix of its group, so that it is known by its hash.
    const EXACT: u64 = 1 << 62;
    const NUMBER: u64 = Self::INTERNED | Self::EXACT;
    const OFFSET_BITS: u32 = 40;
    const REST: u64 = (1 << REST_BITS) - 1;
    /// 1 TiB.
    pub const MAX_OFFSET: u64 = 1 << Self::OFFSET_BITS;

    /// The key of the record that starts at this offset of the dump; `exact` if it has the prefix of its group.
    pub fn key_at(offset: u64, key: Hashed, exact: bool) -> Self {
        Self(if exact { Self::EXACT } else { 0 } | key.rest() << Self::OFFSET_BITS | offset)
    }

    /// A member that stands in no record as it is, kept once in an interner.
    pub fn interned(id: u32) -> Self {
        Self(Self::INTERNED | u64::from(id))
    }

    /// The prefix of the index, and this number of 61 bits.
    pub fn number(number: u64) -> Self {
        Self(Self::NUMBER | number)
    }

    /// What it is.
    pub fn get(self) -> Place {
        match self.0 & Self::NUMBER {
            Self::NUMBER => Place::Number(self.0 & !Self::NUMBER),
            Self::INTERNED => Place::Interned((self.0 & 0xffff_ffff) as u32),
            _ => Place::Key(self.0 & (Self::MAX_OFFSET - 1)),
        }
    }

    /// By this sources are ordered: keys by their offset, then what is interned by its number, then numbers.
    #[inline(always)]
    pub fn order(self) -> u64 {
        let not_for_keys = Self::EXACT | Self::REST << Self::OFFSET_BITS;
        let is_key = (self.0 >> 63).wrapping_sub(1);
        self.0 & !(not_for_keys & is_key)
    }

    /// The same source of a member that has not the prefix of its group.
    pub fn inexact(self) -> Self {
        if self.0 & Self::INTERNED == 0 { Self(self.0 & !Self::EXACT) } else { self }
    }

    /// Whether it is that of a member, or of another one that is in the same bucket and at the same [`Entry::place`]; none
    /// if that cannot be told without its bytes. The member has this number if it has the prefix of the group, or of the index.
    #[inline(always)]
    pub fn is(self, member: Hashed, number: Option<u64>) -> Option<bool> {
        match self.get() {
            Place::Number(own) => Some(number == Some(own)),
            Place::Interned(_) => None,
            Place::Key(_) => {
                let alike = self.0 >> Self::OFFSET_BITS & Self::REST == member.rest();
                if !alike || (number.is_some() && self.0 & Self::EXACT != 0) { Some(alike) } else { None }
            }
        }
    }

    /// The same for the sources of two members of one index: what is interned has the same number exactly if it is the same.
    pub fn is_alike(self, other: Self) -> Option<bool> {
        let (Place::Key(_), Place::Key(_)) = (self.get(), other.get()) else { return Some(self == other) };
        let alike = (self.0 ^ other.0) >> Self::OFFSET_BITS & Self::REST == 0;
        if !alike || self.0 & other.0 & Self::EXACT != 0 { Some(alike) } else { None }
    }
}

/// See [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Key(u64),
    Interned(u32),
    Number(u64),
}

/// Set in [`Entry::key`] when the record lacks a record it requires: such an entry is not a membership, only the reason
/// why there is none.
pub const ORPHAN: u32 = 1 << 31;

/// That a record implies a member of an index key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// While collecting, the number of a group; afterwards the rank of an index key, perhaps with the mark of an orphan.
    pub key: u32,
    /// Part of the member's hash. It finds candidates; the rest of an exact one decides, or else the bytes.
    pub hash: u32,
    pub source: Source,
}

impl Entry {
    /// Index key and hash, by which entries are ordered, as one number: compared in one step.
    #[inline(always)]
    pub fn place(&self) -> u64 {
        place(self.key, self.hash)
    }

    /// The same, and then where the member comes from.
    #[inline(always)]
    pub fn rank(&self) -> u128 {
        u128::from(self.place()) << 64 | u128::from(self.source.order())
    }
}

/// The [`Entry::place`] of a member with this hash in an index key.
#[inline(always)]
pub fn place(key: u32, hash: u32) -> u64 {
    u64::from(key) << 32 | u64::from(hash)
}

/// An [`Entry`] of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    pub entry: Entry,
    pub score: f64,
}

/// What entries of sets and of sorted sets have in common.
pub trait Membership: Copy + Send + Sync {
    fn new(entry: Entry, score: f64) -> Self;
    fn entry(&self) -> &Entry;
    fn entry_mut(&mut self) -> &mut Entry;
    /// 0 for a set.
    fn score(&self) -> f64;
}

impl Membership for Entry {
    fn new(entry: Entry, _: f64) -> Self {
        entry
    }
    #[inline(always)]
    fn entry(&self) -> &Entry {
        self
    }
    #[inline(always)]
    fn entry_mut(&mut self) -> &mut Entry {
        self
    }
    fn score(&self) -> f64 {
        0.0
    }
}

impl Membership for Scored {
    fn new(entry: Entry, score: f64) -> Self {
        Self { entry, score }
    }
    #[inline(always)]
    fn entry(&self) -> &Entry {
        &self.entry
    }
    #[inline(always)]
    fn entry_mut(&mut self) -> &mut Entry {
        &mut self.entry
    }
    fn score(&self) -> f64 {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::store::hash::{Hasher, NUMBER_BITS};

    #[test]
    fn an_entry_has_sixteen_bytes() {
        assert_eq!((size_of::<Entry>(), size_of::<Scored>()), (16, 24));
        assert_eq!(REST_BITS + Source::OFFSET_BITS, 62);
    }

    #[test]
    fn a_source_keeps_what_it_is_made_of() {
        let hasher = Hasher::default();
        let hashed = hasher.number(5, 7);
        let other = hashed.neighbour();
        for offset in [0, 1, Source::MAX_OFFSET - 1] {
            let (plain, exact) = (Source::key_at(offset, hashed, false), Source::key_at(offset, hashed, true));
            assert_eq!((plain.get(), exact.get()), (Place::Key(offset), Place::Key(offset)));
            assert_eq!((plain.order(), exact.order(), exact.inexact()), (offset, offset, plain));
            let number = Some(7);
            assert_eq!((plain.is(hashed, number), exact.is(hashed, None)), (None, None));
            assert_eq!(exact.is(hashed, number), Some(true));
            assert_eq!((plain.is_alike(exact), exact.is_alike(exact)), (None, Some(true)));
            assert_eq!(exact.is_alike(Source::key_at(9, hashed, true)), Some(true));
            for (source, is_exact) in [(plain, false), (plain, true), (exact, false), (exact, true)] {
                assert_eq!(source.is(other, is_exact.then_some(7)), Some(false));
                assert_eq!(source.is_alike(Source::key_at(offset, other, is_exact)), Some(false));
            }
            assert!(exact.order() < Source::interned(0).order());
        }
        let interned = Source::interned(u32::MAX);
        assert_eq!((interned.get(), interned.is(hashed, Some(7))), (Place::Interned(u32::MAX), None));
        assert_eq!((interned.is_alike(interned), interned.is_alike(Source::interned(1))), (Some(true), Some(false)));
        for n in [0, 7, (1 << NUMBER_BITS) - 1] {
            let number = Source::number(n);
            assert_eq!(
                (number.get(), number.inexact(), number.order() & !Source::NUMBER),
                (Place::Number(n), number, n)
            );
            assert_eq!((number.is(hashed, Some(n)), number.is(hashed, Some(8))), (Some(true), Some(false)));
            assert_eq!((number.is(hashed, None), number.is_alike(number)), (Some(false), Some(true)));
            assert_eq!((number.is_alike(Source::number(8)), number.is_alike(interned)), (Some(false), Some(false)));
            assert!(interned.order() < number.order());
        }
    }
}
