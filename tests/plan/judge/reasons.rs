//! Why each edit is made, worked out again from what the server holds, and compared with `changes.csv`.

use super::implied::{decode, entries};
use super::oracle::{Policy, Rule, Spec, names_of};
use super::round::Plan;
use super::state::{State, Value};
use crate::support::cell;
use std::collections::{BTreeMap, BTreeSet};

/// What a record comes to in one index.
#[derive(Default)]
struct Record {
    /// Index keys that it belongs to.
    live: BTreeSet<Vec<u8>>,
    /// It implies something that lacks a record.
    orphan: bool,
}

/// What the records come to in one index.
struct Reading<'s> {
    rule: &'s Rule,
    db: u64,
    records: BTreeMap<Vec<u8>, Record>,
    /// Index keys that are implied, lacking something or not.
    keys: BTreeSet<Vec<u8>>,
}

impl<'s> Reading<'s> {
    fn new(spec: &'s Spec, rule: &'s Rule, state: &State) -> Self {
        let mut reading = Self { rule, db: spec.db(rule), records: BTreeMap::new(), keys: BTreeSet::new() };
        if rule.from.is_empty() || rule.policy == Policy::Retire {
            return reading;
        }
        let required: Vec<BTreeSet<Vec<u8>>> =
            rule.require.iter().map(|(class, _)| names_of(spec, class, state)).collect();
        for name in names_of(spec, rule.from, state) {
            let record = decode(&state[&(reading.db, name.clone())].value);
            let Some(implied) = record.and_then(|record| entries(&name, &record, rule).ok()) else { continue };
            let mut found = Record::default();
            for entry in implied {
                reading.keys.insert(entry.key.clone());
                if required.iter().zip(&entry.require).all(|(class, key)| class.contains(key)) {
                    found.live.insert(entry.key);
                } else {
                    found.orphan = true;
                }
            }
            reading.records.insert(name, found);
        }
        reading
    }

    fn lacking(&self) -> String {
        let classes: Vec<&str> = self.rule.require.iter().map(|(class, _)| *class).collect();
        format!("no such {}", classes.join(" or "))
    }

    fn removal(&self, member: &[u8]) -> String {
        if self.rule.member != "{@key}" {
            return "no record implies it".to_owned();
        }
        let Some(record) = self.records.get(member) else { return "record missing".to_owned() };
        match record.live.first() {
            Some(key) => format!("record now belongs to {}", shown(key)),
            None if record.orphan => self.lacking(),
            None => "record implies no entry".to_owned(),
        }
    }

    fn deletion(&self, key: &[u8], state: &State) -> String {
        let kind = match &state[&(self.db, key.to_vec())].value {
            _ if self.rule.policy == Policy::Retire => return "family retired".to_owned(),
            Value::Set(_) if !self.rule.zset => None,
            Value::Zset(_) if self.rule.zset => None,
            Value::Set(_) => Some("set"),
            Value::Zset(_) => Some("zset"),
            Value::Text(_) => Some("string"),
            Value::List(_) => Some("list"),
            Value::Hash(_) => Some("hash"),
            Value::Stream(..) => Some("stream"),
            Value::Json(_) => Some("ReJSON-RL"),
        };
        match kind {
            Some(kind) => format!("wrong type {kind}"),
            None if self.keys.contains(key) => self.lacking(),
            None => "no record belongs here".to_owned(),
        }
    }
}

/// A name within a sentence, in a form of our own.
fn shown(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

/// Every line of `changes.csv` whose names are text has the reason that follows from `before`.
pub fn check(plan: &Plan, spec: &Spec, before: &State) {
    let readings: BTreeMap<&str, Reading<'_>> =
        spec.rules.iter().map(|rule| (rule.name, Reading::new(spec, rule, before))).collect();
    let mut reader = csv::Reader::from_reader(std::io::Cursor::new(plan.file("changes.csv")));
    for row in reader.records() {
        let row = row.expect("UTF-8 and five columns");
        let (key, member) = (&*cell::bytes(&row[1]), &*cell::bytes(&row[3]));
        // What is no text is told otherwise.
        if row[1].starts_with("{\"base64\"") || row[3].starts_with("{\"base64\"") {
            continue;
        }
        let reading = &readings[&row[0]];
        let expected = match &row[2] {
            "add member" => "record not indexed".to_owned(),
            "change score" => "score differs".to_owned(),
            "remove member" => reading.removal(member),
            "delete key" => reading.deletion(key, before),
            other => panic!("{other} in changes.csv"),
        };
        // A name in it is read back, whatever way it is shown.
        let reason = match row[4].split_once("record now belongs to ") {
            Some(("", name)) => format!("record now belongs to {}", shown(&cell::name(name))),
            _ => row[4].to_owned(),
        };
        assert_eq!(reason, expected, "{row:?}");
    }
}
