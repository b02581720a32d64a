//! What one shard of many says: its part of the facts that an engine joins (see `docs/engines.md`).
//!
//! Nothing is judged here that another shard could know better: whether a record is there that another one requires, whether
//! the key is there that an entry names, what has expired. What is decided here is what a name or a value says by itself.

#![deny(clippy::panic, clippy::string_slice, clippy::unwrap_used)]
#![cfg_attr(test, allow(clippy::panic, clippy::string_slice, clippy::unwrap_used, reason = "a test may stop"))]

mod alternatives;
mod answer;
mod guarded;
mod index_keys;
mod life;
mod records;
mod shard;
mod tables;

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub use alternatives::Alternative;
pub use answer::{Answered, Error as AnswerError};
pub use life::{ALWAYS, NEVER};
pub use shard::Shard;
pub use tables::Table;

use crate::bundle::sha256;
use crate::dump::rdb::{self, Checksum, Kind, Record, Scratch, Walker};
use crate::dump::scan::{self, Observer};
use crate::dump::slots;
use crate::export::{Cell, Format, Writer};
use crate::index::Depths;
use crate::model::spec::{Spec, Uses};
use crate::model::stock::{Stock, Tally};
use crate::model::view::{Clock, Expiry, Family, KeyType, Names, Wanted};
use crate::owner_only;
use index_keys::Numbers;
use records::{Counts, Records};
use tables::{Files, Rows};

/// The version of the tables: an engine's SQL is made for one.
pub const FORMAT_VERSION: u32 = 1;

/// Stands for every index in a column of their numbers, which has 32 bits and takes no sign.
pub const EVERY_INDEX: u64 = 65_535;

/// Elements and groups are numbered apart by each worker, this far from those of the next.
const WORKER: u64 = 1 << 40;

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("cannot write the facts: {0}")]
    Output(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("the checksum is {stored:016x}, and should be {computed:016x}: the file is damaged")]
    Checksum { stored: u64, computed: u64 },
    #[error("{bytes} bytes follow the end of the dump")]
    Trailing { bytes: usize },
    #[error("the spec has {0} indexes; facts have room for 65,000")]
    TooManyIndexes(usize),
}

scan::ends_like_a_pass!(Error);

/// What facts are known by: the spec, and the indexes that alone are repaired, since the others are seen with other eyes then.
pub fn spec_id(spec: &Spec) -> String {
    let mut text = spec.text.clone();
    let mut only: Vec<&String> = spec.given.only.iter().collect();
    only.sort_unstable();
    only.dedup();
    for name in only {
        text.push_str("\n--only ");
        text.push_str(name);
    }
    sha256(text.as_bytes())
}

/// What all threads share.
pub(crate) struct Shared<'a> {
    pub names: Names<'a>,
    pub clock: Clock,
    pub shard: String,
    /// By class.
    pub uses: Vec<Uses>,
    /// With the rule that each belongs to.
    pub alternatives: Vec<(usize, Alternative<'a>)>,
    /// Names that are asked for by rules, and by classes.
    wanted: [Wanted; 2],
    workers: AtomicU64,
}

impl<'a> Shared<'a> {
    fn new(spec: &'a Spec, clock: Clock, shard: &str) -> Self {
        Self {
            names: Names::new(spec),
            clock,
            shard: shard.to_owned(),
            uses: spec.uses(),
            alternatives: Alternative::all(spec),
            wanted: [Wanted::of_rules(spec), Wanted::of_records(spec)],
            workers: AtomicU64::new(0),
        }
    }
}

/// The cells of the columns `d0` to `d7`.
fn depth_cells<'c>(depths: Depths) -> [Cell<'c>; 8] {
    depths.numbers().map(|depth| Cell::Unsigned(u64::from(depth)))
}

/// One thread.
struct Worker<'s, 'a, 'f, 'o> {
    shared: &'s Shared<'a>,
    rows: Rows<'f, 'o>,
    numbers: Numbers,
    records: Records<'s, 'a>,
    stock: Stock,
    slots: slots::Gathered,
    observer: &'s Observer,
    key: Vec<u8>,
    scratch: Scratch,
}

impl<'a> scan::Worker<'a> for Worker<'_, 'a, '_, '_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let mut room = std::mem::take(&mut self.key);
        let start = record.start as u64;
        let key = record.key.decode(&mut room).map_err(|kind| rdb::Error::in_string(start, kind));
        let done = key.and_then(|key| self.keyed(record, key));
        self.key = room;
        if self.rows.is_at_fault() {
            // The pass has no room for such a fault; it is asked for when the pass has stopped.
            self.observer.stop.store(true, Ordering::SeqCst);
        }
        done.map_err(|error| error.in_record(record.start))
    }
}

