//! The edits of a difference: how many there are, which keys are made anew, and what is added key by key.

use std::collections::HashSet;

use super::error::Error;
use crate::dump::rdb;
use crate::index::{DeleteReason, Difference, Edits, Membership};

/// How many edits there are, each of which is written once forth and once back.
pub fn count(d: &Difference<'_>) -> u64 {
    (d.deletions.len() + d.stale.len() + d.sets.len() + d.zsets.len()) as u64
}

/// Ranks of the keys that are deleted for their type and made anew.
pub fn rebuilt(d: &Difference<'_>) -> Result<HashSet<u32>, rdb::Error> {
    let mut scratch = Vec::new();
    let mut rebuilt = HashSet::new();
    for deletion in d.deletions.iter().filter(|deletion| deletion.reason == DeleteReason::WrongType) {
        let key = d.dump.key(deletion.start, &mut scratch)?;
        let rank = d.keys.find(deletion.index as usize, key);
        rebuilt.extend(rank.filter(|&rank| d.keys.is_live(rank) && !d.keys.is_blocked(rank)));
    }
    Ok(rebuilt)
}

/// Calls `each` for every index key that is added to, with its members: all in the order of the edits, none kept.
pub fn by_key<'e, M: Membership>(
    edits: &'e Edits<M>,
    d: &'e Difference<'_>,
    mut each: impl FnMut(u32, &mut dyn Iterator<Item = &'e M>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut all = edits.iter(&d.interned).peekable();
    while let Some(first) = all.next() {
        let rank = first.entry().key;
        let rest = std::iter::from_fn(|| all.next_if(|next| next.entry().key == rank));
        let mut members = std::iter::once(first).chain(rest);
        each(rank, &mut members)?;
        members.for_each(drop);
    }
    Ok(())
}
