//! The elements of a key that is edited: where those stand that go or change, and that those which come are not there.

use std::collections::{HashMap, HashSet};

use crate::dump::rdb::{Element, Flow, Place, Visitor};
use crate::model::view::{Clock, Expires};

/// Looks for elements.
pub(super) struct Look<'l> {
    /// Those that go, and how often each was met.
    pub going: HashMap<&'l [u8], u64>,
    /// Where they stand, and which they are.
    pub places: Vec<(Place, &'l [u8])>,
    /// Those that change.
    pub changing: HashSet<&'l [u8]>,
    /// The scores that these have.
    pub old: Vec<(&'l [u8], f64)>,
    /// Those that come.
    pub coming: HashSet<&'l [u8]>,
    /// One of them is there already.
    pub is_there: bool,
    pub clock: Clock,
}

impl Look<'_> {
    fn element(&mut self, element: Element<'_>, score: f64) -> Flow {
        if let Some((going, count)) = self.going.get_key_value(element.bytes) {
            let (going, count) = (*going, count.saturating_add(1));
            self.places.push((element.at, going));
            self.going.insert(going, count);
        }
        if let Some(changing) = self.changing.get(element.bytes) {
            self.old.push((*changing, score));
        }
        self.is_there |= self.coming.contains(element.bytes);
        Flow::Continue(())
    }
}

impl Visitor for Look<'_> {
    fn string(&mut self, _: Element<'_>) -> Flow {
        // A pointer: its text is the value of a field without a name.
        if let Some(changing) = self.changing.get(&[][..]) {
            self.old.push((*changing, 0.0));
        }
        self.is_there |= self.coming.contains(&[][..]);
        Flow::Continue(())
    }

    fn list_element(&mut self, _: u64, element: Element<'_>) -> Flow {
        self.element(element, 0.0)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.element(member, 0.0)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.element(member, score)
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.clock.expires(expire_ms) == Expires::Gone {
            return Flow::Continue(());
        }
        self.element(field, 0.0)
    }
}
