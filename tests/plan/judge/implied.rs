//! What a record implies, as the contract has it: templates filled in from JSON or a hash.

use super::json::Json;
use super::oracle::Rule;
use super::state::Value;
use std::collections::BTreeMap;

pub enum Part {
    Literal(String),
    Key,
    Path(Vec<String>),
}

/// Text, `{@key}`, `{a.b[].c}`, `{{` and `}}`. A step into an array is `[]`.
pub fn template(text: &str) -> Vec<Part> {
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
pub fn in_family(parts: &[Part], name: &[u8]) -> bool {
    match parts.split_first() {
        None => name.is_empty(),
        Some((Part::Literal(text), rest)) => {
            name.strip_prefix(text.as_bytes()).is_some_and(|name| in_family(rest, name))
        }
        Some((_, rest)) => (0..=name.len()).any(|at| in_family(rest, &name[at..])),
    }
}

pub enum Record {
    Json(Json),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

pub fn decode(value: &Value) -> Option<Record> {
    match value {
        // A number, a text, an array and so on is no record's content.
        Value::Text(text) | Value::Json(text) => {
            Json::parse(text).filter(|json| matches!(json, Json::Object(_))).map(Record::Json)
        }
        Value::Hash(fields) => Some(Record::Hash(fields.clone())),
        _ => None,
    }
}

/// Nothing can be said of the record.
#[derive(Debug)]
pub struct Undecidable;

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

pub struct Entry {
    pub key: Vec<u8>,
    pub member: Vec<u8>,
    pub score: f64,
    pub require: Vec<Vec<u8>>,
}

/// What a record implies.
pub fn entries(name: &[u8], record: &Record, rule: &Rule) -> Result<Vec<Entry>, Undecidable> {
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
