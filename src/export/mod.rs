//! What is in a dump as rows: one per key, per element or per membership.
//!
//! Keys and elements come in the order of the dump, memberships in that of the indexes. All threads make rows, and they
//! are written in order, so that the number of threads does not show. What is made and not yet written is bounded, however
//! large a value is: only a text that is not stored as it is (compressed, or a binary document), a single stream entry,
//! and in Parquet a single cell, are put together before they are written.

mod batch;
mod cell;
mod column;
#[cfg(feature = "parquet")]
mod columns;
mod damaged;
mod elements;
mod filter;
mod halt;
mod keys;
mod memberships;
mod ordered;
#[cfg(feature = "parquet")]
mod parquet_file;
mod rows;
mod run;
mod table;
mod which;

use std::io::{self, Write};

use crate::dump::duplicate_keys::Twice;
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Footer, Header};
use crate::dump::scan::{self, Observer};
use crate::index::{self, Memberships};
use crate::model::spec::Spec;
use crate::model::view::{Clock, Diagnostics, Expiry};
use crate::text::display;
pub use cell::Cell;
pub use column::{Column, Holds};
pub use damaged::{Damaged, Finding};
pub use filter::{Expires, Filter, TypeRule, bytes};
use keys::Known;
use run::Report;
#[cfg(feature = "parquet")]
pub use table::Batch;
pub use table::Writer;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A key.
    Keys,
    /// An element: a string, a member, a field, a stream entry or group, a document.
    Elements,
    /// A member of an index key, there or not.
    Memberships,
}

/// How a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line. Bytes that are not UTF-8 are `{"base64":"…"}`.
    Ndjson,
    /// RFC 4180 with a header, lines ending in a line feed. A cell of bytes that are not UTF-8 holds that same JSON.
    Csv,
    /// Typed columns. Bytes are themselves; a column of them is text if all of it is UTF-8.
    Parquet,
}

impl Format {
    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        self != Self::Parquet || cfg!(feature = "parquet")
    }
}

/// What to export, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options<'s> {
    pub table: Table,
    pub format: Format,
    /// The names of families come from it, and what is implied.
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
#[derive(Debug)]
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
    /// What was found wrong with records and index keys; empty for keys and elements.
    pub diagnostics: Diagnostics,
    /// A key that is in two of several dumps, if that was found only now; see [`Export::twice`].
    pub twice: Option<Twice>,
}

/// What ends an export early. The rows before have been written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error(transparent)]
    Index(index::Error),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error(
        "the dump does not say when it was made, so nothing can be within a time from then; \
         before=DATE and after=DATE need no such time"
    )]
    NoClock,
    #[error("a membership may be of a key that is not there: only its name and its database can be asked for")]
    NoValues,
    #[error("the column {column} of Parquet has no room for {number}")]
    TooLarge { column: &'static str, number: u64 },
    #[error("this program was built without Parquet")]
    NotBuilt,
}

scan::ends_like_a_pass!(Error);

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Self {
        match error {
            index::Error::Dump(error) => Self::Dump(error),
            index::Error::Interrupted => Self::Interrupted,
            error => Self::Index(error),
        }
    }
}

/// An export whose rows can be written: all that has to be known of the whole dump before the first row is known.
pub struct Export<'a> {
    file: &'a [u8],
    options: Options<'a>,
    filter: &'a Filter,
    clock: Clock,
    known: AllKnown<'a>,
    /// What is left out.
    damaged: Option<&'a Damaged>,
    /// The dumps that it was put together of and that are not known to be one database.
    parts: &'a [Part],
}

enum AllKnown<'a> {
    Keys(Known<'a>),
    Elements,
    Memberships(Box<Memberships<'a>>),
}

impl<'a> Export<'a> {
    /// Whether [`Self::prepare`] reads the whole dump.
    pub fn reads_ahead(table: Table) -> bool {
        table != Table::Elements
    }

    /// Reads what has to be known before the first row. Runs on the current `rayon` pool.
    pub fn prepare(
        file: &'a [u8],
        options: Options<'a>,
        filter: &'a Filter,
        observer: &Observer,
    ) -> Result<Self, Error> {
        Self::prepare_without(file, &[], options, filter, None, observer)
    }

    /// The same for all but the keys that are damaged, which have no rows. What their records imply is not known: entries
    /// that name one are held. Dumps that were put together, which these `parts` are, are looked at on the way: they end
    /// where they should, and a key that is in two of them is told.
    pub fn prepare_without(
        file: &'a [u8],
        parts: &'a [Part],
        options: Options<'a>,
        filter: &'a Filter,
        damaged: Option<&'a Damaged>,
        observer: &Observer,
    ) -> Result<Self, Error> {
        if !options.format.is_built() {
            return Err(Error::NotBuilt);
        }
        let clock = Clock::read(file, options.expiry)?;
        if filter.needs_clock() && clock.created_ms.is_none() {
            return Err(Error::NoClock);
        }
        let known = match options.table {
            Table::Keys => AllKnown::Keys(Known::read(file, parts, options.spec, damaged, observer)?),
            Table::Elements => AllKnown::Elements,
            Table::Memberships if filter.has_values() => return Err(Error::NoValues),
            Table::Memberships => {
                let starts = damaged.map_or(&[][..], Damaged::starts);
                let table = Memberships::take_without(file, parts, options.spec, options.expiry, starts, observer)?;
                AllKnown::Memberships(Box::new(table))
            }
        };
        Ok(Self { file, options, filter, clock, known, damaged, parts })
    }

    /// Whether the dump has keys, and none that the spec describes: then there are no memberships.
    pub fn has_no_index(&self) -> bool {
        match &self.known {
            AllKnown::Memberships(table) => table.stock.total.keys > 0 && !table.stock.is_described(),
            _ => false,
        }
    }

    /// A key that is in two of several dumps; of memberships it may also be twice in one. Of elements that is only known
    /// when their rows are written.
    pub fn twice(&self) -> Option<&Twice> {
        match &self.known {
            AllKnown::Keys(known) => known.twice.as_ref(),
            AllKnown::Elements => None,
            AllKnown::Memberships(table) => table.facts.twice.as_ref().filter(|_| !self.parts.is_empty()),
        }
    }

    /// Bytes of the dump that [`Self::write`] goes through, for its observer.
    pub fn bytes(&self) -> u64 {
        match &self.known {
            AllKnown::Memberships(table) => table.stock.indexes.iter().map(|tally| tally.bytes).sum(),
            _ => self.file.len() as u64,
        }
    }

    /// Writes all rows to `out`, with as many threads as the current `rayon` pool has. The checksum is known only at the
    /// end: see [`Summary::crc64`].
    pub fn write(self, out: &mut (dyn Write + Send), observer: &Observer) -> Result<Summary, Error> {
        run::write(self, out, observer)
    }
}

/// Writes all rows of a table to `out`.
pub fn run(
    file: &[u8],
    options: Options<'_>,
    out: &mut (dyn Write + Send),
    observer: &Observer,
) -> Result<Summary, Error> {
    Export::prepare(file, options, &Filter::default(), observer)?.write(out, observer)
}
