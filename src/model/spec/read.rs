//! From TOML text to a [`Spec`]: every table is read field by field, and what is wrong is noted and passed over.

use std::ops::Range;

use toml::de::DeTable;

use super::brake::{self, Acceptance, Accepted, Brake};
use super::error::SpecErrors;
use super::nearest::nearest;
use super::table::{Reader, Table, integer};
use super::{Form, Glob, Index, IndexType, MAX_SPEC_BYTES, Part, Path, Policy, RecordClass, Require, Spec, Template};

const TOP_KEYS: &[&str] = &["version", "accept", "record", "index"];
const RECORD_KEYS: &[&str] = &["name", "key", "db"];
const INDEX_KEYS: &[&str] = &["name", "policy", "type", "from", "db", "key", "member", "score", "require", "accept"];
const REQUIRE_KEYS: &[&str] = &["record", "key"];
/// More entries in a `require` are refused.
const MAX_REQUIRE: usize = 16;
const POLICIES: &[Policy] = &[Policy::Maintain, Policy::Retire, Policy::Report];
const TYPES: &[IndexType] = &[IndexType::Set, IndexType::Zset];

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

pub(super) fn read(text: &str, name: &str, accept: &[Acceptance]) -> Result<Spec, SpecErrors> {
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
    let spec = reader.spec(table.get_ref(), name, accept);
    reader.errors.into_result(Some(spec))
}

