//! Strings as they stand in the file.
//!
//! Keys, values, whole listpacks, JSON texts: everything that is a string may come in any of these forms.

use super::cursor::Cursor;
use super::error::{Error, ErrorKind, wide};
use super::integer::{IntText, text_len};
use super::lzf;

/// A string as it stands in the file, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawStr<'a> {
    /// The bytes themselves.
    Plain(&'a [u8]),
    /// An integer, which stands for its decimal text.
    Int(i32),
    /// LZF. That it expands to `len` bytes is possible but not proved.
    Lzf {
        /// The compressed bytes.
        packed: &'a [u8],
        /// Length of the decoded string. 32 bits keep this type at 24 bytes; a longer string is refused.
        len: u32,
    },
}

impl<'a> RawStr<'a> {
    /// Length of the decoded string.
    pub fn len(self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Int(n) => text_len(i64::from(n)),
            Self::Lzf { len, .. } => usize::try_from(len).unwrap_or(usize::MAX),
        }
    }

    /// Whether the decoded string is empty.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes: borrowed from the file when they are plain, else written to `scratch`.
    ///
    /// The buffer is left at its largest length so far and its content is of no use to anybody else.
    #[inline]
    pub fn decode<'b>(self, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], ErrorKind>
    where
        'a: 'b,
    {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Int(n) => Ok(int_into(n, scratch)),
            Self::Lzf { packed, .. } => lzf::expand(packed, self.len(), scratch),
        }
    }

    /// Whether the decoded string is `other`; decodes only when the lengths agree.
    pub fn eq_bytes(self, other: &[u8], scratch: &mut Vec<u8>) -> Result<bool, ErrorKind> {
        Ok(self.len() == other.len() && self.decode(scratch)? == other)
    }

    /// The first bytes of the decoded string, as many as `out` holds; the rest is not decoded.
    pub(crate) fn prefix(self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let copy = |from: &[u8], out: &mut [u8]| {
            let n = out.iter_mut().zip(from).map(|(to, from)| *to = *from).count();
            Ok(n)
        };
        match self {
            Self::Plain(bytes) => copy(bytes, out),
            Self::Int(n) => copy(IntText::new().write(i64::from(n)), out),
            Self::Lzf { packed, .. } => lzf::expand_prefix(packed, out),
        }
    }
}

#[inline(never)]
fn int_into(n: i32, scratch: &mut Vec<u8>) -> &[u8] {
    let mut text = IntText::new();
    let text = text.write(i64::from(n));
    if scratch.len() < text.len() {
        scratch.resize(text.len(), 0);
    }
    match scratch.get_mut(..text.len()) {
        Some(to) => {
            to.copy_from_slice(text);
            to
        }
        None => &[],
    }
}

impl<'a> Cursor<'a> {
    /// The next string, not decoded.
    #[inline(always)]
    pub fn string(&mut self) -> Result<RawStr<'a>, Error> {
        match short_string(self.rest) {
            Some((string, rest)) => {
                self.rest = rest;
                Ok(string)
            }
            None => self.any_string(),
        }
    }

    #[inline(never)]
    fn any_string(&mut self) -> Result<RawStr<'a>, Error> {
        if let [0xc0..=0xff, ..] = *self.rest {
            return self.special_string();
        }
        let at = *self;
        let n = self.length()?;
        match self.take(n) {
            Ok(bytes) => Ok(RawStr::Plain(bytes)),
            Err(error) => Err(at_start(at, error)),
        }
    }

    fn special_string(&mut self) -> Result<RawStr<'a>, Error> {
        let at = *self;
        match self.byte()? {
            0xc0 => self.array().map(|bytes| RawStr::Int(i32::from(i8::from_le_bytes(bytes)))),
            0xc1 => self.array().map(|bytes| RawStr::Int(i32::from(i16::from_le_bytes(bytes)))),
            0xc2 => self.array().map(|bytes| RawStr::Int(i32::from_le_bytes(bytes))),
            0xc3 => {
                let clen = self.length()?;
                let len = self.length()?;
                let packed = self.take(clen)?;
                let most = clen.saturating_mul(lzf::MAX_RATIO);
                let ratio = ErrorKind::LzfRatio { packed: clen, len };
                if len > most || (len == 0 && clen > 0) {
                    return Err(at.fail(ratio));
                }
                let len =
                    u32::try_from(len).map_err(|_| at.fail(ErrorKind::LzfCap { len, cap: wide(lzf::MAX_EXPANDED) }))?;
                Ok(RawStr::Lzf { packed, len })
            }
            byte => Err(at.fail(ErrorKind::StringEncoding(byte))),
        }
    }
}

/// The string that begins here, plain or LZF, if its lengths are short and nothing is wrong: what nearly all are.
#[inline(always)]
fn short_string(bytes: &[u8]) -> Option<(RawStr<'_>, &[u8])> {
    if let [0xc3, lengths @ ..] = bytes {
        let (packed, rest) = short_length(lengths)?;
        let (len, rest) = short_length(rest)?;
        let (packed, rest) = rest.split_at_checked(usize::from(packed))?;
        let is_possible = len > 0 && u64::from(len) <= wide(packed.len()).saturating_mul(lzf::MAX_RATIO);
        return is_possible.then_some((RawStr::Lzf { packed, len: u32::from(len) }, rest));
    }
    let (len, rest) = short_length(bytes)?;
    let (bytes, rest) = rest.split_at_checked(usize::from(len))?;
    Some((RawStr::Plain(bytes), rest))
}

/// A length of 6 or 14 bits.
#[inline(always)]
fn short_length(bytes: &[u8]) -> Option<(u16, &[u8])> {
    match *bytes {
        [first @ 0..=0x3f, ref rest @ ..] => Some((u16::from(first), rest)),
        [first @ 0x40..=0x7f, low, ref rest @ ..] => Some((u16::from_be_bytes([first & 0x3f, low]), rest)),
        _ => None,
    }
}

/// A string that is cut off is reported where it starts: that is where its length can be looked at.
#[cold]
fn at_start(start: Cursor<'_>, error: Error) -> Error {
    start.fail(error.kind)
}
