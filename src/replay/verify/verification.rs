//! What a look found that is not as it should be.

use std::collections::HashSet;

use super::state::Proven;
use crate::replay::look::query::{Difference, Tally};

/// What was looked at, and what is not as the plan left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What was looked for.
    pub proven: Proven,
    pub keys: u64,
    pub members: u64,
    /// There, and should not be.
    pub unexpected_keys: Tally,
    /// Not there, and should be.
    pub missing_keys: Tally,
    pub wrong_type: Tally,
    /// Not there, and an edit names them.
    pub missing_members: Tally,
    /// There, though an edit says that they should not be; or there in a key of which every member is known.
    pub remaining_members: Tally,
    pub wrong_scores: Tally,
    /// Fields of hashes with another value than an edit gives them.
    pub wrong_fields: Tally,
    /// Keys that gained, lost or swapped members that no edit names, or in which such a member has another score.
    pub other_members: Tally,
    /// Values of other types that are not what they were.
    pub other_values: Tally,
    pub wrong_expiry: Tally,
    /// Values that cannot be compared: too large, or told by the server in its own way.
    pub not_compared: Tally,
}

impl Verification {
    /// Everything is as it should be.
    pub fn holds(&self) -> bool {
        self.kinds().into_iter().all(|(_, tally)| tally.is_empty())
    }

    /// Differences of all kinds.
    pub fn differences(&self) -> u64 {
        self.kinds().into_iter().fold(0, |sum, (_, tally)| sum.saturating_add(tally.count))
    }

    /// Takes out the differences that `is_excused`, as far as examples were kept, and gives them.
    pub fn excuse(&mut self, mut is_excused: impl FnMut(&Difference) -> bool) -> Tally {
        let mut excused = Tally::default();
        for tally in self.kinds_mut() {
            tally.excuse(&mut is_excused, &mut excused);
        }
        excused
    }

    /// The keys that differ, as far as examples were kept.
    pub fn keys_that_differ(&self) -> HashSet<(u32, Vec<u8>)> {
        let differences = self.kinds().into_iter().flat_map(|(_, tally)| &tally.examples);
        differences.map(|difference| (difference.db, difference.key.clone())).collect()
    }

    fn kinds_mut(&mut self) -> [&mut Tally; 10] {
        [
            &mut self.unexpected_keys,
            &mut self.missing_keys,
            &mut self.wrong_type,
            &mut self.missing_members,
            &mut self.remaining_members,
            &mut self.wrong_scores,
            &mut self.wrong_fields,
            &mut self.other_members,
            &mut self.other_values,
            &mut self.wrong_expiry,
        ]
    }

    /// Every kind of difference and what it is called.
    pub fn kinds(&self) -> [(&'static str, &Tally); 10] {
        let gone = match self.proven {
            Proven::Target => ["keys that should be deleted", "members that should be removed"],
            Proven::Old => ["keys that should not be there", "members that should not be there"],
        };
        [
            (gone[0], &self.unexpected_keys),
            ("missing keys", &self.missing_keys),
            ("keys of another type", &self.wrong_type),
            ("missing members", &self.missing_members),
            (gone[1], &self.remaining_members),
            ("members of another score", &self.wrong_scores),
            ("fields with another value", &self.wrong_fields),
            ("keys with other members than before, which no edit names", &self.other_members),
            ("keys with another value", &self.other_values),
            ("keys of another expiry", &self.wrong_expiry),
        ]
    }
}

impl Tally {
    /// Moves the differences that `is_excused` to another tally, as far as examples were kept.
    pub fn excuse(&mut self, is_excused: &mut dyn FnMut(&Difference) -> bool, excused: &mut Tally) {
        for difference in self.examples.extract_if(.., |difference| is_excused(difference)) {
            self.count = self.count.saturating_sub(1);
            excused.add(usize::MAX, || difference);
        }
    }
}
