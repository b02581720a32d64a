//! From TOML text to a [`Spec`]: every table is read field by field, and what is wrong is noted and passed over.

use std::ops::Range;

use toml::de::DeTable;

mod chain;
mod exists;
mod index;
mod record;

use super::brake::{self, Accepted, Brake};
use super::error::SpecErrors;
use super::names::parse::Fault;
use super::nearest::nearest;
use super::table::{Reader, Table, Text, integer};
use super::{Given, Index, MAX_SPEC_BYTES, Pattern, Policy, RecordClass, Spec};

const TOP_KEYS: &[&str] = &["version", "accept", "record", "index"];

/// The text of a file, if it may be a spec at all.
pub(super) fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, SpecErrors> {
    let mut errors = SpecErrors::new(name, "");
    if bytes.len() > MAX_SPEC_BYTES {
        errors.push(0..0, too_large(bytes.len()), None);
        return errors.into_result(None);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
            let good = String::from_utf8_lossy(good);
            let mut errors = SpecErrors::new(name, &good);
            let message = format!("not UTF-8 from byte {} on", error.valid_up_to());
            errors.push(good.len()..good.len(), message, Some("save the file as UTF-8".to_owned()));
            errors.into_result(None)
        }
    }
}

fn too_large(bytes: usize) -> String {
    format!("the file has {bytes} bytes; a spec has at most {MAX_SPEC_BYTES}")
}

pub(super) fn read(text: &str, name: &str, given: &Given) -> Result<Spec, SpecErrors> {
    if text.len() > MAX_SPEC_BYTES {
        let mut errors = SpecErrors::new(name, "");
        errors.push(0..0, too_large(text.len()), None);
        return errors.into_result(None);
    }
    let mut errors = SpecErrors::new(name, text);
    let (table, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        errors.push(error.span().unwrap_or(0..0), error.message().replace('\n', "; "), None);
    }
    // Where the syntax is broken, what was recovered would be reported as missing.
    if !errors.is_empty() {
        return errors.into_result(None);
    }
    let mut reader = Reader { text, errors };
    let spec = reader.spec(table.get_ref(), name, given);
    reader.errors.into_result(Some(spec))
}

