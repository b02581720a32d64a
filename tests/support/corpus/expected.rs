//! The answers of the servers, as the corpus describes them in its README.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rdb_reindex::dump::rdb::{Kind, Record, StreamId};
use serde_json::Value as Js;
use sha2::{Digest, Sha256};

use super::collect::{Collector, Group};

/// What was answered about one key; of a document the text, since a JSON reader would not keep its numbers.
pub struct Answer {
    pub facts: Js,
    pub json: Option<String>,
}

pub struct Dump {
    pub head: Js,
    pub keys: HashMap<(u64, Vec<u8>), Answer>,
}

impl Dump {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.split('\n');
        let head = serde_json::from_str(&format!("{}]}}", lines.next().unwrap())).unwrap();
        let mut keys = HashMap::new();
        for line in lines.filter(|line| line.starts_with("{\"db\"")) {
            let line = line.strip_suffix(',').unwrap_or(line);
            // No string can hold this text: its quotes would be escaped.
            let (facts, value) = line.split_once(",\"value\":").unwrap();
            let json = facts.contains("\"type\":\"ReJSON-RL\"").then(|| value.strip_suffix('}').unwrap().to_owned());
            let line = if json.is_some() { &format!("{facts}}}") } else { line };
            let facts: Js = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let name = (facts["db"].as_u64().unwrap(), bytes(&facts["key"]).unwrap());
            assert!(keys.insert(name, Answer { facts, json }).is_none());
        }
        Self { head, keys }
    }
}

