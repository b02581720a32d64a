//! Whether the key is there that an entry names.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

use crate::dump::rdb::{self, Element, Flow, Kind, Scratch, Visitor};
use crate::model::document::Extractor;
use crate::model::entry::Entries;
use crate::model::spec::Exists;
use crate::model::view::{Clock, Dump, Existing, Expires, decode};

/// What is there, less what the plan deletes.
pub struct There<'a, 'e> {
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub existing: &'e Existing,
    /// Keys of the dump that the plan deletes, by where they start.
    pub gone: &'e HashSet<u64>,
}

/// What is known of the key that an entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// It is there, and is what `exists` asks for, or may be.
    pub stays: bool,
    /// It is in the dump, whatever becomes of it.
    pub in_dump: bool,
}

/// Memory for looking up.
#[derive(Debug, Default)]
pub struct Room {
    name: Vec<u8>,
    field: Vec<u8>,
    text: Vec<u8>,
    scratch: Scratch,
}

impl There<'_, '_> {
    /// What is known of the keys that have one of these hashes, of which nothing more is asked.
    pub fn settle(&self, hash: u64, near: Range<usize>) -> Found {
        let starts = self.existing.starts(hash, near);
        // Of several that have one hash, each may be it.
        let stays = starts.iter().any(|start| self.gone.is_empty() || !self.gone.contains(start));
        Found { stays, in_dump: !starts.is_empty() }
    }

    /// Looks for one of the keys that the entry read last would stay for.
    pub fn look(
        &self,
        entries: &Entries<'_>,
        entry: (&[u8], &[u8]),
        room: &RefCell<Room>,
    ) -> Result<Found, rdb::Error> {
        let mut found = Found::default();
        for exists in &entries.index.exists {
            let one = self.one(entries, exists, entry, &mut room.borrow_mut())?;
            found.stays |= one.stays;
            found.in_dump |= one.in_dump;
            if found.stays {
                break;
            }
        }
        Ok(found)
    }

    fn one(
        &self,
        entries: &Entries<'_>,
        exists: &Exists,
        entry: (&[u8], &[u8]),
        room: &mut Room,
    ) -> Result<Found, rdb::Error> {
        let Room { name, field, text, scratch } = room;
        name.clear();
        if !entries.fill(&exists.key, entry.0, entry.1, name) {
            return Ok(Found { stays: true, in_dump: false });
        }
        let places = self.existing.find(entries.index.db, name);
        let in_dump = !places.is_empty();
        // Of several that have one hash, each may be it.
        for &start in places.iter().filter(|start| !self.gone.contains(start)) {
            if exists.is_plain() {
                return Ok(Found { stays: true, in_dump });
            }
            let record = self.dump.record(start)?;
            // What expires in doubt may be there, and may be anything.
            if self.clock.expires(record.expire_ms) == Expires::InDoubt {
                return Ok(Found { stays: true, in_dump });
            }
            let stays = match &exists.field {
                Some(template) => {
                    field.clear();
                    let is_hash = record.value.ty.kind() == Kind::Hash;
                    if !is_hash || !entries.fill(template, entry.0, entry.1, field) {
                        true
                    } else {
                        let mut look = LookForField { field, value: None, clock: self.clock };
                        record.value.visit(scratch, &mut look)?;
                        match look.value {
                            None => false,
                            Some(_) if exists.conditions.is_empty() => true,
                            Some(value) => {
                                let mut extractor = Extractor::new(&exists.paths);
                                let slots = extractor.json(&value);
                                slots.map_or(true, |slots| entries.holds(exists, entry, &slots).unwrap_or(true))
                            }
                        }
                    }
                }
                None => {
                    let mut extractor = Extractor::new(&exists.paths);
                    let slots = match record.value.ty.kind() {
                        Kind::String | Kind::Hash | Kind::Module => {
                            decode(&record, &mut extractor, text, scratch, self.clock)?.ok()
                        }
                        _ => None,
                    };
                    slots.is_none_or(|slots| entries.holds(exists, entry, &slots).unwrap_or(true))
                }
            };
            if stays {
                return Ok(Found { stays, in_dump });
            }
        }
        Ok(Found { stays: false, in_dump })
    }
}

/// Looks for one field of a hash.
struct LookForField<'f> {
    field: &'f [u8],
    value: Option<Vec<u8>>,
    clock: Clock,
}

impl Visitor for LookForField<'_> {
    fn wants_value(&mut self, field: Element<'_>) -> bool {
        field.bytes == self.field
    }

    fn hash_field(&mut self, _: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.clock.expires(expire_ms) != Expires::Gone {
            self.value = Some(value.bytes.to_vec());
        }
        ControlFlow::Break(())
    }
}
