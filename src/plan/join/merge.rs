//! The files of all shards as those of one plan: what each shard has in order is put in order with that of the others,
//! and nothing is kept but what comes next of each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::commands::{self, Command};
use super::error::Error;
use super::pieces::Pieces;
use super::read::Part;
use super::rows::{Indexes, Row, Rows};
use crate::bundle::Output;
use crate::bundle::manifest::{APPLY, CHANGES, Caps, FileId, ROLLBACK, Reply};
use crate::dump::slots::slot_of;
use crate::plan::changes::HEAD;
use crate::plan::command::{CommandFile, Pending, Written};
use crate::plan::error::writing;
use crate::progress::Watch;
use crate::text::display;

/// Where a command or a key goes in a phase: its slot, its name; and the shard that it is of.
type Place = Reverse<(u16, Vec<u8>, usize)>;

/// The commands of one file of all shards.
pub struct Merge<'p> {
    parts: &'p [Part],
    files: Vec<Pieces>,
    /// The replies that are still to come.
    replies: Vec<std::vec::IntoIter<Reply>>,
    /// By shard, how many commands each phase has.
    phases: Vec<[u64; 3]>,
    out: CommandFile,
    name: &'static str,
    watch: &'p dyn Watch,
}

/// The lines that delete keys, beside the commands that do.
pub struct Deletions {
    /// By index, the commands that are counted with it.
    pub unlinks: Vec<Written>,
}

impl<'p> Merge<'p> {
    /// Of `apply.resp`, or of `rollback.resp`; each part has its replies taken out.
    pub fn new(
        (parts, name): (&'p [Part], &'static str),
        replies: Vec<Vec<Reply>>,
        (out, caps): (Output, Caps),
        watch: &'p dyn Watch,
    ) -> Self {
        let way = usize::from(name == ROLLBACK);
        let phases = parts.iter().map(|part| part.figures.phases.get(way).copied().unwrap_or_default()).collect();
        Self {
            parts,
            files: parts.iter().map(|part| open(part, name)).collect(),
            replies: replies.into_iter().map(Vec::into_iter).collect(),
            phases,
            out: CommandFile::new(out, caps),
            name,
            watch,
        }
    }

    /// The next command of a shard in this phase, or none if the phase has no more of it.
    fn next(&mut self, part: usize, phase: usize) -> Result<Option<Command>, Error> {
        let left = self.phases.get_mut(part).and_then(|phases| phases.get_mut(phase));
        let (Some(left), Some(file)) = (left, self.files.get_mut(part)) else { return Ok(None) };
        if *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        let Some(command) = commands::next(file)? else { return Err(self.damaged(part, "it has too few commands")) };
        // Of each way the edits come in phases; which commands make a key again is nobody's business here.
        if self.name == APPLY && command.is_unlink() != (phase == 0) {
            return Err(self.damaged(part, "a command in it is not in its phase"));
        }
        self.watch.add(command.bytes.len() as u64);
        Ok(Some(command))
    }

    fn damaged(&self, part: usize, what: &str) -> Error {
        let folder = self.parts.get(part).map(|part| part.folder.join(self.name)).unwrap_or_default();
        Error::Damaged { path: folder, what: what.to_owned() }
    }

