//! Record classes: prefixes under which all documents have like fields.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::fields::{Fields, Paths};
use super::patterns::{self, Name, Pattern, Piece, is_separator};
use super::words::key_names;
use crate::dump::rdb::Kind;
use crate::model::spec::literal;

/// Names are cut into so many parts at most.
const PARTS: usize = 8;
/// Under one prefix so many in a hundred documents may be unlike the others.
const UNLIKE_PERCENT: usize = 5;

/// Where a class is.
#[derive(Clone, Debug)]
pub struct Class {
    pub db: u64,
    pub prefix: Vec<u8>,
    /// The prefix is a whole name: the class has one record.
    pub exact: bool,
    /// What the names of its records have in common, if all are alike; the first piece begins with the prefix.
    pub form: Option<Vec<Piece>>,
    /// What the variable parts of that are called.
    pub captures: Vec<String>,
    /// Only names that end with the part behind the prefix are of it.
    pub leaves: bool,
    /// The documents of it that are in the sample.
    pub sampled: usize,
    /// Names at the top that most of them have.
    pub profile: BTreeSet<u32>,
}

impl Class {
    /// The pattern of its keys, as a spec writes it.
    pub fn pattern(&self) -> String {
        if let Some(form) = &self.form
            && let Some(text) = patterns::text_of_class(form, &self.captures)
        {
            return text;
        }
        let mut pattern = literal(&self.prefix, true);
        if !self.exact {
            pattern.push('*');
        }
        pattern
    }

    fn holds(&self, db: u64, name: &[u8]) -> bool {
        let fits = match &self.form {
            Some(form) => patterns::read(form, name).is_some(),
            None if self.exact => name == self.prefix,
            None => {
                let rest = name.strip_prefix(self.prefix.as_slice());
                rest.is_some_and(|rest| !self.leaves || !rest.iter().any(is_separator))
            }
        };
        self.db == db && fits
    }

    /// The name of the record that a text stands for as the one variable part of it, and what that is called.
    pub fn named_by(&self, text: &[u8]) -> Option<(Vec<u8>, &str)> {
        let (form, [capture]) = (self.form.as_ref()?, self.captures.as_slice()) else { return None };
        let mut name = Vec::new();
        for piece in form {
            match piece {
                Piece::Text(own) => name.extend_from_slice(own),
                Piece::Var(_) => name.extend_from_slice(text),
            }
        }
        patterns::read(form, &name).is_some().then_some((name, capture))
    }

    /// Adds to the fields of a record what varies in its name, and what filters make of them.
    pub fn complete(&self, name: &[u8], paths: &mut Paths, fields: &mut Fields) {
        paths.filter(fields);
        let spots = self.form.as_ref().and_then(|form| patterns::read(form, name)).unwrap_or_default();
        for (spot, capture) in spots.into_iter().zip(&self.captures) {
            if let (Some(path), Some(value)) = (paths.of_text(&format!("@{capture}")), name.get(spot)) {
                fields.push((path, value.to_vec()));
            }
        }
    }

    /// Finds what the names of some of its records have in common: nearly all of them.
    fn find_form<'n>(&mut self, names: impl Iterator<Item = &'n [u8]>) {
        let kind = Kind::Hash;
        let names: Vec<Name<'_>> = names.map(|name| Name { db: self.db, kind, name }).collect();
        if self.exact || names.len() < 2 {
            return;
        }
        let found = patterns::find_alike(&names);
        let Some(most) = found.into_iter().max_by_key(|pattern| pattern.names.len()) else { return };
        let nearly_all = most.names.len().saturating_mul(100)
            >= names.len().saturating_mul(100_usize.saturating_sub(UNLIKE_PERCENT));
        if nearly_all && most.vars() > 0 {
            let mut captures = key_names(&most.pieces);
            if let Some(last) = captures.last_mut() {
                *last = "id".to_owned();
            }
            if captures.iter().filter(|name| *name == "id").count() == 1 {
                (self.form, self.captures) = (Some(most.pieces), captures);
            }
        }
    }
}

/// Names cut after `:`, `/`, `|` and `#`, as a tree.
#[derive(Clone, Debug, Default)]
struct Node {
    children: BTreeMap<Vec<u8>, Node>,
    /// A document has this very name.
    own: usize,
    documents: usize,
    fields: BTreeMap<u32, usize>,
}

impl Node {
    fn add(&mut self, name: &[u8], parts: usize, paths: &BTreeSet<u32>) {
        self.documents = self.documents.saturating_add(1);
        for path in paths {
            let count = self.fields.entry(*path).or_default();
            *count = count.saturating_add(1);
        }
        if name.is_empty() {
            self.own = self.own.saturating_add(1);
            return;
        }
        let (part, rest) = cut(name, parts);
        self.children.entry(part.to_vec()).or_default().add(rest, parts.saturating_sub(1), paths);
    }

