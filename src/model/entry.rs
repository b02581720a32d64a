//! Entries that name keys: read by the templates of an index with `exists`, or of one whose entries make up the names of their
//! records.

use std::borrow::Cow;

use super::document::{Slot, Slots};
use super::spec::{Captured, Condition, Exists, Form, Index, Part, Reading, Template, Test, Text, Texts, bound, fill};

/// Reads the entries of one key of an index.
#[derive(Clone, Debug)]
pub struct Entries<'s> {
    /// The index.
    pub index: &'s Index,
    key: Vec<u8>,
    /// What the name of the key stands for; an entry adds to it.
    of_key: Captured,
    captured: Captured,
    member: Option<Cow<'s, Form>>,
    value: Option<Cow<'s, Form>>,
    reading: Reading,
}

impl<'s> Entries<'s> {
    /// For a key of this name; `None` if it is not of the index's family.
    pub fn new(index: &'s Index, key: &[u8]) -> Option<Self> {
        let (mut captured, mut reading) = (Captured::default(), Reading::default());
        let texts = Texts::of_key(key);
        if !index.takes(key) || !index.family.capture(Text::Key, &texts, &mut reading, &mut captured) {
            return None;
        }
        // A capture of the key is text when a member or a value is read.
        let form = |template: Option<&'s Template>, form: Option<&'s Form>| {
            let form = form?;
            Some(match bound(&template?.parts, &captured, &texts) {
                Cow::Borrowed(_) => Cow::Borrowed(form),
                Cow::Owned(parts) => Cow::Owned(Form::new(&parts, &index.captures, None)),
            })
        };
        let member = form(Some(&index.member), index.member_forms.first());
        let value = form(index.value.as_ref(), index.value_form.as_ref());
        Some(Self { index, key: key.to_vec(), of_key: captured.clone(), captured, member, value, reading })
    }

    /// Reads an entry: a member, or the field of a hash, and a value, or the text of a string. False if it has not the form.
    pub fn read(&mut self, member: &[u8], value: &[u8]) -> bool {
        let Self { key, of_key, captured, member: of_member, value: of_value, reading, .. } = self;
        captured.clone_from(of_key);
        let texts = Texts { key, member, value };
        let mut fits = |form: &Option<Cow<'_, Form>>, text| {
            form.as_ref().is_none_or(|form| form.capture(text, &texts, reading, captured))
        };
        fits(of_member, Text::Member) && fits(of_value, Text::Value)
    }

    /// Appends a text that is made of what the entry that was read last stands for. False if the template takes more.
    pub fn fill(&self, template: &Template, member: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
        template.fill(&self.captured, &Texts { key: &self.key, member, value }, out)
    }

    /// The same for parts of a name.
    pub fn fill_parts(&self, parts: &[Part], member: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
        fill(parts, &self.captured, &Texts { key: &self.key, member, value }, out)
    }

    /// Whether what `exists` says of the named key holds; `None` if it cannot be said.
    pub fn holds(&self, exists: &Exists, (member, value): (&[u8], &[u8]), slots: &Slots<'_>) -> Option<bool> {
        let mut room = Vec::new();
        hold(&exists.conditions, slots, |template, text| {
            room.clear();
            self.fill(template, member, value, &mut room) && room == text
        })
    }
}

/// Whether all conditions are met; `None` if some is not known to be, and none is known not to be.
pub(super) fn hold(
    conditions: &[Condition],
    slots: &Slots<'_>,
    mut is: impl FnMut(&Template, &[u8]) -> bool,
) -> Option<bool> {
    let mut known = true;
    for condition in conditions {
        match met(condition, slots, &mut is) {
            Met::Yes => {}
            Met::Unknown => known = false,
            // One that is surely not met decides, whatever cannot be said of the others.
            Met::No => return Some(false),
        }
    }
    known.then_some(true)
}

/// What can be said of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is met.
    Yes,
    /// It is not.
    No,
    /// It compares an object or an array.
    Unknown,
}

/// Whether a condition is met; `is` tells whether a text is what a template gives.
pub fn met(condition: &Condition, slots: &Slots<'_>, mut is: impl FnMut(&Template, &[u8]) -> bool) -> Met {
    let (mut there, mut equal, mut unknown) = (false, false, false);
    for (_, slot) in slots.elements(condition.path) {
        match slot {
            Slot::Text(text) | Slot::Literal(text) => {
                there = true;
                if let Test::OneOf(texts) = &condition.test {
                    equal |= texts.iter().any(|template| is(template, text));
                }
            }
            // It is there; what it is equal to cannot be said.
            Slot::Composite if matches!(condition.test, Test::OneOf(_)) => unknown = true,
            Slot::Composite => there = true,
            Slot::Null | Slot::Absent => {}
        }
    }
    let met = match condition.test {
        Test::There => there,
        Test::Absent => !there,
        Test::OneOf(_) => equal,
    };
    match (unknown, met) {
        (true, _) => Met::Unknown,
        (false, true) => Met::Yes,
        (false, false) => Met::No,
    }
}
