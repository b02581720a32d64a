//! Why members are stale: found for all of them in one sweep over what the records imply.

use std::collections::HashMap;

use hashbrown::HashTable;

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
    let spread = |hash: u32| u64::from(hash) << 32 | u64::from(hash);
    let mut table: HashTable<u32> = HashTable::new();
    for (at, member) in stale.iter().enumerate() {
        if lookup.names.spec.indexes[index_of(member)].member.is_record_key() {
            table.insert_unique(spread(member.hash), at as u32, |&at| spread(stale[at as usize].hash));
        }
    }
    if table.is_empty() {
        return Ok(());
    }
    // Entries with the hash of a stale member of the same index: they may be its record's.
    let collect = |found: &mut Vec<(u32, Entry)>, entry: &Entry| {
        let same = table.iter_hash(spread(entry.hash));
        found.extend(same.filter(|&&at| stale[at as usize].hash == entry.hash).map(|&at| (at, *entry)));
    };
    let mut found = sets.fold(Vec::new, |found, entry, _| collect(found, entry));
    found.extend(zsets.fold(Vec::new, |found, scored: &Scored, _: Mark| collect(found, scored.entry())));
    let found: Vec<(u32, Entry)> = found.into_iter().flatten().collect();

    let file = lookup.members.dump.file;
    let flavor = lookup.members.dump.header.flavor;
    let mut resolver = Resolver::new(file, flavor);
    let (mut out, mut scratch) = (Vec::new(), Vec::new());
    // Once for each key: to find a record's type again is to go through its whole value.
    let mut types = HashMap::new();
    for one in stale.chunk_by(|a, b| a.key == b.key).filter_map(<[Stale]>::first) {
        types.insert(one.key, lookup.record(present[one.key as usize].start)?.value.ty);
    }
    for (at, entry) in found {
        let member = &mut stale[at as usize];
        let rank = entry.key & !ORPHAN;
        if keys.index(rank) != present[member.key as usize].index as usize {
            continue;
        }
        let Some(&ty) = types.get(&member.key) else { continue };
        let bytes = resolver.resolve(member.place, ty, &mut out)?;
        if !lookup.members.is(entry.source, bytes, &mut scratch)? {
            continue;
        }
        member.reason = match member.reason {
            _ if entry.key & ORPHAN == 0 && matches!(member.reason, Reason::MovedTo(other) if other < rank) => {
                member.reason
            }
            _ if entry.key & ORPHAN == 0 => Reason::MovedTo(rank),
            Reason::NotImplied => Reason::Orphan,
            known => known,
        };
    }
    for member in stale.iter_mut() {
        let index = index_of(member);
        if member.reason != Reason::NotImplied || !lookup.names.spec.indexes[index].member.is_record_key() {
            continue;
        }
        let Some(&ty) = types.get(&member.key) else { continue };
        let bytes = resolver.resolve(member.place, ty, &mut out)?;
        let exists = unindexed[index].contains(&lookup.members.dump, bytes, lookup.hasher.hash(bytes), &mut scratch)?;
        member.reason = if exists { Reason::ImpliesNothing } else { Reason::RecordMissing };
    }
    Ok(())
}
