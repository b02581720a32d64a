//! Dumps one behind the other, as one.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::map::{Map, Seen};
use super::span::{Piece, Span};
use super::{Backing, Snapshot};
use crate::dump::parts::Part;

/// Files start at multiples of this. It is the largest page that machines have, whatever this one has: the bytes of the
/// whole, and with them the id of a plan, are the same everywhere.
const PAGE: usize = 64 << 10;

/// A dump in a [`Span`], so that it can be looked at alone once more.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    range: Range<usize>,
    seen: Arc<Seen>,
}

/// Dumps that are put one behind the other, and bytes between them.
#[derive(Default)]
pub struct Builder {
    pieces: Vec<Piece>,
    sources: Vec<Source>,
    newer: Vec<String>,
    names: Vec<PathBuf>,
    /// Bytes that come next.
    bytes: Vec<u8>,
    len: usize,
}

/// How many NUL bytes stand between so many bytes and the file that comes next.
pub fn padding(len: usize) -> usize {
    let over = len % PAGE;
    if over == 0 { 0 } else { PAGE.saturating_sub(over) }
}

impl Builder {
    /// Bytes that come next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes there are so far.
    pub fn len(&self) -> usize {
        self.len.saturating_add(self.bytes.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many NUL bytes come next if a dump is put behind so many bytes more.
    pub fn padding(&self, more: usize) -> usize {
        padding(self.len().saturating_add(more))
    }

    /// Pads to the start of a page and puts a dump there, up to its byte `end`. Where its file has something before the
    /// dump, that comes before it: [`Snapshot::lead`] bytes.
    pub fn put(&mut self, dump: Snapshot, end: usize) {
        let padding = self.padding(0);
        self.bytes.resize(self.bytes.len().saturating_add(padding), 0);
        let Snapshot { path, backing, range, newer, .. } = dump;
        let end = range.start.saturating_add(end).min(range.end);
        let whole = end - end % PAGE;
        let rest = backing.get(whole..end).unwrap_or_default().to_vec();
        let bytes = std::mem::replace(&mut self.bytes, rest);
        self.len = self.len.saturating_add(bytes.len()).saturating_add(whole);
        self.pieces.push(Piece::Bytes(bytes));
        self.pieces.push(match backing {
            Backing::Mapped(map) => {
                self.sources.push(Source { path: path.clone(), range, seen: Arc::clone(map.seen()) });
                Piece::File(map, whole)
            }
            Backing::Read(bytes) => Piece::Memory(bytes, whole),
            Backing::Joined(span, _) => Piece::Bytes(span.get(..whole).unwrap_or_default().to_vec()),
        });
        self.newer.extend(newer);
        self.names.push(path);
    }

    /// All of it as one dump of these parts.
    pub fn finish(mut self, parts: Vec<Part>) -> io::Result<Snapshot> {
        self.pieces.push(Piece::Bytes(self.bytes));
        let names: Vec<_> = self.names.iter().map(|name| name.as_os_str()).collect();
        let name = PathBuf::from(names.join(std::ffi::OsStr::new(" + ")));
        let backing = Backing::Joined(Arc::new(Span::of(self.pieces)?), self.sources);
        Ok(Snapshot { parts, newer: self.newer, ..Snapshot::of(name, backing) })
    }
}

impl Snapshot {
    /// How many bytes its file has before the dump.
    pub fn lead(&self) -> usize {
        self.range.start
    }

    /// Those bytes.
    pub fn before(&self) -> &[u8] {
        self.backing.get(..self.range.start).unwrap_or_default()
    }

    /// Whether it is a file that is mapped.
    pub fn is_mapped(&self) -> bool {
        matches!(self.backing, Backing::Mapped(_))
    }

    /// The dumps that it was put together of, as far as they are files, to be looked at one by one.
    pub fn sources(&self) -> io::Result<Vec<Self>> {
        let Backing::Joined(_, sources) = &self.backing else { return Ok(Vec::new()) };
        let again = |source: &Source| {
            let map = source.seen.with_file(Map::of)?;
            let range = source.range.start.min(map.len())..source.range.end.min(map.len());
            Ok(Self { range, ..Self::of(source.path.clone(), Backing::Mapped(Arc::new(map))) })
        };
        sources.iter().map(again).collect()
    }
}
