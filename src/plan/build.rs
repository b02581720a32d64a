//! From a difference to the files of a bundle.
//!
//! Everything is streamed: a member is read from the dump where it is written, and no list of edits is made.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::bundle::{self, Draft};
use super::changes::{ADD, Changes, DELETE, REMOVE, RESCORE};
use super::command::{CommandFile, Pending, Written};
use super::manifest::{
    APPLY, Bytes, CHANGES, Caps, Counts, FORMAT_VERSION, IndexPlan, MANIFEST, Manifest, ROLLBACK, Reply, SnapshotId,
    SpecId, Touched,
};
use super::output::{Output, sha256};
use super::recreate::{self, recreate};
use super::warnings::warnings;
use crate::derive::write_score;
use crate::index::{DeleteReason, Difference, Edits, Expires, Membership, Present, Reason, escape};
use crate::rdb::{self, Flavor, Resolver, Scratch};
use crate::resp::{BatchLimits, BatchMeter};
use crate::spec::{IndexType, PRESETS};

/// US dollars for a hundred thousand commands, as Upstash bills a database with one region (August 2026).
const USD_PER_100_000: f64 = 0.2;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the checksum of the dump is wrong: it says {stored:016x}, its content has {computed:016x}")]
    Checksum { stored: u64, computed: u64 },
    #[error("commands follow the dump in its file (it is an append-only file), and they change what is in it")]
    AofTail,
    #[error(
        "{0} bytes follow the end of the dump, whose version (before 5) has no checksum: its version number is damaged, or \
         its end; take the dump again"
    )]
    Trailing(u64),
    #[error("interrupted")]
    Interrupted,
}

/// Makes the bundle in `destination`, and gives back its manifest.
pub fn build(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    stop: &AtomicBool,
) -> Result<Manifest, Error> {
    let footer = &difference.facts.footer;
    match footer.crc {
        Some(stored) if stored != 0 && stored != difference.facts.crc64 => {
            return Err(Error::Checksum { stored, computed: difference.facts.crc64 });
        }
        _ => {}
    }
    if footer.trailing_is_aof {
        return Err(Error::AofTail);
    }
    // One flipped bit makes a 9 a 1: the version decides whether there is a checksum, and so has none itself.
    if footer.crc.is_none() && footer.trailing > 0 {
        return Err(Error::Trailing(footer.trailing as u64));
    }
    let draft = Draft::new(destination)?;
    let file = |name: &str| {
        let path = draft.path().join(name);
        Output::create(&path).map_err(|source| Error::Write { path, source })
    };
    let mut builder = Builder {
        d: difference,
        stop,
        apply: CommandFile::new(file(APPLY)?, caps),
        rollback: CommandFile::new(file(ROLLBACK)?, caps),
        changes: Changes::new(file(CHANGES)?, difference.spec.indexes.len()).map_err(writing(CHANGES))?,
        counts: vec![Counts::default(); difference.spec.indexes.len()],
        total: Counts::default(),
        lower_bound: 0,
        touched: Vec::new(),
        rebuilt: HashSet::new(),
    };
    builder.write_apply()?;
    builder.write_rollback()?;
    let manifest = builder.finish(caps)?;
    let path = draft.path().join(MANIFEST);
    let mut output = Output::create(&path).map_err(writing(MANIFEST))?;
    output.write(&manifest.to_json()).and_then(|()| output.finish()).map_err(writing(MANIFEST))?;
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    draft.publish()?;
    Ok(manifest)
}

fn writing(name: &str) -> impl Fn(io::Error) -> Error + use<> {
    let path = PathBuf::from(name);
    move |source| Error::Write { path: path.clone(), source }
}

impl From<recreate::Error> for Error {
    fn from(error: recreate::Error) -> Self {
        match error {
            recreate::Error::Dump(error) => Self::Dump(error),
            recreate::Error::Io(source) => Self::Write { path: PathBuf::from(ROLLBACK), source },
        }
    }
}

struct Builder<'d, 'a> {
    d: &'d Difference<'a>,
    stop: &'d AtomicBool,
    apply: CommandFile,
    rollback: CommandFile,
    changes: Changes,
    counts: Vec<Counts>,
    total: Counts,
    lower_bound: u64,
    touched: Vec<Touched>,
    /// Ranks of the keys that are deleted for their type and made anew.
    rebuilt: HashSet<u32>,
}

