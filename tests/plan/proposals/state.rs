//! What a database holds, element by element, and whether a change of it led towards what is right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::server::Server;

/// All bytes are shown as Latin-1: any bytes can be written so, and ASCII looks as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(String),
    List(Vec<String>),
    Set(BTreeSet<String>),
    Zset(BTreeMap<String, f64>),
    Hash(BTreeMap<String, String>),
    /// A RedisJSON document.
    Json(String),
    /// Of another type: that it is there is all that is compared.
    Other(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub content: Content,
    pub expires: bool,
}

/// By database and name.
pub type State = BTreeMap<(u64, String), Key>;
/// Database, key, and the element: its kind and its name.
type Slot = (u64, String, &'static str, String);

/// What a change did, by elements.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Elements that were not as they should be.
    pub wrong: usize,
    /// Of them, those that are now.
    pub fixed: usize,
    /// Elements that were changed, and are now not as they should be.
    pub harm: Vec<String>,
    /// Everything is as it should be.
    pub whole: bool,
}

pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes that `latin` made a text of.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect()
}

impl Content {
    pub fn kind(&self) -> &str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Zset(_) => "zset",
            Self::Hash(_) => "hash",
            Self::Json(_) => "json",
            Self::Other(kind) => kind,
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) | Self::Json(_) | Self::Other(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::Zset(zset) => zset.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
        }
    }

    /// Each element by name, with what it has: a score, a value. Equal elements of a list are told apart by a number.
    fn elements(&self) -> Vec<(String, String)> {
        match self {
            Self::Text(text) | Self::Json(text) => vec![(String::new(), text.clone())],
            Self::Other(_) => Vec::new(),
            Self::List(list) => {
                let mut seen = BTreeMap::new();
                let mut numbered = |element: &String| {
                    let count: &mut usize = seen.entry(element.clone()).or_default();
                    *count += 1;
                    (format!("{element} #{count}"), String::new())
                };
                list.iter().map(&mut numbered).collect()
            }
            Self::Set(set) => set.iter().map(|member| (member.clone(), String::new())).collect(),
            Self::Zset(zset) => zset.iter().map(|(member, score)| (member.clone(), format!("{score:?}"))).collect(),
            Self::Hash(hash) => hash.iter().map(|(field, value)| (field.clone(), value.clone())).collect(),
        }
    }
}

fn slots(state: &State) -> BTreeMap<Slot, String> {
    let mut slots = BTreeMap::new();
    for ((db, name), key) in state {
        let slot = |kind, element| (*db, name.clone(), kind, element);
        slots.insert(slot("type", String::new()), key.content.kind().to_owned());
        slots.insert(slot("expiry", String::new()), key.expires.to_string());
        for (element, value) in key.content.elements() {
            slots.insert(slot("element", element), value);
        }
    }
    slots
}

/// What the change from `before` to `after` did, where `right` is what should be.
///
/// A key that expires and that no command named may have gone by itself: `touched` are the names that one did.
pub fn compare(before: &State, after: &State, right: &State, touched: &BTreeSet<String>) -> Outcome {
    let by_itself = |name: &(u64, String)| {
        let expires = |state: &State| state.get(name).is_none_or(|key| key.expires);
        !touched.contains(&name.1) && !after.contains_key(name) && expires(before) && expires(right)
    };
    let without = |state: &State| -> State {
        state.iter().filter(|(name, _)| !by_itself(name)).map(|(name, key)| (name.clone(), key.clone())).collect()
    };
    let (before, right) = (without(before), without(right));
    let mut outcome = Outcome { whole: *after == right, ..Outcome::default() };
    let (was, is, should) = (slots(&before), slots(after), slots(&right));
    let emptied = |slot: &Slot| {
        let of_key = |other: &Slot| other.0 == slot.0 && other.1 == slot.1 && other.2 == "element";
        was.iter().filter(|(other, _)| of_key(other)).all(|(other, value)| should.get(other) != Some(value))
    };
    let all: BTreeSet<&Slot> = was.keys().chain(is.keys()).chain(should.keys()).collect();
    for slot in all {
        let (was, is, should) = (was.get(slot), is.get(slot), should.get(slot));
        if slot.2 == "element" && was != should {
            outcome.wrong += 1;
            outcome.fixed += usize::from(is == should);
        }
        if was != is && is != should {
            let (_, key, kind, element) = slot;
            // A key of which each element was wrong goes with the last of them: that others are missing is no harm that
            // is done.
            if *kind != "element" && is.is_none() && emptied(slot) {
                continue;
            }
            outcome.harm.push(format!("{key:?} {kind} {element:?}: was {was:?}, is {is:?}, should be {should:?}"));
        }
    }
    outcome
}

/// What a server holds in its database 0.
pub fn of_server(server: &Server) -> State {
    let mut connection = server.connection();
    let mut state = State::new();
    let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("names");
    for name in names {
        let mut ask = |words: &[&str]| -> Vec<String> {
            let mut command = redis::cmd(words[0]);
            command.arg(&name).arg(&words[1..]);
            let found: Vec<Vec<u8>> = command.query(&mut connection).expect("an answer");
            found.iter().map(|bytes| latin(bytes)).collect()
        };
        let pairs = |found: Vec<String>| -> Vec<(String, String)> {
            found.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        let score = |(member, score): (String, String)| (member, score.parse().expect("a score"));
        let content = match server.query::<String>(&[b"TYPE".as_slice(), &name]).as_str() {
            "string" => Content::Text(latin(&server.query::<Vec<u8>>(&[b"GET".as_slice(), &name]))),
            "list" => Content::List(ask(&["LRANGE", "0", "-1"])),
            "set" => Content::Set(ask(&["SMEMBERS"]).into_iter().collect()),
            "zset" => Content::Zset(pairs(ask(&["ZRANGE", "0", "-1", "WITHSCORES"])).into_iter().map(score).collect()),
            "hash" => Content::Hash(pairs(ask(&["HGETALL"])).into_iter().collect()),
            // It went while it was asked about.
            "none" => continue,
            other => Content::Other(other.to_owned()),
        };
        let left: i64 = server.query(&[b"PTTL".as_slice(), &name]);
        state.insert((0, latin(&name)), Key { content, expires: left >= 0 });
    }
    state
}

/// What `expected.json` of a database of an application says.
pub fn of_json(expected: &Value) -> State {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| -> Vec<String> { value.as_array().expect("a list").iter().map(text).collect() };
    let number = |value: &Value| value.as_f64().expect("a score");
    let one = |(name, entry): (&String, &Value)| {
        let value = &entry["value"];
        let content = match text(&entry["type"]).as_str() {
            "string" => Content::Text(text(value)),
            "list" => Content::List(list(value)),
            "set" => Content::Set(list(value).into_iter().collect()),
            "zset" => Content::Zset(match value {
                Value::Object(pairs) => pairs.iter().map(|(member, score)| (member.clone(), number(score))).collect(),
                pairs => {
                    pairs.as_array().expect("pairs").iter().map(|pair| (text(&pair[0]), number(&pair[1]))).collect()
                }
            }),
            "hash" => {
                let fields = value.as_object().expect("fields").iter();
                Content::Hash(fields.map(|(field, value)| (field.clone(), text(value))).collect())
            }
            other => Content::Other(other.to_owned()),
        };
        ((0, name.clone()), Key { content, expires: entry["expires"] == Value::Bool(true) })
    };
    expected.as_object().expect("keys").iter().map(one).collect()
}
