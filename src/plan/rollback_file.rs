//! `rollback.resp`: from the target state back to the dump.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::apply_file::{pointer, string};
use super::command::{CommandFile, Pending};
use super::edits::by_key;
use super::error::{Error, writing};
use super::readahead::{load_ahead, read_ahead};
use super::recreate::{self, Room, recreate};
use crate::bundle::Sink;
use crate::bundle::manifest::{Caps, ROLLBACK};
use crate::dump::rdb::{Element, Flow, Kind, Record, Resolver, Scratch, Visitor};
use crate::dump::slots::slot_of;
use crate::index::{Deletion, Difference, Edits, Membership, Present, Stale};
use crate::model::derive::write_score;
use crate::model::spec::IndexType;
use crate::model::view::{Clock, Expires};
use crate::progress::{Order, Watch};

/// Writes the way back.
pub struct Rollback<'d, 'a> {
    pub d: &'d Difference<'a>,
    pub watch: &'d dyn Watch,
    /// What [`super::edits::rebuilt`] gives.
    pub rebuilt: &'d HashSet<u32>,
    pub file: CommandFile,
    /// Commands that edit keys which are there when the way back begins.
    pub on_present: u64,
}

impl<'d, 'a> Rollback<'d, 'a> {
    /// The way back: keys of another type out of the way, deleted keys made again, removed members and old scores put
    /// back, and only then what was added taken out, so that no reader finds a key empty in passing.
    pub fn write(&mut self) -> Result<(), Error> {
        let d = self.d;
        let io = writing(ROLLBACK);
        let (mut pending, mut scratch) = (Pending::default(), Vec::new());
        let file = &mut self.file;

        let mut rebuilt: Vec<u32> = self.rebuilt.iter().copied().collect();
        rebuilt.sort_unstable();
        if file.is_by_slot() {
            rebuilt.sort_by_key(|rank| slot_of(d.keys.name(*rank)));
        }
        for ranks in rebuilt.chunk_by(|&a, &b| index_db(d, a) == index_db(d, b)) {
            file.select(index_db(d, ranks[0])).map_err(&io)?;
            file.begin(&mut pending, "UNLINK", None);
            for &rank in ranks {
                file.push(&mut pending, &[d.keys.name(rank)], 1).map_err(&io)?;
            }
            file.end(&mut pending).map_err(&io)?;
        }
        // A list gets its old order back only as a whole.
        let pruned = || {
            d.stale
                .chunk_by(|a, b| a.key == b.key)
                .filter_map(<[Stale]>::first)
                .map(|first| d.present[first.key as usize])
        };
        let mut lists = Vec::new();
        for present in pruned() {
            if d.open_record(present.start)?.value.ty.kind() == Kind::List {
                lists.push(present);
            }
        }
        let db = |present: &Present| d.spec.indexes[present.index as usize].db;
        lists.sort_by_key(db);
        if file.is_by_slot() {
            let mut slots = Vec::with_capacity(lists.len());
            for present in &lists {
                slots.push((slot_of(d.dump.key(present.start, &mut scratch)?), *present));
            }
            slots.sort_by_key(|(slot, _)| *slot);
            lists = slots.into_iter().map(|(_, present)| present).collect();
        }
        for same_db in lists.chunk_by(|a, b| db(a) == db(b)) {
            file.select(db(&same_db[0])).map_err(&io)?;
            file.begin(&mut pending, "UNLINK", None);
            for present in same_db {
                let key = d.dump.key(present.start, &mut scratch)?;
                file.push(&mut pending, &[key], 1).map_err(&io)?;
            }
            file.end(&mut pending).map_err(&io)?;
        }
        self.file.phase();
        self.make_again()?;
        let file = &mut self.file;
        let mut room = Room::default();
        for present in &lists {
            file.select(db(present)).map_err(&io)?;
            let record = d.open_record(present.start)?;
            let key = d.dump.key(present.start, &mut scratch)?;
            recreate(file, d.dump.header, d.clock, key, &record, &mut room)?;
        }
        let mut resolver = Resolver::new(d.dump.file, d.dump.header.flavor);
        let (mut out, mut score) = (Vec::new(), Vec::new());
        for stale in d.stale.chunk_by(|a, b| a.key == b.key) {
            let Some(present) = stale.first().map(|first| d.present[first.key as usize]) else { continue };
            let index = &d.spec.indexes[present.index as usize];
            file.select(index.db).map_err(&io)?;
            let value = d.open_record(present.start)?.value;
            let key = d.dump.key(present.start, &mut scratch)?;
            let kind = value.ty.kind();
            if kind == Kind::List {
                self.watch.add(stale.len() as u64);
                continue;
            }
            if kind == Kind::Hash {
                file.begin(&mut pending, "HSET", Some(key));
                let mut back = PutFieldsBack {
                    stale,
                    file,
                    pending: &mut pending,
                    clock: d.clock,
                    expiring: Vec::new(),
                    error: None,
                };
                value.visit(&mut Scratch::default(), &mut back)?;
                let expiring = std::mem::take(&mut back.expiring);
                if let Some(error) = back.error {
                    return Err(io(error));
                }
                self.watch.add(stale.len() as u64);
                self.on_present += file.end(&mut pending).map_err(&io)?.commands;
                for (field, at) in expiring {
                    recreate::expire_field(file, key, &field, at).map_err(&io)?;
                }
                continue;
            }
            if kind == Kind::Zset {
                file.begin(&mut pending, "ZADD", Some(key));
                let mut back = PutBack { stale, file, pending: &mut pending, score: Vec::new(), error: None };
                value.visit(&mut Scratch::default(), &mut back)?;
                if let Some(error) = back.error {
                    return Err(io(error));
                }
                self.watch.add(stale.len() as u64);
            } else {
                file.begin(&mut pending, "SADD", Some(key));
                for some in stale.chunks(MEMBERS) {
                    if self.watch.stopped() {
                        return Err(Error::Interrupted);
                    }
                    for member in some {
                        let bytes = resolver.resolve(member.place, value.ty, &mut out)?;
                        file.push(&mut pending, &[bytes], 1).map_err(&io)?;
                    }
                    self.watch.add(some.len() as u64);
                }
            }
            self.on_present += file.end(&mut pending).map_err(&io)?.commands;
        }
        let on_present = &mut self.on_present;
        let there: HashMap<u32, &Present> =
            d.present.iter().filter(|_| !d.rescored.is_empty()).filter_map(|key| Some((key.rank?, key))).collect();
        by_key(&d.zsets, d, |rank, members| {
            let kind = d.spec.indexes[d.keys.index(rank)].kind;
            let mut old_fields: Option<HashMap<Vec<u8>, Vec<u8>>> = None;
            let mut begun = false;
            for member in members {
                let entry = member.entry();
                let Some(old) = d.rescored.get(&(entry.key, entry.source)) else { continue };
                let key = d.keys.name(rank);
                if !begun {
                    begun = true;
                    file.select(index_db(d, rank)).map_err(&io)?;
                    file.begin(&mut pending, if kind == IndexType::Hash { "HSET" } else { "ZADD" }, Some(key));
                }
                let bytes = d.member(entry, &mut scratch)?;
                match (kind, there.get(&rank)) {
                    (IndexType::Hash, Some(present)) => {
                        if old_fields.is_none() {
                            old_fields = Some(fields(d, present)?);
                        }
                        let value = old_fields.as_ref().and_then(|fields| fields.get(bytes));
                        let value = value.map_or(&[][..], Vec::as_slice);
                        file.push(&mut pending, &[bytes, value], 0).map_err(&io)?;
                    }
                    (IndexType::String, Some(present)) => {
                        let new = d.value(member).to_vec();
                        pointer(file, key, &string(d, present)?, Some(new)).map_err(&io)?;
                    }
                    _ => {
                        score.clear();
                        write_score(*old, &mut score);
                        file.push(&mut pending, &[&score, bytes], 0).map_err(&io)?;
                    }
                }
            }
            if begun {
                *on_present += file.end(&mut pending).map_err(&io)?.commands;
            }
            Ok(())
        })?;
        self.file.phase();
        self.take_out(&d.sets)?;
        self.take_out(&d.zsets)
    }

