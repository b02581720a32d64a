//! Desired and actual indexes, and their difference.
//!
//! [`Difference::take`] does it all: one pass over the dump, then the index keys against what the records imply.

mod clock;
mod diagnostics;
mod disputed;
mod dump;
mod entry;
mod interner;
mod keys;
mod keyset;
mod probe;
mod reason;
mod resolve;
mod store;
mod strings;
mod survey;

pub use clock::{Clock, Expires, Expiry, FIRST_POSSIBLE_MS};
pub use diagnostics::{Diagnostics, display, escape};
pub use dump::Dump;
pub use entry::{Entry, Membership, Scored, Source};
pub use interner::Interned;
pub use keys::Keys;
pub use probe::{Reason, Stale};
pub use store::{Edits, Members};
pub use survey::{Family, Names, is_index_type};

use std::collections::HashMap;

use entry::{Hasher, ORPHAN};
use keyset::{AnyOf, KeyList, KeySet};
use rayon::slice::ParallelSliceMut;
use resolve::Resolved;
use store::{Mark, Store};
use survey::{ClassCount, Context, Gathered, IndexKey};

use crate::rdb::{self, Footer, Header, Record};
use crate::scan::{self, Observer};
use crate::spec::{Policy, Spec};
use crate::stock::Stock;

/// What ends the work on a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("the dump has {bytes} bytes; this program reads dumps of up to 1 TiB")]
    TooLarge { bytes: usize },
    #[error("the records imply more than two thousand million different index keys or members")]
    TooMany,
    #[error("the spec has {0} indexes; up to 65,535 are possible")]
    TooManyIndexes(usize),
}

impl From<scan::Error> for Error {
    fn from(error: scan::Error) -> Self {
        match error {
            scan::Error::Dump(error) => Self::Dump(error),
            scan::Error::Interrupted => Self::Interrupted,
        }
    }
}

/// What is known of the dump itself.
#[derive(Debug)]
pub struct Facts {
    pub header: Header,
    pub footer: Footer,
    /// CRC-64 of everything before the footer.
    pub crc64: u64,
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    pub functions: u64,
    pub module_aux: Vec<String>,
}

/// The numbers of one index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Keys in the family that had not expired.
    pub keys: u64,
    /// Those of them that records imply.
    pub correct_keys: u64,
    /// Index keys that records imply and that are not there, or have another type.
    pub absent_keys: u64,
    /// Members of the keys that have the right type.
    pub members: u64,
    /// Memberships that are implied and not there (for a sorted set: not with that score).
    pub missing_members: u64,
    /// Members that nothing implies, in keys that stay.
    pub stale_members: u64,
    /// Members that stay because nothing can be said of their record.
    pub held_members: u64,
    /// Wrong keys that stay because they hold such members.
    pub held_keys: u64,
    /// Keys that two indexes claim, or that are named like a record; nothing is done about them.
    pub contested_keys: u64,
    pub undecidable_records: u64,
    pub orphan_records: u64,
    /// Why nothing is removed from this index, or deleted.
    pub frozen: Option<Frozen>,
}

impl Summary {
    /// Keys in the family that should not exist as they are.
    pub fn wrong_keys(&self) -> u64 {
        self.keys.saturating_sub(self.correct_keys)
    }
}

/// Why an index is only added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// No record of its class could be decoded: a wrong prefix, or half a dump.
    NoRecords,
    /// A record could not be decoded, and members are not just keys of records: it could imply any of them.
    Undecidable,
}

/// An index key that stays.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    pub start: u64,
    pub index: u32,
    /// Its rank among the keys that records imply; none for a wrong key that holds what must stay.
    pub rank: Option<u32>,
    /// Nothing is removed from it, because too little is known of its index, or of another whose family it belongs to.
    pub frozen: bool,
    /// Several families claim it.
    pub shared: bool,
    pub stale: u64,
}

/// An index key that is deleted.
#[derive(Clone, Copy, Debug)]
pub struct Deletion {
    pub start: u64,
    pub index: u32,
    pub reason: DeleteReason,
}

/// Why an index key is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteReason {
    Retired,
    /// It has another type than its index. It is built anew if records imply it.
    WrongType,
    /// No record belongs to it.
    NotImplied,
    /// Records belong to it, but they all lack a record they require.
    Orphaned,
    /// Records belong to it, but they disagree on every score, and nothing it holds is right.
    Disputed,
}

/// What is in a dump, and what would have to change.
#[derive(Debug)]
pub struct Difference<'a> {
    pub spec: &'a Spec,
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub facts: Facts,
    pub stock: Stock,
    pub summaries: Vec<Summary>,
    pub diagnostics: Diagnostics,
    /// Index keys that records imply, by rank.
    pub keys: Keys,
    /// Members that are not keys of records.
    pub interned: Interned,
    /// Members to be added to sets, and to sorted sets (there also those whose score changes).
    pub sets: Edits<Entry>,
    pub zsets: Edits<Scored>,
    /// The scores in the dump of members whose score changes.
    pub rescored: HashMap<(u32, Source), f64>,
    /// Index keys of maintained indexes that stay, ordered by index and place in the dump.
    pub present: Vec<Present>,
    /// Members to be removed, by key (a position in `present`) and place in the dump.
    pub stale: Vec<Stale>,
    /// Ordered by index and place in the dump.
    pub deletions: Vec<Deletion>,
    /// Index keys that [`Dump::record`] cannot read again.
    kept: HashMap<u64, Record<'a>>,
}

