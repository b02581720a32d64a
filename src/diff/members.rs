//! Which members an index key gained and lost.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::content_hash::{Seed, halves};
use crate::dump::rdb::{self, Element, Flow, Kind, Record, Scratch, Visitor};

/// What happened to a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Gained,
    Lost,
    /// It is there in both, with another score.
    Rescored,
}

impl Edit {
    /// The word for it in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Rescored => "rescored",
        }
    }
}

/// A membership that changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Membership<'b> {
    pub edit: Edit,
    pub member: &'b [u8],
    pub old_score: Option<f64>,
    pub new_score: Option<f64>,
}

/// How many memberships changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub gained: u64,
    pub lost: u64,
    pub rescored: u64,
}

impl Counts {
    /// Adds other counts to these.
    pub fn add(&mut self, other: Self) {
        self.gained = self.gained.saturating_add(other.gained);
        self.lost = self.lost.saturating_add(other.lost);
        self.rescored = self.rescored.saturating_add(other.rescored);
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.gained.saturating_add(self.lost).saturating_add(self.rescored)
    }
}

/// A member of the old key, in 32 bytes: two members are the same if 128 bits of a keyed hash are.
#[derive(Clone, Copy, Debug)]
struct Known {
    hash: [u64; 2],
    score: Option<f64>,
}

/// Compares the members of one key; a value that is no set or sorted set has none.
///
/// `each` is given what was gained and rescored in the order of the new dump, then what was lost in the order of the old
/// one. A break ends it. Takes memory for the members of the old key, and none where there is only one of the two.
pub fn compare(
    seed: Seed,
    old: Option<&Record<'_>>,
    new: Option<&Record<'_>>,
    scratch: &mut Scratch,
    mut each: impl FnMut(Membership<'_>) -> Flow,
) -> Result<(), rdb::Error> {
    let members = |record: Option<&Record<'_>>| record.is_some_and(has_members);
    let old = old.filter(|_| members(old));
    let new = new.filter(|_| members(new));
    let mut known: Vec<Known> = Vec::new();
    if let (Some(old), Some(_)) = (old, new) {
        visit(old, scratch, |member, score| {
            known.push(Known { hash: halves(seed.hash(member)), score });
            ControlFlow::Continue(())
        })?;
        known.sort_unstable_by_key(|known| known.hash);
        known.dedup_by_key(|known| known.hash);
    }
    let mut kept = vec![false; known.len()];
    let ended = Cell::new(false);
    let mut tell = |membership: Membership<'_>| {
        let flow = each(membership);
        ended.set(ended.get() || flow.is_break());
        flow
    };
    if let Some(new) = new {
        visit(new, scratch, |member, new_score| {
            let hash = halves(seed.hash(member));
            let found = known.binary_search_by_key(&hash, |known| known.hash).ok();
            let (edit, old_score) = match found.and_then(|at| known.get(at)) {
                None => (Edit::Gained, None),
                Some(before) => (Edit::Rescored, before.score),
            };
            if let Some(kept) = found.and_then(|at| kept.get_mut(at)) {
                *kept = true;
            }
            let same = matches!((old_score, new_score), (Some(a), Some(b)) if a == b) || old_score.is_none();
            if edit == Edit::Rescored && (same || new_score.is_none()) {
                return ControlFlow::Continue(());
            }
            tell(Membership { edit, member, old_score, new_score })
        })?;
    }
    if ended.get() || !known.is_empty() && kept.iter().all(|kept| *kept) {
        return Ok(());
    }
    if let Some(old) = old {
        visit(old, scratch, |member, old_score| {
            let hash = || halves(seed.hash(member));
            let found = if known.is_empty() {
                None
            } else {
                known.binary_search_by_key(&hash(), |known| known.hash).ok().and_then(|at| kept.get(at).copied())
            };
            if found == Some(true) {
                return ControlFlow::Continue(());
            }
            tell(Membership { edit: Edit::Lost, member, old_score, new_score: None })
        })?;
    }
    Ok(())
}

/// Whether a value is one that indexes are made of.
pub fn has_members(record: &Record<'_>) -> bool {
    matches!(record.value.ty.kind(), Kind::Set | Kind::Zset)
}

fn visit(
    record: &Record<'_>,
    scratch: &mut Scratch,
    each: impl FnMut(&[u8], Option<f64>) -> Flow,
) -> Result<(), rdb::Error> {
    record.value.visit(scratch, &mut Each(each)).map_err(|error| error.in_record(record.start))
}

struct Each<F>(F);

impl<F: FnMut(&[u8], Option<f64>) -> Flow> Visitor for Each<F> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        (self.0)(member.bytes, None)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        (self.0)(member.bytes, Some(score))
    }
}
