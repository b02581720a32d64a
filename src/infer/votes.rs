//! What speaks for a rule.

use std::collections::BTreeMap;

/// The votes for a rule.
#[derive(Clone, Debug, Default)]
pub struct Votes {
    pub count: u64,
    /// Members of the largest set that it would explain.
    pub elements: u64,
    /// Lots of the first value of each field of the key, and whether there was another.
    first: Vec<u64>,
    varies: Vec<bool>,
    /// Fields that the score was equal to, and how often.
    pub scores: BTreeMap<u32, u64>,
    /// By field of the key and class: how often the value was the key of a record of that class.
    pub required: BTreeMap<(u32, u32), u64>,
}

impl Votes {
    /// Whether every field of the key has had more than one value.
    pub fn vary(&self) -> bool {
        self.varies.iter().all(|varies| *varies)
    }

    /// Adds the votes of other members for the same rule.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.elements = self.elements.max(other.elements);
        self.values(&other.first);
        for (varies, theirs) in self.varies.iter_mut().zip(&other.varies) {
            *varies |= theirs;
        }
        for (path, count) in other.scores {
            let sum = self.scores.entry(path).or_default();
            *sum = sum.saturating_add(count);
        }
        for (pair, count) in other.required {
            let sum = self.required.entry(pair).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// The same with other numbers for the classes.
    pub fn with_classes(mut self, new: impl Fn(u32) -> u32) -> Self {
        let mut required: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for ((path, class), count) in self.required {
            let sum = required.entry((path, new(class))).or_default();
            *sum = sum.saturating_add(count);
        }
        self.required = required;
        self
    }

    /// Notes the lots of the values that the fields of the key had.
    pub fn values(&mut self, lots: &[u64]) {
        if self.first.is_empty() {
            self.first = lots.to_vec();
            self.varies = vec![false; lots.len()];
        }
        for ((first, varies), lot) in self.first.iter().zip(&mut self.varies).zip(lots) {
            *varies |= first != lot;
        }
    }
}
