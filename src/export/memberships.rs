//! The table of memberships.

use std::ops::ControlFlow;

use super::Filter;
use super::cell::Cell;
use super::column::{Column, Holds};
use super::halt::Halt;
use super::rows::{Outlet, Rows};
use super::which::Which;
use crate::dump::rdb::Record;
use crate::index::{Absent, Listed, Memberships, Missing, Reader, State};
use crate::model::spec::Spec;

pub(super) const COLUMNS: &[Column] = &[
    Column::new("index", Holds::Repeated),
    Column::new("key", Holds::Repeated),
    Column::new("member", Holds::Bytes),
    Column::new("state", Holds::Word),
];

/// Index keys that are one job.
const KEYS: usize = 64;
/// Memberships that are one job, where they are in no key.
const ABSENT: usize = 4096;

/// Index keys of the dump as jobs: some whole ones, or one piece of a large one.
#[derive(Debug)]
pub(super) enum Job<'k> {
    Keys(&'k [Listed]),
    Piece(&'k Listed, usize),
}

/// Cuts the index keys into jobs, which do not depend on the number of threads.
pub(super) struct Jobs<'k, 'a> {
    table: &'k Memberships<'a>,
    rest: &'k [Listed],
    /// The pieces of the key before `rest` that are left.
    pieces: Option<(&'k Listed, std::ops::Range<usize>)>,
}

impl<'k, 'a> Jobs<'k, 'a> {
    pub fn new(table: &'k Memberships<'a>) -> Self {
        Self { table, rest: table.keys(), pieces: None }
    }

    pub fn next(&mut self) -> Option<Job<'k>> {
        if let Some((key, pieces)) = &mut self.pieces
            && let Some(piece) = pieces.next()
        {
            return Some(Job::Piece(key, piece));
        }
        self.pieces = None;
        let whole = |key: &Listed| self.table.in_pieces(key).is_none();
        let count = self.rest.iter().take(KEYS).take_while(|key| whole(key)).count();
        if count > 0 {
            let (keys, rest) = self.rest.split_at_checked(count)?;
            self.rest = rest;
            return Some(Job::Keys(keys));
        }
        let (key, rest) = self.rest.split_first()?;
        self.rest = rest;
        let pieces = self.table.in_pieces(key).map_or(1, |record| record.value.pieces());
        self.pieces = Some((key, 0..pieces));
        self.next()
    }
}

/// What one thread needs to make rows of index keys.
pub(super) struct Keys<'k, 'a> {
    table: &'k Memberships<'a>,
    spec: &'k Spec,
    filter: &'k Filter,
    reader: Reader,
    name: Vec<u8>,
}

impl<'k, 'a> Keys<'k, 'a> {
    pub fn new(table: &'k Memberships<'a>, spec: &'k Spec, filter: &'k Filter) -> Self {
        Self { table, spec, filter, reader: Reader::default(), name: Vec::new() }
    }

    /// All rows of a job; the bytes of the dump that were read for it.
    pub fn rows(&mut self, job: &Job<'_>, rows: &mut Rows, outlet: &Outlet<'_>) -> Result<u64, Halt> {
        match job {
            Job::Keys(keys) => {
                let mut bytes = 0_u64;
                for key in *keys {
                    if !self.keeps(key)? {
                        continue;
                    }
                    let record = self.table.record(key).map_err(Halt::Dump)?;
                    bytes = bytes.saturating_add(size(&record));
                    for piece in 0..record.value.pieces().max(1) {
                        self.piece(key, &record, piece, rows, outlet)?;
                    }
                }
                Ok(bytes)
            }
            Job::Piece(key, _) if !self.keeps(key)? => Ok(0),
            Job::Piece(key, piece) => {
                let record = self.table.record(key).map_err(Halt::Dump)?;
                self.piece(key, &record, *piece, rows, outlet)?;
                Ok(if *piece == 0 { size(&record) } else { 0 })
            }
        }
    }

    /// To find a key's value is to go through it, so its name is looked at first.
    fn keeps(&mut self, key: &Listed) -> Result<bool, Halt> {
        if self.filter.is_empty() {
            return Ok(true);
        }
        let db = self.spec.indexes.get(key.index as usize).map_or(0, |index| index.db);
        let name = self.table.name(key, &mut self.name).map_err(Halt::Dump)?;
        Ok(self.filter.keeps_db(db) && self.filter.keeps_name(name))
    }

    fn piece(
        &mut self,
        key: &Listed,
        record: &Record<'a>,
        piece: usize,
        rows: &mut Rows,
        outlet: &Outlet<'_>,
    ) -> Result<(), Halt> {
        let Some(index) = self.spec.indexes.get(key.index as usize) else { return Ok(()) };
        let in_record = |error: crate::dump::rdb::Error| Halt::Dump(error.in_record(record.start));
        let fault = |kind| in_record(crate::dump::rdb::Error::in_string(record.start as u64, kind));
        let name = record.key.decode(&mut self.name).map_err(fault)?;
        rows.prefix(&[Cell::Bytes(index.name.as_bytes()), Cell::Bytes(name)]);
        let mut halt = None;
        let mut each = |member: Option<&[u8]>, state: State| {
            let member = member.map_or(Cell::None, Cell::Bytes);
            match rows.row(&[member, Cell::Plain(state.as_str())], outlet) {
                Ok(()) => ControlFlow::Continue(()),
                Err(found) => {
                    halt = Some(found);
                    ControlFlow::Break(())
                }
            }
        };
        let told = self.table.tell(key, record, piece, &mut self.reader, &mut each);
        halt.map_or(Ok(()), Err)?;
        told.map_err(in_record)
    }
}

fn size(record: &Record<'_>) -> u64 {
    record.value.end().saturating_sub(record.start) as u64
}

/// The next memberships that are in no key, as one job.
pub(super) fn next_absent(all: &mut impl Iterator<Item = Absent>) -> Option<Vec<Absent>> {
    let some: Vec<Absent> = all.take(ABSENT).collect();
    (!some.is_empty()).then_some(some)
}

/// Makes the rows of memberships that are in no key.
pub(super) fn absent_rows(
    (missing, spec, which): (&Missing<'_>, &Spec, Which<'_>),
    job: &[Absent],
    room: &mut Vec<u8>,
    rows: &mut Rows,
    outlet: &Outlet<'_>,
) -> Result<(), Halt> {
    for absent in job {
        let (key, index) = (missing.key(absent), missing.index(absent));
        let Some(index) = spec.indexes.get(index) else { continue };
        if !which.filter.keeps_db(index.db) || !which.filter.keeps_name(key) {
            continue;
        }
        // It is there; what it holds is not known.
        if which.damaged.is_some_and(|damaged| damaged.has_name(index.db, key)) {
            continue;
        }
        let member = missing.member(absent, room).map_err(Halt::Dump)?;
        rows.prefix(&[Cell::Bytes(index.name.as_bytes()), Cell::Bytes(key)]);
        rows.row(&[Cell::Bytes(member), Cell::Plain(State::Missing.as_str())], outlet)?;
    }
    Ok(())
}
