//! Keys that are in a database twice: 16 bytes per key, and the bytes of those alone whose hashes are equal.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut;

use super::Problem;
use crate::dump::rdb::{self, Header};

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

/// Reports every key that stands in its database for the second time.
pub(super) fn find(
    file: &[u8],
    header: Header,
    names: impl Iterator<Item = Vec<Name>>,
    mut report: impl FnMut(u64, Problem),
) {
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
}
