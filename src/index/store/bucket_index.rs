//! About where the entries of an index key are in a sorted bucket.

use std::ops::Range;

use super::entry::{Membership, ORPHAN};

/// Entries that a slot has on average, at least: two cache lines.
const PER_SLOT: usize = 8;

/// The first entry of every few ranks, so that a known in a bucket of many small index keys is no search through all of it.
///
/// Live ranks have the first half of the slots and orphans the second one, in the order of the entries.
#[derive(Debug)]
pub struct BucketIndex {
    /// One more than there are slots.
    starts: Vec<u32>,
    half: usize,
    /// A slot is for `1 << shift` ranks.
    shift: u32,
}

impl BucketIndex {
    /// Of entries that are sorted by key.
    pub fn new<M: Membership>(entries: &[M]) -> Self {
        let most = entries.iter().map(|m| m.entry().key & !ORPHAN).max().unwrap_or(0) as usize;
        let shift = (0..u32::BITS).find(|shift| most >> shift <= entries.len() / PER_SLOT).unwrap_or(0);
        let mut bucket_index = Self { starts: Vec::new(), half: (most >> shift) + 1, shift };
        if u32::try_from(entries.len()).is_ok() {
            bucket_index.starts.reserve_exact(2 * bucket_index.half + 1);
            for (at, m) in entries.iter().enumerate() {
                let slot = bucket_index.slot(m.entry().key);
                if bucket_index.starts.len() <= slot {
                    bucket_index.starts.resize(slot + 1, at as u32);
                }
            }
            bucket_index.starts.resize(2 * bucket_index.half + 1, entries.len() as u32);
        }
        bucket_index
    }

    fn slot(&self, key: u32) -> usize {
        let slot = ((key & !ORPHAN) as usize >> self.shift).min(self.half - 1);
        if key & ORPHAN == 0 { slot } else { self.half + slot }
    }

    /// The entries of an index key are among these, of `len` in all.
    pub fn span(&self, key: u32, len: usize) -> Range<usize> {
        let slot = self.slot(key);
        match self.starts.get(slot..slot + 2) {
            Some(&[from, to]) => from as usize..to as usize,
            _ => 0..len,
        }
    }

    /// Where a member would be if the index keys of a slot had equally many: `fraction` is that of its hash in all hashes
    /// of the bucket, in 32 bits.
    pub fn guess(&self, key: u32, fraction: u32, len: usize) -> usize {
        let span = self.span(key, len);
        let within = u64::from(key & !ORPHAN) & ((1 << self.shift) - 1);
        let fraction = (within << 32 | u64::from(fraction)) >> self.shift;
        span.start + ((u128::from(fraction) * span.len() as u128) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::store::entry::{Entry, Source};

    fn entries(keys: impl IntoIterator<Item = u32>) -> Vec<Entry> {
        let mut keys: Vec<u32> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| Entry { key, hash: 0, source: Source::interned(0) }).collect()
    }

    #[test]
    fn the_entries_of_a_key_are_in_its_span() {
        let mixed = (0..500).chain((0..3000).map(|n| n * 7 % 1000)).chain((0..700).map(|n| ORPHAN | (n * n % 450)));
        let shapes = [
            entries([]),
            entries([0]),
            entries([ORPHAN | 9, ORPHAN - 1]),
            entries((0..5000).map(|_| 3)),
            entries((0..5000).map(|_| ORPHAN | 3)),
            entries((0..100).map(|n| n * 20_000_000)),
            entries(mixed),
        ];
        for entries in shapes {
            let (bucket_index, len) = (BucketIndex::new(&entries), entries.len());
            assert!(
                bucket_index.starts.len() <= 2 * (len / PER_SLOT + 1) + 1,
                "{} slots for {len}",
                bucket_index.starts.len()
            );
            let there = entries.iter().map(|entry| entry.key);
            for key in there.chain([0, 1, 2, 999, 1001, ORPHAN - 1, ORPHAN, ORPHAN | 2, u32::MAX]) {
                let span = bucket_index.span(key, len);
                let first = entries.iter().position(|entry| entry.key == key);
                let last = entries.iter().rposition(|entry| entry.key == key);
                assert!(first.is_none_or(|at| at >= span.start), "{key}: {first:?}, {span:?}");
                assert!(last.is_none_or(|at| at < span.end), "{key}: {last:?}, {span:?}");
                for fraction in [0, 1, u32::MAX / 2, u32::MAX] {
                    let guess = bucket_index.guess(key, fraction, len);
                    assert!((span.start..=span.end).contains(&guess), "{key}: {guess}, {span:?}");
                }
            }
        }
    }

    #[test]
    fn where_keys_are_alike_the_guess_is_near() {
        // 1,000 keys of 50 entries each, whose hashes are spread evenly: entry n of key k stands at 50 k + n.
        let entries = entries((0..50_000).map(|n| n / 50));
        let bucket_index = BucketIndex::new(&entries);
        for key in 0..1000_u32 {
            for n in 0..50_u32 {
                let guess = bucket_index.guess(key, (u64::from(n) * (1 << 32) / 50) as u32, entries.len());
                assert!(guess.abs_diff((key * 50 + n) as usize) <= 1, "{key} {n}: {guess}");
            }
        }
    }
}
