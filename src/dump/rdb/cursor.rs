//! A place in a byte slice that only moves forward and never past the end.

use super::error::{Error, ErrorKind, wide};

/// What is left of a slice, and where that is in the file.
///
/// It holds the rest and the offset of the end, not a slice and an index: then a step is one split, which cannot be out
/// of bounds, and the position is a subtraction that only errors and element places pay for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
    end: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `bytes`, which stand at `offset` in the file.
    #[inline]
    pub fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, end: offset.saturating_add(bytes.len()) }
    }

    /// File offset of the next byte.
    #[inline]
    pub fn position(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// File offset behind the last byte.
    #[inline]
    pub fn end(&self) -> usize {
        self.end
    }

    /// Number of bytes that are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// An error at the next byte.
    #[cold]
    pub fn fail(&self, kind: ErrorKind) -> Error {
        Error::at(self.position(), kind)
    }

    /// The error of a slice that ends before `needed` more bytes.
    #[cold]
    pub fn short(&self, needed: u64) -> Error {
        self.fail(ErrorKind::UnexpectedEnd { needed, left: wide(self.left()) })
    }

    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Error> {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                Ok(byte)
            }
            None => Err(self.short(1)),
        }
    }

    /// The next `n` bytes, where `n` is a number out of the file.
    #[inline]
    pub fn take(&mut self, n: u64) -> Result<&'a [u8], Error> {
        match usize::try_from(n).ok().and_then(|n| self.rest.split_at_checked(n)) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(self.short(n)),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => Err(self.short(wide(N))),
        }
    }

    /// The next 8 bytes as a signed little-endian integer.
    #[inline]
    pub fn i64_le(&mut self) -> Result<i64, Error> {
        self.array().map(i64::from_le_bytes)
    }

    /// The next 8 bytes as a little-endian double.
    #[inline]
    pub fn f64_le(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_le_bytes)
    }

    /// Checks that `count` things of at least `size` bytes can be left, before anybody relies on `count`.
    #[inline]
    pub fn fits(&self, what: &'static str, count: u64, size: u64) -> Result<u64, Error> {
        let left = wide(self.left());
        match count.checked_mul(size) {
            Some(bytes) if bytes <= left => Ok(count),
            _ => Err(self.fail(ErrorKind::Count { what, count, left })),
        }
    }

    /// The bytes from `start`, an earlier state of this cursor, to here.
    #[inline]
    pub fn since(&self, start: &Self) -> &'a [u8] {
        let passed = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..passed).unwrap_or_default()
    }
}
