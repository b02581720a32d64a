//! Intset: `width:u32le n:u32le` and n signed little-endian integers, strictly ascending.

use super::{Entries, Entry, Fault, Packed, fault, index, inner};
use crate::dump::rdb::error::{ErrorKind, wide};

const NAME: &str = "an intset";

/// The integers of an intset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intset<'b> {
    rest: &'b [u8],
    len: usize,
    width: usize,
    previous: Option<i64>,
}

impl<'b> Intset<'b> {
    /// Checks the header against the size.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Fault> {
        let len = bytes.len();
        let Some((&[w0, w1, w2, w3, c0, c1, c2, c3], rest)) = bytes.split_first_chunk::<8>() else {
            return Err(fault(0, ErrorKind::CompactShort { form: NAME, len: wide(len) }));
        };
        let width = u32::from_le_bytes([w0, w1, w2, w3]);
        let count = u32::from_le_bytes([c0, c1, c2, c3]);
        if !matches!(width, 2 | 4 | 8) {
            return Err(fault(0, ErrorKind::IntsetWidth(width)));
        }
        // At most 8 * (2^32 - 1): no overflow in 64 bits.
        if wide(rest.len()) != u64::from(width).saturating_mul(u64::from(count)) {
            return Err(fault(4, ErrorKind::IntsetSize { width, count, len: wide(len) }));
        }
        Ok(Self { rest, len, width: index(width), previous: None })
    }

    /// The integer at an inner offset that an entry had.
    pub fn at(bytes: &'b [u8], at: u32) -> Result<Entry<'b>, Fault> {
        let mut set = Self::new(bytes)?;
        set.rest = bytes.get(index(at)..).unwrap_or_default();
        match set.next_entry()? {
            Some(packed) => Ok(packed.entry),
            None => Err(fault(index(at), ErrorKind::CompactEntry { form: NAME })),
        }
    }
}

impl<'b> Entries<'b> for Intset<'b> {
    #[inline]
    fn next_entry(&mut self) -> Result<Option<Packed<'b>>, Fault> {
        let at = self.len.saturating_sub(self.rest.len());
        let Some((bytes, rest)) = self.rest.split_at_checked(self.width) else { return Ok(None) };
        let next = match *bytes {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return Ok(None),
        };
        if let Some(previous) = self.previous.filter(|previous| *previous >= next) {
            return Err(fault(at, ErrorKind::IntsetOrder { previous, next }));
        }
        self.previous = Some(next);
        self.rest = rest;
        Ok(Some(Packed { at: inner(at), entry: Entry::Int(next) }))
    }
}
