//! One of the two dumps: a fixed-size fingerprint of each key, and counts.

use rayon::slice::ParallelSliceMut;

use super::Error;
use super::content_hash::{Digester, Seed, halves};
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Kind, ModuleId, Record, TypeName, Walker};
use crate::dump::scan::{self, Observer, Worker};
use crate::index::Facts;
use crate::model::stock::{Stock, Tally};
use crate::model::view::{Clock, Dump, Expires, Expiry, Family, KeyType, Names};

/// A key and what it holds, in 80 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Print {
    /// The hash of its database and its name.
    pub(super) name: [u64; 2],
    /// Where its record starts in its dump.
    pub start: u64,
    pub db: u64,
    kind: u64,
    content: [u64; 2],
    /// As for a server: live fields of a hash, entries of a stream.
    pub elements: u64,
    /// Bytes in the dump, name and expiry included.
    pub bytes: u64,
    expire_ms: i64,
}

const KINDS: [Kind; 8] =
    [Kind::String, Kind::List, Kind::Set, Kind::Zset, Kind::Hash, Kind::Stream, Kind::Module, Kind::Array];
/// Marks the kind of a module's value: the rest is the module's name.
const MODULE: u64 = 1 << 63;
const NEVER: i64 = i64::MIN;

impl Print {
    /// What `TYPE` answers.
    pub fn type_name(&self) -> TypeName {
        match self.kind.checked_sub(MODULE) {
            Some(name) => TypeName::Module(ModuleId(name << 10).name()),
            None => TypeName::Kind(self.kind()),
        }
    }

    /// Its type, as far as a spec speaks of types.
    pub fn key_type(&self) -> KeyType {
        match self.kind.checked_sub(MODULE) {
            Some(name) if ModuleId(name << 10).is_json() => KeyType::Json,
            _ => KeyType::of_kind(self.kind()),
        }
    }

    /// What it is to a user.
    pub fn kind(&self) -> Kind {
        let at = usize::try_from(self.kind).ok();
        at.and_then(|at| KINDS.get(at)).copied().unwrap_or(Kind::Module)
    }

    /// Its expiry as the dump has it.
    pub fn expire_ms(&self) -> Option<i64> {
        (self.expire_ms != NEVER).then_some(self.expire_ms)
    }

    /// Whether type and content are the same.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        (self.kind, self.content) == (other.kind, other.content)
    }
}

fn kind_of(record: &Record<'_>) -> u64 {
    match record.value.module() {
        Some(id) => MODULE | id.0 >> 10,
        None => {
            let kind = record.value.ty.kind();
            KINDS.iter().position(|known| *known == kind).unwrap_or_default() as u64
        }
    }
}

/// Keys of a dump that a server which loads it would not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absent {
    /// They had expired when the dump was made.
    pub expired: u64,
    /// Collections without elements.
    pub empty: u64,
    /// Further records of a name that came before: only the first counts.
    pub twice: u64,
}

/// A dump that was read.
#[derive(Debug)]
pub struct Side<'a> {
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub facts: Facts,
    pub absent: Absent,
    /// Keys whose expiry cannot be a time, and is taken for none.
    pub in_doubt: u64,
    /// Counts of the keys that are not absent.
    pub stock: Stock,
    /// Ordered by the hash of the name, then by place.
    pub(super) prints: Vec<Print>,
}

