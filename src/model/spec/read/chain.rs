//! What is pruned may be named by entries that are pruned in turn: that must come to an end.

use std::ops::Range;

use super::Reader;
use crate::model::spec::Index;

impl Reader<'_> {
    /// Refuses rules that take away the keys by which they keep their own entries.
    ///
    /// A rule leads to another one if its entries name keys by the template of the other's keys. What else meets by chance is
    /// left to the plan, which looks again until nothing more is gone.
    pub(super) fn chain(&mut self, indexes: &[(Index, Range<usize>)]) {
        let leads = |from: &Index, to: &Index| {
            from.prunes()
                && to.prunes()
                && from.db == to.db
                && from
                    .exists
                    .iter()
                    .any(|exists| exists.key.has_text() && exists.key.canonical() == to.key.canonical())
        };
        let mut done = vec![false; indexes.len()];
        for start in 0..indexes.len() {
            let mut path = Vec::new();
            if let Some(end) = self.walk(indexes, &leads, start, &mut path, &mut done) {
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

    /// Follows the rules from one on; the one that is come to again, if there is such.
    fn walk(
        &self,
        indexes: &[(Index, Range<usize>)],
        leads: &dyn Fn(&Index, &Index) -> bool,
        start: usize,
        path: &mut Vec<usize>,
        done: &mut [bool],
    ) -> Option<usize> {
        // Without recursion: a spec may have thousands of indexes.
        let mut open: Vec<(usize, usize)> = vec![(start, 0)];
        if done.get(start).copied().unwrap_or(true) {
            return None;
        }
        path.push(start);
        while let Some((at, next)) = open.last_mut() {
            let (from, to) = (*at, *next);
            *next = next.saturating_add(1);
            let (Some((rule, _)), Some((other, _))) = (indexes.get(from), indexes.get(to)) else {
                open.pop();
                path.pop();
                if let Some(done) = done.get_mut(from) {
                    *done = true;
                }
                continue;
            };
            if !leads(rule, other) {
                continue;
            }
            if path.contains(&to) {
                return Some(to);
            }
            if !done.get(to).copied().unwrap_or(true) {
                path.push(to);
                open.push((to, 0));
            }
        }
        None
    }
}
