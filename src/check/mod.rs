//! Whether a dump is whole: every byte of it, every value, every name, and the checksum.
//!
//! It goes as deep as a server's sanitizing load, and a little deeper: whatever a server would refuse or repair is found,
//! and so is what it would load and later stumble over.

mod content;
mod duplicate_keys;
mod place;
mod stream;
mod unique;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::dump::rdb::{self, Checksum, Footer, Header, Kind, Record, TypeName};
use crate::dump::scan::{self, Observer, Worker};
use content::Content;
pub use content::Problem;
pub use duplicate_keys::Shared as SharedKey;
pub use place::Place;

/// Findings that are kept; the rest is counted.
const MAX_FINDINGS: usize = 20;

/// What is wrong, and where.
#[derive(Debug)]
pub struct Finding {
    /// File offset of the record, or of what else it is.
    pub start: u64,
    pub problem: Problem,
    /// In which key, as far as that can be told.
    pub place: Place,
}

/// Something that servers accept and that is still worth saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// A collection without elements; a server leaves it out.
    Empty,
    /// A stream that tells another length than it has; early servers wrote it.
    StreamLength,
    /// A stream whose first id is not that of its first entry.
    StreamFirstId,
    /// RedisJSON of a version that nobody has described: walked, not read.
    JsonVersion,
    /// A value of another module: walked, and nothing is known of its meaning.
    Module,
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    pub header: Header,
    /// None when the end was not reached.
    pub footer: Option<Footer>,
    /// CRC-64 of everything before the footer, when that was reached.
    pub crc64: Option<u64>,
    /// Keys that could be walked over.
    pub keys: u64,
    /// Keys before the first finding; all keys when there is none.
    pub whole_keys: u64,
    /// The first findings, in the order of the file.
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub damaged: u64,
    /// How often each was met, and the start of the first record with it.
    pub oddities: BTreeMap<Oddity, (u64, u64)>,
    pub functions: u64,
    pub module_aux: Vec<String>,
    /// Expiries of members, which KeyDB writes.
    pub member_expiries: u64,
}

impl Report {
    /// What the footer says of the bytes before it, if the reading came to it.
    pub fn checksum(&self) -> Option<Checksum> {
        let (footer, computed) = self.footer.zip(self.crc64)?;
        Some(footer.checksum(|| computed))
    }

    /// Whether the stored checksum is another than the computed one.
    pub fn checksum_is_wrong(&self) -> bool {
        matches!(self.checksum(), Some(Checksum::Wrong { .. }))
    }

    /// What stops the reading though it is no damage: a type or an opcode that is not read here.
    pub fn unreadable(&self) -> Option<&rdb::Error> {
        match self.findings.as_slice() {
            [Finding { problem: Problem::Format(error), .. }] if !error.kind.is_damage() => Some(error),
            _ => None,
        }
    }

    /// Whether nothing is damaged.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty() && self.footer.is_some() && !self.checksum_is_wrong()
    }
}

/// What ends a check without a report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a dump at all.
    #[error(transparent)]
    Header(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
}

/// What the workers share: it outlives them, also when the walk fails.
#[derive(Default)]
struct Shared {
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    first: BTreeMap<u64, Problem>,
    count: u64,
    oddities: BTreeMap<Oddity, (u64, u64)>,
}

impl Found {
    fn problem(&mut self, start: u64, problem: Problem) {
        self.count = self.count.saturating_add(1);
        self.first.entry(start).or_insert(problem);
        if self.first.len() > MAX_FINDINGS {
            self.first.pop_last();
        }
    }

    fn oddity(&mut self, oddity: Oddity, count: u64, start: u64) {
        let entry = self.oddities.entry(oddity).or_insert((0, start));
        entry.0 = entry.0.saturating_add(count);
        entry.1 = entry.1.min(start);
    }
}

/// Checks a whole dump. Runs on the current `rayon` pool.
pub fn run(file: &[u8], observer: &Observer) -> Result<Report, Error> {
    run_with(file, &RandomState::default(), observer).map(|(report, _)| report)
}

/// Several dumps, checked one after the other, and whether two of them have a key: 16 bytes are kept of each.
#[derive(Default)]
pub struct Together {
    hasher: RandomState,
    /// Of each dump, in the order of their hashes.
    names: Vec<Vec<duplicate_keys::Name>>,
}

impl Together {
    /// Checks the next dump. Runs on the current `rayon` pool.
    pub fn run(&mut self, file: &[u8], observer: &Observer) -> Result<Report, Error> {
        let (report, names) = run_with(file, &self.hasher, observer)?;
        self.names.push(names);
        Ok(report)
    }

