//! What changed between two dumps: keys, families and memberships.
//!
//! Each dump is read once, by all threads ([`Side::read`]). Of a key 80 bytes are kept: where it stands, a hash of its
//! name, and a digest of its value that depends neither on its encoding nor on the order of its members; both have 128
//! bits and a seed that is drawn in every run. Sorted by the hash, the two lists are merged without a look at the dumps,
//! for which there may be no room in memory. The members of an index key are compared only where the key changed, one key
//! at a time.
//!
//! A key is the same if its type, its content and its expiry are. What is not content: the encoding, when and how often
//! a key was used, when a stream's consumer was last seen, and how many entries a stream or a group ever saw. A key that
//! had expired when its dump was made, or a collection without elements, is not there.

mod content_hash;
mod families;
mod members;
mod pair;
mod side;

use std::ops::ControlFlow;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::dump::rdb::{self, Record, Scratch};
use crate::dump::scan::{self, Observer, Order};
use crate::model::view::{Dump, Family, KeyType, Names};
pub use content_hash::Seed;
pub use families::{FamilyChange, Group, Tallies, TypeChange};
pub use members::{Counts, Edit, Membership};
pub use pair::{Change, What};
pub use side::{Absent, Print, Side};

/// What ends the work on two dumps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("a dump has more than four thousand million keys")]
    TooMany,
}

scan::ends_like_a_pass!(Error);

/// An index key that changed, and how many of its memberships did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexKey {
    /// The position of the key in [`Diff::changes`].
    pub change: usize,
    /// The position of its index in the spec.
    pub index: usize,
    pub counts: Counts,
}

/// How many keys changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub added: u64,
    pub removed: u64,
    /// In type, content or expiry.
    pub changed: u64,
    /// Those of them whose type is another.
    pub retyped: u64,
    /// Those of them that differ in nothing but their expiry.
    pub expiry_only: u64,
    pub same: u64,
}

impl Totals {
    fn add(&mut self, what: What) {
        let count = |n: &mut u64| *n = n.saturating_add(1);
        match what {
            What::Added => count(&mut self.added),
            What::Removed => count(&mut self.removed),
            What::Retyped => {
                count(&mut self.retyped);
                count(&mut self.changed);
            }
            What::Content => count(&mut self.changed),
            What::Expiry => {
                count(&mut self.expiry_only);
                count(&mut self.changed);
            }
        }
    }
}

/// What changed.
#[derive(Debug)]
pub struct Diff<'a, 'n> {
    pub names: &'n Names<'n>,
    pub old: Side<'a>,
    pub new: Side<'a>,
    /// Those of the old dump in its order, then those that are only in the new one in its order.
    pub changes: Vec<Change>,
    pub totals: Totals,
    /// In the order of `changes`.
    pub index_keys: Vec<IndexKey>,
    /// Indexes and records in the order of the spec, then the others in the order of their patterns.
    pub families: Vec<FamilyChange>,
    /// In the order of the types' names, modules last.
    pub types: Vec<TypeChange>,
    seed: Seed,
}

impl<'a, 'n> Diff<'a, 'n> {
    /// Compares two dumps that were read with the same names and the same seed.
    pub fn take(
        mut old: Side<'a>,
        mut new: Side<'a>,
        names: &'n Names<'n>,
        seed: Seed,
        observer: &Observer,
    ) -> Result<Self, Error> {
        observer.reads(Order::Jumps);
        let pairs = pair::pair(&old, &new, observer).ok_or(Error::Interrupted)?;
        let changes = pairs.changes;
        (old.absent.twice, new.absent.twice) = pairs.twice;
        let mut totals = Totals::default();
        for change in &changes {
            totals.add(change.what);
        }
        totals.same = old.keys().saturating_sub(totals.removed).saturating_sub(totals.changed);
        let groups = families::group(&mut old, &mut new, names, &changes)?;
        let index_keys = Vec::new();
        let (families, types) = (groups.families, groups.types);
        let mut diff = Self { names, old, new, changes, totals, index_keys, families, types, seed };
        diff.index_keys = diff.count_members(groups.index_keys, observer)?;
        Ok(diff)
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The key of a change in the old and in the new dump.
    pub fn prints(&self, change: &Change) -> (Option<&Print>, Option<&Print>) {
        (change.before().and_then(|n| self.old.print(n)), change.after().and_then(|n| self.new.print(n)))
    }

    /// Its database and its name.
    pub fn key<'b>(&self, change: &Change, scratch: &'b mut Vec<u8>) -> Result<(u64, &'b [u8]), rdb::Error>
    where
        'a: 'b,
    {
        key_of(&self.old, &self.new, change, scratch)
    }

    /// The index that a change belongs to.
    pub fn index_of(&self, change: usize) -> Option<&IndexKey> {
        let at = self.index_keys.binary_search_by_key(&change, |key| key.change).ok()?;
        self.index_keys.get(at)
    }

    /// Tells every membership of an index key that changed: see [`Membership`].
    pub fn memberships(
        &self,
        key: &IndexKey,
        scratch: &mut Scratch,
        each: impl FnMut(Membership<'_>) -> ControlFlow<()>,
    ) -> Result<(), rdb::Error> {
        let Some(change) = self.changes.get(key.change) else { return Ok(()) };
        let (old, new) = self.prints(change);
        let record = |dump: Dump<'a>, print: Option<&Print>| -> Result<Option<Record<'a>>, rdb::Error> {
            // What is no set or sorted set may refer to templates, and could not be read from here.
            match print.filter(|print| matches!(print.kind(), rdb::Kind::Set | rdb::Kind::Zset)) {
                Some(print) => dump.record(print.start).map(Some),
                None => Ok(None),
            }
        };
        let (old, new) = (record(self.old.dump, old)?, record(self.new.dump, new)?);
        members::compare(self.seed, old.as_ref(), new.as_ref(), scratch, each)
    }

    /// Counts the memberships of all index keys that changed.
    fn count_members(&self, keys: Vec<(usize, usize)>, observer: &Observer) -> Result<Vec<IndexKey>, Error> {
        let count = |&(change, index): &(usize, usize)| {
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
            let mut key = IndexKey { change, index, counts: Counts::default() };
            let mut counts = Counts::default();
            if self.changes.get(change).is_some_and(|change| change.what != What::Expiry) {
                self.memberships(&key, &mut Scratch::default(), |membership| {
                    let one = match membership.edit {
                        Edit::Gained => &mut counts.gained,
                        Edit::Lost => &mut counts.lost,
                        Edit::Rescored => &mut counts.rescored,
                    };
                    *one = one.saturating_add(1);
                    ControlFlow::Continue(())
                })?;
            }
            key.counts = counts;
            Ok(key)
        };
        keys.par_iter().map(count).collect()
    }
}

fn key_of<'b, 'a: 'b>(
    old: &Side<'a>,
    new: &Side<'a>,
    change: &Change,
    scratch: &'b mut Vec<u8>,
) -> Result<(u64, &'b [u8]), rdb::Error> {
    let new = change.after().and_then(|n| new.print(n)).map(|print| (new.dump, print));
    let old = change.before().and_then(|n| old.print(n)).map(|print| (old.dump, print));
    match new.or(old) {
        Some((dump, print)) => Ok((print.db, dump.key(print.start, scratch)?)),
        None => Ok((0, &[])),
    }
}

/// The family that a changed key is counted in.
fn family_of(names: &Names<'_>, new: Option<&Print>, old: Option<&Print>, db: u64, key: &[u8]) -> Family {
    names.family_of(db, key, new.or(old).map_or(KeyType::String, Print::key_type))
}
