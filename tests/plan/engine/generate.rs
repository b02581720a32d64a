//! Random databases over several shards, and random specs about them.

use std::collections::BTreeMap;

use rdb_reindex::dump::slots::slot_of;

use crate::judge::random::Random;
use crate::support::dump_writer::DumpBuilder;

/// When the first shard's dump was made, in Unix seconds.
const NOW: u64 = 1_764_500_000;

pub struct Case {
    pub spec: String,
    /// The indexes that alone are repaired.
    pub only: Vec<String>,
    pub shards: Vec<Vec<u8>>,
}

fn any(random: &mut Random, from: &[&str]) -> String {
    (*random.pick(from)).to_owned()
}

const ONES: [&str; 6] = ["a", "b", "c", "a:b", "7", "x y"];

/// A spec of some of these rules.
fn spec(random: &mut Random) -> String {
    let mut out = "version = 1\n".to_owned();
    let mut class = |lines: &[&str]| out.push_str(&format!("[[record]]\n{}\n", lines.join("\n")));
    let mut records = vec!["name = \"r\"", "key = \"r:{@id}\""];
    records.extend(*random.pick(&[None, None, Some("type = \"hash\""), Some("type = \"string\"")]));
    records.extend(*random.pick(&[None, None, None, Some("exists = \"data:{@id}\"")]));
    records.extend(*random.pick(&[None, Some("not = [\"r:1*\"]")]));
    class(&records);
    class(&["name = \"p\"", "key = \"p:*\""]);
    class(&["name = \"s\"", "key = \"s:{@id}\"", "type = \"set\""]);
    if random.one_in(3) {
        // Keys that are records while something else is there, and index keys while it is not.
        class(&["name = \"i\"", "key = \"i:a:{@id}\"", "type = \"set\"", "exists = \"data:{@id}\""]);
    }
    let mut count = 0;
    let mut index = |out: &mut String, lines: &[String]| {
        count += 1;
        out.push_str(&format!("[[index]]\nname = \"x{count}\"\n{}\n", lines.join("\n")));
    };
    let line = |text: &str| text.to_owned();
    let extra = |random: &mut Random, lines: &mut Vec<String>| {
        if random.one_in(9) {
            return;
        }
        if random.one_in(2) {
            lines.push(line(
                "accept = [\"no-entry\", \"wrong-type\", \"mostly-missing\", \"other-type\", \"nested\", \"foreign-members\"]",
            ));
        } else {
            lines.push(line("accept = [\"no-entry\", \"wrong-type\", \"mostly-missing\"]"));
        }
    };
    let derived = |random: &mut Random, lines: &mut Vec<String>| {
        lines.push(line(if random.one_in(6) { "policy = \"report\"" } else { "policy = \"maintain\"" }));
        if !lines.iter().any(|line| line.starts_with("from")) {
            lines.push(line("from = \"r\""));
        }
        if random.one_in(3) {
            lines.push(line("require = [{ record = \"p\", key = \"p:{g}\" }]"));
        }
        if random.one_in(4) {
            lines.push(any(
                random,
                &[
                    "when = { g = true }",
                    "when = { g = [\"a\", \"b\"] }",
                    "when = { n = false }",
                    "when = { f = \"{@id}\" }",
                ],
            ));
        }
        extra(random, lines);
    };
    for _ in 0..1 + random.below(4) {
        let rule = random.below(10);
        let mut lines: Vec<String> = match rule {
            0 => vec![line("key = \"i:a:{f}\""), any(random, &["member = \"{@key}\"", "member = \"{@id}\""])],
            1 => vec![line("key = \"i:a:{g}\""), line("member = \"{@key}\"")],
            2 => vec![
                line("key = \"i:b:{f}\""),
                line("type = \"zset\""),
                line("score = \"{n}\""),
                any(random, &["member = \"{@key}\"", "member = \"{@id}\"", "member = \"{g}\""]),
            ],
            3 => vec![
                any(random, &["key = \"i:c:{f}\"", "key = \"i:c:all\""]),
                line("type = \"hash\""),
                line("member = \"{@id}\""),
                any(random, &["value = \"{g}\"", "value = \"{@key}\""]),
            ],
            4 => vec![
                line("key = \"i:d:{f}\""),
                line("type = \"string\""),
                any(random, &["value = \"{@key}\"", "value = \"{@id}\""]),
            ],
            5 => vec![line("key = \"i:e:{f}:{g}\""), line("member = \"{@key}\"")],
            6 => vec![line("key = \"i:a:{tags[]}\""), line("member = [\"{@key}\", \"id:{@id}\"]")],
            7 => vec![line("from = \"s\""), line("key = \"i:j:{@members[]}\""), line("member = \"{@key}\"")],
            8 => vec![line("key = \"i:{f}\""), line("member = \"{@key}\"")],
            _ => vec![line("key = \"i:b:{g}\""), line("type = \"zset\""), line("score = \"{n}\"")],
        };
        if rule == 7 {
            lines.push(line("policy = \"maintain\""));
            extra(random, &mut lines);
        } else {
            derived(random, &mut lines);
        }
        index(&mut out, &lines);
    }
    if random.one_in(3) {
        let mut lines = vec![line("key = \"i:f:{f}\""), line("policy = \"retire\""), line("from = \"r\"")];
        if random.one_in(2) {
            lines.push(line("member = \"{@key}\""));
        }
        extra(random, &mut lines);
        index(&mut out, &lines);
    }
    for _ in 0..random.below(3) {
        let mut lines = vec![line(if random.one_in(6) { "policy = \"report\"" } else { "policy = \"prune\"" })];
        lines.push(format!("type = \"{}\"", random.pick(&["set", "zset", "list", "hash"])));
        lines.push(any(random, &["key = \"q:{@n}\"", "key = \"{@n}:{@m}\""]));
        lines.push(any(random, &["member = \"{@id}\"", "member = \"r:{@id}\""]));
        lines.push(any(
            random,
            &[
                "exists = \"r:{@id}\"",
                "exists = [\"r:{@id}\", \"p:{@id}\"]",
                "exists = { key = \"r:{@id}\", where = { f = \"a\" } }",
                "exists = { key = \"r:{@id}\", where = { f = \"{@n}\", g = true } }",
                "exists = { key = \"h:x\", field = \"{@id}\" }",
                "exists = { key = \"h:x\", field = \"{@id}\", where = { f = [\"a\", \"{@n}\"] } }",
            ],
        ));
        lines.push(line("accept = [\"no-reference\", \"no-literal\"]"));
        index(&mut out, &lines);
    }
    if random.one_in(3) {
        let chain = [
            "key = \"z:{@id}\"\ntype = \"any\"\nexists = \"r:{@id}\"",
            "key = \"y:{@id}\"\ntype = \"set\"\nmember = \"{@m}\"\nexists = \"q:{@m}\"",
            "key = \"w:{@n}\"\ntype = \"string\"\nvalue = \"{@id}\"\nexists = \"r:{@id}\"",
        ];
        let lines = [line("policy = \"prune\""), any(random, &chain), line("accept = [\"no-reference\"]")];
        index(&mut out, &lines);
    }
    out
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Set(Vec<String>),
    Zset(Vec<(String, f64)>),
    List(Vec<String>),
    /// Fields with values and expiries.
    Hash(Vec<(String, String, Option<i64>)>),
}

