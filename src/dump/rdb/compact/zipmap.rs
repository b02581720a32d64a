//! Zipmap: `count:u8`, pairs, `FF`.
//!
//! ```text
//! pair := L field L free:u8 value padding[free]      L: 00-FD, or FE and u32le
//! ```

use super::{Entries, Entry, Fault, Packed, fault, index, inner};
use crate::dump::rdb::error::{ErrorKind, wide};

const NAME: &str = "a zipmap";

/// The count that says nothing. A server adds to it no further.
const UNKNOWN: u8 = 254;

/// In the inner offset of an entry: it is a value, so that one byte stands between its length and its text.
const VALUE: u32 = 1 << 31;

/// The fields and values of a zipmap, in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zipmap<'b> {
    rest: &'b [u8],
    len: usize,
    seen: u64,
    count: u8,
    value_is_due: bool,
}

impl<'b> Zipmap<'b> {
    /// Reads the count.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Fault> {
        let len = wide(bytes.len());
        if len >= u64::from(VALUE) {
            return Err(fault(0, ErrorKind::CompactLarge { form: NAME, len }));
        }
        match *bytes {
            [count, ref rest @ ..] if !rest.is_empty() => {
                Ok(Self { rest, len: bytes.len(), seen: 0, count, value_is_due: false })
            }
            _ => Err(fault(0, ErrorKind::CompactShort { form: NAME, len })),
        }
    }

    /// The entry at an inner offset that an entry had.
    pub fn at(bytes: &'b [u8], at: u32) -> Result<Entry<'b>, Fault> {
        let start = index(at & !VALUE);
        let rest = bytes.get(start..).unwrap_or_default();
        match parse(rest, at & VALUE != 0) {
            Ok((text, _)) => Ok(Entry::Text(text)),
            Err(kind) => Err(fault(start, kind)),
        }
    }
}

impl<'b> Entries<'b> for Zipmap<'b> {
    #[inline]
    fn next_entry(&mut self) -> Result<Option<Packed<'b>>, Fault> {
        let at = self.len.saturating_sub(self.rest.len());
        if !self.value_is_due {
            match *self.rest {
                [0xff] if self.count == UNKNOWN || u64::from(self.count) == self.seen => return Ok(None),
                [0xff] => {
                    let header = u64::from(self.count);
                    return Err(fault(0, ErrorKind::CompactCount { form: NAME, header, walked: self.seen }));
                }
                [0xff, ref left @ ..] => {
                    return Err(fault(at, ErrorKind::CompactTrailing { form: NAME, left: wide(left.len()) }));
                }
                [] => return Err(fault(at, ErrorKind::CompactEnd { form: NAME })),
                _ => self.seen = self.seen.wrapping_add(1),
            }
        }
        let (text, rest) = parse(self.rest, self.value_is_due).map_err(|kind| fault(at, kind))?;
        let mark = if self.value_is_due { VALUE } else { 0 };
        self.rest = rest;
        self.value_is_due = !self.value_is_due;
        Ok(Some(Packed { at: inner(at) | mark, entry: Entry::Text(text) }))
    }
}

fn parse(bytes: &[u8], value: bool) -> Result<(&[u8], &[u8]), ErrorKind> {
    let past = ErrorKind::CompactEntry { form: NAME };
    let (len, rest) = match *bytes {
        [byte @ 0x00..=0xfd, ref rest @ ..] => (usize::from(byte), rest),
        [0xfe, a, b, c, d, ref rest @ ..] => (index(u32::from_le_bytes([a, b, c, d])), rest),
        [0xff, ..] => return Err(ErrorKind::CompactEncoding { form: NAME, byte: 0xff }),
        _ => return Err(past),
    };
    if !value {
        return rest.split_at_checked(len).ok_or(past);
    }
    let (&free, rest) = rest.split_first().ok_or(past)?;
    let (text, rest) = rest.split_at_checked(len).ok_or(past)?;
    Ok((text, rest.get(usize::from(free)..).ok_or(past)?))
}
