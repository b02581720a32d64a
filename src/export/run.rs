//! From jobs to written rows.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::batch::{self, Job, Sum, Work};
use super::column::Column;
use super::elements::{self, Elements};
use super::halt::Halt;
use super::keys::{self, Keys, Known};
use super::memberships;
use super::ordered::{self, Taken};
use super::rows::{Chunk, Outlet, Rows, header};
use super::which::Which;
use super::{AllKnown, Error, Export, Format, Seen, Summary};
use crate::dump::duplicate_keys::{self, Names, Twice};
use crate::dump::parts::{self, Part};
use crate::dump::rdb::{self, Footer, Record, Walker};
use crate::dump::scan::Observer;
use crate::index::Memberships;
use crate::model::view::{Clock, Diagnostics, Expires};

/// What there is to say at the end of a job.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: u64,
    sum: Sum,
    in_doubt: Seen,
    undecodable: Seen,
    footer: Option<Footer>,
    /// Bytes of the dump that were gone through.
    bytes: u64,
    halt: Option<Halt>,
}

/// Everything that jobs said, in their order.
#[derive(Debug, Default)]
struct Total {
    rows: u64,
    sum: Sum,
    in_doubt: Seen,
    undecodable: Seen,
    footer: Option<Footer>,
    twice: Option<Twice>,
}

pub(super) fn write(export: Export<'_>, out: &mut (dyn Write + Send), observer: &Observer) -> Result<Summary, Error> {
    let Export { file, options, filter, clock, known, damaged, parts } = export;
    let which = Which { filter, damaged };
    let columns = match &known {
        AllKnown::Keys(_) => keys::COLUMNS,
        AllKnown::Elements => elements::COLUMNS,
        AllKnown::Memberships(_) => memberships::COLUMNS,
    };
    let mut sink = Sink::new(out, options.format, columns)?;
    let new_rows = || Rows::new(options.format, columns);
    observer.position.store(0, Ordering::Relaxed);
    let (total, header, footer, diagnostics) = match known {
        AllKnown::Keys(known) => {
            let table = RecordTable::Keys(&known);
            let total = records((file, parts), table, which, clock, new_rows, &mut sink, observer)?;
            (total, Walker::new(file)?.header(), None, Diagnostics::default())
        }
        AllKnown::Elements => {
            let total = records((file, parts), RecordTable::Elements, which, clock, new_rows, &mut sink, observer)?;
            (total, Walker::new(file)?.header(), None, Diagnostics::default())
        }
        AllKnown::Memberships(mut table) => {
            let diagnostics = std::mem::take(&mut table.diagnostics);
            let (header, footer) = (table.facts.header, table.facts.footer);
            let crc = table.facts.crc64;
            let mut total = members(*table, (options.spec, which), new_rows, &mut sink, observer)?;
            total.sum.crc = crc;
            (total, header, Some(footer), diagnostics)
        }
    };
    sink.finish()?;
    let Total { rows, sum, in_doubt, undecodable, footer: walked, twice } = total;
    // The walk ends with its end or with an error.
    let footer = footer.or(walked).ok_or(Error::Interrupted)?;
    Ok(Summary { header, footer, crc64: sum.crc, rows, in_doubt, undecodable, diagnostics, twice })
}

#[derive(Clone, Copy)]
enum RecordTable<'k, 's> {
    Keys(&'k Known<'s>),
    Elements,
}

/// The names of keys, if anybody asks whether one is there twice: noted by one thread or another, and found at the end.
struct Noted<'h> {
    hasher: &'h RandomState,
    wanted: bool,
    idle: Mutex<Vec<Names<'h>>>,
}

