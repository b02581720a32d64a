//! All single values of a record, with the paths that lead to them.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use crate::dump::rdb::{self, Element, Flow, Kind, Scratch, Visitor};
use crate::model::document;
use crate::model::spec::{Path, Step};
use crate::model::view::{Clock, Dump, Expires};

/// Objects are read so deep.
const DEPTH: usize = 4;
/// Values of one record.
const VALUES: usize = 96;
/// Elements of one array.
const ELEMENTS: usize = 16;
/// A longer value is a text, and no index is made of texts.
const VALUE_BYTES: usize = 256;
const NAME_BYTES: usize = 64;
/// A longer value is not given to filters.
const FILTERED_BYTES: usize = 64;
/// A longer document is not looked at.
const DOCUMENT_BYTES: usize = 1 << 20;
/// Different paths in all records.
const PATHS: usize = 1 << 16;

/// Paths as a spec writes them, each with a number.
#[derive(Debug, Default)]
pub struct Paths {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Paths {
    fn number(&mut self, steps: &[Step]) -> Option<u32> {
        self.of_text(&Path { steps: steps.to_vec() }.to_string())
    }

    /// The number of a text that stands between braces: a capture, or a path with a filter.
    pub fn of_text(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(self.texts.len()).ok().filter(|_| self.texts.len() < PATHS)?;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        Some(number)
    }

    /// The number of a text that is known.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// Adds what filters make of the values at the top of a record.
    pub fn filter(&mut self, fields: &mut Fields) {
        let mut more = Fields::new();
        for (path, value) in fields.iter() {
            let name = self.text(*path).to_owned();
            let is_plain = !name.contains(['.', '[', '"', '|', '@']);
            if !is_plain || value.len() > FILTERED_BYTES || !value.iter().any(u8::is_ascii_alphabetic) {
                continue;
            }
            if let Some(lower) = self.of_text(&format!("{name}|lower")) {
                more.push((lower, value.to_ascii_lowercase()));
            }
            if value.iter().any(u8::is_ascii_whitespace)
                && let Some(words) = self.of_text(&format!("{name}|words"))
            {
                let all = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(ELEMENTS);
                more.extend(all.map(|word| (words, word.to_ascii_lowercase())));
            }
        }
        fields.append(&mut more);
    }

    /// The text of a path.
    pub fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|at| self.texts.get(at)).map_or("", String::as_str)
    }
}

/// The single values of a record: path and bytes, in the order of the paths' steps.
pub type Fields = Vec<(u32, Vec<u8>)>;

/// Reads records. Reusable.
#[derive(Debug, Default)]
pub struct Reader {
    pub paths: Paths,
    scratch: Scratch,
    room: Vec<u8>,
    text: Vec<u8>,
}

impl Reader {
    /// The fields of the record that starts at `start`; none if it is no document.
    pub fn read(&mut self, dump: &Dump<'_>, clock: Clock, start: u64) -> Result<Option<Fields>, rdb::Error> {
        let record = dump.record(start)?;
        let value = &record.value;
        let Self { paths, scratch, room, text } = self;
        let mut found = Found { paths, steps: Vec::new(), fields: Vec::new() };
        if value.bytes.len() > DOCUMENT_BYTES {
            return Ok(None);
        }
        match value.ty.kind() {
            Kind::Hash => {
                value.visit(scratch, &mut HashFields { found: &mut found, clock })?;
                Ok(Some(found.fields))
            }
            Kind::String => {
                let raw = rdb::string_at(value.bytes, 0)?;
                if raw.len() > DOCUMENT_BYTES {
                    return Ok(None);
                }
                let text = raw.decode(room).map_err(|kind| rdb::Error::in_string(value.offset as u64, kind))?;
                Ok(found.document(text))
            }
            Kind::Module => match value.json()? {
                Some(json) => match document::text(json, value.offset as u64, room, text)? {
                    Ok(text) => Ok(found.document(text)),
                    Err(_) => Ok(None),
                },
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

struct Found<'p> {
    paths: &'p mut Paths,
    steps: Vec<Step>,
    fields: Fields,
}

impl Found<'_> {
    fn document(mut self, text: &[u8]) -> Option<Fields> {
        let text = std::str::from_utf8(text).ok()?;
        if !text.trim_start().starts_with('{') {
            return None;
        }
        self.object(text)?;
        Some(self.fields)
    }

    fn object(&mut self, text: &str) -> Option<()> {
        // By name, so that the order of the fields in the document does not matter.
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        for (name, value) in fields {
            if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
                continue;
            }
            self.steps.push(Step::Name(name.into_bytes()));
            self.value(value.get());
            self.steps.pop();
        }
        Some(())
    }

    fn value(&mut self, text: &str) {
        match text.as_bytes().first() {
            Some(b'{') if self.steps.len() < DEPTH => {
                // It was parsed as part of a whole that is valid.
                let _ = self.object(text);
            }
            Some(b'[') if self.steps.len() < DEPTH => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
                self.steps.push(Step::Each);
                for element in elements.iter().take(ELEMENTS) {
                    self.value(element.get());
                }
                self.steps.pop();
            }
            Some(b'"') => {
                if let Ok(text) = serde_json::from_str::<String>(text) {
                    self.single(text.into_bytes());
                }
            }
            Some(b'{' | b'[' | b'n') | None => {}
            Some(_) => self.single(text.as_bytes().to_vec()),
        }
    }

    fn single(&mut self, value: Vec<u8>) {
        if value.is_empty() || value.len() > VALUE_BYTES || self.fields.len() >= VALUES {
            return;
        }
        if let Some(path) = self.paths.number(&self.steps) {
            self.fields.push((path, value));
        }
    }
}

struct HashFields<'f, 'p> {
    found: &'f mut Found<'p>,
    clock: Clock,
}

impl Visitor for HashFields<'_, '_> {
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let found = &mut *self.found;
        if found.fields.len() >= VALUES {
            return ControlFlow::Break(());
        }
        let name = std::str::from_utf8(field.bytes).ok();
        let fits = name.is_some_and(|name| name.len() <= NAME_BYTES && !name.chars().any(char::is_control));
        if fits && self.clock.expires(expire_ms) != Expires::Gone {
            found.steps.push(Step::Name(field.bytes.to_vec()));
            found.single(value.bytes.to_vec());
            found.steps.pop();
        }
        ControlFlow::Continue(())
    }
}
