//! An index: how its keys are named, what they hold, and what must be there.

use std::ops::Range;

use super::{Fault, Reader, RecordClass, Table, Text};
use crate::model::spec::names::capture::Captures;
use crate::model::spec::names::form::Form;
use crate::model::spec::names::parse::{Field, Part, Rules, Source};
use crate::model::spec::names::template::Template;
use crate::model::spec::nearest::nearest;
use crate::model::spec::{Brake, Filters, Index, IndexType, Path, Policy, RecordType, Require};

const INDEX_KEYS: &[&str] = &[
    "name", "policy", "type", "from", "db", "key", "member", "value", "score", "require", "when", "exists", "not",
    "accept",
];
const REQUIRE_KEYS: &[&str] = &["record", "key"];
/// More entries in a `require` are refused.
const MAX_REQUIRE: usize = 16;
const POLICIES: &[Policy] = &[Policy::Maintain, Policy::Prune, Policy::Retire, Policy::Report];
const TYPES: &[IndexType] =
    &[IndexType::Set, IndexType::Zset, IndexType::Hash, IndexType::List, IndexType::String, IndexType::Any];

/// The paths of a class, and what filters make of their values.
type Fields = (Vec<Path>, Vec<(usize, Filters)>);

/// The names that an index may use while its templates are read.
struct Scope {
    captures: Captures,
    /// Templates declare their captures: those of an index with `exists`.
    declares: bool,
    record_key: bool,
    /// The paths of the class, and what filters make of them; without a class there are none.
    fields: Option<Fields>,
    /// The type of the records of the class.
    ty: Option<RecordType>,
    /// Fields are never filled in.
    retired: bool,
}

impl Scope {
    fn template(&mut self, text: &str, only_builds: bool) -> Result<Template, Fault> {
        let Scope { captures, declares, record_key, fields, ty, retired } = self;
        let (declares, record_key, retired) = (*declares, *record_key, *retired);
        let mut wrong = None;
        let mut bind = |field: Field| {
            let is_set = *ty == Some(RecordType::Set);
            if fields.is_some() && is_set != (field.source == Source::Members) {
                wrong = Some(if is_set {
                    ("a record that is a set has no fields", "its members are {@members[]}, one value each")
                } else {
                    ("only a record that is a set has members", "write type = \"set\" in its record class")
                });
            }
            let Some((paths, filtered)) = fields.as_mut().filter(|_| !retired) else { return Part::Wildcard };
            let path = match field.source {
                Source::Path(path) => path,
                Source::Members => Path::members(),
            };
            let at = number(paths, path);
            if field.filters.is_none() {
                Part::Field(at)
            } else {
                Part::Filtered(number(filtered, (at, field.filters)))
            }
        };
        let bind: Option<&mut dyn FnMut(Field) -> Part> = if declares { None } else { Some(&mut bind) };
        let template = Template::parse(text, Rules { captures, declares, record_key, only_builds, bind })?;
        match wrong {
            Some((message, help)) => Err(Fault { at: 0..text.len(), message: message.into(), help: help.into() }),
            None => Ok(template),
        }
    }
}

/// The position of one in a list, in which it is then.
fn number<T: PartialEq>(list: &mut Vec<T>, one: T) -> usize {
    list.iter().position(|known| *known == one).unwrap_or_else(|| {
        list.push(one);
        list.len().saturating_sub(1)
    })
}

