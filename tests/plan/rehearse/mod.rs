//! `rehearse`: the contract's rules one by one, and wrong plans that must be caught.

mod agree;
mod by_hand;
mod caught;
mod entries;
mod live;
mod rules;
mod second;
#[cfg(target_os = "linux")]
mod throwaway;
mod twice;

use rdb_reindex::bundle::manifest::Reply;
use rdb_reindex::bundle::resp;
use rdb_reindex::rehearse::{State, Value};

/// A state in one line: keys in order, each with its value, and `@` and its expiry if it has one.
fn outline(state: &State) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let join = |parts: Vec<String>| parts.join(" ");
    let line = |((db, key), entry): (&(u64, Vec<u8>), &rdb_reindex::rehearse::Entry)| {
        let value = match &entry.value {
            Value::String(value) => format!("\"{}\"", text(value)),
            Value::List(elements) => format!("[{}]", join(elements.iter().map(|e| text(e)).collect())),
            Value::Set(members) => format!("{{{}}}", join(members.iter().map(|m| text(m)).collect())),
            Value::Zset(members) => {
                format!("{{{}}}", join(members.iter().map(|(m, score)| format!("{}={score}", text(m))).collect()))
            }
            Value::Hash(fields) => {
                format!("({})", join(fields.iter().map(|(f, v)| format!("{}={}", text(f), text(&v.value))).collect()))
            }
            Value::Json(value) => text(value),
            Value::Other(other) => other.type_name.clone(),
        };
        let db = if *db == 0 { String::new() } else { format!("{db}/") };
        let expiry = entry.expire_ms.map(|ms| format!("@{ms}")).unwrap_or_default();
        format!("{db}{} {value}{expiry}", text(key))
    };
    state.iter().map(line).collect::<Vec<_>>().join(" | ")
}

/// Arguments apart by spaces.
fn file(commands: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for command in commands {
        resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut out);
    }
    out
}

/// Replies apart by spaces: numbers are integers, the rest is a status.
fn replies(text: &str) -> Vec<Reply> {
    text.split_whitespace()
        .map(|reply| reply.parse().map_or_else(|_| Reply::Status(reply.to_owned()), Reply::Integer))
        .collect()
}