    /// The paths that at least so many in a hundred documents have.
    fn common(&self, percent: usize) -> BTreeSet<u32> {
        let least = self.documents.saturating_mul(percent).div_ceil(100).max(1);
        self.fields.iter().filter(|(_, count)| **count >= least).map(|(path, _)| *path).collect()
    }

    /// What the documents below are compared with: the largest branch, or all of them where there are only names.
    fn standard(&self) -> BTreeSet<u32> {
        let branches = self.children.values().filter(|child| !child.children.is_empty());
        match branches.max_by_key(|child| child.documents) {
            Some(largest) => largest.common(5),
            None => self.common(25),
        }
    }

    /// Whether all documents below are alike.
    fn is_uniform(&self) -> bool {
        let standard = self.standard();
        let mut unlike = 0_usize;
        for child in self.children.values() {
            if is_like(&child.common(50), &standard) {
                // A branch that is like the whole may still be two things.
                if !child.children.is_empty() && !child.is_uniform() {
                    return false;
                }
            } else if child.children.is_empty() {
                unlike = unlike.saturating_add(child.documents);
            } else {
                return false;
            }
        }
        unlike.saturating_mul(100) <= self.documents.saturating_mul(UNLIKE_PERCENT)
    }

    fn classes(&self, db: u64, prefix: &mut Vec<u8>, out: &mut Vec<Class>) {
        let inside = !prefix.is_empty();
        if inside && self.is_uniform() {
            let (mut node, mut prefix) = (self, prefix.clone());
            // As long as there is but one way on, it is part of the prefix.
            while let (0, 1, Some((part, child))) = (node.own, node.children.len(), node.children.first_key_value()) {
                if child.children.is_empty() && node.documents > 1 {
                    break;
                }
                prefix.extend_from_slice(part);
                node = child;
            }
            let exact = node.children.is_empty();
            out.push(Class {
                db,
                prefix,
                exact,
                form: None,
                captures: Vec::new(),
                sampled: node.documents,
                profile: node.common(50),
                leaves: false,
            });
            return;
        }
        // Names that end here may be alike, whatever is below the others.
        let mut leaves = Node::default();
        let is_leaf = |child: &Node| child.children.is_empty();
        for (part, child) in self.children.iter().filter(|(_, child)| is_leaf(child)) {
            leaves.documents = leaves.documents.saturating_add(child.documents);
            for (path, count) in &child.fields {
                let sum = leaves.fields.entry(*path).or_default();
                *sum = sum.saturating_add(*count);
            }
            leaves.children.insert(part.clone(), child.clone());
        }
        let together = inside && leaves.children.len() > 1 && leaves.is_uniform();
        if together {
            out.push(Class {
                db,
                prefix: prefix.clone(),
                exact: false,
                form: None,
                captures: Vec::new(),
                sampled: leaves.documents,
                profile: leaves.common(50),
                leaves: true,
            });
        }
        for (part, child) in self.children.iter().filter(|(_, child)| !together || !is_leaf(child)) {
            let len = prefix.len();
            prefix.extend_from_slice(part);
            child.classes(db, prefix, out);
            prefix.truncate(len);
        }
    }
}

/// Three in four of the paths are among the others: a document that lacks fields is still of its kind.
fn is_like(paths: &BTreeSet<u32>, standard: &BTreeSet<u32>) -> bool {
    let shared = paths.intersection(standard).count();
    shared > 0 && shared.saturating_mul(4) >= paths.len().saturating_mul(3)
}

/// What a pattern is set apart for: the text behind another pattern, or its only name; nothing for most.
fn set_apart(pattern: &Pattern, all: &[Pattern]) -> Vec<u8> {
    let beside = |other: &&Pattern| other.db == pattern.db && other.pieces.len() < pattern.pieces.len();
    if let Some((Piece::Text(last), before)) = pattern.pieces.split_last()
        && all.iter().filter(beside).any(|other| other.pieces == before)
    {
        return last.clone();
    }
    // A single name is a thing of its own.
    if let [Piece::Text(only)] = pattern.pieces.as_slice() {
        return only.clone();
    }
    Vec::new()
}

/// The first part of a name with the separator behind it, and the rest.
fn cut(name: &[u8], parts: usize) -> (&[u8], &[u8]) {
    match name.iter().position(is_separator) {
        Some(at) if parts > 0 => name.split_at_checked(at.saturating_add(1)).unwrap_or((name, &[])),
        _ => (name, &[]),
    }
}

/// The classes of some documents, found from their names and the names of their fields.
#[derive(Debug, Default)]
pub struct Classes {
    pub all: Vec<Class>,
    by_prefix: HashMap<(u64, Vec<u8>), Vec<u32>>,
}

