//! Listpack: `total:u32le count:u16le`, entries, `FF`.
//!
//! ```text
//! entry := encoding [data] size-of-these-two, written so that it can be read backwards
//! ```

use super::{Entries, Entry, Fault, Packed, fault, index, inner};
use crate::dump::rdb::error::{ErrorKind, wide};

const NAME: &str = "a listpack";

/// A count that says nothing.
const UNKNOWN: u16 = 0xffff;

/// The entries of a listpack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listpack<'b> {
    rest: &'b [u8],
    len: usize,
    seen: u64,
    count: u16,
}

impl<'b> Listpack<'b> {
    /// Checks the header against the size.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Fault> {
        let len = bytes.len();
        let short = || fault(0, ErrorKind::CompactShort { form: NAME, len: wide(len) });
        let (&[t0, t1, t2, t3, c0, c1], rest) = bytes.split_first_chunk::<6>().ok_or_else(short)?;
        let total = u64::from(u32::from_le_bytes([t0, t1, t2, t3]));
        if total != wide(len) {
            return Err(fault(0, ErrorKind::CompactTotal { form: NAME, total, len: wide(len) }));
        }
        if rest.is_empty() {
            return Err(short());
        }
        Ok(Self { rest, len, seen: 0, count: u16::from_le_bytes([c0, c1]) })
    }

    /// The entry at an inner offset that an entry had.
    pub fn at(bytes: &'b [u8], at: u32) -> Result<Entry<'b>, Fault> {
        let rest = bytes.get(index(at)..).unwrap_or_default();
        match parse(rest) {
            Ok((entry, _)) => Ok(entry),
            Err(kind) => Err(fault(index(at), kind)),
        }
    }

    /// Inner offset of the next entry.
    pub fn position(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    /// Number of bytes that are left: a bound for counts.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    #[cold]
    fn end(&self) -> Result<Option<Packed<'b>>, Fault> {
        let left = self.rest.len().saturating_sub(1);
        if left != 0 {
            return Err(fault(self.position(), ErrorKind::CompactTrailing { form: NAME, left: wide(left) }));
        }
        if self.count != UNKNOWN && u64::from(self.count) != self.seen {
            let kind = ErrorKind::CompactCount { form: NAME, header: u64::from(self.count), walked: self.seen };
            return Err(fault(4, kind));
        }
        Ok(None)
    }
}

impl<'b> Entries<'b> for Listpack<'b> {
    #[inline]
    fn next_entry(&mut self) -> Result<Option<Packed<'b>>, Fault> {
        let at = self.position();
        match *self.rest {
            [0xff, ..] => return self.end(),
            [] => return Err(fault(at, ErrorKind::CompactEnd { form: NAME })),
            _ => {}
        }
        match parse(self.rest) {
            Ok((entry, rest)) => {
                self.rest = rest;
                self.seen = self.seen.wrapping_add(1);
                Ok(Some(Packed { at: inner(at), entry }))
            }
            Err(kind) => Err(fault(at, kind)),
        }
    }
}

/// The entry at the start of `bytes`, and what follows it.
#[inline]
fn parse(bytes: &[u8]) -> Result<(Entry<'_>, &[u8]), ErrorKind> {
    let (entry, rest) = match *bytes {
        [byte @ 0x00..=0x7f, ref rest @ ..] => (Entry::Int(i64::from(byte)), rest),
        [byte @ 0x80..=0xbf, ref rest @ ..] => text(rest, usize::from(byte & 0x3f))?,
        [high @ 0xc0..=0xdf, low, ref rest @ ..] => {
            // 13 bits: shifted to the top of 16, an arithmetic shift back extends the sign.
            let bits = u16::from_be_bytes([high & 0x1f, low]);
            let n = i16::from_ne_bytes((bits << 3).to_ne_bytes()) >> 3;
            (Entry::Int(i64::from(n)), rest)
        }
        [high @ 0xe0..=0xef, low, ref rest @ ..] => text(rest, usize::from(u16::from_be_bytes([high & 0x0f, low])))?,
        [0xf0, a, b, c, d, ref rest @ ..] => text(rest, index(u32::from_le_bytes([a, b, c, d])))?,
        [0xf1, a, b, ref rest @ ..] => (Entry::Int(i64::from(i16::from_le_bytes([a, b]))), rest),
        [0xf2, a, b, c, ref rest @ ..] => (Entry::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), rest),
        [0xf3, a, b, c, d, ref rest @ ..] => (Entry::Int(i64::from(i32::from_le_bytes([a, b, c, d]))), rest),
        [0xf4, a, b, c, d, e, f, g, h, ref rest @ ..] => {
            (Entry::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h])), rest)
        }
        [byte @ 0xf5..=0xff, ..] => return Err(ErrorKind::CompactEncoding { form: NAME, byte }),
        _ => return Err(ErrorKind::CompactEntry { form: NAME }),
    };
    let size = bytes.len().wrapping_sub(rest.len());
    // Nearly every entry is this short.
    if size <= 127 {
        return match *rest {
            [back, ref rest @ ..] if usize::from(back) == size => Ok((entry, rest)),
            [] => Err(ErrorKind::CompactEntry { form: NAME }),
            _ => Err(ErrorKind::ListpackBacklen { size: wide(size) }),
        };
    }
    Ok((entry, long_back(size, rest)?))
}

#[inline]
fn text(rest: &[u8], n: usize) -> Result<(Entry<'_>, &[u8]), ErrorKind> {
    match rest.split_at_checked(n) {
        Some((text, rest)) => Ok((Entry::Text(text), rest)),
        None => Err(ErrorKind::CompactEntry { form: NAME }),
    }
}

/// Steps over the size at the end of an entry of `size` bytes: groups of 7 bits, the most significant first, all bytes
/// but the first with the top bit. The bounds of the widths are the server's, which wastes the largest number of each.
fn long_back(size: usize, rest: &[u8]) -> Result<&[u8], ErrorKind> {
    let width = match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    let (back, rest) = rest.split_at_checked(width).ok_or(ErrorKind::CompactEntry { form: NAME })?;
    let mut value = 0_u64;
    for (place, &byte) in back.iter().enumerate() {
        if (byte & 0x80 != 0) != (place > 0) {
            return Err(ErrorKind::ListpackBacklen { size: wide(size) });
        }
        value = (value << 7) | u64::from(byte & 0x7f);
    }
    if value == wide(size) { Ok(rest) } else { Err(ErrorKind::ListpackBacklen { size: wide(size) }) }
}