impl<'a> Difference<'a> {
    /// Reads the dump once and compares. Runs on the current `rayon` pool.
    pub fn take(file: &'a [u8], spec: &'a Spec, expiry: Expiry, observer: &Observer) -> Result<Self, Error> {
        if file.len() as u64 > Source::MAX_OFFSET {
            return Err(Error::TooLarge { bytes: file.len() });
        }
        if spec.indexes.len() > usize::from(u16::MAX) {
            return Err(Error::TooManyIndexes(spec.indexes.len()));
        }
        let clock = Clock::read(file, expiry)?;
        let header = rdb::Walker::new(file)?.header();
        let context = Context::new(spec, Dump { file, header }, clock);
        let pass = scan::run(file, observer, || Gathered::new(&context))?;
        if context.is_full() {
            return Err(Error::TooMany);
        }
        let facts = Facts {
            header: pass.header,
            footer: pass.footer,
            crc64: pass.crc64,
            aux: pass.aux,
            functions: pass.functions,
            module_aux: pass.module_aux,
        };
        let gathered = Joined::new(pass.workers, spec);
        compare(context, gathered, facts, observer)
    }

    /// An index key, as [`Present::start`] and [`Deletion::start`] name it.
    pub fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        match self.kept.get(&start) {
            Some(record) => Ok(record.clone()),
            None => self.dump.record(start),
        }
    }

    /// For the bytes of members that are to be added.
    pub fn members(&self) -> Members<'a, '_> {
        Members { dump: self.dump, interned: &self.interned }
    }
}

/// What all threads gathered, joined.
struct Joined<'a> {
    stock: Stock,
    diagnostics: Diagnostics,
    sets: Vec<store::Collector<Entry>>,
    zsets: Vec<store::Collector<Scored>>,
    index_keys: Vec<IndexKey>,
    kept: HashMap<u64, Record<'a>>,
    members: Vec<u64>,
    classes: Vec<ClassCount>,
    existing: Vec<KeySet>,
    unindexed: Vec<KeySet>,
    undecidable: Vec<KeySet>,
    undecidable_count: Vec<u64>,
    units: Vec<u64>,
}

impl<'a> Joined<'a> {
    fn new(workers: Vec<Gathered<'_, 'a>>, spec: &Spec) -> Self {
        let mut stock = Stock::new(spec.records.len(), spec.indexes.len());
        let mut diagnostics = Diagnostics::default();
        let (mut sets, mut zsets) = (Vec::new(), Vec::new());
        let mut index_keys = Vec::new();
        let mut kept = HashMap::new();
        let mut classes = vec![ClassCount::default(); spec.records.len()];
        let mut undecidable_count = vec![0; spec.indexes.len()];
        let mut members = vec![0; spec.indexes.len()];
        let mut units: Vec<u64> = Vec::new();
        let (mut existing, mut unindexed, mut undecidable) = (Vec::new(), Vec::new(), Vec::new());
        for worker in workers {
            stock.merge(worker.stock);
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
            units.resize(units.len().max(worker.units.len()), 0);
            for (all, n) in units.iter_mut().zip(worker.units) {
                *all += n;
            }
            existing.push(worker.existing);
            unindexed.push(worker.unindexed);
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
            undecidable: transpose(undecidable, spec.indexes.len()),
            undecidable_count,
            units,
        }
    }
}

/// From lists by thread and index to sets by index.
fn transpose(threads: Vec<Vec<KeyList>>, n: usize) -> Vec<KeySet> {
    let mut columns: Vec<Vec<KeyList>> = (0..n).map(|_| Vec::new()).collect();
    for thread in threads {
        for (column, list) in columns.iter_mut().zip(thread) {
            column.push(list);
        }
    }
    columns.into_iter().map(KeySet::new).collect()
}

