//! The tokens of JSON, each checked in full.
//!
//! A token is recognised and skipped; nothing is evaluated or copied. The text was found to be UTF-8 before.

use crate::model::document::{MAX_DEPTH, Undecodable};

/// Goes through a JSON text token by token.
pub trait Tokens<'a> {
    /// The place of the next byte.
    fn offset(&self) -> usize;
    /// An error at this place.
    fn error<T>(&self, reason: &'static str) -> Result<T, Undecodable>;
    /// The next byte that is no white space, without going past it.
    fn peek(&mut self) -> Option<u8>;
    /// Goes past this byte, if it is the next one.
    fn take(&mut self, byte: u8) -> bool;
    /// A field name and the colon after it.
    fn key(&mut self) -> Result<RawString<'a>, Undecodable>;
    /// A string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<RawString<'a>, Undecodable>;
    /// Goes past a string.
    fn skip_string(&mut self) -> Result<(), Undecodable>;
    /// Inside an object, where a name is due: may go past fields whose values are no objects or arrays, each with the
    /// comma after it. Not past one whose name has a length of which `wanted` has the `trie::length_bit`.
    fn skip_plain_fields(&mut self, _wanted: u64) {}
    /// A number, `true`, `false` or `null`, as written.
    fn literal(&mut self) -> Result<&'a [u8], Undecodable>;

    /// A value of any kind, checked and passed over. `depth` is how many objects and arrays are around it.
    ///
    /// Not recursive: whether each level is an object is one bit of a word.
    #[inline(always)]
    fn skip(&mut self, depth: u32) -> Result<(), Undecodable> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_nested(depth),
            _ => self.literal().map(|_| ()),
        }
    }

    #[inline(never)]
    fn skip_nested(&mut self, depth: u32) -> Result<(), Undecodable> {
        // The lowest bit is the innermost level: 1 for an object. The levels above `depth` always fit, see MAX_DEPTH.
        let mut objects = 0_u128;
        let mut level = depth;
        loop {
            // A value is due.
            let first = self.peek();
            match first {
                Some(open @ (b'{' | b'[')) => {
                    if level >= MAX_DEPTH {
                        return self.error("nested too deeply");
                    }
                    self.take(open);
                    level = level.saturating_add(1);
                    objects = (objects << 1) | u128::from(open == b'{');
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(close) {
                        if open == b'{' {
                            self.skip_plain_fields(0);
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => self.skip_string()?,
                _ => {
                    self.literal()?;
                }
            }
            // What follows a value: a comma and the next one, or the end of as many levels as there are.
            loop {
                if level == depth {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.take(b',');
                        if object {
                            self.skip_plain_fields(0);
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => self.take(b'}'),
                    Some(b']') if !object => self.take(b']'),
                    _ => {
                        return self.error(if object {
                            "expected , or } in an object"
                        } else {
                            "expected , or ] in an array"
                        });
                    }
                };
                objects >>= 1;
                level = level.saturating_sub(1);
            }
        }
    }
}

/// A place in a JSON text, and what is left from there.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    rest: &'a [u8],
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub struct RawString<'a> {
    pub bytes: &'a [u8],
    /// Where the bytes begin in the text.
    pub start: usize,
    pub escaped: bool,
}

/// Each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, rest: text }
    }

    #[inline]
    fn whitespace(&mut self) {
        while let Some((b' ' | b'\n' | b'\t' | b'\r', after)) = self.rest.split_first() {
            self.rest = after;
        }
    }

    /// Goes to the next quote, backslash or control character, or to the end.
    #[inline]
    fn plain(&mut self) {
        // Most strings are short, and the first words are looked at one by one; a long one is worth two calls that use
        // the widest vectors there are: for the end, and for the smallest byte before it.
        for _ in 0..4 {
            let Some((word, after)) = self.rest.split_first_chunk::<8>() else { return self.plain_bytes() };
            let hits = special(*word);
            if hits != 0 {
                return self.forward(hits);
            }
            self.rest = after;
        }
        let end = memchr::memchr2(b'"', b'\\', self.rest).unwrap_or(self.rest.len());
        let Some((plain, after)) = self.rest.split_at_checked(end) else { return };
        if plain.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20 {
            return self.plain_bytes();
        }
        self.rest = after;
    }

    /// Goes to the byte of the lowest bit.
    #[inline]
    fn forward(&mut self, hits: u64) {
        // At most 7: the word had a hit.
        let bytes = usize::try_from(hits.trailing_zeros() / 8).unwrap_or(0);
        self.rest = self.rest.get(bytes..).unwrap_or(&[]);
    }

    fn plain_bytes(&mut self) {
        while let Some((byte, after)) = self.rest.split_first() {
            if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
                return;
            }
            self.rest = after;
        }
    }

    #[inline]
    fn number(&mut self) -> Result<(), Undecodable> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Undecodable> {
        let from = self.rest.len();
        while let Some((b'0'..=b'9', after)) = self.rest.split_first() {
            self.rest = after;
        }
        if self.rest.len() == from { self.error("expected a digit") } else { Ok(()) }
    }
}

