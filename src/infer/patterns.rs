//! What the names of keys have in common: patterns with captures, from a sample.
//!
//! Names are cut into parts at `:`, `/`, `|` and `#`, and go down a tree of parts. What looks like an identifier (digits, a
//! UUID, hexadecimal, a mixture) is one variable part, whatever stands there; words are text, unless there are many of them
//! side by side, or what follows each of them is the same.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::dump::rdb::Kind;
use crate::model::spec;

/// Names are cut into so many pieces at most; the rest is one.
const DEPTH: usize = 24;
/// So many words side by side, at the end of names of keys of one type, are one variable part.
const WORDS: usize = 3;
/// So many words with something behind them are one variable part.
const INNER_WORDS: usize = 9;

/// What parts of a name are cut after.
pub fn is_separator(byte: &u8) -> bool {
    matches!(byte, b':' | b'/' | b'|' | b'#')
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Text.
    Text(Vec<u8>),
    /// Something that varies.
    Var(Shape),
}

/// What a variable part looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    Digits,
    Hex,
    Uuid,
    /// Any bytes but `:`.
    Plain,
    /// Any bytes.
    Any,
}

impl Shape {
    /// The narrowest for a text.
    pub fn of(text: &[u8]) -> Self {
        let is_uuid = text.len() == 36
            && text.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if text.is_empty() {
            Self::Any
        } else if text.iter().all(u8::is_ascii_digit) {
            Self::Digits
        } else if is_uuid {
            Self::Uuid
        } else if text.len() >= 8 && text.iter().all(u8::is_ascii_hexdigit) && text.iter().any(u8::is_ascii_digit) {
            Self::Hex
        } else if text.contains(&b':') {
            Self::Any
        } else {
            Self::Plain
        }
    }

    /// One that takes all that either takes.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Digits, Self::Hex) | (Self::Hex, Self::Digits) => Self::Hex,
            _ => Self::Plain,
        }
    }

    /// The narrowest for all of these.
    pub fn of_all<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Self {
        texts.map(Self::of).reduce(Self::or).unwrap_or(Self::Plain)
    }

    /// As it is written behind the name of a capture.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Digits => ":digits",
            Self::Hex => ":hex",
            Self::Uuid => ":uuid",
            Self::Plain => "",
            Self::Any => "*",
        }
    }
}

/// Whether a part of a name is an identifier rather than a word.
fn is_identifier(text: &[u8]) -> bool {
    if Shape::of(text) < Shape::Plain {
        return true;
    }
    let count = |is: fn(&u8) -> bool| text.iter().filter(|byte| is(byte)).count();
    let (digits, lower, upper) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    // A mixture that nobody types.
    text.len() >= 12 && digits >= 2 && (digits >= 5 || lower >= 2 && upper >= 2)
}

/// Keys of one type with names of one form.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub db: u64,
    pub kind: Kind,
    pub pieces: Vec<Piece>,
    /// Numbers of the names of it.
    pub names: Vec<usize>,
}

impl Pattern {
    /// Where in a name its variable parts stand; none if the name is not of this pattern.
    pub fn read(&self, name: &[u8]) -> Option<Vec<Range<usize>>> {
        read(&self.pieces, name)
    }

    /// With a star for each variable part.
    pub fn glob(&self) -> Vec<u8> {
        let of = |piece: &Piece| if let Piece::Text(text) = piece { text.clone() } else { b"*".to_vec() };
        self.pieces.iter().flat_map(of).collect()
    }

    /// The number of variable parts.
    pub fn vars(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Var(_))).count()
    }

    /// As a spec writes it, with these names for the variable parts.
    pub fn text(&self, names: &[String]) -> Option<String> {
        text(&self.pieces, names)
    }
}

