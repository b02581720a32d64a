//! Why members are stale: found for all of them in one sweep over what the records imply.

use hashbrown::HashTable;
use rayon::iter::{IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::entry::{Entry, Membership, ORPHAN, Scored};
use super::keys::Keys;
use super::keyset::KeySet;
use super::probe::{Reason, Stale};
use super::store::{Mark, Store};
use super::{Lookup, Present};
use crate::rdb::{self, Resolver};

/// Fills in the reasons. Only where members are keys of records can there be one.
pub fn explain(
    lookup: &Lookup<'_, '_>,
    stale: &mut [Stale],
    present: &[Present],
    sets: &Store<Entry>,
    zsets: &Store<Scored>,
    keys: &Keys,
    unindexed: &[KeySet],
) -> Result<(), rdb::Error> {
    let index_of = |stale: &Stale| present[stale.key as usize].index as usize;
    let by_key = |stale: &Stale| lookup.names.spec.indexes[index_of(stale)].member.is_record_key();
    let mut table: HashTable<u32> = HashTable::new();
    let spread = |hash: u32| u64::from(hash) << 32 | u64::from(hash);
    for (at, stale) in stale.iter().enumerate() {
        if by_key(stale) {
            table.insert_unique(spread(stale.hash), at as u32, |&at| spread(stale_hash(at)));
        }
    }
    Ok(())
}
