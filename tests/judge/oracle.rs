//! An independent reading of the contract: from what a server holds to what it should hold.
//!
//! Plain maps, no thought of speed. It assumes that no key belongs to two families; `overlap.rs` looks at those by hand.

use super::json::Json;
use super::state::{Key, State, Value};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
pub struct Class {
    pub name: &'static str,
    /// The glob is this and a `*`.
    pub prefix: &'static str,
    pub db: u64,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Policy {
    Maintain,
    Retire,
    Report,
}

#[derive(Clone)]
pub struct Rule {
    pub name: &'static str,
    pub policy: Policy,
    pub zset: bool,
    /// The name of the class; empty for a retired family that has none.
    pub from: &'static str,
    pub key: &'static str,
    pub member: &'static str,
    pub score: &'static str,
    /// Class and key template.
    pub require: Vec<(&'static str, &'static str)>,
}

#[derive(Clone)]
pub struct Spec {
    pub classes: Vec<Class>,
    pub rules: Vec<Rule>,
}

impl Spec {
    /// As a spec file.
    pub fn toml(&self) -> String {
        let quote = |text: &str| format!("{text:?}");
        let mut out = "version = 1\n".to_owned();
        for class in &self.classes {
            let glob =
                class.prefix.replace('\\', "\\\\").replace('[', "\\[").replace('?', "\\?").replace('*', "\\*") + "*";
            out += &format!("[[record]]\nname = {}\nkey = {}\ndb = {}\n", quote(class.name), quote(&glob), class.db);
        }
        for rule in &self.rules {
            let policy = match rule.policy {
                Policy::Maintain => "maintain",
                Policy::Retire => "retire",
                Policy::Report => "report",
            };
            out += &format!("[[index]]\nname = {}\npolicy = {}\n", quote(rule.name), quote(policy));
            out += &format!("type = {}\nkey = {}\n", quote(if rule.zset { "zset" } else { "set" }), quote(rule.key));
            out += &format!("member = {}\n", quote(rule.member));
            if !rule.from.is_empty() {
                out += &format!("from = {}\n", quote(rule.from));
            }
            if !rule.score.is_empty() {
                out += &format!("score = {}\n", quote(rule.score));
            }
            let require =
                |(class, key): &(&str, &str)| format!("{{ record = {}, key = {} }}", quote(class), quote(key));
            let required: Vec<String> = rule.require.iter().map(require).collect();
            out += &format!("require = [{}]\n", required.join(", "));
        }
        out
    }

    fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|class| class.name == name)
    }

    fn db(&self, rule: &Rule) -> u64 {
        self.class(rule.from).map_or(0, |class| class.db)
    }
}

enum Part {
    Literal(String),
    Key,
    Path(Vec<String>),
}

/// Text, `{@key}`, `{a.b[].c}`, `{{` and `}}`. A step into an array is `[]`.
fn template(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("{{") || rest.starts_with("}}") {
            parts.push(Part::Literal(rest[..1].to_owned()));
            rest = &rest[2..];
        } else if first == '{' {
            let end = rest.find('}').expect("a closing brace");
            let field = &rest[1..end];
            if field == "@key" {
                parts.push(Part::Key);
            } else {
                let steps = field.replace("[]", ".[]");
                parts.push(Part::Path(steps.split('.').map(str::to_owned).collect()));
            }
            rest = &rest[end + 1..];
        } else {
            parts.push(Part::Literal(first.to_string()));
            rest = &rest[first.len_utf8()..];
        }
    }
    parts
}

/// Whether a name is the template with anything for its fields.
fn in_family(parts: &[Part], name: &[u8]) -> bool {
    match parts.split_first() {
        None => name.is_empty(),
        Some((Part::Literal(text), rest)) => {
            name.strip_prefix(text.as_bytes()).is_some_and(|name| in_family(rest, name))
        }
        Some((_, rest)) => (0..=name.len()).any(|at| in_family(rest, &name[at..])),
    }
}