impl Reader<'_> {
    /// An index and where its key template stands; `None` if too little of it can be read to go on.
    pub(super) fn index(
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
            let help = "write policy = \"maintain\", \"prune\", \"retire\" or \"report\"";
            self.error(table.span(), "policy is missing", help);
        }
        let kind = self.word(table, "type", TYPES, IndexType::as_str);
        let wanted = kind.unwrap_or(IndexType::Set);
        let has = |key: &str| table.table.get(key).is_some();
        let prunes = policy == Some(Policy::Prune) || (policy == Some(Policy::Report) && has("exists") && !has("from"));
        let retired = policy == Some(Policy::Retire);
        let from = if prunes { None } else { self.from(table, policy, records) };
        let class = from.and_then(|from| records.get_mut(from));
        let class_db = class.as_ref().map(|class| class.db);
        let mut scope = match class {
            _ if prunes => Scope {
                captures: Captures::default(),
                declares: true,
                record_key: false,
                fields: None,
                ty: None,
                retired,
            },
            Some(class) => Scope {
                captures: class.key.captures.clone(),
                declares: false,
                record_key: true,
                // A retired index's fields are never filled in, so its class need not extract them.
                fields: Some((std::mem::take(&mut class.paths), std::mem::take(&mut class.filtered))),
                ty: class.ty,
                retired,
            },
            None => Scope {
                captures: Captures::default(),
                declares: false,
                record_key: true,
                fields: None,
                ty: None,
                retired,
            },
        };
        if policy.is_some() && (kind.is_some() || !has("type")) {
            self.fits_together(table, policy, wanted, prunes);
        }
        let own_db = self.db(table);
        if let (Some(class_db), Some(own_db), Some(value)) = (class_db, own_db, table.table.get("db"))
            && class_db != own_db
        {
            let message = format!("the index is in db {own_db}, its records are in db {class_db}");
            self.error(value.span(), message, "an index is in the database of its records; remove this line");
        }
        let (key, key_span) =
            self.required(table, "key", "the name of the index keys, as in key = \"index:{field}\"").unzip();
        let key_span = key_span.unwrap_or(0..0);
        let key = key.and_then(|key| self.template(key, &key_span, &mut scope));
        let says_member = has("member");
        let mut members = Vec::new();
        if says_member {
            let texts =
                if prunes { self.string(table, "member").into_iter().collect() } else { self.strings(table, "member") };
            for (text, span) in texts {
                members.extend(self.template(text, &span, &mut scope));
            }
            if members.is_empty() && self.errors.is_empty() {
                self.error(table.span(), "member is empty", "write member = \"{@key}\"");
            }
        } else if wanted == IndexType::String && !prunes && !retired {
            members.push(Template { text: String::new(), parts: Vec::new() });
        } else {
            // Where the type asks for one, that is said below.
            members.push(Template::record_key());
        }
        let value = self.string(table, "value").and_then(|(text, span)| self.template(text, &span, &mut scope));
        let score = self.string(table, "score").and_then(|(text, span)| self.built(text, &span, &mut scope));
        let require = self.require(table, records, &mut scope);
        let mut when = Vec::new();
        if let Some((paths, _)) = &mut scope.fields {
            when = self.when(table, &mut scope.captures, paths);
        }
        let exists = if prunes { self.exists(table, &mut scope.captures) } else { Vec::new() };
        if let (Some(class), Some(paths)) = (from.and_then(|from| records.get_mut(from)), scope.fields.take()) {
            (class.paths, class.filtered) = paths;
        }
        let not = self.not(table);
        let accepted = self.accept(table, true).unwrap_or_default();
        let mut members = members.into_iter();
        let (key, member) = (key?, members.next()?);
        let more_members: Vec<Template> = members.collect();
        let class = from.and_then(|from| records.get(from)).map(|class| class.key.parts.as_slice());
        let form = |template: &Template| Form::new(&template.parts, &scope.captures, class);
        let said: Vec<usize> =
            [&key, &member].into_iter().chain(&value).flat_map(|template| template.captures()).collect();
        let key_pattern = from.and_then(|from| records.get(from)).map(|class| &class.key);
        let makes_up_its_record = !retired
            && more_members.is_empty()
            && key_pattern.is_some_and(|pattern| pattern.follows_from(|capture| said.contains(&capture)));
        let index = Index {
            name,
            policy: policy?,
            kind: wanted,
            from,
            db: class_db.or(own_db).unwrap_or(0),
            family: form(&key),
            not,
            member_forms: if says_member {
                std::iter::once(&member).chain(&more_members).map(form).collect()
            } else {
                Vec::new()
            },
            value_form: value.as_ref().map(form),
            key,
            member,
            more_members,
            value,
            score: if retired { None } else { score },
            require: if retired { Vec::new() } else { require },
            makes_up_its_record,
            when: if retired { Vec::new() } else { when },
            exists,
            captures: scope.captures,
            accepted,
        };
        Some((index, key_span))
    }

    /// Whether what the table says goes with its policy and type.
    fn fits_together(&mut self, table: Table<'_>, policy: Option<Policy>, kind: IndexType, prunes: bool) {
        let value = |key: &str| table.table.get(key);
        let span = |key: &str| value(key).map_or(table.span(), toml::Spanned::span);
        let has = |key: &str| value(key).is_some();
        let retired = policy == Some(Policy::Retire);
        if prunes {
            for (key, why) in [
                ("from", "nothing is made here: an index with exists looks at its own entries"),
                ("score", "entries keep the score they have"),
                ("require", "exists says what must be there"),
                ("when", "no record is read; `where` in exists asks for fields of the named key"),
            ] {
                if has(key) {
                    self.error(span(key), format!("{key} does not go with exists"), format!("remove this line; {why}"));
                }
            }
            if !has("exists") {
                let help = "add what must be there for an entry to stay, as in exists = \"job:{@id}\"";
                self.error(table.span(), "exists is missing", help);
            }
            let member = matches!(kind, IndexType::Set | IndexType::Zset | IndexType::List);
            match kind {
                _ if member && !has("member") => {
                    let help = "add what an entry looks like, as in member = \"{@id}\"";
                    self.error(table.span(), "member is missing", help);
                }
                IndexType::String if !has("value") => {
                    let help = "add what the text looks like, as in value = \"{@id}\"";
                    self.error(table.span(), "value is missing", help);
                }
                IndexType::Hash if !has("member") && !has("value") => {
                    let help = "add what a field looks like (member), or what its value looks like (value)";
                    self.error(table.span(), "member or value is missing", help);
                }
                _ => {}
            }
            if has("value") && !matches!(kind, IndexType::Hash | IndexType::String) {
                let what = kind.noun();
                self.error(span("value"), format!("a {what} has no values"), "write member, or another type");
            }
            if has("member") && matches!(kind, IndexType::String | IndexType::Any) {
                let what = kind.noun();
                let help = "a string is read by its value; with type = \"any\" the name of the key alone decides";
                self.error(span("member"), format!("a {what} has no members"), help);
            }
            return;
        }
        if has("exists") {
            let help = if policy == Some(Policy::Report) {
                "a report is either about what records imply (from) or about what entries name (exists): remove one of them"
            } else {
                "write policy = \"prune\", or remove this line; require asks for records that must exist"
            };
            self.error(span("exists"), "exists does not go with records", help);
        }
        if retired {
            return;
        }
        match kind {
            IndexType::List | IndexType::Any => {
                let help =
                    "write type = \"set\", \"zset\", \"hash\" or \"string\"; the others can be pruned or retired";
                self.error(span("type"), format!("a {} is not made from records", kind.noun()), help);
            }
            IndexType::String if has("member") => {
                self.error(span("member"), "a string has no members", "its text is value: write value = \"{@key}\"");
            }
            IndexType::Set | IndexType::Zset | IndexType::Hash if !has("member") => {
                let help = "add what an index key holds for a record, as in member = \"{@key}\"";
                self.error(table.span(), "member is missing", help);
            }
            _ => {}
        }
        match kind {
            IndexType::Hash | IndexType::String if !has("value") => {
                let help = "add what stands there for a record, as in value = \"{@key}\"";
                self.error(table.span(), "value is missing", help);
            }
            IndexType::Set | IndexType::Zset if has("value") => {
                let help = "write type = \"hash\" or \"string\", or remove this line";
                self.error(span("value"), format!("a {} has no values", kind.noun()), help);
            }
            _ => {}
        }
        if has("score") && kind != IndexType::Zset && (has("type") || !retired) {
            let help = "write type = \"zset\", or remove this line";
            self.error(span("score"), format!("a {} has no scores", kind.noun()), help);
        }
        if kind == IndexType::Zset && !retired && !has("score") {
            let help = "write score = \"{field}\": a number, or an RFC 3339 time taken as Unix milliseconds";
            self.error(table.span(), "a zset needs a score", help);
        }
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

    /// The records that must exist.
    fn require(&mut self, table: Table<'_>, records: &[RecordClass], scope: &mut Scope) -> Vec<Require> {
        let required = self.tables(table, "require", "a required record");
        if required.len() > MAX_REQUIRE {
            let help = format!("an index has at most {MAX_REQUIRE}");
            self.error(table.span(), "too many required records", help);
        }
        let mut all = Vec::new();
        for table in required.into_iter().take(MAX_REQUIRE) {
            self.known_keys(table, REQUIRE_KEYS);
            let record = self
                .required(table, "record", "the class of the record that must exist, as in record = \"project\"")
                .and_then(|(name, span)| self.class(name, span, records));
            let key = self
                .required(table, "key", "the key of the record that must exist, as in key = \"{projectId}\"")
                .and_then(|(key, span)| self.built(key, &span, scope));
            all.extend(record.zip(key).map(|(record, key)| Require { record, key }));
        }
        all
    }

    fn template(&mut self, text: &str, span: &Range<usize>, scope: &mut Scope) -> Option<Template> {
        self.template_to(text, span, scope, false)
    }

    /// A template of which names are only built, and never read.
    fn built(&mut self, text: &str, span: &Range<usize>, scope: &mut Scope) -> Option<Template> {
        self.template_to(text, span, scope, true)
    }

    fn template_to(
        &mut self,
        text: &str,
        span: &Range<usize>,
        scope: &mut Scope,
        only_builds: bool,
    ) -> Option<Template> {
        self.no_byte_as_character(span);
        match scope.template(text, only_builds) {
            Ok(template) => Some(template),
            Err(fault) => {
                self.fault(text, span, fault);
                None
            }
        }
    }

    /// A template of captures that are declared elsewhere.
    pub(super) fn captured(&mut self, (text, span): Text<'_>, captures: &mut Captures) -> Option<Template> {
        self.no_byte_as_character(&span);
        let rules = Rules { captures, declares: false, record_key: false, only_builds: true, bind: None };
        match Template::parse(text, rules) {
            Ok(template) => Some(template),
            Err(fault) => {
                self.fault(text, &span, fault);
                None
            }
        }
    }

    /// An index that may delete keys says how their names begin: else every key of the database would be of its family.
    /// What is pruned need not: entries that name what is there, and keys without such entries, stay.
    pub(super) fn begins_with_a_literal(&mut self, index: &Index, span: &Range<usize>) {
        let literal = match index.key.parts.first() {
            Some(Part::Literal(_)) => true,
            Some(Part::RecordKey | Part::Capture(_)) => index.from.is_some(),
            Some(Part::Field(_) | Part::Filtered(_) | Part::Wildcard | Part::Wild(_)) | None => false,
        };
        let needs = matches!(index.policy, Policy::Maintain | Policy::Retire);
        if !literal && needs && !index.accepted.has(Brake::NoLiteral) {
            let message = format!("the key of index {:?} does not begin with literal text (no-literal)", index.name);
            let help = "begin with what all its keys have in common, as in key = \"index:{field}\": else any key of the \
                        database is taken for one of them; accept = [\"no-literal\"] allows it all the same";
            self.error(span.clone(), message, help);
        }
    }

    /// Two indexes may share their keys only where an entry of the one is an entry of the other.
    pub(super) fn has_its_own_keys(&mut self, index: &Index, span: &Range<usize>, others: &[(Index, Range<usize>)]) {
        let together = |other: &Index| match (index.policy, other.policy) {
            // Their union.
            (Policy::Maintain, Policy::Maintain) => index.kind == other.kind,
            // What records imply is never pruned.
            (Policy::Retire, _) | (_, Policy::Retire) => false,
            _ => index.prunes() || other.prunes(),
        };
        let same = |(other, _): &&(Index, Range<usize>)| {
            index.db == other.db && index.family == other.family && !together(other)
        };
        if let Some((other, _)) = others.iter().find(same) {
            let message = format!("the same keys as index {:?}: each would undo the other", other.name);
            self.error(
                span.clone(),
                message,
                "several maintained indexes of one type may share their keys; remove one of these",
            );
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
