//! What is in a dump, and what would have to change.

use std::collections::HashMap;
use std::sync::Arc;

use super::brakes::judge::{Braked, Evidence};
use super::brakes::whole::Doubts;
use super::compare::deferred_checks::DeferredChecks;
use super::compare::gone::Gone;
use super::compare::scan_members::Ask;
use super::compare::stale::Stale;
use super::compare::{Compared, Joined, compare};
use super::gather::survey::{Context, Gathered};
use super::gather::witness::Witness;
use super::prune::References;
use super::store::buckets::{Edits, Members};
use super::store::entry::{Entry, Membership, Scored, Source};
use super::store::hash::Hasher;
use super::store::interner::Interned;
use super::store::keys::Keys;
use super::store::name_prefix::MemberPrefixes;
use super::summary::{Error, Facts, Summary};
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Record};
use crate::dump::scan::{self, Observer};
use crate::dump::slots;
use crate::model::spec::Spec;
use crate::model::stock::Stock;
use crate::model::view::{Clock, Diagnostics, Dump, Existing, ExistingList, Expiry, Wanted};
use crate::progress::Order;

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
    /// How long its value is in the dump; the largest number means longer, or not known.
    pub bytes: u32,
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
    /// Every key that it names, or that its name names, is gone.
    NamedKeysGone,
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
    /// The brakes that apply. With one that refuses there is no plan.
    pub brakes: Vec<Braked>,
    /// By index, what else is known of those that are made from records.
    pub evidence: Vec<Evidence>,
    /// By index, what the entries of prune rules name.
    pub references: Vec<References>,
    /// Index keys that records imply, by rank.
    pub keys: Keys,
    /// Members that are not keys of records.
    pub interned: Interned,
    pub(super) prefixes: MemberPrefixes,
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
    /// By index, what the members of deleted keys say of whether records are missing.
    pub gone: Vec<Gone>,
    /// Records by which the database can be known again.
    pub witnesses: Vec<Witness>,
    /// The plan is for a cluster: no command may have keys of two slots.
    pub by_slot: bool,
    /// Index keys that [`Dump::record`] cannot read again.
    pub(super) kept: HashMap<u64, Record<'a>>,
}

/// Reads the dump once, and then its index keys.
pub fn read<'a>(
    (file, damaged): (&'a [u8], &'a [u64]),
    parts: &[Part],
    spec: &'a Spec,
    expiry: Expiry,
    ask: Ask,
    observer: &Observer,
) -> Result<Compared<'a>, Error> {
    read_by((file, damaged), parts, spec, expiry, ask, Hasher::default(), DeferredChecks::new(observer), observer)
}

/// The same with this hash, and with these deferred checks.
#[allow(clippy::too_many_arguments, reason = "all but two are those of `read`")]
pub fn read_by<'a, 'o>(
    (file, damaged): (&'a [u8], &'a [u64]),
    parts: &[Part],
    spec: &'a Spec,
    expiry: Expiry,
    ask: Ask,
    hasher: Hasher,
    deferred: DeferredChecks<'o>,
    observer: &'o Observer,
) -> Result<Compared<'a>, Error> {
    if file.len() as u64 > Source::MAX_OFFSET {
        return Err(Error::TooLarge { bytes: file.len() });
    }
    if spec.indexes.len() > usize::from(u16::MAX) {
        return Err(Error::TooManyIndexes(spec.indexes.len()));
    }
    let clock = Clock::read(file, expiry)?;
    let header = rdb::Walker::new(file)?.header();
    let ends: Vec<u64> = parts.iter().map(|part| part.end).collect();
    let dump = Dump { file, header };
    let existing = existing_for_records(spec, file, damaged, clock, observer)?;
    let mut context = Context::new(spec, dump, clock, hasher, ends);
    context.names = context.names.with_existing(existing);
    context.damaged = damaged;
    let pass = scan::run(file, observer, || Gathered::new(&context))?;
    pass.ends_with(parts)?;
    observer.reads(Order::Jumps);
    if context.is_full() {
        return Err(Error::TooMany);
    }
    let (pass, mut workers) = pass.split();
    let doubts = Doubts::of(&mut workers, context.dump);
    let says_cluster = pass.cluster;
    let mut facts = Facts::of(pass, parts);
    facts.of_a_cluster |= doubts.slots.are_of_shards();
    facts.twice = doubts.twice;
    let gathered = Joined::new(workers, spec, file.len());
    facts.slots = slots::judge(&doubts.slots, says_cluster, || gathered.families());
    compare(context, gathered, facts, ask, deferred, observer)
}

