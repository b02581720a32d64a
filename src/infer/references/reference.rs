//! A rule: entries of some keys name keys.

use std::collections::BTreeSet;

use super::template::{Part, words_of_parts};
use crate::infer::patterns::{self, Pattern, Piece, Shape};
use crate::infer::survey::Survey;
use crate::infer::words::{is_among, words_of};
use crate::model::spec;

/// Which part of an entry names the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A member, an element, or the field of a hash.
    Member,
    /// The value of a field, or the text of a string.
    Value,
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
