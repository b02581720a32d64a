//! What each family comes to, without the names that it was found from.

use std::collections::BTreeMap;

use super::{Stock, Tally};

/// The families of a stock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyTallies {
    /// By index of the spec.
    pub indexes: Vec<Tally>,
    /// By record class of the spec.
    pub records: Vec<Tally>,
    /// Globs of the others, in the order of their bytes.
    pub others: BTreeMap<Vec<u8>, Tally>,
}

impl FamilyTallies {
    /// Those of a stock.
    pub fn of(stock: &Stock) -> Self {
        Self {
            indexes: stock.indexes.clone(),
            records: stock.records.clone(),
            others: stock.others.list().into_iter().collect(),
        }
    }

    /// Adds those of another part of the database.
    pub fn add(&mut self, other: Self) {
        let add = |mine: &mut [Tally], theirs: &[Tally]| {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.add(*theirs));
        };
        add(&mut self.indexes, &other.indexes);
        add(&mut self.records, &other.records);
        for (glob, tally) in other.others {
            self.others.entry(glob).or_default().add(tally);
        }
    }
}
