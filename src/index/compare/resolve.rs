//! What becomes of each index key of the dump, as far as its name and type tell.

use std::collections::{HashMap, HashSet};

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::scan_members::Holds;
use crate::dump::rdb::{self, Kind, Scratch};
use crate::index::brakes::depths::Depths;
use crate::index::brakes::judge::{Evidence, Examples};
use crate::index::brakes::member_forms::FindForeign;
use crate::index::compare::known::Known;
use crate::index::gather::survey::{IndexKey, is_index_type};
use crate::index::store::keys::Keys;
use crate::index::store::record_set::RecordSet;
use crate::index::{DeleteReason, Deletion, Present, Summary};
use crate::model::spec::{Brake, IndexType, Policy, Reading};
use crate::model::view::Diagnostics;
use crate::text::display;

/// The index keys that stay, those that go, and those that are not touched.
#[derive(Debug, Default)]
pub struct Resolved {
    pub present: Vec<Present>,
    /// Members of those that stay, about.
    pub members: u64,
    pub deletions: Vec<Deletion>,
    pub untouched: Vec<Untouched>,
    /// By rank: the key is there, and has the type of its index.
    pub there: Vec<bool>,
    /// By index, as far as it is known so far.
    pub evidence: Vec<Evidence>,
    pub examples: Examples,
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
    pub why: Why,
}

/// Why an index key is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It should not exist as it is, and nothing is deleted from its index.
    Wrong,
    /// What it holds, or that several indexes claim it.
    Held,
    /// A brake keeps it.
    Braked,
}

/// Whose an index key is.
#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    index: u32,
    rank: Option<u32>,
    contested: bool,
    /// It has the type of that index.
    right_type: bool,
    /// Those of its name, read as one of that index.
    depths: Depths,
    /// It is wrong, and some member is not what its indexes say their members are.
    foreign: bool,
    /// It holds the key of an undecidable record, though records do not imply it or not with that type.
    holds: bool,
    /// Another index that its name fits, and that is not retired, is only added to.
    frozen: bool,
}

