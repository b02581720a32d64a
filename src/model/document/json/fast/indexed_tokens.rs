//! The tokens of a JSON text whose quotes were found before.
//!
//! It accepts nothing that a [`Scanner`] does not. What it refuses is for one to judge: where and why is not found out here.

use super::quotes::Found;
use crate::model::document::Undecodable;
use crate::model::document::json::tokens::{RawString, Scanner, Tokens};
use crate::model::document::trie::length_bit;

/// A place in a text, and the quotes that follow.
#[derive(Clone, Debug)]
pub struct IndexedTokens<'a> {
    text: &'a [u8],
    at: usize,
    quotes: &'a [u32],
    /// From the first escape to the end of the last one.
    escapes: (usize, usize),
}

impl<'a> IndexedTokens<'a> {
    pub fn new(text: &'a [u8], found: &Found<'a>) -> IndexedTokens<'a> {
        IndexedTokens { text, at: 0, quotes: found.quotes, escapes: found.escapes }
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline(never)]
    fn whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at = self.at.wrapping_add(1);
        }
    }

    /// Whether a string begins at the next byte.
    #[inline(always)]
    fn is_string(&self) -> bool {
        self.quotes.first().is_some_and(|open| usize::try_from(*open) == Ok(self.at))
    }

    /// Goes past the string that begins here; gives back where its bytes end.
    #[inline(always)]
    fn pass(&mut self) -> Result<usize, Undecodable> {
        let [open, close, quotes @ ..] = self.quotes else { return self.error("") };
        let (Ok(open), Ok(close)) = (usize::try_from(*open), usize::try_from(*close)) else { return self.error("") };
        if open != self.at {
            return self.error("");
        }
        self.quotes = quotes;
        self.at = close.wrapping_add(1);
        Ok(close)
    }
}

impl<'a> Tokens<'a> for IndexedTokens<'a> {
    #[inline(always)]
    fn offset(&self) -> usize {
        self.at
    }

    #[cold]
    fn error<T>(&self, reason: &'static str) -> Result<T, Undecodable> {
        Err(Undecodable { at: self.at, reason })
    }

    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(0..=b' ') => {
                self.whitespace();
                self.byte()
            }
            byte => byte,
        }
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.byte() == Some(byte);
        self.at = self.at.wrapping_add(usize::from(is_next));
        is_next
    }

    #[inline(always)]
    fn skip_plain_fields(&mut self, wanted: u64) {
        let IndexedTokens { text, mut at, mut quotes, escapes: (first, last) } = *self;
        // A name with an escape means one of another length.
        let end = if at >= last { usize::MAX } else { first };
        while let [open, close, after @ ..] = quotes
            && let (Ok(open), Ok(close)) = (usize::try_from(*open), usize::try_from(*close))
            && open == at
            && close < end
            && wanted & length_bit(close.wrapping_sub(open).wrapping_sub(1)) == 0
            && text.get(close.wrapping_add(1)) == Some(&b':')
        {
            let value = close.wrapping_add(2);
            let (value_end, after) = match after {
                [open, close, after @ ..] if usize::try_from(*open) == Ok(value) => {
                    let Ok(close) = usize::try_from(*close) else { break };
                    (close.wrapping_add(1), after)
                }
                _ => match word(text.get(value..).unwrap_or_default()) {
                    Some(word) => (value.wrapping_add(word.len()), after),
                    None => break,
                },
            };
            if text.get(value_end) != Some(&b',') {
                break;
            }
            (at, quotes) = (value_end.wrapping_add(1), after);
        }
        (self.at, self.quotes) = (at, quotes);
    }

    #[inline(always)]
    fn key(&mut self) -> Result<RawString<'a>, Undecodable> {
        if !self.is_string() {
            self.peek();
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return self.error("");
        }
        self.at = self.at.wrapping_add(1);
        Ok(name)
    }

    #[inline(always)]
    fn string(&mut self) -> Result<RawString<'a>, Undecodable> {
        let start = self.at.wrapping_add(1);
        let end = self.pass()?;
        let Some(bytes) = self.text.get(start..end) else { return self.error("") };
        let (first, last) = self.escapes;
        let escaped = end > first && start < last && memchr::memchr(b'\\', bytes).is_some();
        Ok(RawString { bytes, start, escaped })
    }

    #[inline(always)]
    fn skip_string(&mut self) -> Result<(), Undecodable> {
        self.pass().map(drop)
    }

    #[inline(always)]
    fn literal(&mut self) -> Result<&'a [u8], Undecodable> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let literal = match word(rest) {
            Some(word) => word,
            None => Scanner::new(rest).literal()?,
        };
        self.at = self.at.wrapping_add(literal.len());
        Ok(literal)
    }
}

/// The word that a text begins with, if it is one that JSON has.
#[inline(always)]
fn word(text: &[u8]) -> Option<&'static [u8]> {
    match text {
        [b'n', b'u', b'l', b'l', ..] => Some(b"null"),
        [b't', b'r', b'u', b'e', ..] => Some(b"true"),
        [b'f', b'a', b'l', b's', b'e', ..] => Some(b"false"),
        _ => None,
    }
}
