//! Why members are stale: found for all of them in one sweep over what the records imply.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::stale::{Reason, Stale};
use crate::dump::rdb::{self, Resolver, ValueType};
use crate::index::Present;
use crate::index::compare::known::Known;
use crate::index::store::buckets::{Implied, Mark};
use crate::index::store::entry::{Entry, Membership, ORPHAN, Place, Scored};
use crate::index::store::keys::Keys;
use crate::index::store::record_set::RecordSet;

/// Members that one task explains before it looks for more.
const TASK: usize = 4096;

/// Fills in the reasons. Only where members are keys of records can there be one.
pub fn explain(
    known: &Known<'_, '_>,
    stale: &mut [Stale],
    present: &[Present],
    implied: Implied<'_>,
    unindexed: &[RecordSet],
) -> Result<(), rdb::Error> {
    let index_of = |stale: &Stale| present[stale.key as usize].index as usize;
    let by_key: Vec<bool> = known.names.spec.by_record_key();
    if !by_key.contains(&true) {
        stale.iter_mut().for_each(|member| member.explain(Reason::NotImplied));
        return Ok(());
    }
    let hashes = Hashes::new(stale.len());
    stale.par_iter().filter(|member| by_key[index_of(member)]).for_each(|member| hashes.insert(member.hash()));
    // Entries that may have the hash of a stale member: they may be its record's.
    let collect = |found: &mut Vec<Entry>, entry: &Entry| {
        if hashes.may_have(entry.hash) {
            found.push(*entry);
        }
    };
    let mut found = implied.sets.fold(Vec::new, |found, entry, _| collect(found, entry));
    found.extend(implied.zsets.fold(Vec::new, |found, scored: &Scored, _: Mark| collect(found, scored.entry())));
    let mut found = found.concat();
    drop(hashes);
    found.par_sort_unstable_by_key(|entry| (entry.hash, entry.key));

    // Once for each key: to find a record's type again is to go through its whole value.
    let mut types = HashMap::new();
    for one in stale.chunk_by(|a, b| a.key == b.key).filter_map(<[Stale]>::first) {
        types.insert(one.key, known.record(present[one.key as usize].start)?.value.ty);
    }
    let explainer = Explainer { known, keys: implied.keys, unindexed, found: &found };
    stale.par_chunks_mut(TASK).try_for_each(|task| {
        let mut resolver = Resolver::new(known.members.dump.file, known.members.dump.header.flavor);
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        for member in task {
            let index = index_of(member);
            let reason = match types.get(&member.key) {
                Some(ty) if by_key[index] => {
                    explainer.one(member, index, *ty, &mut resolver, &mut out, &mut scratch)?
                }
                _ => Reason::NotImplied,
            };
            member.explain(reason);
        }
        Ok(())
    })
}

struct Explainer<'e, 'l, 'a> {
    known: &'e Known<'l, 'a>,
    keys: &'e Keys,
    unindexed: &'e [RecordSet],
    /// In the order of hashes, then of keys.
    found: &'e [Entry],
}

impl<'a> Explainer<'_, '_, 'a> {
    fn one(
        &self,
        member: &Stale,
        index: usize,
        ty: ValueType,
        resolver: &mut Resolver<'a>,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<Reason, rdb::Error> {
        let members = &self.known.members;
        let hash = member.hash();
        let bytes = resolver.resolve(member.place, ty, out)?;
        let from = self.found.partition_point(|entry| entry.hash < hash);
        let mut orphan = false;
        // Orphans come last, and of the other keys the first one.
        for entry in self.found[from..].iter().take_while(|entry| entry.hash == hash) {
            let rank = entry.key & !ORPHAN;
            let Place::Key(start) = entry.source.get() else { continue };
            if self.keys.index(rank) != index || !members.dump.key_is(start, bytes, scratch)? {
                continue;
            }
            if entry.key & ORPHAN == 0 {
                return Ok(Reason::MovedTo(rank));
            }
            orphan = true;
        }
        if orphan {
            return Ok(Reason::Orphan);
        }
        let full_hash = self.known.hasher.hash(bytes);
        let exists = self.unindexed[index].contains(&members.dump, bytes, full_hash, scratch)?;
        Ok(if exists { Reason::ImpliesNothing } else { Reason::RecordMissing })
    }
}

/// Which hashes there are, more or less: one bit for all that begin alike.
struct Hashes {
    bits: Vec<AtomicU64>,
    shift: u32,
}

impl Hashes {
    /// For so many hashes: few bits are set by chance, and they take 32 MB at most.
    fn new(count: usize) -> Self {
        let wide = (count as u64).saturating_mul(16).next_power_of_two().clamp(1 << 10, 1 << 28);
        Self { bits: (0..wide / 64).map(|_| AtomicU64::new(0)).collect(), shift: 32 - wide.trailing_zeros() }
    }

    fn insert(&self, hash: u32) {
        let at = (hash >> self.shift) as usize;
        self.bits[at / 64].fetch_or(1 << (at % 64), Ordering::Relaxed);
    }

    fn may_have(&self, hash: u32) -> bool {
        let at = (hash >> self.shift) as usize;
        self.bits[at / 64].load(Ordering::Relaxed) >> (at % 64) & 1 == 1
    }
}