pub fn resolve(
    known: &Known<'_, '_>,
    index_keys: Vec<IndexKey>,
    records: &RecordSet,
    keys: &mut Keys,
    summaries: &mut [Summary],
    diagnostics: &mut Diagnostics,
) -> Result<Resolved, rdb::Error> {
    let spec = known.names.spec;
    block_contested(known, keys, summaries, diagnostics);
    let owners: Vec<Owner> =
        index_keys.par_iter().map(|key| owner(known, key, keys, summaries)).collect::<Result<_, rdb::Error>>()?;
    let limits = limits(known, keys, &owners);

    let mut out = Resolved { evidence: vec![Evidence::default(); spec.indexes.len()], ..Resolved::default() };
    let mut there = vec![false; keys.len()];
    let mut scratch = Vec::new();
    for (key, owner) in index_keys.iter().zip(&owners) {
        let at = owner.index as usize;
        let index = &spec.indexes[at];
        let summary = &mut summaries[at];
        let desired = owner.rank.is_some_and(|rank| keys.is_live(rank));
        let right_type = owner.right_type;
        summary.keys += 1;
        out.evidence[at].typed_keys += u64::from(right_type);
        if key.shared && right_type {
            summary.members += known.record(key.start)?.value.elements()?;
        }
        if desired && right_type {
            summary.correct_keys += 1;
        }
        if let Some(rank) = owner.rank {
            there[rank as usize] |= right_type;
        }
        let frozen = summary.frozen.is_some() || owner.frozen;
        let keep =
            Present { start: key.start, index: owner.index, rank: owner.rank, frozen, shared: key.shared, stale: 0 };
        let delete = |reason| Deletion { start: key.start, index: owner.index, reason, bytes: key.bytes };
        let untouched = |why| Untouched { start: key.start, index: owner.index, why };
        if owner.contested {
            // Counted already, for each of its indexes.
            out.untouched.push(untouched(Why::Held));
            continue;
        }
        summary.overlapped_keys += u64::from(owner.frozen && summary.frozen.is_none());
        let is_safe = (desired && right_type) || frozen || owner.holds;
        out.evidence[at].exposed_keys += u64::from(!is_safe);
        // A name that records imply is made right, whatever is there; and what is frozen stays anyway.
        let doubts = if desired || frozen { Vec::new() } else { doubts(owner, limits[at]) };
        let mut kept = None;
        for brake in doubts {
            // Of a hash the other fields are somebody else's, whatever is accepted.
            let lifted =
                index.accepted.has(brake) && !(brake == Brake::ForeignMembers && index.kind == IndexType::Hash);
            (if lifted { &mut summary.lifted } else { &mut summary.kept }).add(brake);
            let name = || Ok(display(known.members.dump.key(key.start, &mut scratch)?));
            out.examples.add::<rdb::Error>(brake, at, name)?;
            if !lifted {
                kept = Some(brake);
                break;
            }
        }
        if let Some(brake) = kept {
            if brake == Brake::ForeignMembers && right_type && index.policy != Policy::Retire {
                // Its other members go.
                out.stays(keep, key);
            } else {
                out.untouched.push(untouched(Why::Braked));
                if let Some(rank) = owner.rank {
                    keys.block(rank);
                }
            }
            continue;
        }
        let left = if owner.frozen && summary.frozen.is_none() { Why::Held } else { Why::Wrong };
        match index.policy {
            Policy::Retire if !frozen && !owner.holds => out.deletions.push(delete(DeleteReason::Retired)),
            Policy::Retire if !owner.holds => out.untouched.push(untouched(left)),
            _ if right_type && desired => out.stays(keep, key),
            _ if owner.holds => {
                summary.held_keys += 1;
                let name = known.members.dump.key(key.start, &mut scratch)?;
                diagnostics.add("index.held_key", key.start, || {
                    format!("{} holds the key of a record that could not be decoded; it is not deleted", display(name))
                });
                if right_type {
                    out.stays(keep, key);
                } else {
                    out.untouched.push(untouched(Why::Held));
                    if let Some(rank) = owner.rank {
                        keys.block(rank);
                    }
                }
            }
            Policy::Maintain if !frozen => out.deletions.push(delete(match owner.rank {
                _ if !right_type => DeleteReason::WrongType,
                Some(_) => DeleteReason::Orphaned,
                None => DeleteReason::NotImplied,
            })),
            _ => {
                // Nothing is deleted from this index; what has the wrong type cannot be added to either.
                out.untouched.push(untouched(left));
                if let (false, Some(rank)) = (right_type, owner.rank) {
                    keys.block(rank);
                }
            }
        }
    }
    for rank in 0..keys.len() as u32 {
        if keys.is_live(rank) {
            out.evidence[keys.index(rank)].has_entry = true;
        }
        if !keys.is_live(rank) || there[rank as usize] {
            continue;
        }
        let at = keys.index(rank);
        summaries[at].absent_keys += 1;
        let name = keys.name(rank);
        let is_record = records.contains(&known.members.dump, name, known.hasher.hash(name), &mut scratch)?;
        if is_record && !keys.is_blocked(rank) {
            summaries[at].contested_keys += 1;
            diagnostics.add("index.key_is_record", u64::from(rank), || {
                format!("{} would be an index key and is a record; it is not made", display(name))
            });
            keys.block(rank);
        }
    }
    out.present.sort_unstable_by_key(|key| (key.index, key.start));
    out.deletions.sort_unstable_by_key(|key| (key.index, key.start));
    out.there = there;
    Ok(out)
}

/// The brakes that speak for keeping a wrong key.
fn doubts(owner: &Owner, limit: Depths) -> Vec<Brake> {
    let all = [
        // What names an undecidable record is kept for that; of a name that is too deep all of it is.
        (Brake::OtherType, !owner.right_type && !owner.holds),
        (Brake::Nested, owner.depths.exceed(limit)),
        (Brake::ForeignMembers, owner.foreign),
    ];
    all.into_iter().filter(|(_, applies)| *applies).map(|(brake, _)| brake).collect()
}