/// Where in a text the variable pieces stand; none if it is not made of these pieces.
pub fn read(pieces: &[Piece], text: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(own) => {
                text.get(at..)?.starts_with(own).then_some(())?;
                at = at.saturating_add(own.len());
            }
            Piece::Var(shape) => {
                let rest = text.get(at..)?;
                let is_last = pieces.len() == 1;
                let len = match pieces.peek() {
                    None => rest.len(),
                    Some(Piece::Text(own)) if is_last => {
                        // The last text stands at the end.
                        rest.ends_with(own).then(|| rest.len().saturating_sub(own.len()))?
                    }
                    Some(Piece::Text(own)) => {
                        let from = rest.get(1..)?;
                        memchr::memmem::find(from, own)?.saturating_add(1)
                    }
                    Some(Piece::Var(_)) => return None,
                };
                let value = rest.get(..len).filter(|value| !value.is_empty())?;
                (Shape::of(value).or(*shape) == *shape).then_some(())?;
                found.push(at..at.saturating_add(len));
                at = at.saturating_add(len);
            }
        }
    }
    (at == text.len()).then_some(found)
}

/// Pieces as a spec writes them.
pub fn text(pieces: &[Piece], names: &[String]) -> Option<String> {
    written(pieces, names, false)
}

/// The same for the key of a record class, in which `*`, `?` and `[` have a meaning.
pub fn text_of_class(pieces: &[Piece], names: &[String]) -> Option<String> {
    written(pieces, names, true)
}

fn written(pieces: &[Piece], names: &[String], is_glob: bool) -> Option<String> {
    let mut out = String::new();
    let mut names = names.iter();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(&spec::literal(text, is_glob)),
            Piece::Var(shape) => out.push_str(&format!("{{@{}{}}}", names.next()?, shape.suffix())),
        }
    }
    Some(out)
}

/// Whether there is an identifier in a text.
pub fn has_identifier(text: &[u8]) -> bool {
    cut(text).into_iter().any(is_identifier)
}

/// A name to find patterns in.
#[derive(Clone, Copy, Debug)]
pub struct Name<'n> {
    pub db: u64,
    pub kind: Kind,
    pub name: &'n [u8],
}