fn compare<'a>(
    context: Context<'a>,
    joined: Joined<'a>,
    facts: Facts,
    observer: &Observer,
) -> Result<Difference<'a>, Error> {
    let Context { names, dump, clock, hasher, groups, members, units, .. } = context;
    let spec = names.spec;
    let Joined { stock, mut diagnostics, kept, existing, unindexed, undecidable, .. } = joined;

    // Which required records exist decides what is an orphan.
    let mut scratch = Vec::new();
    let mut lacks = |index: u16, position: usize, key: &[u8]| -> Result<bool, rdb::Error> {
        let class = spec.indexes[usize::from(index)].require[position].record;
        Ok(!existing[class].contains(&dump, key, hasher.hash(key), &mut scratch)?)
    };
    let mut orphans = vec![0; spec.indexes.len()];
    let units = units.freeze();
    for unit in units.ids() {
        let (index, required) = survey::read_unit(units.get(unit));
        let per_membership = spec.indexes[usize::from(index)].require.len().max(1);
        for (at, key) in required.enumerate() {
            if lacks(index, at % per_membership, key)? {
                orphans[usize::from(index)] += joined.units.get(unit as usize).copied().unwrap_or(0);
                break;
            }
        }
    }
    let mut keys = Keys::new(groups.freeze(), lacks)?;
    let interned = members.freeze();
    let members = Members { dump, interned: &interned };
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
    let lookup = Lookup { names: &names, members, hasher: &hasher, kept: &kept, undecidable: &undecidable };
    let mut resolved = resolve::resolve(&lookup, joined.index_keys, &mut keys, &mut summaries, &mut diagnostics)?;
    if observer.stopped() {
        return Err(Error::Interrupted);
    }

    let mut probed = probe::run(&lookup, &sets, &zsets, &resolved.present, &mut diagnostics)?;
    for (key, counts) in &probed.counts {
        let key = &mut resolved.present[*key as usize];
        key.stale += counts.stale;
        let summary = &mut summaries[key.index as usize];
        summary.stale_members += counts.stale;
        summary.held_members += counts.held;
    }
    let missing = |missing: &mut Vec<u64>, entry: &Entry, mark: Mark| {
        if entry.key & ORPHAN == 0 && matches!(mark, Mark::Missing | Mark::Rescore) {
            missing[keys.index(entry.key)] += 1;
        }
    };
    let new = || vec![0; spec.indexes.len()];
    let mut counts = sets.fold(new, missing);
    counts.extend(zsets.fold(new, |counts, scored: &Scored, mark| missing(counts, &scored.entry, mark)));
    for counts in counts {
        for (summary, n) in summaries.iter_mut().zip(counts) {
            summary.missing_members += n;
        }
    }

    probed.stale.retain(|stale| {
        let key = resolved.present[stale.key as usize];
        spec.indexes[key.index as usize].policy == Policy::Maintain && !key.frozen
    });
    disputed::settle(spec, &zsets, &mut keys, &mut summaries, &mut resolved, &mut probed);
    let Resolved { present, deletions } = resolved;
    let mut stale = probed.stale;
    stale.par_sort_unstable_by_key(|stale| (stale.key, stale.place));
    reason::explain(&lookup, &mut stale, &present, &sets, &zsets, &keys, &unindexed)?;
    if observer.stopped() {
        return Err(Error::Interrupted);
    }

    let wanted = |rank: u32| spec.indexes[keys.index(rank)].policy == Policy::Maintain && !keys.is_blocked(rank);
    let sets = sets.into_edits(members, wanted);
    let zsets = zsets.into_edits(members, wanted);
    let rescored = probed.rescored.into_iter().map(|(rank, source, score)| ((rank, source), score)).collect();
    Ok(Difference {
        spec,
        dump,
        clock,
        facts,
        stock,
        summaries,
        diagnostics,
        keys,
        sets,
        zsets,
        rescored,
        present,
        stale,
        deletions,
        interned,
        kept,
    })
}

/// Why nothing may be removed from an index.
fn frozen(spec: &Spec, at: usize, classes: &[ClassCount], undecidable: u64) -> Option<Frozen> {
    let index = &spec.indexes[at];
    if index.from.is_some_and(|class| classes[class].decodable == 0) {
        Some(Frozen::NoRecords)
    } else if undecidable > 0 && !index.member.is_record_key() && index.policy != Policy::Retire {
        Some(Frozen::Undecidable)
    } else {
        None
    }
}

/// What it takes to look at index keys.
struct Lookup<'l, 'a> {
    names: &'l survey::Names<'a>,
    members: Members<'a, 'l>,
    hasher: &'l Hasher,
    kept: &'l HashMap<u64, Record<'a>>,
    /// By index: records of which nothing can be said.
    undecidable: &'l [KeySet],
}

impl<'l, 'a> Lookup<'l, 'a> {
    /// The indexes that a key may belong to and that are not retired: `index`, and where several families claim the key
    /// (`shared`) those of the others.
    fn claimants(&self, index: usize, shared: bool, key: &[u8]) -> Vec<usize> {
        let indexes = &self.names.spec.indexes;
        let others = shared.then(|| self.names.indexes_of(indexes[index].db, key)).into_iter().flatten();
        let others = others.filter(|&other| other != index);
        std::iter::once(index).chain(others).filter(|&at| indexes[at].policy != Policy::Retire).collect()
    }

    /// Records of which nothing can be said in these indexes.
    fn held(&self, claimants: &[usize]) -> AnyOf<'l> {
        AnyOf::new(claimants.iter().map(|&index| &self.undecidable[index]))
    }

    fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        match self.kept.get(&start) {
            Some(record) => Ok(record.clone()),
            None => self.members.dump.record(start),
        }
    }
}
