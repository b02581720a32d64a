//! Slots of a cluster: whether the keys of a dump are all of a database's, as far as their slots can tell.
//!
//! A key's slot is a checksum of its name, so the keys of a whole database lie in slots all over the range. A run of slots
//! without a key that chance cannot explain says that a shard is missing: what is in it would be taken for gone.

mod crc;
mod judge;

use std::fmt;

pub use judge::{Finding, Run, judge};

/// How many slots a cluster has.
pub const SLOTS: usize = 1 << 14;
/// Bits that tell the names of one slot apart, well enough to count them.
const CELLS: u32 = u16::BITS;

/// What of a key's name decides its slot: what stands between the first `{` and the first `}` behind it, unless that is
/// nothing; else all of it.
pub fn hash_input(key: &[u8]) -> &[u8] {
    let tag = || {
        let rest = key.get(memchr::memchr(b'{', key)? + 1..)?;
        rest.get(..memchr::memchr(b'}', rest)?).filter(|tag| !tag.is_empty())
    };
    tag().unwrap_or(key)
}

/// The slot of a key, as `CLUSTER KEYSLOT` answers it.
pub fn slot_of(key: &[u8]) -> u16 {
    slot_of_input(hash_input(key))
}

fn slot_of_input(input: &[u8]) -> u16 {
    crc::crc16(input) % SLOTS as u16
}

/// Slots with a key in them.
#[derive(Clone)]
pub struct SlotSet {
    words: Box<[u64; SLOTS / 64]>,
    len: usize,
    /// No run without a key is worth a word any more, and more keys add nothing to that.
    settled: bool,
}

impl Default for SlotSet {
    fn default() -> Self {
        Self { words: Box::new([0; SLOTS / 64]), len: 0, settled: false }
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.len)
    }
}

impl SlotSet {
    fn add(&mut self, slot: u16) {
        let (at, bit) = (usize::from(slot) / 64, 1 << (slot % 64));
        if self.words[at] & bit == 0 {
            self.words[at] |= bit;
            self.len += 1;
            self.settle();
        }
    }

    /// How many slots have a key.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot has one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether every run without a key is too short to say anything. Looked at each time that so many more have a key.
    fn settle(&mut self) {
        const LOOK: usize = 512;
        if self.len.is_multiple_of(LOOK) {
            self.settled = self.len > SLOTS / 2 && !judge::has_run(self);
        }
    }

    /// Whether a slot has a key.
    pub fn has(&self, slot: u16) -> bool {
        self.words[usize::from(slot) / 64] >> (slot % 64) & 1 == 1
    }

    fn merge(&mut self, other: &Self) {
        self.len = 0;
        for (mine, theirs) in self.words.iter_mut().zip(other.words.iter()) {
            *mine |= theirs;
            self.len += mine.count_ones() as usize;
        }
        self.settled |= other.settled;
    }
}

/// The slots of a dump, or of several that were put together. What two threads gathered can be merged, in any order.
#[derive(Clone)]
pub struct Gathered {
    /// By slot, which of [`CELLS`] hashes its names have. As many bits as are set, there are different names at least.
    cells: Box<[u16; SLOTS]>,
    /// By dump.
    parts: Vec<SlotSet>,
    /// Where each dump ends.
    ends: Box<[u64]>,
    /// The dump that the last key was of, and where it begins and ends.
    part: usize,
    from: u64,
    to: u64,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Gathered {
    /// Nothing yet. `ends` says where each of several dumps ends that were put together; a single one need not be named.
    pub fn new(ends: &[u64]) -> Self {
        let parts = vec![SlotSet::default(); ends.len().max(1)];
        let to = if ends.len() > 1 { 0 } else { u64::MAX };
        Self { cells: Box::new([0; SLOTS]), parts, ends: ends.into(), part: 0, from: 0, to }
    }

    /// Takes the name of a key whose record starts there.
    #[inline]
    pub fn add(&mut self, key: &[u8], start: u64) {
        if start < self.from || start >= self.to {
            self.seek(start);
        }
        let Some(part) = self.parts.get_mut(self.part).filter(|part| !part.settled) else { return };
        let input = hash_input(key);
        let slot = slot_of_input(input);
        part.add(slot);
        self.cells[usize::from(slot)] |= 1 << (mix(input) % u64::from(CELLS));
    }

    fn seek(&mut self, start: u64) {
        self.part = self.ends.partition_point(|end| *end <= start).min(self.parts.len() - 1);
        let end = |at: usize| self.ends.get(at).copied();
        self.from = self.part.checked_sub(1).and_then(end).unwrap_or(0);
        self.to = end(self.part).filter(|_| self.part + 1 < self.parts.len()).unwrap_or(u64::MAX);
    }

    /// Adds what another thread gathered from the same dumps.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.cells.iter_mut().zip(other.cells.iter()) {
            *mine |= theirs;
        }
        for (mine, theirs) in self.parts.iter_mut().zip(&other.parts) {
            mine.merge(theirs);
        }
    }

    /// Whether there are several dumps, each of them of a part of the slots.
    pub fn are_of_shards(&self) -> bool {
        let parts = self.parts.iter().filter(|part| !part.is_empty());
        parts.clone().count() > 1 && parts.clone().all(judge::is_of_a_shard)
    }

    /// The slots with a key in them, in their order.
    pub fn filled(&self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(self.cells.iter()).filter(|(_, cell)| **cell != 0).map(|(slot, _)| slot)
    }

    /// All of it as text: for each slot with a key its number and its cells.
    pub fn to_text(&self) -> String {
        let filled = self.filled().map(|slot| format!("{slot:x}:{:x}", self.cells[usize::from(slot)]));
        filled.collect::<Vec<_>>().join(" ")
    }

    /// Of several dumps, from the text of each; `None` if one is none.
    pub fn of_texts<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Option<Self> {
        let mut whole = Self::new(&vec![0; texts.len()]);
        for (part, text) in texts.enumerate() {
            for word in text.split_ascii_whitespace() {
                let (slot, cell) = word.split_once(':')?;
                let slot = u16::from_str_radix(slot, 16).ok().filter(|slot| usize::from(*slot) < SLOTS)?;
                whole.cells[usize::from(slot)] |= u16::from_str_radix(cell, 16).ok()?;
                whole.parts.get_mut(part)?.add(slot);
            }
        }
        Some(whole)
    }

    /// How many different hash inputs there are at least; close to how many, up to some ten thousand.
    fn inputs(&self) -> u64 {
        self.cells.iter().map(|cell| u64::from(cell.count_ones())).sum()
    }
}

/// A hash that need only tell the few names of one slot apart: the ends of a name, where names mostly differ, and its
/// length. Two names that it takes for one are counted as one, which makes an alarm less likely, not more.
fn mix(input: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let (first, last) = match (input.first_chunk::<8>(), input.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (word(input), 0),
    };
    let mixed = (first.rotate_left(32) ^ last ^ input.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> 56
}

#[cfg(test)]
mod tests;