impl<'a> Tokens<'a> for Scanner<'a> {
    #[inline]
    fn offset(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }

    #[cold]
    fn error<T>(&self, reason: &'static str) -> Result<T, Undecodable> {
        let reason = if self.rest.is_empty() { "the text ends too early" } else { reason };
        Err(Undecodable { at: self.offset(), reason })
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        self.whitespace();
        self.rest.first().copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, after)) if *first == byte => {
                self.rest = after;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn key(&mut self) -> Result<RawString<'a>, Undecodable> {
        if self.peek() != Some(b'"') {
            return self.error("expected a field name in quotes");
        }
        let name = self.string()?;
        self.whitespace();
        if !self.take(b':') {
            return self.error("expected : after a field name");
        }
        Ok(name)
    }

    #[inline]
    fn string(&mut self) -> Result<RawString<'a>, Undecodable> {
        self.take(b'"');
        let from = self.rest;
        let start = self.offset();
        let mut escaped = false;
        loop {
            self.plain();
            match self.rest.split_first() {
                Some((b'"', after)) => {
                    let length = from.len().saturating_sub(self.rest.len());
                    self.rest = after;
                    return Ok(RawString { bytes: from.get(..length).unwrap_or(&[]), start, escaped });
                }
                Some((b'\\', after)) => {
                    escaped = true;
                    let (_, after) = match escape(after) {
                        Some(escape) => escape,
                        None => return self.error("not an escape"),
                    };
                    self.rest = after;
                }
                _ => return self.error("a control character in a string"),
            }
        }
    }

    #[inline]
    fn skip_string(&mut self) -> Result<(), Undecodable> {
        self.string().map(drop)
    }

    #[inline]
    fn literal(&mut self) -> Result<&'a [u8], Undecodable> {
        let from = self.rest;
        match from.first() {
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => {
                let word = [&b"true"[..], b"false", b"null"].into_iter().find_map(|word| from.strip_prefix(word));
                let Some(after) = word else { return self.error("expected a value") };
                self.rest = after;
            }
        }
        let length = from.len().saturating_sub(self.rest.len());
        Ok(from.get(..length).unwrap_or(&[]))
    }
}

/// The high bit of each byte that is a quote, a backslash or below 0x20; above the lowest one there may be others.
#[inline]
fn special(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES.wrapping_mul(0x22)));
    let backslash = zero(word ^ (ONES.wrapping_mul(0x5c)));
    let control = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word;
    (quote | backslash | control) & HIGHS
}

/// The character an escape stands for, from behind its backslash, and what follows it.
#[inline]
pub fn escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (kind, after) = text.split_first()?;
    let plain = match kind {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(after),
        _ => return None,
    };
    Some((plain, after))
}

/// `XXXX`, or `XXXX\uXXXX` for a surrogate pair.
fn unicode_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (first, after) = hex4(text)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, after));
    }
    let (second, after) = hex4(after.strip_prefix(b"\\u")?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, after))
}

fn hex4(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = text.split_at_checked(4)?;
    let mut value = 0_u16;
    for digit in digits {
        value = (value << 4) | u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
    }
    Some((value, after))
}

/// Appends what a checked string means.
pub fn unescape(mut raw: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', raw) {
        out.extend_from_slice(raw.get(..at).unwrap_or(&[]));
        let after = raw.get(at..).and_then(|text| text.strip_prefix(b"\\")).and_then(escape);
        let Some((c, after)) = after else { return };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        raw = after;
    }
    out.extend_from_slice(raw);
}
