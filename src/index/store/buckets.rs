//! The memberships that the records imply: collected by all threads, then sorted, then crossed off.
//!
//! Entries are spread over buckets by the member's hash while they are collected, so that a bucket at a time can be made
//! contiguous, sorted and freed of duplicates: the peak is what the entries take, and a bucket. Within a bucket they are
//! ordered by index key and hash, and a member that an index key really has is looked up by binary search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::bucket_index::BucketIndex;
use super::entry::{Entry, Membership, ORPHAN, Place, Scored, Source};
use super::hash::BUCKET_BITS;
use super::interner::Interned;
use super::keys::Keys;
use super::name_prefix::NamePrefix;
use crate::dump::rdb;
use crate::model::view::Dump;

pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Entries are collected in chunks, so that growing never copies. The first ones of a bucket are small …
const CHUNK: usize = 512;
const SMALL_CHUNKS: usize = 16;
/// … and the others so large that an allocator takes each from the system and gives it back when the bucket is joined:
/// small ones would stay as holes between those of the other buckets.
const LARGE_CHUNK: usize = 16 * CHUNK;

/// The entries one thread collects.
#[derive(Debug)]
pub struct Collector<M> {
    buckets: Vec<Vec<Vec<M>>>,
}

impl<M> Default for Collector<M> {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Vec::new()).collect() }
    }
}

impl<M: Membership> Collector<M> {
    /// Adds an entry to a bucket, see [`super::hash::Hashed::bucket`].
    pub fn push(&mut self, bucket: usize, membership: M) {
        let chunks = &mut self.buckets[bucket];
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(membership),
            _ => {
                let size = if chunks.len() < SMALL_CHUNKS { CHUNK } else { LARGE_CHUNK };
                let mut chunk = Vec::with_capacity(size);
                chunk.push(membership);
                chunks.push(chunk);
            }
        }
    }
}

/// Finds the bytes of a member that was implied.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a, 's> {
    pub dump: Dump<'a>,
    pub interned: &'s Interned,
    /// By index.
    pub prefixes: &'s [Option<NamePrefix>],
}

impl<'a: 's, 's> Members<'a, 's> {
    /// The bytes of a member of an index.
    pub fn get<'b>(&self, index: usize, source: Source, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error>
    where
        's: 'b,
    {
        match source.get() {
            Place::Key(offset) => self.dump.key(offset, scratch),
            Place::Interned(id) => Ok(self.interned.get(id)),
            Place::Number(number) => match self.prefixes.get(index) {
                Some(Some(prefix)) => Ok(prefix.write(number, scratch)),
                // Only an index with a prefix has numbers.
                _ => Ok(&[]),
            },
        }
    }

    /// Whether two sources in one index are of the same member.
    fn same(&self, a: Source, b: Source, scratch: &mut [Vec<u8>; 2]) -> Result<bool, rdb::Error> {
        if a == b {
            return Ok(true);
        }
        match (a.is_alike(b), a.get(), b.get()) {
            (Some(same), _, _) => Ok(same),
            (None, Place::Key(a), Place::Key(b)) => {
                let [first, second] = scratch;
                self.dump.key_is(b, self.dump.key(a, first)?, second)
            }
            (None, _, _) => Ok(false),
        }
    }
}

/// What is known of an entry once the index keys have been read. Two bits each, kept beside the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// No index key has it.
    Missing,
    /// It is there, and right.
    Right,
    /// It is there with another score.
    Rescore,
    /// Records disagree on its score: nothing is done about it.
    Conflict,
}

const MARKS_PER_WORD: usize = 32;

#[derive(Debug)]
pub struct Bucket<M> {
    pub entries: Vec<M>,
    pub bucket_index: BucketIndex,
    marks: Vec<AtomicU64>,
    /// Entries on whose score records disagree.
    conflicts: Vec<usize>,
}

/// All implied memberships, each once.
#[derive(Debug)]
pub struct Store<M> {
    pub buckets: Vec<Bucket<M>>,
}

/// What the records imply.
#[derive(Clone, Copy, Debug)]
pub struct Implied<'i> {
    pub keys: &'i Keys,
    pub sets: &'i Store<Entry>,
    pub zsets: &'i Store<Scored>,
}

/// Where an entry is in its store.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub bucket: usize,
    pub entry: usize,
}

/// How an index key's member was found in a store.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub source: Source,
    pub at: At,
    pub score: f64,
}

