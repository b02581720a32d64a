//! What the names of wrong keys look like, so that the bug that made them can be found.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasher;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::unify::unify;
use crate::index::Keys;
use crate::model::spec::Index;

/// What is odd about the name of a wrong key. The first that fits counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// Nothing stands where a value belongs.
    Empty,
    /// A missing value written as text: `undefined`, `null`, `[object Object]`, …
    Word(&'static str),
    /// A template that nobody filled in: `{projectId}`, `${id}`, `%s`.
    Unfilled,
    /// The beginning of the name comes twice or more.
    DoubledPrefix,
    /// The name of a right key, but for case, white space, quotes or percent-encoding.
    Variant,
    /// The last part is that of a right key; what stands before it is not.
    OtherPrefix,
    /// A glob taken for a name.
    Wildcard,
    /// As long as the ids of right keys, and with the same beginning.
    UnknownId,
    /// Only digits, where right ids are not.
    Number,
    /// As long as the ids of right keys, with another beginning.
    BareId,
    /// Anything else.
    Other,
    /// The name is right; the type is not.
    RightName,
}

/// What programs write for a value that is not there, or is not text.
const WORDS: [&str; 9] = ["undefined", "null", "nan", "[object object]", "none", "nil", "true", "false", "unknown"];
const SPELLED: [&str; 9] = ["undefined", "null", "NaN", "[object Object]", "None", "nil", "true", "false", "unknown"];

impl Pattern {
    /// All, but for the words.
    const OTHERS: [Self; 11] = [
        Self::Empty,
        Self::Unfilled,
        Self::DoubledPrefix,
        Self::Variant,
        Self::OtherPrefix,
        Self::Wildcard,
        Self::UnknownId,
        Self::Number,
        Self::BareId,
        Self::Other,
        Self::RightName,
    ];
}

/// As its name, or as the word.
impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let all = Self::OTHERS.into_iter().chain(SPELLED.map(Self::Word));
        let mut named = all.filter(|pattern| format!("{pattern:?}") == text);
        named.next().ok_or_else(|| D::Error::custom("no pattern of names"))
    }
}

/// Something shorter is as long as others by chance.
const ID: usize = 8;

/// So many right keys of an index are compared with; names that resemble one beyond count as [`Pattern::Other`].
const MOST: usize = 1 << 18;

/// What the right names of an index look like.
#[derive(Debug, Default)]
pub struct RightNames {
    /// Names without what is got wrong by accident: see [`fold`].
    ///
    /// Hashes stand for the names: a few bytes each, and what two that are alike by chance would spoil is a hint.
    folded: HashSet<u64>,
    last: HashSet<u64>,
    /// Lengths of last parts, and what stands before them.
    shapes: BTreeSet<(Vec<u8>, usize)>,
    numbers: bool,
    scratch: Vec<u8>,
}

impl RightNames {
    /// Looks at the right keys of the index at this position.
    pub fn new(keys: &Keys, at: usize, index: &Index) -> Self {
        let mut names = Self::default();
        let live = keys.of_index(at).filter(|&rank| keys.is_live(rank));
        for rank in live.take(MOST) {
            names.add(index, keys.name(rank));
        }
        names
    }

    fn add(&mut self, index: &Index, name: &[u8]) {
        /// Beyond this, ids have no shape to speak of.
        const SHAPES: usize = 64;
        fold(name, &mut self.scratch);
        self.folded.insert(hash(&self.scratch));
        for (_, value) in unify(&index.key, name).into_iter().flat_map(|unified| unified.values) {
            let (before, last) = split_last(value);
            self.numbers |= is_number(value);
            if last.len() > 3 {
                self.last.insert(hash(last));
            }
            if self.shapes.len() < SHAPES {
                self.shapes.insert((before.to_vec(), last.len()));
            }
        }
    }

    /// What the name of a wrong key of this index looks like.
    pub fn pattern(&mut self, index: &Index, name: &[u8]) -> Pattern {
        let Some(unified) = unify(&index.key, name) else { return Pattern::Other };
        let values = || unified.values.iter().map(|(_, value)| *value);
        if values().any(<[u8]>::is_empty) {
            return Pattern::Empty;
        }
        if let Some(word) = values().find_map(word) {
            return Pattern::Word(word);
        }
        if values().any(is_unfilled) {
            return Pattern::Unfilled;
        }
        let prefix = match index.key.parts.first() {
            Some(crate::model::spec::Part::Literal(literal)) => literal.as_slice(),
            _ => &[],
        };
        if values().any(|value| !prefix.is_empty() && value.starts_with(prefix) || is_doubled(value)) {
            return Pattern::DoubledPrefix;
        }
        fold(name, &mut self.scratch);
        if self.folded.contains(&hash(&self.scratch)) {
            return Pattern::Variant;
        }
        if values().any(|value| value.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b']'))) {
            return Pattern::Wildcard;
        }
        if values().any(|value| self.last.contains(&hash(split_last(value).1))) {
            return Pattern::OtherPrefix;
        }
        let shape = |value| {
            let (before, last) = split_last(value);
            self.shapes.iter().any(|(known, len)| *len == last.len() && known == before)
        };
        if !unified.values.is_empty() && values().all(shape) {
            return Pattern::UnknownId;
        }
        if !self.numbers && values().any(is_number) {
            return Pattern::Number;
        }
        let as_long = |value| {
            let last = split_last(value).1.len();
            last >= ID && self.shapes.iter().any(|(_, len)| *len == last)
        };
        if !unified.values.is_empty() && values().all(as_long) {
            return Pattern::BareId;
        }
        Pattern::Other
    }
}

