//! Keys that are in a database twice: five bytes per key while the dump is read and eight when it has been, and a second look at those alone whose hashes are equal.
//!
//! Each thread notes 40 bits of a hash of each name, and every so many records where they are in the dump. Where two hashes
//! are equal, which by chance happens once among a million names, the records that they may be of are walked again, and the
//! names decide.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::dump::rdb::{self, Header, Item, Record, Walker};

/// Records that are walked again at a time.
const GROUP: u8 = 64;
/// What may stand between two records of a group: where other threads have the records in between, there is more.
const GAP: usize = 4096;
/// Notes are kept in pieces, so that growing never copies.
const CHUNK: usize = 1 << 13;
/// Of names that nothing asks for, so many are noted in all, or none: there may be many more of them than of the others.
const ASIDE: u64 = 1 << 20;
/// Groups that are walked again for one hash. A sound dump has one or two.
const LOOKS: usize = 1 << 10;
/// Notes are compared in so many parts, so that little memory is needed at a time.
const PARTS: u8 = 64;
/// Of a group's number in a sorted note.
const GROUP_BITS: u32 = 30;

/// A key that stands in its database for the second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twice {
    /// The database.
    pub db: u64,
    /// The name.
    pub key: Vec<u8>,
    /// Where its records start.
    pub first: u64,
    /// Offset of the second record.
    pub second: u64,
}

/// The names that one thread met.
#[derive(Debug)]
pub struct Names<'h> {
    hasher: &'h RandomState,
    groups: Vec<Group>,
    /// Where the last record ends, and how many records are in the last group.
    end: usize,
    records: u8,
    /// How many names were met that nothing asks for.
    aside: u64,
    low: Vec<Vec<u32>>,
    high: Vec<Vec<u8>>,
}

/// Records that follow each other.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Where the first one starts, and its database.
    start: u64,
    db: u64,
    /// Where the last one starts.
    last: u64,
    names: u8,
}

impl<'h> Names<'h> {
    /// No name yet; names are told apart by this hash first.
    pub fn new(hasher: &'h RandomState) -> Self {
        Self { hasher, groups: Vec::new(), end: 0, records: GROUP, aside: 0, low: Vec::new(), high: Vec::new() }
    }

    /// Gives what was noted, and begins anew.
    pub fn take(&mut self) -> Self {
        let hasher = self.hasher;
        std::mem::replace(self, Self::new(hasher))
    }

    /// Notes a record of this name. Names that nothing `asks` for are noted, too, unless there are very many of them.
    #[inline]
    pub fn add(&mut self, record: &Record<'_>, key: &[u8], asks: bool) {
        let near = record.start.checked_sub(self.end).is_some_and(|gap| gap <= GAP);
        self.end = record.value.end();
        self.records = if near { self.records.saturating_add(1) } else { u8::MAX };
        if !asks {
            self.aside += 1;
            if self.aside > ASIDE {
                return;
            }
        }
        let start = record.start as u64;
        match self.groups.last_mut() {
            Some(group) if self.records <= GROUP => {
                group.last = start;
                group.names += 1;
            }
            _ => {
                self.records = 1;
                self.groups.push(Group { start, db: record.db, last: start, names: 1 });
            }
        }
        if !record.value.can_be_revisited() {
            // Nothing behind it can be reached from before it.
            self.records = GROUP;
        }
        let print = print(self.hasher, record.db, key, asks);
        push(&mut self.low, (print & 0xffff_ffff) as u32);
        push(&mut self.high, (print >> 32) as u8);
    }

    /// Gives the notes by part, each with the number of its group, the first of which is `base`. What they took before is
    /// given back piece by piece.
    fn into_parts(self, asked: bool, base: u64) -> (Vec<Group>, Vec<Vec<u64>>) {
        let wanted = |high: u8| !asked || high & ASKED != 0;
        let mut sizes = [0; PARTS as usize];
        for high in self.high.iter().flatten().filter(|high| wanted(**high)) {
            sizes[usize::from(high % PARTS)] += 1;
        }
        let mut parts: Vec<Vec<u64>> = sizes.iter().map(|size| Vec::with_capacity(*size)).collect();
        let mut groups = self.groups.iter().zip(base..);
        let (mut left, mut group) = (0, base);
        for (low, high) in self.low.into_iter().zip(self.high) {
            for (low, high) in low.into_iter().zip(high) {
                while left == 0 {
                    let Some((next, number)) = groups.next() else { break };
                    (left, group) = (next.names, number);
                }
                left = left.saturating_sub(1);
                if wanted(high) {
                    let note = (u64::from(high / PARTS) << 32 | u64::from(low)) << GROUP_BITS | group;
                    parts[usize::from(high % PARTS)].push(note);
                }
            }
        }
        (self.groups, parts)
    }
}

