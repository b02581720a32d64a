//! One pass over a dump: boundaries in order on one thread, everything else on all of them.
//!
//! The caller's thread walks and hands out batches; a [`Worker`] gets each batch on some thread of the pool. Workers are
//! reused, so there are never more of them than threads, and what they gathered is merged when the walk is over. Where there
//! are more than two threads, they also walk ahead of the walk, so that the walk keeps up with them. The CRC-64 is taken just
//! ahead of the walk: it reads the bytes in the one way that memory is fast at, and the walk, which reads a few bytes here and
//! there, finds them in the cache.

mod speculative;
mod sum;
mod twice;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::dump::parts::{self, Part};
use crate::dump::rdb::{self, ErrorKind, Footer, Header, Item, ModuleItem, ModuleReader, Record, Walker};
use crate::progress::Watch;
pub use crate::progress::{Observer, Order};
use speculative::{Ahead, Next};
use sum::Sum;
pub use twice::run_parts;

/// A batch ends when it covers this many bytes of the dump …
const BATCH_BYTES: usize = 2 << 20;
/// … or holds this many records.
const BATCH_RECORDS: usize = 8192;
/// Batches that wait for a worker, for each thread: enough to hide the walk's hiccups, few enough to bound memory.
const BATCHES_AHEAD: usize = 4;
/// A stretch that is walked ahead has so many bytes.
const STRETCH_BYTES: usize = 1 << 20;
/// Threads that are too few for one of them to walk ahead: they have enough to do behind the walk.
const FEW_THREADS: usize = 2;
/// Stretches that are walked ahead at a time, for each thread.
const STRETCHES_AHEAD: usize = 2;
/// A collection with more elements than this carries cut points, so that it can be visited in parallel.
pub const PIECE_ELEMENTS: usize = 1 << 16;

/// What a pass over a dump needs of its caller: a worker for each thread.
pub trait Worker<'a>: Send {
    /// Looks at one record. It may be called on any thread, with the records in any order of batches.
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error>;
}

/// What ends a pass early.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
}

/// For an error with the same two reasons among others: what ended the pass ends the work.
macro_rules! ends_like_a_pass {
    ($error:ty) => {
        impl From<$crate::dump::scan::Error> for $error {
            fn from(error: $crate::dump::scan::Error) -> Self {
                match error {
                    $crate::dump::scan::Error::Dump(error) => Self::Dump(error),
                    $crate::dump::scan::Error::Interrupted => Self::Interrupted,
                }
            }
        }
    };
}
pub(crate) use ends_like_a_pass;

/// What a pass found besides records.
#[derive(Debug)]
pub struct Pass<W> {
    /// The first nine bytes or so: flavor and version.
    pub header: Header,
    /// The end: the checksum, and what stands behind it.
    pub footer: Footer,
    /// CRC-64 of everything before the footer.
    pub crc64: u64,
    /// AUX fields as written, in order.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Function libraries in the dump.
    pub functions: u64,
    /// Names of modules that left data of their own (not a key's) in the dump.
    pub module_aux: Vec<String>,
    /// It says something of slots, as only a server in cluster mode does.
    pub cluster: bool,
    /// Expiries of members.
    pub member_expiries: MemberExpiries,
    /// Where the fields are that stand between dumps that were put together.
    pub seams: Vec<u64>,
    /// The workers, each with what it gathered, in no particular order.
    pub workers: Vec<W>,
}

impl<W> Pass<W> {
    /// What it found itself, and the workers.
    pub fn split(self) -> (Pass<()>, Vec<W>) {
        let Self { header, footer, crc64, aux, functions, module_aux, cluster, member_expiries, seams, workers } = self;
        let own = Pass {
            header,
            footer,
            crc64,
            aux,
            functions,
            module_aux,
            cluster,
            member_expiries,
            seams,
            workers: Vec::new(),
        };
        (own, workers)
    }

    /// Whether the parts of the dump, if it was put together of several, end where they should.
    pub fn ends_with(&self, parts: &[Part]) -> Result<(), rdb::Error> {
        match parts::astray(parts, &self.seams, self.footer.body_end as u64) {
            Some(end) => Err(rdb::Error::in_string(end.saturating_sub(1), ErrorKind::MissingEof)),
            None => Ok(()),
        }
    }
}

/// Expiries of single members of sets and other collections. KeyDB writes them into AUX fields behind the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberExpiries {
    /// How many there are.
    pub members: u64,
    /// Where the records of their keys start, in ascending order.
    pub keys: Vec<u64>,
}

/// The AUX field that names such a member; another one says when.
const MEMBER_EXPIRY: &[u8] = b"keydb-subexpire-key";

