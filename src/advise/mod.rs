//! Advice on hand-made indexes: what could be smaller or gone, with figures from the dump.
//!
//! It is made of what the dump shows and of nothing else. Which questions the application asks, no dump says: so all of it
//! is a suggestion, says what it does not know, and is never a part of a plan.
//!
//! One pass takes the memory and the members of all sets and sorted sets, by family: those of the spec, and those that are
//! found from the names (`gather`). What members have in common is judged by a sample of them, and by all where there are
//! few (`sample`). Then each rule looks at the families (`go`, `times`, `pairs`, `keeping`). Where it matters, a
//! second pass asks some records what they hold (`said`), and a third makes sure that lines for a spec are about no other
//! key (`lines`).
//!
//! Memory: at most 14 MiB per thread for samples, 16 MiB per thread for groups of sets that are named by a date, 64 MiB for
//! what families share, 8 bytes per key that a plan deletes, and the stock of families. None of it grows with the records
//! or the members.

mod dates;
mod families;
mod gather;
mod go;
mod joined;
mod keeping;
mod lines;
mod pairs;
mod said;
mod sample;
mod times;

use crate::dump::rdb;
use crate::dump::scan::{self, Observer};
use crate::index::Difference;
use families::Families;
pub use families::{Family, Held, Stats};
pub use keeping::Way;

/// A family with fewer keys is not worth a word.
const LEAST_KEYS: u64 = 16;

/// What ends the work on a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
}

scan::ends_like_a_pass!(Error);

/// What there is to say.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// Families of index keys, as they are and as they would be: those of the spec, then those that were found from the
    /// names and list records.
    pub rows: Vec<Row>,
    /// What could go first, then the others; of one kind what saves most first.
    pub items: Vec<Item>,
    /// Members were compared by a sample of one in so many; 1 if all were.
    pub one_in: u64,
}

/// A family before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: Name,
    /// Of all types.
    pub keys: Change,
    /// Bytes in memory of its sets, sorted sets and hashes. What keys take that a plan makes is not known.
    pub bytes: Change,
    /// Keys of other types, whose memory is not estimated.
    pub unmeasured: u64,
    /// Why it is smaller afterwards.
    pub why: Why,
}

/// Why a family becomes smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It stays as it is.
    Stays,
    /// A plan deletes wrong keys of it, or makes absent ones.
    Plan,
    /// The spec retires it.
    Retired,
    /// An item says that it could go, or be one key.
    Advice,
}

/// Before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub before: u64,
    pub after: u64,
}

impl Change {
    fn add(&mut self, other: Self) {
        self.before = self.before.saturating_add(other.before);
        self.after = self.after.saturating_add(other.after);
    }
}

impl Advice {
    /// All families together: keys and bytes.
    pub fn total(&self) -> (Change, Change) {
        let (mut keys, mut bytes) = (Change::default(), Change::default());
        for row in &self.rows {
            keys.add(row.keys);
            bytes.add(row.bytes);
        }
        (keys, bytes)
    }

    /// The families that change: how many, and their keys.
    pub fn changing(&self) -> (usize, Change) {
        let mut keys = Change::default();
        let changing = self.rows.iter().filter(|row| row.keys.before != row.keys.after);
        let count = changing.inspect(|row| keys.add(row.keys)).count();
        (count, keys)
    }
}

/// What a family is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The pattern of its keys.
    pub pattern: Vec<u8>,
    /// Its index or record class, if it is one of the spec.
    pub of: Option<String>,
}

/// One suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The families that it is about: one, the two that would be one, or all that would be smaller for the same reason.
    pub about: Vec<Name>,
    pub reason: Reason,
    pub keys: Change,
    /// In memory.
    pub bytes: Change,
    /// Tables for a spec; none where the dump does not tell enough.
    pub lines: Option<String>,
    /// The pattern of the keys that a plan by them makes, if it makes new ones.
    pub makes: Option<Vec<u8>>,
    /// The spec retires it already.
    pub retired: bool,
    /// Other keys that lines for it would be about, too, so that there are none.
    pub overlaps: u64,
    /// Its lines are for the place of an index of the spec that has this name.
    pub replaces: bool,
}