fn push<T>(chunks: &mut Vec<Vec<T>>, value: T) {
    match chunks.last_mut() {
        Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(value),
        _ => {
            let mut chunk = Vec::with_capacity(CHUNK);
            chunk.push(value);
            chunks.push(chunk);
        }
    }
}

/// The upper bit of a note: something asks for the name.
const ASKED: u8 = 1 << 7;

/// 39 bits that tell names from each other, nearly always, and whether something asks for the name.
fn print(hasher: &RandomState, db: u64, key: &[u8], asks: bool) -> u64 {
    hasher.hash_one((db, key)) >> 25 | if asks { u64::from(ASKED) << 32 } else { 0 }
}

/// Finds the first record in the dump whose key stood in its database before. Of the two records `counts` says whether
/// they are to be found. `asks` must have been the same for both.
pub fn find(
    file: &[u8],
    header: Header,
    names: Vec<Names<'_>>,
    counts: impl Fn(u64, u64) -> bool + Sync,
) -> Option<Twice> {
    let asked = names.iter().map(|names| names.aside).sum::<u64>() > ASIDE;
    let mut number = 0_u64;
    let based: Vec<(u64, Names<'_>)> = names
        .into_iter()
        .map(|names| {
            let base = number;
            number += names.groups.len() as u64;
            (base, names)
        })
        .collect();
    let bases: Vec<u64> = based.iter().map(|(base, _)| *base).collect();
    let (groups, notes): (Vec<Vec<Group>>, Vec<Vec<Vec<u64>>>) =
        based.into_par_iter().map(|(base, names)| names.into_parts(asked, base)).unzip();
    let group = |number: u64| {
        let at = bases.partition_point(|base| *base <= number).checked_sub(1)?;
        groups.get(at)?.get(usize::try_from(number - bases.get(at)?).ok()?).copied()
    };
    let part = |part: u8| {
        let lists: Vec<&[u64]> =
            notes.iter().filter_map(|parts| parts.get(usize::from(part))).map(Vec::as_slice).collect();
        let mut notes = perhaps_twice(&lists);
        notes.sort_unstable();
        let alike = notes.chunk_by(|a, b| a >> GROUP_BITS == b >> GROUP_BITS).filter(|alike| alike.len() > 1);
        let mut suspects: Vec<(u64, &[u64])> = alike
            .map(|alike| {
                let starts = alike.iter().filter_map(|note| group(note & GROUP_MASK)).map(|group| group.start);
                let (_, second) = starts.fold((u64::MAX, u64::MAX), |(first, second), start| {
                    if start < first { (start, first) } else { (first, second.min(start)) }
                });
                (second, alike)
            })
            .collect();
        suspects.sort_unstable();
        let mut best: Option<Twice> = None;
        for (second, alike) in suspects {
            // What is found now stands further on.
            if best.as_ref().is_some_and(|best| best.second < second) {
                break;
            }
            let mut places: Vec<Group> = alike.iter().filter_map(|note| group(note & GROUP_MASK)).collect();
            places.sort_unstable_by_key(|group| group.start);
            places.dedup_by_key(|group| group.start);
            places.truncate(LOOKS);
            best = [best, look(file, header, &places, &counts)].into_iter().flatten().min_by_key(|twice| twice.second);
        }
        best
    };
    (0..PARTS).into_par_iter().filter_map(part).min_by_key(|twice| twice.second)
}

/// The notes whose hash another one may have: all those, and a few that only look so. To look for them with a bit for each
/// hash is much faster than to sort all of them.
fn perhaps_twice(lists: &[&[u64]]) -> Vec<u64> {
    let count: usize = lists.iter().map(|list| list.len()).sum();
    let notes = || lists.iter().flat_map(|list| list.iter().copied());
    let bits = count.saturating_mul(16).next_power_of_two().max(64);
    let (mut once, mut twice) = (vec![0_u64; bits / 64], vec![0_u64; bits / 64]);
    let place = |note: u64| {
        let at = (note >> GROUP_BITS) as usize & (bits - 1);
        (at / 64, 1 << (at % 64))
    };
    for note in lists.iter().copied().flatten() {
        let (at, bit) = place(*note);
        twice[at] |= once[at] & bit;
        once[at] |= bit;
    }
    notes()
        .filter(|note| {
            let (at, bit) = place(*note);
            twice[at] & bit != 0
        })
        .collect()
}

const GROUP_MASK: u64 = (1 << GROUP_BITS) - 1;

/// Walks these groups again, and finds the first key in them that is there twice.
fn look(file: &[u8], header: Header, groups: &[Group], counts: &impl Fn(u64, u64) -> bool) -> Option<Twice> {
    let mut seen: BTreeMap<(u64, Vec<u8>), Vec<u64>> = BTreeMap::new();
    let mut scratch = Vec::new();
    for group in groups {
        let mut note = |db: u64, start: u64, key: rdb::RawStr<'_>| {
            // It was decoded before.
            if let Ok(key) = key.decode(&mut scratch) {
                seen.entry((db, key.to_vec())).or_default().push(start);
            }
        };
        let mut walker = Walker::at(file, header, usize::try_from(group.start).unwrap_or(usize::MAX), group.db);
        let mut db = group.db;
        while walker.position() as u64 <= group.last {
            match walker.next() {
                Ok(Some(Item::Record(record))) => note(record.db, record.start as u64, record.key),
                Ok(Some(Item::SelectDb(selected))) => db = selected,
                Ok(Some(Item::End(_)) | None) => break,
                Ok(Some(_)) => {}
                Err(_) => {
                    // The last one of a group may refer to what stands far before it; its name does not.
                    if let Ok(key) = rdb::key_at(file, header, group.last) {
                        note(db, group.last, key);
                    }
                    break;
                }
            }
        }
    }
    let found = seen.into_iter().filter_map(|((db, key), mut starts)| {
        starts.sort_unstable();
        starts.dedup();
        let (at, second) = starts
            .iter()
            .enumerate()
            .find(|(at, second)| starts.iter().take(*at).any(|first| counts(*first, **second)))?;
        let first = starts.iter().take(at).find(|first| counts(**first, *second))?;
        Some(Twice { db, key, first: *first, second: *second })
    });
    found.min_by_key(|twice| twice.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::scan;
    use crate::progress::Observer;

    struct Worker<'h>(Names<'h>, fn(&[u8]) -> bool);

    impl<'a> scan::Worker<'a> for Worker<'_> {
        fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
            let mut scratch = Vec::new();
            let key = record.key.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(0, kind))?;
            self.0.add(record, key, (self.1)(key));
            Ok(())
        }
    }

    /// A dump of these keys with their databases, and where each record starts.
    fn dump(keys: impl Iterator<Item = (u8, String)>) -> (Vec<u8>, Vec<u64>) {
        let (mut file, mut starts, mut selected) = (b"REDIS0011".to_vec(), Vec::new(), 0);
        for (db, key) in keys {
            if db != selected {
                file.extend([0xfe, db]);
                selected = db;
            }
            starts.push(file.len() as u64);
            file.extend([0, u8::try_from(key.len()).unwrap()]);
            file.extend_from_slice(key.as_bytes());
            file.extend([1, b'v']);
        }
        file.extend([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        (file, starts)
    }

    fn find_in(file: &[u8], asks: fn(&[u8]) -> bool) -> Option<Twice> {
        let header = Walker::new(file).unwrap().header();
        let one = |threads| {
            let hasher = RandomState::default();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let new = || Worker(Names::new(&hasher), asks);
                let pass = scan::run(file, &Observer::default(), new).unwrap();
                find(file, header, pass.workers.into_iter().map(|worker| worker.0).collect(), |_, _| true)
            })
        };
        let found = one(1);
        assert_eq!(one(4), found);
        found
    }

    #[test]
    fn no_key_is_there_twice() {
        let keys =
            (0..50_000).map(|n| (u8::from(n % 20_000 > 9_000), format!("key:{}", n % 45_000 + n / 45_000 * 50_000)));
        assert_eq!(find_in(&dump(keys).0, |_| true), None);
        // The same name in two databases is two keys.
        let keys = (0..2).flat_map(|db| (0..1000).map(move |n| (db, format!("key:{n}"))));
        assert_eq!(find_in(&dump(keys).0, |_| true), None);
    }

    /// Wherever the two stand: far apart, side by side, the first and the last, with an empty name.
    #[test]
    fn the_first_that_is_there_twice() {
        for (first, second) in [(0, 29_999), (5, 6), (0, 1), (63, 64), (100, 20_000), (29_998, 29_999)] {
            for name in ["", "twice"] {
                let keys = (0..30_000).map(|n| {
                    let at_end = second < 25_000 && (n == 25_000 || n == 27_000);
                    match n {
                        n if n == first || n == second => (0, name.to_owned()),
                        // Others come twice further on, or in the other database.
                        _ if at_end => (0, "another".to_owned()),
                        n if n == first + 1 => (1, name.to_owned()),
                        n => (0, format!("key:{n}")),
                    }
                });
                let (file, starts) = dump(keys);
                let found = find_in(&file, |key| key.is_empty() || key.starts_with(b"t")).unwrap();
                let expected = Twice { db: 0, key: name.into(), first: starts[first], second: starts[second] };
                assert_eq!(found, expected);
            }
        }
    }
}