impl<'a> Side<'a> {
    /// Reads a dump once, which may be put together of `parts`. Runs on the current `rayon` pool.
    pub fn read(
        file: &'a [u8],
        parts: &[Part],
        names: &Names<'_>,
        seed: Seed,
        expiry: Expiry,
        observer: &Observer,
    ) -> Result<Self, Error> {
        let clock = Clock::read(file, expiry)?;
        let header = Walker::new(file)?.header();
        let (pass, twice) = scan::run_parts(file, parts, observer, || Gatherer::new(names, seed, clock))?;
        let facts = Facts {
            header: pass.header,
            footer: pass.footer,
            crc64: pass.crc64,
            aux: pass.aux,
            functions: pass.functions,
            module_aux: pass.module_aux,
            parts: Vec::new(),
            newer: Vec::new(),
            slots: Vec::new(),
            of_a_cluster: pass.cluster,
            twice,
            member_expiries: pass.member_expiries,
        };
        let (mut absent, mut in_doubt) = (Absent::default(), 0_u64);
        let mut stock = Stock::new(names.spec.records.len(), names.spec.indexes.len());
        let mut prints = Vec::new();
        prints.reserve_exact(pass.workers.iter().fold(0_usize, |sum, worker| sum.saturating_add(worker.prints.len())));
        for worker in pass.workers {
            absent.expired = absent.expired.saturating_add(worker.absent.expired);
            absent.empty = absent.empty.saturating_add(worker.absent.empty);
            in_doubt = in_doubt.saturating_add(worker.in_doubt);
            stock.merge(worker.stock);
            prints.extend(worker.prints);
        }
        if u32::try_from(prints.len()).is_err() {
            return Err(Error::TooMany);
        }
        prints.par_sort_unstable_by_key(|print| (print.name, print.start));
        let dump = Dump { file, header };
        Ok(Self { dump, clock, facts, absent, in_doubt, stock, prints })
    }

    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        (self.prints.len() as u64).saturating_sub(self.absent.twice)
    }

    /// A key by its number.
    pub fn print(&self, number: u32) -> Option<&Print> {
        self.prints.get(usize::try_from(number).ok()?)
    }

    /// The time that the expiry of a key means.
    pub fn expires_at_ms(&self, print: &Print) -> Option<i64> {
        self.clock.unix_ms(print.expire_ms())
    }
}

/// Gathers on one thread.
struct Gatherer<'s> {
    seed: Seed,
    spec_names: &'s Names<'s>,
    clock: Clock,
    digester: Digester,
    key: Vec<u8>,
    stock: Stock,
    prints: Vec<Print>,
    absent: Absent,
    in_doubt: u64,
}

impl<'s> Gatherer<'s> {
    fn new(names: &'s Names<'s>, seed: Seed, clock: Clock) -> Self {
        Self {
            seed,
            spec_names: names,
            clock,
            digester: Digester::new(seed, clock),
            key: Vec::new(),
            stock: Stock::new(names.spec.records.len(), names.spec.indexes.len()),
            prints: Vec::new(),
            absent: Absent::default(),
            in_doubt: 0,
        }
    }
}

impl<'a> Worker<'a> for Gatherer<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let start = record.start as u64;
        let key = record.key.decode(&mut self.key);
        let key = key.map_err(|kind| rdb::Error::in_string(start, kind).in_record(record.start))?;
        // Read also where it counts for nothing: a damaged dump must not pass for a whole one.
        let digest = self.digester.digest(record).map_err(|error| error.in_record(record.start))?;
        match self.clock.expires(record.expire_ms) {
            Expires::Gone => {
                self.absent.expired = self.absent.expired.saturating_add(1);
                return Ok(());
            }
            Expires::InDoubt => self.in_doubt = self.in_doubt.saturating_add(1),
            Expires::Never | Expires::At(_) => {}
        }
        let kind = record.value.ty.kind();
        if digest.elements == 0 && matches!(kind, Kind::List | Kind::Set | Kind::Zset | Kind::Hash) {
            self.absent.empty = self.absent.empty.saturating_add(1);
            return Ok(());
        }
        let bytes = record.value.end().saturating_sub(record.start) as u64;
        let with_expiry = u64::from(record.expire_ms.is_some());
        let tally = Tally { keys: 1, elements: digest.elements, bytes, with_expiry, ..Tally::default() };
        self.stock.add(record, tally);
        match self.spec_names.family_of(record.db, key, KeyType::of(&record.value)) {
            Family::Record(class) => self.stock.record_family(class, tally),
            Family::Index(index) => self.stock.index_family(index, tally),
            Family::Other => self.stock.other_family(key, tally),
        }
        self.prints.push(Print {
            name: halves(self.seed.hash_name(record.db, key)),
            start,
            db: record.db,
            kind: kind_of(record),
            content: halves(digest.content),
            elements: digest.elements,
            bytes,
            expire_ms: record.expire_ms.unwrap_or(NEVER),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Print;

    #[test]
    fn a_fingerprint_is_as_small_as_the_document_says() {
        assert_eq!(size_of::<Print>(), 80);
    }
}