struct Shared<'s, 'a, W, F> {
    new_worker: &'s F,
    idle: Mutex<Vec<W>>,
    /// The memory of batches that are done. It is kept to the end: to free as much at once tells glibc's allocator, for good,
    /// to take even larger pieces from its heap, and what workers keep would not go back to the system piece by piece.
    spare: Mutex<Vec<Vec<Record<'a>>>>,
    /// The failure that stands first in the file: which one that is must not depend on the threads.
    failure: Mutex<Option<rdb::Error>>,
    failed: AtomicBool,
    in_flight: AtomicUsize,
}

/// Walks `file` once and gives every record to a worker. Runs on the current `rayon` pool.
pub fn run<'a, W, F>(file: &'a [u8], observer: &Observer, new_worker: F) -> Result<Pass<W>, Error>
where
    W: Worker<'a>,
    F: Fn() -> W + Sync,
{
    let threads = rayon::current_num_threads();
    let ahead = if threads > FEW_THREADS { STRETCHES_AHEAD.saturating_mul(threads) } else { 0 };
    run_ahead(file, observer, (STRETCH_BYTES, ahead), new_worker)
}

/// The same with stretches of so many bytes walked ahead, and so many of them at a time.
fn run_ahead<'a, W, F>(
    file: &'a [u8],
    observer: &Observer,
    (stretch, stretches): (usize, usize),
    new_worker: F,
) -> Result<Pass<W>, Error>
where
    W: Worker<'a>,
    F: Fn() -> W + Sync,
{
    let mut walker = Walker::new(file)?.with_pieces(PIECE_ELEMENTS);
    let header = walker.header();
    observer.reads(Order::FrontToBack);
    let shared = Shared {
        new_worker: &new_worker,
        idle: Mutex::new(Vec::new()),
        spare: Mutex::new(Vec::new()),
        failure: Mutex::new(None),
        failed: AtomicBool::new(false),
        in_flight: AtomicUsize::new(0),
    };
    let mut found = Found::default();
    let mut sum = Sum::new(file);
    // Where only NUL bytes follow, the walk ends, and nobody is to take them for records before it does.
    let walked = file.get(..walker.limit()).unwrap_or(file);
    let mut ahead_of = Ahead::new(walked, stretch, stretches);
    let mut walking = Duration::ZERO;
    let outcome = rayon::scope(|scope| -> Result<Footer, Error> {
        let ahead = BATCHES_AHEAD.saturating_mul(rayon::current_num_threads());
        loop {
            let began = Instant::now();
            if let Some(db) = walker.between_records() {
                for task in ahead_of.wanted(walker.position(), db) {
                    let room = lock(&shared.spare).pop().unwrap_or_default();
                    let shared = &shared;
                    scope.spawn(move |_| {
                        let unused = task.run(walked, header, room);
                        lock(&shared.spare).extend(unused);
                    });
                }
            }
            let next = ahead_of.at(walker.position(), walker.between_records());
            lock(&shared.spare).append(&mut ahead_of.unused);
            let batch = match next {
                Next::Take(stretch) => {
                    walker.go_on_at(stretch.end)?;
                    sum.append(&stretch);
                    found.passed(&stretch.records);
                    Batch { records: stretch.records, footer: None, fault: None }
                }
                Next::Walk(to) => {
                    let room = lock(&shared.spare).pop().unwrap_or_default();
                    Batch::fill(room, &mut walker, to, &mut sum, &mut found)
                }
            };
            walking = walking.saturating_add(began.elapsed());
            let to = batch.footer.as_ref().map_or_else(|| walker.position(), |footer| footer.body_end);
            let shared = &shared;
            let footer = batch.footer;
            shared.in_flight.fetch_add(1, Ordering::AcqRel);
            scope.spawn(move |_| shared.work(batch.records));
            observer.position.store(to as u64, Ordering::Relaxed);
            if let Some(fault) = batch.fault {
                return Err(fault.into());
            }
            if let Some(footer) = footer {
                return Ok(footer);
            }
            while shared.in_flight.load(Ordering::Acquire) >= ahead {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::thread::yield_now();
                }
            }
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
            if shared.failed.load(Ordering::Acquire) {
                // The walk's own error would stand later in the file than the one that was recorded.
                break;
            }
        }
        Err(Error::Interrupted)
    });
    let failure = shared.failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let footer = match (outcome, failure) {
        (Ok(footer), None) => footer,
        (Err(Error::Dump(walk)), Some(value)) => {
            return Err(if walk.offset < value.offset { walk } else { value }.into());
        }
        (_, Some(value)) => return Err(value.into()),
        (Err(error), None) => return Err(error),
    };
    // The part that more threads do not make faster.
    observer.took("the walk", walking);
    let crc64 = sum.finish(footer.body_end);
    let workers = shared.idle.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Pass {
        header,
        footer,
        crc64,
        aux: found.aux,
        functions: found.functions,
        module_aux: found.module_aux,
        cluster: found.cluster,
        member_expiries: found.member_expiries,
        seams: found.seams,
        workers,
    })
}

