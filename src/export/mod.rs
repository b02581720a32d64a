//! What is in a dump as rows: one a key, or one an element.
//!
//! Rows come in the order of the dump and are written as they are found, in constant memory however large a value is:
//! only a text that is not stored as it is (compressed, or a binary document) and a single stream entry are put together
//! before they are written.

mod cell;
mod elements;
mod keys;
mod rows;

use std::io::{self, Write};

use crc_fast::{CrcAlgorithm, Digest};

use crate::index::{Clock, Expires, Expiry, display};
use crate::rdb::{self, Footer, Header, Item, Walker};
use crate::scan::{self, Observer};
use crate::spec::Spec;
use elements::Elements;
use keys::Keys;
use rows::Rows;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A key.
    Keys,
    /// An element: a string, a member, a field, a stream entry or group, a document.
    Elements,
}

/// How a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line. Bytes that are no UTF-8 are `{"base64":"…"}`.
    Ndjson,
    /// RFC 4180 with a header, lines ending in a line feed. A cell of bytes that are no UTF-8 holds that same JSON.
    Csv,
}

/// What to export, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options<'s> {
    pub table: Table,
    pub format: Format,
    /// The names of families come from it.
    pub spec: &'s Spec,
    pub expiry: Expiry,
}

/// Something that was met more than once, and the first key with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub count: u64,
    pub first: String,
}

impl Seen {
    fn add(&mut self, key: &[u8]) {
        if self.count == 0 {
            self.first = display(key);
        }
        self.count = self.count.saturating_add(1);
    }
}

/// What is to be said of an export besides its rows.
#[derive(Clone, Debug)]
pub struct Summary {
    pub header: Header,
    pub footer: Footer,
    /// CRC-64 of everything before the footer.
    pub crc64: u64,
    pub rows: u64,
    /// Keys whose expiry cannot be a time; it is written as it stands in the dump.
    pub in_doubt: Seen,
    /// RedisJSON values that are no documents; their row has no value, or for text the text as it is.
    pub undecodable: Seen,
}

/// What ends an export early. The rows before have been written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

impl From<scan::Error> for Error {
    fn from(error: scan::Error) -> Self {
        match error {
            scan::Error::Dump(error) => Self::Dump(error),
            scan::Error::Interrupted => Self::Interrupted,
        }
    }
}

/// The checksum is brought up to date in steps of this many bytes, while they are in the cache.
const CRC_STEP: usize = 1 << 20;

/// Writes all rows of a table to `out`. The checksum is known only at the end: see [`Summary::crc64`].
pub fn run(file: &[u8], options: Options<'_>, out: &mut dyn Write, observer: &Observer) -> Result<Summary, Error> {
    let clock = Clock::read(file, options.expiry)?;
    let rows = Rows::new(out, options.format);
    let mut table = match options.table {
        Table::Keys => Tables::Keys(Keys::new(file, options.spec, clock, rows, observer)?),
        Table::Elements => Tables::Elements(Elements::new(clock, rows)?),
    };
    let mut walker = Walker::new(file)?;
    let mut crc = Digest::new(CrcAlgorithm::Crc64Redis);
    let mut summed = 0_usize;
    let mut key = Vec::new();
    let mut in_doubt = Seen::default();
    while let Some(item) = walker.next()? {
        let (record, end) = match item {
            Item::Record(record) => (Some(record), walker.position()),
            Item::End(footer) => {
                crc.update(file.get(summed..footer.body_end).unwrap_or_default());
                let (rows, undecodable) = match table {
                    Tables::Keys(table) => (table.finish()?, Seen::default()),
                    Tables::Elements(table) => table.finish()?,
                };
                let (header, crc64) = (walker.header(), crc.finalize());
                return Ok(Summary { header, footer, crc64, rows, in_doubt, undecodable });
            }
            _ => continue,
        };
        if let Some(record) = record {
            let fault = |kind| rdb::Error::in_string(record.start as u64, kind).in_record(record.start);
            let name = record.key.decode(&mut key).map_err(fault)?;
            if clock.expires(record.expire_ms) == Expires::InDoubt {
                in_doubt.add(name);
            }
            match &mut table {
                Tables::Keys(table) => table.record(&record, name)?,
                Tables::Elements(table) => table.record(&record, name)?,
            }
        }
        if end.saturating_sub(summed) >= CRC_STEP {
            crc.update(file.get(summed..end).unwrap_or_default());
            summed = end;
            observer.position.store(end as u64, std::sync::atomic::Ordering::Relaxed);
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
        }
    }
    // The walk ends with its end or with an error.
    Err(Error::Interrupted)
}

enum Tables<'a, 'o> {
    Keys(Keys<'a, 'o>),
    Elements(Elements<'o>),
}
