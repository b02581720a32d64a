//! The difference of two dumps as plain data: what `diff --format json` prints.

pub mod csv;
pub mod rows;
pub mod table;

use std::cmp::Reverse;
use std::path::Path;

use serde::Serialize;

use super::inventory::{Checksum, FamilyKind};
use crate::bundle::manifest::Bytes;
use crate::diff::{Counts, Diff, Group, Side, Tallies};
use crate::dump::rdb::{self, Flavor};
use crate::text::rfc3339;

/// The version of this form. Fields may be added to it; none changes its meaning.
pub const FORMAT_VERSION: u32 = 1;
/// The largest changes that are told.
const LARGEST: usize = 20;
/// The index keys that are told of each index: those with the most changes.
const INDEX_KEYS: usize = 100;

/// What changed between two dumps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub old: Dump,
    pub new: Dump,
    pub keys: KeyCounts,
    /// In the order of the types' names, modules last.
    pub types: Vec<Type>,
    /// Indexes and then records in the order of the spec, then the others in the order of their patterns. Every key is
    /// in exactly one of them.
    pub families: Vec<Family>,
    /// In the order of the spec.
    pub indexes: Vec<Index>,
    /// The changes that come to the most bytes, the largest first.
    pub largest: Vec<Key>,
}

/// One of the two dumps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dump {
    /// As it was named.
    pub file: Bytes,
    pub bytes: u64,
    pub flavor: &'static str,
    pub rdb_version: u32,
    pub checksum: Checksum,
    /// RFC 3339, if the dump says when it was made.
    pub created_at: Option<String>,
    /// Without those that a server which loads the dump would not have.
    pub keys: u64,
    /// Keys that had expired when the dump was made.
    pub expired_keys: u64,
    /// Collections without elements.
    pub empty_keys: u64,
    /// Further records of a name that came before.
    pub repeated_keys: u64,
    /// Keys with an expiry that cannot be a time.
    pub doubtful_expiries: u64,
    #[serde(skip)]
    pub created_ms: Option<i64>,
}

/// How many keys there were, there are, and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyCounts {
    pub keys_before: u64,
    pub keys_after: u64,
    pub added: u64,
    pub removed: u64,
    /// In type, content or expiry.
    pub changed: u64,
    /// Those of them whose type is another.
    pub type_changed: u64,
    /// Those of them that differ in nothing but their expiry.
    pub expiry_only: u64,
    pub same: u64,
    pub elements_before: u64,
    pub elements_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

impl KeyCounts {
    fn of(tallies: &Tallies) -> Self {
        let Tallies { before, after, keys } = tallies;
        Self {
            keys_before: before.keys,
            keys_after: after.keys,
            added: keys.added,
            removed: keys.removed,
            changed: keys.changed,
            type_changed: keys.retyped,
            expiry_only: keys.expiry_only,
            same: after.keys.saturating_sub(keys.added).saturating_sub(keys.changed),
            elements_before: before.elements,
            elements_after: after.elements,
            bytes_before: before.bytes,
            bytes_after: after.bytes,
        }
    }

    /// How many keys are not the same.
    pub fn differ(&self) -> u64 {
        self.added.saturating_add(self.removed).saturating_add(self.changed)
    }
}

/// A type; a key whose type changed counts as changed under the new one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Type {
    /// What the command `TYPE` answers.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(flatten)]
    pub counts: KeyCounts,
}

/// Keys that are named alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Family {
    /// A glob.
    pub pattern: Bytes,
    pub kind: FamilyKind,
    /// The index or the record class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The database of the index or record class; other families span all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<u64>,
    #[serde(flatten)]
    pub counts: KeyCounts,
}

/// Memberships of an index that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Index {
    pub name: String,
    pub policy: &'static str,
    #[serde(flatten)]
    pub memberships: Memberships,
    /// Its keys that are not the same.
    pub changed_keys: u64,
    /// Those of them with the most changed memberships, at most a hundred: `--table keys` has all.
    pub keys: Vec<Key>,
}

/// How many memberships changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memberships {
    pub gained: u64,
    pub lost: u64,
    /// In both, with another score.
    pub rescored: u64,
}

impl From<Counts> for Memberships {
    fn from(counts: Counts) -> Self {
        Self { gained: counts.gained, lost: counts.lost, rescored: counts.rescored }
    }
}

/// A key that is not the same: a row of `--table keys`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Key {
    pub db: u64,
    pub key: Bytes,
    /// `added`, `removed`, `type`, `content`, or `expiry` where nothing else differs.
    pub change: &'static str,
    pub type_before: Option<String>,
    pub type_after: Option<String>,
    pub elements_before: Option<u64>,
    pub elements_after: Option<u64>,
    pub bytes_before: Option<u64>,
    pub bytes_after: Option<u64>,
    pub expire_at_ms_before: Option<i64>,
    pub expire_at_ms_after: Option<i64>,
    /// The index whose family it belongs to.
    pub index: Option<String>,
    pub gained: Option<u64>,
    pub lost: Option<u64>,
    pub rescored: Option<u64>,
}