impl<'a, W: Worker<'a>, F: Fn() -> W + Sync> Shared<'_, 'a, W, F> {
    fn work(&self, mut records: Vec<Record<'a>>) {
        let worker = lock(&self.idle).pop();
        let mut worker = worker.unwrap_or_else(|| (self.new_worker)());
        for record in &records {
            if let Err(error) = worker.record(record) {
                let mut failure = lock(&self.failure);
                if failure.as_ref().is_none_or(|earlier| error.offset < earlier.offset) {
                    *failure = Some(error);
                }
                self.failed.store(true, Ordering::Release);
                break;
            }
        }
        lock(&self.idle).push(worker);
        records.clear();
        lock(&self.spare).push(records);
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A poisoned lock means that a worker panicked; the panic itself is what the user must see.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[derive(Default)]
struct Found {
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    functions: u64,
    module_aux: Vec<String>,
    cluster: bool,
    member_expiries: MemberExpiries,
    seams: Vec<u64>,
    /// Where the last record of the batches before starts.
    last: Option<usize>,
}

impl Found {
    /// These records lie behind the walk.
    fn passed(&mut self, records: &[Record<'_>]) {
        self.last = records.last().map(|record| record.start).or(self.last);
    }

    /// A member of the record before has an expiry.
    fn member_expiry(&mut self, records: &[Record<'_>]) {
        self.passed(records);
        let expiries = &mut self.member_expiries;
        expiries.members = expiries.members.saturating_add(1);
        let start = self.last.map(|start| start as u64);
        expiries.keys.extend(start.filter(|start| expiries.keys.last() != Some(start)));
    }
}

/// AUX fields beyond these many are not kept: a server writes about ten.
const MAX_AUX: usize = 256;
/// Of an AUX name or value only so much is kept.
const MAX_AUX_BYTES: usize = 256;

struct Batch<'a> {
    records: Vec<Record<'a>>,
    footer: Option<Footer>,
    /// What ends the walk behind these records.
    fault: Option<rdb::Error>,
}

impl<'a> Batch<'a> {
    /// The next batch, in the memory of an earlier one.
    fn fill(
        mut records: Vec<Record<'a>>,
        walker: &mut Walker<'a>,
        to: usize,
        sum: &mut Sum<'_>,
        found: &mut Found,
    ) -> Self {
        let (footer, fault) = match Self::gather(&mut records, walker, to, sum, found) {
            Ok(footer) => (footer, None),
            Err(fault) => (None, Some(fault)),
        };
        found.passed(&records);
        Self { records, footer, fault }
    }

    /// Gathers the records of a batch; tells the footer if they are the last ones.
    fn gather(
        records: &mut Vec<Record<'a>>,
        walker: &mut Walker<'a>,
        to: usize,
        sum: &mut Sum<'_>,
        found: &mut Found,
    ) -> Result<Option<Footer>, rdb::Error> {
        let end = walker.position().saturating_add(BATCH_BYTES).min(to);
        while walker.position() < end && records.len() < BATCH_RECORDS {
            let at = walker.position();
            sum.go_ahead(at, end);
            match walker.next()? {
                Some(Item::Record(record)) => records.push(record),
                // Valkey writes one for each slot.
                Some(Item::Aux { name, .. }) if name.eq_bytes(b"slot-info", &mut Vec::new()).unwrap_or(false) => {
                    found.cluster = true;
                }
                Some(Item::SlotInfo { .. }) => found.cluster = true,
                Some(Item::Aux { name: rdb::RawStr::Plain(rdb::opcode::SEAM), .. }) => {
                    found.seams.push(walker.item_start() as u64);
                }
                Some(Item::Aux { name, value }) => {
                    if name.eq_bytes(MEMBER_EXPIRY, &mut Vec::new()) == Ok(true) {
                        found.member_expiry(records);
                    }
                    if found.aux.len() < MAX_AUX {
                        let mut scratch = Vec::new();
                        let mut keep = |text: rdb::RawStr<'a>| -> Result<Vec<u8>, rdb::Error> {
                            let bytes = text.decode(&mut scratch).map_err(|kind| rdb::Error::at(at, kind))?;
                            Ok(bytes.get(..MAX_AUX_BYTES).unwrap_or(bytes).to_vec())
                        };
                        found.aux.push((keep(name)?, keep(value)?));
                    }
                }
                Some(Item::Function(code)) => {
                    code.decode(&mut Vec::new()).map_err(|kind| rdb::Error::at(at, kind))?;
                    found.functions = found.functions.saturating_add(1);
                }
                Some(Item::FunctionPreGa { name, engine, description, code }) => {
                    for text in [Some(name), Some(engine), description, Some(code)].into_iter().flatten() {
                        text.decode(&mut Vec::new()).map_err(|kind| rdb::Error::at(at, kind))?;
                    }
                    found.functions = found.functions.saturating_add(1);
                }
                Some(Item::ModuleAux { id, offset, bytes, .. }) => {
                    let mut items = ModuleReader::new(bytes, offset);
                    while let Some(item) = items.next()? {
                        if let ModuleItem::String(string, at) = item {
                            string.decode(&mut Vec::new()).map_err(|kind| rdb::Error::in_string(at, kind))?;
                        }
                    }
                    let name = id.to_string();
                    if found.module_aux.len() < MAX_AUX && !found.module_aux.contains(&name) {
                        found.module_aux.push(name);
                    }
                }
                Some(Item::End(footer)) => return Ok(Some(footer)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use crc_fast::CrcAlgorithm;

    use super::*;

    /// Where a record starts, its database, its expiry, its name.
    type Seen = (usize, u64, Option<i64>, Vec<u8>);

    struct Names(Vec<Seen>);

    impl<'a> Worker<'a> for Names {
        fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
            let name = record.key.decode(&mut Vec::new()).map_err(|kind| rdb::Error::in_string(0, kind))?.to_vec();
            self.0.push((record.start, record.db, record.expire_ms, name));
            Ok(())
        }
    }

    fn string(bytes: &[u8], out: &mut Vec<u8>) {
        out.push(0x80);
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(bytes);
    }

    /// A string, every third of them with an expiry.
    fn record(n: u32, value: &[u8], out: &mut Vec<u8>) {
        if n.is_multiple_of(3) {
            out.push(0xfc);
            out.extend_from_slice(&(1_700_000_000_000 + i64::from(n)).to_le_bytes());
        }
        out.push(0);
        out.extend_from_slice(&[9]);
        out.extend_from_slice(format!("key{n:06}").as_bytes());
        string(value, out);
    }

    fn dump(body: &[u8]) -> Vec<u8> {
        let mut file = b"REDIS0011".to_vec();
        file.extend_from_slice(body);
        file.push(0xff);
        let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &file);
        file.extend_from_slice(&crc.to_le_bytes());
        file
    }

    fn read(file: &[u8], ahead: (usize, usize)) -> Result<Vec<Seen>, String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let run = || run_ahead(file, &Observer::default(), ahead, || Names(Vec::new()));
        match pool.install(run) {
            Ok(pass) => {
                assert_eq!(pass.footer.crc, Some(pass.crc64), "the checksum");
                let mut all: Vec<_> = pass.workers.into_iter().flat_map(|names| names.0).collect();
                all.sort();
                Ok(all)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// However much is walked ahead: the same records, with the same database and expiry, and the right checksum.
    fn check(file: &[u8]) {
        let alone = read(file, (1, 0));
        for size in [100, 256, 1000, 4096, 20_000] {
            assert_eq!(read(file, (size, 8)), alone, "{size}");
        }
    }

    #[test]
    fn records_that_are_walked_ahead_are_the_same() {
        let mut body = Vec::new();
        (0..3000).for_each(|n| record(n, &vec![b'v'; (n * 37 % 90) as usize], &mut body));
        check(&dump(&body));
    }

    #[test]
    fn values_that_look_like_records_are_no_records() {
        let mut fakes = Vec::new();
        (0..40).for_each(|n| record(n, b"fake", &mut fakes));
        let mut body = Vec::new();
        (0..400).for_each(|n| record(n, if n % 5 == 0 { &fakes } else { b"real" }, &mut body));
        check(&dump(&body));
        let large: Vec<u8> = fakes.iter().copied().cycle().take(200_000).collect();
        (400..600).for_each(|n| record(n, if n == 450 { &large } else { b"real" }, &mut body));
        check(&dump(&body));
    }

    #[test]
    fn databases_are_told_apart() {
        let mut body = Vec::new();
        for n in 0..2000 {
            if n % 150 == 0 {
                body.extend_from_slice(&[0xfe, u8::try_from(n / 150).unwrap()]);
            }
            if n % 400 == 7 {
                // An expiry, and only then the database of the key that it is for.
                body.extend_from_slice(&[0xfd, 1, 2, 3, 4, 0xfe, 3]);
            }
            record(n, b"some value of a record", &mut body);
        }
        check(&dump(&body));
    }

    #[test]
    fn damage_is_found_at_the_same_place() {
        let mut body = Vec::new();
        (0..2000).for_each(|n| record(n, b"some value of a record", &mut body));
        let whole = dump(&body);
        for at in [20_000, 40_001, 60_002] {
            let mut file = whole.clone();
            file[at..at + 40].fill(0xc7);
            assert!(read(&file, (1, 0)).is_err());
            check(&file);
            assert!(read(&whole[..at], (1, 0)).is_err());
            check(&whole[..at]);
        }
    }
}