fn hash(bytes: &[u8]) -> u64 {
    foldhash::quality::FixedState::default().hash_one(bytes)
}

/// The last part of a value, and what stands before it with its separator.
fn split_last(value: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memrchr3(b':', b'/', b'|', value).map_or(0, |at| at.saturating_add(1));
    value.split_at_checked(at).unwrap_or((&[], value))
}

fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

/// The word that the value, or the last part of it, is.
fn word(value: &[u8]) -> Option<&'static str> {
    let value = trim(split_last(value).1);
    let at = WORDS.iter().position(|word| value.eq_ignore_ascii_case(word.as_bytes()))?;
    SPELLED.get(at).copied()
}

fn is_unfilled(value: &[u8]) -> bool {
    let has = |what: &[u8]| memchr::memmem::find(value, what).is_some();
    has(b"${") || has(b"%s") || has(b"{") && has(b"}")
}

/// Whether a value begins with the same parts twice: `project:project:7`, `a:b:a:b:7`.
fn is_doubled(value: &[u8]) -> bool {
    memchr::memchr_iter(b':', value).take(4).any(|at| {
        let (part, rest) = value.split_at_checked(at.saturating_add(1)).unwrap_or_default();
        // The second time may be the end of the name, without its separator.
        rest.starts_with(part) || Some(rest) == part.strip_suffix(b":") && part.len() > 1
    })
}

fn trim(value: &[u8]) -> &[u8] {
    let odd = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'`');
    let from = value.iter().position(|byte| !odd(byte)).unwrap_or(value.len());
    let to = value.iter().rposition(|byte| !odd(byte)).map_or(from, |at| at.saturating_add(1));
    value.get(from..to).unwrap_or_default()
}

/// A name without what programs get wrong by accident: case, white space, quotes, percent-encoding.
fn fold(name: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut rest = name;
    while let [byte, after @ ..] = rest {
        rest = after;
        let byte = match (byte, after) {
            (b'%', [high, low, behind @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = behind;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *byte,
        };
        let odd = byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'`');
        if !odd {
            out.push(byte.to_ascii_lowercase());
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::{DEFAULT_PRESET, Spec};

    const LIVE: &str = "discord:messages:project:project:discord:OVPu_abcdefghijklmn-Z";

    #[test]
    fn wrong_names_tell_what_went_wrong() {
        let spec = Spec::preset(DEFAULT_PRESET).expect("the preset");
        let index = &spec.indexes[0];
        let mut names = RightNames::default();
        names.add(index, LIVE.as_bytes());
        let facts = [
            ("", Pattern::Empty),
            ("undefined", Pattern::Word("undefined")),
            ("project:discord:undefined", Pattern::Word("undefined")),
            ("null", Pattern::Word("null")),
            ("NaN", Pattern::Word("NaN")),
            ("[object Object]", Pattern::Word("[object Object]")),
            ("\"null\"", Pattern::Word("null")),
            ("${projectId}", Pattern::Unfilled),
            ("project:discord:{id}", Pattern::Unfilled),
            ("project:discord:project:discord:x", Pattern::DoubledPrefix),
            ("project:project:discord:x", Pattern::DoubledPrefix),
            ("discord:messages:project:project:discord:x", Pattern::DoubledPrefix),
            ("project:discord:OVPU_abcdefghijklmn-z", Pattern::Variant),
            (" project:discord:OVPu_abcdefghijklmn-Z\r\n", Pattern::Variant),
            ("project%3Adiscord%3aOVPu_abcdefghijklmn-Z", Pattern::Variant),
            ("\"project:discord:OVPu_abcdefghijklmn-Z\"", Pattern::Variant),
            ("OVPu_abcdefghijklmn-Z", Pattern::OtherPrefix),
            ("project:slack:OVPu_abcdefghijklmn-Z", Pattern::OtherPrefix),
            ("project:discord:*", Pattern::Wildcard),
            ("project:discord:AAAA_abcdefghijklmn-Z", Pattern::UnknownId),
            ("203609487471176075", Pattern::Number),
            ("AAAA_abcdefghijklmn-Z", Pattern::BareId),
            ("project:slack:AAAA_abcdefghijklmn-Z", Pattern::BareId),
            ("test-project-11", Pattern::Other),
            ("a:b", Pattern::Other),
        ];
        for (value, expected) in facts {
            let name = format!("discord:messages:project:{value}");
            assert_eq!(names.pattern(index, name.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn numbers_are_right_where_right_ids_are_numbers() {
        let spec = Spec::preset(DEFAULT_PRESET).expect("the preset");
        let index = &spec.indexes[0];
        let mut names = RightNames::default();
        names.add(index, b"discord:messages:project:1234");
        assert_eq!(names.pattern(index, b"discord:messages:project:5678"), Pattern::UnknownId);
        assert_eq!(names.pattern(index, b"discord:messages:project:56"), Pattern::Other);
    }
}