/// By index: how deep a name may be. No deeper than any that is implied; of a retired index, than half of its own.
fn limits(known: &Known<'_, '_>, keys: &Keys, owners: &[Owner]) -> Vec<Depths> {
    let spec = known.names.spec;
    let is_desired = |owner: &Owner| owner.rank.is_some_and(|rank| keys.is_live(rank));
    let limit = |at: usize| {
        let own = || owners.iter().filter(move |owner| owner.index as usize == at);
        if spec.indexes[at].policy == Policy::Retire {
            let all: Vec<Depths> = own().filter(|owner| owner.right_type).map(|owner| owner.depths).collect();
            return Depths::usual(&all);
        }
        // Names without any `:` in their fields are never too deep: then there is nothing to compare them with.
        if own().all(|owner| owner.depths == Depths::default() || is_desired(owner)) {
            return Depths::default();
        }
        let live: Vec<u32> = keys.of_index(at).filter(|&rank| keys.is_live(rank)).collect();
        let deepest = |so_far: Depths, rank: u32| {
            so_far.max(Depths::of(&spec.indexes[at].family, keys.name(rank), &mut Reading::default()))
        };
        live.into_par_iter().fold(Depths::default, deepest).reduce(Depths::default, Depths::max)
    };
    (0..spec.indexes.len()).map(limit).collect()
}

/// Finds whose a key is, and whether it must stay although it is wrong.
fn owner(known: &Known<'_, '_>, key: &IndexKey, keys: &Keys, summaries: &[Summary]) -> Result<Owner, rdb::Error> {
    let spec = known.names.spec;
    let primary = key.index as usize;
    let db = spec.indexes[primary].db;
    let mut owner = Owner { index: key.index, depths: key.depths, ..Owner::default() };
    let mut scratch = Vec::new();
    let retired = spec.indexes[primary].policy == Policy::Retire && !key.shared;
    let name = if retired { &[] } else { known.members.dump.key(key.start, &mut scratch)? };
    if !retired {
        owner.rank = keys.find(primary, name);
    }
    if key.shared {
        let claims = known.names.indexes_of(db, name);
        let mut claims = claims.filter_map(|index| {
            let rank = keys.find(index, name)?;
            keys.is_live(rank).then_some((index, rank))
        });
        if let Some((index, rank)) = claims.next() {
            owner.index = index as u32;
            owner.rank = Some(rank);
            owner.contested = claims.any(|(_, other)| other != rank);
            owner.depths = Depths::of(&spec.indexes[index].family, name, &mut Reading::default());
        }
    }
    let index = owner.index as usize;
    owner.right_type = is_index_type(key.kind, spec.indexes[index].kind);
    let claimants = known.claimants(index, key.shared, name);
    owner.frozen = claimants.iter().any(|&other| other != index && summaries[other].frozen.is_some());
    let desired = owner.rank.is_some_and(|rank| keys.is_live(rank));
    if desired && owner.right_type {
        return Ok(owner);
    }
    let held = known.held(&claimants, name);
    if !held.is_empty() {
        let mut holds = Holds {
            members: known.members,
            hasher: known.hasher,
            held,
            found: false,
            error: None,
            scratch: Vec::new(),
        };
        known.record(key.start)?.value.visit(&mut Scratch::default(), &mut holds)?;
        if let Some(error) = holds.error {
            return Err(error);
        }
        owner.holds = holds.found;
    }
    // What is kept anyway need not be looked at; nor a retired key whose members somebody has accepted.
    let owned = &spec.indexes[index];
    let forms = known.member_forms(index, key.shared, name);
    let is_hash = key.kind == Kind::Hash && owned.kind == IndexType::Hash;
    let is_collection = matches!(key.kind, Kind::Set | Kind::Zset) || is_hash;
    let by_type = !owner.right_type && !owned.accepted.has(Brake::OtherType);
    let stays = owner.frozen || owner.holds || summaries[index].frozen.is_some() || by_type;
    let looks = !forms.accepted || is_hash || owned.policy != Policy::Retire;
    if is_collection && !stays && looks && !forms.is_empty() {
        let mut foreign = FindForeign { forms: &forms, found: false };
        known.record(key.start)?.value.visit(&mut Scratch::default(), &mut foreign)?;
        owner.foreign = foreign.found;
    }
    Ok(owner)
}

/// Blocks the index keys that several indexes want to make.
fn block_contested(known: &Known<'_, '_>, keys: &mut Keys, summaries: &mut [Summary], diagnostics: &mut Diagnostics) {
    let spec = known.names.spec;
    let may_meet = |a: usize, b: usize| {
        let prefix = |at: usize| spec.indexes[at].family.glob().literal_prefix();
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