    /// Writes what makes the deleted keys again. Their values are decoded in parallel, some at a time; a large one goes
    /// straight into the file, so that memory stays bounded.
    fn make_again(&mut self) -> Result<(), Error> {
        let d = self.d;
        let io = writing(ROLLBACK);
        let caps = self.file.caps();
        let db = |deletion: &Deletion| d.spec.indexes[deletion.index as usize].db;
        let watch = self.watch;
        let by_slot = self.file.is_by_slot();
        let make_round = |round: &'d [Deletion]| -> Round<'d> {
            read_ahead(watch, round, true);
            (round, round.par_chunks(TASK).map(|task| make_ahead(d, (caps, by_slot), task)).collect())
        };
        for same_db in d.deletions.chunk_by(|a, b| db(a) == db(b)) {
            if let Some(first) = same_db.first() {
                self.file.select(db(first)).map_err(&io)?;
            }
            let mut rounds = same_db.chunks(ROUND);
            let mut made = rounds.next().map(make_round);
            while let Some(round) = made {
                // What is written is hashed on the way, on one thread: meanwhile the next round is made on the others.
                let (written, next) = rayon::join(|| self.put_round(round), || rounds.next().map(make_round));
                written?;
                made = next;
            }
        }
        Ok(())
    }

    fn put_round(&mut self, (round, made): Round<'_>) -> Result<(), Error> {
        if self.watch.stopped() {
            return Err(Error::Interrupted);
        }
        for (task, made) in round.chunks(TASK).zip(made) {
            match made? {
                Some(made) => self.file.append(made, |commands| &commands.0).map_err(writing(ROLLBACK))?,
                None => make(self.d, self.watch, &mut self.file, task)?,
            }
            self.watch.add(task.len() as u64);
        }
        Ok(())
    }

