//! What is pruned may be named by entries that are pruned in turn: that must come to an end.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::Reader;
use crate::model::spec::{Index, Part};

impl Reader<'_> {
    /// Refuses rules that take away the keys by which they keep their own entries.
    ///
    /// A rule leads to another one if its entries name keys by the template of the other's keys. What else meets by chance is
    /// left to the plan, which looks again until nothing more is gone.
    pub(super) fn chain(&mut self, indexes: &[(Index, Range<usize>)]) {
        // Rules about the same keys are one: the first of them.
        let mut by_key: HashMap<(u64, Vec<Part>), usize> = HashMap::new();
        let rules = || indexes.iter().enumerate().filter(|(_, (index, _))| index.prunes());
        for (at, (index, _)) in rules() {
            by_key.entry((index.db, index.key.canonical())).or_insert(at);
        }
        let mut leads: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); indexes.len()];
        for (_, (index, _)) in rules() {
            let Some(first) = by_key.get(&(index.db, index.key.canonical())) else { continue };
            let named = index.exists.iter().filter(|exists| exists.key.has_text());
            let to = named.filter_map(|exists| by_key.get(&(index.db, exists.key.canonical())));
            leads.get_mut(*first).into_iter().for_each(|leads| leads.extend(to.clone()));
        }
        let leads: Vec<Vec<usize>> = leads.into_iter().map(|to| to.into_iter().collect()).collect();
        let mut done = vec![false; indexes.len()];
        for start in 0..indexes.len() {
            let mut path = Vec::new();
            if let Some(end) = walk(&leads, start, &mut path, &mut done) {
                let names: Vec<String> = path
                    .iter()
                    .skip_while(|at| **at != end)
                    .filter_map(|at| indexes.get(*at))
                    .map(|(index, _)| format!("{:?}", index.name))
                    .collect();
                let span = indexes.get(end).map_or(0..0, |(_, span)| span.clone());
                let message = match names.as_slice() {
                    [one] => format!("the entries of index {one} name keys of the same index"),
                    names => format!("indexes {} prune each other's keys in a circle", names.join(", ")),
                };
                let help =
                    "what one rule deletes counts as gone for the next: name keys that no rule of this chain prunes";
                self.error(span, message, help);
                return;
            }
        }
    }
}

/// Follows the rules from one on; the one that is come to again, if there is such.
fn walk(leads: &[Vec<usize>], start: usize, path: &mut Vec<usize>, done: &mut [bool]) -> Option<usize> {
    if done.get(start).copied().unwrap_or(true) {
        return None;
    }
    // Without recursion: a spec may have thousands of indexes.
    let mut open: Vec<(usize, usize)> = vec![(start, 0)];
    path.push(start);
    while let Some((at, next)) = open.last_mut() {
        let from = *at;
        let to = leads.get(from).and_then(|leads| leads.get(*next)).copied();
        *next = next.saturating_add(1);
        match to {
            None => {
                open.pop();
                path.pop();
                if let Some(done) = done.get_mut(from) {
                    *done = true;
                }
            }
            Some(to) if path.contains(&to) => return Some(to),
            Some(to) if !done.get(to).copied().unwrap_or(true) => {
                path.push(to);
                open.push((to, 0));
            }
            Some(_) => {}
        }
    }
    None
}
