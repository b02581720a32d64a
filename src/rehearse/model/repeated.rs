//! Entries that stand in a value twice, which no server writes.

use std::collections::BTreeSet;

use super::super::Error;
use super::super::state::Value;
use crate::dump::rdb::{Element, Flow, Record, Scratch, Visitor};

/// The members of a set or sorted set, or the fields of a hash, that stand in it twice, which none should. `read` is its value.
pub fn repeated(record: &Record<'_>, read: &Value) -> Result<BTreeSet<Vec<u8>>, Error> {
    // Where there are as many as there are different ones, each is there once.
    if record.value.elements()? == read.elements() {
        return Ok(BTreeSet::new());
    }
    #[derive(Default)]
    struct Twice {
        once: BTreeSet<Vec<u8>>,
        twice: BTreeSet<Vec<u8>>,
    }
    impl Visitor for Twice {
        fn set_member(&mut self, member: Element<'_>) -> Flow {
            if !self.once.insert(member.bytes.to_vec()) {
                self.twice.insert(member.bytes.to_vec());
            }
            Flow::Continue(())
        }
        fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
            self.set_member(member)
        }
        fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
            self.set_member(field)
        }
    }
    let mut all = Twice::default();
    record.value.visit(&mut Scratch::default(), &mut all)?;
    Ok(all.twice)
}