    fn take_out<M: Membership>(&mut self, edits: &'d Edits<M>) -> Result<(), Error> {
        let d = self.d;
        let io = writing(ROLLBACK);
        let (mut pending, mut scratch) = (Pending::default(), Vec::new());
        by_key(edits, d, |rank, members| {
            if self.rebuilt.contains(&rank) {
                return Ok(());
            }
            if self.watch.stopped() {
                return Err(Error::Interrupted);
            }
            let kind = d.spec.indexes[d.keys.index(rank)].kind;
            let is_scored = matches!(kind, IndexType::Zset | IndexType::Hash | IndexType::String);
            let mut begun = false;
            let mut made = 0;
            for member in members {
                made += 1;
                let entry = member.entry();
                if is_scored && d.rescored.contains_key(&(entry.key, entry.source)) {
                    continue;
                }
                if !begun {
                    begun = true;
                    self.file.select(index_db(d, rank)).map_err(&io)?;
                    let key = d.keys.name(rank);
                    let (verb, key) = match kind {
                        IndexType::Zset => ("ZREM", Some(key)),
                        IndexType::Hash => ("HDEL", Some(key)),
                        IndexType::String => ("UNLINK", None),
                        _ => ("SREM", Some(key)),
                    };
                    self.file.begin(&mut pending, verb, key);
                }
                if kind == IndexType::String {
                    self.file.push(&mut pending, &[d.keys.name(rank)], 1).map_err(&io)?;
                    continue;
                }
                let bytes = d.member(entry, &mut scratch)?;
                self.file.push(&mut pending, &[bytes], 1).map_err(&io)?;
            }
            if begun {
                self.on_present += self.file.end(&mut pending).map_err(&io)?.commands;
            }
            self.watch.add(made);
            Ok(())
        })
    }
}

/// The fields of a hash of the dump, with their values.
fn fields(d: &Difference<'_>, present: &Present) -> Result<HashMap<Vec<u8>, Vec<u8>>, Error> {
    struct Fields(HashMap<Vec<u8>, Vec<u8>>);
    impl Visitor for Fields {
        fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
            self.0.entry(field.bytes.to_vec()).or_insert_with(|| value.bytes.to_vec());
            ControlFlow::Continue(())
        }
    }
    let mut all = Fields(HashMap::new());
    d.open_record(present.start)?.value.visit(&mut Scratch::default(), &mut all)?;
    Ok(all.0)
}

/// Puts members of a sorted set back. Their scores are read where they are needed: to keep them would take a third more
/// memory for each stale member, of sets too.
struct PutBack<'f> {
    /// Those that are still to come, in the order of the visit.
    stale: &'f [Stale],
    file: &'f mut CommandFile,
    pending: &'f mut Pending,
    score: Vec<u8>,
    error: Option<io::Error>,
}

impl Visitor for PutBack<'_> {
    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        let Some((next, rest)) = self.stale.split_first() else { return ControlFlow::Break(()) };
        if next.place != member.at {
            return ControlFlow::Continue(());
        }
        self.stale = rest;
        self.score.clear();
        write_score(score, &mut self.score);
        match self.file.push(self.pending, &[&self.score, member.bytes], 1) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Puts fields of a hash back, with their values.
