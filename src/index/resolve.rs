//! What becomes of each index key of the dump, as far as its name and type tell.

use std::collections::{HashMap, HashSet};

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::diagnostics::Diagnostics;
use super::keys::Keys;
use super::probe::Holds;
use super::survey::IndexKey;
use super::{DeleteReason, Deletion, Lookup, Present, Summary};
use crate::rdb::{self, Scratch};
use crate::spec::Policy;
use crate::text::display;

/// The index keys that stay, those that go, and those that are not touched.
#[derive(Debug, Default)]
pub struct Resolved {
    pub present: Vec<Present>,
    /// Members of those that stay, about.
    pub members: u64,
    pub deletions: Vec<Deletion>,
    pub untouched: Vec<Untouched>,
}

impl Resolved {
    fn stays(&mut self, present: Present, key: &IndexKey) {
        self.members += u64::from(key.elements);
        self.present.push(present);
    }
}

/// An index key that is not read and not deleted.
#[derive(Clone, Copy, Debug)]
pub struct Untouched {
    pub start: u64,
    pub index: u32,
    /// It should not exist as it is, and nothing is deleted from its index; otherwise it stays because of what it holds,
    /// or because several indexes claim it.
    pub wrong: bool,
}

/// Whose an index key is.
#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    index: u32,
    rank: Option<u32>,
    contested: bool,
    /// It holds the key of an undecidable record, though records do not imply it or not with that type.
    holds: bool,
    /// Another index that its name fits, and that is not retired, is only added to.
    frozen: bool,
}

pub fn resolve(
    lookup: &Lookup<'_, '_>,
    index_keys: Vec<IndexKey>,
    keys: &mut Keys,
    summaries: &mut [Summary],
    diagnostics: &mut Diagnostics,
) -> Result<Resolved, rdb::Error> {
    let spec = lookup.names.spec;
    block_contested(lookup, keys, summaries, diagnostics);
    let owners: Vec<Owner> =
        index_keys.par_iter().map(|key| owner(lookup, key, keys, summaries)).collect::<Result<_, rdb::Error>>()?;

    let mut out = Resolved::default();
    let mut there = vec![false; keys.len()];
    let mut scratch = Vec::new();
    for (key, owner) in index_keys.iter().zip(&owners) {
        let at = owner.index as usize;
        let index = &spec.indexes[at];
        let summary = &mut summaries[at];
        let desired = owner.rank.is_some_and(|rank| keys.is_live(rank));
        summary.keys += 1;
        if key.shared && key.right_type {
            summary.members += lookup.record(key.start)?.value.elements()?;
        }
        if desired && key.right_type {
            summary.correct_keys += 1;
        }
        if let Some(rank) = owner.rank {
            there[rank as usize] |= key.right_type;
        }
        let frozen = summary.frozen.is_some() || owner.frozen;
        let keep =
            Present { start: key.start, index: owner.index, rank: owner.rank, frozen, shared: key.shared, stale: 0 };
        let delete = |reason| Deletion { start: key.start, index: owner.index, reason, bytes: key.bytes };
        let untouched = |wrong| Untouched { start: key.start, index: owner.index, wrong };
        if owner.contested {
            // Counted already, for each of its indexes.
            out.untouched.push(untouched(false));
            continue;
        }
        match index.policy {
            Policy::Retire if !frozen && !owner.holds => out.deletions.push(delete(DeleteReason::Retired)),
            Policy::Retire if !owner.holds => out.untouched.push(untouched(true)),
            _ if key.right_type && desired => out.stays(keep, key),
            _ if owner.holds => {
                summary.held_keys += 1;
                let name = lookup.members.dump.key(key.start, &mut scratch)?;
                diagnostics.add("index.held_key", key.start, || {
                    format!("{} holds the key of a record that could not be decoded; it is not deleted", display(name))
                });
                if key.right_type {
                    out.stays(keep, key);
                } else {
                    out.untouched.push(untouched(false));
                    if let Some(rank) = owner.rank {
                        keys.block(rank);
                    }
                }
            }
            Policy::Maintain if !frozen => out.deletions.push(delete(match owner.rank {
                _ if !key.right_type => DeleteReason::WrongType,
                Some(_) => DeleteReason::Orphaned,
                None => DeleteReason::NotImplied,
            })),
            _ => {
                // Nothing is deleted from this index; what has the wrong type cannot be added to either.
                out.untouched.push(untouched(true));
                if let (false, Some(rank)) = (key.right_type, owner.rank) {
                    keys.block(rank);
                }
            }
        }
    }
    for rank in 0..keys.len() as u32 {
        if !keys.is_live(rank) || there[rank as usize] {
            continue;
        }
        let at = keys.index(rank);
        summaries[at].absent_keys += 1;
        let (db, name) = (spec.indexes[at].db, keys.name(rank));
        if !keys.is_blocked(rank) && lookup.names.classes_of(db, name).next().is_some() {
            summaries[at].contested_keys += 1;
            diagnostics.add("index.key_is_record", u64::from(rank), || {
                format!("{} would be an index key and is named like a record; it is not made", display(name))
            });
            keys.block(rank);
        }
    }
    out.present.sort_unstable_by_key(|key| (key.index, key.start));
    out.deletions.sort_unstable_by_key(|key| (key.index, key.start));
    Ok(out)
}

