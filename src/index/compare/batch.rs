//! Looking up members in batches, so that cache misses overlap.

use std::ops::Range;

use crate::dump::rdb;
use crate::index::store::buckets::{At, BUCKETS, Bucket, Found, Members, Store};
use crate::index::store::entry::{Membership, Place, place};
use crate::index::store::hash::{Hashed, Hasher};
use crate::index::store::name_prefix::NamePrefix;

/// Members of one index key that are looked up together.
#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub items: Vec<Item>,
    /// Where the records start that members were taken for by their hash, and which members.
    deferred: Vec<(u64, Range<usize>)>,
    /// How many records were gone back to.
    pub gone_back: u64,
    /// A record had the whole hash of a member, and another name.
    pub collided: bool,
}

/// When the bytes of a record are looked at that has the whole hash of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    AtOnce,
    /// When enough of them are noted.
    Later,
    /// It was before: no record had it that is another one.
    Known,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Item {
    /// Of [`Batch::bytes`].
    pub bytes: Range<usize>,
    hashed: Hashed,
    /// It is this, behind the prefix of the index key.
    number: Option<u64>,
    pub place: rdb::Place,
    pub score: f64,
    /// The value of a field, of [`Batch::bytes`].
    pub value: Option<Range<usize>>,
    /// It has an expiry of its own.
    pub expires: bool,
    at: At,
    /// Where the record of the first candidate starts, if the bytes there have to decide.
    start: u64,
    pub found: Option<Found>,
}

impl Item {
    /// See [`crate::index::Entry::hash`].
    pub fn hash(&self) -> u32 {
        self.hashed.hash()
    }
}

impl Batch {
    /// Enough lookups to keep the memory busy, few enough for all they touch to stay in the cache.
    const LEN: usize = 32;

    /// Adds a member of the index key that `near` is about; true if the batch is full now.
    pub fn push(&mut self, near: &Near<'_>, hasher: &Hasher, member: &[u8], place: rdb::Place, score: f64) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        let (hashed, number) = NamePrefix::hash(near.prefix, member, hasher);
        let bytes = start..self.bytes.len();
        let at = At { bucket: hashed.bucket(), entry: 0 };
        let (value, expires) = (None, false);
        self.items.push(Item { bytes, hashed, number, place, score, value, expires, at, start: u64::MAX, found: None });
        self.items.len() >= Self::LEN
    }

    /// Gives the member that was added last a value, and says whether it has an expiry of its own.
    pub fn with_value(&mut self, value: &[u8], expires: bool) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        if let Some(item) = self.items.last_mut() {
            item.value = Some(start..self.bytes.len());
            item.expires = expires;
        }
    }

    /// The records that members were taken for without a look at them, and those members.
    pub fn deferred(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.deferred.iter().map(|(start, bytes)| (*start, self.bytes.get(bytes.clone()).unwrap_or_default()))
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.deferred.clear();
        self.gone_back = 0;
    }
}

/// First entry of an index key in a bucket, and the first one behind it; unknown until asked for.
type Bounds = Option<(usize, usize)>;

/// Where the entries of one index key are in each bucket: found when first asked for.
#[derive(Debug)]
pub struct Near<'k> {
    key: u32,
    /// What members must have to be known by their hash.
    prefix: Option<&'k NamePrefix>,
    /// For a key with few members it does not pay.
    ranges: Option<Box<[Bounds; BUCKETS]>>,
}

impl<'k> Near<'k> {
    /// For the index key of rank `key` (marked to look for orphans), which has a prefix, and about so many lookups.
    pub fn new(key: u32, prefix: Option<&'k NamePrefix>, lookups: u64) -> Self {
        Self { key, prefix, ranges: (lookups > 8 * BUCKETS as u64).then(|| Box::new([None; BUCKETS])) }
    }

