//! What a person is shown of several plans as of one: counts added up, the largest edits of all, the first examples in the
//! order of the whole plan.

use super::rows::is_scored;
use crate::bundle::manifest::{Example, IndexPlan};
use crate::dump::slots::slot_of;
use crate::model::spec::Spec;
use crate::plan::changes::{DELETE, REMOVE, wants};
use crate::plan::summary::{Class, Digest, Edit, Group, LARGEST, Large, SAMPLES, TYPES};
use crate::text::Truncated;

/// Where an edit of an index stands in a plan by slot, as far as its index and its key say. What is taken out comes in the
/// order of the shards.
fn place(edit: Edit, key: &[u8]) -> (u8, u16, Vec<u8>) {
    match edit {
        Edit::Delete => (0, slot_of(key), key.to_vec()),
        Edit::Add | Edit::Rescore => (1, 0, key.to_vec()),
        Edit::Remove => (2, 0, Vec::new()),
    }
}

/// The same of a name that may have been shortened: longer ones that differ in their middle alone stand as they come.
fn place_of(edit: Edit, key: &Truncated) -> (u8, u16, Vec<u8>) {
    place(edit, &[&key.head[..], &key.tail].concat())
}

/// Those of several plans, in the order of their shards.
pub fn together(spec: &Spec, parts: impl Iterator<Item = Digest>) -> Digest {
    let mut all = Digest::new(spec.indexes.len());
    let mut largest: Vec<Large> = Vec::new();
    for part in parts {
        for (mine, theirs) in all.indexes.iter_mut().zip(part.indexes) {
            mine.created_keys = mine.created_keys.saturating_add(theirs.created_keys);
            mine.deleted_members = mine.deleted_members.saturating_add(theirs.deleted_members);
            mine.new_members = mine.new_members.saturating_add(theirs.new_members);
            for ((class, pattern), group) in theirs.groups {
                add(mine.groups.entry((class, pattern)).or_default(), class, group);
            }
        }
        largest.extend(part.largest.into_iter().take(LARGEST));
        largest.sort_by_cached_key(|large| {
            let scored = spec.indexes.get(large.index).is_some_and(is_scored);
            let (phase, slot, key) = place_of(large.edit, &large.key);
            let index = if large.edit == Edit::Delete { 0 } else { large.index };
            (std::cmp::Reverse(large.size), phase, slot, phase == 1 && scored, index, key)
        });
        largest.truncate(LARGEST);
    }
    all.largest = largest;
    all
}

fn add(mine: &mut Group, class: Class, theirs: Group) {
    mine.count = mine.count.saturating_add(theirs.count);
    mine.elements = mine.elements.saturating_add(theirs.elements);
    for (name, count) in theirs.types {
        let room = mine.types.len() < TYPES;
        match mine.types.get_mut(&name) {
            Some(known) => *known = known.saturating_add(count),
            None if room => {
                mine.types.insert(name, count);
            }
            None => {}
        }
    }
    mine.samples.extend(theirs.samples.into_iter().take(SAMPLES));
    mine.samples.sort_by_cached_key(|sample| place_of(class.edit(), &sample.key));
    mine.samples.truncate(SAMPLES);
}

/// The examples of one index of all plans.
pub fn examples<'m>(plans: impl Iterator<Item = &'m IndexPlan>) -> Vec<Example> {
    let mut all: Vec<&Example> = plans.flat_map(|plan| &plan.examples).collect();
    all.sort_by_cached_key(|example| {
        let edit = match example.edit.as_str() {
            DELETE => Edit::Delete,
            REMOVE => Edit::Remove,
            _ => Edit::Add,
        };
        place(edit, &example.key.0)
    });
    let mut out: Vec<Example> = Vec::new();
    for example in all {
        if wants(&out, &example.edit) {
            out.push(example.clone());
        }
    }
    out
}
