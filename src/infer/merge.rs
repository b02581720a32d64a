//! Classes that one index takes for one.
//!
//! What stands under a prefix may have grown over years, or be half of it broken, so that its documents do not look alike.
//! But where records of several classes are members of the same index by the same rule, the application took them for one
//! class, and so must a spec: an index is made from one.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Class, Classes};
use super::guess::Guesses;
use super::patterns::is_separator;
use super::rule::Rule;
use super::sample::Sample;
use super::votes::Votes;

/// A class with fewer votes for a rule may be there by chance.
const VOTES: u64 = 2;

/// Puts such classes together, and the votes for their rules.
pub fn merge(sample: &mut Sample, guesses: &mut Guesses) {
    let mut shared: BTreeMap<Rule, Vec<u32>> = BTreeMap::new();
    for (rule, votes) in &guesses.rules {
        if rule.fields() > 0 && votes.count >= VOTES {
            shared.entry(Rule { class: 0, ..rule.clone() }).or_default().push(rule.class);
        }
    }
    let mut prefixes: Vec<(u64, Vec<u8>)> = shared
        .values()
        .filter(|classes| classes.len() > 1)
        .filter_map(|classes| common_prefix(&sample.classes, classes))
        .filter(|(db, prefix)| are_alike(&sample.classes, *db, prefix))
        .collect();
    // The shortest first: what is inside of it is part of it already.
    prefixes.sort_by_key(|(db, prefix)| (*db, prefix.len(), prefix.clone()));
    let mut outer: Vec<(u64, Vec<u8>)> = Vec::new();
    for (db, prefix) in prefixes {
        if !outer.iter().any(|(of, other)| *of == db && prefix.starts_with(other)) {
            outer.push((db, prefix));
        }
    }
    if !outer.is_empty() {
        apply(sample, guesses, &outer);
    }
}

fn apply(sample: &mut Sample, guesses: &mut Guesses, prefixes: &[(u64, Vec<u8>)]) {
    let mut merged: Vec<Class> = prefixes
        .iter()
        .map(|(db, prefix)| Class {
            db: *db,
            prefix: prefix.clone(),
            exact: false,
            form: None,
            captures: Vec::new(),
            leaves: false,
            sampled: 0,
            profile: BTreeSet::new(),
        })
        .collect();
    let mut numbers: Vec<u32> = Vec::new();
    for class in std::mem::take(&mut sample.classes.all) {
        let at = prefixes.iter().position(|(db, prefix)| *db == class.db && class.prefix.starts_with(prefix));
        let at = at.unwrap_or(merged.len());
        numbers.push(u32::try_from(at).unwrap_or(u32::MAX));
        match merged.get_mut(at) {
            Some(whole) => {
                whole.sampled = whole.sampled.saturating_add(class.sampled);
                whole.profile.extend(class.profile);
            }
            None => merged.push(class),
        }
    }
    sample.classes = Classes::new(merged);
    let new = |class: u32| usize::try_from(class).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(u32::MAX);
    for document in &mut sample.documents {
        document.class = document.class.map(new);
    }
    let mut rules: BTreeMap<Rule, Votes> = BTreeMap::new();
    for (rule, votes) in std::mem::take(&mut guesses.rules) {
        let rule = Rule { class: new(rule.class), ..rule };
        rules.entry(rule).or_default().add(votes.with_classes(new));
    }
    guesses.rules = rules;
}

/// What the names of all of them begin with, up to a separator.
fn common_prefix(classes: &Classes, numbers: &[u32]) -> Option<(u64, Vec<u8>)> {
    let mut classes = numbers.iter().filter_map(|number| classes.get(*number));
    let first = classes.next()?;
    let mut len = first.prefix.len();
    for class in classes {
        let same = first.prefix.iter().zip(&class.prefix).take_while(|(a, b)| a == b).count();
        len = len.min(same);
    }
    let prefix = first.prefix.get(..len)?;
    let end = prefix.iter().rposition(is_separator)?;
    Some((first.db, prefix.get(..=end)?.to_vec()))
}

/// Whether each class under a prefix shares half of its fields with the largest, or has half of that one's.
fn are_alike(classes: &Classes, db: u64, prefix: &[u8]) -> bool {
    let inside = || classes.all.iter().filter(|class| class.db == db && class.prefix.starts_with(prefix));
    let Some(largest) = inside().max_by_key(|class| class.sampled) else { return false };
    inside().all(|class| {
        let shared = class.profile.intersection(&largest.profile).count();
        shared > 0 && shared.saturating_mul(2) >= class.profile.len().min(largest.profile.len())
    })
}
