//! Problems in the data: counted, with a few examples; none of them stops the run.

use std::collections::BTreeMap;

/// Examples kept of each code: the first in its order.
const EXAMPLES: usize = 5;

/// Findings by code.
#[derive(Debug, Default)]
pub struct Diagnostics(BTreeMap<&'static str, Finding>);

#[derive(Debug, Default)]
struct Finding {
    count: u64,
    /// Each with its place in the order of its code, so that they do not depend on the threads.
    examples: Vec<(u64, String)>,
}

impl Diagnostics {
    /// Counts one finding; `text` is only called for one that is kept as an example.
    ///
    /// `order` says which examples come first. For what stands in the dump it is the offset; for index keys that records
    /// imply, which need not be there, their rank. All findings of one code have the same kind of it.
    pub fn add(&mut self, code: &'static str, order: u64, text: impl FnOnce() -> String) {
        let finding = self.0.entry(code).or_default();
        finding.count = finding.count.saturating_add(1);
        finding.keep(order, text);
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        for (code, theirs) in other.0 {
            let finding = self.0.entry(code).or_default();
            finding.count = finding.count.saturating_add(theirs.count);
            for (order, text) in theirs.examples {
                finding.keep(order, || text);
            }
        }
    }

    /// Code, count and examples, in the order of the codes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, impl Iterator<Item = &str>)> {
        self.0
            .iter()
            .map(|(code, finding)| (*code, finding.count, finding.examples.iter().map(|(_, text)| text.as_str())))
    }

    /// How often a code was found.
    pub fn count(&self, code: &str) -> u64 {
        self.0.get(code).map_or(0, |finding| finding.count)
    }
}

impl Finding {
    fn keep(&mut self, order: u64, text: impl FnOnce() -> String) {
        let at = self.examples.partition_point(|(known, _)| *known <= order);
        if at < EXAMPLES {
            self.examples.insert(at, (order, text()));
            self.examples.truncate(EXAMPLES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_examples_stay_in_any_order() {
        let mut a = Diagnostics::default();
        let mut b = Diagnostics::default();
        for n in (0..20).rev() {
            (if n % 2 == 0 { &mut a } else { &mut b }).add("x", n, || n.to_string());
        }
        a.merge(b);
        let found: Vec<_> =
            a.iter().map(|(code, count, examples)| (code, count, examples.collect::<Vec<_>>())).collect();
        assert_eq!(found, [("x", 20, vec!["0", "1", "2", "3", "4"])]);
    }
}