struct PutFieldsBack<'f> {
    /// Those that are still to come, in the order of the visit.
    stale: &'f [Stale],
    file: &'f mut CommandFile,
    pending: &'f mut Pending,
    clock: Clock,
    /// Those that have an expiry of their own, and when.
    expiring: Vec<(Vec<u8>, i64)>,
    error: Option<io::Error>,
}

impl Visitor for PutFieldsBack<'_> {
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let Some((next, rest)) = self.stale.split_first() else { return ControlFlow::Break(()) };
        if next.place != field.at {
            return ControlFlow::Continue(());
        }
        self.stale = rest;
        if let Expires::At(ms) = self.clock.expires(expire_ms) {
            self.expiring.push((field.bytes.to_vec(), ms));
        }
        match self.file.push(self.pending, &[field.bytes, value.bytes], 1) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Deleted keys and what makes them again, by task, as far as that could be made ahead.
type Round<'d> = (&'d [Deletion], Vec<Result<Option<CommandFile<Ahead>>, Error>>);

/// Members between two looks whether to stop.
const MEMBERS: usize = 1 << 16;

/// Deleted keys that are made again in one go (there are two rounds at a time), …
const ROUND: usize = 1024;
/// … in tasks of so many, …
const TASK: usize = 32;
/// … ahead of their turn only if the values of a task, and its commands, have no more bytes than this.
const AHEAD: usize = 1 << 20;

/// Commands made ahead, to be written in their turn: so many bytes, and no more.
#[derive(Debug, Default)]
struct Ahead(Vec<u8>);

impl Sink for Ahead {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > AHEAD - self.0.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// The commands of one task, unless they are too many to hold.
fn make_ahead(
    d: &Difference<'_>,
    (caps, by_slot): (Caps, bool),
    task: &[Deletion],
) -> Result<Option<CommandFile<Ahead>>, Error> {
    let mut records = Vec::with_capacity(task.len());
    let mut bytes = 0_usize;
    for (at, deletion) in task.iter().enumerate() {
        load_ahead(d, task, at);
        // All threads make ahead at once: what is large in the dump must not be expanded by more than one.
        bytes = bytes.saturating_add(deletion.bytes as usize);
        if bytes > AHEAD {
            return Ok(None);
        }
        records.push(deleted(d, deletion)?);
    }
    let mut file = CommandFile::new(Ahead::default(), caps).by_slot(by_slot);
    let (mut scratch, mut room) = (Vec::new(), Room::default());
    for (deletion, record) in task.iter().zip(&records) {
        let key = d.dump.key(deletion.start, &mut scratch)?;
        match recreate(&mut file, d.dump.header, d.clock, key, record, &mut room) {
            Ok(()) => {}
            // Nothing else can happen to memory.
            Err(recreate::Error::Io(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(file))
}

/// The commands of one task, straight into the file.
fn make(d: &Difference<'_>, watch: &dyn Watch, file: &mut CommandFile, task: &[Deletion]) -> Result<(), Error> {
    let (mut scratch, mut room) = (Vec::new(), Room::default());
    for deletion in task {
        // What is longer than is read ahead would be waited for page by page.
        let large = deletion.bytes as usize > AHEAD;
        if large {
            watch.reads(Order::FrontToBack);
        }
        let record = deleted(d, deletion)?;
        let key = d.dump.key(deletion.start, &mut scratch)?;
        recreate(file, d.dump.header, d.clock, key, &record, &mut room)?;
        if large {
            watch.reads(Order::Jumps);
        }
    }
    Ok(())
}

/// A deleted key. Where its value ends is only searched for where all its bytes are needed as they are.
fn deleted<'a>(d: &Difference<'a>, deletion: &Deletion) -> Result<Record<'a>, Error> {
    let record = d.open_record(deletion.start)?;
    match record.value.ty.kind() {
        Kind::Stream | Kind::Array | Kind::Module => Ok(d.record(deletion.start)?),
        Kind::String | Kind::List | Kind::Set | Kind::Zset | Kind::Hash => Ok(record),
    }
}

fn index_db(d: &Difference<'_>, rank: u32) -> u64 {
    d.spec.indexes[d.keys.index(rank)].db
}
