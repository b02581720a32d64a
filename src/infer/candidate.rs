//! A rule that may become an index of the proposal, and how it stands on the whole dump.

use super::references::Reference;
use super::rule::Rule;

/// A rule that is made from records, with all that a spec needs.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub rule: Rule,
    pub votes: u64,
    pub score: Option<u32>,
    /// Fields of the key that are keys of records, and of which class.
    pub required: Vec<(u32, u32)>,
    /// Other fields that the same sampled memberships speak for.
    pub rivals: Vec<Rule>,
    /// What seems to decide which records are indexed.
    pub when: Option<When>,
    /// What is missing are records with the least or the greatest values of this field.
    pub extreme: Option<u32>,
}

/// A field that separates records that are indexed from those that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    pub path: u32,
    pub test: Test,
}

/// What is true of that field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    There,
    Absent,
    OneOf(Vec<Vec<u8>>),
}

/// A rule of the proposal.
#[derive(Clone, Debug)]
pub enum Draft {
    /// Its entries are made from records.
    Made(Candidate),
    /// Its entries name keys.
    Naming(Box<Reference>),
}

/// How a rule stands on the whole dump.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Measured {
    /// Keys of the family, and those of them that the rule gives.
    pub keys: u64,
    pub right_keys: u64,
    /// Memberships of the family.
    pub members: u64,
    /// Those of them that the rule gives, or that name a key which is there.
    pub explained: u64,
    /// Memberships that the rule gives and that are not there, and those of them whose key is there.
    pub missing: u64,
    pub missing_in_keys: u64,
    /// Of the others, those whose record or key is gone, those whose record is there, and those of which that is not known.
    pub gone: u64,
    pub living: u64,
    pub unknown: u64,
    /// Some of those whose record is there: key and entry.
    pub living_examples: Vec<String>,
    /// Some of the entries of which the record or key is gone.
    pub gone_examples: Vec<String>,
    /// Some of those that look unlike the entries whose record is there.
    pub strange: Vec<String>,
    /// Members with another score than the rule gives.
    pub rescored: u64,
    /// Entries that have not the form.
    pub formless: u64,
    /// What would be kept, or would stand in the way of a plan, and why.
    pub brakes: Vec<String>,
    /// So little is known that nothing would be removed.
    pub frozen: bool,
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

    /// Whether something of it is not as the rule says.
    pub fn is_ill(&self) -> bool {
        self.gone > 0 || self.living > 0 || self.unknown > 0 || self.missing > 0
    }
}

/// How many of a hundred.
pub fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// A rule with its figures and what is thought of it.
#[derive(Clone, Debug)]
pub struct Judged {
    pub draft: Draft,
    pub measured: Measured,
    /// Why it is not recommended; it is where there is no reason.
    pub doubts: Vec<String>,
}

/// What came of the candidates.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The figures of the indexes of the preset that fits.
    pub preset: Vec<Measured>,
    pub accepted: Vec<Judged>,
    pub rejected: Vec<Judged>,
    /// Single keys with which nothing is wrong.
    pub idle: Vec<Judged>,
}
