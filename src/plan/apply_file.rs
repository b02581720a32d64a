//! `apply.resp` and `changes.csv`: the repair, each edit with its reason.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::by_slot;
use super::changes::{ADD, CHANGE, Changes, DELETE, REMOVE, RESCORE, Rows, Waiting};
use super::command::{CommandFile, Pending, Written};
use super::cost::Sums;
use super::edits::by_key;
use super::error::{Error, writing};
use super::readahead::{load_ahead, read_ahead};
use super::summary::{Digest, Edit};
use crate::bundle::manifest::{APPLY, Bytes, CHANGES, Counts, Reply, Touched};
use crate::dump::rdb::{self, Kind, Resolver, TypeName};
use crate::index::{DeleteReason, Deletion, Difference, Edits, Entry, Membership, Present, Reason, Stale};
use crate::model::derive::write_score;
use crate::model::spec::IndexType;
use crate::model::view::Expires;
use crate::progress::Watch;
use crate::text;

/// Writes the repair, and counts it.
pub struct Apply<'d, 'a> {
    d: &'d Difference<'a>,
    watch: &'d dyn Watch,
    rebuilt: &'d HashSet<u32>,
    pub file: CommandFile,
    /// By index.
    pub counts: Vec<Counts>,
    /// By index, the commands among those that delete keys.
    pub unlinks: Vec<Written>,
    /// All indexes, and the `SELECT`s, which belong to none.
    pub total: Counts,
    pub lower_bound: u64,
    pub touched: Vec<Touched>,
    pub digest: Digest,
    /// What its price depends on.
    pub sums: Sums,
    /// Lists so long that it takes a while to take elements out: the name, how many elements, and how many commands.
    pub long_lists: Vec<(Vec<u8>, u64, u64)>,
    /// Keys that are edited in place, by their position in `touched` and among the keys that are there.
    pub in_place: Vec<(usize, u32)>,
}

impl<'d, 'a> Apply<'d, 'a> {
    /// Nothing is written yet. `rebuilt` is what [`super::edits::rebuilt`] gives.
    pub fn new(d: &'d Difference<'a>, watch: &'d dyn Watch, rebuilt: &'d HashSet<u32>, file: CommandFile) -> Self {
        Self {
            d,
            watch,
            rebuilt,
            file,
            counts: vec![Counts::default(); d.spec.indexes.len()],
            unlinks: vec![Written::default(); d.spec.indexes.len()],
            total: Counts::default(),
            lower_bound: 0,
            touched: Vec::new(),
            digest: Digest::new(d.spec.indexes.len()),
            sums: Sums::new(d),
            long_lists: Vec::new(),
            in_place: Vec::new(),
        }
    }

    /// Deletions, then additions, then removals. Databases are gone through forth, back and forth again, so that few
    /// `SELECT`s are needed.
    pub fn write(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let mut dbs: Vec<u64> = self.d.spec.indexes.iter().map(|index| index.db).collect();
        dbs.sort_unstable();
        dbs.dedup();
        for &db in &dbs {
            self.deletions(db, changes)?;
        }
        self.file.phase();
        for &db in dbs.iter().rev() {
            self.additions(db, &self.d.sets, changes)?;
            self.additions(db, &self.d.zsets, changes)?;
        }
        self.file.phase();
        for &db in &dbs {
            self.removals(db, changes)?;
        }
        Ok(())
    }

    /// How many keys are deleted for their type and built anew.
    pub fn rebuilt(&self) -> usize {
        self.rebuilt.len()
    }

    fn db(&self, index: usize) -> u64 {
        self.d.spec.indexes[index].db
    }