impl Reader<'_> {
    fn spec(&mut self, table: &DeTable<'_>, name: &str, accept: &[Acceptance]) -> Spec {
        let top = Table { table, header: (0, 0), what: "a spec" };
        self.known_keys(top, TOP_KEYS);
        self.version(top);
        let mut accepted = self.accept(top, false).unwrap_or_default();
        let mut records = Vec::new();
        let mut seen = Vec::new();
        for table in self.tables(top, "record", "a record class") {
            records.push(self.record(table, &mut seen));
        }
        if records.is_empty() && self.errors.is_empty() {
            let help = "add [[record]] with name = \"…\" and key = \"prefix:*\"";
            self.error(0..0, "the spec names no record class", help);
        }
        let mut indexes: Vec<Index> = Vec::new();
        let mut names = Vec::new();
        let mut keys: Vec<(u64, Glob)> = Vec::new();
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
            let family = (index.db, index.family.glob().clone());
            if let Some(other) = keys.iter().position(|other| *other == family).and_then(|at| indexes.get(at)) {
                let message = format!("the same keys as index {:?}: each would undo the other", other.name);
                self.error(span, message, "an index key can belong to one index; remove one of the two");
            }
            keys.push(family);
            indexes.push(index);
        }
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
                    self.error(0..0, format!("--accept {one} names an index that the spec has not: {name:?}"), help);
                }
                Some(_) => {}
            }
        }
        Spec {
            name: name.to_owned(),
            text: self.text.to_owned(),
            records,
            indexes,
            accepted,
            acceptances: accept.to_vec(),
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

    /// An index that may delete keys says how their names begin: else every key of the database would be of its family.
    fn begins_with_a_literal(&mut self, index: &Index, span: &Range<usize>) {
        let literal = match index.key.parts.first() {
            Some(Part::Literal(_)) => true,
            Some(Part::RecordKey) => index.from.is_some(),
            Some(Part::Field(_) | Part::Wildcard) | None => false,
        };
        if !literal && index.policy != Policy::Report && !index.accepted.has(Brake::NoLiteral) {
            let message = format!("the key of index {:?} does not begin with literal text (no-literal)", index.name);
            let help = "begin with what all its keys have in common, as in key = \"index:{field}\": else any key of the \
                        database is taken for one of them; accept = [\"no-literal\"] allows it all the same";
            self.error(span.clone(), message, help);
        }
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

    fn record(&mut self, table: Table<'_>, seen: &mut Vec<(u64, Glob, String)>) -> RecordClass {
        self.known_keys(table, RECORD_KEYS);
        let name = self.name(table, "record class", seen.iter().map(|(_, _, name)| name.as_str()));
        let db = self.db(table).unwrap_or(0);
        let (pattern, span) =
            self.required(table, "key", "the keys of the records, as in key = \"prefix:*\"").unwrap_or(("*", 0..0));
        let key = Glob::new(pattern.as_bytes());
        if let Some(fault) = key.fault() {
            let at = self.inside(pattern, &span, fault.at..fault.at.saturating_add(1));
            self.error(at, fault.message, fault.help);
        }
        if !span.is_empty()
            && let Some((_, _, other)) = seen.iter().find(|(d, k, _)| *d == db && *k == key)
        {
            let message = format!("the same keys as record class {other:?}");
            self.error(span, message, "a key belongs to one class; remove one of the two");
        }
        seen.push((db, key.clone(), name.clone()));
        RecordClass { name, key, db, paths: Vec::new() }
    }

    /// An index and where its key template stands; `None` if too little of it can be read to go on.
    fn index(
        &mut self,
        table: Table<'_>,
        records: &mut [RecordClass],
        names: &mut Vec<String>,
    ) -> Option<(Index, Range<usize>)> {
        self.known_keys(table, INDEX_KEYS);
        let name = self.name(table, "index", names.iter().map(String::as_str));
        names.push(name.clone());
        let policy = self.word(table, "policy", POLICIES, Policy::as_str);
        if policy.is_none() && table.table.get("policy").is_none() {
            let help = "write policy = \"maintain\", \"retire\" or \"report\"";
            self.error(table.span(), "policy is missing", help);
        }
        let kind = self.word(table, "type", TYPES, IndexType::as_str);
        let from = self.from(table, policy, records);
        let class_db = from.and_then(|from| records.get(from)).map(|class| class.db);
        let own_db = self.db(table);
        if let (Some(class_db), Some(own_db), Some(value)) = (class_db, own_db, table.table.get("db"))
            && class_db != own_db
        {
            let message = format!("the index is in db {own_db}, its records are in db {class_db}");
            self.error(value.span(), message, "an index is in the database of its records; remove this line");
        }
        let retired = policy == Some(Policy::Retire);
        // A retired index's fields are never filled in, so its class need not extract them.
        let mut paths = from.and_then(|from| records.get_mut(from)).map(|class| std::mem::take(&mut class.paths));
        let mut bind = |path: Path| match &mut paths {
            Some(paths) if !retired => {
                let at = paths.iter().position(|known| *known == path).unwrap_or_else(|| {
                    paths.push(path);
                    paths.len().saturating_sub(1)
                });
                Part::Field(at)
            }
            _ => Part::Wildcard,
        };
        let (key, key_span) =
            self.required(table, "key", "the name of the index keys, as in key = \"index:{field}\"").unzip();
        let key_span = key_span.unwrap_or(0..0);
        let key = key.and_then(|key| self.template(key, &key_span, &mut bind));
        let member = if retired && table.table.get("member").is_none() {
            Some(Template::record_key())
        } else {
            self.required(table, "member", "what an index key holds for a record, as in member = \"{@key}\"")
                .and_then(|(member, span)| self.template(member, &span, &mut bind))
        };
        let score = self.string(table, "score");
        match (&score, kind) {
            (Some((_, span)), Some(IndexType::Set) | None) if kind.is_some() || table.table.get("type").is_none() => {
                self.error(span.clone(), "a set has no scores", "write type = \"zset\", or remove this line");
            }
            (None, Some(IndexType::Zset)) if !retired && table.table.get("score").is_none() => {
                let help = "write score = \"{field}\": a number, or an RFC 3339 time taken as Unix milliseconds";
                self.error(table.span(), "a zset needs a score", help);
            }
            _ => {}
        }
        let score = score.and_then(|(score, span)| self.template(score, &span, &mut bind));
        let mut require = Vec::new();
        let required = self.tables(table, "require", "a required record");
        if required.len() > MAX_REQUIRE {
            let help = format!("an index has at most {MAX_REQUIRE}");
            self.error(table.span(), "too many required records", help);
        }
        for table in required.into_iter().take(MAX_REQUIRE) {
            require.extend(self.require(table, records, &mut bind));
        }
        if let (Some(class), Some(paths)) = (from.and_then(|from| records.get_mut(from)), paths) {
            class.paths = paths;
        }
        if retired {
            require.clear();
        }
        let accepted = self.accept(table, true).unwrap_or_default();
        let (key, member) = (key?, member?);
        let class = from.and_then(|from| records.get(from)).map(|class| &class.key);
        let says_member = table.table.get("member").is_some();
        let index = Index {
            name,
            policy: policy?,
            kind: kind.unwrap_or(IndexType::Set),
            from,
            db: class_db.or(own_db).unwrap_or(0),
            family: Form::new(&key, class),
            key,
            member_form: says_member.then(|| Form::new(&member, class)),
            member,
            score: if retired { None } else { score },
            require,
            accepted,
        };
        Some((index, key_span))
    }

    fn from(&mut self, table: Table<'_>, policy: Option<Policy>, records: &[RecordClass]) -> Option<usize> {
        if table.table.get("from").is_none() {
            if matches!(policy, Some(Policy::Maintain | Policy::Report)) {
                self.error(table.span(), "from is missing", format!("write from = \"…\": {}", classes(records)));
            }
            return None;
        }
        let (name, span) = self.string(table, "from")?;
        self.class(name, span, records)
    }

    /// The position of the record class of this name.
    fn class(&mut self, name: &str, span: Range<usize>, records: &[RecordClass]) -> Option<usize> {
        let found = records.iter().position(|class| class.name == name);
        if found.is_none() {
            let help = match nearest(name, records.iter().map(|class| class.name.as_str())) {
                Some(near) => format!("did you mean {near:?}?"),
                None => classes(records),
            };
            self.error(span, format!("no record class is called {name:?}"), help);
        }
        found
    }

    fn require(
        &mut self,
        table: Table<'_>,
        records: &[RecordClass],
        bind: &mut dyn FnMut(Path) -> Part,
    ) -> Option<Require> {
        self.known_keys(table, REQUIRE_KEYS);
        let record = self
            .required(table, "record", "the class of the record that must exist, as in record = \"project\"")
            .and_then(|(name, span)| self.class(name, span, records));
        let key = self
            .required(table, "key", "the key of the record that must exist, as in key = \"{projectId}\"")
            .and_then(|(key, span)| self.template(key, &span, bind));
        Some(Require { record: record?, key: key? })
    }

    fn template(&mut self, text: &str, span: &Range<usize>, bind: &mut dyn FnMut(Path) -> Part) -> Option<Template> {
        match Template::parse(text, bind) {
            Ok(template) => Some(template),
            Err(fault) => {
                let at = self.inside(text, span, fault.at);
                self.error(at, fault.message, fault.help);
                None
            }
        }
    }
}

fn classes(records: &[RecordClass]) -> String {
    let names: Vec<&str> = records.iter().map(|class| class.name.as_str()).take(10).collect();
    match names.as_slice() {
        [] => "add a [[record]] of that name".to_owned(),
        names => format!("the record classes are {}", names.join(", ")),
    }
}