/// Finds whose a key is, and whether it must stay although it is wrong.
fn owner(lookup: &Lookup<'_, '_>, key: &IndexKey, keys: &Keys, summaries: &[Summary]) -> Result<Owner, rdb::Error> {
    let spec = lookup.names.spec;
    let primary = key.index as usize;
    let mut owner = Owner { index: key.index, ..Owner::default() };
    if spec.indexes[primary].policy == Policy::Retire && !key.shared {
        return Ok(owner);
    }
    let mut scratch = Vec::new();
    let name = lookup.members.dump.key(key.start, &mut scratch)?;
    owner.rank = keys.find(primary, name);
    if key.shared {
        let claims = lookup.names.indexes_of(spec.indexes[primary].db, name);
        let mut claims = claims.filter_map(|index| {
            let rank = keys.find(index, name)?;
            keys.is_live(rank).then_some((index, rank))
        });
        if let Some((index, rank)) = claims.next() {
            owner.index = index as u32;
            owner.rank = Some(rank);
            owner.contested = claims.next().is_some();
        }
    }
    let index = owner.index as usize;
    let claimants = lookup.claimants(index, key.shared, name);
    owner.frozen = claimants.iter().any(|&other| other != index && summaries[other].frozen.is_some());
    let held = &lookup.held(&claimants);
    let desired = owner.rank.is_some_and(|rank| keys.is_live(rank));
    let is_wrong = !(desired && key.right_type);
    if is_wrong && !held.is_empty() {
        let mut holds = Holds {
            members: lookup.members,
            hasher: lookup.hasher,
            held,
            found: false,
            error: None,
            scratch: Vec::new(),
        };
        lookup.record(key.start)?.value.visit(&mut Scratch::default(), &mut holds)?;
        if let Some(error) = holds.error {
            return Err(error);
        }
        owner.holds = holds.found;
    }
    Ok(owner)
}

/// Blocks the index keys that several indexes want to make.
fn block_contested(lookup: &Lookup<'_, '_>, keys: &mut Keys, summaries: &mut [Summary], diagnostics: &mut Diagnostics) {
    let spec = lookup.names.spec;
    let may_meet = |a: usize, b: usize| {
        let prefix = |at: usize| lookup.names.families[at].literal_prefix();
        spec.indexes[a].db == spec.indexes[b].db
            && (prefix(a).starts_with(prefix(b)) || prefix(b).starts_with(prefix(a)))
    };
    let indexes = 0..spec.indexes.len();
    let suspects: Vec<usize> = indexes.clone().filter(|&a| indexes.clone().any(|b| a != b && may_meet(a, b))).collect();
    let ranks: Vec<u32> = suspects
        .into_par_iter()
        .flat_map_iter(|index| keys.of_index(index))
        .filter(|&rank| keys.is_live(rank))
        .collect();
    let mut claims: HashMap<(u64, &[u8]), Vec<u32>> = HashMap::new();
    for rank in ranks {
        claims.entry((spec.indexes[keys.index(rank)].db, keys.name(rank))).or_default().push(rank);
    }
    let mut blocked: Vec<u32> = claims.into_values().filter(|ranks| ranks.len() > 1).flatten().collect();
    blocked.sort_unstable();
    let mut known = HashSet::new();
    for rank in blocked {
        let index = keys.index(rank);
        summaries[index].contested_keys += 1;
        if !known.insert((spec.indexes[index].db, keys.name(rank).to_vec())) {
            keys.block(rank);
            continue;
        }
        diagnostics.add("index.contested_key", u64::from(rank), || {
            format!("{} is implied by several indexes; nothing is done about it", display(keys.name(rank)))
        });
        keys.block(rank);
    }
}