impl<'d, 'a> Builder<'d, 'a> {
    /// Deletions, then additions, then removals. Databases are gone through forth, back and forth again, so that few
    /// `SELECT`s are needed.
    fn write_apply(&mut self) -> Result<(), Error> {
        let mut dbs: Vec<u64> = self.d.spec.indexes.iter().map(|index| index.db).collect();
        dbs.sort_unstable();
        dbs.dedup();
        for &db in &dbs {
            self.deletions(db)?;
        }
        for &db in dbs.iter().rev() {
            self.additions(db, &self.d.sets)?;
            self.additions(db, &self.d.zsets)?;
        }
        for &db in &dbs {
            self.removals(db)?;
        }
        Ok(())
    }

    fn db(&self, index: usize) -> u64 {
        self.d.spec.indexes[index].db
    }

    fn name(&self, index: usize) -> &'d str {
        &self.d.spec.indexes[index].name
    }

    fn select(&mut self, db: u64) -> Result<(), Error> {
        let written = self.apply.select(db).map_err(writing(APPLY))?;
        self.total.commands += written.commands;
        self.total.bytes += written.bytes;
        self.lower_bound += written.lower_bound;
        Ok(())
    }

    fn count(&mut self, index: usize, written: Written) {
        for counts in [&mut self.counts[index], &mut self.total] {
            counts.commands += written.commands;
            counts.bytes += written.bytes;
        }
        self.lower_bound += written.lower_bound;
    }

    fn interrupted(&self) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn deletions(&mut self, db: u64) -> Result<(), Error> {
        let d = self.d;
        let mut pending = Pending::default();
        let mut scratch = Vec::new();
        // A command may delete keys of several indexes; it is counted with the index of its first key.
        let mut first = None;
        let mut counted = Written::default();
        for deletion in &d.deletions {
            let index = deletion.index as usize;
            if self.db(index) != db {
                continue;
            }
            let record = d.record(deletion.start)?;
            let key = d.dump.key(deletion.start, &mut scratch)?;
            if first.is_none() {
                self.interrupted()?;
                self.select(db)?;
                self.apply.begin(&mut pending, "UNLINK", None);
                first = Some(index);
            }
            let written = self.apply.push(&mut pending, &[key], 1).map_err(writing(APPLY))?;
            if written.commands > 0 {
                self.count(first.unwrap_or(index), written);
                counted.add(written);
                first = Some(index);
            }
            for counts in [&mut self.counts[index], &mut self.total] {
                counts.deleted_keys += 1;
            }
            let reason = match deletion.reason {
                DeleteReason::Retired => "family retired".to_owned(),
                DeleteReason::WrongType => {
                    if let Some(rank) = d.keys.find(index, key)
                        && d.keys.is_live(rank)
                        && !d.keys.is_blocked(rank)
                    {
                        self.rebuilt.insert(rank);
                    }
                    format!("wrong type {}", record.value.type_name())
                }
                DeleteReason::NotImplied => "no record belongs here".to_owned(),
                DeleteReason::Disputed => "records disagree on the scores".to_owned(),
                DeleteReason::Orphaned => self.missing_requirement(index),
            };
            self.changes.add((index, self.name(index)), key, DELETE, None, &reason).map_err(writing(CHANGES))?;
            let key = key.to_vec();
            self.touch(db, key, Some(&record))?;
        }
        if let Some(index) = first {
            let mut written = self.apply.end(&mut pending).map_err(writing(APPLY))?;
            written.commands -= counted.commands;
            written.bytes -= counted.bytes;
            self.count(index, written);
        }
        Ok(())
    }

    /// Why records of an index are orphans.
    fn missing_requirement(&self, index: usize) -> String {
        let index = &self.d.spec.indexes[index];
        let names: Vec<&str> =
            index.require.iter().map(|require| self.d.spec.records[require.record].name.as_str()).collect();
        format!("no such {}", names.join(" or "))
    }

    fn touch(&mut self, db: u64, key: Vec<u8>, record: Option<&rdb::Record<'_>>) -> Result<(), Error> {
        let mut touched = Touched { db, key: Bytes(key), kind: "none".into(), elements: 0, expire_at_ms: None };
        if let Some(record) = record {
            touched.kind = record.value.type_name().to_string();
            touched.elements = record.value.elements()?;
            if let Expires::At(ms) = self.d.clock.expires(record.expire_ms) {
                touched.expire_at_ms = Some(ms);
            }
        }
        self.touched.push(touched);
        Ok(())
    }

    fn additions<M: Membership>(&mut self, db: u64, edits: &'d Edits<M>) -> Result<(), Error> {
        let d = self.d;
        let there: std::collections::HashMap<u32, &Present> =
            d.present.iter().filter_map(|key| Some((key.rank?, key))).collect();
        let mut scratch = Vec::new();
        let mut score = Vec::new();
        let mut pending = Pending::default();
        by_key(edits, d, |rank, members| {
            let index = d.keys.index(rank);
            if self.db(index) != db {
                return Ok(());
            }
            self.interrupted()?;
            self.select(db)?;
            let key = d.keys.name(rank);
            let is_zset = d.spec.indexes[index].kind == IndexType::Zset;
            self.apply.begin(&mut pending, if is_zset { "ZADD" } else { "SADD" }, Some(key));
            for member in members {
                let entry = member.entry();
                let bytes = d.members().get(entry.source, &mut scratch)?;
                let rescored = is_zset && d.rescored.contains_key(&(entry.key, entry.source));
                score.clear();
                write_score(member.score(), &mut score);
                let pair: [&[u8]; 2] = [&score, bytes];
                let args = if is_zset { &pair[..] } else { &pair[1..] };
                self.apply.push(&mut pending, args, i64::from(!rescored)).map_err(writing(APPLY))?;
                let (edit, reason) = if rescored { (RESCORE, "score differs") } else { (ADD, "record not indexed") };
                self.changes
                    .add((index, self.name(index)), key, edit, Some(bytes), reason)
                    .map_err(writing(CHANGES))?;
                self.counts[index].added_members += 1;
                self.total.added_members += 1;
            }
            let written = self.apply.end(&mut pending).map_err(writing(APPLY))?;
            self.count(index, written);
            if self.rebuilt.contains(&rank) {
                return Ok(());
            }
            // A key that also loses members is noted once, with those.
            match there.get(&rank) {
                Some(present) if present.stale > 0 && !present.frozen => Ok(()),
                Some(present) => {
                    let record = d.record(present.start)?;
                    self.touch(db, key.to_vec(), Some(&record))
                }
                None => self.touch(db, key.to_vec(), None),
            }
        })
    }

    fn removals(&mut self, db: u64) -> Result<(), Error> {
        let d = self.d;
        let mut resolver = Resolver::new(d.dump.file, d.dump.header.flavor);
        let (mut out, mut scratch, mut pending) = (Vec::new(), Vec::new(), Pending::default());
        for stale in d.stale.chunk_by(|a, b| a.key == b.key) {
            let Some(present) = stale.first().map(|first| d.present[first.key as usize]) else { continue };
            let index = present.index as usize;
            if self.db(index) != db {
                continue;
            }
            self.interrupted()?;
            self.select(db)?;
            let record = d.record(present.start)?;
            let key = d.dump.key(present.start, &mut scratch)?;
            let is_zset = d.spec.indexes[index].kind == IndexType::Zset;
            self.apply.begin(&mut pending, if is_zset { "ZREM" } else { "SREM" }, Some(key));
            for member in stale {
                let bytes = resolver.resolve(member.place, record.value.ty, &mut out)?;
                self.apply.push(&mut pending, &[bytes], 1).map_err(writing(APPLY))?;
                let moved;
                let reason = match member.reason {
                    Reason::NotImplied => "no record implies it",
                    Reason::RecordMissing => "record missing",
                    Reason::ImpliesNothing => "record implies no entry",
                    Reason::Orphan => {
                        moved = self.missing_requirement(index);
                        &moved
                    }
                    Reason::MovedTo(rank) => {
                        moved = format!("record now belongs to {}", escape(d.keys.name(rank)));
                        &moved
                    }
                };
                self.changes
                    .add((index, self.name(index)), key, REMOVE, Some(bytes), reason)
                    .map_err(writing(CHANGES))?;
            }
            let written = self.apply.end(&mut pending).map_err(writing(APPLY))?;
            self.count(index, written);
            for counts in [&mut self.counts[index], &mut self.total] {
                counts.removed_members += stale.len() as u64;
            }
            let key = key.to_vec();
            self.touch(db, key, Some(&record))?;
        }
        Ok(())
    }

    /// The way back: keys of another type out of the way, deleted keys made again, removed members and old scores put
    /// back, and only then what was added taken out, so that no reader finds a key empty in passing.
    fn write_rollback(&mut self) -> Result<(), Error> {
        let d = self.d;
        let io = writing(ROLLBACK);
        let (mut pending, mut scratch, mut buffers) = (Pending::default(), Vec::new(), Scratch::default());
        let file = &mut self.rollback;

        let mut rebuilt: Vec<u32> = self.rebuilt.iter().copied().collect();
        rebuilt.sort_unstable();
        for ranks in rebuilt.chunk_by(|&a, &b| index_db(d, a) == index_db(d, b)) {
            file.select(index_db(d, ranks[0])).map_err(&io)?;
            file.begin(&mut pending, "UNLINK", None);
            for &rank in ranks {
                file.push(&mut pending, &[d.keys.name(rank)], 1).map_err(&io)?;
            }
            file.end(&mut pending).map_err(&io)?;
        }
        for deletion in &d.deletions {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            file.select(d.spec.indexes[deletion.index as usize].db).map_err(&io)?;
            let record = d.record(deletion.start)?;
            let key = d.dump.key(deletion.start, &mut scratch)?;
            recreate(file, d.dump.header, d.clock, key, &record, &mut buffers)?;
        }
        let mut resolver = Resolver::new(d.dump.file, d.dump.header.flavor);
        let (mut out, mut score) = (Vec::new(), Vec::new());
        for stale in d.stale.chunk_by(|a, b| a.key == b.key) {
            let Some(present) = stale.first().map(|first| d.present[first.key as usize]) else { continue };
            let index = &d.spec.indexes[present.index as usize];
            file.select(index.db).map_err(&io)?;
            let ty = d.record(present.start)?.value.ty;
            let key = d.dump.key(present.start, &mut scratch)?;
            let is_zset = index.kind == IndexType::Zset;
            file.begin(&mut pending, if is_zset { "ZADD" } else { "SADD" }, Some(key));
            for member in stale {
                let bytes = resolver.resolve(member.place, ty, &mut out)?;
                score.clear();
                write_score(member.score, &mut score);
                let pair: [&[u8]; 2] = [&score, bytes];
                file.push(&mut pending, if is_zset { &pair } else { &pair[1..] }, 1).map_err(&io)?;
            }
            file.end(&mut pending).map_err(&io)?;
        }
        by_key(&d.zsets, d, |rank, members| {
            let mut begun = false;
            for member in members {
                let entry = member.entry();
                let Some(old) = d.rescored.get(&(entry.key, entry.source)) else { continue };
                if !begun {
                    begun = true;
                    file.select(index_db(d, rank)).map_err(&io)?;
                    file.begin(&mut pending, "ZADD", Some(d.keys.name(rank)));
                }
                let bytes = d.members().get(entry.source, &mut scratch)?;
                score.clear();
                write_score(*old, &mut score);
                file.push(&mut pending, &[&score, bytes], 0).map_err(&io)?;
            }
            if begun {
                file.end(&mut pending).map_err(&io)?;
            }
            Ok(())
        })?;
        self.take_out(&d.sets)?;
        self.take_out(&d.zsets)
    }

    fn take_out<M: Membership>(&mut self, edits: &'d Edits<M>) -> Result<(), Error> {
        let d = self.d;
        let io = writing(ROLLBACK);
        let (mut pending, mut scratch) = (Pending::default(), Vec::new());
        by_key(edits, d, |rank, members| {
            if self.rebuilt.contains(&rank) {
                return Ok(());
            }
            self.interrupted()?;
            let is_zset = d.spec.indexes[d.keys.index(rank)].kind == IndexType::Zset;
            let mut begun = false;
            for member in members {
                let entry = member.entry();
                if is_zset && d.rescored.contains_key(&(entry.key, entry.source)) {
                    continue;
                }
                if !begun {
                    begun = true;
                    self.rollback.select(index_db(d, rank)).map_err(&io)?;
                    let verb = if is_zset { "ZREM" } else { "SREM" };
                    self.rollback.begin(&mut pending, verb, Some(d.keys.name(rank)));
                }
                let bytes = d.members().get(entry.source, &mut scratch)?;
                self.rollback.push(&mut pending, &[bytes], 1).map_err(&io)?;
            }
            if begun {
                self.rollback.end(&mut pending).map_err(&io)?;
            }
            Ok(())
        })
    }

    fn finish(mut self, caps: Caps) -> Result<Manifest, Error> {
        let d = self.d;
        self.touched.sort_by(|a, b| (a.db, &a.key).cmp(&(b.db, &b.key)));
        let warnings = warnings(d, self.apply.oversize, self.rollback.oversize, &self.touched);
        let (apply, expected_replies, lengths) = self.apply.finish().map_err(writing(APPLY))?;
        let (rollback, rollback_expected_replies, _) = self.rollback.finish().map_err(writing(ROLLBACK))?;
        let (changes, examples) = self.changes.finish().map_err(writing(CHANGES))?;
        let mut meter = BatchMeter::new(BatchLimits::default());
        for length in &lengths {
            meter.add(usize::try_from(*length).unwrap_or(usize::MAX));
        }
        // `SELECT` is not billed.
        let billed = expected_replies.iter().filter(|reply| matches!(reply, Reply::Integer(_))).count() as u64;
        let indexes =
            d.spec.indexes.iter().zip(&self.counts).zip(examples).map(|((index, counts), examples)| IndexPlan {
                name: index.name.clone(),
                policy: index.policy.as_str().to_owned(),
                pattern: index.key.family().to_string(),
                counts: *counts,
                examples,
            });
        let files = [(APPLY, apply), (ROLLBACK, rollback), (CHANGES, changes)];
        let mut manifest = Manifest {
            format_version: FORMAT_VERSION,
            plan_id: String::new(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            snapshot: snapshot_id(d),
            spec: spec_id(d),
            caps,
            total: self.total,
            indexes: indexes.collect(),
            lower_bound: self.lower_bound,
            batches: meter.batches(),
            billed_commands: billed,
            estimated_cost_usd: billed as f64 * USD_PER_100_000 / 100_000.0,
            expected_replies,
            rollback_expected_replies,
            touched: self.touched,
            warnings,
            files: files.into_iter().map(|(name, id)| (name.to_owned(), id)).collect(),
        };
        manifest.plan_id = manifest.identity();
        Ok(manifest)
    }
}

