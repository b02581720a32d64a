//! From what one pass gathered to what is wrong, and from there to the difference.

pub mod batch;
pub mod deferred_checks;
mod disputed;
pub mod gone;
pub mod held;
pub mod json_strings;
pub mod known;
mod missing;
mod repeated;
pub mod resolve;
pub mod scan_members;
pub mod stale;
mod stale_reason;

use std::collections::{HashMap, HashSet};

use rayon::slice::ParallelSliceMut;

use super::brakes::judge::{self, Braked};
use super::brakes::whole;
use super::gather::required_set;
use super::gather::survey::{ClassCount, Context, Gathered, IndexKey, WhenSeen};
use super::gather::witness::{Witness, Witnesses};
use super::prune::{self, Pruned, References};
use super::store::buckets::{self, Implied, Mark, Members, Store};
use super::store::entry::{Entry, ORPHAN, Scored};
use super::store::hash::Hasher;
use super::store::interner::Interned;
use super::store::keys::Keys;
use super::store::name_prefix::MemberPrefixes;
use super::store::record_set::{RecordList, RecordSet};
use super::{DeleteReason, Deletion, Difference, Error, Facts, Frozen, Present, Summary};
use crate::dump::rdb::{self, Record};
use crate::dump::scan::Observer;
use crate::model::spec::{Brake, Condition, Policy, Spec, Test};
use crate::model::stock::Stock;
use crate::model::view::{Clock, Diagnostics, Dump, ExistingList, Names};
use crate::progress::{Unit, Watch};
use batch::Proof;
use deferred_checks::DeferredChecks;
use known::{Known, Undecided};
use resolve::Resolved;
use scan_members::{Ask, Scanned};
use stale::Stale;

/// What all threads gathered, joined.
pub struct Joined<'a> {
    stock: Stock,
    diagnostics: Diagnostics,
    sets: Vec<buckets::Collector<Entry>>,
    zsets: Vec<buckets::Collector<Scored>>,
    index_keys: Vec<IndexKey>,
    kept: HashMap<u64, Record<'a>>,
    members: Vec<u64>,
    classes: Vec<ClassCount>,
    existing: Vec<RecordSet>,
    unindexed: Vec<RecordSet>,
    undecided: Undecided,
    undecidable_count: Vec<u64>,
    required_sets: Vec<u64>,
    witnesses: Witnesses,
    named_like_keys: RecordSet,
    named: Vec<ExistingList>,
    when: Vec<WhenSeen>,
}

impl<'a> Joined<'a> {
    pub fn new(workers: Vec<Gathered<'_, 'a>>, spec: &Spec, bytes: usize) -> Self {
        let mut witnesses = Witnesses::new(bytes);
        let mut stock = Stock::new(spec.records.len(), spec.indexes.len());
        let mut diagnostics = Diagnostics::default();
        let (mut sets, mut zsets) = (Vec::new(), Vec::new());
        let mut index_keys = Vec::new();
        let mut kept = HashMap::new();
        let mut classes = vec![ClassCount::default(); spec.records.len()];
        let mut undecidable_count = vec![0; spec.indexes.len()];
        let mut members = vec![0; spec.indexes.len()];
        let mut required_sets: Vec<u64> = Vec::new();
        let (mut existing, mut unindexed) = (Vec::new(), Vec::new());
        let (mut undecodable, mut undecidable) = (Vec::new(), Vec::new());
        let (mut named_like_keys, mut named) = (Vec::new(), Vec::new());
        let mut when = vec![WhenSeen::default(); spec.indexes.len()];
        for worker in workers {
            named_like_keys.push(worker.named_like_keys);
            named.push(worker.named);
            for (all, one) in when.iter_mut().zip(&worker.when) {
                all.merge(one);
            }
            stock.merge(worker.stock);
            witnesses.merge(worker.witnesses);
            diagnostics.merge(worker.diagnostics);
            sets.push(worker.sets);
            zsets.push(worker.zsets);
            index_keys.extend(worker.index_keys);
            kept.extend(worker.large.into_iter().map(|record| (record.start as u64, record)));
            for (all, class) in classes.iter_mut().zip(worker.classes) {
                all.records += class.records;
                all.decodable += class.decodable;
            }
            for (all, n) in undecidable_count.iter_mut().zip(worker.undecidable_count) {
                *all += n;
            }
            for (all, n) in members.iter_mut().zip(worker.members) {
                *all += n;
            }
            required_sets.resize(required_sets.len().max(worker.required_sets.len()), 0);
            for (all, n) in required_sets.iter_mut().zip(worker.required_sets) {
                *all += n;
            }
            existing.push(worker.existing);
            unindexed.push(worker.unindexed);
            undecodable.push(worker.undecodable);
            undecidable.push(worker.undecidable);
        }
        index_keys.par_sort_unstable();
        Self {
            stock,
            diagnostics,
            sets,
            zsets,
            index_keys,
            kept,
            members,
            classes,
            existing: transpose(existing, spec.records.len()),
            unindexed: transpose(unindexed, spec.indexes.len()),
            undecided: Undecided {
                by_class: transpose(undecodable, spec.records.len()),
                by_index: transpose(undecidable, spec.indexes.len()),
            },
            undecidable_count,
            required_sets,
            witnesses,
            named_like_keys: RecordSet::new(named_like_keys),
            named,
            when,
        }
    }
}