enum Record {
    Json(Json),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

fn decode(value: &Value) -> Option<Record> {
    match value {
        Value::Text(text) | Value::Json(text) => Json::parse(text).map(Record::Json),
        Value::Hash(fields) => Some(Record::Hash(fields.clone())),
        _ => None,
    }
}

/// Nothing can be said of the record.
#[derive(Debug)]
struct Undecidable;

/// The element that each array (by its path) stands at.
type Position = BTreeMap<String, usize>;

/// What stands at the end of these steps; nothing if there is no such field, or null on the way.
fn descend<'j>(json: &'j Json, steps: &[String], position: &Position) -> Result<Option<&'j Json>, Undecidable> {
    let mut at = json;
    for (depth, step) in steps.iter().enumerate() {
        let next = match (at, step.as_str()) {
            (Json::Null, _) => None,
            (Json::Array(items), "[]") => items.get(position[&steps[..=depth].join(".")]),
            (_, "[]") | (Json::Array(_), _) => return Err(Undecidable),
            (_, name) => at.field(name),
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// The field of a hash that a path means, and whether the path goes on into an array.
fn hash_field<'h>(fields: &'h BTreeMap<Vec<u8>, Vec<u8>>, path: &[String]) -> (Option<&'h Vec<u8>>, bool) {
    let names: Vec<&str> = path.iter().take_while(|step| *step != "[]").map(String::as_str).collect();
    (fields.get(names.join(".").as_bytes()), names.len() < path.len())
}

/// A single value, or none.
fn scalar(record: &Record, path: &[String], position: &Position) -> Result<Option<Vec<u8>>, Undecidable> {
    match record {
        Record::Hash(fields) => match hash_field(fields, path) {
            (Some(_), true) => Err(Undecidable),
            (value, _) => Ok(value.cloned()),
        },
        Record::Json(json) => match descend(json, path, position)? {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Literal(text) | Json::Text(text)) => Ok(Some(text.clone().into_bytes())),
            Some(Json::Array(_) | Json::Object(_)) => Err(Undecidable),
        },
    }
}

/// How many elements the array at this path (its last step is `[]`) has. What is not there has none.
fn length(record: &Record, array: &[String], position: &Position) -> Result<usize, Undecidable> {
    match record {
        Record::Hash(fields) => match hash_field(fields, array).0 {
            Some(_) => Err(Undecidable),
            None => Ok(0),
        },
        Record::Json(json) => match descend(json, &array[..array.len() - 1], position)? {
            None | Some(Json::Null) => Ok(0),
            Some(Json::Array(items)) => Ok(items.len()),
            Some(_) => Err(Undecidable),
        },
    }
}

/// The arrays that paths go through, outer ones first.
fn arrays(paths: &[&Vec<String>]) -> Vec<Vec<String>> {
    let ends = |path: &Vec<String>| {
        let each = path.iter().enumerate().filter(|(_, step)| *step == "[]");
        each.map(|(at, _)| path[..=at].to_vec()).collect::<Vec<_>>()
    };
    let mut all: Vec<Vec<String>> = paths.iter().flat_map(|path| ends(path)).collect();
    all.sort_by_key(|array| (array.len(), array.clone()));
    all.dedup();
    all
}

/// Every combination of elements of these arrays.
fn positions(record: &Record, arrays: &[Vec<String>]) -> Result<Vec<Position>, Undecidable> {
    let mut all = vec![Position::new()];
    for array in arrays {
        let mut longer = Vec::new();
        for position in &all {
            for at in 0..length(record, array, position)? {
                let mut position = position.clone();
                position.insert(array.join("."), at);
                longer.push(position);
            }
        }
        all = longer;
    }
    Ok(all)
}

struct Entry {
    key: Vec<u8>,
    member: Vec<u8>,
    score: f64,
    require: Vec<Vec<u8>>,
}

/// What a record implies.
fn entries(name: &[u8], record: &Record, rule: &Rule) -> Result<Vec<Entry>, Undecidable> {
    let (key, member, score) = (template(rule.key), template(rule.member), template(rule.score));
    let require: Vec<Vec<Part>> = rule.require.iter().map(|(_, key)| template(key)).collect();
    let all = [&key, &member, &score].into_iter().chain(&require).flatten();
    let paths: Vec<&Vec<String>> =
        all.filter_map(|part| if let Part::Path(path) = part { Some(path) } else { None }).collect();
    // Each path alone: an object anywhere in it makes the record undecidable, whatever else is there.
    for path in &paths {
        for position in positions(record, &arrays(&[path]))? {
            scalar(record, path, &position)?;
        }
    }
    let fill = |parts: &[Part], position: &Position| -> Result<Option<Vec<u8>>, Undecidable> {
        let mut out = Vec::new();
        for part in parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Key => out.extend_from_slice(name),
                Part::Path(path) => match scalar(record, path, position)? {
                    Some(value) => out.extend(value),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(out))
    };
    let mut found = Vec::new();
    for position in positions(record, &arrays(&paths))? {
        let required: Option<Vec<Vec<u8>>> =
            require.iter().map(|parts| fill(parts, &position)).collect::<Result<_, _>>()?;
        let (key, member, score) = (fill(&key, &position)?, fill(&member, &position)?, fill(&score, &position)?);
        if let (Some(key), Some(member), Some(score), Some(require)) = (key, member, score, required) {
            let score = if rule.zset { number_or_time(&score).ok_or(Undecidable)? } else { 0.0 };
            found.push(Entry { key, member, score, require });
        }
    }
    Ok(found)
}

