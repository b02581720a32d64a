//! Ziplist: `total:u32le tail:u32le count:u16le`, entries, `FF`.
//!
//! ```text
//! entry := size of the entry before (00-FD, or FE and u32le), encoding, [data]
//! ```

use super::{Entries, Entry, Fault, Packed, fault, index, inner};
use crate::dump::rdb::error::{ErrorKind, wide};

const NAME: &str = "a ziplist";

/// A count that says nothing.
const UNKNOWN: u16 = 0xffff;

/// Bytes of the header: where the first entry is, and where the tail of an empty ziplist points.
const HEADER: usize = 10;

/// The entries of a ziplist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ziplist<'b> {
    rest: &'b [u8],
    len: usize,
    seen: u64,
    last: usize,
    previous: usize,
    tail: u32,
    count: u16,
}

impl<'b> Ziplist<'b> {
    /// Checks the header against the size.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Fault> {
        let len = bytes.len();
        let short = || fault(0, ErrorKind::CompactShort { form: NAME, len: wide(len) });
        let (&[t0, t1, t2, t3, l0, l1, l2, l3, c0, c1], rest) =
            bytes.split_first_chunk::<HEADER>().ok_or_else(short)?;
        let total = u64::from(u32::from_le_bytes([t0, t1, t2, t3]));
        if total != wide(len) {
            return Err(fault(0, ErrorKind::CompactTotal { form: NAME, total, len: wide(len) }));
        }
        if rest.is_empty() {
            return Err(short());
        }
        Ok(Self {
            rest,
            len,
            seen: 0,
            last: HEADER,
            previous: 0,
            tail: u32::from_le_bytes([l0, l1, l2, l3]),
            count: u16::from_le_bytes([c0, c1]),
        })
    }

    /// The entry at an inner offset that an entry had.
    pub fn at(bytes: &'b [u8], at: u32) -> Result<Entry<'b>, Fault> {
        let rest = bytes.get(index(at)..).unwrap_or_default();
        match parse(rest) {
            Ok((_, entry, _)) => Ok(entry),
            Err(kind) => Err(fault(index(at), kind)),
        }
    }

    #[cold]
    fn end(&self, at: usize) -> Result<Option<Packed<'b>>, Fault> {
        let left = self.rest.len().saturating_sub(1);
        if left != 0 {
            return Err(fault(at, ErrorKind::CompactTrailing { form: NAME, left: wide(left) }));
        }
        if self.count != UNKNOWN && u64::from(self.count) != self.seen {
            let kind = ErrorKind::CompactCount { form: NAME, header: u64::from(self.count), walked: self.seen };
            return Err(fault(8, kind));
        }
        if index(self.tail) != self.last {
            let kind = ErrorKind::ZiplistTail { header: u64::from(self.tail), walked: wide(self.last) };
            return Err(fault(4, kind));
        }
        Ok(None)
    }
}

impl<'b> Entries<'b> for Ziplist<'b> {
    #[inline]
    fn next_entry(&mut self) -> Result<Option<Packed<'b>>, Fault> {
        let at = self.len.saturating_sub(self.rest.len());
        match *self.rest {
            [0xff, ..] => return self.end(at),
            [] => return Err(fault(at, ErrorKind::CompactEnd { form: NAME })),
            _ => {}
        }
        let (previous, entry, rest) = parse(self.rest).map_err(|kind| fault(at, kind))?;
        if index(previous) != self.previous {
            let kind = ErrorKind::ZiplistPrevious { found: u64::from(previous), size: wide(self.previous) };
            return Err(fault(at, kind));
        }
        self.previous = self.rest.len().saturating_sub(rest.len());
        self.last = at;
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Ok(Some(Packed { at: inner(at), entry }))
    }
}

/// The entry at the start of `bytes`: the size it tells of the one before, what it holds, and what follows it.
#[inline]
fn parse(bytes: &[u8]) -> Result<(u32, Entry<'_>, &[u8]), ErrorKind> {
    let past = ErrorKind::CompactEntry { form: NAME };
    let (previous, bytes) = match *bytes {
        [byte @ 0x00..=0xfd, ref rest @ ..] => (u32::from(byte), rest),
        [0xfe, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]), rest),
        _ => return Err(past),
    };
    let (entry, rest) = match *bytes {
        [byte @ 0x00..=0x3f, ref rest @ ..] => text(rest, usize::from(byte))?,
        [high @ 0x40..=0x7f, low, ref rest @ ..] => text(rest, usize::from(u16::from_be_bytes([high & 0x3f, low])))?,
        [0x80..=0xbf, a, b, c, d, ref rest @ ..] => text(rest, index(u32::from_be_bytes([a, b, c, d])))?,
        [0xc0, a, b, ref rest @ ..] => (Entry::Int(i64::from(i16::from_le_bytes([a, b]))), rest),
        [0xd0, a, b, c, d, ref rest @ ..] => (Entry::Int(i64::from(i32::from_le_bytes([a, b, c, d]))), rest),
        [0xe0, a, b, c, d, e, f, g, h, ref rest @ ..] => {
            (Entry::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h])), rest)
        }
        [0xf0, a, b, c, ref rest @ ..] => (Entry::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), rest),
        [0xfe, a, ref rest @ ..] => (Entry::Int(i64::from(i8::from_le_bytes([a]))), rest),
        [byte @ 0xf1..=0xfd, ref rest @ ..] => (Entry::Int(i64::from(byte & 0x0f).wrapping_sub(1)), rest),
        [0xc0 | 0xd0 | 0xe0 | 0xf0 | 0xfe, ..] | [0x40..=0xbf, ..] | [] => return Err(past),
        [byte, ..] => return Err(ErrorKind::CompactEncoding { form: NAME, byte }),
    };
    Ok((previous, entry, rest))
}

#[inline]
fn text(rest: &[u8], n: usize) -> Result<(Entry<'_>, &[u8]), ErrorKind> {
    match rest.split_at_checked(n) {
        Some((text, rest)) => Ok((Entry::Text(text), rest)),
        None => Err(ErrorKind::CompactEntry { form: NAME }),
    }
}
