//! What a rehearsal finds wrong.

use std::collections::BTreeMap;
use std::fmt;

use super::state::Name;
use crate::text::quoted;

/// Findings that are kept word for word; all are counted.
const KEPT: usize = 20;

/// Which part of the plan a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The dump itself, before any command.
    Start,
    Apply,
    Rollback,
    /// The manifest's numbers.
    Manifest,
    /// What a second reader makes of the dump.
    Second,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Apply => "apply",
            Self::Rollback => "rollback",
            Self::Manifest => "plan.json",
            Self::Second => "second reader",
        })
    }
}

/// The kinds of things that can be wrong with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// The file is no list of commands.
    NotCommands,
    /// A command that this file may not contain, or with arguments it cannot take.
    Forbidden,
    /// Deletions, additions, removals: in this order; in a plan by slot, each of them by slot and key.
    Order,
    /// A command of a plan by slot has keys of two slots.
    TwoSlots,
    /// It names a key that is no index key.
    Foreign,
    /// The key holds another type.
    WrongType,
    /// It changes nothing.
    NoOp,
    /// It names a member for the second time.
    Twice,
    /// It removes the last member of a key, which had to be deleted.
    Emptied,
    /// The reply is not the expected one.
    Reply,
    /// A command is larger than the caps allow.
    OverCap,
    /// There are more commands than it takes.
    NotMinimal,
    /// The bytes of a `RESTORE` are damaged.
    Payload,
    /// A key is not as it had to be in the end.
    State,
    /// A number in the manifest is wrong.
    Manifest,
    /// A second reader reads the key otherwise.
    SecondReader,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub stage: Stage,
    pub problem: Problem,
    /// The command, counted from 1, and its offset in the file.
    pub command: Option<(u64, usize)>,
    pub key: Option<Name>,
    pub expected: String,
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if let Some((number, offset)) = self.command {
            write!(f, ", command {number} at offset {offset}")?;
        }
        if let Some((db, key)) = &self.key {
            write!(f, ", key {}", quoted(key))?;
            if *db != 0 {
                write!(f, " of database {db}")?;
            }
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// Where in the order of all findings one stands: by part of the plan, number of the command, and what it is about there.
pub type Place = (u8, u64, u32, Option<Name>);

/// Findings in any order, of which the first few are kept in full.
#[derive(Debug, Default)]
pub struct Gathered {
    count: u64,
    first: BTreeMap<Place, Finding>,
}

impl Gathered {
    /// Counts a finding; `finding` is only called for one that may be kept.
    pub fn add(&mut self, place: Place, finding: impl FnOnce() -> Finding) {
        self.count = self.count.saturating_add(1);
        if self.first.len() >= KEPT && self.first.last_key_value().is_some_and(|(last, _)| place >= *last) {
            return;
        }
        self.first.entry(place).or_insert_with(finding);
        self.shorten();
    }

    /// Adds those of others.
    pub fn append(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.first.extend(more.first);
        self.shorten();
    }

    fn shorten(&mut self) {
        while self.first.len() > KEPT {
            self.first.pop_last();
        }
    }

    /// All of them, in order.
    pub fn finish(self) -> Findings {
        Findings { count: self.count, first: self.first.into_values().collect() }
    }
}

/// All that is wrong: counted, the first few in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub count: u64,
    pub first: Vec<Finding>,
}

impl Findings {
    /// Counts a finding; `finding` is only called for one that is kept.
    pub fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < KEPT {
            self.first.push(finding());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