/// The bytes, unless they are given as a hash.
fn bytes(js: &Js) -> Option<Vec<u8>> {
    if let Some(text) = js["utf8"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    js["base64"].as_str().map(|text| BASE64_STANDARD.decode(text).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Whether `found` is what `js` says in any of its three forms.
pub fn is(js: &Js, found: &[u8]) -> bool {
    match bytes(js) {
        Some(bytes) => bytes == found,
        None => js["bytes"] == found.len() && js["sha256"] == hex(&Sha256::digest(found)),
    }
}

/// Compares a collection: element by element in an order, or by the hash of its lines.
fn collection<T>(
    about: &str,
    js: &Js,
    found: &[T],
    same: impl Fn(&Js, &T) -> bool,
    line: impl Fn(&T) -> String,
    in_order: bool,
) {
    if let Some(all) = js.as_array() {
        assert_eq!(all.len(), found.len(), "{about}: number of elements");
        for (n, (js, found)) in all.iter().zip(found).enumerate() {
            assert!(same(js, found), "{about}: element {n} is not {js}");
        }
        return;
    }
    assert_eq!(js["count"], found.len(), "{about}: number of elements");
    let digest = |lines: &[String]| hex(&Sha256::digest(lines.join("\n")));
    let mut lines: Vec<String> = found.iter().map(line).collect();
    if in_order {
        assert_eq!(js["sha256_of_elements_in_order_joined_with_newline_of_hex"], digest(&lines), "{about}: order");
    }
    lines.sort();
    assert_eq!(js["sha256_of_sorted_elements_joined_with_newline_of_hex"], digest(&lines), "{about}: elements");
}

pub fn check(about: &str, answer: &Answer, record: &Record<'_>, found: &Collector) {
    let facts = &answer.facts;
    let value = &facts["value"];
    assert_eq!(facts["type"], record.value.type_name().as_str(), "{about}: type");
    assert_eq!(facts["expire_at_ms"].as_i64(), record.expire_ms, "{about}: expiry");
    assert_eq!(facts["lfu_freq"].as_u64(), record.freq.map(u64::from), "{about}: frequency");
    // Only the dumps with an LRU policy were asked for it.
    assert_eq!(facts["lru_idle_s"].as_u64(), record.idle, "{about}: idle time");
    let kind = record.value.ty.kind();
    if matches!(kind, Kind::Set | Kind::Zset | Kind::Hash) {
        assert_eq!(facts["encoding"], record.value.ty.encoding(), "{about}: encoding");
    }
    match kind {
        Kind::String => assert!(is(value, found.string.as_ref().unwrap()), "{about}: {value}"),
        Kind::List => collection(about, value, &found.list, |js, one| is(js, one), |one| hex(one), true),
        Kind::Set => {
            let mut set = found.set.clone();
            set.sort();
            collection(about, value, &set, |js, one| is(js, one), |one| hex(one), false);
        }
        Kind::Zset => zset(about, value, found),
        Kind::Hash => hash(about, facts, found),
        Kind::Stream => stream(about, value, found),
        Kind::Module => match &answer.json {
            Some(json) => assert_eq!(json.as_bytes(), found.json.as_ref().unwrap(), "{about}"),
            None => assert!(value.is_null() && found.json.is_none(), "{about}"),
        },
        Kind::Array => panic!("{about}: no server of the corpus has arrays"),
    }
}

fn zset(about: &str, value: &Js, found: &Collector) {
    let mut zset = found.zset.clone();
    zset.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |js: &Js, one: &(Vec<u8>, f64)| {
        let score: f64 = js[1].as_str().unwrap().parse().unwrap();
        is(&js[0], &one.0) && score == one.1
    };
    collection(about, value, &zset, same, |one| format!("{}:{:016x}", hex(&one.0), one.1.to_bits()), false);
}

fn hash(about: &str, facts: &Js, found: &Collector) {
    let mut hash = found.hash.clone();
    hash.sort();
    let same = |js: &Js, one: &(Vec<u8>, Vec<u8>, Option<i64>)| is(&js[0], &one.0) && is(&js[1], &one.1);
    collection(about, &facts["value"], &hash, same, |one| format!("{}:{}", hex(&one.0), hex(&one.1)), false);
    let expiring: Vec<(Vec<u8>, i64)> =
        hash.into_iter().filter_map(|(field, _, expire_ms)| Some((field, expire_ms?))).collect();
    let expected = &facts["field_expire_at_ms"];
    assert_eq!(expected.is_null(), expiring.is_empty(), "{about}: fields with an expiry");
    if !expected.is_null() {
        let same = |js: &Js, one: &(Vec<u8>, i64)| is(&js[0], &one.0) && js[1] == one.1;
        let about = format!("{about}: fields with an expiry");
        collection(&about, expected, &expiring, same, |one| format!("{}:{}", hex(&one.0), one.1), false);
    }
}

fn stream(about: &str, value: &Js, found: &Collector) {
    let meta = found.meta.unwrap();
    assert_eq!(value["length"], meta.length, "{about}: length");
    assert_eq!(meta.entries, meta.length, "{about}: entries");
    assert_eq!(value["last_id"], meta.last_id.to_string(), "{about}: last id");
    assert_eq!(value["max_deleted_id"], meta.max_deleted_id.unwrap().to_string(), "{about}: deleted id");
    assert_eq!(value["entries_added"].as_u64(), meta.entries_added, "{about}: entries added");
    if let Some((first, _)) = found.stream.first() {
        assert_eq!(meta.first_id, Some(*first), "{about}: first id");
    }
    let same = |js: &Js, one: &(StreamId, Vec<Vec<u8>>)| {
        let items = js[1].as_array().unwrap();
        js[0] == one.0.to_string()
            && items.len() == one.1.len()
            && items.iter().zip(&one.1).all(|(js, item)| is(js, item))
    };
    let line = |one: &(StreamId, Vec<Vec<u8>>)| {
        one.1.iter().fold(hex(one.0.to_string().as_bytes()), |line, item| line + ":" + &hex(item))
    };
    collection(about, &value["entries"], &found.stream, same, line, true);
    let groups = value["groups"].as_array().unwrap();
    assert_eq!(groups.len(), found.groups.len(), "{about}: groups");
    assert_eq!(meta.groups, groups.len() as u64, "{about}: groups");
    for expected in groups {
        let group = found.groups.iter().find(|group| is(&expected["name"], &group.name));
        check_group(about, expected, group.unwrap_or_else(|| panic!("{about}: no group {}", expected["name"])));
    }
}

fn check_group(about: &str, expected: &Js, group: &Group) {
    let about = format!("{about}: group {}", expected["name"]);
    assert_eq!(expected["last_delivered_id"], group.last_id.to_string(), "{about}: last id");
    assert_eq!(expected["entries_read"].as_u64(), group.entries_read, "{about}: entries read");
    let pending = expected["pending"].as_array().unwrap();
    assert_eq!(pending.len(), group.pending.len(), "{about}: pending");
    for (js, (id, time, count)) in pending.iter().zip(&group.pending) {
        assert_eq!(js[0], id.to_string(), "{about}: pending");
        assert_eq!((&js[2], &js[3]), (&Js::from(*time), &Js::from(*count)), "{about}: pending {id}");
        let owner = group.consumers.iter().find(|consumer| is(&js[1], &consumer.name)).unwrap();
        assert!(owner.pending.contains(id), "{about}: {id} is not pending for {}", js[1]);
    }
    let consumers = expected["consumers"].as_array().unwrap();
    assert_eq!(consumers.len(), group.consumers.len(), "{about}: consumers");
    for js in consumers {
        let consumer = group.consumers.iter().find(|consumer| is(&js["name"], &consumer.name)).unwrap();
        assert_eq!(js["seen_time_ms"], consumer.seen_time_ms, "{about}: {}", js["name"]);
        assert_eq!(js["active_time_ms"].as_i64(), consumer.active_time_ms, "{about}: {}", js["name"]);
        let ids: Vec<Js> = consumer.pending.iter().map(|id| Js::from(id.to_string())).collect();
        assert_eq!(js["pending"], Js::from(ids), "{about}: {}", js["name"]);
    }
}
