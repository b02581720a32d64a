//! The spec: which keys are records, and which indexes follow from them.
//!
//! A spec is a TOML file (or a preset, which is one too). Everything a user can get wrong in it is found here, all at
//! once and with its place in the file, so that the rest of the program works on a [`Spec`] that means something.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod brake;
mod error;
mod names;
mod nearest;
mod read;
mod table;

pub use brake::{Acceptance, Accepted, BRAKES, Brake};
pub use error::{SpecError, SpecErrors};
pub use names::form::Form;
pub use names::glob::{Glob, GlobFault};
pub use names::path::{Path, Step};
pub use names::template::{Part, Template};

/// The presets that are built in: name and text.
pub const PRESETS: &[(&str, &str)] = &[("discord-analytics", include_str!("presets/discord-analytics.toml"))];

/// The preset that is used when no other spec is named.
pub const DEFAULT_PRESET: &str = "discord-analytics";

/// A spec larger than this is refused before it is parsed.
pub const MAX_SPEC_BYTES: usize = 1 << 20;

/// A spec that was read and makes sense.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The name of the preset, or of the file as it was given to [`Spec::parse`].
    pub name: String,
    /// The TOML text, unchanged.
    pub text: String,
    /// In the order of the file. A key belongs to every class whose database and glob match it.
    pub records: Vec<RecordClass>,
    /// In the order of the file.
    pub indexes: Vec<Index>,
    /// Brakes about the whole dump that are lifted.
    pub accepted: Accepted,
    /// What was lifted beside the text, on the command line.
    pub acceptances: Vec<Acceptance>,
}

/// A family of keys that hold records.
#[derive(Clone, Debug)]
pub struct RecordClass {
    /// What the spec calls it.
    pub name: String,
    /// What its keys are named like.
    pub key: Glob,
    /// The database they are in.
    pub db: u64,
    /// Every field path that a maintained or reported index made from this class needs, each once, in the order of use.
    ///
    /// A retired index needs none: its keys are deleted whatever the records say.
    pub paths: Vec<Path>,
}

/// A rule: which sets or sorted sets there must be, and what they must hold.
#[derive(Clone, Debug)]
pub struct Index {
    /// What the spec calls it.
    pub name: String,
    /// What is done about it.
    pub policy: Policy,
    /// The Redis type of its keys.
    pub kind: IndexType,
    /// The position in [`Spec::records`] of the class it is made from; `None` only for a retired index.
    pub from: Option<usize>,
    /// The database of its class; a retired index without one may name its own.
    pub db: u64,
    /// What builds the names of its keys.
    pub key: Template,
    /// The names of its keys: those of this form are its family.
    pub family: Form,
    /// `{@key}` for a retired index that does not say.
    pub member: Template,
    /// What its members look like; `None` for a retired index that does not say.
    pub member_form: Option<Form>,
    /// There is one exactly if `kind` is [`IndexType::Zset`] and the index is not retired.
    pub score: Option<Template>,
    /// Records that must exist for a record to be indexed. Empty for a retired index.
    pub require: Vec<Require>,
    /// Brakes that are lifted for it.
    pub accepted: Accepted,
}

/// What is done about an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Made exactly right.
    Maintain,
    /// Its whole family is deleted.
    Retire,
    /// Its findings are reported; nothing is changed.
    Report,
}

/// The Redis type of an index key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexType {
    /// Members without an order.
    Set,
    /// Members with a score.
    Zset,
}

/// A record that must exist, and under which key.
#[derive(Clone, Debug)]
pub struct Require {
    /// The position in [`Spec::records`] of the class of the record that must exist.
    pub record: usize,
    /// Its key, filled in from the record that is being indexed.
    pub key: Template,
}

impl Policy {
    /// The word for it in a spec and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Maintain => "maintain",
            Policy::Retire => "retire",
            Policy::Report => "report",
        }
    }
}

impl IndexType {
    /// The word for it in a spec; also what the command `TYPE` answers.
    pub fn as_str(self) -> &'static str {
        match self {
            IndexType::Set => "set",
            IndexType::Zset => "zset",
        }
    }
}

impl Spec {
    /// Reads a spec. `name` is what errors call it: the file's name.
    pub fn parse(text: &str, name: &str) -> Result<Spec, SpecErrors> {
        Spec::parse_accepting(text, name, &[])
    }

    /// The same, with brakes lifted beside those that the spec lifts itself.
    pub fn parse_accepting(text: &str, name: &str, accept: &[Acceptance]) -> Result<Spec, SpecErrors> {
        read::read(text, name, accept)
    }

    /// Reads a spec from a file's bytes, which also may be too many, or not UTF-8.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Spec, SpecErrors> {
        Spec::from_bytes_accepting(bytes, name, &[])
    }

    /// The same, with brakes lifted beside those that the spec lifts itself.
    pub fn from_bytes_accepting(bytes: &[u8], name: &str, accept: &[Acceptance]) -> Result<Spec, SpecErrors> {
        read::read(read::text(bytes, name)?, name, accept)
    }

    /// The spec of a built-in preset; `None` if there is no preset of that name.
    pub fn preset(name: &str) -> Option<Spec> {
        let (name, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
        // A test reads every preset, so the error cannot happen; if it did, there is no such preset.
        Spec::parse(text, name).ok()
    }

    /// The indexes made from the class at this position.
    pub fn indexes_from(&self, record: usize) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(move |index| index.from == Some(record))
    }

    /// Whether a brake is lifted, for the index at this position if it is about one.
    pub fn accepts(&self, brake: Brake, index: Option<usize>) -> bool {
        match index {
            Some(at) => self.indexes.get(at).is_some_and(|index| index.accepted.has(brake)),
            None => self.accepted.has(brake),
        }
    }
}