    fn name(&self, index: usize) -> &'d str {
        &self.d.spec.indexes[index].name
    }

    fn select(&mut self, db: u64) -> Result<(), Error> {
        let written = self.file.select(db).map_err(writing(APPLY))?;
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
        if self.watch.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn deletions(&mut self, db: u64, changes: &mut Changes) -> Result<(), Error> {
        let d = self.d;
        let mut pending = Pending::default();
        let mut scratch = Vec::new();
        // A command may delete keys of several indexes; it is counted with the index of its first key.
        let mut first = None;
        let mut counted = Written::default();
        let in_order = match self.file.is_by_slot() {
            true => Cow::Owned(by_slot::deletions(d)?),
            false => Cow::Borrowed(&d.deletions[..]),
        };
        let same_index = in_order.chunk_by(|a, b| a.index == b.index).flat_map(|same| same.chunks(TASK));
        for some in same_index {
            let Some(index) = some.first().map(|deletion| deletion.index as usize) else { continue };
            if self.db(index) != db {
                continue;
            }
            read_ahead(self.watch, some, false);
            let (mut rows, mut waiting) = (Rows::new((index, self.name(index))), Waiting::default());
            for (at, deletion) in some.iter().enumerate() {
                load_ahead(d, some, at);
                let record = d.open_record(deletion.start)?;
                let key = d.dump.key(deletion.start, &mut scratch)?;
                if first.is_none() {
                    self.interrupted()?;
                    self.select(db)?;
                    self.file.begin(&mut pending, "UNLINK", None);
                    first = Some(index);
                }
                let written = self.file.push(&mut pending, &[key], 1).map_err(writing(APPLY))?;
                if written.commands > 0 {
                    self.count(first.unwrap_or(index), written);
                    self.unlinks[first.unwrap_or(index)].add(written);
                    counted.add(written);
                    first = Some(index);
                }
                for counts in [&mut self.counts[index], &mut self.total] {
                    counts.deleted_keys += 1;
                }
                rows.key(key);
                rows.add(DELETE, None, &why_deleted(d, deletion, &record), &waiting).map_err(writing(CHANGES))?;
                if waiting.enough() {
                    let full = std::mem::replace(&mut rows, Rows::new((index, self.name(index))));
                    changes.append(full).map_err(writing(CHANGES))?;
                    waiting = Waiting::default();
                }
                let key = key.to_vec();
                self.touch(db, key, Some(&record))?;
                if let Some(touched) = self.touched.last() {
                    self.digest.deletion(d, deletion, &record, &touched.key.0, touched.elements);
                    let deleted = (record.value.ty.kind(), touched.elements, record.expire_ms.is_some());
                    self.sums.deletion(index, deleted, self.file.caps());
                }
                self.watch.add(1);
                self.interrupted()?;
            }
            changes.append(rows).map_err(writing(CHANGES))?;
        }
        if let Some(index) = first {
            let mut written = self.file.end(&mut pending).map_err(writing(APPLY))?;
            written.commands -= counted.commands;
            written.bytes -= counted.bytes;
            self.count(index, written);
            self.unlinks[index].add(written);
        }
        Ok(())
    }

    fn touch(&mut self, db: u64, key: Vec<u8>, record: Option<&rdb::Record<'_>>) -> Result<(), Error> {
        let mut touched =
            Touched { db, key: Bytes(key), kind: "none".into(), elements: 0, expire_at_ms: None, others: None };
        if let Some(record) = record {
            touched.kind = match record.value.type_name() {
                TypeName::Kind(kind) => kind.name().into(),
                module => module.to_string().into(),
            };
            touched.elements = record.value.elements()?;
            if let Expires::At(ms) = self.d.clock.expires(record.expire_ms) {
                touched.expire_at_ms = Some(ms);
            }
        }
        self.touched.push(touched);
        Ok(())
    }

    fn additions<M: Membership>(&mut self, db: u64, edits: &'d Edits<M>, changes: &mut Changes) -> Result<(), Error> {
        let d = self.d;
        let there: HashMap<u32, (u32, &Present)> =
            (0..).zip(&d.present).filter_map(|(at, key)| Some((key.rank?, (at, key)))).collect();
        let mut scratch = Vec::new();
        let mut score = Vec::new();
        let mut pending = Pending::default();
        by_key(edits, d, |rank, members| {
            let index = d.keys.index(rank);
            if self.db(index) != db {
                return Ok(());
            }
            self.select(db)?;
            let key = d.keys.name(rank);
            let kind = d.spec.indexes[index].kind;
            let is_scored = matches!(kind, IndexType::Zset | IndexType::Hash | IndexType::String);
            let verb = match kind {
                IndexType::Zset => "ZADD",
                IndexType::Hash => "HSET",
                IndexType::String => "SET",
                _ => "SADD",
            };
            self.file.begin(&mut pending, verb, Some(key));
            let (mut set, mut made) = (Written::default(), Written::default());
            let (mut size, mut edit) = (0_u64, Edit::Rescore);
            let old = |entry: &Entry| d.rescored.get(&(entry.key, entry.source)).copied().filter(|_| is_scored);
            let name = self.name(index);
            let rows = |members: &[M], waiting: &Waiting| {
                let mut rows = Rows::new((index, name));
                rows.key(key);
                let mut scratch = Vec::new();
                for member in members {
                    let bytes = d.member(member.entry(), &mut scratch)?;
                    let rescored = old(member.entry()).is_some();
                    let (edit, reason) = match (rescored, kind) {
                        (false, _) => (ADD, "record not indexed"),
                        (true, IndexType::Hash | IndexType::String) => (CHANGE, "value differs"),
                        (true, _) => (RESCORE, "score differs"),
                    };
                    // Of a pointer the text is what is added.
                    let bytes = if kind == IndexType::String { d.value(member) } else { bytes };
                    rows.add(edit, Some(bytes), reason, waiting).map_err(writing(CHANGES))?;
                    if waiting.enough() {
                        break;
                    }
                }
                Ok(rows)
            };
            self.in_rounds(changes, members.copied(), rows, |apply, members| {
                for member in members {
                    let bytes = d.member(member.entry(), &mut scratch)?;
                    let old = old(member.entry());
                    let rescored = old.is_some();
                    size += 1;
                    if !rescored {
                        edit = Edit::Add;
                    }
                    let scores = old.filter(|_| kind == IndexType::Zset).map(|old| (old, member.score()));
                    let rule = (index, &d.spec.indexes[index]);
                    apply.digest.addition(d, rule, key, (member.entry().source, bytes), scores);
                    let counts = i64::from(!rescored);
                    match kind {
                        IndexType::Zset => {
                            score.clear();
                            write_score(member.score(), &mut score);
                            apply.file.push(&mut pending, &[&score, bytes], counts).map_err(writing(APPLY))?;
                        }
                        IndexType::Hash => {
                            apply.file.push(&mut pending, &[bytes, d.value(member)], counts).map_err(writing(APPLY))?;
                        }
                        IndexType::String => {
                            let old = match there.get(&rank).filter(|_| rescored) {
                                Some((_, present)) => Some(string(d, present)?),
                                None => None,
                            };
                            set.add(pointer(&mut apply.file, key, d.value(member), old).map_err(writing(APPLY))?);
                        }
                        _ => {
                            apply.file.push(&mut pending, &[bytes], counts).map_err(writing(APPLY))?;
                        }
                    }
                    apply.counts[index].added_members += 1;
                    apply.total.added_members += 1;
                }
                Ok(())
            })?;
            made.add(self.file.end(&mut pending).map_err(writing(APPLY))?);
            made.add(set);
            let written = made;
            self.count(index, written);
            let is_present = there.contains_key(&rank) && !self.rebuilt.contains(&rank);
            self.sums.addition(index, written.commands, size, is_present);
            self.digest.edited(index, edit, key, size, there.get(&rank).map(|(_, present)| *present));
            if self.rebuilt.contains(&rank) {
                return Ok(());
            }
            // A key that also loses members is noted once, with those.
            match there.get(&rank) {
                Some((_, present)) if present.stale > 0 && !present.frozen => Ok(()),
                Some((at, present)) => {
                    let record = d.open_record(present.start)?;
                    self.in_place.push((self.touched.len(), *at));
                    self.touch(db, key.to_vec(), Some(&record))
                }
                None => self.touch(db, key.to_vec(), None),
            }
        })
    }

    fn removals(&mut self, db: u64, changes: &mut Changes) -> Result<(), Error> {
        let d = self.d;
        let mut resolver = Resolver::new(d.dump.file, d.dump.header.flavor);
        let (mut out, mut scratch, mut pending) = (Vec::new(), Vec::new(), Pending::default());
        for stale in d.stale.chunk_by(|a, b| a.key == b.key) {
            let Some(present) = stale.first().map(|first| d.present[first.key as usize]) else { continue };
            let index = present.index as usize;
            if self.db(index) != db {
                continue;
            }
            self.select(db)?;
            let record = d.open_record(present.start)?;
            let key = d.dump.key(present.start, &mut scratch)?;
            let verb = match record.value.ty.kind() {
                Kind::Zset => "ZREM",
                Kind::Hash => "HDEL",
                Kind::List => "LREM",
                _ => "SREM",
            };
            // An element of a list goes wherever it stands, by a command of its own.
            let mut elements = (verb == "LREM").then(Distinct::default);
            self.file.begin(&mut pending, verb, Some(key));
            let name = self.name(index);
            let rows = |stale: &[Stale], waiting: &Waiting| {
                let mut rows = Rows::new((index, name));
                rows.key(key);
                let mut resolver = Resolver::new(d.dump.file, d.dump.header.flavor);
                let mut out = Vec::new();
                for member in stale {
                    let bytes = resolver.resolve(member.place, record.value.ty, &mut out)?;
                    rows.add(REMOVE, Some(bytes), &why_removed(d, index, member), waiting).map_err(writing(CHANGES))?;
                    if waiting.enough() {
                        break;
                    }
                }
                Ok(rows)
            };
            self.in_rounds(changes, stale.iter().copied(), rows, |apply, stale| {
                for member in stale {
                    let bytes = resolver.resolve(member.place, record.value.ty, &mut out)?;
                    match &mut elements {
                        Some(elements) => elements.add(bytes),
                        None => {
                            apply.file.push(&mut pending, &[bytes], 1).map_err(writing(APPLY))?;
                        }
                    }
                    apply.digest.removal(d, (index, &d.spec.indexes[index]), key, (member.reason(), bytes));
                }
                Ok(())
            })?;
            let mut written = self.file.end(&mut pending).map_err(writing(APPLY))?;
            if let Some(elements) = &elements {
                let length = record.value.elements()?;
                if length > LONG_LIST {
                    self.long_lists.push((key.to_vec(), length, elements.counts.len() as u64));
                }
            }
            for (element, count) in elements.iter().flat_map(Distinct::all) {
                let command: [&[u8]; 4] = [b"LREM", key, b"0", element];
                written.add(self.file.single(&command, Reply::Integer(count)).map_err(writing(APPLY))?);
            }
            self.count(index, written);
            for counts in [&mut self.counts[index], &mut self.total] {
                counts.removed_members += stale.len() as u64;
            }
            self.sums.removal(index, written.commands, stale.len() as u64);
            self.digest.edited(index, Edit::Remove, key, stale.len() as u64, Some(&present));
            let key = key.to_vec();
            self.in_place.extend(stale.first().map(|first| (self.touched.len(), first.key)));
            self.touch(db, key, Some(&record))?;
        }
        Ok(())
    }

    /// Writes the edits of one key, some at a time: their commands in order, meanwhile the lines of those before, and
    /// meanwhile all other threads make their lines. `rows` makes those of the first edits it is given, of one at least.
    fn in_rounds<T: Send + Sync>(
        &mut self,
        changes: &mut Changes,
        mut edits: impl Iterator<Item = T>,
        rows: impl Fn(&[T], &Waiting) -> Result<Rows<'d>, Error> + Sync,
        mut commands: impl FnMut(&mut Self, &[T]) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut append = |(round, made): (Vec<T>, Vec<Option<Rows<'d>>>)| {
            for (task, mut made) in round.chunks(TASK).zip(made) {
                let mut rest = task;
                while !rest.is_empty() {
                    let some = made.take().map_or_else(|| rows(rest, &Waiting::default()), Ok)?;
                    rest = rest.get(some.len..).unwrap_or_default();
                    changes.append(some).map_err(writing(CHANGES))?;
                }
            }
            Ok(())
        };
        let mut earlier = Default::default();
        loop {
            self.interrupted()?;
            let round: Vec<T> = edits.by_ref().take(ROUND).collect();
            if round.is_empty() {
                return append(earlier);
            }
            let waiting = Waiting::default();
            let make = |task| if waiting.enough() { Ok(None) } else { rows(task, &waiting).map(Some) };
            let (written, made) = if round.len() <= TASK {
                let written = append(earlier).and_then(|()| commands(self, &round));
                (written, make(&round).map(|rows| vec![rows]))
            } else {
                let write = || rayon::join(|| append(earlier), || commands(self, &round));
                let ((appended, written), made) = rayon::join(write, || round.par_chunks(TASK).map(make).collect());
                (appended.and(written), made)
            };
            written?;
            self.watch.add(round.len() as u64);
            earlier = (round, made?);
        }
    }
}