fn index_db(d: &Difference<'_>, rank: u32) -> u64 {
    d.spec.indexes[d.keys.index(rank)].db
}

/// Calls `each` for every index key that is added to, with its members: all in the order of the edits, none kept.
fn by_key<'e, M: Membership>(
    edits: &'e Edits<M>,
    d: &'e Difference<'_>,
    mut each: impl FnMut(u32, &mut dyn Iterator<Item = &'e M>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut all = edits.iter(&d.interned).peekable();
    while let Some(first) = all.next() {
        let rank = first.entry().key;
        let rest = std::iter::from_fn(|| all.next_if(|next| next.entry().key == rank));
        let mut members = std::iter::once(first).chain(rest);
        each(rank, &mut members)?;
        members.for_each(drop);
    }
    Ok(())
}

/// What the dump is known by.
pub fn snapshot_id(d: &Difference<'_>) -> SnapshotId {
    let aux = |names: &[&[u8]]| {
        let found = d.facts.aux.iter().find(|(name, _)| names.contains(&name.as_slice()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    SnapshotId {
        bytes: d.dump.file.len() as u64,
        crc64: format!("{:016x}", d.facts.crc64),
        created_at: d.clock.created_ms.and_then(crate::time::rfc3339),
        flavor: match d.facts.header.flavor {
            Flavor::Redis => "redis".into(),
            Flavor::Valkey => "valkey".into(),
        },
        rdb_version: d.facts.header.version,
        server_version: aux(&[b"redis-ver", b"valkey-ver"]),
        keys: d.stock.total.keys,
    }
}

fn spec_id(d: &Difference<'_>) -> SpecId {
    let text = d.spec.text.clone();
    let preset = PRESETS.iter().find(|(_, preset)| *preset == text);
    SpecId { name: preset.map_or("custom", |(name, _)| name).to_owned(), sha256: sha256(text.as_bytes()), text }
}