/// A time before, between and after those at which the shards were dumped.
fn time(random: &mut Random) -> i64 {
    let seconds = *random.pick(&[-40, -1, 0, 1, 5, 7, 8, 15, 20, 21, 100]);
    NOW as i64 * 1000 + seconds * 1000
}

struct Record {
    id: String,
    f: Option<String>,
    g: Option<String>,
    n: Option<i64>,
}

fn value(random: &mut Random, record: &Record) -> Value {
    let quote = |text: &Option<String>| text.as_ref().map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
    if random.one_in(2) {
        let n = record.n.map_or_else(|| "null".to_owned(), |n| n.to_string());
        let tags = random.pick(&["[]", "[\"a\"]", "[\"a\", \"b\", \"a\"]", "{}", "[1, null]"]);
        let f = if random.one_in(20) { "{}".to_owned() } else { quote(&record.f) };
        let text = format!("{{\"f\": {f}, \"g\": {}, \"n\": {n}, \"tags\": {tags}}}", quote(&record.g));
        return match random.below(24) {
            0 => Value::Text(text[..text.len() - 3].to_owned()),
            1 => Value::Text("3".to_owned()),
            2 => Value::List(vec!["r:1".to_owned()]),
            _ => Value::Text(text),
        };
    }
    let n = record.n.map(|n| if random.one_in(20) { "many".to_owned() } else { n.to_string() });
    let fields = [("f", record.f.clone()), ("g", record.g.clone()), ("n", n)];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let expires = random.one_in(20).then(|| time(random));
        Some((name.to_owned(), value?, expires))
    });
    let mut fields: Vec<_> = fields.collect();
    fields.push(("id".to_owned(), record.id.clone(), None));
    Value::Hash(fields)
}