fn number_or_time(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let first = text.chars().next()?;
    if text.ends_with('Z') && text.len() >= 20 {
        return time(text).map(|ms| ms as f64);
    }
    (first.is_ascii_digit() || first == '-').then(|| text.parse::<f64>().ok()).flatten().filter(|n| n.is_finite())
}

/// `YYYY-MM-DDTHH:MM:SS[.mmm]Z`, by counting days.
fn time(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: i64 = month_days.iter().take(usize::try_from(month - 1).ok()?).sum();
    let seconds = (years + months + day - 1) * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(seconds * 1000 + number(20, 23).unwrap_or(0))
}

/// What a plan does to one index.
#[derive(Debug, Default, PartialEq)]
pub struct Edits {
    pub added: u64,
    pub removed: u64,
    pub deleted: u64,
}

/// What the server should hold after the plan, and the edits by index.
pub fn target(spec: &Spec, state: &State) -> (State, Vec<Edits>) {
    let mut target = state.clone();
    let edits = spec.rules.iter().map(|rule| apply(spec, rule, state, &mut target)).collect();
    (target, edits)
}

fn names_of(spec: &Spec, class: &str, state: &State) -> BTreeSet<Vec<u8>> {
    let class = spec.class(class).expect("a class");
    let names = state.keys().filter(|(db, name)| *db == class.db && name.starts_with(class.prefix.as_bytes()));
    names.map(|(_, name)| name.clone()).collect()
}

/// What the records of an index's class say of it.
struct Implied {
    desired: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, f64>>,
    undecidable: BTreeSet<Vec<u8>>,
    /// Records that lack what they require.
    orphans: u64,
    /// Some record can be decoded, or none is needed.
    decodable: bool,
    /// Nothing may be removed.
    frozen: bool,
}

fn implied(spec: &Spec, rule: &Rule, state: &State) -> Implied {
    let db = spec.db(rule);
    let mut desired: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, f64>> = BTreeMap::new();
    let mut undecidable: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut decodable = rule.from.is_empty();
    let mut orphans = 0;
    if !rule.from.is_empty() {
        let required: Vec<BTreeSet<Vec<u8>>> =
            rule.require.iter().map(|(class, _)| names_of(spec, class, state)).collect();
        for name in names_of(spec, rule.from, state) {
            let Some(record) = decode(&state[&(db, name.clone())].value) else {
                undecidable.insert(name);
                continue;
            };
            decodable = true;
            let Ok(entries) = entries(&name, &record, rule) else {
                undecidable.insert(name);
                continue;
            };
            let mut orphan = false;
            for entry in entries {
                if required.iter().zip(&entry.require).all(|(class, key)| class.contains(key)) {
                    desired.entry(entry.key).or_default().insert(entry.member, entry.score);
                } else {
                    orphan = true;
                }
            }
            orphans += u64::from(orphan);
        }
    }
    let frozen = !decodable || (!undecidable.is_empty() && rule.member != "{@key}" && rule.policy != Policy::Retire);
    Implied { desired, undecidable, orphans, decodable, frozen }
}