/// The keys by which record classes count their records: known before the records are, by a pass of its own. Most specs ask
/// for none.
fn existing_for_records(
    spec: &Spec,
    file: &[u8],
    damaged: &[u64],
    clock: Clock,
    observer: &Observer,
) -> Result<Option<Arc<Existing>>, Error> {
    let wanted = Wanted::of_records(spec);
    if wanted.is_empty() {
        return Ok(None);
    }
    let pass = scan::run(file, observer, || Namer {
        wanted: &wanted,
        clock,
        damaged,
        key: Vec::new(),
        found: ExistingList::default(),
    })?;
    let lists: Vec<ExistingList> = pass.workers.into_iter().map(|worker| worker.found).collect();
    Ok(Some(Arc::new(wanted.join(lists))))
}

/// Notes keys that are asked for by name.
struct Namer<'w> {
    wanted: &'w Wanted,
    clock: Clock,
    damaged: &'w [u64],
    key: Vec<u8>,
    found: ExistingList,
}

impl<'a> scan::Worker<'a> for Namer<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        match record.key.decode(&mut self.key) {
            Ok(key) => {
                self.wanted.see(record, key, self.clock, &mut self.found);
            }
            Err(_) if self.damaged.binary_search(&(record.start as u64)).is_ok() => {}
            Err(kind) => return Err(rdb::Error::in_string(record.start as u64, kind).in_record(record.start)),
        }
        Ok(())
    }
}

impl<'a> Difference<'a> {
    /// Reads the dump once and compares. Runs on the current `rayon` pool.
    pub fn take(file: &'a [u8], spec: &'a Spec, expiry: Expiry, observer: &Observer) -> Result<Self, Error> {
        Self::take_parts(file, &[], spec, expiry, observer)
    }

    /// The same for several dumps that were put together.
    pub fn take_parts(
        file: &'a [u8],
        parts: &[Part],
        spec: &'a Spec,
        expiry: Expiry,
        observer: &Observer,
    ) -> Result<Self, Error> {
        read((file, &[]), parts, spec, expiry, Ask::Edits, observer)?.into_difference(observer)
    }

    /// The same for its numbers alone: [`Self::stale`] is empty, which takes less memory where much is stale.
    pub fn count(file: &'a [u8], spec: &'a Spec, expiry: Expiry, observer: &Observer) -> Result<Self, Error> {
        Self::count_parts(file, &[], spec, expiry, observer)
    }

    /// The same for several dumps that were put together.
    pub fn count_parts(
        file: &'a [u8],
        parts: &[Part],
        spec: &'a Spec,
        expiry: Expiry,
        observer: &Observer,
    ) -> Result<Self, Error> {
        read((file, &[]), parts, spec, expiry, Ask::Counts, observer)?.into_difference(observer)
    }

    /// An index key, as [`Present::start`] and [`Deletion::start`] name it.
    pub fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        match self.kept.get(&start) {
            Some(record) => Ok(record.clone()),
            None => self.dump.record(start),
        }
    }

    /// The same, but the bytes of its value may go on to the end of the file: enough to know what it is and to visit its
    /// elements, and much less to do where there are many.
    pub fn open_record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        match self.kept.get(&start) {
            Some(record) => Ok(record.clone()),
            None => self.dump.open_record(start),
        }
    }

    fn members(&self) -> Members<'a, '_> {
        Members { dump: self.dump, interned: &self.interned, prefixes: &self.prefixes }
    }

    /// The value of a field that is to be set, or the text of a string.
    pub fn value<M: Membership>(&self, membership: &M) -> &[u8] {
        self.interned.get(membership.score() as u32)
    }

    /// The bytes of a member that is to be added.
    pub fn member<'b>(&'b self, entry: &Entry, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error> {
        self.members().get(self.keys.index(entry.key), entry.source, scratch)
    }
}
