//! Families that list the same records, each under one value: one family with both values in its keys.

use super::{Change, Item, Numbered, Reason, Stats, View, lines};
use crate::model::memory::{self, Encoding};

/// A key of both has at least so many members in the mean.
const LEAST_MEMBERS: u64 = 4;
/// A second value makes a name so much longer, more or less.
const PART: usize = 16;

/// Of families that could be joined, those that save most first; each is joined once.
pub(super) fn items(view: &View<'_>) -> Vec<Numbered> {
    let all: Vec<(usize, &Stats)> = view.indexes(50).filter(|(_, stats)| stats.is_of_sets()).collect();
    let mut items: Vec<Numbered> = Vec::new();
    for (at, (first, stats)) in all.iter().enumerate() {
        for (second, others) in all.iter().skip(at.saturating_add(1)) {
            items.extend(joined(view, (*first, stats), (*second, others)).map(|item| (vec![*first, *second], item)));
        }
    }
    items.sort_by_key(|(about, item)| {
        (std::cmp::Reverse(item.bytes.before.saturating_sub(item.bytes.after)), about.clone())
    });
    let mut taken: Vec<usize> = Vec::new();
    items.retain(|(about, _)| {
        let free = !about.iter().any(|at| taken.contains(at));
        if free {
            taken.extend(about);
        }
        free
    });
    items
}

fn joined(view: &View<'_>, (first, stats): (usize, &Stats), (second, others): (usize, &Stats)) -> Option<Item> {
    let (shared, back) = (view.joined.shared(first, second)?, view.joined.shared(second, first)?);
    let (of, members, keys) = view.joined.looked_at(first);
    let (of_others, their_members, their_keys) = view.joined.looked_at(second);
    let covers = |part: u64, all: u64| part.saturating_mul(100) >= all.saturating_mul(95);
    // Each member is in one key of each, and nearly all are in both.
    let alike = covers(shared.listed, of) && covers(back.listed, of_others);
    let once = covers(members, of) && covers(their_members, of_others);
    let pairs = shared.pairs();
    // Where one says what the other is, they are not two questions.
    let two = keys > 1 && their_keys > 1 && pairs > keys.max(their_keys);
    let large = pairs.saturating_mul(LEAST_MEMBERS) <= members;
    if shared.too_many || !(alike && once && two && large) {
        return None;
    }
    let name = memory::key(view.name(first).pattern.len().saturating_add(PART) as u64);
    let size = |members: u64| {
        let set = stats.elements.scaled(members.saturating_mul(view.joined.one_in));
        let encoding = match set.default_set() {
            Encoding::Listpack if !view.families.packs_sets => Encoding::Table,
            encoding => encoding,
        };
        name.saturating_add(set.set(encoding))
    };
    let after = shared.sizes().fold(0, |sum: u64, members| sum.saturating_add(size(members)));
    let bytes = Change { before: stats.bytes.saturating_add(others.bytes), after };
    if bytes.after.saturating_mul(10) > bytes.before.saturating_mul(8) {
        return None;
    }
    let keys = Change { before: stats.sets.saturating_add(others.sets), after: pairs };
    let reason = Reason::Composite { pairs, listed: shared.listed, of, most: shared.most().max(back.most()) };
    let (lines, makes) = lines::composite(view.families, first, second).unzip();
    let about = vec![view.name(first), view.name(second)];
    Some(Item { about, reason, keys, bytes, lines, makes, retired: false, overlaps: 0, replaces: false })
}
