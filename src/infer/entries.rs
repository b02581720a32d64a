//! Entries of keys, a few of each: members with scores, elements, fields with values, texts.

use std::ops::ControlFlow;

use super::scatter;
use crate::dump::rdb::{self, Element, Flow, Scratch, Visitor};
use crate::model::view::{Clock, Dump, Expires};

/// Longer texts are no identifiers.
const TEXT_BYTES: usize = 1 << 10;

/// An entry of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// A member, an element, or the field of a hash; nothing of a string.
    pub member: Vec<u8>,
    /// The value of a field, or the text of a string.
    pub value: Vec<u8>,
    pub score: Option<f64>,
}

/// Some entries of the key that starts at `start`, from all over its first ones, as many as that.
pub fn some(
    dump: &Dump<'_>,
    clock: Clock,
    start: u64,
    (share, first): (usize, u64),
    scratch: &mut Scratch,
) -> Result<Vec<Entry>, rdb::Error> {
    let record = dump.record(start)?;
    let elements = record.value.elements()?;
    let looked_at = elements.min(first);
    let every = looked_at.div_ceil(share.max(1) as u64).max(1);
    let mut picker = Picker { every, left: looked_at.max(1), at: 0, clock, entries: Vec::new() };
    record.value.visit(scratch, &mut picker)?;
    Ok(picker.entries)
}

/// Takes one of `every` entries.
struct Picker {
    every: u64,
    left: u64,
    at: u64,
    clock: Clock,
    entries: Vec<Entry>,
}

impl Picker {
    fn take(&mut self, member: &[u8], value: &[u8], score: Option<f64>) -> Flow {
        let Some(left) = self.left.checked_sub(1) else { return ControlFlow::Break(()) };
        self.left = left;
        if scatter::is_picked(self.at, self.every) && member.len() <= TEXT_BYTES && value.len() <= TEXT_BYTES {
            self.entries.push(Entry { member: member.to_vec(), value: value.to_vec(), score });
        }
        self.at = self.at.saturating_add(1);
        ControlFlow::Continue(())
    }
}

impl Visitor for Picker {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.take(&[], value.bytes, None)
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.take(value.bytes, &[], None)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.take(member.bytes, &[], None)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.take(member.bytes, &[], Some(score))
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.clock.expires(expire_ms) == Expires::Gone {
            return ControlFlow::Continue(());
        }
        self.take(field.bytes, value.bytes, None)
    }
}