impl<'a> Worker<'_, 'a, '_, '_> {
    fn keyed(&mut self, record: &Record<'a>, key: &[u8]) -> Result<(), rdb::Error> {
        let shared = self.shared;
        let (names, spec) = (&shared.names, shared.names.spec);
        let elements = record.value.elements()?;
        let empty = elements == 0 && !matches!(record.value.ty.kind(), Kind::String | Kind::Stream);
        let ty = KeyType::of(&record.value);
        let tally = Tally { keys: 1, elements, ..Tally::default() };
        self.stock.add(record, tally);
        match names.family_of(record.db, key, ty) {
            Family::Record(class) => self.stock.record_family(class, tally),
            Family::Index(index) => self.stock.index_family(index, tally),
            Family::Other => self.stock.other_family(key, tally),
        }
        self.slots.add(key, start(record));
        let to = life::end(&shared.clock, record.expire_ms);
        if shared.wanted.iter().any(|wanted| wanted.has(record.db, key)) {
            self.rows.add(
                Table::Named,
                &[Cell::Unsigned(record.db), Cell::Bytes(key), Cell::Unsigned(u64::from(empty)), Cell::Time(to)],
            );
            for (_, alternative) in shared.alternatives.iter().filter(|_| !empty) {
                alternative.see(record, key, &shared.clock, &mut self.rows, &mut self.scratch)?;
            }
        }
        if empty {
            return Ok(());
        }
        let classes: Vec<usize> = names.classes_of(record.db, key, ty).collect();
        let families: Vec<usize> = names.indexes_of(record.db, key).collect();
        let rules: Vec<usize> = names.pruning(record.db, key, ty).collect();
        for &class in &classes {
            self.records.see(record, key, class, &mut self.rows)?;
        }
        let needs = || classes.iter().map(|&class| (spec.records[class].exists.is_some(), class));
        if !classes.is_empty() && (!families.is_empty() || !rules.is_empty()) {
            for (_, class) in needs() {
                let need = names.need(class, key);
                self.rows.add(
                    Table::NamedLike,
                    &[
                        Cell::Unsigned(record.db),
                        Cell::Bytes(key),
                        Cell::Time(life::ALWAYS),
                        Cell::Time(to),
                        Cell::Unsigned(u64::from(need.is_some())),
                        Cell::Bytes(need.as_deref().unwrap_or_default()),
                    ],
                );
            }
        }
        // A key that is a record in any case is none of an index.
        if needs().any(|(is_conditional, _)| !is_conditional) {
            return Ok(());
        }
        if !families.is_empty() || !rules.is_empty() {
            for (_, class) in needs() {
                let need = names.need(class, key).unwrap_or_default();
                let cells = [Cell::Unsigned(record.db), Cell::Bytes(key), Cell::Bytes(&need), Cell::Time(to)];
                self.rows.add(Table::Conditional, &cells);
            }
        }
        let out = (&mut self.rows, &mut self.numbers);
        if !families.is_empty() {
            index_keys::see(shared, record, (key, &families), out, &mut self.scratch)
        } else if !rules.is_empty() {
            index_keys::prune(shared, record, (key, &rules), out, &mut self.scratch)
        } else {
            Ok(())
        }
    }
}

fn start(record: &Record<'_>) -> u64 {
    record.start as u64
}

/// Where the file of a shard is, and where it is while it is being written.
fn paths(folder: &Path, table: Table, shard: &str) -> [std::path::PathBuf; 2] {
    let of = folder.join(table.name());
    [of.join(format!("{shard}.parquet")), of.join(format!(".{shard}.parquet.part"))]
}

