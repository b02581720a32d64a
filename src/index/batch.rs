//! Looking up members in batches, so that cache misses overlap.

use std::ops::Range;

use super::entry::{Membership, Place, low_half, place};
use super::store::{At, BUCKET_BITS, BUCKETS, Bucket, Found, Members, Store, bucket_of};
use crate::rdb;

/// Members of one index key that are looked up together.
#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub items: Vec<Item>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Item {
    /// Of [`Batch::bytes`].
    pub bytes: Range<usize>,
    pub full_hash: u64,
    pub hash: u32,
    pub place: rdb::Place,
    pub score: f64,
    at: At,
    /// Where the record of the first candidate starts.
    start: u64,
    pub found: Option<Found>,
}

impl Batch {
    /// Enough lookups to keep the memory busy, few enough for all they touch to stay in the cache.
    const LEN: usize = 32;

    /// Adds a member; true if the batch is full now.
    pub fn push(&mut self, member: &[u8], full_hash: u64, place: rdb::Place, score: f64) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        let hash = low_half(full_hash);
        let bytes = start..self.bytes.len();
        let at = At { bucket: 0, entry: 0 };
        self.items.push(Item { bytes, full_hash, hash, place, score, at, start: u64::MAX, found: None });
        self.items.len() >= Self::LEN
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}

/// First entry of an index key in a bucket, and the first one behind it; unknown until asked for.
type Bounds = Option<(usize, usize)>;

/// Where the entries of one index key are in each bucket: found when first asked for.
#[derive(Debug)]
pub struct Near {
    key: u32,
    /// For a key with few members it does not pay.
    ranges: Option<Box<[Bounds; BUCKETS]>>,
}

impl Near {
    /// For the index key of rank `key` (marked to look for orphans), and about so many lookups.
    pub fn new(key: u32, lookups: u64) -> Self {
        Self { key, ranges: (lookups > 8 * BUCKETS as u64).then(|| Box::new([None; BUCKETS])) }
    }

    /// About where the hash would be. Hashes are uniform, so its place follows from its value.
    fn guess<M: Membership>(&mut self, buckets: &[Bucket<M>], bucket: usize, hash: u32) -> usize {
        let Bucket { entries, directory, .. } = &buckets[bucket];
        let fraction = hash << BUCKET_BITS;
        let Some(ranges) = &mut self.ranges else {
            return directory.guess(self.key, fraction, entries.len());
        };
        let (from, to) = *ranges[bucket].get_or_insert_with(|| {
            let span = directory.span(self.key, entries.len());
            let near = &entries[span.clone()];
            let bound = |at: usize| span.start + at;
            let from = near.partition_point(|m| m.entry().key < self.key);
            (bound(from), bound(from + near[from..].partition_point(|m| m.entry().key == self.key)))
        });
        from + (((to - from) as u64 * u64::from(fraction)) >> 32) as usize
    }
}

impl Near {
    /// Comes nearer to the hash by what stands where it was expected.
    fn refine<M: Membership>(&self, entries: &[M], at: At, hash: u32) -> usize {
        let Some((from, to)) = self.ranges.as_ref().and_then(|ranges| ranges[at.bucket]) else { return at.entry };
        let Some(there) = entries.get(at.entry).filter(|_| at.entry < to) else { return at.entry };
        let away = i64::from(hash) - i64::from(there.entry().hash);
        let steps = (away * (to - from) as i64) >> (32 - BUCKET_BITS);
        (at.entry as i64 + steps).clamp(from as i64, to as i64) as usize
    }
}

/// The first entry that is not below `wanted`, which is near `guess`.
fn first_not_below<M: Membership>(entries: &[M], guess: usize, wanted: u64) -> usize {
    let below = |m: &M| m.entry().place() < wanted;
    let (mut from, mut to, mut step) = (guess, guess, 8);
    while from > 0 && !below(&entries[from - 1]) {
        to = from;
        from = from.saturating_sub(step);
        step *= 2;
    }
    step = 8;
    while to < entries.len() && below(&entries[to]) {
        from = to;
        to = (to + step).min(entries.len());
        step *= 2;
    }
    from + entries[from..to].partition_point(below)
}

impl<M: Membership> Store<M> {
    /// Looks up many members of the index key that `near` is about.
    ///
    /// A lookup misses the cache three times, twice in the entries and once where the member's record stands in the dump. All
    /// lookups of a batch take each of these steps together, so that the misses overlap instead of adding up.
    pub fn find_all(
        &self,
        near: &mut Near,
        batch: &mut Batch,
        members: Members<'_, '_>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), rdb::Error> {
        let mut touched = 0_u64;
        for item in &mut batch.items {
            let bucket = bucket_of(item.hash);
            item.at = At { bucket, entry: near.guess(&self.buckets, bucket, item.hash) };
            touched ^= self.buckets[bucket].entries.get(item.at.entry).map_or(0, |m| u64::from(m.entry().hash));
        }
        // Hashes are only uniform on the whole: the first guess is several cache lines off, the second one mostly none.
        for item in &mut batch.items {
            let entries = &self.buckets[item.at.bucket].entries;
            item.at.entry = near.refine(entries, item.at, item.hash);
            touched ^= entries.get(item.at.entry).map_or(0, |m| u64::from(m.entry().hash));
        }
        for item in &mut batch.items {
            let entries = &self.buckets[item.at.bucket].entries;
            item.at.entry = first_not_below(entries, item.at.entry, place(near.key, item.hash));
            let source = entries.get(item.at.entry).map(|m| m.entry().source.get());
            item.start = if let Some(Place::Key(start)) = source { start } else { u64::MAX };
        }
        // In a loop of its own: as many of these loads are under way as the processor can keep track of, and it keeps
        // track of few instructions.
        for item in &batch.items {
            touched ^= members.dump.touch(item.start);
        }
        // The loads above are for their side effect on the cache.
        std::hint::black_box(touched);
        for item in &mut batch.items {
            let member = batch.bytes.get(item.bytes.clone()).unwrap_or_default();
            item.found = None;
            let wanted = place(near.key, item.hash);
            for (entry, m) in self.buckets[item.at.bucket].entries.iter().enumerate().skip(item.at.entry) {
                if m.entry().place() != wanted {
                    break;
                }
                // A server writes equal strings alike.
                let alike = match m.entry().source.get() {
                    Place::Key(start) => members.dump.key_stands_at(start, item.place),
                    Place::Interned(_) => false,
                };
                if alike || members.is(m.entry().source, member, scratch)? {
                    let at = At { bucket: item.at.bucket, entry };
                    item.found = Some(Found { source: m.entry().source, at, score: m.score() });
                    break;
                }
            }
        }
        Ok(())
    }
}
