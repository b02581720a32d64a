//! The fields of a hash as a record's fields.

use crate::model::spec::{Path, Step};

use super::capture::{Captures, Slots, Value};
use super::trie::{length_bit, same};

/// What each path is called in a hash.
#[derive(Clone, Debug)]
pub(super) struct Names {
    names: Vec<Name>,
    /// The [`length_bit`] of each.
    lengths: u64,
}

#[derive(Clone, Debug)]
struct Name {
    /// The names of the path up to its first `[]`, with dots between them.
    field: Vec<u8>,
    /// Whether it goes into an array.
    array: bool,
}

impl Names {
    pub fn new(paths: &[Path]) -> Names {
        let name = |path: &Path| {
            let names = path
                .steps
                .iter()
                .map_while(|step| if let Step::Name(name) = step { Some(name.as_slice()) } else { None });
            Name { field: names.collect::<Vec<_>>().join(&b'.'), array: path.arrays() > 0 }
        };
        let names: Vec<Name> = paths.iter().map(name).collect();
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name.field.len()));
        Names { names, lengths }
    }
}

/// Takes the fields of a hash one by one.
#[derive(Debug)]
pub struct HashFields<'a> {
    names: &'a Names,
    captures: &'a mut Captures,
}

impl<'a> HashFields<'a> {
    pub(super) fn new(names: &'a Names, captures: &'a mut Captures) -> HashFields<'a> {
        HashFields { names, captures }
    }

    /// Whether any path asks for this field: what else a hash holds need not be decoded.
    #[inline(always)]
    pub fn wants(&self, field: &[u8]) -> bool {
        self.names.lengths & length_bit(field.len()) != 0 && self.asks_for(field)
    }

    fn asks_for(&self, field: &[u8]) -> bool {
        self.names.names.iter().any(|name| same(&name.field, field))
    }

    /// A field. The value is copied if it is wanted.
    pub fn field(&mut self, field: &[u8], value: &[u8]) {
        for (path, name) in self.names.names.iter().enumerate() {
            // Of a field that stands twice the first counts: it is what a server that loads such a hash answers to HGET.
            if !same(&name.field, field) || self.captures.has(path) {
                continue;
            }
            let value = if name.array {
                Value::Composite
            } else {
                let buffer = self.captures.buffer();
                let start = buffer.len();
                buffer.extend_from_slice(value);
                Value::OwnText(start, buffer.len())
            };
            self.captures.push(path, value);
        }
    }

    /// That was the last field.
    pub fn finish(self) -> Slots<'a> {
        self.captures.slots(&[])
    }
}