    fn stopped(&self) -> Result<(), Error> {
        if self.watch.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Puts the deletions of `apply.resp` in order key by key, into as few commands as one plan has, and with each its line.
    pub fn deletions(&mut self, changes: &mut Changes<'_>, indexes: usize) -> Result<Deletions, Error> {
        let writing = writing(APPLY);
        let mut unlinks = vec![Written::default(); indexes];
        let mut keys: Vec<std::vec::IntoIter<Vec<u8>>> = self.parts.iter().map(|_| Vec::new().into_iter()).collect();
        let mut heap: BinaryHeap<Place> = BinaryHeap::new();
        for part in 0..self.parts.len() {
            heap.extend(self.next_key(part, &mut keys, None)?);
        }
        let mut pending = Pending::default();
        // A command is counted with the index of its first key.
        let (mut first, mut slot, mut counted) = (None::<usize>, 0, Written::default());
        let mut count = |index: Option<usize>, written: Written| {
            let of = index.and_then(|index| unlinks.get_mut(index));
            of.into_iter().for_each(|of| of.add(written));
        };
        let mut before: Option<(Vec<u8>, usize)> = None;
        while let Some(Reverse((of, key, part))) = heap.pop() {
            self.stopped()?;
            if let Some((_, other)) = before.as_ref().filter(|(before, _)| *before == key) {
                return Err(self.key_twice(&key, *other, part));
            }
            let index = changes.deletion(part, &key)?;
            if first.is_none() || of != slot {
                if let Some(index) = first {
                    let mut written = self.out.end(&mut pending).map_err(&writing)?;
                    written.commands -= counted.commands;
                    written.bytes -= counted.bytes;
                    count(Some(index), written);
                }
                self.out.begin(&mut pending, "UNLINK", None);
                (first, slot, counted) = (Some(index), of, Written::default());
            }
            let written = self.out.push(&mut pending, &[&key], 1).map_err(&writing)?;
            if written.commands > 0 {
                count(first, written);
                counted.add(written);
                first = Some(index);
            }
            heap.extend(self.next_key(part, &mut keys, Some((of, &key)))?);
            before = Some((key, part));
        }
        if let Some(index) = first {
            let mut written = self.out.end(&mut pending).map_err(&writing)?;
            written.commands -= counted.commands;
            written.bytes -= counted.bytes;
            count(Some(index), written);
        }
        // Theirs are counted in commands that are none any more.
        for (replies, part) in self.replies.iter_mut().zip(self.parts) {
            let commands = usize::try_from(part.figures.phases[0][0]).unwrap_or(usize::MAX);
            replies.by_ref().take(commands).for_each(drop);
        }
        Ok(Deletions { unlinks })
    }

    /// The next key of a shard that is deleted.
    fn next_key(
        &mut self,
        part: usize,
        keys: &mut [std::vec::IntoIter<Vec<u8>>],
        before: Option<(u16, &[u8])>,
    ) -> Result<Option<Place>, Error> {
        let Some(of_part) = keys.get_mut(part) else { return Ok(None) };
        let key = match of_part.next() {
            Some(key) => key,
            None => match self.next(part, 0)? {
                None => return Ok(None),
                Some(command) => {
                    *of_part = command.keys.into_iter();
                    of_part.next().unwrap_or_default()
                }
            },
        };
        let slot = slot_of(&key);
        if before.is_some_and(|before| (slot, &key[..]) <= before) {
            return Err(self.damaged(part, "its commands are not in the order of slots and keys"));
        }
        Ok(Some(Reverse((slot, key, part))))
    }

    fn key_twice(&self, key: &[u8], one: usize, other: usize) -> Error {
        let folder = |part: usize| self.parts.get(part).map(|part| part.folder.clone()).unwrap_or_default();
        Error::KeyTwice { key: display(key), path: folder(one), other: folder(other) }
    }

    /// Puts the commands of a phase in order as they are.
    pub fn phase(&mut self, phase: usize) -> Result<(), Error> {
        let writing = writing(self.name);
        let mut waiting: Vec<Option<Command>> = Vec::with_capacity(self.parts.len());
        let mut heap: BinaryHeap<Place> = BinaryHeap::new();
        for part in 0..self.parts.len() {
            let command = self.next(part, phase)?;
            heap.extend(command.as_ref().map(|command| Reverse((slot_of(&command.key), command.key.clone(), part))));
            waiting.push(command);
        }
        while let Some(Reverse((slot, key, part))) = heap.pop() {
            self.stopped()?;
            let reply = self.replies.get_mut(part).and_then(Iterator::next);
            let (Some(command), Some(reply)) = (waiting.get_mut(part).and_then(Option::take), reply) else {
                return Err(self.damaged(part, "it has more commands than replies"));
            };
            self.out.encoded(&command.bytes, reply).map_err(&writing)?;
            let next = self.next(part, phase)?;
            if let Some(next) = &next {
                let place = (slot_of(&next.key), next.key.clone());
                if (place.0, &place.1) < (slot, &key) {
                    return Err(self.damaged(part, "its commands are not in the order of slots and keys"));
                }
                heap.push(Reverse((place.0, place.1, part)));
            }
            if let Some(room) = waiting.get_mut(part) {
                *room = next;
            }
        }
        Ok(())
    }

    /// Closes the file, once all were read to their ends: what it is, the replies, the lengths, and how many commands are
    /// longer than the cap.
    pub fn finish(self) -> Result<(FileId, Vec<Reply>, Vec<u64>, u64), Error> {
        for file in self.files {
            file.end()?;
        }
        let oversize = self.out.oversize;
        let (file, replies, lengths) = self.out.close().map_err(writing(self.name))?;
        Ok((file, replies, lengths, oversize))
    }
}

/// A file of the bundle of a shard.
fn open(part: &Part, name: &str) -> Pieces {
    let id = part.manifest.files.get(name).cloned().unwrap_or_default();
    Pieces::new(part.folder.join(name), id)
}

/// The lines of `changes.csv` of all shards.
pub struct Changes<'p> {
    rows: Vec<Rows<'p>>,
    /// The next line of each.
    next: Vec<Option<Row>>,
    out: Output,
    watch: &'p dyn Watch,
}

