//! What an entry of an index key stands for, read by trying every way.

use std::collections::BTreeMap;

use super::super::reading::{Reading, Slots};
use crate::model::spec::{Index, Part, Template};

/// What captures stand for, by their number.
pub type Captured = BTreeMap<usize, Vec<u8>>;

/// Reading the entries of index keys.
pub struct Entry;

impl Entry {
    /// What the captures of a key, a member and a value stand for; `None` if one of them has not its form. `of_key` reads the
    /// key.
    pub fn read(rule: &Index, of_key: &Reading, key: &[u8], member: &[u8], value: &[u8]) -> Option<Captured> {
        let mut captured = captures(&of_key.read(key)?, key);
        let known = captured.clone();
        let member_template = (!rule.member_forms.is_empty()).then_some(&rule.member);
        for (template, text) in [(member_template, member), (rule.value.as_ref(), value)] {
            let Some(template) = template else { continue };
            // A capture of the key is text here.
            let reading = Reading::new(&with_text(template, &known), &rule.captures, None);
            for (number, found) in captures(&reading.read(text)?, text) {
                // What another text has given already must be the same.
                if *captured.entry(number).or_insert_with(|| found.clone()) != found {
                    return None;
                }
            }
        }
        Some(captured)
    }
}

fn with_text(template: &Template, known: &Captured) -> Vec<Part> {
    let part = |part: &Part| match part {
        Part::Capture(number) => known.get(number).map_or(part.clone(), |text| Part::Literal(text.clone())),
        part => part.clone(),
    };
    template.parts.iter().map(part).collect()
}

/// What the captures of a text that was read stand for; of one that occurs twice both are equal.
pub fn captures(slots: &Slots, text: &[u8]) -> Captured {
    let one = |(capture, spot): &(Option<usize>, std::ops::Range<usize>)| {
        Some(((*capture)?, text.get(spot.clone())?.to_vec()))
    };
    slots.iter().filter_map(one).collect()
}

/// The text that captures make up; `None` if one of them was not read, or it takes more than captures.
pub fn fill(parts: &[Part], captured: &Captured) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text),
            Part::Capture(number) => out.extend_from_slice(captured.get(number)?),
            _ => return None,
        }
    }
    Some(out)
}
