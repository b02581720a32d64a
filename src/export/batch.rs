//! The records of a dump as jobs.

use std::collections::VecDeque;
use std::sync::Arc;

use crc_fast::CrcAlgorithm;

use crate::dump::parts::{self, Part};
use crate::dump::rdb::{self, ErrorKind, Footer, Item, RawStr, Record, Walker, opcode};
use crate::dump::scan::PIECE_ELEMENTS;

/// A job ends when it covers this many bytes of the dump …
const JOB_BYTES: usize = 1 << 19;
/// … or holds this many records.
const JOB_RECORDS: usize = 4096;

/// Records that one thread turns into rows.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub work: Work<'a>,
    /// The bytes of the dump that it is answerable for.
    bytes: &'a [u8],
    /// What ended the walk behind its records.
    pub fault: Option<rdb::Error>,
    pub footer: Option<Footer>,
}

#[derive(Debug)]
pub(super) enum Work<'a> {
    Records(Vec<Record<'a>>),
    /// One piece of a large collection.
    Piece(Arc<Record<'a>>, usize),
}

impl Job<'_> {
    /// CRC-64 of its bytes.
    pub fn sum(&self) -> Sum {
        let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, self.bytes);
        Sum { crc: if self.bytes.is_empty() { 0 } else { crc }, bytes: self.bytes.len() as u64 }
    }
}

/// The checksum of so many bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub crc: u64,
    pub bytes: u64,
}

impl Sum {
    /// Adds what follows.
    pub fn append(&mut self, next: Self) {
        if next.bytes > 0 {
            self.crc = crc_fast::checksum_combine(CrcAlgorithm::Crc64Redis, self.crc, next.crc, next.bytes);
            self.bytes = self.bytes.saturating_add(next.bytes);
        }
    }
}

/// Walks a dump and cuts it into jobs: they do not depend on the number of threads.
#[derive(Debug)]
pub(super) struct Jobs<'a> {
    file: &'a [u8],
    /// The dumps that it was put together of.
    parts: &'a [Part],
    /// The seams between them that were met.
    seams: Vec<u64>,
    walker: Walker<'a>,
    /// Up to here the bytes are some job's.
    given: usize,
    ready: VecDeque<Job<'a>>,
    ended: bool,
}

impl<'a> Jobs<'a> {
    /// With `pieces` large collections are several jobs.
    pub fn new(file: &'a [u8], parts: &'a [Part], pieces: bool) -> Result<Self, rdb::Error> {
        let walker = Walker::new(file)?;
        let walker = if pieces { walker.with_pieces(PIECE_ELEMENTS) } else { walker };
        Ok(Self { file, parts, seams: Vec::new(), walker, given: 0, ready: VecDeque::new(), ended: false })
    }

    /// The next job; the last one has the footer or a fault.
    pub fn next(&mut self) -> Option<Job<'a>> {
        if self.ready.is_empty() && !self.ended {
            self.fill();
        }
        self.ready.pop_front()
    }

    fn fill(&mut self) {
        let end = self.walker.position().saturating_add(JOB_BYTES);
        let mut records = Vec::new();
        while self.walker.position() < end && records.len() < JOB_RECORDS {
            match self.next_item() {
                Ok(Some(Item::Record(record))) if record.value.pieces() > 1 => {
                    let to = record.start;
                    self.push(Work::Records(std::mem::take(&mut records)), to);
                    let record = Arc::new(record);
                    for piece in 0..record.value.pieces() {
                        self.push(Work::Piece(Arc::clone(&record), piece), record.value.end());
                    }
                }
                Ok(Some(Item::Record(record))) => records.push(record),
                Ok(Some(Item::End(footer))) => {
                    self.ended = true;
                    let to = footer.body_end;
                    self.push_last(Work::Records(records), to, None, Some(footer));
                    return;
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    self.ended = true;
                    let to = self.given;
                    self.push_last(Work::Records(records), to, Some(error), None);
                    return;
                }
            }
        }
        let to = self.walker.position();
        self.push(Work::Records(records), to);
    }

    /// The next item; an error where a part of the dump does not end as it should.
    fn next_item(&mut self) -> Result<Option<Item<'a>>, rdb::Error> {
        let item = self.walker.next()?;
        let astray = match &item {
            Some(Item::Record(record)) => {
                // What goes on over the end of a part is none of its keys, and makes no row.
                let part = self.seams.len().checked_sub(1).and_then(|at| self.parts.get(at));
                part.map(|part| part.end).filter(|end| record.value.end() as u64 > *end)
            }
            Some(Item::Aux { name: RawStr::Plain(opcode::SEAM), .. }) if !self.parts.is_empty() => {
                self.seams.push(self.walker.item_start() as u64);
                None
            }
            Some(Item::End(footer)) => parts::astray(self.parts, &self.seams, footer.body_end as u64),
            _ => None,
        };
        match astray {
            Some(end) => Err(rdb::Error::in_string(end.saturating_sub(1), ErrorKind::MissingEof)),
            None => Ok(item),
        }
    }

    fn push(&mut self, work: Work<'a>, to: usize) {
        self.push_last(work, to, None, None);
    }

    fn push_last(&mut self, work: Work<'a>, to: usize, fault: Option<rdb::Error>, footer: Option<Footer>) {
        let bytes = self.file.get(self.given..to).unwrap_or_default();
        self.given = self.given.max(to);
        self.ready.push_back(Job { work, bytes, fault, footer });
    }
}