impl Joined<'_> {
    /// How many families of names have keys: classes and indexes of the spec, and those that the other names make.
    pub fn families(&self) -> usize {
        let named = self.stock.records.iter().chain(&self.stock.indexes).filter(|tally| tally.keys > 0);
        named.count() + self.stock.others.list().len()
    }
}

/// From lists by thread and index to sets by index.
fn transpose(threads: Vec<Vec<RecordList>>, n: usize) -> Vec<RecordSet> {
    let mut columns: Vec<Vec<RecordList>> = (0..n).map(|_| Vec::new()).collect();
    for thread in threads {
        for (column, list) in columns.iter_mut().zip(thread) {
            column.push(list);
        }
    }
    columns.into_iter().map(RecordSet::new).collect()
}

/// All that is known when every index key has been read.
pub struct Compared<'a> {
    pub names: Names<'a>,
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub facts: Facts,
    pub stock: Stock,
    pub summaries: Vec<Summary>,
    pub diagnostics: Diagnostics,
    pub brakes: Vec<Braked>,
    pub hasher: Hasher,
    pub keys: Keys,
    pub interned: Interned,
    pub sets: Store<Entry>,
    pub zsets: Store<Scored>,
    pub resolved: Resolved,
    pub scanned: Scanned,
    pub pruned: Pruned,
    pub witnesses: Vec<Witness>,
    pub kept: HashMap<u64, Record<'a>>,
    pub unindexed: Vec<RecordSet>,
    pub undecided: Undecided,
    pub member_prefixes: MemberPrefixes,
    /// What it takes to look up the same members again: if none of them had the whole hash of a record that is another one,
    /// that hash is enough.
    pub proof: Proof,
}