/// The patterns of some names, by database and order of their texts.
pub fn find(names: &[Name<'_>]) -> Vec<Pattern> {
    patterns(names, 2)
}

/// The same of names of things that are alike: words before one and the same text are one variable part already.
pub fn find_alike(names: &[Name<'_>]) -> Vec<Pattern> {
    patterns(names, 1)
}

fn patterns(names: &[Name<'_>], alike: usize) -> Vec<Pattern> {
    let mut by_db: BTreeMap<u64, Vec<Cut<'_>>> = BTreeMap::new();
    for (number, name) in names.iter().enumerate() {
        by_db.entry(name.db).or_default().push(Cut { number, kind: name.kind, parts: cut(name.name) });
    }
    let mut out = Vec::new();
    for (db, cuts) in by_db {
        let mut finder = Finder { db, alike, out: Vec::new() };
        let all: Vec<&Cut<'_>> = cuts.iter().collect();
        finder.level(&all, 0, &mut Vec::new());
        let mut at: BTreeMap<(Kind, Vec<Piece>), usize> = BTreeMap::new();
        for pattern in finder.out {
            // Words and identifiers in one place may be written alike.
            match at.entry((pattern.kind, pattern.pieces.clone())) {
                Entry::Occupied(known) => {
                    let same: Option<&mut Pattern> = out.get_mut(*known.get());
                    same.into_iter().for_each(|same| same.names.extend(&pattern.names));
                }
                Entry::Vacant(free) => {
                    free.insert(out.len());
                    out.push(pattern);
                }
            }
        }
    }
    out
}

#[derive(Debug)]
struct Cut<'n> {
    number: usize,
    kind: Kind,
    parts: Vec<&'n [u8]>,
}

/// A name in parts: separators, what is between them, and digits at the end of a part behind a word.
fn cut(name: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() && parts.len() < DEPTH {
        let len = match rest.iter().position(is_separator) {
            Some(0) => 1,
            Some(at) => at,
            None => rest.len(),
        };
        let (part, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let digits = part.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (word, number) = part.split_at_checked(part.len().saturating_sub(digits)).unwrap_or((part, &[]));
        let ends = word.last().is_some_and(|byte| matches!(byte, b'.' | b'-' | b'_' | b'='));
        if ends && !number.is_empty() && !word.iter().any(u8::is_ascii_digit) {
            parts.push(word);
            parts.push(number);
        } else {
            parts.push(part);
        }
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

struct Finder {
    db: u64,
    /// Words with so many texts behind each of them are one variable part.
    alike: usize,
    out: Vec<Pattern>,
}

impl Finder {
    fn level(&mut self, cuts: &[&Cut<'_>], depth: usize, pieces: &mut Vec<Piece>) {
        let mut ended: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        let mut children: BTreeMap<&[u8], Vec<&Cut<'_>>> = BTreeMap::new();
        for cut in cuts {
            match cut.parts.get(depth) {
                None => ended.entry(cut.kind).or_default().push(cut.number),
                Some(part) => children.entry(part).or_default().push(cut),
            }
        }
        for (kind, names) in ended {
            self.out.push(Pattern { db: self.db, kind, pieces: joined(pieces), names });
        }
        let ends = |cut: &&Cut<'_>| cut.parts.len() == depth.saturating_add(1);
        // What looks like an identifier is one thing, together with words of which there are many.
        let mut variable: Vec<&Cut<'_>> = Vec::new();
        let mut literal: BTreeMap<&[u8], Vec<&Cut<'_>>> = BTreeMap::new();
        let mut shape: Option<Shape> = None;
        let take = |part: &[u8], shape: &mut Option<Shape>| {
            let own = Shape::of(part);
            *shape = Some(shape.map_or(own, |known| known.or(own)));
        };
        let mut leaf_words: BTreeMap<Kind, Vec<&Cut<'_>>> = BTreeMap::new();
        let mut inner: BTreeMap<&[u8], Vec<&Cut<'_>>> = BTreeMap::new();
        for (part, below) in children {
            let is_separator = part.len() == 1 && part.first().is_some_and(is_separator);
            if is_separator {
                literal.insert(part, below);
            } else if is_identifier(part) && depth > 0 {
                take(part, &mut shape);
                variable.extend(below);
            } else {
                for cut in below {
                    if ends(&cut) {
                        leaf_words.entry(cut.kind).or_default().push(cut);
                    } else {
                        inner.entry(part).or_default().push(cut);
                    }
                }
            }
        }
        let mut grouped: Vec<(Vec<&Cut<'_>>, Shape)> = Vec::new();
        for (_, leaves) in leaf_words {
            let distinct: BTreeSet<&[u8]> = leaves.iter().filter_map(|cut| cut.parts.get(depth).copied()).collect();
            if distinct.len() >= WORDS {
                let shape =
                    Shape::of_all(leaves.iter().filter_map(|cut| cut.parts.get(depth).copied())).or(Shape::Plain);
                grouped.push((leaves, shape));
            } else {
                for leaf in leaves {
                    literal.entry(leaf.parts.get(depth).copied().unwrap_or_default()).or_default().push(leaf);
                }
            }
        }
        let merged = depth > 0 && (inner.len() >= INNER_WORDS || are_alike(&inner, depth, self.alike));
        for (part, below) in inner {
            if merged {
                take(part, &mut shape);
                variable.extend(below);
            } else {
                literal.entry(part).or_default().extend(below);
            }
        }
        for (part, below) in literal {
            pieces.push(Piece::Text(part.to_vec()));
            self.level(&below, depth.saturating_add(1), pieces);
            pieces.pop();
        }
        if let Some(shape) = shape {
            pieces.push(Piece::Var(shape));
            self.level(&variable, depth.saturating_add(1), pieces);
            pieces.pop();
        }
        for (leaves, shape) in grouped {
            pieces.push(Piece::Var(shape));
            self.level(&leaves, depth.saturating_add(1), pieces);
            pieces.pop();
        }
    }
}

/// Whether the same texts follow each of some words, so many of them at least.
fn are_alike(inner: &BTreeMap<&[u8], Vec<&Cut<'_>>>, depth: usize, least: usize) -> bool {
    if inner.len() < 2 {
        return false;
    }
    let mut common: Option<BTreeSet<Vec<&[u8]>>> = None;
    let mut largest = 0_usize;
    for below in inner.values() {
        let ends = below.iter().map(|cut| {
            let behind = cut.parts.get(depth.saturating_add(1)..).unwrap_or_default();
            behind.iter().filter(|part| !is_identifier(part)).copied().collect::<Vec<_>>()
        });
        let own: BTreeSet<Vec<&[u8]>> = ends.filter(|words| words.len() >= least).collect();
        largest = largest.max(own.len());
        common = Some(match common {
            None => own,
            Some(common) => common.intersection(&own).cloned().collect(),
        });
    }
    common.is_some_and(|common| common.len() >= least && common.len().saturating_mul(2) >= largest)
}

/// Text pieces in a row as one.
fn joined(pieces: &[Piece]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.extend_from_slice(text),
            // Two variable parts with nothing between them are one.
            (Some(Piece::Var(before)), Piece::Var(_)) => *before = Shape::Any,
            _ => out.push(piece.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(names: &[(&str, Kind)]) -> Vec<(String, Kind)> {
        let names: Vec<Name<'_>> =
            names.iter().map(|(name, kind)| Name { db: 0, kind: *kind, name: name.as_bytes() }).collect();
        let found = find(&names);
        let letters: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut all: Vec<_> = found.iter().map(|one| (one.text(&letters).unwrap(), one.kind)).collect();
        all.sort();
        all
    }

    #[test]
    fn identifiers_vary_and_words_do_not() {
        use Kind::{Hash, List, Set, Zset};
        assert_eq!(
            patterns(&[
                ("User:1", Hash),
                ("User:22", Hash),
                ("User:1:_uniques", Hash),
                ("User:22:_uniques", Hash),
                ("User:all", Set),
                ("User:city:Bonn", Set),
                ("User:city:Oslo", Set),
                ("User:city:Rome", Set),
                ("app|user:id.5", Hash),
                ("app|user:id.6", Hash),
                ("app|user:all", Set),
            ]),
            [
                ("User:all".to_owned(), Set),
                ("User:city:{@a}".to_owned(), Set),
                ("User:{@a:digits}".to_owned(), Hash),
                ("User:{@a:digits}:_uniques".to_owned(), Hash),
                ("app|user:all".to_owned(), Set),
                ("app|user:id.{@a:digits}".to_owned(), Hash),
            ]
        );
        // Two queues with the same registries.
        assert_eq!(
            patterns(&[
                ("bull:mail:wait", List),
                ("bull:mail:done", Zset),
                ("bull:mail:1", Hash),
                ("bull:video:wait", List),
                ("bull:video:done", Zset),
                ("bull:video:7", Hash),
            ]),
            [
                ("bull:{@a}:done".to_owned(), Zset),
                ("bull:{@a}:wait".to_owned(), List),
                ("bull:{@a}:{@b:digits}".to_owned(), Hash),
            ]
        );
    }

    #[test]
    fn a_name_is_read_as_it_was_found() {
        let pattern = Pattern {
            db: 0,
            kind: Kind::Set,
            pieces: vec![
                Piece::Text(b"a:".to_vec()),
                Piece::Var(Shape::Plain),
                Piece::Text(b":b:".to_vec()),
                Piece::Var(Shape::Digits),
            ],
            names: Vec::new(),
        };
        assert_eq!(pattern.read(b"a:x:b:12"), Some(vec![2..3, 6..8]));
        for other in ["a:x:b:", "a::b:12", "a:x:b:1x", "a:x:y:b:12", "a:x"] {
            assert_eq!(pattern.read(other.as_bytes()), None, "{other}");
        }
    }
}
