//! Memberships as fixed-size entries.

use std::hash::BuildHasher;

/// Where the bytes of an implied member are.
///
/// Either the offset of a record in the dump (the member *is* its key), or the number of an interned member.
/// Dumps are limited to [`Source::MAX_OFFSET`] bytes so that the other bits stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(u64);

impl Source {
    const INTERNED: u64 = 1 << 63;
    /// 1 TiB.
    pub const MAX_OFFSET: u64 = 1 << 40;

    /// The key of the record that starts at this offset of the dump.
    pub fn key_at(offset: u64) -> Self {
        Self(offset)
    }

    /// A member that stands in no record as it is, kept once in an interner.
    pub fn interned(id: u32) -> Self {
        Self(Self::INTERNED | u64::from(id))
    }

    /// What it is.
    pub fn get(self) -> Place {
        if self.0 & Self::INTERNED == 0 { Place::Key(self.0) } else { Place::Interned((self.0 & 0xffff_ffff) as u32) }
    }
}

/// See [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Key(u64),
    Interned(u32),
}

/// Set in [`Entry::key`] when the record lacks a record it requires: such an entry is not a membership, only the reason
/// why there is none.
pub const ORPHAN: u32 = 1 << 31;

/// That a record implies a member of an index key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// While collecting, the number of a group; afterwards the rank of an index key, perhaps with the mark of an orphan.
    pub key: u32,
    /// The low half of the member's hash. It finds candidates; the bytes decide.
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
        u128::from(self.place()) << 64 | u128::from(self.source.0)
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

/// The hash of names and members: keyed afresh in every run, so that a dump cannot be made to collide. Nothing that is
/// written depends on it.
#[derive(Clone, Debug, Default)]
pub struct Hasher(foldhash::quality::RandomState);

impl Hasher {
    /// Hashes a byte string.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.0.hash_one(bytes)
    }
}

/// The half that an [`Entry`] keeps.
pub fn low_half(hash: u64) -> u32 {
    (hash & 0xffff_ffff) as u32
}