impl Classes {
    pub fn find(documents: Vec<(u64, &[u8], BTreeSet<u32>)>) -> Self {
        let kind = Kind::Hash;
        let names: Vec<Name<'_>> = documents.iter().map(|(db, name, _)| Name { db: *db, kind, name }).collect();
        let patterns = patterns::find(&names);
        // Names that go on where others end, and single names beside them, are looked at by themselves: helpers and
        // strangers do not make the others look unlike each other.
        let mut roots: BTreeMap<(u64, Vec<u8>), Node> = BTreeMap::new();
        let mut names_of: BTreeMap<(u64, Vec<u8>), Vec<&[u8]>> = BTreeMap::new();
        for pattern in &patterns {
            let apart = (pattern.db, set_apart(pattern, &patterns));
            for (db, name, paths) in pattern.names.iter().filter_map(|at| documents.get(*at)) {
                roots.entry(apart.clone()).or_default().add(name, PARTS, paths);
                debug_assert_eq!(*db, pattern.db, "patterns are found in each database");
                names_of.entry(apart.clone()).or_default().push(name);
            }
        }
        let mut all = Vec::new();
        for (apart, root) in roots {
            let mut found = Vec::new();
            root.classes(apart.0, &mut Vec::new(), &mut found);
            let names = names_of.get(&apart).map_or(&[][..], Vec::as_slice);
            for class in &mut found {
                let (db, own) = (class.db, class.clone());
                class.find_form(names.iter().copied().filter(|name| own.holds(db, name)));
            }
            // Without a form a spec cannot tell it from what stands below.
            found.retain(|class| !class.leaves || class.form.is_some());
            all.append(&mut found);
        }
        Self::new(all)
    }

    /// These classes.
    pub fn new(all: Vec<Class>) -> Self {
        let mut by_prefix: HashMap<(u64, Vec<u8>), Vec<u32>> = HashMap::new();
        for (class, number) in all.iter().zip(0_u32..) {
            by_prefix.entry((class.db, class.prefix.clone())).or_default().push(number);
        }
        Self { all, by_prefix }
    }

    /// The class of a name: the one with the longest prefix. A prefix is a whole name, or ends with a separator.
    pub fn of(&self, db: u64, name: &[u8]) -> Option<u32> {
        let separators = name.iter().enumerate().filter(|(_, byte)| is_separator(byte));
        let cuts = separators.map(|(at, _)| at.saturating_add(1)).take(PARTS);
        let mut found = None;
        for end in cuts.chain([name.len()]) {
            let numbers = self.by_prefix.get(&(db, name.get(..end)?.to_vec())).map_or(&[][..], Vec::as_slice);
            let holds = |number: &&u32| self.get(**number).is_some_and(|class| class.holds(db, name));
            if let Some(number) = numbers.iter().find(holds) {
                found = Some(*number);
            }
        }
        found
    }

    pub fn get(&self, class: u32) -> Option<&Class> {
        self.all.get(usize::try_from(class).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(documents: &[(&str, &[u32])]) -> Vec<String> {
        let documents = documents.iter().map(|(name, paths)| (0, name.as_bytes(), paths.iter().copied().collect()));
        let classes = Classes::find(documents.collect());
        classes.all.iter().map(|class| class.pattern()).collect()
    }

    #[test]
    fn documents_with_like_fields_are_a_class() {
        let (a, b): (&[u32], &[u32]) = (&[1, 2, 3, 4], &[5, 6]);
        // Two kinds of records below one first part, one record of a kind of its own, one class over three sub-prefixes.
        let found = globs(&[
            ("app:user:1", a),
            ("app:user:2", &[1, 2, 3]),
            ("app:order:1", b),
            ("app:order:2", b),
            ("config", &[9]),
            ("m:x:p:1", a),
            ("m:x:q:2", a),
            ("m:x:null:3", &[1, 2]),
        ]);
        assert_eq!(found, ["app:order:{@id:digits}", "app:user:{@id:digits}", "m:x:{@part}:{@id:digits}", "config"]);
    }

    #[test]
    fn the_longest_prefix_is_the_class_of_a_name() {
        let class = |prefix: &str, exact| {
            let prefix = prefix.as_bytes().to_vec();
            Class {
                db: 0,
                prefix,
                exact,
                form: None,
                captures: Vec::new(),
                leaves: false,
                sampled: 1,
                profile: BTreeSet::new(),
            }
        };
        let classes = Classes::new(vec![class("a:", false), class("a:b:", false), class("a:c", true)]);
        for (name, expected) in
            [("a:x", Some(0)), ("a:b:x", Some(1)), ("a:c", Some(2)), ("a:c:d", Some(0)), ("b:x", None), ("", None)]
        {
            assert_eq!(classes.of(0, name.as_bytes()), expected, "{name}");
        }
        assert_eq!(classes.of(1, b"a:x"), None);
    }

    #[test]
    fn a_prefix_with_glob_characters_is_escaped() {
        assert_eq!(globs(&[("[a]*:1", &[1]), ("[a]*:2", &[1])]), [r"\[a]\*:{@id:digits}"]);
    }
}
