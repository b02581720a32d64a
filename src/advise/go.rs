//! Families that could go.

use super::joined::Shared;
use super::{Change, Item, LEAST_KEYS, Numbered, Reason, Stats, View, lines};
use crate::model::memory;

/// What holds for all keys, or for all but one in a hundred.
const NEARLY_ALL: u64 = 99;
/// So many times as many entries may have to be read, where another index answers.
const TIMES: f64 = 4.0;
/// A family of one key per record that is hardly larger than those are: so many members per key.
const HARDLY: u64 = 4;
/// It has at least so many keys, …
const MANY: u64 = 50;
/// … and so many times those of the one that is asked instead, which has at most so many members per key.
const FEWER: u64 = 10;
const READABLE: f64 = 10_000.0;

/// Every rule in turn, for each family, those that take most first: of two that answer the same, the larger goes.
pub(super) fn items(view: &mut View<'_>) -> Vec<Numbered> {
    let mut order: Vec<usize> = (0..view.stats.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(view.stats.get(*at).map_or(0, |stats| stats.bytes)));
    let mut items: Vec<Numbered> = Vec::new();
    for at in order {
        let Some(stats) = view.stats.get(at).filter(|stats| stats.is_of_sets()) else { continue };
        // One that the spec retires is looked at as if it stayed.
        let was = std::mem::replace(view.gone.get_mut(at).unwrap_or(&mut false), false);
        let found = single(view, at, stats).or_else(|| same(view, at, stats)).or_else(|| per_record(view, at, stats));
        if let Some(gone) = view.gone.get_mut(at) {
            *gone = was || found.is_some();
        }
        items.extend(found.map(|item| (vec![at], Item { retired: was, ..item })));
    }
    items.sort_by_key(|(about, item)| {
        let saved = item.bytes.before.saturating_sub(item.bytes.after);
        (!item.reason.goes(), std::cmp::Reverse(saved), about.clone())
    });
    items
}

/// Whether `part` is nearly all of `of`.
fn nearly_all(part: u64, of: u64) -> bool {
    of > 0 && part.saturating_mul(100) >= of.saturating_mul(NEARLY_ALL)
}

fn item(view: &View<'_>, at: usize, stats: &Stats, reason: Reason, after: Change) -> Item {
    let keys = Change { before: stats.collections(), after: after.before };
    let bytes = Change { before: stats.bytes, after: after.after };
    let lines = match reason {
        Reason::OneMember { .. } => lines::one_hash(view.families, at),
        _ => lines::retire(view.families, at, stats),
    };
    Item { about: vec![view.name(at)], reason, keys, bytes, lines, retired: false, overlaps: 0 }
}

/// Each key has one member, which is a record.
fn single(view: &View<'_>, at: usize, stats: &Stats) -> Option<Item> {
    let enough = stats.sets >= LEAST_KEYS && nearly_all(stats.single, stats.sets) && view.joined.resolves(at, 90);
    let (records, ..) = view.joined.records(at).filter(|_| enough)?;
    let records = view.name(records);
    if nearly_all(stats.named, stats.single) {
        let reason = Reason::RecordKey { single: stats.single, records };
        return Some(item(view, at, stats, reason, Change::default()));
    }
    let name = view.families.all.get(at).map_or(0, |family| family.pattern.len() as u64);
    let bytes = memory::key(name).saturating_add(stats.as_hash.hash(stats.as_hash.default_pairs()));
    let reason = Reason::OneMember { single: stats.single, records };
    Some(item(view, at, stats, reason, Change { before: 1, after: bytes }))
}

/// Each key lies within one key of another family, which is not much larger.
fn same(view: &View<'_>, at: usize, stats: &Stats) -> Option<Item> {
    let (memberships, _, keys) = view.joined.looked_at(at);
    if keys < 4 || memberships < LEAST_KEYS.saturating_mul(2) || !view.joined.resolves(at, 50) {
        return None;
    }
    let answers = |(other, others): &(usize, &Stats)| {
        let within = |shared: &Shared| {
            nearly_all(shared.listed, memberships) && !shared.too_many && nearly_all(keys, shared.pairs())
        };
        *other != at && others.mean() <= stats.mean() * TIMES && view.joined.shared(at, *other).is_some_and(within)
    };
    // The one that has least to read.
    let (other, others) = view.indexes(0).filter(answers).min_by(|a, b| a.1.mean().total_cmp(&b.1.mean()))?;
    let listed = view.joined.shared(at, other).map_or(0, |shared| shared.listed);
    let (own, means) = (stats.mean(), others.mean());
    let reason = Reason::Same { other: view.name(other), listed, of: memberships, own, others: means };
    Some(item(view, at, stats, reason, Change::default()))
}

/// One key per record of another class, of records that an index with far fewer keys lists, too.
fn per_record(view: &View<'_>, at: usize, stats: &Stats) -> Option<Item> {
    let hardly = stats.members <= stats.sets.saturating_mul(HARDLY);
    if stats.sets < MANY || !hardly || !view.joined.resolves(at, 10) {
        return None;
    }
    let (records, ..) = view.joined.records(at)?;
    let (each, carried, of) = view.joined.each(at, records)?;
    let grows = carried.saturating_mul(100) >= of.saturating_mul(90)
        && stats.sets.saturating_mul(2) >= view.stats.get(each).map_or(0, |each| each.values);
    if !grows {
        return None;
    }
    let instead = |(other, others): &(usize, &Stats)| {
        *other != at
            && others.collections().saturating_mul(FEWER) <= stats.sets
            && others.mean() <= READABLE
            && view.joined.records(*other).is_some_and(|(theirs, ..)| theirs == records)
            && view.joined.lists_names(*other) == view.joined.lists_names(at)
            && view.joined.shared(at, *other).is_some_and(|shared| shared.listed > 0)
    };
    let shared = |other: usize| view.joined.shared(at, other).map_or(0, |shared| shared.listed);
    // One of the spec before one that was found, then the one that lists most of these members.
    let rank = |(other, _): &(usize, &Stats)| {
        let of_spec = view.families.all.get(*other).is_some_and(super::Family::is_index);
        (of_spec, shared(*other), std::cmp::Reverse(*other))
    };
    let (other, others) = view.indexes(10).filter(instead).max_by_key(rank)?;
    let reason = Reason::PerRecord {
        each: view.name(each),
        carried,
        of,
        members: stats.members,
        other: view.name(other),
        listed: shared(other),
        looked_at: view.joined.looked_at(at).0,
        others: others.mean(),
    };
    Some(item(view, at, stats, reason, Change::default()))
}
