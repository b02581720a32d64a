//! How keys are kept: without an expiry although their records have one, and in an encoding that takes more than another.

use super::families::{Held, Stats};
use super::{Change, Item, LEAST_KEYS, Numbered, Reason, View, lines};
use crate::model::memory::{Elements, Encoding, LONGEST_PACKED, MOST_NUMBERS, MOST_PACKED};
use crate::model::spec::Policy;

/// Less than this is not worth a setting.
const LEAST_SAVED: u64 = 1 << 10;
/// Lines that prune are given where so many entries in a hundred name something.
const LIVE: u64 = 95;
/// Members of a listpack may be so long, instead of 64 bytes.
pub const LONGER: u64 = 128;
/// An intset may have so many numbers, instead of 512: to add one moves 16 KiB in the mean.
pub const MORE_NUMBERS: u64 = 4096;

/// What it takes for another encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing but to be written again by a Redis 7.2 or later with its defaults.
    Rewrite,
    /// Members of a listpack may be 128 bytes long instead of 64.
    Longer,
    /// An intset may have 4,096 numbers instead of 512.
    Numbers,
}

impl Way {
    /// All of them, by their numbers.
    pub const ALL: [Self; 3] = [Self::Rewrite, Self::Longer, Self::Numbers];

    /// What a set or sorted set that is kept in this encoding needs to be smaller, and the bytes of its value then.
    pub(super) fn of(zset: bool, encoding: Encoding, elements: &Elements) -> Option<(Self, u64)> {
        let bytes = |encoding| if zset { elements.zset(encoding) } else { elements.set(encoding) };
        let default = if zset { elements.default_pairs() } else { elements.default_set() };
        let smaller = |other| bytes(other) < bytes(encoding);
        if default != encoding && smaller(default) {
            return Some((Self::Rewrite, bytes(default)));
        }
        if encoding != Encoding::Table {
            return None;
        }
        let long = elements.longest > LONGEST_PACKED && elements.longest <= LONGER;
        if elements.count <= MOST_PACKED && long && smaller(Encoding::Listpack) {
            return Some((Self::Longer, bytes(Encoding::Listpack)));
        }
        let numbers = !zset && elements.whole && elements.count > MOST_NUMBERS && elements.count <= MORE_NUMBERS;
        (numbers && smaller(Encoding::Intset)).then(|| (Self::Numbers, bytes(Encoding::Intset)))
    }
}

/// What is to be said of families that stay.
pub(super) fn items(view: &View<'_>) -> Vec<Numbered> {
    let mut items: Vec<Numbered> =
        view.indexes(50).filter_map(|(at, _)| Some((vec![at], no_expiry(view, at)?))).collect();
    let mut encodings: Vec<Numbered> = [false, true].iter().flat_map(|zset| encodings(view, *zset)).collect();
    encodings.sort_by_key(|(about, item)| {
        (std::cmp::Reverse(item.bytes.before.saturating_sub(item.bytes.after)), about.clone())
    });
    items.extend(encodings);
    items
}

fn no_expiry(view: &View<'_>, at: usize) -> Option<Item> {
    let stats = view.stats.get(at)?;
    let (memberships, ..) = view.joined.looked_at(at);
    let (records, all, expiring) = view.joined.records(at)?;
    let keys = stats.collections();
    let none = stats.expiring.saturating_mul(100) <= keys;
    let most = expiring >= LEAST_KEYS && expiring.saturating_mul(2) >= all && all.saturating_mul(2) >= memberships;
    if !none || !most {
        return None;
    }
    let families = view.families;
    let prefix = match view.joined.lists_names(at) {
        true => Some(&b""[..]),
        false => families.all.get(records).and_then(super::Family::only_prefix),
    };
    // Where many entries name nothing that is there, they may be kept for another key, which the lines would not know of.
    let prefix = prefix.filter(|_| view.joined.resolves(at, LIVE));
    let lines = prefix.and_then(|prefix| lines::prune(families, at, stats, prefix));
    let index = families.spec.indexes.get(at);
    let repaired = index.is_some_and(|index| matches!(index.policy, Policy::Maintain | Policy::Prune));
    let reason = Reason::NoExpiry {
        records: view.name(records),
        expiring,
        of: memberships,
        gone: view.joined.gone(at),
        repaired,
    };
    let (keys, bytes) = (Change { before: keys, after: keys }, Change { before: stats.bytes, after: stats.bytes });
    Some(Item {
        about: vec![view.name(at)],
        reason,
        keys,
        bytes,
        lines,
        makes: None,
        retired: false,
        overlaps: 0,
        replaces: false,
    })
}

/// A setting is that of the server: all families of sets, or of sorted sets, that it makes smaller, together.
fn encodings(view: &View<'_>, zset: bool) -> Vec<Numbered> {
    let worth = |held: &Held| {
        let saved = held.bytes.saturating_sub(held.instead);
        saved >= LEAST_SAVED && saved.saturating_mul(5) >= held.bytes
    };
    let mut all = Vec::new();
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let own = view.indexes(0).filter(|(_, stats)| (stats.zsets > stats.sets) == zset);
        let held = own.filter_map(|(at, stats)| Some((at, stats, stats.ways.get(number).filter(|held| worth(held))?)));
        let mut held: Vec<(usize, &Stats, &Held)> = held.collect();
        held.sort_by_key(|(at, _, held)| (std::cmp::Reverse(held.bytes.saturating_sub(held.instead)), *at));
        if held.is_empty() {
            continue;
        }
        let (mut keys, mut compact, mut bytes) = (0_u64, 0_u64, Change::default());
        for (_, stats, held) in &held {
            keys = keys.saturating_add(stats.collections());
            compact = compact.saturating_add(held.keys);
            let after = stats.bytes.saturating_sub(held.bytes.saturating_sub(held.instead));
            bytes.add(Change { before: stats.bytes, after });
        }
        let about: Vec<usize> = held.iter().map(|(at, ..)| *at).collect();
        let item = Item {
            about: about.iter().map(|at| view.name(*at)).collect(),
            reason: Reason::Encoding { way, keys: compact, in_family: keys, zset },
            keys: Change { before: keys, after: keys },
            bytes,
            lines: None,
            makes: None,
            retired: false,
            overlaps: 0,
            replaces: false,
        };
        all.push((about, item));
    }
    all
}