    /// About where the hash would be. Hashes are uniform, so its place follows from its value.
    fn guess<M: Membership>(&mut self, buckets: &[Bucket<M>], bucket: usize, hash: u32) -> usize {
        let Bucket { entries, bucket_index, .. } = &buckets[bucket];
        let Some(ranges) = &mut self.ranges else {
            return bucket_index.guess(self.key, hash, entries.len());
        };
        let (from, to) = *ranges[bucket].get_or_insert_with(|| {
            let span = bucket_index.span(self.key, entries.len());
            let near = &entries[span.clone()];
            let bound = |at: usize| span.start + at;
            let from = near.partition_point(|m| m.entry().key < self.key);
            (bound(from), bound(from + near[from..].partition_point(|m| m.entry().key == self.key)))
        });
        from + (((to - from) as u64 * u64::from(hash)) >> 32) as usize
    }
}

impl Near<'_> {
    /// Comes nearer to the hash by what stands where it was expected.
    fn refine<M: Membership>(&self, entries: &[M], at: At, hash: u32) -> usize {
        let Some((from, to)) = self.ranges.as_ref().and_then(|ranges| ranges[at.bucket]) else { return at.entry };
        let Some(there) = entries.get(at.entry).filter(|_| at.entry < to) else { return at.entry };
        let away = i64::from(hash) - i64::from(there.entry().hash);
        // A bucket of more than 2³⁰ entries, which would have 16 GiB, is only searched longer.
        let steps = away.saturating_mul((to - from) as i64) >> 32;
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
    /// A known misses the cache twice in the entries, and where the hash is not exact once more where the member's record
    /// stands in the dump. All lookups of a batch take each of these steps together, so that the misses overlap instead of
    /// adding up.
    pub fn find_all(
        &self,
        near: &mut Near<'_>,
        batch: &mut Batch,
        members: Members<'_, '_>,
        proof: Proof,
        scratch: &mut Vec<u8>,
    ) -> Result<(), rdb::Error> {
        let mut touched = 0_u64;
        for item in &mut batch.items {
            item.at.entry = near.guess(&self.buckets, item.at.bucket, item.hash());
            let entries = &self.buckets[item.at.bucket].entries;
            touched ^= entries.get(item.at.entry).map_or(0, |m| u64::from(m.entry().hash));
        }
        // Hashes are only uniform on the whole: the first guess is several cache lines off, the second one mostly none.
        for item in &mut batch.items {
            let entries = &self.buckets[item.at.bucket].entries;
            item.at.entry = near.refine(entries, item.at, item.hash());
            touched ^= entries.get(item.at.entry).map_or(0, |m| u64::from(m.entry().hash));
        }
        for item in &mut batch.items {
            let entries = &self.buckets[item.at.bucket].entries;
            let wanted = place(near.key, item.hash());
            item.at.entry = first_not_below(entries, item.at.entry, wanted);
            let candidate = entries.get(item.at.entry).map(Membership::entry).filter(|entry| entry.place() == wanted);
            item.start = match candidate.map(|entry| entry.source) {
                Some(source) if proof == Proof::AtOnce && source.is(item.hashed, item.number).is_none() => {
                    match source.get() {
                        Place::Key(start) => start,
                        Place::Interned(_) | Place::Number(_) => u64::MAX,
                    }
                }
                _ => u64::MAX,
            };
            batch.gone_back += u64::from(item.start != u64::MAX);
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
            let wanted = place(near.key, item.hash());
            for (entry, m) in self.buckets[item.at.bucket].entries.iter().enumerate().skip(item.at.entry) {
                if m.entry().place() != wanted {
                    break;
                }
                let source = m.entry().source;
                let is_it = match (source.is(item.hashed, item.number), source.get()) {
                    (Some(is_it), _) => is_it,
                    (None, Place::Key(_)) if proof == Proof::Known => true,
                    (None, Place::Key(start)) if proof == Proof::Later => {
                        batch.deferred.push((start, item.bytes.clone()));
                        true
                    }
                    (None, Place::Key(start)) => {
                        // A server writes equal strings alike.
                        let is_it = members.dump.key_stands_at(start, item.place)
                            || members.dump.key_is(start, member, scratch)?;
                        batch.collided |= !is_it;
                        is_it
                    }
                    (None, Place::Interned(id)) => members.interned.get(id) == member,
                    (None, Place::Number(_)) => false,
                };
                if is_it {
                    let at = At { bucket: item.at.bucket, entry };
                    item.found = Some(Found { source, at, score: m.score() });
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::rdb::{Place as Element, Walker};
    use crate::index::store::buckets::Collector;
    use crate::index::store::entry::{Entry, Source};
    use crate::index::store::interner::Interner;
    use crate::index::store::keys::{Keys, write_group};
    use crate::index::store::name_prefix::NamePrefixes;
    use crate::index::tests::File;
    use crate::model::view::Dump;

    /// With a hash that knows names only by their numbers, what stands before those is told apart nevertheless.
    #[test]
    fn equal_numbers_are_not_enough() {
        let names = ["a:7", "b:7", "a:8", "x", "y", "b:9", "a:5", "b:5", "a:05", "d:6", "b:9", "a:5"];
        // Two groups of one index key, the second one with another prefix; and one of another key.
        let groups: [(&str, &str, &[usize]); 3] =
            [("k", "p", &[0, 1, 2, 3, 6, 8, 11]), ("k", "q", &[5, 4, 7, 9, 10, 6]), ("l", "p", &[1, 0])];
        let (file, starts) = File::of(&names);
        let dump = Dump { file: &file, header: Walker::new(&file).unwrap().header() };
        let (hasher, interner, prefixes) = (Hasher::blind(), Interner::default(), NamePrefixes::default());
        let (mut collector, mut bytes) = (Collector::default(), Vec::new());
        for (key, require, members) in groups {
            write_group(0, key.as_bytes(), std::iter::once(require.as_bytes()), &mut bytes);
            let group = interner.intern(&bytes, hasher.hash(&bytes), &hasher).unwrap();
            for &member in members {
                let name = names[member].as_bytes();
                let (hashed, number) = NamePrefix::hash(prefixes.of(group, name, &hasher), name, &hasher);
                let source = Source::key_at(starts[member], hashed, number.is_some());
                collector.push(hashed.bucket(), Entry { key: group, hash: hashed.hash(), source });
            }
        }
        let keys = Keys::new(interner.freeze(), prefixes, vec![0], |_, _, _| Ok(false)).unwrap();
        let interned = Interner::default().freeze();
        let members = Members { dump, interned: &interned, prefixes: &[] };
        let store = Store::new(vec![collector], &keys, members).unwrap();
        let there: [(&str, &[&str]); 2] =
            [("k", &["a:7", "b:7", "a:8", "x", "y", "b:9", "a:5", "b:5", "a:05", "d:6"]), ("l", &["a:7", "b:7"])];
        let asked = ["c:7", "a:9", "d:9", "b:8", "a:007", "z", "7", "b:6", "a:6", "b:05", "a:05"];
        for (key, there) in there {
            let rank = keys.find(0, key.as_bytes()).unwrap();
            for lookups in [0, u64::MAX] {
                let mut near = Near::new(rank, keys.prefix(rank), lookups);
                let mut batch = Batch::default();
                for name in names.iter().chain(&asked) {
                    // Where it stands is not looked at: no record does.
                    let place = Element { string: file.len() as u64, inner: Element::WHOLE };
                    batch.push(&near, &hasher, name.as_bytes(), place, 0.0);
                }
                store.find_all(&mut near, &mut batch, members, Proof::AtOnce, &mut bytes).unwrap();
                for (name, item) in names.iter().chain(&asked).zip(&batch.items) {
                    let first = names.iter().position(|other| other == name).filter(|_| there.contains(name));
                    let expected = first.map(|at| Place::Key(starts[at]));
                    assert_eq!(item.found.map(|found| found.source.get()), expected, "{name} in {key}");
                }
            }
            let count = store.buckets.iter().flat_map(|b| &b.entries).filter(|entry| entry.key == rank).count();
            assert_eq!(count, there.len(), "each of {key} once");
        }
    }
}
