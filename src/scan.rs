//! One pass over a dump: boundaries in order on one thread, everything else on all of them.
//!
//! The caller's thread walks and hands out batches; a [`Worker`] gets each batch on some thread of the pool. Workers are
//! reused, so there are never more of them than threads, and what they gathered is merged when the walk is over. The
//! CRC-64 is taken just ahead of the walk: it reads the bytes in the one way that memory is fast at, and the walk, which
//! reads a few bytes here and there, finds them in the cache.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crc_fast::{CrcAlgorithm, Digest};

pub use crate::progress::Observer;
use crate::progress::Watch;
use crate::rdb::{self, Footer, Header, Item, ModuleItem, ModuleReader, Record, Walker};

/// A batch ends when it covers this many bytes of the dump …
const BATCH_BYTES: usize = 2 << 20;
/// … or holds this many records.
const BATCH_RECORDS: usize = 8192;
/// Batches that wait for a worker, for each thread: enough to hide the walk's hiccups, few enough to bound memory.
const BATCHES_AHEAD: usize = 4;
/// The checksum is this far ahead of the walk at most: less than the cache nearest to a core, apart from the smallest.
const SUM_AHEAD: usize = 64 << 10;
/// A collection with more elements than this carries cut points, so that it can be visited in parallel.
pub const PIECE_ELEMENTS: usize = 1 << 16;

/// What a pass over a dump needs of its caller: a worker for each thread.
pub trait Worker<'a>: Send {
    /// Looks at one record. It may be called on any thread, with the records in any order of batches.
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error>;
}

/// What ends a pass early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
}

/// What a pass found besides records.
#[derive(Debug)]
pub struct Pass<W> {
    pub header: Header,
    pub footer: Footer,
    /// CRC-64 of everything before the footer.
    pub crc64: u64,
    /// AUX fields as written, in order.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Function libraries in the dump.
    pub functions: u64,
    /// Names of modules that left data of their own (not a key's) in the dump.
    pub module_aux: Vec<String>,
    /// The workers, each with what it gathered, in no particular order.
    pub workers: Vec<W>,
}

struct Shared<'s, 'a, W, F> {
    new_worker: &'s F,
    idle: Mutex<Vec<W>>,
    /// The memory of batches that are done.
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
    let mut walker = Walker::new(file)?.with_pieces(PIECE_ELEMENTS);
    let header = walker.header();
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
    let mut walking = Duration::ZERO;
    let walked = rayon::scope(|scope| -> Result<Footer, Error> {
        let ahead = BATCHES_AHEAD.saturating_mul(rayon::current_num_threads());
        loop {
            let began = Instant::now();
            let room = lock(&shared.spare).pop().unwrap_or_default();
            let batch = Batch::fill(room, &mut walker, &mut sum, &mut found)?;
            walking = walking.saturating_add(began.elapsed());
            let to = batch.footer.as_ref().map_or_else(|| walker.position(), |footer| footer.body_end);
            let shared = &shared;
            let footer = batch.footer;
            shared.in_flight.fetch_add(1, Ordering::AcqRel);
            scope.spawn(move |_| shared.work(batch.records));
            observer.position.store(to as u64, Ordering::Relaxed);
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
    let footer = match (walked, failure) {
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

/// The checksum of the file, taken in steps.
struct Sum<'a> {
    file: &'a [u8],
    digest: Digest,
    end: usize,
    /// The step before: where the checksum ends is only known when the walk comes there.
    before: (Digest, usize),
}

impl<'a> Sum<'a> {
    fn new(file: &'a [u8]) -> Self {
        let digest = Digest::new(CrcAlgorithm::Crc64Redis);
        Self { file, digest, end: 0, before: (digest, 0) }
    }

    /// Goes ahead of the walk, which has come to `position`.
    #[inline]
    fn go_ahead(&mut self, position: usize) {
        if position >= self.end {
            self.step(position.saturating_add(SUM_AHEAD).min(self.file.len()));
        }
    }

    #[inline(never)]
    fn step(&mut self, to: usize) {
        self.before = (self.digest, self.end);
        self.digest.update(self.file.get(self.end..to).unwrap_or_default());
        self.end = to;
    }

    /// The checksum of everything before `end`, where the walk has come to.
    fn finish(mut self, end: usize) -> u64 {
        if end < self.end {
            (self.digest, self.end) = self.before;
        }
        self.step(end);
        self.digest.finalize()
    }
}

#[derive(Default)]
struct Found {
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    functions: u64,
    module_aux: Vec<String>,
}

/// AUX fields beyond these many are not kept: a server writes about ten.
const MAX_AUX: usize = 256;
/// Of an AUX name or value only so much is kept.
const MAX_AUX_BYTES: usize = 256;

struct Batch<'a> {
    records: Vec<Record<'a>>,
    footer: Option<Footer>,
}

impl<'a> Batch<'a> {
    /// The next batch, in the memory of an earlier one.
    fn fill(
        mut records: Vec<Record<'a>>,
        walker: &mut Walker<'a>,
        sum: &mut Sum<'_>,
        found: &mut Found,
    ) -> Result<Self, rdb::Error> {
        let end = walker.position().saturating_add(BATCH_BYTES);
        while walker.position() < end && records.len() < BATCH_RECORDS {
            let at = walker.position();
            sum.go_ahead(at);
            match walker.next()? {
                Some(Item::Record(record)) => records.push(record),
                Some(Item::Aux { name, value }) => {
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
                Some(Item::End(footer)) => return Ok(Self { records, footer: Some(footer) }),
                Some(_) => {}
                None => break,
            }
        }
        Ok(Self { records, footer: None })
    }
}