pub fn compare<'a, 'o>(
    context: Context<'a>,
    joined: Joined<'a>,
    facts: Facts,
    ask: Ask,
    mut deferred: DeferredChecks<'o>,
    observer: &'o Observer,
) -> Result<Compared<'a>, Error> {
    let Context {
        names, dump, clock, hasher, groups, prefixes, member_prefixes, members, required_sets, wanted, ..
    } = context;
    let spec = names.spec;
    let Joined { stock, mut diagnostics, kept, existing, unindexed, undecided, witnesses, .. } = joined;

    // Which required records exist decides what is an orphan.
    let mut scratch = Vec::new();
    let mut lacks = |index: u16, position: usize, key: &[u8]| -> Result<bool, rdb::Error> {
        let class = spec.indexes[usize::from(index)].require[position].record;
        Ok(!existing[class].contains(&dump, key, hasher.hash(key), &mut scratch)?)
    };
    let mut orphans = vec![0; spec.indexes.len()];
    let required_sets = required_sets.freeze();
    for required_set in required_sets.ids() {
        let (index, required) = required_set::read_required(required_sets.get(required_set));
        let per_membership = spec.indexes[usize::from(index)].require.len().max(1);
        for (at, key) in required.enumerate() {
            if lacks(index, at % per_membership, key)? {
                orphans[usize::from(index)] += joined.required_sets.get(required_set as usize).copied().unwrap_or(0);
                break;
            }
        }
    }
    let mut keys = Keys::new(groups.freeze(), prefixes, joint(spec), lacks)?;
    let interned = members.freeze();
    let members = Members { dump, interned: &interned, prefixes: &member_prefixes };
    observer.begin("sorting the memberships", Unit::Members, 0);
    let sets = Store::new(joined.sets, &keys, members)?;
    let zsets = Store::new(joined.zsets, &keys, members)?;
    if observer.stopped() {
        return Err(Error::Interrupted);
    }

    let mut summaries: Vec<Summary> = (0..spec.indexes.len())
        .map(|at| Summary {
            members: joined.members[at],
            undecidable_records: joined.undecidable_count[at],
            orphan_records: orphans[at],
            frozen: frozen(spec, at, &joined.classes, joined.undecidable_count[at]),
            ..Summary::default()
        })
        .collect();
    let known = Known { names: &names, members, hasher: &hasher, clock, kept: &kept, undecided: &undecided };
    let records = &joined.named_like_keys;
    let (prune_keys, index_keys): (Vec<IndexKey>, Vec<IndexKey>) =
        joined.index_keys.into_iter().partition(|key| spec.indexes[key.index as usize].prunes());
    let mut resolved = resolve::resolve(&known, index_keys, records, &mut keys, &mut summaries, &mut diagnostics)?;
    if observer.stopped() {
        return Err(Error::Interrupted);
    }

    observer.begin("comparing the indexes", Unit::Members, resolved.members);
    let implied = Implied { keys: &keys, sets: &sets, zsets: &zsets };
    let mut scanned = scan_members::run(&known, implied, &deferred, &resolved.present, ask, observer)?;
    if deferred.far() && deferred.collided() {
        // Some member was taken for a record that is another one. That is only to be expected of a hash that is broken, so
        // it may take its time.
        sets.forget_seen();
        zsets.forget_seen();
        deferred = DeferredChecks::never(observer);
        observer.begin("comparing the indexes again", Unit::Members, resolved.members);
        scanned = scan_members::run(&known, implied, &deferred, &resolved.present, ask, observer)?;
    }
    diagnostics.merge(std::mem::take(&mut scanned.diagnostics));
    let proof = if deferred.collided() { Proof::AtOnce } else { Proof::Known };
    if observer.stopped() {
        return Err(Error::Interrupted);
    }
    for (key, counts) in &scanned.counts {
        let key = &mut resolved.present[*key as usize];
        key.stale += counts.stale;
        let summary = &mut summaries[key.index as usize];
        summary.stale_members += counts.stale;
        summary.held_members += counts.held;
        summary.conflict_members += counts.conflicts;
        summary.expiring_members += counts.expiring;
        let accepted = spec.indexes[key.index as usize].accepted.has(Brake::ForeignMembers);
        (if accepted { &mut summary.lifted } else { &mut summary.kept }).foreign_members += counts.foreign;
    }
    let there = &resolved.there;
    let tally = |tallies: &mut Vec<Tallied>, entry: &Entry, mark: Mark| {
        if entry.key & ORPHAN == 0 && mark != Mark::Conflict {
            let tally = &mut tallies[keys.index(entry.key)];
            match mark {
                Mark::Right => tally.right += 1,
                Mark::Rescore => tally.missing += 1,
                Mark::Missing | Mark::Conflict => {
                    tally.missing += 1;
                    tally.missing_from_existing += u64::from(there[entry.key as usize]);
                }
            }
        }
    };
    let new = || vec![Tallied::default(); spec.indexes.len()];
    let mut tallies = sets.fold(new, tally);
    tallies.extend(zsets.fold(new, |counts, scored: &Scored, mark| tally(counts, &scored.entry, mark)));
    for tallies in tallies {
        for ((summary, evidence), tally) in summaries.iter_mut().zip(&mut resolved.evidence).zip(tallies) {
            summary.missing_members += tally.missing;
            evidence.missing_members += tally.missing_from_existing;
            evidence.right_members += tally.right;
        }
    }
    let pruned = if wanted.is_empty() {
        Pruned { evidence: vec![References::default(); spec.indexes.len()], ..Pruned::default() }
    } else {
        let existing = wanted.join(joined.named);
        observer.begin("looking for named keys", Unit::Keys, prune_keys.len() as u64);
        let mut gone = HashSet::new();
        for key in &resolved.deletions {
            // A key of another type that is built anew is there again.
            let rebuilt = key.reason == DeleteReason::WrongType
                && keys
                    .find(key.index as usize, dump.key(key.start, &mut scratch)?)
                    .is_some_and(|rank| keys.is_live(rank) && !keys.is_blocked(rank));
            if !rebuilt {
                gone.insert(key.start);
            }
        }
        let seen = (clock, &existing);
        let notes = (&mut summaries[..], &mut diagnostics);
        prune::prune(&known, seen, &prune_keys, &mut gone, notes, ask, observer)?
    };
    if observer.stopped() {
        return Err(Error::Interrupted);
    }
    for ((index, seen), evidence) in spec.indexes.iter().zip(&joined.when).zip(&mut resolved.evidence) {
        let is_compared = |condition: &Condition| matches!(condition.test, Test::OneOf(_));
        let all_met = index.when.iter().zip(&seen.met).all(|(condition, met)| *met || !is_compared(condition));
        evidence.left_out_by_when = !index.when.is_empty() && seen.without && all_met;
    }
    let examples = std::mem::take(&mut resolved.examples);
    let mut brakes =
        judge::judge(spec, &stock, &joined.classes, &summaries, (&resolved.evidence, &pruned.evidence), examples);
    brakes.extend(whole::judge(spec, &facts));
    brakes.sort_by_key(|braked| (braked.brake, braked.index));

    repeated::settle(&known, &mut keys, &mut resolved, &scanned, &mut diagnostics)?;
    disputed::settle(spec, &zsets, &mut keys, &mut summaries, &mut resolved, &mut scanned);
    Ok(Compared {
        names,
        dump,
        clock,
        facts,
        stock,
        summaries,
        diagnostics,
        brakes,
        hasher,
        keys,
        interned,
        sets,
        zsets,
        resolved,
        scanned,
        pruned,
        witnesses: witnesses.into_list(),
        kept,
        unindexed,
        undecided,
        member_prefixes,
        proof,
    })
}

