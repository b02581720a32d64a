//! Keys that are in a database twice, in one dump or in two: 16 bytes per key, and the bytes of those alone whose hashes are
//! equal.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::Problem;
use crate::dump::rdb::{self, Header, Walker};

/// The hashes of several dumps are compared in so many parts, each of which fits into a cache.
const PARTS: u64 = 256;

/// Hash of a database and a name, and where the record starts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    hash: u64,
    start: u64,
}

impl Name {
    pub fn of(hasher: &RandomState, db: u64, key: &[u8], start: u64) -> Self {
        Self { hash: hasher.hash_one((db, key)), start }
    }
}

/// Reports every key that stands in its database for the second time. Gives back all names in the order of their hashes.
pub(super) fn find(
    file: &[u8],
    header: Header,
    names: impl Iterator<Item = Vec<Name>>,
    mut report: impl FnMut(u64, Problem),
) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    for names in names {
        if all.is_empty() {
            all = names;
        } else {
            all.extend_from_slice(&names);
        }
    }
    all.par_sort_unstable();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for pair in all.windows(2) {
        let [Name { hash: a, start: one }, Name { hash: b, start: other }] = *pair else { continue };
        if a != b {
            continue;
        }
        // Both were read before.
        let (Ok(x), Ok(y)) = (rdb::key_at(file, header, one), rdb::key_at(file, header, other)) else { continue };
        let (Ok(x), Ok(y)) = (x.decode(&mut first), y.decode(&mut second)) else { continue };
        if x == y {
            report(other, Problem::KeyTwice { first: one });
        }
    }
    all
}

/// A key that is in two dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub db: u64,
    pub key: Vec<u8>,
    /// The number of the first dump that has it, and where its record starts there.
    pub first: (usize, u64),
    pub second: (usize, u64),
}

/// Finds the first key of a dump that one before it has, too. `names` are those of each dump as [`find`] gave them.
pub(super) fn shared(dumps: &[&[u8]], names: &[Vec<Name>]) -> Option<Shared> {
    let bound = |part: u64| part.checked_mul(u64::MAX.div_ceil(PARTS));
    let part = |part: u64| {
        let mut all: Vec<(u64, usize, u64)> = Vec::new();
        for (number, names) in names.iter().enumerate() {
            let place = |hash: Option<u64>| names.partition_point(|name| hash.is_none_or(|hash| name.hash < hash));
            let of = names.get(place(bound(part))..place(bound(part.saturating_add(1)))).unwrap_or_default();
            all.extend(of.iter().map(|name| (name.hash, number, name.start)));
        }
        all.sort_unstable();
        let alike = all.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1);
        alike.filter_map(|alike| first_shared(dumps, alike)).min_by_key(|shared| shared.second)
    };
    let found = (0..PARTS).into_par_iter().filter_map(part).min_by_key(|shared| shared.second)?;
    let (number, start) = found.second;
    let db = dumps
        .get(number)
        .and_then(|file| Walker::new(file).ok()?.records().flatten().find(|r| r.start as u64 == start));
    Some(Shared { db: db.map_or(0, |record| record.db), ..found })
}

/// The first of these records, whose hashes are equal, whose key an earlier dump has.
fn first_shared(dumps: &[&[u8]], alike: &[(u64, usize, u64)]) -> Option<Shared> {
    let mut seen: Vec<(Vec<u8>, (usize, u64))> = Vec::new();
    for &(_, number, start) in alike {
        let Some(key) = dumps.get(number).and_then(|file| key_of(file, start)) else { continue };
        match seen.iter().find(|(known, _)| *known == key) {
            Some((_, first)) if first.0 != number => {
                return Some(Shared { db: 0, key, first: *first, second: (number, start) });
            }
            Some(_) => {}
            None => seen.push((key, (number, start))),
        }
    }
    None
}

/// The name of a key that was read before.
fn key_of(file: &[u8], start: u64) -> Option<Vec<u8>> {
    let header = Walker::new(file).ok()?.header();
    rdb::key_at(file, header, start).ok()?.decode(&mut Vec::new()).ok().map(<[u8]>::to_vec)
}
