//! An independent reading of the contract: from what a server holds to what it should hold.
//!
//! Plain maps, no thought of speed. It assumes that no key belongs to two families; `tests/replay/operate/overlap.rs` looks at those by hand.

use super::implied::{decode, entries, in_family, template};
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
        // The brakes have tests of their own.
        let brakes = super::round::BRAKES.replace(',', "\", \"");
        let mut out = format!("version = 1\naccept = [\"no-literal\", \"{brakes}\"]\n");
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

    pub fn db(&self, rule: &Rule) -> u64 {
        self.class(rule.from).map_or(0, |class| class.db)
    }
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

pub fn names_of(spec: &Spec, class: &str, state: &State) -> BTreeSet<Vec<u8>> {
    let class = spec.class(class).expect("a class");
    // A list, a set, a sorted set or a stream is no record, whatever its name.
    let can_be_record = |key: &Key| matches!(key.value, Value::Text(_) | Value::Json(_) | Value::Hash(_));
    let named = state.iter().filter(|((db, name), _)| *db == class.db && name.starts_with(class.prefix.as_bytes()));
    named.filter(|(_, key)| can_be_record(key)).map(|((_, name), _)| name.clone()).collect()
}

/// What the records of an index's class say of it.
pub struct Implied {
    pub desired: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, f64>>,
    pub undecidable: BTreeSet<Vec<u8>>,
    /// Records that lack what they require.
    orphans: u64,
    /// Some record can be decoded, or none is needed.
    decodable: bool,
    /// Nothing may be removed.
    pub frozen: bool,
}

pub fn implied(spec: &Spec, rule: &Rule, state: &State) -> Implied {
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

/// Records that cannot be decoded, of all classes that an index which is not retired is made from.
pub fn undecodable(spec: &Spec, db: u64, state: &State) -> BTreeSet<Vec<u8>> {
    let derived =
        |class: &&Class| spec.rules.iter().any(|rule| rule.from == class.name && rule.policy != Policy::Retire);
    let classes = spec.classes.iter().filter(|class| class.db == db).filter(derived);
    let names = classes.flat_map(|class| names_of(spec, class.name, state));
    names.filter(|name| decode(&state[&(db, name.clone())].value).is_none()).collect()
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
    let Implied { mut desired, mut undecidable, decodable, frozen, .. } = implied(spec, rule, state);
    // Nothing that names a record which cannot be decoded is removed, whatever class it is of.
    undecidable.extend(undecodable(spec, db, state));
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
pub fn holds(value: &Value, wanted: &Vec<u8>) -> bool {
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
