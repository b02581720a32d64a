//! Each member of a collection once: a server that is sent one twice counts it once, so the way back must not name it twice.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::ControlFlow;

use foldhash::fast::FixedState;

use crate::index::{Clock, Expires};
use crate::rdb::{self, Element, Flow, Scratch, Value, Visitor};

/// No server loads a table that has a member twice, only compact forms; small tables are looked at all the same.
const MOST_OF_A_TABLE: u64 = 1 << 12;

/// Hashes of members: few instructions each, for there is one for every member that is made again.
pub type Hashes = HashSet<u64, FixedState>;

/// Which members of one value came by. What stands twice is a rarity, so their hashes are kept, and only of a value in
/// which two of these are equal the members themselves.
pub struct Seen<'s, 'v> {
    value: &'s Value<'v>,
    clock: Clock,
    hashes: &'s mut Hashes,
    members: Option<HashSet<Vec<u8>>>,
    /// Members that came by, which are all but fields that had expired.
    passed: u64,
    on: bool,
}

impl<'s, 'v> Seen<'s, 'v> {
    /// Nothing came by yet.
    pub fn new(value: &'s Value<'v>, clock: Clock, hashes: &'s mut Hashes) -> Result<Self, rdb::Error> {
        hashes.clear();
        let on = value.ty.form().is_some() || value.elements()? <= MOST_OF_A_TABLE;
        Ok(Self { value, clock, hashes, members: None, passed: 0, on })
    }

    /// Whether a member comes by for the second time.
    pub fn again(&mut self, member: &[u8]) -> bool {
        if !self.on {
            return false;
        }
        self.passed += 1;
        if self.members.is_none() && !self.hashes.insert(FixedState::default().hash_one(member)) {
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