impl<'a> Compared<'a> {
    /// What would have to change, and why.
    pub fn into_difference(mut self, observer: &Observer) -> Result<Difference<'a>, Error> {
        let Self { names, dump, hasher, keys, interned, member_prefixes, sets, zsets, kept, undecided, .. } = self;
        let spec = names.spec;
        let Resolved { mut present, mut deletions, evidence, .. } = self.resolved;
        let references = std::mem::take(&mut self.pruned.evidence);
        let members = Members { dump, interned: &interned, prefixes: &member_prefixes };
        let mut stale = self.scanned.stale;
        stale.retain(|stale| {
            let key = present[stale.key as usize];
            spec.indexes[key.index as usize].policy == Policy::Maintain && !key.frozen
        });
        stale.par_sort_unstable_by_key(|stale| (stale.key, stale.place));
        let known =
            Known { names: &names, members, hasher: &hasher, clock: self.clock, kept: &kept, undecided: &undecided };
        let implied = Implied { keys: &keys, sets: &sets, zsets: &zsets };
        let staying = present.len();
        gone::some_of(&known, &deletions, &mut present, &mut stale)?;
        stale_reason::explain(&known, &mut stale, &present, implied, &self.unindexed)?;
        let gone = gone::count(spec.indexes.len(), staying, &mut present, &mut stale);
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        with_pruned(self.pruned, &mut present, &mut stale, &mut deletions);
        let wanted = |rank: u32| spec.indexes[keys.index(rank)].policy == Policy::Maintain && !keys.is_blocked(rank);
        let sets = sets.into_edits(members, wanted);
        let zsets = zsets.into_edits(members, wanted);
        let rescored = self.scanned.rescored.into_iter();
        let rescored = rescored.map(|(rank, source, score)| ((rank, source), score)).collect();
        // A cluster has one database.
        let is_one = |db: u64| db == 0;
        let by_slot = self.facts.of_a_cluster
            && self.stock.databases.keys().all(|db| is_one(*db))
            && spec.indexes.iter().all(|index| is_one(index.db));
        Ok(Difference {
            by_slot,
            spec,
            dump,
            clock: self.clock,
            facts: self.facts,
            stock: self.stock,
            summaries: self.summaries,
            diagnostics: self.diagnostics,
            brakes: self.brakes,
            evidence,
            references,
            keys,
            sets,
            zsets,
            rescored,
            present,
            stale,
            deletions,
            gone,
            interned,
            prefixes: member_prefixes,
            witnesses: self.witnesses,
            kept,
        })
    }
}