impl<'p> Changes<'p> {
    /// Before the first line of each.
    pub fn new(parts: &[Part], indexes: &'p Indexes, mut out: Output, watch: &'p dyn Watch) -> Result<Self, Error> {
        out.write(HEAD).map_err(writing(CHANGES))?;
        let mut rows = Vec::with_capacity(parts.len());
        let mut next = Vec::with_capacity(parts.len());
        for part in parts {
            let mut of_part = Rows::new(open(part, CHANGES), indexes)?;
            next.push(of_part.next()?);
            rows.push(of_part);
        }
        Ok(Self { rows, next, out, watch })
    }

    /// Writes the next line of a shard, and reads the one behind it.
    fn write(&mut self, part: usize) -> Result<Option<Row>, Error> {
        let (Some(next), Some(rows)) = (self.next.get_mut(part), self.rows.get_mut(part)) else { return Ok(None) };
        let Some(row) = next.take() else { return Ok(None) };
        *next = rows.next()?;
        if next.as_ref().is_some_and(|next| next.phase < row.phase) {
            return Err(rows.damaged("its lines are not in the order of a plan"));
        }
        self.out.write(&row.line).map_err(writing(CHANGES))?;
        self.watch.add(row.line.len() as u64);
        Ok(Some(row))
    }

    /// Writes the line of this deletion, which must be the next one of its shard; tells its index.
    pub fn deletion(&mut self, part: usize, key: &[u8]) -> Result<usize, Error> {
        match self.write(part)? {
            Some(row) if row.phase == 0 && row.key == key => Ok(row.index),
            _ => Err(self.damaged(part)),
        }
    }

    fn damaged(&self, part: usize) -> Error {
        match self.rows.get(part) {
            Some(rows) => rows.damaged("its lines are not about the commands of apply.resp"),
            None => Error::Nothing,
        }
    }

    /// Writes all other lines: what is added in the order of the indexes and their keys, and what is taken out in the order
    /// of the indexes and the shards.
    pub fn rest(&mut self) -> Result<(), Error> {
        for phase in [1, 2] {
            let place = |part: usize, next: &Option<Row>| {
                let row = next.as_ref().filter(|row| row.phase == phase)?;
                let key = if phase == 1 { row.key.clone() } else { Vec::new() };
                Some(Reverse((phase == 1 && row.is_scored, row.index, key, part)))
            };
            let mut heap: BinaryHeap<_> =
                self.next.iter().enumerate().filter_map(|(part, row)| place(part, row)).collect();
            while let Some(Reverse((.., part))) = heap.pop() {
                if self.watch.stopped() {
                    return Err(Error::Interrupted);
                }
                self.write(part)?;
                heap.extend(self.next.get(part).and_then(|next| place(part, next)));
            }
        }
        match self.next.iter().position(Option::is_some) {
            Some(part) => Err(self.damaged(part)),
            None => Ok(()),
        }
    }

    /// Closes the file, once all were read to their ends.
    pub fn finish(self) -> Result<FileId, Error> {
        for rows in self.rows {
            rows.end()?;
        }
        Ok(self.out.finish().map_err(writing(CHANGES))?)
    }
}
