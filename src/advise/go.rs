//! Families that could go.

use super::joined::{Joined, Shared};
use super::{Change, Item, LEAST_KEYS, Listing, Numbered, Reason, Stats, View, lines};
use crate::model::memory;

/// What holds for all keys, or for all but one in a hundred.
const NEARLY_ALL: u64 = 99;
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
    let mut relied_on: Vec<usize> = Vec::new();
    for at in order {
        let Some(stats) = view.stats.get(at).filter(|stats| stats.is_of_sets()) else { continue };
        // One that the spec retires is looked at as if it stayed.
        let was = std::mem::replace(view.gone.get_mut(at).unwrap_or(&mut false), false);
        // What another was said to be answered by stays.
        let asked = relied_on.contains(&at);
        let found = if asked { None } else { rules(view, at, stats) };
        let (found, other) = found.unzip();
        relied_on.extend(other.flatten());
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

/// What the first rule says that fits, and the family that is to be asked instead.
fn rules(view: &View<'_>, at: usize, stats: &Stats) -> Option<(Item, Option<usize>)> {
    let single = single(view, at, stats).map(|item| (item, None));
    single.or_else(|| same(view, at, stats)).or_else(|| per_record(view, at, stats))
}

/// Whether `part` is nearly all of `of`.
fn nearly_all(part: u64, of: u64) -> bool {
    of > 0 && part.saturating_mul(100) >= of.saturating_mul(NEARLY_ALL)
}

fn item(view: &View<'_>, at: usize, stats: &Stats, reason: Reason, after: Change) -> Item {
    // Wrong keys go with the others.
    let (keys, bytes) = (stats.leaving.keys, stats.leaving.bytes);
    let keys = Change { before: stats.collections().saturating_add(keys), after: after.before };
    let bytes = Change { before: stats.bytes.saturating_add(bytes), after: after.after };
    let (lines, makes) = match reason {
        Reason::OneMember { .. } => lines::one_hash(view.families, at).unzip(),
        _ => (lines::retire(view.families, at, stats), None),
    };
    let replaces = reason.goes() && view.families.all.get(at).is_some_and(super::Family::is_index);
    Item { about: vec![view.name(at)], reason, keys, bytes, lines, makes, retired: false, overlaps: 0, replaces }
}

/// Each key has one member, which is a record.
fn single(view: &View<'_>, at: usize, stats: &Stats) -> Option<Item> {
    let enough = stats.sets >= LEAST_KEYS && nearly_all(stats.single, stats.sets) && view.joined.resolves(at, 90);
    let (records, ..) = view.joined.records(at).filter(|_| enough)?;
    let records = view.name(records);
    if nearly_all(stats.named, stats.single) {
        let reason = Reason::RecordKey { single: stats.single, of: stats.sets, records };
        return Some(item(view, at, stats, reason, Change::default()));
    }
    let name = view.families.all.get(at).map_or(0, |family| family.pattern.len() as u64);
    let bytes = memory::key(name).saturating_add(stats.as_hash.hash(stats.as_hash.default_pairs()));
    let reason = Reason::OneMember { single: stats.single, of: stats.sets, records };
    Some(item(view, at, stats, reason, Change { before: 1, after: bytes }))
}

/// Each key has the members of one key of another family, and that family has no other keys or members.
fn same(view: &View<'_>, at: usize, stats: &Stats) -> Option<(Item, Option<usize>)> {
    let (memberships, _, keys) = view.joined.looked_at(at);
    if keys < 4 || memberships < LEAST_KEYS.saturating_mul(2) || !view.joined.resolves(at, 50) {
        return None;
    }
    let answers = |(other, _): &(usize, &Stats)| {
        // What lists a part of the members says which they are, and what divides them says how: answers of their own.
        let (theirs, _, their_keys) = view.joined.looked_at(*other);
        let back = view.joined.shared(*other, at).map_or(0, |shared| shared.listed);
        let alike = |shared: &Shared| {
            let pairs = shared.pairs();
            let one_to_one = nearly_all(keys, pairs) && nearly_all(their_keys, pairs) && nearly_all(pairs, their_keys);
            nearly_all(shared.listed, memberships) && !shared.too_many && one_to_one
        };
        *other != at && nearly_all(back, theirs) && view.joined.shared(at, *other).is_some_and(alike)
    };
    // The one that takes least.
    let (other, _) = view.indexes(0).filter(answers).min_by_key(|(at, others)| (others.bytes, *at))?;
    let listed = view.joined.shared(at, other).map_or(0, |shared| shared.listed);
    let reason = Reason::Same { other: view.name(other), listed, of: memberships };
    Some((item(view, at, stats, reason, Change::default()), Some(other)))
}

/// Families that may have a key per record of another class, with the number of their keys.
pub(super) fn per_record_candidates(stats: &[Stats], joined: &Joined) -> Vec<(usize, u64)> {
    let grows = |at: usize, own: &Stats| {
        let (records, ..) = joined.records(at)?;
        let (each, carried, of) = joined.each(at, records)?;
        let values = stats.get(each).map_or(0, |each| each.values);
        let named = carried.saturating_mul(100) >= of.saturating_mul(90);
        (named && own.sets.saturating_mul(2) >= values).then_some(())
    };
    let hardly = |own: &Stats| own.is_of_sets() && own.sets >= MANY && own.members <= own.sets.saturating_mul(HARDLY);
    let all = stats.iter().enumerate().filter(|(at, own)| {
        hardly(own) && joined.resolves(*at, 10) && joined.lists_names(*at) && grows(*at, own).is_some()
    });
    all.map(|(at, own)| (at, own.sets)).collect()
}

/// One key per record of another class, hardly larger than those are, of records that hold what it is named by.
fn per_record(view: &View<'_>, at: usize, stats: &Stats) -> Option<(Item, Option<usize>)> {
    let (said, said_of) = *view.said.get(&at)?;
    if said_of < LEAST_KEYS || said.saturating_mul(100) < said_of.saturating_mul(90) {
        return None;
    }
    let (records, ..) = view.joined.records(at)?;
    let (each, carried, of) = view.joined.each(at, records)?;
    let (asked, other) = listing(view, at, stats, records).unzip();
    let reason = Reason::PerRecord { each: view.name(each), carried, of, mean: stats.mean(), said, said_of, other };
    Some((item(view, at, stats, reason, Change::default()), asked))
}

/// Another index that can be asked instead: of the spec, made of the same records by the same rule; or one that lists most of
/// the members.
fn listing(view: &View<'_>, at: usize, stats: &Stats, records: usize) -> Option<(usize, Listing)> {
    let indexes = &view.families.spec.indexes;
    let looked_at = view.joined.looked_at(at).0;
    let listed = |other: usize| view.joined.shared(at, other).map_or(0, |shared| shared.listed);
    let by_rule = |other: usize| match (indexes.get(at), indexes.get(other)) {
        (Some(own), Some(other)) => own.from.is_some() && own.from == other.from && own.member == other.member,
        _ => false,
    };
    let instead = |(other, others): &(usize, &Stats)| {
        let most = listed(*other).saturating_mul(2) >= looked_at;
        *other != at
            && others.collections().saturating_mul(FEWER) <= stats.sets
            && others.mean() <= READABLE
            && view.joined.records(*other).is_some_and(|(theirs, ..)| theirs == records)
            && (by_rule(*other) || most)
    };
    let rank = |(other, _): &(usize, &Stats)| (by_rule(*other), listed(*other), std::cmp::Reverse(*other));
    let (other, others) = view.indexes(10).filter(instead).max_by_key(rank)?;
    Some((other, Listing { name: view.name(other), listed: listed(other), of: looked_at, mean: others.mean() }))
}
