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
mod presets;
mod read;
mod table;

use std::collections::HashMap;

pub use brake::{Acceptance, Accepted, BRAKES, Brake};
pub use error::{SpecError, SpecErrors};
pub use names::Reading;
pub use names::capture::{Captured, Captures, Kind, Text, Texts};
pub use names::filter::{Case, Filters};
pub use names::form::{Form, bound};
pub use names::glob::{ByteSet, Glob};
pub use names::parse::{Part, Wild, literal};
pub use names::path::{Path, Step};
pub use names::pattern::Pattern;
pub use names::template::{Template, fill};
pub use presets::{DEFAULT_PRESET, PRESETS, purpose};

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
    /// What was said beside the text.
    pub given: Given,
}

/// What is said of a spec beside its text, on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Brakes that are lifted, beside those that the spec lifts itself.
    pub accept: Vec<Acceptance>,
    /// The indexes that are repaired; the others are only looked at. None named means all.
    pub only: Vec<String>,
}

/// A family of keys that hold records.
#[derive(Clone, Debug)]
pub struct RecordClass {
    /// What the spec calls it.
    pub name: String,
    /// What its keys are named like.
    pub key: Pattern,
    /// The database they are in.
    pub db: u64,
    /// Only keys of this type are its records; without one, strings, hashes and JSON.
    pub ty: Option<RecordType>,
    /// Keys that are not of it, though they are named like it.
    pub not: Vec<Pattern>,
    /// A record counts only while the key of this name is there.
    pub exists: Option<Template>,
    /// Every field path that a maintained or reported index made from this class needs, each once, in the order of use.
    ///
    /// A retired index needs none: its keys are deleted whatever the records say.
    pub paths: Vec<Path>,
    /// What filters make of their values: the position of a path, and the filters.
    pub filtered: Vec<(usize, Filters)>,
}

/// What must be known of the records of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Some index that is not retired is made from it.
    pub derived: bool,
    /// Some index at all is made from it.
    pub any: bool,
    /// Some index requires records of it.
    pub required: bool,
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
    /// Keys that are not of its family, though they are named like it.
    pub not: Vec<Pattern>,
    /// The elements of its keys; the fields of a hash. `{@key}` for an index that does not say; nothing for a string that is
    /// made from records.
    pub member: Template,
    /// More members of the same record.
    pub more_members: Vec<Template>,
    /// What its members look like: each one's form; empty for an index that does not say.
    pub member_forms: Vec<Form>,
    /// The values of a hash, or the text of a string.
    pub value: Option<Template>,
    /// What those look like.
    pub value_form: Option<Form>,
    /// There is one exactly if `kind` is [`IndexType::Zset`] and the index is not retired.
    pub score: Option<Template>,
    /// Records that must exist for a record to be indexed. Empty for a retired index.
    pub require: Vec<Require>,
    /// What must be true of a record for it to be indexed.
    pub when: Vec<Condition>,
    /// What an entry says makes up the name of its record, by captures.
    pub makes_up_its_record: bool,
    /// What must be there for an entry to stay: any one of them. Empty for an index that is made from records.
    pub exists: Vec<Exists>,
    /// Those of its templates: of its class, or its own if it has `exists`.
    pub captures: Captures,
    /// Brakes that are lifted for it.
    pub accepted: Accepted,
}

/// What must be there for an entry to stay.
#[derive(Clone, Debug)]
pub struct Exists {
    /// The key, made of what was captured.
    pub key: Template,
    /// A field of the hash at that key, which must be there, too.
    pub field: Option<Template>,
    /// What must be true of the value of that key, or of the JSON in that field.
    pub conditions: Vec<Condition>,
    /// The fields that the conditions ask for.
    pub paths: Vec<Path>,
}

impl Exists {
    /// Whether nothing is asked of the key but that it is there.
    pub fn is_plain(&self) -> bool {
        self.field.is_none() && self.conditions.is_empty()
    }

    /// Whether it names the same keys as another one, whatever their captures are called.
    pub fn is_like(&self, other: &Template) -> bool {
        self.key.canonical() == other.canonical()
    }
}