fn database(random: &mut Random) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    let ids = 4 + random.below(20);
    let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut zsets: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    let mut hashes: BTreeMap<String, Vec<(String, String, Option<i64>)>> = BTreeMap::new();
    for id in 0..ids {
        let some = |random: &mut Random| (!random.one_in(8)).then(|| (*random.pick(&ONES)).to_owned());
        let n = (!random.one_in(10)).then(|| random.below(4) as i64);
        let record = Record { id: id.to_string(), f: some(random), g: some(random), n };
        let (key, f) = (format!("r:{id}"), record.f.clone().unwrap_or_else(|| "gone".to_owned()));
        let g = record.g.clone().unwrap_or_default();
        let score = record.n.unwrap_or(1) as f64 + if random.one_in(6) { 1.0 } else { 0.0 };
        for name in [format!("i:a:{f}"), format!("i:e:{f}:{g}"), format!("i:f:{f}"), format!("i:{f}"), "q:a".to_owned()]
        {
            if !random.one_in(3) {
                let member = if random.one_in(4) { id.to_string() } else { key.clone() };
                sets.entry(name).or_default().push(member);
            }
        }
        if !random.one_in(3) {
            let member = random.pick(&[key.clone(), id.to_string(), g.clone()]).clone();
            zsets.entry(format!("i:b:{f}")).or_default().push((member, score));
        }
        if !random.one_in(3) {
            let value = if random.one_in(2) { g.clone() } else { key.clone() };
            let expires = random.one_in(9).then(|| time(random));
            let name = if random.one_in(2) { "i:c:all".to_owned() } else { format!("i:c:{f}") };
            hashes.entry(name).or_default().push((id.to_string(), value, expires));
            keys.insert(format!("i:d:{f}"), Value::Text(if random.one_in(3) { id.to_string() } else { key.clone() }));
        }
        if !random.one_in(4) {
            keys.insert(key, value(random, &record));
        }
        if random.one_in(2) {
            keys.insert(format!("data:{id}"), Value::Text(String::new()));
        }
        if random.one_in(3) {
            keys.insert(format!("s:{id}"), Value::Set(vec!["a".to_owned(), (*random.pick(&ONES)).to_owned()]));
            keys.insert(format!("z:{}", random.below(ids + 5)), Value::List(vec!["any".to_owned()]));
            keys.insert(format!("w:{id}"), Value::Text(random.below(ids + 5).to_string()));
        }
    }
    for one in ONES {
        if random.one_in(2) {
            keys.insert(format!("p:{one}"), Value::Text("{}".to_owned()));
        }
        let pool = |random: &mut Random| match random.below(5) {
            0 => format!("r:{}", random.below(ids + 4)),
            1 | 2 => random.below(ids + 4).to_string(),
            3 => format!("id:{}", random.below(ids)),
            _ => (*random.pick(&ONES)).to_owned(),
        };
        for name in ["i:a:", "i:e:", "i:f:", "i:j:", "i:", "q:", "y:"] {
            if random.one_in(2) {
                let more: Vec<String> = (0..1 + random.below(4)).map(|_| pool(random)).collect();
                sets.entry(format!("{name}{one}")).or_default().extend(more);
            }
        }
        if random.one_in(2) {
            zsets.entry(format!("i:b:{one}")).or_default().push((pool(random), random.below(4) as f64));
            zsets.entry(format!("q:z{one}")).or_default().push((pool(random), random.below(4) as f64));
            keys.insert(format!("q:l{one}"), Value::List((0..4).map(|_| pool(random)).collect()));
            let fields = (0..3).map(|_| (pool(random), pool(random), random.one_in(6).then(|| time(random))));
            hashes.entry(format!("q:h{one}")).or_default().extend(fields);
        }
    }
    let json =
        |random: &mut Random| (*random.pick(&["{\"f\": \"a\"}", "{\"f\": \"x\"}", "no", "{\"f\": {}}"])).to_owned();
    let fields = (0..ids).filter(|_| random.one_in(2)).map(|id| id.to_string()).collect::<Vec<_>>();
    let fields = fields.into_iter().map(|id| (id, json(random), random.one_in(6).then(|| time(random))));
    hashes.insert("h:x".to_owned(), fields.collect());
    keys.extend(sets.into_iter().map(|(name, mut members)| {
        members.sort_unstable();
        members.dedup();
        (name, Value::Set(members))
    }));
    keys.extend(zsets.into_iter().map(|(name, mut members)| {
        members.sort_by(|a, b| a.0.cmp(&b.0));
        members.dedup_by(|a, b| a.0 == b.0);
        (name, Value::Zset(members))
    }));
    keys.extend(hashes.into_iter().map(|(name, mut fields)| {
        fields.sort();
        fields.dedup_by(|a, b| a.0 == b.0);
        (name, Value::Hash(fields))
    }));
    let names: Vec<String> = keys.keys().cloned().collect();
    for name in names {
        if random.one_in(25) {
            // Another type than it should have.
            let other = match random.below(3) {
                0 => Value::Text(random.pick(&["r:1", "5", "{}"]).to_string()),
                1 => Value::Set(vec!["r:1".to_owned(), "2".to_owned()]),
                _ => Value::Zset(vec![("r:2".to_owned(), 1.0), ("3".to_owned(), 2.0)]),
            };
            keys.insert(name, other);
        }
    }
    keys
}