impl Reader<'_> {
    fn spec(&mut self, table: &DeTable<'_>, name: &str, given: &Given) -> Spec {
        let accept = &given.accept;
        let top = Table { table, header: (0, 0), what: "a spec" };
        self.known_keys(top, TOP_KEYS);
        self.version(top);
        let mut accepted = self.accept(top, false).unwrap_or_default();
        let mut records = Vec::new();
        let mut seen = Vec::new();
        for table in self.tables(top, "record", "a record class") {
            records.push(self.record(table, &mut seen));
        }
        let mut indexes: Vec<(Index, Range<usize>)> = Vec::new();
        let mut names = Vec::new();
        for table in self.tables(top, "index", "an index") {
            let Some((mut index, span)) = self.index(table, &mut records, &mut names) else { continue };
            // What is lifted at the top is lifted for each index that does not say itself what is.
            if table.table.get("accept").is_none() {
                index.accepted = accepted.clone();
            }
            for one in accept.iter().filter(|one| one.index.as_ref().is_none_or(|name| *name == index.name)) {
                index.accepted.add(one.brake);
            }
            self.begins_with_a_literal(&index, &span);
            self.has_its_own_keys(&index, &span, &indexes);
            indexes.push((index, span));
        }
        if self.errors.is_empty() {
            self.chain(&indexes);
        }
        let mut indexes: Vec<Index> = indexes.into_iter().map(|(index, _)| index).collect();
        if indexes.is_empty() && self.errors.is_empty() {
            let help = "add [[index]] with name, policy, from, key and member; `rdb-reindex spec` prints an example";
            self.error(0..0, "the spec names no index", help);
        }
        for one in accept {
            match &one.index {
                None => accepted.add(one.brake),
                Some(name) if !names.contains(name) => {
                    let help = match nearest(name, names.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean --accept {near}:{}?", one.brake),
                        None => format!("the indexes are {}", names.join(", ")),
                    };
                    self.error(
                        0..0,
                        format!("--accept {one} names an index that the spec does not have: {name:?}"),
                        help,
                    );
                }
                Some(_) => {}
            }
        }
        if self.errors.is_empty() {
            self.only(&given.only, &mut indexes);
        }
        Spec { name: name.to_owned(), text: self.text.to_owned(), records, indexes, accepted, given: given.clone() }
    }

    /// Takes the indexes that are not named for what is only looked at.
    fn only(&mut self, only: &[String], indexes: &mut Vec<Index>) {
        if only.is_empty() {
            return;
        }
        let names: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
        for name in only.iter().filter(|name| !names.contains(&name.as_str())) {
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean --only {near}?"),
                None => format!("the indexes are {}", names.join(", ")),
            };
            self.error(0..0, format!("--only names an index that the spec does not have: {name:?}"), help);
        }
        let is_named = |index: &Index| only.contains(&index.name);
        for index in indexes.iter().filter(|index| is_named(index)) {
            if index.policy == Policy::Report {
                let help = "write \"maintain\" or \"prune\" in the spec, or leave the name out";
                self.error(0..0, format!("--only names {:?}, whose policy is \"report\"", index.name), help);
            }
            // Maintained indexes that share their keys are one index.
            let is_beside = |other: &&Index| {
                !is_named(other)
                    && (index.policy, other.policy) == (Policy::Maintain, Policy::Maintain)
                    && (index.db, &index.family) == (other.db, &other.family)
            };
            if let Some(other) = indexes.iter().find(is_beside) {
                let message =
                    format!("--only names {:?} and not {:?}, which has the same keys", index.name, other.name);
                self.error(0..0, message, "name both: what one of them implies is not an error of the other");
            }
        }
        // What would only be deleted is nobody's then.
        indexes.retain(|index| is_named(index) || index.policy != Policy::Retire || index.from.is_some());
        for index in indexes.iter_mut().filter(|index| !is_named(index)) {
            index.policy = Policy::Report;
        }
    }

    /// The brakes that a table lifts; `None` if it does not say. Those about the whole dump are lifted at the top.
    fn accept(&mut self, table: Table<'_>, in_index: bool) -> Option<Accepted> {
        let value = table.table.get("accept")?;
        let mut accepted = Accepted::default();
        let Some(array) = value.get_ref().as_array() else {
            self.error(value.span(), "accept is a list of brakes", "write accept = [\"other-type\"]");
            return Some(accepted);
        };
        for item in array.iter() {
            match item.get_ref().as_str().map(|name| (name, Brake::named(name))) {
                Some((_, Some(brake))) if in_index && !brake.is_of_index() => {
                    let help = format!("write accept = [\"{brake}\"] at the top of the spec");
                    self.error(item.span(), format!("{brake} is about the whole dump, not about an index"), help);
                }
                Some((_, Some(brake))) => accepted.add(brake),
                Some((name, None)) => {
                    self.error(item.span(), format!("{name:?} is not a brake"), brake::unknown(name));
                }
                None => self.error(item.span(), "accept is a list of brakes", "write accept = [\"other-type\"]"),
            }
        }
        Some(accepted)
    }

    /// What `not` takes out: patterns of keys.
    fn not(&mut self, table: Table<'_>) -> Vec<Pattern> {
        let mut all = Vec::new();
        for (text, span) in self.strings(table, "not") {
            match Pattern::not(text) {
                Ok(pattern) => all.push(pattern),
                Err(fault) => self.fault(text, &span, fault),
            }
        }
        all
    }

    /// What is wrong with a name.
    fn fault(&mut self, text: &str, span: &Range<usize>, fault: Fault) {
        let at = self.inside(text, span, fault.at);
        self.error(at, fault.message, fault.help);
    }

    fn version(&mut self, top: Table<'_>) {
        let help = "write version = 1 in the first line";
        match top.table.get("version") {
            None => self.error(0..0, "version is missing", help),
            Some(value) => {
                let one = value.get_ref().as_integer().is_some_and(|n| integer(n) == Some(1));
                if !one {
                    self.error(
                        value.span(),
                        "this version of the spec format is not known",
                        "the version is 1: version = 1",
                    );
                }
            }
        }
    }
}
