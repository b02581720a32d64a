//! A rule that would explain memberships: which key, which member, of which class.

use super::classes::Classes;
use super::fields::Paths;
use crate::dump::rdb::Kind;
use crate::model::spec;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Literal(Vec<u8>),
    Field(u32),
}

/// What a record's member is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// The record's key.
    Key,
    /// A field behind some text, which is mostly empty.
    Field(Vec<u8>, u32),
    /// The keys of other indexes that have it.
    Names(Vec<Vec<Part>>),
}

impl Member {
    /// As a spec writes it.
    pub fn text(&self, paths: &Paths) -> Option<String> {
        Some(match self {
            Member::Key => "{@key}".to_owned(),
            Member::Field(before, path) => format!("{}{{{}}}", spec::literal(before, false), paths.text(*path)),
            Member::Names(_) => return None,
        })
    }

    /// As a spec writes them, if it is several texts.
    pub fn texts(&self, paths: &Paths) -> Option<Vec<String>> {
        let Self::Names(names) = self else { return None };
        Some(names.iter().map(|name| template(name, paths)).collect())
    }

    /// Prefers the key, then what is part of it, then what is short.
    fn order<'p>(&'p self, paths: &'p Paths) -> (u8, usize, &'p str) {
        match self {
            Member::Key => (0, 0, ""),
            Member::Field(before, path) => {
                let text = paths.text(*path);
                (if text.starts_with('@') { 1 } else { 2 }, before.len(), text)
            }
            Member::Names(names) => (3, names.len(), ""),
        }
    }
}

/// A rule. Those that say less come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    pub db: u64,
    pub kind: Kind,
    pub class: u32,
    /// The member; the field of a hash; the text of a string.
    pub member: Member,
    /// The value of a hash's field.
    pub value: Option<Member>,
    pub key: Vec<Part>,
}

impl Rule {
    /// The number of fields in the key.
    pub fn fields(&self) -> usize {
        self.key.iter().filter(|part| matches!(part, Part::Field(_))).count()
    }

    /// The text of its key that does not vary, with a star for each field: two rules with the same are about the same
    /// keys.
    pub fn family(&self) -> Vec<Option<&[u8]>> {
        self.key
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_slice()),
                Part::Field(_) => None,
            })
            .collect()
    }

    /// Whether a name could be one of its keys.
    pub fn covers(&self, db: u64, name: &[u8]) -> bool {
        let mut rest = name;
        let mut open = false;
        for (at, part) in self.key.iter().enumerate() {
            match part {
                Part::Field(_) => open = true,
                Part::Literal(text) if open => {
                    let last = at.saturating_add(1) == self.key.len();
                    let found = if last {
                        rest.ends_with(text).then(|| rest.len().saturating_sub(text.len()))
                    } else {
                        memchr::memmem::find(rest, text)
                    };
                    let Some(found) = found else { return false };
                    rest = rest.get(found.saturating_add(text.len())..).unwrap_or_default();
                    open = false;
                }
                Part::Literal(text) => match rest.strip_prefix(text.as_slice()) {
                    Some(after) => rest = after,
                    None => return false,
                },
            }
        }
        self.db == db && (open || rest.is_empty())
    }

    /// The key as a spec writes it.
    pub fn key_text(&self, paths: &Paths) -> Option<String> {
        Some(template(&self.key, paths))
    }

    /// The member as a spec writes it.
    pub fn member_text(&self, paths: &Paths) -> Option<String> {
        self.member.text(paths)
    }

    /// The value of a hash's field.
    pub fn value_text(&self, paths: &Paths) -> Option<String> {
        self.value.as_ref()?.text(paths)
    }

    /// Prefers what is simpler, then what reads better.
    pub fn order<'p>(&'p self, paths: &'p Paths, classes: &Classes) -> impl Ord + use<'p> {
        let member = self.member.order(paths);
        let value = self.value.as_ref().map(|value| value.order(paths));
        let names: Vec<&str> = self
            .key
            .iter()
            .filter_map(|part| if let Part::Field(path) = part { Some(paths.text(*path)) } else { None })
            .collect();
        let filters = names.iter().filter(|name| name.contains('|')).count();
        let arrays = names.iter().filter(|name| name.contains("[]")).count();
        let depth: usize = names.iter().map(|name| name.len()).sum();
        let size = classes.get(self.class).map_or(0, |class| class.sampled);
        (self.fields(), member, value, filters, arrays, depth, names, std::cmp::Reverse(size))
    }
}

/// Pieces as a spec writes them.
fn template(parts: &[Part], paths: &Paths) -> String {
    let text = |part: &Part| match part {
        Part::Literal(text) => spec::literal(text, false),
        Part::Field(path) => format!("{{{}}}", paths.text(*path)),
    };
    parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &[&str]) -> Rule {
        let part = |text: &&str| if *text == "*" { Part::Field(0) } else { Part::Literal(text.as_bytes().to_vec()) };
        Rule { db: 0, kind: Kind::Set, class: 0, member: Member::Key, value: None, key: key.iter().map(part).collect() }
    }

    #[test]
    fn a_rule_covers_the_names_it_could_have_made() {
        for (key, name, covers) in [
            (&["a:", "*"][..], "a:b", true),
            (&["a:", "*"], "a:", true),
            (&["a:", "*"], "b:a:", false),
            (&["a:", "*", ":z"], "a:b:z", true),
            (&["a:", "*", ":z"], "a:b:zz", false),
            (&["a:", "*", ":m:", "*", ":z"], "a:1:m:2:z", true),
            (&["a:", "*", ":m:", "*", ":z"], "a:1:2:z", false),
            (&["a:all"], "a:all", true),
            (&["a:all"], "a:all:2", false),
        ] {
            assert_eq!(rule(key).covers(0, name.as_bytes()), covers, "{key:?} {name}");
        }
        assert!(!rule(&["a:", "*"]).covers(1, b"a:b"));
    }

    #[test]
    fn braces_are_doubled_and_bytes_shown() {
        let mut with = rule(&["{a}:"]);
        assert_eq!(with.key_text(&Paths::default()).as_deref(), Some("{{a}}:"));
        with.key = vec![Part::Literal(vec![0xff])];
        assert_eq!(with.key_text(&Paths::default()).as_deref(), Some("\\xff"));
    }
}
