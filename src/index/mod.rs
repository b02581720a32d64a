//! Desired and actual indexes, and their difference.
//!
//! [`Difference::take`] does it all: one pass over the dump, then the index keys against what the records imply.
//! [`Memberships::take`] does the same, and then tells the state of every membership, one by one.

mod batch;
mod brakes;
mod claims;
mod compare;
mod directory;
mod disputed;
mod entry;
mod gone;
mod hash;
mod interner;
mod keys;
mod keyset;
mod lookup;
mod memberships;
mod missing;
mod probe;
mod reason;
mod repeated;
mod resolve;
mod seen;
mod stale;
mod stem;
mod store;
mod strings;
mod survey;
mod unit;
mod whole;
mod witness;

pub use brakes::{Braked, Doubtful, Effect};
pub use entry::Place as SourcePlace;
pub use entry::{Entry, Membership, Scored, Source};
pub use gone::Gone;
pub use interner::Interned;
pub use keys::Keys;
pub use memberships::{Absent, Each, Listed, Memberships, Missing, Reader, State};
pub use stale::{Reason, Stale};
pub use store::{Edits, Members};
pub use survey::is_index_type;
pub use witness::Witness;

use std::collections::HashMap;

use claims::Claims;
use compare::{Compared, Joined, compare};
use hash::Hasher;
use lookup::Lookup;
use probe::Ask;
use stem::MemberStems;
use survey::{Context, Gathered};
use whole::Doubts;
pub use whole::{AOF_BASE, NOT_AT_ONCE, SLOTS};

use crate::dump::parts::Part;
use crate::dump::rdb::{self, Footer, Header, Record};
use crate::dump::scan::{self, MemberExpiries, Observer};
use crate::dump::slots;
use crate::dump::twice::Twice;
use crate::model::spec::Spec;
use crate::model::stock::Stock;
use crate::model::view::{Clock, Diagnostics, Dump, Expiry};
use crate::progress::Order;

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
    /// The dumps that were put together, if they were several.
    pub parts: Vec<Part>,
    /// Names of files beside it that have newer writes, if it is the base of an append-only file.
    pub newer: Vec<String>,
    /// What the slots of its keys say of whether it is whole.
    pub slots: Vec<slots::Finding>,
    /// The first key that stands in it twice.
    pub twice: Option<Twice>,
    /// Expiries of members, which KeyDB writes: what they are is not looked at.
    pub member_expiries: MemberExpiries,
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
    /// Members that stay because their record cannot be decoded.
    pub held_members: u64,
    /// Members that stay because records disagree on their score.
    pub conflict_members: u64,
    /// Keys of which nothing is taken, because their names also fit another index of which too little is known.
    pub overlapped_keys: u64,
    /// Wrong keys that stay because they hold a member whose record cannot be decoded.
    pub held_keys: u64,
    /// Keys that two indexes claim, or that are named like a record; nothing is done about them.
    pub contested_keys: u64,
    pub undecidable_records: u64,
    pub orphan_records: u64,
    /// Why nothing is removed from this index, or deleted.
    pub frozen: Option<Frozen>,
    /// What brakes keep, and what they would keep if they were not lifted.
    pub kept: Doubtful,
    pub lifted: Doubtful,
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
    /// Index keys that records imply, by rank.
    pub keys: Keys,
    /// Members that are not keys of records.
    pub interned: Interned,
    stems: MemberStems,
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
    /// Index keys that [`Dump::record`] cannot read again.
    kept: HashMap<u64, Record<'a>>,
}

/// Reads the dump once, and then its index keys.
fn read<'a>(
    (file, damaged): (&'a [u8], &'a [u64]),
    parts: &[Part],
    spec: &'a Spec,
    expiry: Expiry,
    ask: Ask,
    observer: &Observer,
) -> Result<Compared<'a>, Error> {
    read_by((file, damaged), parts, spec, expiry, ask, Hasher::default(), Claims::new(observer), observer)
}

/// The same with this hash, and with these claims.
#[allow(clippy::too_many_arguments, reason = "all but two are those of `read`")]
fn read_by<'a, 'o>(
    (file, damaged): (&'a [u8], &'a [u64]),
    parts: &[Part],
    spec: &'a Spec,
    expiry: Expiry,
    ask: Ask,
    hasher: Hasher,
    claims: Claims<'o>,
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
    let mut context = Context::new(spec, Dump { file, header }, clock, hasher, ends);
    context.damaged = damaged;
    let mut pass = scan::run(file, observer, || Gathered::new(&context))?;
    observer.reads(Order::Jumps);
    if context.is_full() {
        return Err(Error::TooMany);
    }
    let doubts = Doubts::of(&mut pass.workers, context.dump);
    let mut facts = Facts {
        header: pass.header,
        footer: pass.footer,
        crc64: pass.crc64,
        aux: pass.aux,
        functions: pass.functions,
        module_aux: pass.module_aux,
        parts: parts.to_vec(),
        newer: Vec::new(),
        slots: Vec::new(),
        twice: doubts.twice,
        member_expiries: pass.member_expiries,
    };
    let gathered = Joined::new(pass.workers, spec, file.len());
    facts.slots = slots::judge(&doubts.slots, pass.cluster, || gathered.families());
    compare(context, gathered, facts, ask, claims, observer)
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
        Members { dump: self.dump, interned: &self.interned, stems: &self.stems }
    }

    /// The bytes of a member that is to be added.
    pub fn member<'b>(&'b self, entry: &Entry, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error> {
        self.members().get(self.keys.index(entry.key), entry.source, scratch)
    }
}

#[cfg(test)]
mod tests;