impl<M: Membership> Store<M> {
    /// Joins, sorts, and drops duplicates; of equal ones that with the lowest source stays.
    pub fn new(collectors: Vec<Collector<M>>, keys: &Keys, members: Members<'_, '_>) -> Result<Self, rdb::Error> {
        let mut parts: Vec<Vec<Vec<Vec<M>>>> = (0..BUCKETS).map(|_| Vec::new()).collect();
        for collector in collectors {
            for (part, chunks) in parts.iter_mut().zip(collector.buckets) {
                part.push(chunks);
            }
        }
        let buckets =
            parts.into_par_iter().map(|chunks| Bucket::new(chunks, keys, members)).collect::<Result<_, _>>()?;
        Ok(Self { buckets })
    }

    /// Takes back that members were seen.
    pub fn forget_seen(&self) {
        for bucket in &self.buckets {
            bucket.marks.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            bucket.mark_conflicts();
        }
    }

    /// Marks an entry; gives back the mark it had.
    pub fn set_mark(&self, at: At, mark: Mark) -> Mark {
        self.buckets[at.bucket].set_mark(at.entry, mark)
    }

    /// Calls `visit` with every entry and its mark; buckets in parallel, each with its own state.
    pub fn fold<T: Send>(&self, new: impl Fn() -> T + Sync, visit: impl Fn(&mut T, &M, Mark) + Sync) -> Vec<T> {
        let fold = |bucket: &Bucket<M>| {
            let mut state = new();
            for (at, membership) in bucket.entries.iter().enumerate() {
                visit(&mut state, membership, bucket.mark(at));
            }
            state
        };
        self.buckets.iter().collect::<Vec<_>>().into_par_iter().map(fold).collect()
    }

    /// The mark of an entry.
    pub fn mark(&self, at: At) -> Mark {
        self.buckets[at.bucket].mark(at.entry)
    }

    /// Keeps what has to be written (missing or with another score, no orphans, as far as `wanted`), ordered by index
    /// key and, within it, by where the member comes from.
    pub fn into_edits(self, members: Members<'_, '_>, wanted: impl Fn(u32) -> bool + Sync) -> Edits<M> {
        self.into_sorted(members, |key, mark| matches!(mark, Mark::Missing | Mark::Rescore) && wanted(key))
    }

    /// Keeps what no index key has, in the order of [`Self::into_edits`].
    pub fn into_missing(self, members: Members<'_, '_>) -> Edits<M> {
        self.into_sorted(members, |_, mark| mark == Mark::Missing)
    }

    /// Keeps what is no orphan and `wanted`, by its index key and its mark.
    fn into_sorted(self, members: Members<'_, '_>, wanted: impl Fn(u32, Mark) -> bool + Sync) -> Edits<M> {
        let edits = |bucket: Bucket<M>| {
            let is_wanted = |(at, m): &(usize, &M)| {
                let key = m.entry().key;
                key & ORPHAN == 0 && wanted(key, bucket.mark(*at))
            };
            // Copied, not left where they are: most buckets are given back to the system whole then.
            let mut entries: Vec<M> = bucket.entries.iter().enumerate().filter(is_wanted).map(|(_, m)| *m).collect();
            entries.sort_unstable_by(|a, b| order(a, b, members.interned));
            entries
        };
        let buckets: Vec<Vec<M>> = self.buckets.into_par_iter().map(edits).collect();
        Edits { buckets: buckets.into_iter().filter(|entries| !entries.is_empty()).collect() }
    }
}

/// By index key; then by place in the dump, for interned members (whose numbers mean nothing) by bytes, and for others by
/// their number.
fn order<M: Membership>(a: &M, b: &M, interned: &Interned) -> std::cmp::Ordering {
    let (a, b) = (a.entry(), b.entry());
    a.key.cmp(&b.key).then_with(|| match (a.source.get(), b.source.get()) {
        (Place::Interned(a), Place::Interned(b)) => interned.get(a).cmp(interned.get(b)),
        _ => a.source.order().cmp(&b.source.order()),
    })
}

