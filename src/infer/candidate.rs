//! A rule that may become an index of the proposal, and how it stands on the whole dump.

use super::rule::Rule;

/// A rule with all that a spec needs.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub rule: Rule,
    pub votes: u64,
    pub score: Option<u32>,
    /// Fields of the key that are keys of records, and of which class.
    pub required: Vec<(u32, u32)>,
    /// Other fields that the same sampled memberships speak for.
    pub rivals: Vec<Rule>,
}

/// How a rule stands on the whole dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Keys of the family, and those of them that the rule gives.
    pub keys: u64,
    pub right_keys: u64,
    /// Memberships of the family.
    pub members: u64,
    /// Those of them that the rule gives.
    pub explained: u64,
    /// Memberships that the rule gives and that are not there.
    pub missing: u64,
}

impl Measured {
    /// Of the memberships that are there, those that the rule gives, in a hundred.
    pub fn of_members(&self) -> u64 {
        percent(self.explained, self.members)
    }

    /// Of the memberships that the rule gives, those that are there, in a hundred.
    pub fn of_records(&self) -> u64 {
        percent(self.explained, self.explained.saturating_add(self.missing))
    }
}

/// How many of a hundred.
pub fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// What came of the candidates.
#[derive(Debug, Default)]
pub struct Outcome {
    pub accepted: Vec<(Candidate, Measured)>,
    pub rejected: Vec<(Candidate, Measured)>,
}
