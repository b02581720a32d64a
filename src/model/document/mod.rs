//! The fields of a record: from JSON text, from a hash, or from the events of a decoder.
//!
//! An [`Extractor`] is made once for the paths a record class needs, and then reads one document after the other without
//! allocating. A document is read to its end even when every field was found: one that is cut or malformed anywhere says
//! nothing reliable, and a later field of the same name replaces an earlier one.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod binary;
mod capture;
mod hash;
mod json;
mod trie;

use std::fmt;

use crate::model::spec::{Path, RecordClass};
pub use binary::events::Events;
pub use binary::text;
use capture::Captures;
pub use capture::{Slot, Slots};
pub use hash::HashFields;
pub use json::text::escape;
use trie::Trie;

/// Objects and arrays inside each other beyond this are refused, as RedisJSON does.
pub const MAX_DEPTH: u32 = 128;

/// Of a document that is a number, a string, an array and so on.
const NOT_AN_OBJECT: &str = "not an object";

/// Takes the values at certain paths out of documents. One for each thread; reusable.
#[derive(Clone, Debug)]
pub struct Extractor {
    trie: Trie,
    hash: hash::Names,
    captures: Captures,
    room: json::Room,
}

/// Why a value is not a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// The byte of the text where it stops making sense; the number of the event for [`Events`].
    pub at: usize,
    /// Why, as a person reads it.
    pub reason: &'static str,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for Undecodable {}

impl Extractor {
    /// An extractor for these paths. A path is known by its position from then on.
    pub fn new(paths: &[Path]) -> Extractor {
        Extractor {
            trie: Trie::new(paths),
            hash: hash::Names::new(paths),
            captures: Captures::new(paths),
            room: json::Room::default(),
        }
    }

    /// An extractor for what the templates of a class ask for: its paths, and behind them what filters make of their values.
    pub fn of(class: &RecordClass) -> Extractor {
        let mut extractor = Extractor::new(&class.paths);
        for (path, filters) in &class.filtered {
            extractor.captures.add_filtered(*path, filters);
        }
        extractor
    }

    /// The members of a set, as the values of its one path (`{@members[]}`).
    pub fn members<'m>(&mut self, members: impl IntoIterator<Item = &'m [u8]>) -> Slots<'_> {
        self.captures.clear();
        self.captures.enter_array();
        for (number, member) in members.into_iter().enumerate() {
            if number > 0 && !self.captures.next_element() {
                break;
            }
            let buffer = self.captures.buffer();
            let start = buffer.len();
            buffer.extend_from_slice(member);
            let end = buffer.len();
            self.captures.push(0, capture::Value::OwnText(start, end));
        }
        self.captures.leave_array();
        self.captures.slots(&[])
    }

    /// A record without any field.
    pub fn nothing(&mut self) -> Slots<'_> {
        self.captures.clear();
        self.captures.slots(&[])
    }

    /// The fields of a JSON text (RFC 8259, UTF-8 without a byte order mark).
    ///
    /// A top level that is not an object is an error: a counter, a lock or a text that was encoded twice is not a record.
    /// An escape of half a surrogate pair is an error, since no bytes could stand for it.
    /// A number may have any size; it is not evaluated. A path with more than four million values is an error.
    pub fn json<'a>(&'a mut self, text: &'a [u8]) -> Result<Slots<'a>, Undecodable> {
        self.read(text)?;
        let first = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        if text.get(first) != Some(&b'{') {
            return Err(Undecodable { at: first, reason: NOT_AN_OBJECT });
        }
        Ok(self.captures.slots(text))
    }

    /// Reads a JSON text, whatever its top level is.
    fn read(&mut self, text: &[u8]) -> Result<(), Undecodable> {
        self.captures.clear();
        json::extract(text, &self.trie, &mut self.captures, &mut self.room)
    }

    /// The fields of a hash. A path means the field of that whole name: `{a.b}` is the field `a.b`.
    ///
    /// Values are text; of a field that stands twice the first counts. A field that a path with `[]` goes into is composite, for a hash has no arrays.
    pub fn hash<'f>(&mut self, fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Slots<'_> {
        let mut hash = self.hash_fields();
        for (field, value) in fields {
            hash.field(field, value);
        }
        hash.finish()
    }

    /// The same for fields that come one at a time and do not stay.
    pub fn hash_fields(&mut self) -> HashFields<'_> {
        self.captures.clear();
        HashFields::new(&self.hash, &mut self.captures)
    }

    /// The fields of a document that something else decodes, as a RedisJSON tree.
    pub fn events(&mut self) -> Events<'_> {
        self.captures.clear();
        Events::new(&self.trie, &mut self.captures)
    }
}

#[cfg(test)]
mod tests;
