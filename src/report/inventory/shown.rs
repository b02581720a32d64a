//! What of an inventory is shown, and in which order.

use std::cmp::Reverse;

/// By what rows are sorted, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Memory,
    /// Bytes in the dump.
    Bytes,
    Elements,
    Keys,
    /// By name, in the order of bytes.
    Name,
}

/// What a user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// So many of the largest keys, by each measure and of each type.
    pub top: Option<usize>,
    pub sort: Sort,
}

/// The numbers that rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    pub memory: u64,
    pub bytes: u64,
    pub elements: u64,
    pub keys: u64,
}

impl Sort {
    /// Sorts rows that are in the order of their names; of equals that order stays.
    pub fn sort<T>(self, rows: &mut [T], weights: impl Fn(&T) -> Weights) {
        let weight = |row: &T| {
            let weights = weights(row);
            match self {
                Self::Memory => weights.memory,
                Self::Bytes => weights.bytes,
                Self::Elements => weights.elements,
                Self::Keys => weights.keys,
                Self::Name => 0,
            }
        };
        rows.sort_by_key(|row| Reverse(weight(row)));
    }
}
