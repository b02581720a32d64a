//! Commands that prune, as a script takes them: none too long for one, and each after those that delete what it names.

use std::collections::HashMap;

use crate::replay::guard::{Judge, Known, most_parts, named};
use crate::replay::script::item::Item;

/// A chain of deletions that is longer than this is a ring.
const MOST_DEPTH: u32 = 64;

/// Of deletions of keys, and of what was put in their place, those first that something else names. What a plan deletes
/// counts as gone, so it must be gone by then.
pub fn in_turn<'a>(items: Vec<Item<'a>>, known: &Known<'a>, judge: &dyn Judge) -> Vec<Item<'a>> {
    let depths = depths(&items, known, judge);
    let mut deleting: Vec<(u32, Item<'a>)> = Vec::new();
    let mut others = Vec::new();
    for item in items {
        let depth = |key: &[u8]| depths.get(&(item.db, key)).copied().unwrap_or_default();
        if !item.verb.deletes_keys() {
            let pieces = split(item.clone(), judge);
            match known.deletes(item.db, item.key()) && pieces_of_deletion(&item) {
                true => deleting.extend(pieces.into_iter().map(|piece| (depth(item.key()), piece))),
                false => others.extend(pieces),
            }
            continue;
        }
        let is_pruned = |key: &[u8]| judge.prunes(item.db, key).is_some();
        let mut kinds: Vec<(u32, bool)> = item.keys().iter().map(|key| (depth(key), is_pruned(key))).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let mut piece = item.clone();
            if piece.retain(|_, key| (depth(key), is_pruned(key)) == kind) {
                deleting.extend(split(piece, judge).into_iter().map(|piece| (kind.0, piece)));
            }
        }
    }
    deleting.sort_by_key(|(depth, _)| *depth);
    deleting.into_iter().map(|(_, item)| item).chain(others).collect()
}

/// Whether a command stands for a deletion: it takes out what the key held.
fn pieces_of_deletion(item: &Item<'_>) -> bool {
    use crate::replay::script::Verb::{HDel, LRem, SRem, ZRem};
    matches!(item.verb, SRem | ZRem | HDel | LRem)
}

/// How many deletions must come before that of a key, one after the other.
fn depths<'a>(items: &[Item<'a>], known: &Known<'a>, judge: &dyn Judge) -> HashMap<(u32, &'a [u8]), u32> {
    type Key<'k> = (u32, &'k [u8]);
    let mut names: Vec<(Key<'a>, (u32, Vec<u8>))> = Vec::new();
    for item in items.iter().filter(|item| known.deletes(item.db, item.key())) {
        let of_parts = named(judge, known, item);
        for ((_, part), named) in item.parts().zip(of_parts) {
            let key = if item.verb.deletes_keys() { part } else { item.key() };
            let deleted = named.into_iter().flatten().filter(|named| known.deletes(item.db, &named.key));
            names.extend(deleted.map(|named| ((item.db, key), (item.db, named.key))));
        }
        let by_name = judge.named_by_name(item.db, item.key()).into_iter().flatten();
        let deleted = by_name.filter(|named| known.deletes(item.db, &named.key));
        names.extend(deleted.map(|named| ((item.db, item.key()), (item.db, named.key))));
    }
    names.sort_unstable();
    names.dedup();
    let mut depths: HashMap<(u32, &'a [u8]), u32> = HashMap::new();
    for _ in 0..MOST_DEPTH {
        let mut deeper = false;
        for (key, (db, named)) in &names {
            let least = depths.get(&(*db, &named[..])).copied().unwrap_or_default().saturating_add(1);
            let depth = depths.entry(*key).or_default();
            if *depth < least && least <= MOST_DEPTH {
                *depth = least;
                deeper = true;
            }
        }
        if !deeper {
            break;
        }
    }
    depths
}

/// Pieces of a command that prunes, each short enough for a script.
fn split<'a>(item: Item<'a>, judge: &dyn Judge) -> Vec<Item<'a>> {
    let Some(pruned) = judge.prunes(item.db, item.key()) else { return vec![item] };
    let (most, parts) = (most_parts(pruned), item.parts().count());
    if parts <= most || !(item.verb.deletes_keys() || pieces_of_deletion(&item)) {
        return vec![item];
    }
    let pieces = (0..parts.div_ceil(most)).filter_map(|number| {
        let mut piece = item.clone();
        let is_in = |at: usize| at.checked_div(most) == Some(number);
        piece.retain(|at, _| is_in(at)).then_some(piece)
    });
    pieces.collect()
}