impl Key {
    /// The row of a change, by its position.
    pub fn new(diff: &Diff<'_, '_>, at: usize, room: &mut Vec<u8>) -> Result<Option<Self>, rdb::Error> {
        let Some(change) = diff.changes.get(at) else { return Ok(None) };
        let (db, key) = diff.key(change, room)?;
        let (old, new) = diff.prints(change);
        let index = diff.index_of(at);
        let counts = index.map(|index| index.counts);
        Ok(Some(Self {
            db,
            key: Bytes(key.to_vec()),
            change: change.what.as_str(),
            type_before: old.map(|print| print.type_name().to_string()),
            type_after: new.map(|print| print.type_name().to_string()),
            elements_before: old.map(|print| print.elements),
            elements_after: new.map(|print| print.elements),
            bytes_before: old.map(|print| print.bytes),
            bytes_after: new.map(|print| print.bytes),
            expire_at_ms_before: old.and_then(|print| diff.old.expires_at_ms(print)),
            expire_at_ms_after: new.and_then(|print| diff.new.expires_at_ms(print)),
            index: index.and_then(|key| diff.names.spec.indexes.get(key.index)).map(|index| index.name.clone()),
            gained: counts.map(|counts| counts.gained),
            lost: counts.map(|counts| counts.lost),
            rescored: counts.map(|counts| counts.rescored),
        }))
    }
}

impl Report {
    /// Whether neither dump has a key that the spec is about.
    pub fn is_foreign(&self) -> bool {
        let is_there = |family: &Family| family.counts.keys_before > 0 || family.counts.keys_after > 0;
        self.families.iter().all(|family| family.kind == FamilyKind::Other || !is_there(family))
    }

    /// The same without what the spec says of families and indexes.
    pub fn without_spec(mut self) -> Self {
        self.families.retain(|family| family.kind == FamilyKind::Other);
        self.indexes.clear();
        self
    }

    /// The report of a difference between the dumps that were named so.
    pub fn new(diff: &Diff<'_, '_>, old: (&Path, u64), new: (&Path, u64)) -> Result<Self, rdb::Error> {
        let spec = diff.names.spec;
        let keys =
            KeyCounts::of(&Tallies { before: diff.old.stock.total, after: diff.new.stock.total, keys: diff.totals });
        let types =
            diff.types.iter().map(|of| Type { kind: of.type_name.to_string(), counts: KeyCounts::of(&of.tallies) });
        let families = diff.families.iter().map(|family| {
            let (kind, name, db) = match family.group {
                Group::Index(at) => {
                    (FamilyKind::Index, spec.indexes.get(at).map(|index| (&index.name, index.db)), None)
                }
                Group::Record(at) => {
                    (FamilyKind::Record, spec.records.get(at).map(|class| (&class.name, class.db)), None)
                }
                Group::Other => (FamilyKind::Other, None, None::<u64>),
            };
            let (name, db) = name.map_or((None, db), |(name, db)| (Some(name.clone()), Some(db)));
            Family { pattern: Bytes(family.pattern.clone()), kind, name, db, counts: KeyCounts::of(&family.tallies) }
        });
        Ok(Self {
            format_version: FORMAT_VERSION,
            old: Dump::new(&diff.old, old),
            new: Dump::new(&diff.new, new),
            keys: KeyCounts {
                same: diff.totals.same,
                keys_before: diff.old.keys(),
                keys_after: diff.new.keys(),
                ..keys
            },
            types: types.collect(),
            families: families.collect(),
            indexes: indexes(diff)?,
            largest: largest(diff)?,
        })
    }
}

impl Dump {
    fn new(side: &Side<'_>, (path, bytes): (&Path, u64)) -> Self {
        let created_ms = side.clock.created_ms;
        Self {
            file: Bytes(path.as_os_str().as_encoded_bytes().to_vec()),
            bytes,
            flavor: match side.facts.header.flavor {
                Flavor::Redis => "redis",
                Flavor::Valkey => "valkey",
            },
            rdb_version: side.facts.header.version,
            checksum: Checksum::of(&side.facts),
            created_at: created_ms.and_then(rfc3339::write),
            keys: side.keys(),
            expired_keys: side.absent.expired,
            empty_keys: side.absent.empty,
            repeated_keys: side.absent.twice,
            doubtful_expiries: side.in_doubt,
            created_ms,
        }
    }
}

fn indexes(diff: &Diff<'_, '_>) -> Result<Vec<Index>, rdb::Error> {
    let mut all = Vec::new();
    let mut room = Vec::new();
    for (at, index) in diff.names.spec.indexes.iter().enumerate() {
        let mut counts = Counts::default();
        let mut keys: Vec<_> = diff.index_keys.iter().filter(|key| key.index == at).collect();
        for key in &keys {
            counts.add(key.counts);
        }
        let changed_keys = keys.len() as u64;
        // Stable, so that equals stay in the order of the changes.
        keys.sort_by_key(|key| Reverse(key.counts.total()));
        let rows = keys.iter().take(INDEX_KEYS).map(|key| Key::new(diff, key.change, &mut room));
        let keys = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let (name, policy) = (index.name.clone(), index.policy.as_str());
        all.push(Index { name, policy, memberships: counts.into(), changed_keys, keys });
    }
    Ok(all)
}

/// The changes by the bytes that came or went; of equals the larger key, then the earlier change.
fn largest(diff: &Diff<'_, '_>) -> Result<Vec<Key>, rdb::Error> {
    let weigh = |(at, change)| {
        let (old, new) = diff.prints(change);
        let (before, after) = (old.map_or(0, |print| print.bytes), new.map_or(0, |print| print.bytes));
        (Reverse(before.abs_diff(after)), Reverse(before.max(after)), at)
    };
    let mut all: Vec<(Reverse<u64>, Reverse<u64>, usize)> = diff.changes.iter().enumerate().map(weigh).collect();
    if all.len() > LARGEST {
        all.select_nth_unstable(LARGEST);
        all.truncate(LARGEST);
    }
    all.sort_unstable();
    let mut room = Vec::new();
    let rows = all.iter().map(|&(_, _, at)| Key::new(diff, at, &mut room));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
