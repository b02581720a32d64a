//! Each member of a collection once: a server that is sent one twice counts it once, so the way back must not name it twice.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::dump::rdb::{self, Element, Flow, Scratch, Value, Visitor};
use crate::model::view::{Clock, Expires};

/// No server loads a table that has a member twice, only compact forms; small tables are looked at all the same.
const MOST_OF_A_TABLE: u64 = 1 << 12;

/// Bits that members of one value set, by a hash of few instructions: there is one for every member that is made again.
#[derive(Debug)]
pub struct Marks {
    bits: Box<[u64; WORDS]>,
    /// Words with a bit, to clear no others.
    used: Vec<u16>,
}

const WORDS: usize = 1 << 10;

impl Default for Marks {
    fn default() -> Self {
        Self { bits: Box::new([0; WORDS]), used: Vec::new() }
    }
}

impl Marks {
    fn clear(&mut self) {
        for word in self.used.drain(..) {
            self.bits[usize::from(word)] = 0;
        }
    }

    /// Sets the bit of a member; false if it was set.
    fn insert(&mut self, member: &[u8]) -> bool {
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let (first, last) = match (member.first_chunk::<8>(), member.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (word(member), 0),
        };
        let mixed = (first.rotate_left(32) ^ last ^ member.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let (at, bit) = (mixed as usize / 64, 1 << (mixed % 64));
        if self.bits[at] == 0 {
            self.used.push(at as u16);
        }
        let is_new = self.bits[at] & bit == 0;
        self.bits[at] |= bit;
        is_new
    }
}

/// Which members of one value came by. What stands twice is a rarity, so a bit is kept of each, and only of a value in
/// which two have the same one the members themselves.
pub struct Seen<'s, 'v> {
    value: &'s Value<'v>,
    clock: Clock,
    marks: &'s mut Marks,
    members: Option<HashSet<Vec<u8>>>,
    /// Members that came by, which are all but fields that had expired.
    passed: u64,
    on: bool,
}

impl<'s, 'v> Seen<'s, 'v> {
    /// Nothing came by yet.
    pub fn new(value: &'s Value<'v>, clock: Clock, marks: &'s mut Marks) -> Result<Self, rdb::Error> {
        marks.clear();
        let on = value.ty.form().is_some() || value.elements()? <= MOST_OF_A_TABLE;
        Ok(Self { value, clock, marks, members: None, passed: 0, on })
    }

    /// Whether a member comes by for the second time.
    pub fn again(&mut self, member: &[u8]) -> bool {
        if !self.on {
            return false;
        }
        self.passed += 1;
        if self.members.is_none() && !self.marks.insert(member) {
            self.members = Some(self.before());
        }
        self.members.as_mut().is_some_and(|members| !members.insert(member.to_vec()))
    }

    /// The members before the present one.
    fn before(&self) -> HashSet<Vec<u8>> {
        struct First {
            left: u64,
            clock: Clock,
            members: HashSet<Vec<u8>>,
        }
        impl First {
            fn one(&mut self, member: &[u8]) -> Flow {
                if self.left == 0 {
                    return ControlFlow::Break(());
                }
                self.left -= 1;
                self.members.insert(member.to_vec());
                ControlFlow::Continue(())
            }
        }
        impl Visitor for First {
            fn set_member(&mut self, member: Element<'_>) -> Flow {
                self.one(member.bytes)
            }
            fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
                self.one(member.bytes)
            }
            fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, expire_ms: Option<i64>) -> Flow {
                if matches!(self.clock.expires(expire_ms), Expires::Gone) {
                    return ControlFlow::Continue(());
                }
                self.one(field.bytes)
            }
        }
        let mut first = First { left: self.passed - 1, clock: self.clock, members: HashSet::new() };
        // It is being read without an error so far.
        let _ = self.value.visit(&mut Scratch::default(), &mut first);
        first.members
    }
}
