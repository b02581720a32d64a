//! Brakes: what is too likely a mistake, in a spec or of half a dump, to be planned before a person has looked.
//!
//! Here they have their names, and a spec says which of them somebody has looked at. `index::brakes` judges them.

use std::fmt;

/// One kind of brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Brake {
    /// The dump has keys, and none is of any class or family of the spec.
    NoMatch,
    /// Slots are empty that should not be: a shard of a cluster is missing.
    PartialSlots,
    /// A slot has keys in two dumps of a cluster: slots were moved while they were taken.
    SplitSlots,
    /// The dumps were taken more than an hour apart.
    Apart,
    /// The key template of an index begins with no literal text.
    NoLiteral,
    /// There are records, and none implies an entry of an index that has keys.
    NoEntry,
    /// Of the keys of an index not one is right in name.
    NoKeyRight,
    /// The family of an index has keys, and none of the index's type.
    WrongType,
    /// In keys that exist, more members are missing than are right.
    MostlyMissing,
    /// Entries name keys, and not one of those is there.
    NoReference,
    /// Keys of a family have another type than the index.
    OtherType,
    /// Names of a family have more parts than those that are implied.
    Nested,
    /// Members have not the form that the index gives its members.
    ForeignMembers,
}

/// All brakes, in the order in which they are shown: first those that stand in the way of a plan.
pub const BRAKES: &[Brake] = &[
    Brake::NoMatch,
    Brake::PartialSlots,
    Brake::SplitSlots,
    Brake::Apart,
    Brake::NoLiteral,
    Brake::NoEntry,
    Brake::NoKeyRight,
    Brake::WrongType,
    Brake::MostlyMissing,
    Brake::NoReference,
    Brake::OtherType,
    Brake::Nested,
    Brake::ForeignMembers,
];

impl Brake {
    /// The word for it, in a spec, on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Brake::NoMatch => "no-match",
            Brake::PartialSlots => "partial-slots",
            Brake::SplitSlots => "split-slots",
            Brake::Apart => "apart",
            Brake::NoLiteral => "no-literal",
            Brake::NoEntry => "no-entry",
            Brake::NoKeyRight => "no-key-right",
            Brake::WrongType => "wrong-type",
            Brake::MostlyMissing => "mostly-missing",
            Brake::NoReference => "no-reference",
            Brake::OtherType => "other-type",
            Brake::Nested => "nested",
            Brake::ForeignMembers => "foreign-members",
        }
    }

    /// The brake of this name.
    pub fn named(name: &str) -> Option<Brake> {
        BRAKES.iter().copied().find(|brake| brake.as_str() == name)
    }

    /// Whether it is about one index; the others are about the whole dump.
    pub fn is_of_index(self) -> bool {
        !matches!(self, Brake::NoMatch | Brake::PartialSlots | Brake::SplitSlots | Brake::Apart)
    }

    /// Whether it keeps something from being deleted; the others refuse the plan as a whole.
    pub fn keeps(self) -> bool {
        matches!(self, Brake::OtherType | Brake::Nested | Brake::ForeignMembers)
    }
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Brakes that a person has looked at, and that are lifted therefore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted(Vec<Brake>);

impl Accepted {
    /// Lifts one more.
    pub fn add(&mut self, brake: Brake) {
        if let Err(at) = self.0.binary_search(&brake) {
            self.0.insert(at, brake);
        }
    }

    /// Whether it is lifted. To lift [`Brake::NoEntry`] lifts [`Brake::NoKeyRight`], too: where there is no entry, no key
    /// can be right.
    pub fn has(&self, brake: Brake) -> bool {
        self.0.contains(&brake) || (brake == Brake::NoKeyRight && self.0.contains(&Brake::NoEntry))
    }
}

/// One brake that is lifted on the command line: `BRAKE`, or `INDEX:BRAKE` for one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The name of the index; without one, all of them.
    pub index: Option<String>,
    /// The brake.
    pub brake: Brake,
}

impl std::str::FromStr for Acceptance {
    type Err = String;

    fn from_str(text: &str) -> Result<Acceptance, String> {
        // The names of indexes may hold a colon, those of brakes do not.
        let (index, name) = match text.rsplit_once(':') {
            Some((index, name)) => (Some(index.to_owned()), name),
            None => (None, text),
        };
        let Some(brake) = Brake::named(name) else { return Err(unknown(name)) };
        if index.is_some() && !brake.is_of_index() {
            return Err(format!("{brake} is about the whole dump: write --accept {brake}"));
        }
        Ok(Acceptance { index, brake })
    }
}

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.index {
            Some(index) => write!(f, "{index}:{}", self.brake),
            None => write!(f, "{}", self.brake),
        }
    }
}

/// What to say of a name that is not a brake's.
pub(super) fn unknown(name: &str) -> String {
    let known = || BRAKES.iter().map(|brake| brake.as_str());
    match super::nearest::nearest(name, known()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("the brakes are {}", known().collect::<Vec<_>>().join(", ")),
    }
}