    /// The first key of a dump that one before it has, too; `dumps` are those that were checked, in that order.
    pub fn shared(&self, dumps: &[&[u8]]) -> Option<SharedKey> {
        duplicate_keys::shared(dumps, &self.names)
    }
}

/// Checks a dump; gives also the hashes of its names, unless it comes to no end.
fn run_with(
    file: &[u8],
    hasher: &RandomState,
    observer: &Observer,
) -> Result<(Report, Vec<duplicate_keys::Name>), Error> {
    let header = rdb::Walker::new(file)?.header();
    let shared = Shared::default();
    let mut names = Vec::new();
    let new = || Inspector::new(&shared, hasher);
    let passed = scan::run(file, observer, new);
    let mut found = std::mem::take(&mut *shared.found.lock().unwrap_or_else(PoisonError::into_inner));
    let mut report = Report {
        header,
        footer: None,
        crc64: None,
        keys: 0,
        whole_keys: 0,
        findings: Vec::new(),
        damaged: 0,
        oddities: BTreeMap::new(),
        functions: 0,
        module_aux: Vec::new(),
        member_expiries: 0,
    };
    match passed {
        Ok(pass) => {
            for worker in &pass.workers {
                report.keys = report.keys.saturating_add(worker.keys);
                for (oddity, (count, start)) in &worker.oddities {
                    found.oddity(*oddity, *count, *start);
                }
            }
            let of_workers = pass.workers.into_iter().map(|worker| worker.names);
            names = duplicate_keys::find(file, header, of_workers, |start, problem| found.problem(start, problem));
            report.footer = Some(pass.footer);
            report.crc64 = Some(pass.crc64);
            report.functions = pass.functions;
            report.module_aux = pass.module_aux;
            report.member_expiries = pass.member_expiries.members;
        }
        Err(scan::Error::Interrupted) => return Err(Error::Interrupted),
        Err(scan::Error::Dump(error)) => {
            found.problem(error.record.unwrap_or(error.offset), Problem::Format(error));
        }
    }
    report.damaged = found.count;
    report.oddities = found.oddities;
    let located = place::locate(file, found.first);
    if report.footer.is_none() {
        // The workers and their counts are gone.
        report.keys = located.walked;
    }
    report.whole_keys = if located.findings.is_empty() { report.keys } else { located.whole };
    report.findings = located.findings;
    Ok((report, names))
}

/// Looks at the records of one thread. What is wrong goes to [`Shared`]: the walk may fail, and workers are then gone.
struct Inspector<'s> {
    shared: &'s Shared,
    content: Content<'s>,
    hasher: &'s RandomState,
    names: Vec<duplicate_keys::Name>,
    key: Vec<u8>,
    keys: u64,
    oddities: BTreeMap<Oddity, (u64, u64)>,
}

impl<'s> Inspector<'s> {
    fn new(shared: &'s Shared, hasher: &'s RandomState) -> Self {
        let (names, key, oddities) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { shared, content: Content::new(hasher), hasher, names, key, keys: 0, oddities }
    }

    fn oddity(&mut self, oddity: Oddity, start: u64) {
        let entry = self.oddities.entry(oddity).or_insert((0, start));
        entry.0 = entry.0.saturating_add(1);
        entry.1 = entry.1.min(start);
    }
}

impl<'a> Worker<'a> for Inspector<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let start = record.start as u64;
        self.keys = self.keys.saturating_add(1);
        let result = match record.key.decode(&mut self.key) {
            Ok(key) => {
                self.names.push(duplicate_keys::Name::of(self.hasher, record.db, key, start));
                self.content.check(&record.value)
            }
            Err(kind) => Err(Problem::Format(rdb::Error::in_string(start, kind).in_record(record.start))),
        };
        match result {
            Ok(odd) => {
                let kind = record.value.ty.kind();
                let foreign = record.value.type_name() == TypeName::Kind(kind)
                    || record.value.json().is_ok_and(|json| json.is_some());
                for oddity in odd.into_iter().chain((!foreign).then_some(Oddity::Module)) {
                    self.oddity(oddity, start);
                }
                if !matches!(kind, Kind::String | Kind::Stream | Kind::Module) && record.value.elements() == Ok(0) {
                    self.oddity(Oddity::Empty, start);
                }
            }
            Err(problem) => {
                let mut found = self.shared.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.problem(start, problem);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