/// The numbers of one index in the inventory.
pub fn inventory(spec: &Spec, rule: &Rule, state: &State) -> BTreeMap<&'static str, u64> {
    let db = spec.db(rule);
    let Implied { desired, undecidable, orphans, frozen, .. } = implied(spec, rule, state);
    let desired = if rule.policy == Policy::Retire { BTreeMap::new() } else { desired };
    let undecidable = if rule.policy == Policy::Retire { 0 } else { undecidable.len() as u64 };
    let parts = template(rule.key);
    let keys = state.keys().filter(|(own, name)| *own == db && in_family(&parts, name)).count() as u64;
    let (mut correct, mut absent, mut missing) = (0, 0, 0);
    for (name, members) in &desired {
        let there = state.get(&(db, name.clone())).map(|key| &key.value);
        let has = |member: &Vec<u8>, score: f64| match there {
            Some(Value::Set(own)) => own.contains(member),
            Some(Value::Zset(own)) => {
                own.get(member).is_some_and(|is| frozen || is.parse::<f64>().expect("a score") == score)
            }
            _ => false,
        };
        match (there, rule.zset) {
            (Some(Value::Set(_)), false) | (Some(Value::Zset(_)), true) => {
                correct += 1;
                missing += members.iter().filter(|(member, score)| !has(member, **score)).count() as u64;
            }
            _ => {
                absent += 1;
                missing += members.len() as u64;
            }
        }
    }
    BTreeMap::from([
        ("keys", keys),
        ("correct_keys", correct),
        ("wrong_keys", keys - correct),
        ("absent_keys", absent),
        ("missing_members", missing),
        ("undecidable_records", undecidable),
        ("orphan_records", if rule.policy == Policy::Retire { 0 } else { orphans }),
    ])
}

fn apply(spec: &Spec, rule: &Rule, state: &State, target: &mut State) -> Edits {
    let mut edits = Edits::default();
    let db = spec.db(rule);
    let Implied { mut desired, undecidable, decodable, frozen, .. } = implied(spec, rule, state);
    let parts = template(rule.key);
    let family: Vec<Vec<u8>> = state
        .keys()
        .filter(|(own, name)| *own == db && in_family(&parts, name))
        .map(|(_, name)| name.clone())
        .collect();
    if rule.policy == Policy::Report {
        return edits;
    }
    if rule.policy == Policy::Retire {
        for name in family.into_iter().filter(|_| decodable) {
            target.remove(&(db, name));
            edits.deleted += 1;
        }
        return edits;
    }
    for name in &family {
        let key = target.get_mut(&(db, name.clone())).expect("it is there");
        let right_type = matches!((&key.value, rule.zset), (Value::Set(_), false) | (Value::Zset(_), true));
        let wanted = desired.get(name);
        if !(right_type && wanted.is_some()) {
            let holds = undecidable.iter().any(|record| holds(&key.value, record));
            if !frozen && !holds {
                target.remove(&(db, name.clone()));
                edits.deleted += 1;
                continue;
            }
            if !right_type {
                desired.remove(name);
                continue;
            }
        }
        let nothing = BTreeMap::new();
        let wanted = wanted.unwrap_or(&nothing);
        let stays = |member: &Vec<u8>| frozen || wanted.contains_key(member) || undecidable.contains(member);
        match &mut key.value {
            Value::Set(members) => {
                edits.removed += members.iter().filter(|member| !stays(member)).count() as u64;
                members.retain(stays);
            }
            Value::Zset(members) => {
                edits.removed += members.keys().filter(|member| !stays(member)).count() as u64;
                members.retain(|member, _| stays(member));
            }
            _ => unreachable!(),
        }
    }
    for (name, members) in desired {
        let empty = if rule.zset { Value::Zset(BTreeMap::new()) } else { Value::Set(BTreeSet::new()) };
        let key = target.entry((db, name)).or_insert(Key { value: empty, expires: None });
        for (member, score) in members {
            edits.added += u64::from(match &mut key.value {
                Value::Set(own) => own.insert(member),
                Value::Zset(own) => match own.get(&member).map(|score| score.parse::<f64>().expect("a score")) {
                    // A score that is only another sign of zero is right; in a frozen index none is changed.
                    Some(is) if is == score || frozen => false,
                    _ => own.insert(member, score_text(score)).is_none_or(|_| true),
                },
                _ => unreachable!(),
            });
        }
    }
    edits
}

/// Whether a value of any type holds this string.
fn holds(value: &Value, wanted: &Vec<u8>) -> bool {
    match value {
        Value::Text(text) => text == wanted,
        Value::List(items) | Value::Stream(_, items) => items.contains(wanted),
        Value::Set(members) => members.contains(wanted),
        Value::Zset(members) => members.contains_key(wanted),
        Value::Hash(fields) => fields.iter().any(|(field, value)| field == wanted || value == wanted),
        Value::Json(text) => Json::parse(text).is_none_or(|json| json.names(wanted)),
    }
}

/// As Redis 7.0 writes a score: an integer without exponent as far as it is one, else `%.17g`. Tests keep to scores for
/// which both are easy: integers below 2^53, and halves and quarters.
fn score_text(score: f64) -> String {
    if score == 0.0 && score.is_sign_negative() { "-0".to_owned() } else { format!("{score}") }
}
