//! What members of an index key look like; a member that does not is foreign.

use std::ops::ControlFlow;

use crate::dump::rdb::{Element, Flow, Visitor};
use crate::model::spec::{Brake, Form, Index};

/// What members of an index key look like; a member that does not is foreign.
#[derive(Clone, Debug)]
pub struct MemberForms<'s> {
    /// Empty where any member will do.
    forms: Vec<&'s Form>,
    /// Somebody has looked: foreign members are like others.
    pub accepted: bool,
}

impl<'s> MemberForms<'s> {
    /// Of a key that is judged by `owner` and that these indexes claim, `owner` among them.
    pub fn new(owner: &Index, claimants: impl Iterator<Item = &'s Index>) -> Self {
        let mut forms: Vec<&Form> = claimants.flat_map(|index| &index.member_forms).collect();
        if forms.iter().any(|form| form.is_any()) {
            forms.clear();
        }
        Self { forms, accepted: owner.accepted.has(Brake::ForeignMembers) }
    }

    /// Whether nothing can be foreign.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whether a member has none of the forms.
    pub fn is_foreign(&self, member: &[u8]) -> bool {
        !self.forms.is_empty() && !self.forms.iter().any(|form| form.has(member))
    }
}

/// Looks for a foreign member in a set or a sorted set.
pub struct FindForeign<'f, 's> {
    pub forms: &'f MemberForms<'s>,
    pub found: bool,
}

impl FindForeign<'_, '_> {
    fn look(&mut self, member: &[u8]) -> Flow {
        self.found = self.forms.is_foreign(member);
        if self.found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Visitor for FindForeign<'_, '_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.look(member.bytes)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.look(member.bytes)
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
        self.look(field.bytes)
    }
}