/// What must be true of a field.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its position in the paths: of the class for `when`, of [`Exists`] for `where`.
    pub path: usize,
    /// What must be true.
    pub test: Test,
}

/// What is asked of the value of a field.
#[derive(Clone, Debug)]
pub enum Test {
    /// There, and not null.
    There,
    /// Absent, or null.
    Absent,
    /// Equal to one of these, as text.
    OneOf(Vec<Template>),
}

/// The type of the records of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// Any string.
    String,
    /// A hash.
    Hash,
    /// A RedisJSON document.
    Json,
    /// A set, whose members are its fields.
    Set,
}

impl RecordType {
    /// The word for it in a spec.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::String => "string",
            RecordType::Hash => "hash",
            RecordType::Json => "json",
            RecordType::Set => "set",
        }
    }
}

impl RecordClass {
    /// The path of a part of a template, and what filters it has; `None` for a part that is not a field.
    pub fn field(&self, part: &Part) -> Option<(&Path, Option<&Filters>)> {
        match part {
            Part::Field(path) => Some((self.paths.get(*path)?, None)),
            Part::Filtered(number) => {
                let (path, filters) = self.filtered.get(*number)?;
                Some((self.paths.get(*path)?, Some(filters)))
            }
            _ => None,
        }
    }

    /// The path behind one of the fields that an extractor of this class gives.
    pub fn path_of_slot(&self, slot: usize) -> Option<&Path> {
        match slot.checked_sub(self.paths.len()) {
            None => self.paths.get(slot),
            Some(number) => self.paths.get(self.filtered.get(number)?.0),
        }
    }

    /// The number of a field among those that an extractor of this class gives.
    pub fn slot(&self, part: &Part) -> Option<usize> {
        match part {
            Part::Field(path) => Some(*path),
            Part::Filtered(number) => number.checked_add(self.paths.len()),
            _ => None,
        }
    }

    /// Whether a key of this name may be one of its records.
    #[inline]
    pub fn takes(&self, key: &[u8]) -> bool {
        self.key.matches(key) && !self.not.iter().any(|not| not.matches(key))
    }
}

impl Index {
    /// Whether it is about entries that name what is gone, and not about what records imply.
    pub fn prunes(&self) -> bool {
        !self.exists.is_empty()
    }

    /// All templates that are filled in from a record.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let require = self.require.iter().map(|require| &require.key);
        let members = std::iter::once(&self.member).chain(&self.more_members);
        std::iter::once(&self.key).chain(members).chain(&self.value).chain(&self.score).chain(require)
    }

    /// The same with one of its members instead of all.
    pub fn templates_with<'t>(&'t self, member: &'t Template) -> impl Iterator<Item = &'t Template> {
        let require = self.require.iter().map(|require| &require.key);
        [&self.key, member].into_iter().chain(&self.value).chain(&self.score).chain(require)
    }

    /// Whether something in a record decides whether it has an entry, or which.
    pub fn reads_fields(&self) -> bool {
        !self.when.is_empty() || self.templates().any(|template| template.fields().next().is_some())
    }

    /// Whether an entry says which record it is of.
    pub fn names_its_record(&self) -> bool {
        self.makes_up_its_record || self.holds_record_keys()
    }

    /// Whether the name of the record stands in an entry as it is.
    pub fn holds_record_keys(&self) -> bool {
        match self.kind {
            IndexType::Hash => self.member.is_record_key() || self.value.as_ref().is_some_and(Template::is_record_key),
            IndexType::String => self.value.as_ref().is_some_and(Template::is_record_key),
            _ => self.member.is_record_key() && self.more_members.is_empty(),
        }
    }

    /// Whether a key of this name is of its family.
    #[inline]
    pub fn takes(&self, key: &[u8]) -> bool {
        self.family.has(key) && !self.not.iter().any(|not| not.matches(key))
    }
}