/// The text of a string of the dump.
pub fn string(d: &Difference<'_>, present: &Present) -> Result<Vec<u8>, rdb::Error> {
    let value = d.open_record(present.start)?.value;
    let raw = rdb::string_at(value.bytes, 0)?;
    let mut room = Vec::new();
    let text = raw.decode(&mut room).map_err(|kind| rdb::Error::in_string(value.offset as u64, kind))?;
    Ok(text.to_vec())
}

/// Makes a pointer, or changes it from what it was: its expiry stays.
pub fn pointer(file: &mut CommandFile, key: &[u8], text: &[u8], old: Option<Vec<u8>>) -> std::io::Result<Written> {
    match old {
        None => file.single(&[b"SET", key, text, b"NX"], Reply::Status("OK".into())),
        Some(old) => file.single(&[b"SET", key, text, b"XX", b"KEEPTTL", b"GET"], Reply::Bulk(Bytes(old))),
    }
}

/// A list of more elements is named with the time that it takes.
const LONG_LIST: u64 = 100_000;

/// Elements of a list, each once, in the order in which they first stand there.
#[derive(Debug, Default)]
struct Distinct {
    places: HashMap<Vec<u8>, usize>,
    counts: Vec<i64>,
}

impl Distinct {
    fn add(&mut self, element: &[u8]) {
        match self.places.get(element) {
            Some(at) => self.counts[*at] += 1,
            None => {
                self.places.insert(element.to_vec(), self.counts.len());
                self.counts.push(1);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (&[u8], i64)> {
        let mut all: Vec<(&[u8], usize)> = self.places.iter().map(|(element, at)| (element.as_slice(), *at)).collect();
        all.sort_unstable_by_key(|(_, at)| *at);
        all.into_iter().map(|(element, at)| (element, self.counts[at]))
    }
}

/// Edits of one key that are written in one go, …
const ROUND: usize = 1 << 16;
/// … and of which one thread makes so many lines of `changes.csv` before it looks for more.
const TASK: usize = 1 << 12;

fn why_deleted(d: &Difference<'_>, deletion: &Deletion, record: &rdb::Record<'_>) -> Cow<'static, str> {
    match deletion.reason {
        DeleteReason::Retired => "family retired".into(),
        DeleteReason::WrongType => format!("wrong type {}", record.value.type_name()).into(),
        DeleteReason::NotImplied => "no record belongs here".into(),
        DeleteReason::Disputed => "records disagree on the scores".into(),
        DeleteReason::Orphaned => missing_requirement(d, deletion.index as usize).into(),
        DeleteReason::NamedKeysGone => {
            let index = &d.spec.indexes[deletion.index as usize];
            let single = matches!(index.kind, IndexType::Any | IndexType::String);
            if single { "named key is gone".into() } else { "every named key is gone".into() }
        }
    }
}

fn why_removed(d: &Difference<'_>, index: usize, stale: &Stale) -> Cow<'static, str> {
    match stale.reason() {
        Reason::NotImplied => "no record implies it".into(),
        Reason::RecordMissing => "record missing".into(),
        Reason::ImpliesNothing => "record implies no entry".into(),
        Reason::Orphan => missing_requirement(d, index).into(),
        Reason::NamedKeyGone => "named key is gone".into(),
        Reason::MovedTo(rank) => format!("record now belongs to {}", text::name(d.keys.name(rank))).into(),
    }
}

/// Why records of an index are orphans.
fn missing_requirement(d: &Difference<'_>, index: usize) -> String {
    let index = &d.spec.indexes[index];
    let names: Vec<&str> = index.require.iter().map(|require| d.spec.records[require.record].name.as_str()).collect();
    format!("no such {}", names.join(" or "))
}