/// Writes the facts of a dump to `folder`, as those of this shard. Files of an earlier scan of it are replaced; until all of
/// them are, the shard counts as not scanned. Runs on the current `rayon` pool.
pub fn scan(
    (file, name): (&[u8], &str),
    spec: &Spec,
    expiry: Expiry,
    shard: &str,
    folder: &Path,
    observer: &Observer,
) -> Result<Shard, Error> {
    if spec.indexes.len() > 65_000 {
        return Err(Error::TooManyIndexes(spec.indexes.len()));
    }
    for table in Table::ALL {
        let [_, part] = paths(folder, table, shard);
        owner_only::folder(&folder.join(table.name()))?;
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let parts = Parts { folder, shard };
    let mut outs = Vec::new();
    for table in Table::ALL {
        outs.push(BufWriter::new(owner_only::create_new(&paths(folder, table, shard)[1])?));
    }
    let clock = Clock::read(file, expiry)?;
    let shared = Shared::new(spec, clock, shard);
    let whole = {
        let writers = outs.iter_mut().zip(Table::ALL);
        let writers = writers.map(|(out, table)| Writer::new(out, Format::Parquet, table.columns()));
        let files = Files::new(writers.collect::<io::Result<_>>()?);
        let new = || {
            let worker = shared.workers.fetch_add(1, Ordering::Relaxed);
            Worker {
                shared: &shared,
                rows: Rows::new(&files),
                numbers: Numbers(worker.saturating_mul(WORKER)),
                records: Records::new(&shared, i64::try_from(worker.saturating_mul(WORKER)).unwrap_or(0)),
                stock: Stock::new(spec.records.len(), spec.indexes.len()),
                slots: slots::Gathered::new(&[]),
                observer,
                key: Vec::new(),
                scratch: Scratch::default(),
            }
        };
        let pass = scan::run(file, observer, new);
        if let Some(fault) = files.fault() {
            return Err(fault.into());
        }
        let pass = pass?;
        if let Checksum::Wrong { stored, computed } = pass.footer.checksum(|| pass.crc64) {
            return Err(Error::Checksum { stored, computed });
        }
        if pass.footer.trailing > 0 {
            return Err(Error::Trailing { bytes: pass.footer.trailing });
        }
        let mut stock = Stock::new(spec.records.len(), spec.indexes.len());
        let mut slots = slots::Gathered::new(&[]);
        let mut counts = Counts::new();
        for mut worker in pass.workers {
            worker.rows.flush();
            stock.merge(worker.stock);
            slots.merge(&worker.slots);
            for (key, n) in worker.records.counts {
                *counts.entry(key).or_default() += n;
            }
        }
        let mut rows = Rows::new(&files);
        for ((counted, db, life), n) in &counts {
            let (at, name) = counted.name();
            let [from, to, has_need, need] = life.cells();
            rows.add(
                Table::Counts,
                &[
                    Cell::Plain(shard),
                    Cell::Unsigned(at as u64),
                    Cell::Plain(&name),
                    Cell::Unsigned(*n),
                    from,
                    to,
                    has_need,
                    need,
                    Cell::Unsigned(*db),
                ],
            );
        }
        for slot in slots.filled() {
            rows.add(Table::Slots, &[Cell::Plain(shard), Cell::Unsigned(u64::from(slot))]);
        }
        let header = Walker::new(file)?.header();
        let families: BTreeSet<Vec<u8>> = families(&stock, spec);
        let whole = Shard {
            name: shard.to_owned(),
            file: name.to_owned(),
            bytes: file.len() as u64,
            crc64: format!("{:016x}", pass.crc64),
            ctime_ms: clock.created_ms,
            flavor: header.flavor.to_string(),
            keys: stock.total.keys,
            is_described: stock.is_described(),
            says_cluster: pass.cluster,
            databases: stock.databases.keys().copied().collect(),
            families: families.into_iter().map(|name| crate::text::display(&name)).collect(),
            slots: slots.to_text(),
            expiry: expiry.as_str().to_owned(),
            spec_sha256: spec_id(spec),
        };
        let facts = serde_json::to_vec(&whole).map_err(io::Error::other)?;
        rows.add(
            Table::Shards,
            &[
                Cell::Plain(shard),
                Cell::Unsigned(u64::from(FORMAT_VERSION)),
                Cell::Plain(&whole.spec_sha256),
                clock.created_ms.map_or(Cell::None, Cell::Time),
                Cell::Unsigned(whole.bytes),
                Cell::Plain(&whole.crc64),
                Cell::Unsigned(whole.keys),
                Cell::Bytes(&facts),
            ],
        );
        rows.flush();
        if let Some(fault) = files.fault() {
            return Err(fault.into());
        }
        files.finish()?;
        whole
    };
    for out in &mut outs {
        out.flush()?;
    }
    if observer.stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted);
    }
    parts.publish()?;
    Ok(whole)
}

/// Names of families, to be counted over all shards.
fn families(stock: &Stock, spec: &Spec) -> BTreeSet<Vec<u8>> {
    let classes = stock.records.iter().zip(&spec.records).filter(|(tally, _)| tally.keys > 0);
    let indexes = stock.indexes.iter().zip(&spec.indexes).filter(|(tally, _)| tally.keys > 0);
    let classes = classes.map(|(_, class)| format!("class {}", class.name).into_bytes());
    let indexes = indexes.map(|(_, index)| format!("index {}", index.name).into_bytes());
    let others = stock.others.list().into_iter().map(|(glob, _)| glob);
    classes.chain(indexes).chain(others).collect()
}

/// The files while they are being written: they are taken away, whatever ends the work.
struct Parts<'p> {
    folder: &'p Path,
    shard: &'p str,
}

impl Parts<'_> {
    /// Gives all files their names. What says that the shard is whole goes first, and comes last.
    fn publish(&self) -> io::Result<()> {
        let [shards, part] = paths(self.folder, Table::Shards, self.shard);
        match std::fs::remove_file(&shards) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Shards) {
            let [path, part] = paths(self.folder, table, self.shard);
            std::fs::rename(part, path)?;
        }
        std::fs::rename(part, shards)
    }
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        for table in Table::ALL {
            // Those that have their names are not there any more.
            let _ = std::fs::remove_file(&paths(self.folder, table, self.shard)[1]);
        }
    }
}
