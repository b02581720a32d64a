//! The fields of one table of a spec: taken with their places, and complained about where they are not what they should be.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SpecErrors;
use super::nearest::nearest;

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) errors: SpecErrors,
}

/// A table, where it stands, and what it is called in messages.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) table: &'a DeTable<'a>,
    pub(super) header: (usize, usize),
    pub(super) what: &'static str,
}

impl<'a> Table<'a> {
    pub(super) fn span(&self) -> Range<usize> {
        self.header.0..self.header.1
    }
}

/// A string and where it stands, quotes included.
pub(super) type Text<'a> = (&'a str, Range<usize>);

impl Reader<'_> {
    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(span, message.into(), Some(help.into()));
    }

    /// Where in the file a piece of a string stands. A string with escapes in it is marked as a whole.
    pub(super) fn inside(&self, value: &str, span: &Range<usize>, at: Range<usize>) -> Range<usize> {
        let source = self.text.get(span.clone()).unwrap_or("");
        match source.find(value) {
            Some(start) if !value.is_empty() => {
                let start = span.start.saturating_add(start);
                start.saturating_add(at.start)..start.saturating_add(at.end)
            }
            _ => span.clone(),
        }
    }

    pub(super) fn known_keys(&mut self, table: Table<'_>, known: &[&str]) {
        for key in table.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("{} has {}", table.what, known.join(", ")),
                };
                self.error(key.span(), format!("{} has no {name:?}", table.what), help);
            }
        }
    }

    pub(super) fn name<'n>(
        &mut self,
        table: Table<'_>,
        what: &str,
        mut taken: impl Iterator<Item = &'n str>,
    ) -> String {
        let Some((name, span)) = self.required(table, "name", "a name for reports, as in name = \"project\"") else {
            return String::new();
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            self.error(span, "a name must have characters that can be shown", "write a word, as in name = \"project\"");
        } else if taken.any(|other| other == name) {
            self.error(span, format!("there is another {what} called {name:?}"), "give each its own name");
        }
        name.to_owned()
    }

    pub(super) fn db(&mut self, table: Table<'_>) -> Option<u64> {
        let value = table.table.get("db")?;
        let number = value.get_ref().as_integer().and_then(integer);
        if number.is_none() {
            self.error(value.span(), "db is not a database number", "write a number from 0 on, as in db = 0");
        }
        number
    }

    /// One of the words, if it is there and is one.
    pub(super) fn word<T: Copy>(
        &mut self,
        table: Table<'_>,
        key: &str,
        words: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Option<T> {
        let (text, span) = self.string(table, key)?;
        let found = words.iter().copied().find(|word| as_str(*word) == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|word| as_str(*word)).collect();
            let help = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            self.error(span, format!("{text:?} is not a {key}"), help);
        }
        found
    }

    /// A string that must be there; `is` says what it is.
    pub(super) fn required<'a>(&mut self, table: Table<'a>, key: &str, is: &str) -> Option<Text<'a>> {
        if table.table.get(key).is_none() {
            self.error(table.span(), format!("{key} is missing"), format!("add {is}"));
        }
        self.string(table, key)
    }

    /// A string, if it is there; another type is an error.
    pub(super) fn string<'a>(&mut self, table: Table<'a>, key: &str) -> Option<Text<'a>> {
        let value: &Spanned<DeValue<'_>> = table.table.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            let message = format!("{key} is a string, not {}", a(value.get_ref().type_str()));
            self.error(value.span(), message, format!("write it in quotes: {key} = \"…\""));
        }
        Some((text?, value.span()))
    }

    /// A string, or a list of strings; none if it is not there.
    pub(super) fn strings<'a>(&mut self, table: Table<'a>, key: &str) -> Vec<Text<'a>> {
        let Some(value) = table.table.get(key) else { return Vec::new() };
        if value.get_ref().as_str().is_some() {
            return self.string(table, key).into_iter().collect();
        }
        let help = format!("write {key} = \"…\", or {key} = [\"…\", \"…\"]");
        let Some(array) = value.get_ref().as_array() else {
            self.error(value.span(), format!("{key} is a string, or a list of strings"), help);
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => all.push((text, item.span())),
                None => self.error(item.span(), format!("{key} is a string, or a list of strings"), help.clone()),
            }
        }
        all
    }

    /// `"\x80"` is a character in TOML, which has two bytes: whoever writes it means one.
    pub(super) fn no_byte_as_character(&mut self, span: &Range<usize>) {
        let source = self.text.get(span.clone()).unwrap_or_default();
        if !source.starts_with('"') {
            return;
        }
        let mut at: usize = 0;
        while let Some(found) = source.get(at..).and_then(|rest| rest.find('\\')) {
            let here = at.saturating_add(found);
            let rest = source.as_bytes().get(here.saturating_add(1)..).unwrap_or_default();
            if let [b'x', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', low, ..] = rest
                && low.is_ascii_hexdigit()
            {
                let from = span.start.saturating_add(here);
                let message = "in double quotes this is a character of two bytes, not a byte";
                self.error(from..from.saturating_add(4), message, "write names with bytes in single quotes: 'a\\xff'");
                return;
            }
            at = here.saturating_add(2);
        }
    }

    /// The tables of an array of tables; none if it is not there.
    pub(super) fn tables<'a>(&mut self, table: Table<'a>, key: &str, what: &'static str) -> Vec<Table<'a>> {
        let Some(value) = table.table.get(key) else { return Vec::new() };
        let how = if key == "require" {
            "require = [{ record = \"…\", key = \"…\" }]".to_owned()
        } else {
            format!("[[{key}]]")
        };
        let Some(array) = value.get_ref().as_array() else {
            let message = format!("{key} is a list of tables, not {}", a(value.get_ref().type_str()));
            self.error(value.span(), message, format!("write {how}"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            let span = item.span();
            // Mark the header, not the whole table.
            let first_line = self.text.get(span.clone()).and_then(|text| text.lines().next()).map_or(0, str::len);
            match item.get_ref().as_table() {
                Some(table) => {
                    tables.push(Table { table, header: (span.start, span.start.saturating_add(first_line)), what })
                }
                None => {
                    let message = format!("{what} is a table, not {}", a(item.get_ref().type_str()));
                    self.error(span, message, format!("write {how}"));
                }
            }
        }
        tables
    }
}

pub(super) fn integer(number: &toml::de::DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A type's name with its article.
fn a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}
