//! Entries that name keys: which part of an entry, and which key.
//!
//! What stands before and behind a part of a name is its *surroundings*: those that many names share are tried with the
//! entries of each pattern, until keys are found that are there. Where the surroundings hold what varies in the name of the
//! entry's own key, they vary with it.

mod around;
mod family;
mod tried;
mod variant;
mod words;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use around::{Around, SURROUNDINGS, surroundings};
use family::Family;
use tried::TRIED;
pub use variant::look;
pub use words::key_names;
use words::{is_among, words_of, words_of_parts};

use super::Error;
use super::patterns::{self, Pattern, Piece, Shape};
use super::sample::Sample;
use super::survey::Survey;
use crate::dump::rdb::{Kind, Scratch};
use crate::dump::scan::Observer;
use crate::model::spec;

/// Tries of surroundings in all.
const TRIES: usize = 12_000_000;

/// Which part of an entry names the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A member, an element, or the field of a hash.
    Member,
    /// The value of a field, or the text of a string.
    Value,
}

/// A piece of the name of a key that an entry names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Text(Vec<u8>),
    /// What varies in the name of the entry's own key, by number.
    Key(usize),
    /// The part of the entry.
    Own,
}

/// A rule: entries of these keys name keys.
#[derive(Clone, Debug)]
pub struct Reference {
    pub pattern: Pattern,
    /// What the variable parts of its keys are called.
    pub key_names: Vec<String>,
    pub slot: Slot,
    /// What the entry looks like.
    pub entry: Vec<Piece>,
    /// What the variable parts of it are called; the one at `own` names the key.
    pub entry_names: Vec<String>,
    pub own: usize,
    /// The keys that it may name.
    pub exists: Vec<Vec<Part>>,
    /// Entries of the sample that name a key which is there.
    pub named: u64,
    /// Of a sorted set, whether all scores are times.
    pub timed: bool,
    /// Another key that as many of the entries name.
    pub rival: Option<Vec<Part>>,
    /// Some of the entries that name nothing and look unlike those that do.
    pub strange: Vec<Vec<u8>>,
    /// Some of the entries that name nothing.
    pub missed: Vec<Vec<u8>>,
    /// What is named are sets, sorted sets or lists: these are not there while they are empty.
    pub of_collections: bool,
    /// The keys that the entries stand in are named after keys that are there.
    pub of_records: bool,
    /// The patterns of the keys that are named, by number, and whether all of these keys that were sampled are.
    pub named_patterns: BTreeSet<usize>,
    pub names_all: bool,
}

impl Reference {
    /// Whether an entry of a key of this name names a key which is there; none if it has not the form.
    pub fn names(&self, survey: &Survey<'_>, key: &[u8], text: &[u8]) -> Option<bool> {
        let spots = self.pattern.read(key)?;
        let own = text.get(patterns::read(&self.entry, text)?.get(self.own)?.clone())?;
        let fill = |parts: &Vec<Part>| {
            let mut name = Vec::new();
            for part in parts {
                match part {
                    Part::Text(text) => name.extend_from_slice(text),
                    Part::Key(number) => name.extend_from_slice(
                        spots.get(*number).and_then(|spot| key.get(spot.clone())).unwrap_or_default(),
                    ),
                    Part::Own => name.extend_from_slice(own),
                }
            }
            name
        };
        Some(self.exists.iter().any(|parts| survey.has(self.pattern.db, &fill(parts))))
    }

    /// The name of the keys that the entries stand in.
    pub fn key_text(&self) -> Option<String> {
        self.pattern.text(&self.key_names)
    }

    pub fn entry_text(&self) -> Option<String> {
        patterns::text(&self.entry, &self.entry_names)
    }

    /// Whether what the entry is numbers, and no word of its key or of the entry says what they number.
    pub fn is_bare_number(&self) -> bool {
        let mut words = words_of(&self.pattern.pieces);
        words.extend(words_of(&self.entry));
        let is_said = |parts: &Vec<Part>| words_of_parts(parts).iter().any(|word| is_among(word, &words));
        let mut vars = self.entry.iter().filter(|piece| matches!(piece, Piece::Var(_)));
        matches!(vars.nth(self.own), Some(Piece::Var(Shape::Digits))) && !self.exists.iter().any(is_said)
    }

    /// A key that an entry may name, as a spec writes it.
    pub fn exists_text(&self, parts: &[Part]) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(&spec::literal(text, false)),
                Part::Key(number) => out.push_str(&format!("{{@{}}}", self.key_names.get(*number)?)),
                Part::Own => out.push_str(&format!("{{@{}}}", self.entry_names.get(self.own)?)),
            }
        }
        Some(out)
    }
}

/// What is known of the dump while entries are tried.
#[derive(Clone, Copy)]
struct Known<'k, 'a> {
    survey: &'k Survey<'a>,
    sample: &'k Sample,
    patterns: &'k [Pattern],
    /// The number of the pattern of each name of the sample.
    of_name: &'k HashMap<(u64, Vec<u8>), usize>,
    /// Those of the database, the most frequent first.
    around: &'k [Around],
}

/// Finds the rules of all patterns that have some.
pub fn find(survey: &Survey<'_>, sample: &Sample, observer: &Observer) -> Result<Vec<Reference>, Error> {
    let patterns = sample.patterns.as_slice();
    let around = surroundings(sample);
    let mut of_name = HashMap::new();
    for (number, pattern) in patterns.iter().enumerate() {
        for named in pattern.names.iter().filter_map(|at| sample.names.get(*at)) {
            of_name.insert((named.db, named.name.clone()), number);
        }
    }
    let has_entries =
        |pattern: &&Pattern| matches!(pattern.kind, Kind::Set | Kind::Zset | Kind::List | Kind::Hash | Kind::String);
    let candidates: Vec<&Pattern> =
        patterns.iter().filter(has_entries).filter(|pattern| !is_of_records(pattern, sample)).collect();
    let tries =
        TRIES.checked_div(candidates.len().saturating_mul(TRIED)).unwrap_or(SURROUNDINGS).clamp(50, SURROUNDINGS);
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    for pattern in candidates {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let around = around.get(&pattern.db).map_or(&[][..], Vec::as_slice);
        let around = around.get(..tries.min(around.len())).unwrap_or_default();
        let known = Known { survey, sample, patterns, of_name: &of_name, around };
        let family = Family::read(known, pattern, &mut scratch)?;
        let slots: &[Slot] = match pattern.kind {
            Kind::Hash => &[Slot::Member, Slot::Value],
            Kind::String => &[Slot::Value],
            _ => &[Slot::Member],
        };
        let found = slots.iter().filter_map(|slot| family.reference(known, *slot));
        out.extend(found.max_by_key(|reference| (reference.named, Reverse(reference.slot))));
    }
    Ok(out)
}

/// Whether its keys are records: they have fields in common, which an index has not.
fn is_of_records(pattern: &Pattern, sample: &Sample) -> bool {
    let mut names = pattern.names.iter().filter_map(|at| sample.names.get(*at)).take(8);
    matches!(pattern.kind, Kind::Hash | Kind::String)
        && names.any(|named| {
            let class = sample.classes.of(named.db, &named.name).and_then(|class| sample.classes.get(class));
            class.is_some_and(|class| !class.exact && !class.profile.is_empty())
        })
}
