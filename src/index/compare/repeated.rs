//! Index keys in which a member stands twice. No server writes such a value, and most refuse it; Redis 6.2 to 8.2 load some
//! of its compact forms, count both, and take out one at a time. What an edit of it comes to nobody knows, so there is none.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::known::Known;
use super::resolve::Resolved;
use super::scan_members::Scanned;
use super::stale::Stale;
use crate::dump::rdb::{self, Resolver};
use crate::index::store::keys::Keys;
use crate::model::view::Diagnostics;
use crate::text::display;

/// From so many on, the members of one key are sorted by all threads.
const MANY: usize = 1 << 16;

/// Leaves such keys alone: those that were seen to have a right member twice, and those with a stale one.
pub fn settle(
    known: &Known<'_, '_>,
    keys: &mut Keys,
    resolved: &mut Resolved,
    scanned: &Scanned,
    diagnostics: &mut Diagnostics,
) -> Result<(), rdb::Error> {
    let present = &mut resolved.present;
    let by_key: Vec<&[Stale]> = scanned.stale.chunk_by(|a, b| a.key == b.key).filter(|stale| stale.len() > 1).collect();
    let found = by_key.into_par_iter().with_min_len(64).map(|stale| {
        let Some(key) = stale.first().and_then(|first| present.get(first.key as usize)) else { return Ok(None) };
        let Some(place) = twice(known, key.start, stale)? else { return Ok(None) };
        Ok(Some((stale[0].key, place)))
    });
    let mut repeated: Vec<u32> = scanned.repeated.clone();
    for (key, member) in found.collect::<Result<Vec<_>, rdb::Error>>()?.into_iter().flatten() {
        repeated.push(key);
        diagnostics.add("index.repeated_member", present[key as usize].start, || {
            format!("{} stands twice in one index key", display(&member))
        });
    }
    for &at in &repeated {
        let key = &mut present[at as usize];
        key.frozen = true;
        if let Some(rank) = key.rank {
            keys.block(rank);
        }
    }
    Ok(())
}

/// A member that is among the stale ones of a key twice. Equal hashes find it, the bytes decide.
fn twice(known: &Known<'_, '_>, start: u64, stale: &[Stale]) -> Result<Option<Vec<u8>>, rdb::Error> {
    let mut hashes: Vec<u32> = stale.iter().map(Stale::hash).collect();
    if hashes.len() < MANY {
        hashes.sort_unstable();
    } else {
        hashes.par_sort_unstable();
    }
    let mut alike: Vec<u32> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if alike.is_empty() {
        return Ok(None);
    }
    alike.dedup();
    let ty = known.record(start)?.value.ty;
    let dump = known.members.dump;
    let mut resolver = Resolver::new(dump.file, dump.header.flavor);
    let mut out = Vec::new();
    let mut names = Vec::new();
    for stale in stale.iter().filter(|stale| alike.binary_search(&stale.hash()).is_ok()) {
        names.push(resolver.resolve(stale.place, ty, &mut out)?.to_vec());
    }
    names.sort_unstable();
    Ok(names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()))
}
