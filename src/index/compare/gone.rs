//! How many members of the keys that are deleted name a record that is not in the dump.
//!
//! A wrong key goes as a whole, so nobody looks at its members one by one. Here some of them are looked at, the first ones
//! of keys from all over the dump, as many as take no time: where most of their records are not there, half a database may
//! be missing rather than half of its records deleted.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::known::Known;
use super::stale::{Reason, Stale};
use crate::dump::rdb::{self, Element, Flow, Scratch, Visitor};
use crate::index::store::hash::Hasher;
use crate::index::store::name_prefix::NamePrefix;
use crate::index::{DeleteReason, Deletion, Present};
use crate::model::spec::Policy;

/// Members that are looked at, in each index, and keys.
const MEMBERS: usize = 1 << 13;
const KEYS: usize = 1 << 11;

/// Of the members of an index's deleted keys, how many were looked at, and how many of them name no record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub looked_at: u64,
    pub gone: u64,
}

/// Members to be explained with the stale ones, as if their keys stayed: these are appended to `present`.
pub fn some_of(
    known: &Known<'_, '_>,
    deletions: &[Deletion],
    present: &mut Vec<Present>,
    stale: &mut Vec<Stale>,
) -> Result<(), rdb::Error> {
    let spec = known.names.spec;
    let by_key = spec.by_record_key();
    for of_index in deletions.chunk_by(|a, b| a.index == b.index) {
        let Some(at) = of_index.first().map(|first| first.index as usize) else { continue };
        if spec.indexes[at].policy != Policy::Maintain || !by_key[at] {
            continue;
        }
        let wrong = || of_index.iter().filter(|key| key.reason == DeleteReason::NotImplied);
        let keys = wrong().count();
        let step = keys.div_ceil(KEYS).max(1);
        let most = MEMBERS / keys.div_ceil(step).max(1);
        for key in wrong().step_by(step) {
            let position = present.len() as u32;
            let mut some = First { hasher: known.hasher, key: position, left: most, stale };
            let record = match known.kept.get(&key.start) {
                Some(record) => record.clone(),
                None => known.members.dump.open_record(key.start)?,
            };
            record.value.visit(&mut Scratch::default(), &mut some)?;
            present.push(Present {
                start: key.start,
                index: key.index,
                rank: None,
                frozen: false,
                shared: false,
                stale: 0,
            });
        }
    }
    Ok(())
}

impl Gone {
    /// From so many members on it is worth a word, if they are one in four of those that were looked at.
    pub fn is_high(self) -> bool {
        self.gone >= 20 && self.gone * 4 >= self.looked_at
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { looked_at: self.looked_at.saturating_add(other.looked_at), gone: self.gone.saturating_add(other.gone) }
    }

    /// How many of a hundred.
    pub fn percent(self) -> u64 {
        self.gone * 100 / self.looked_at.max(1)
    }
}

/// Takes what [`some_of`] added away again, and counts it by index.
pub fn count(indexes: usize, kept: usize, present: &mut Vec<Present>, stale: &mut Vec<Stale>) -> Vec<Gone> {
    let mut out = vec![Gone::default(); indexes];
    let from = stale.partition_point(|member| (member.key as usize) < kept);
    for member in stale.drain(from..) {
        let index = present.get(member.key as usize).and_then(|key| out.get_mut(key.index as usize));
        if let Some(gone) = index {
            gone.looked_at += 1;
            gone.gone += u64::from(member.reason() == Reason::RecordMissing);
        }
    }
    present.truncate(kept);
    out
}

/// Takes the first members of a key.
struct First<'s> {
    hasher: &'s Hasher,
    key: u32,
    left: usize,
    stale: &'s mut Vec<Stale>,
}

impl First<'_> {
    fn take(&mut self, member: Element<'_>) -> Flow {
        let Some(left) = self.left.checked_sub(1) else { return ControlFlow::Break(()) };
        self.left = left;
        let (hashed, _) = NamePrefix::hash(None, member.bytes, self.hasher);
        self.stale.push(Stale::new(member.at, self.key, hashed.hash()));
        ControlFlow::Continue(())
    }
}

impl Visitor for First<'_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.take(member)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.take(member)
    }
}
