//! Index keys of which nothing certain is implied: records give every one of their members several scores.

use std::collections::{HashMap, HashSet};

use super::resolve::Resolved;
use super::scan_members::Scanned;
use crate::index::store::buckets::{Mark, Store};
use crate::index::store::entry::{ORPHAN, Scored};
use crate::index::store::keys::Keys;
use crate::index::{DeleteReason, Deletion, Summary};
use crate::model::spec::{Brake, Policy, Spec};

/// Sees to it that such a key is not made, and that it is deleted where nothing that it holds can stay: to take out its
/// members one by one would delete it as well, and its expiry would be forgotten.
pub fn settle(
    spec: &Spec,
    zsets: &Store<Scored>,
    keys: &mut Keys,
    summaries: &mut [Summary],
    resolved: &mut Resolved,
    scanned: &mut Scanned,
) {
    let Resolved { present, deletions, .. } = resolved;
    let mut ranks = disputed_only(zsets);
    if ranks.is_empty() {
        return;
    }
    for &rank in &ranks {
        keys.block(rank);
    }
    let mut held: HashMap<u32, u64> = HashMap::new();
    for (key, counts) in &scanned.counts {
        let accepted = spec.indexes[present[*key as usize].index as usize].accepted.has(Brake::ForeignMembers);
        *held.entry(*key).or_default() += counts.held + counts.conflicts + if accepted { 0 } else { counts.foreign };
    }
    let mut deleted = HashSet::new();
    for (at, key) in present.iter_mut().enumerate() {
        let at = at as u32;
        if !key.rank.is_some_and(|rank| ranks.remove(&rank)) || held.get(&at).is_some_and(|held| *held > 0) {
            continue;
        }
        let index = key.index as usize;
        if spec.indexes[index].policy == Policy::Maintain && !key.frozen {
            deleted.insert(at);
            let (start, reason) = (key.start, DeleteReason::Disputed);
            deletions.push(Deletion { start, index: key.index, reason, bytes: u32::MAX });
            summaries[index].correct_keys -= 1;
            summaries[index].stale_members -= key.stale;
            key.stale = 0;
        }
    }
    // What is left in `ranks` is not there, or has the wrong type.
    for rank in ranks {
        let absent = &mut summaries[keys.index(rank)].absent_keys;
        *absent = absent.saturating_sub(1);
    }
    if !deleted.is_empty() {
        scanned.stale.retain(|stale| !deleted.contains(&stale.key));
        deletions.sort_unstable_by_key(|key| (key.index, key.start));
    }
}

/// The ranks of index keys all of whose members are disputed.
fn disputed_only(zsets: &Store<Scored>) -> HashSet<u32> {
    let live = |scored: &Scored| (scored.entry.key & ORPHAN == 0).then_some(scored.entry.key);
    let disputed = zsets.fold(Vec::new, |found, scored: &Scored, mark| {
        found.extend(live(scored).filter(|_| mark == Mark::Conflict));
    });
    let mut ranks: HashSet<u32> = disputed.into_iter().flatten().collect();
    if !ranks.is_empty() {
        let certain = zsets.fold(Vec::new, |found, scored: &Scored, mark| {
            found.extend(live(scored).filter(|rank| mark != Mark::Conflict && ranks.contains(rank)));
        });
        for rank in certain.into_iter().flatten() {
            ranks.remove(&rank);
        }
    }
    ranks
}