/// By index: the first one with the same keys. What both imply belongs there.
pub fn joint(spec: &Spec) -> Vec<u16> {
    spec.first_of_keys().into_iter().map(|at| u16::try_from(at).unwrap_or(u16::MAX)).collect()
}

/// Adds what prune rules take away, in the same order.
fn with_pruned(pruned: Pruned, present: &mut Vec<Present>, stale: &mut Vec<Stale>, deletions: &mut Vec<Deletion>) {
    if !pruned.deletions.is_empty() {
        deletions.extend(pruned.deletions);
        deletions.par_sort_unstable_by_key(|key| (key.index, key.start));
    }
    if pruned.present.is_empty() {
        return;
    }
    let first = present.len() as u32;
    present.extend(pruned.present);
    let mut more = pruned.stale;
    more.iter_mut().for_each(|one| *one = one.of_key(first + one.key));
    // There may be as many as there are entries: they are copied only where there are others.
    if stale.is_empty() {
        *stale = more;
    } else {
        stale.extend(more);
    }
    let mut order: Vec<u32> = (0..present.len() as u32).collect();
    order.sort_by_key(|at| (present[*at as usize].index, present[*at as usize].start));
    let mut places = vec![0; order.len()];
    for (place, at) in (0..).zip(&order) {
        places[*at as usize] = place;
    }
    *present = order.iter().map(|at| present[*at as usize]).collect();
    for one in stale.iter_mut() {
        *one = one.of_key(places[one.key as usize]);
    }
    stale.par_sort_unstable_by_key(|stale| (stale.key, stale.place));
}

/// What is implied of an index, by what there is of it.
#[derive(Clone, Copy, Default)]
struct Tallied {
    right: u64,
    /// Not there, or there with another score.
    missing: u64,
    /// Not there, in a key that is.
    missing_from_existing: u64,
}

/// Why nothing may be removed from an index.
pub fn frozen(spec: &Spec, at: usize, classes: &[ClassCount], undecidable: u64) -> Option<Frozen> {
    let index = &spec.indexes[at];
    if index.from.is_some_and(|class| classes[class].decodable == 0) {
        Some(Frozen::NoRecords)
    } else if undecidable > 0 && !index.names_its_record() && index.policy != Policy::Retire {
        Some(Frozen::Undecidable)
    } else {
        None
    }
}
