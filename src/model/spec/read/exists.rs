//! What must be there for an entry to stay, and what must be true of it or of a record.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Reader, Table, integer};
use crate::model::spec::names::capture::Captures;
use crate::model::spec::names::template::Template;
use crate::model::spec::{Condition, Exists, Path, Step, Test};

const EXISTS_KEYS: &[&str] = &["key", "where", "field"];
const HOW: &str = "write exists = \"job:{@id}\", exists = { key = \"job:{@id}\", where = { … } }, or a list of these";
/// More are refused.
const MAX_EXISTS: usize = 16;
/// More conditions, or texts in one, are refused.
const MAX_CONDITIONS: usize = 64;

impl Reader<'_> {
    /// All that `exists` names: any one of them is enough.
    pub(super) fn exists(&mut self, table: Table<'_>, captures: &mut Captures) -> Vec<Exists> {
        let mut all = Vec::new();
        let Some(value) = table.table.get("exists") else { return all };
        match value.get_ref() {
            DeValue::Array(array) => {
                if array.is_empty() || array.len() > MAX_EXISTS {
                    self.error(value.span(), format!("exists names 1 to {MAX_EXISTS} keys"), HOW);
                }
                for item in array.iter().take(MAX_EXISTS) {
                    all.extend(self.one_exists(item, captures));
                }
            }
            _ => all.extend(self.one_exists(value, captures)),
        }
        all
    }

    fn one_exists(&mut self, value: &Spanned<DeValue<'_>>, captures: &mut Captures) -> Option<Exists> {
        if let Some(text) = value.get_ref().as_str() {
            let key = self.captured((text, value.span()), captures)?;
            return Some(Exists { key, field: None, conditions: Vec::new(), paths: Vec::new() });
        }
        let Some(table) = value.get_ref().as_table() else {
            self.error(value.span(), "exists is a text, a table, or a list of these", HOW);
            return None;
        };
        let span = value.span();
        let table = Table { table, header: (span.start, span.end), what: "exists" };
        self.known_keys(table, EXISTS_KEYS);
        let key = self.required(table, "key", "the key that must be there, as in key = \"job:{@id}\"");
        let key = key.and_then(|text| self.captured(text, captures));
        let field = self.string(table, "field").and_then(|text| self.captured(text, captures));
        let (mut conditions, mut paths) = (Vec::new(), Vec::new());
        if let Some(value) = table.table.get("where") {
            match value.get_ref().as_table() {
                Some(table) => self.conditions("where", table, &[], captures, &mut paths, &mut conditions),
                None => self.error(value.span(), "where is a table", "write where = { field = \"text\" }"),
            }
        }
        Some(Exists { key: key?, field, conditions, paths })
    }

    /// What `when` asks of a record.
    pub(super) fn when(&mut self, table: Table<'_>, captures: &mut Captures, paths: &mut Vec<Path>) -> Vec<Condition> {
        let mut out = Vec::new();
        let Some(value) = table.table.get("when") else { return out };
        match value.get_ref().as_table() {
            Some(table) => self.conditions("when", table, &[], captures, paths, &mut out),
            None => self.error(value.span(), "when is a table", "write when = { field = \"text\" }"),
        }
        out
    }

    /// The conditions of a table, those of the tables inside it included.
    fn conditions(
        &mut self,
        what: &str,
        table: &DeTable<'_>,
        above: &[Step],
        captures: &mut Captures,
        paths: &mut Vec<Path>,
        out: &mut Vec<Condition>,
    ) {
        for (name, value) in table {
            let path = match Path::parse(name.get_ref()) {
                Ok(path) => Path { steps: above.iter().cloned().chain(path.steps).collect() },
                Err(fault) => {
                    self.error(name.span(), fault.message, fault.help);
                    continue;
                }
            };
            if let Some(inner) = value.get_ref().as_table() {
                self.conditions(what, inner, &path.steps, captures, paths, out);
                continue;
            }
            if out.len() >= MAX_CONDITIONS {
                self.error(name.span(), format!("{what} has more than {MAX_CONDITIONS} conditions"), "take fewer");
                return;
            }
            let Some(test) = self.test(what, value, captures) else { continue };
            let path = paths.iter().position(|known| *known == path).unwrap_or_else(|| {
                paths.push(path);
                paths.len().saturating_sub(1)
            });
            out.push(Condition { path, test });
        }
    }

    fn test(&mut self, what: &str, value: &Spanned<DeValue<'_>>, captures: &mut Captures) -> Option<Test> {
        if let Some(there) = value.get_ref().as_bool() {
            return Some(if there { Test::There } else { Test::Absent });
        }
        let mut texts = Vec::new();
        match value.get_ref() {
            DeValue::Array(array) => {
                if array.is_empty() || array.len() > MAX_CONDITIONS {
                    let message = format!("a list in {what} has 1 to {MAX_CONDITIONS} texts");
                    self.error(value.span(), message, "write field = [\"one\", \"two\"]");
                }
                for item in array.iter().take(MAX_CONDITIONS) {
                    texts.extend(self.text_of(what, item, captures));
                }
            }
            _ => texts.extend(self.text_of(what, value, captures)),
        }
        (!texts.is_empty()).then_some(Test::OneOf(texts))
    }

    fn text_of(&mut self, what: &str, value: &Spanned<DeValue<'_>>, captures: &mut Captures) -> Option<Template> {
        let help = "write a text, a whole number, a list of these, or true (there) or false (absent)";
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Some(Template { text: String::new(), parts: Vec::new() }),
            DeValue::String(text) => self.captured((text, value.span()), captures),
            DeValue::Integer(number) => {
                let source = self.text.get(value.span()).unwrap_or_default();
                let negative = source.starts_with('-');
                let Some(number) =
                    integer(number).or_else(|| number.as_str().trim_start_matches(['+', '-']).parse().ok())
                else {
                    self.error(value.span(), "this number is too large", "write it as text");
                    return None;
                };
                let text = if negative { format!("-{number}") } else { number.to_string() };
                let parts = vec![crate::model::spec::Part::Literal(text.clone().into_bytes())];
                Some(Template { text, parts })
            }
            DeValue::Float(_) => {
                self.error(value.span(), format!("{what} compares text"), "write a fraction as text, as in \"4.50\"");
                None
            }
            _ => {
                self.error(value.span(), format!("{what} cannot ask for this"), help);
                None
            }
        }
    }
}