/// What is done about an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Made exactly right.
    Maintain,
    /// Entries go that name what is gone.
    Prune,
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
    /// Fields with values.
    Hash,
    /// Elements in order.
    List,
    /// One text.
    String,
    /// Whatever it is.
    Any,
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
            Policy::Prune => "prune",
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
            IndexType::Hash => "hash",
            IndexType::List => "list",
            IndexType::String => "string",
            IndexType::Any => "any",
        }
    }

    /// The same in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            IndexType::Set => "set",
            IndexType::Zset => "sorted set",
            IndexType::Hash => "hash",
            IndexType::List => "list",
            IndexType::String => "string",
            IndexType::Any => "key of any type",
        }
    }
}

impl Spec {
    /// Reads a spec. `name` is what errors call it: the file's name.
    pub fn parse(text: &str, name: &str) -> Result<Spec, SpecErrors> {
        Spec::parse_given(text, name, &Given::default())
    }

    /// The same, with what is said beside the text.
    pub fn parse_given(text: &str, name: &str, given: &Given) -> Result<Spec, SpecErrors> {
        read::read(text, name, given)
    }

    /// Reads a spec from a file's bytes, which also may be too many, or not UTF-8.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Spec, SpecErrors> {
        Spec::from_bytes_given(bytes, name, &Given::default())
    }

    /// The same, with what is said beside the text.
    pub fn from_bytes_given(bytes: &[u8], name: &str, given: &Given) -> Result<Spec, SpecErrors> {
        read::read(read::text(bytes, name)?, name, given)
    }

    /// A spec that describes nothing.
    pub fn none() -> Spec {
        Spec {
            name: String::new(),
            text: String::new(),
            records: Vec::new(),
            indexes: Vec::new(),
            accepted: Accepted::default(),
            given: Given::default(),
        }
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

    /// By index, the first one with its keys: of several that are made from records and have one key template, all make the
    /// same keys.
    pub fn first_of_keys(&self) -> Vec<usize> {
        let mut known: HashMap<(u64, &[u8]), Vec<usize>> = HashMap::new();
        let mut first = Vec::with_capacity(self.indexes.len());
        for (at, index) in self.indexes.iter().enumerate() {
            if index.policy != Policy::Maintain {
                first.push(at);
                continue;
            }
            let alike = known.entry((index.db, index.family.glob().as_bytes())).or_default();
            let same = |other: &&usize| {
                let other = self.indexes.get(**other);
                other.is_some_and(|other| other.kind == index.kind && other.family == index.family)
            };
            match alike.iter().find(same) {
                Some(other) => first.push(*other),
                None => {
                    alike.push(at);
                    first.push(at);
                }
            }
        }
        first
    }

    /// By index, whether its members are the keys of the records that imply them, and all that other indexes imply for the
    /// same keys are, too: only then a member is known by its record.
    pub fn by_record_key(&self) -> Vec<bool> {
        let first = self.first_of_keys();
        let own = |index: &Index| index.member.is_record_key() && index.more_members.is_empty();
        let is_of = |at: usize| first.get(at).copied();
        let all =
            |at: usize| self.indexes.iter().enumerate().all(|(other, index)| is_of(other) != is_of(at) || own(index));
        (0..self.indexes.len()).map(all).collect()
    }

    /// By class, what must be known of its records.
    pub fn uses(&self) -> Vec<Uses> {
        let mut uses = vec![Uses::default(); self.records.len()];
        for index in &self.indexes {
            for require in &index.require {
                if let Some(uses) = uses.get_mut(require.record) {
                    uses.required = true;
                }
            }
            if let Some(uses) = index.from.and_then(|from| uses.get_mut(from)) {
                uses.any = true;
                uses.derived |= index.policy != Policy::Retire;
            }
        }
        uses
    }

    /// Whether a brake is lifted, for the index at this position if it is about one.
    pub fn accepts(&self, brake: Brake, index: Option<usize>) -> bool {
        match index {
            Some(at) => self.indexes.get(at).is_some_and(|index| index.accepted.has(brake)),
            None => self.accepted.has(brake),
        }
    }
}