impl<M: Membership> Bucket<M> {
    fn new(parts: Vec<Vec<Vec<M>>>, keys: &Keys, members: Members<'_, '_>) -> Result<Self, rdb::Error> {
        let len = parts.iter().flatten().map(Vec::len).sum();
        let mut entries: Vec<M> = Vec::with_capacity(len);
        for chunk in parts.into_iter().flatten() {
            entries.extend_from_slice(&chunk);
        }
        for membership in &mut entries {
            let entry = membership.entry_mut();
            if keys.is_stranger(entry.key) {
                entry.source = entry.source.inexact();
            }
            entry.key = keys.rank_of(entry.key);
        }
        entries.sort_unstable_by_key(|m| m.entry().rank());
        let conflicts = drop_duplicates(&mut entries, members)?;
        let words = entries.len().div_ceil(MARKS_PER_WORD);
        let bucket_index = BucketIndex::new(&entries);
        let marks = (0..words).map(|_| AtomicU64::new(0)).collect();
        let bucket = Self { entries, bucket_index, marks, conflicts };
        bucket.mark_conflicts();
        Ok(bucket)
    }

    fn mark_conflicts(&self) {
        for at in &self.conflicts {
            self.set_mark(*at, Mark::Conflict);
        }
    }

    fn mark(&self, at: usize) -> Mark {
        read_mark(&self.marks, at)
    }

    fn set_mark(&self, at: usize, mark: Mark) -> Mark {
        let shift = at % MARKS_PER_WORD * 2;
        // From missing to anything, a bit is only ever set, so one atomic step is enough.
        let before = self.marks[at / MARKS_PER_WORD].fetch_or((mark as u64) << shift, Ordering::Relaxed);
        mark_of(before >> shift)
    }
}

fn read_mark(marks: &[AtomicU64], at: usize) -> Mark {
    mark_of(marks[at / MARKS_PER_WORD].load(Ordering::Relaxed) >> (at % MARKS_PER_WORD * 2))
}

fn mark_of(bits: u64) -> Mark {
    match bits & 3 {
        0 => Mark::Missing,
        1 => Mark::Right,
        2 => Mark::Rescore,
        _ => Mark::Conflict,
    }
}

/// Drops repeated memberships from sorted entries. The places of those whose scores disagree are returned.
fn drop_duplicates<M: Membership>(entries: &mut Vec<M>, members: Members<'_, '_>) -> Result<Vec<usize>, rdb::Error> {
    let mut scratch = [Vec::new(), Vec::new()];
    let mut conflicts = Vec::new();
    let mut kept = 0;
    for at in 0..entries.len() {
        let membership = entries[at];
        let place = membership.entry().place();
        let mut same = None;
        for earlier in (0..kept).rev() {
            let other = &entries[earlier];
            if other.entry().place() != place {
                break;
            }
            if members.same(other.entry().source, membership.entry().source, &mut scratch)? {
                same = Some(earlier);
                break;
            }
        }
        match same {
            Some(earlier) if entries[earlier].score() != membership.score() => conflicts.push(earlier),
            Some(_) => {}
            None => {
                entries[kept] = membership;
                kept += 1;
            }
        }
    }
    entries.truncate(kept);
    Ok(conflicts)
}

/// Memberships to be written, in order.
#[derive(Debug)]
pub struct Edits<M> {
    buckets: Vec<Vec<M>>,
}

impl<M: Membership> Edits<M> {
    /// These, which are in order.
    pub fn in_order(all: Vec<M>) -> Self {
        Self { buckets: if all.is_empty() { Vec::new() } else { vec![all] } }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.len()).sum()
    }

    /// All of them by index key and source. The buckets are merged on the way, so nothing is copied.
    pub fn iter<'e>(&'e self, interned: &'e Interned) -> impl Iterator<Item = &'e M> {
        let mut heap: BinaryHeap<Reverse<Head<'e, M>>> = self
            .buckets
            .iter()
            .filter_map(|bucket| bucket.split_first())
            .map(|(first, rest)| Reverse(Head { first, rest, interned }))
            .collect();
        std::iter::from_fn(move || {
            let mut top = heap.peek_mut()?;
            let head = &mut top.0;
            let first = head.first;
            match head.rest.split_first() {
                Some((next, rest)) => {
                    head.first = next;
                    head.rest = rest;
                }
                None => {
                    std::collections::binary_heap::PeekMut::pop(top);
                }
            }
            Some(first)
        })
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

struct Head<'e, M> {
    first: &'e M,
    rest: &'e [M],
    interned: &'e Interned,
}

impl<M: Membership> Ord for Head<'_, M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        order(self.first, other.first, self.interned)
    }
}

impl<M: Membership> PartialOrd for Head<'_, M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M: Membership> PartialEq for Head<'_, M> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<M: Membership> Eq for Head<'_, M> {}
