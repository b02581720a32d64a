//! How keys are kept: without an expiry although their records have one, and in an encoding that takes more than another.

use super::families::Held;
use super::{Change, Item, LEAST_KEYS, Numbered, Reason, View, lines};
use crate::model::memory::{Elements, Encoding, LONGEST_PACKED, MOST_NUMBERS, MOST_PACKED};
use crate::model::spec::Policy;

/// Less than this is not worth a setting.
const LEAST_SAVED: u64 = 1 << 10;
/// Members of a listpack may be so long, instead of 64 bytes.
pub const LONGER: u64 = 128;
/// An intset may have so many numbers, instead of 512: to add one moves 16 KiB in the mean.
pub const MORE_NUMBERS: u64 = 4096;

/// What it takes for another encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing but to be written again by a Redis 7.2 or later with its defaults.
    Rewrite,
    /// Members of a listpack may be [`LONGER`].
    Longer,
    /// An intset may have [`MORE_NUMBERS`].
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
    let mut encodings: Vec<Numbered> = view.indexes(0).flat_map(|(at, _)| encodings(view, at)).collect();
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
    let lines = prefix.and_then(|prefix| lines::prune(families, at, stats, prefix));
    let index = families.spec.indexes.get(at);
    let repaired = index.is_some_and(|index| matches!(index.policy, Policy::Maintain | Policy::Prune));
    let reason = Reason::NoExpiry { records: view.name(records), expiring, of: memberships, repaired };
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

fn encodings(view: &View<'_>, at: usize) -> Vec<Numbered> {
    let Some(stats) = view.stats.get(at) else { return Vec::new() };
    let worth = |held: &Held| {
        let saved = held.bytes.saturating_sub(held.instead);
        saved >= LEAST_SAVED && saved.saturating_mul(5) >= held.bytes
    };
    let keys = stats.collections();
    let item = |way: Way, held: &Held| Item {
        about: vec![view.name(at)],
        reason: Reason::Encoding { way, keys: held.keys, in_family: keys, zset: stats.zsets > stats.sets },
        keys: Change { before: keys, after: keys },
        bytes: Change {
            before: stats.bytes,
            after: stats.bytes.saturating_sub(held.bytes.saturating_sub(held.instead)),
        },
        lines: None,
        makes: None,
        retired: false,
        overlaps: 0,
        replaces: false,
    };
    let all = Way::ALL.iter().zip(&stats.ways).filter(|(_, held)| worth(held));
    all.map(|(way, held)| (vec![at], item(*way, held))).collect()
}