impl<'h> Noted<'h> {
    fn note(&self, records: &[Record<'_>], key: &mut Vec<u8>) {
        if !self.wanted {
            return;
        }
        let names = self.lock().pop();
        let mut names = names.unwrap_or_else(|| Names::new(self.hasher));
        for record in records {
            // One that cannot be read is an error elsewhere.
            if let Ok(key) = record.key.decode(key) {
                names.add(record, key, true);
            }
        }
        self.lock().push(names);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Names<'h>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one thread needs to make rows of records.
struct Worker<'k, 's> {
    table: WorkerTable<'k, 's>,
    noted: &'k Noted<'k>,
    rows: Rows,
    key: Vec<u8>,
    which: Which<'k>,
    clock: Clock,
}

enum WorkerTable<'k, 's> {
    Keys(Keys<'k, 's>),
    Elements(Box<Elements>),
}

impl Worker<'_, '_> {
    fn job(&mut self, job: Job<'_>, outlet: &Outlet<'_>) -> Report {
        let mut report = Report { sum: job.sum(), footer: job.footer, ..Report::default() };
        report.bytes = report.sum.bytes;
        match &job.work {
            Work::Records(records) => self.noted.note(records, &mut self.key),
            Work::Piece(record, 0) => self.noted.note(std::slice::from_ref(record.as_ref()), &mut self.key),
            Work::Piece(..) => {}
        }
        let halt = match &job.work {
            Work::Records(records) => {
                records.iter().try_for_each(|record| self.record(record, None, &mut report, outlet))
            }
            Work::Piece(record, piece) => self.record(record, Some(*piece), &mut report, outlet),
        };
        let finished = self.rows.finish(outlet).map(|rows| report.rows = rows);
        if let WorkerTable::Elements(table) = &mut self.table {
            report.undecodable = std::mem::take(&mut table.undecodable);
        }
        // What stands in the file before a fault of the walk comes first.
        report.halt = halt.err().or(finished.err()).or(job.fault.map(Halt::Dump));
        report
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        piece: Option<usize>,
        report: &mut Report,
        outlet: &Outlet<'_>,
    ) -> Result<(), Halt> {
        if self.which.damaged.is_some_and(|damaged| damaged.has(record.start)) {
            return Ok(());
        }
        let mut room = std::mem::take(&mut self.key);
        let fault = |kind| Halt::Dump(rdb::Error::in_string(record.start as u64, kind).in_record(record.start));
        let made = record.key.decode(&mut room).map_err(fault).and_then(|name| {
            if !self.which.filter.keeps(record, &self.clock) || !self.which.filter.keeps_name(name) {
                return Ok(());
            }
            if piece.unwrap_or(0) == 0 && self.clock.expires(record.expire_ms) == Expires::InDoubt {
                report.in_doubt.add(name);
            }
            match &mut self.table {
                WorkerTable::Keys(table) => table.record(record, name, &mut self.rows, outlet),
                WorkerTable::Elements(table) => table.record(record, piece, name, &mut self.rows, outlet),
            }
        });
        self.key = room;
        made
    }
}

/// Writes the rows of all records.
fn records(
    (file, parts): (&[u8], &[Part]),
    table: RecordTable<'_, '_>,
    which: Which<'_>,
    clock: Clock,
    new_rows: impl Fn() -> Rows + Sync,
    sink: &mut Sink<'_>,
    observer: &Observer,
) -> Result<Total, Error> {
    let is_first_pass = matches!(table, RecordTable::Elements);
    let mut jobs = batch::Jobs::new(file, parts, is_first_pass)?;
    let hasher = RandomState::default();
    let noted = Noted { hasher: &hasher, wanted: is_first_pass && !parts.is_empty(), idle: Mutex::default() };
    let worker = || Worker {
        table: match table {
            RecordTable::Keys(known) => WorkerTable::Keys(Keys::new(known, clock)),
            RecordTable::Elements => WorkerTable::Elements(Box::new(Elements::new(clock))),
        },
        noted: &noted,
        rows: new_rows(),
        key: Vec::new(),
        which,
        clock,
    };
    let mut total = Total::default();
    let work = |worker: &mut Worker<'_, '_>, job: Job<'_>, outlet: &Outlet<'_>| worker.job(job, outlet);
    ordered::run(threads(), || jobs.next(), worker, work, |taken| total.take(taken, sink, observer))?;
    if noted.wanted {
        let names = std::mem::take(&mut *noted.lock());
        let header = Walker::new(file)?.header();
        total.twice = duplicate_keys::find(file, header, names, |first, second| parts::differ(parts, first, second));
    }
    Ok(total)
}

/// Writes the rows of all index keys, and then those of memberships that are in none.
fn members(
    table: Memberships<'_>,
    (spec, which): (&crate::model::spec::Spec, Which<'_>),
    new_rows: impl Fn() -> Rows + Sync,
    sink: &mut Sink<'_>,
    observer: &Observer,
) -> Result<Total, Error> {
    let mut total = Total::default();
    let mut jobs = memberships::Jobs::new(&table);
    let worker = || (memberships::Keys::new(&table, spec, which.filter), new_rows());
    let work = |(keys, rows): &mut (memberships::Keys<'_, '_>, Rows), job, outlet: &Outlet<'_>| {
        let (bytes, halt) = match keys.rows(&job, rows, outlet) {
            Ok(bytes) => (bytes, None),
            Err(halt) => (0, Some(halt)),
        };
        finish(rows, bytes, halt, outlet)
    };
    ordered::run(threads(), || jobs.next(), worker, work, |taken| total.take(taken, sink, observer))?;
    let missing = table.into_missing();
    let mut all = missing.iter();
    let next = || memberships::next_absent(&mut all);
    let worker = || (Vec::new(), new_rows());
    let work = |(room, rows): &mut (Vec<u8>, Rows), job: Vec<_>, outlet: &Outlet<'_>| {
        let made = memberships::absent_rows((&missing, spec, which), &job, room, rows, outlet);
        finish(rows, 0, made.err(), outlet)
    };
    ordered::run(threads(), next, worker, work, |taken| total.take(taken, sink, observer))?;
    Ok(total)
}

fn finish(rows: &mut Rows, bytes: u64, halt: Option<Halt>, outlet: &Outlet<'_>) -> Report {
    let mut report = Report { bytes, ..Report::default() };
    match rows.finish(outlet) {
        Ok(rows) => report.rows = rows,
        Err(found) => report.halt = Some(found),
    }
    report.halt = halt.or(report.halt);
    report
}

fn threads() -> usize {
    rayon::current_num_threads()
}

impl Total {
    fn take(&mut self, taken: Taken<Chunk, Report>, sink: &mut Sink<'_>, observer: &Observer) -> Result<(), Error> {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let report = match taken {
            Taken::Chunk(chunk) => return sink.write(chunk),
            Taken::End(report) => report,
        };
        self.rows = self.rows.saturating_add(report.rows);
        self.sum.append(report.sum);
        self.in_doubt.append(report.in_doubt);
        self.undecodable.append(report.undecodable);
        self.footer = self.footer.or(report.footer);
        observer.position.fetch_add(report.bytes, Ordering::Relaxed);
        match report.halt {
            None => Ok(()),
            Some(Halt::Dump(error)) => {
                sink.flush()?;
                Err(error.into())
            }
            Some(Halt::TooLarge { column, number }) => Err(Error::TooLarge { column, number }),
            Some(Halt::Stopped) => Err(Error::Interrupted),
        }
    }
}

impl Seen {
    fn append(&mut self, later: Self) {
        if self.count == 0 {
            self.first = later.first;
        }
        self.count = self.count.saturating_add(later.count);
    }
}

/// Where chunks go.
enum Sink<'o> {
    Text(&'o mut (dyn Write + Send)),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet_file::File<'o>>),
}

impl<'o> Sink<'o> {
    fn new(out: &'o mut (dyn Write + Send), format: Format, columns: &'static [Column]) -> Result<Self, Error> {
        match format {
            #[cfg(feature = "parquet")]
            Format::Parquet => Ok(Self::Parquet(Box::new(super::parquet_file::File::new(out, columns)?))),
            _ => {
                out.write_all(header(format, columns).as_bytes())?;
                Ok(Self::Text(out))
            }
        }
    }

    fn write(&mut self, chunk: Chunk) -> Result<(), Error> {
        match (self, chunk) {
            (Self::Text(out), Chunk::Text(text)) => Ok(out.write_all(&text)?),
            #[cfg(feature = "parquet")]
            (Self::Parquet(file), Chunk::Columns(columns)) => Ok(file.write(*columns)?),
            #[cfg(feature = "parquet")]
            _ => Err(io::Error::other("rows of another format").into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(out) => out.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => Ok(()),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Self::Text(out) => Ok(out.flush()?),
            #[cfg(feature = "parquet")]
            Self::Parquet(file) => Ok(file.finish()?),
        }
    }
}