fn write(dump: &mut DumpBuilder, name: &str, value: &Value) {
    match value {
        Value::Text(text) => drop(dump.string(name, text)),
        Value::Set(members) => drop(dump.set(name, members)),
        Value::Zset(members) => drop(dump.zset(name, members)),
        Value::List(elements) => drop(dump.list(name, elements)),
        Value::Hash(fields) if fields.iter().all(|(.., expires)| expires.is_none()) => {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value, _)| (&**name, &**value)).collect();
            dump.hash(name, &fields);
        }
        Value::Hash(fields) => {
            // HASH_METADATA of Redis 7.4: the first expiry, then each field behind one more than what its own is later by.
            let first = fields.iter().filter_map(|(.., expires)| *expires).min().unwrap_or_default();
            dump.key(24, name).bytes(first.to_le_bytes()).len(fields.len() as u64);
            for (name, value, expires) in fields {
                dump.len(expires.map_or(0, |at| (at - first + 1) as u64)).put(name).put(value);
            }
        }
    }
}

pub fn case(random: &mut Random) -> Case {
    let spec = spec(random);
    let keys = database(random);
    let mut shards: Vec<DumpBuilder> = (0..3).map(|_| DumpBuilder::new(12)).collect();
    for shard in &mut shards {
        let ctime = NOW + *random.pick(&[0, 0, 7, 20]);
        if !random.one_in(12) {
            shard.server_aux(ctime);
        }
        shard.select_db(0);
    }
    for (name, value) in &keys {
        let shard = &mut shards[usize::from(slot_of(name.as_bytes())) * 3 / 16384];
        if random.one_in(6) {
            let at = if random.one_in(8) { 5 } else { time(random) };
            shard.expire_ms(at);
        }
        let is_empty = matches!(value, Value::Hash(fields) if fields.is_empty());
        if is_empty {
            shard.string(name, "empty");
        } else {
            write(shard, name, value);
        }
    }
    let only = if random.one_in(6) { vec!["x1".to_owned()] } else { Vec::new() };
    Case { spec, only, shards: shards.iter_mut().map(DumpBuilder::finish).collect() }
}