/// Why, with the figures that it rests on.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Nearly every key has one member, and that is a record whose key says what the key is named by.
    RecordKey { single: u64, of: u64, records: Name },
    /// Nearly every key has one member: one hash would hold them all.
    OneMember { single: u64, of: u64, records: Name },
    /// Each key has the members of one key of another family, which has no others.
    Same { other: Name, listed: u64, of: u64 },
    /// One key for each record of some class, hardly larger than those are; the records that it lists say it themselves.
    PerRecord { each: Name, carried: u64, of: u64, mean: f64, said: u64, said_of: u64, other: Option<Listing> },
    /// Sets by time, no member of which is in two.
    ByTime { first: String, last: String, members: u64 },
    /// Both list the same records, each under one value of each.
    Composite { pairs: u64, listed: u64, of: u64, most: u64 },
    /// The records expire, and the keys that list them do not.
    NoExpiry { records: Name, expiring: u64, of: u64, gone: u64, repaired: bool },
    /// They would be smaller in another encoding.
    Encoding { way: Way, keys: u64, in_family: u64, zset: bool },
}

/// Another family that lists the same records.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    pub name: Name,
    /// So many members are in it, of so many.
    pub listed: u64,
    pub of: u64,
    /// Its members per key.
    pub mean: f64,
}

impl Reason {
    /// The word for its kind, as scripts read it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RecordKey { .. } => "record-key",
            Self::OneMember { .. } => "one-member",
            Self::Same { .. } => "same-answer",
            Self::PerRecord { .. } => "one-per-record",
            Self::ByTime { .. } => "by-time",
            Self::Composite { .. } => "composite",
            Self::NoExpiry { .. } => "no-expiry",
            Self::Encoding { .. } => "encoding",
        }
    }

    /// Whether the family could go without anything in its place.
    pub fn goes(&self) -> bool {
        matches!(self, Self::RecordKey { .. } | Self::Same { .. } | Self::PerRecord { .. })
    }
}

/// Looks at a dump that was compared with its spec. Runs on the current `rayon` pool.
pub fn advise(difference: &Difference<'_>, observer: &Observer) -> Result<Advice, Error> {
    let families = Families::new(difference);
    let mut found = gather::gather(difference, &families, observer)?;
    let joined = joined::Joined::new(&mut found, families.all.len());
    let asked: Vec<(usize, u64)> = go::per_record_candidates(&found.stats, &joined);
    let said = said::said(difference, &families, &joined, &asked, observer)?;
    let mut view = View { families: &families, stats: &found.stats, joined: &joined, said, gone: families.retired() };
    let mut items = go::items(&mut view);
    items.extend(times::items(&view, &found.dated));
    items.extend(pairs::items(&view));
    items.extend(keeping::items(&view));
    let rows = rows(&view, &items);
    lines::check(difference, &families, &mut items, observer)?;
    Ok(Advice { rows, items: items.into_iter().map(|(_, item)| item).collect(), one_in: joined.one_in })
}

/// A suggestion, and the families that it is about by their numbers.
type Numbered = (Vec<usize>, Item);

/// What the rules look at.
struct View<'v> {
    families: &'v Families<'v>,
    stats: &'v [Stats],
    joined: &'v joined::Joined,
    said: said::Said,
    /// Families that the spec retires, or that a rule has said something of that leaves nothing of them.
    gone: Vec<bool>,
}

impl View<'_> {
    /// Families of sets or sorted sets that stay, so far, and list keys of the database or their ids: at least so many in a
    /// hundred members do.
    fn indexes(&self, percent: u64) -> impl Iterator<Item = (usize, &Stats)> {
        let stays = |at: &usize| !self.gone.get(*at).copied().unwrap_or(true);
        self.stats
            .iter()
            .enumerate()
            .filter(move |(at, stats)| stays(at) && stats.collections() > 0 && self.joined.resolves(*at, percent))
    }

    fn name(&self, at: usize) -> Name {
        self.families.name(at)
    }
}

fn rows(view: &View<'_>, items: &[Numbered]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, (family, stats)) in view.families.all.iter().zip(view.stats).enumerate() {
        let all = stats.all();
        let lists = stats.collections().saturating_mul(2) >= all && view.joined.resolves(at, 50);
        if all == 0 || !(family.is_index() || family.is_found() && lists) {
            continue;
        }
        let item = items.iter().find(|(about, item)| {
            about.contains(&at) && (item.reason.goes() || matches!(item.reason, Reason::OneMember { .. }))
        });
        let (before, stays) = (stats.leaving.bytes.saturating_add(stats.bytes), stats.bytes);
        let (keys, bytes, why) = match item {
            _ if family.retired => (0, 0, Why::Retired),
            Some((_, item)) => (item.keys.after, item.bytes.after, Why::Advice),
            None => {
                let keys = all.saturating_sub(stats.leaving.keys).saturating_add(family.absent);
                (keys, stays, if keys == all { Why::Stays } else { Why::Plan })
            }
        };
        rows.push(Row {
            name: view.name(at),
            keys: Change { before: all, after: keys },
            bytes: Change { before, after: bytes },
            unmeasured: stats.unmeasured,
            why,
        });
    }
    rows
}
