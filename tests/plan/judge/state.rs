//! Everything a server holds, as it says itself.

use super::wire::{Reply, Wire};
use std::collections::{BTreeMap, BTreeSet};

/// By database and name.
pub type State = BTreeMap<(u64, Vec<u8>), Key>;

#[derive(Clone, PartialEq)]
pub struct Key {
    pub value: Value,
    /// `PEXPIRETIME`; none without an expiry.
    pub expires: Option<i64>,
}

#[derive(Clone, PartialEq)]
pub enum Value {
    Text(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Scores as the server writes them, so that -0 is not 0.
    Zset(BTreeMap<Vec<u8>, String>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// What `JSON.GET` gives.
    Json(Vec<u8>),
    /// A stream, with its groups and consumers: what `DUMP` gives, and every field and value in it.
    Stream(Vec<u8>, Vec<Vec<u8>>),
}

/// Databases that a test may use.
const DATABASES: u64 = 4;

pub fn read(wire: &mut Wire) -> State {
    let mut state = State::new();
    for db in 0..DATABASES {
        wire.ask(&[b"SELECT", db.to_string().as_bytes()]);
        let names = wire.ask(&[b"KEYS", b"*"]).strings();
        for names in names.chunks(1000) {
            let about = names.iter().flat_map(|name| [vec![&b"PEXPIRETIME"[..], name], vec![b"TYPE", name]]);
            let about = wire.ask_all(about);
            let (expiries, types): (Vec<_>, Vec<_>) =
                about.chunks(2).map(|two| (&two[0], two[1].clone().bytes())).unzip();
            let values = names.iter().zip(&types).map(|(name, ty)| question(name, ty));
            let values = wire.ask_all(values);
            for (((name, ty), reply), expires) in names.iter().zip(&types).zip(values).zip(expiries) {
                let expires = match expires {
                    Reply::Integer(-1) => None,
                    Reply::Integer(at) => Some(*at),
                    other => panic!("{other:?}"),
                };
                let value = value(wire, name, ty, reply);
                state.insert((db, name.clone()), Key { value, expires });
            }
        }
    }
    wire.ask(&[b"SELECT", b"0"]);
    state
}

/// The command that gives a value of a type.
fn question<'n>(name: &'n [u8], ty: &[u8]) -> Vec<&'n [u8]> {
    match ty {
        b"string" => vec![b"GET", name],
        b"list" => vec![b"LRANGE", name, b"0", b"-1"],
        b"set" => vec![b"SMEMBERS", name],
        b"zset" => vec![b"ZRANGE", name, b"0", b"-1", b"WITHSCORES"],
        b"hash" => vec![b"HGETALL", name],
        b"ReJSON-RL" => vec![b"JSON.GET", name],
        b"stream" => vec![b"XRANGE", name, b"-", b"+"],
        other => panic!("{} is a {}", name.escape_ascii(), other.escape_ascii()),
    }
}

fn value(wire: &mut Wire, name: &[u8], ty: &[u8], reply: Reply) -> Value {
    let pairs = |flat: Vec<Vec<u8>>| flat.chunks(2).map(|two| (two[0].clone(), two[1].clone())).collect::<Vec<_>>();
    match ty {
        b"string" => Value::Text(reply.bytes()),
        b"list" => Value::List(reply.strings()),
        b"set" => Value::Set(reply.strings().into_iter().collect()),
        b"zset" => {
            let score = |score: Vec<u8>| String::from_utf8(score).expect("a score");
            Value::Zset(pairs(reply.strings()).into_iter().map(|(member, of)| (member, score(of))).collect())
        }
        b"hash" => Value::Hash(pairs(reply.strings()).into_iter().collect()),
        b"ReJSON-RL" => Value::Json(reply.bytes()),
        _ => {
            let fields = reply.list().into_iter().flat_map(|entry| entry.list().remove(1).strings()).collect();
            Value::Stream(wire.ask(&[b"DUMP", name]).bytes(), fields)
        }
    }
}

/// Fails with the first keys that differ, and how.
pub fn assert_same(found: &State, expected: &State, when: &str) {
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        if found.get(name) != expected.get(name) {
            let show = |key: Option<&Key>| key.map_or("nothing".to_owned(), show);
            let key = format!("db {} {}", name.0, name.1.escape_ascii());
            differences.push(format!(
                "{key}\n   is        {}\n   should be {}",
                show(found.get(name)),
                show(expected.get(name))
            ));
        }
    }
    let shown = differences.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{when}: {} keys differ\n{shown}", differences.len());
}

fn show(key: &Key) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| {
        let all: Vec<String> = items.collect();
        format!("{} [{}]", all.len(), all.into_iter().take(12).collect::<Vec<_>>().join(", "))
    };
    let text = |bytes: &Vec<u8>| bytes.escape_ascii().to_string();
    let value = match &key.value {
        Value::Text(value) => format!("string {}", text(value)),
        Value::Json(value) => format!("json {}", text(value)),
        Value::List(items) => format!("list {}", list(&mut items.iter().map(text))),
        Value::Set(items) => format!("set {}", list(&mut items.iter().map(text))),
        Value::Zset(items) => format!("zset {}", list(&mut items.iter().map(|(m, s)| format!("{s}={}", text(m))))),
        Value::Hash(items) => {
            format!("hash {}", list(&mut items.iter().map(|(f, v)| format!("{}={}", text(f), text(v)))))
        }
        Value::Stream(dump, _) => format!("stream of {} bytes", dump.len()),
    };
    let expires = key.expires.map_or(String::new(), |at| format!(", expires {at}"));
    value.chars().take(900).collect::<String>() + &expires
}
