//! Two states of a real server, with known differences between them: what it answered decides.

use std::collections::BTreeMap;

use rdb_reindex::dump::rdb::{Item, Walker};
use redis::{Connection, Value};

use super::{Dumps, bytes};
use crate::support::server::{Program, Server, query};

const SPEC: &str = r#"
version = 1
[[record]]
name = "message"
key = "message:*"
[[index]]
name = "by-project"
policy = "maintain"
from = "message"
key = "idx:{p}"
member = "{@key}"
[[index]]
name = "timeline"
policy = "maintain"
type = "zset"
from = "message"
key = "tl:{p}"
member = "{@key}"
score = "{t}"
"#;

/// What a server says of one key. Of a stream, what is pending is told without how long ago.
#[derive(Debug, PartialEq)]
struct Known {
    kind: String,
    value: String,
    expire_at_ms: i64,
    members: BTreeMap<Vec<u8>, Option<String>>,
}

type State = BTreeMap<(u64, Vec<u8>), Known>;

fn state(server: &Server) -> State {
    let mut connection = server.connection();
    let mut all = State::new();
    for db in [0_u64, 3] {
        query::<()>(&mut connection, &["SELECT", &db.to_string()]);
        let mut keys: Vec<Vec<u8>> = query(&mut connection, &["KEYS", "*"]);
        keys.sort();
        for key in keys {
            let known = known(&mut connection, &key);
            all.insert((db, key), known);
        }
    }
    all
}

fn known(connection: &mut Connection, key: &[u8]) -> Known {
    let mut ask = |before: &[&str], after: &[&str]| -> Value {
        let words = before.iter().map(|w| w.as_bytes()).chain([key]).chain(after.iter().map(|w| w.as_bytes()));
        query(connection, &words.collect::<Vec<_>>())
    };
    let kind: String = redis::from_redis_value(ask(&["TYPE"], &[])).unwrap();
    let expire_at_ms: i64 = redis::from_redis_value(ask(&["PEXPIRETIME"], &[])).unwrap();
    let mut members = BTreeMap::new();
    let value = match kind.as_str() {
        "string" => format!("{:?}", ask(&["GET"], &[])),
        "list" => format!("{:?}", ask(&["LRANGE"], &["0", "-1"])),
        "set" => {
            let all: Vec<Vec<u8>> = redis::from_redis_value(ask(&["SMEMBERS"], &[])).unwrap();
            members = all.into_iter().map(|member| (member, None)).collect();
            format!("{members:?}")
        }
        "zset" => {
            let all: Vec<(Vec<u8>, String)> =
                redis::from_redis_value(ask(&["ZRANGE"], &["0", "-1", "WITHSCORES"])).unwrap();
            members = all.into_iter().map(|(member, score)| (member, Some(score))).collect();
            format!("{members:?}")
        }
        "hash" => {
            let all: BTreeMap<Vec<u8>, Vec<u8>> = redis::from_redis_value(ask(&["HGETALL"], &[])).unwrap();
            format!("{all:?}")
        }
        "stream" => {
            let entries = ask(&["XRANGE"], &["-", "+"]);
            let info: BTreeMap<String, Value> = redis::from_redis_value(ask(&["XINFO", "STREAM"], &[])).unwrap();
            let groups: Vec<BTreeMap<String, Value>> = redis::from_redis_value(ask(&["XINFO", "GROUPS"], &[])).unwrap();
            let mut text = format!("{entries:?} {:?}", info["last-generated-id"]);
            for group in groups {
                let name: String = redis::from_redis_value(group["name"].clone()).unwrap();
                let pending: Vec<(String, String, u64, u64)> =
                    redis::from_redis_value(ask(&["XPENDING"], &[&name, "-", "+", "1000"])).unwrap();
                let pending: Vec<_> = pending.iter().map(|(id, consumer, _, count)| (id, consumer, count)).collect();
                text += &format!(" {name} {:?} {:?} {pending:?}", group["last-delivered-id"], group["consumers"]);
            }
            text
        }
        "ReJSON-RL" => format!("{:?}", ask(&["JSON.GET"], &[])),
        other => panic!("a {other}"),
    };
    Known { kind, value, expire_at_ms, members }
}

/// A small generator: the same commands in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Random commands over a few hundred names. One that does not fit the type of its key is refused by the server.
fn mutate(connection: &mut Connection, random: &mut Random, commands: usize) {
    for _ in 0..commands {
        let n = random.below(60);
        let key = match random.below(14) {
            0 => format!("string:{n}"),
            1 => format!("list:{n}"),
            2 => format!("set:{n}"),
            3 => format!("ints:{n}"),
            4 => format!("zset:{n}"),
            5 => format!("hash:{n}"),
            6 => format!("stream:{}", n % 9),
            7 | 8 => format!("idx:{}", n % 12),
            9 | 10 => format!("tl:{}", n % 12),
            11 => format!("json:{n}"),
            // The same name with any type.
            _ => format!("any:{}", n % 20),
        };
        let v = random.below(40).to_string();
        let long = format!("{}{v}", "v".repeat(random.below(90) as usize));
        let number = (random.below(4_000) as f64 / 8.0).to_string();
        let timeline = format!("tl:{}", n % 12);
        let words: Vec<&str> = match random.below(36) {
            // Commands and names that fit each other seldom meet by chance.
            30.. => vec!["ZADD", &timeline, &number, &v],
            0 | 1 => vec!["SET", &key, &long],
            2 => vec!["APPEND", &key, &v],
            3 | 4 => vec!["RPUSH", &key, &long, &v],
            5 => vec!["LSET", &key, "0", &v],
            6..=8 => vec!["SADD", &key, &long, &v],
            9 => vec!["SREM", &key, &v],
            10..=12 => vec!["ZADD", &key, &number, &v, "1.5", &long],
            13 => vec!["ZREM", &key, &v],
            14..=16 => vec!["HSET", &key, &v, &long],
            17 => vec!["HDEL", &key, &v],
            18 => vec!["XADD", &key, "*", &v, &long],
            19 => vec!["XTRIM", &key, "MAXLEN", "3"],
            20 => vec!["XGROUP", "CREATE", &key, "readers", "0"],
            21 => vec!["XREADGROUP", "GROUP", "readers", &v, "COUNT", "1", "STREAMS", &key, ">"],
            22 => vec!["DEL", &key],
            23 => vec!["PEXPIREAT", &key, if random.below(2) == 0 { "4102444800000" } else { "4102444800001" }],
            24 => vec!["PERSIST", &key],
            25 => vec!["RENAME", &key, "any:1"],
            26 | 27 => vec!["JSON.SET", &key, "$", r#"{"a":[1,2.5,"x"],"b":{"c":null}}"#],
            28 => vec!["JSON.SET", &key, "$.b.c", &v],
            // Reading is no change.
            _ => vec!["TOUCH", &key],
        };
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        // The server refuses some of them; that is part of the game.
        let _ = command.query::<Value>(connection);
    }
}

fn type_bytes(dump: &[u8]) -> BTreeMap<(u64, Vec<u8>), &'static str> {
    let mut walker = Walker::new(dump).unwrap();
    let mut all = BTreeMap::new();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            let key = record.key.decode(&mut Vec::new()).unwrap().to_vec();
            all.insert((record.db, key), record.value.ty.name());
        }
    }
    all
}

const FORMS: [&str; 4] =
    ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries", "list-max-listpack-size"];

#[test]
fn a_real_server_says_the_same() {
    let Some(server) = Server::builder().rejson().start() else { return };
    let mut connection = server.connection();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    mutate(&mut connection, &mut random, 12_000);
    query::<()>(&mut connection, &["SELECT", "3"]);
    mutate(&mut connection, &mut random, 300);
    query::<()>(&mut connection, &["SELECT", "0"]);
    let (before, old) = (state(&server), server.dump());
    assert!(before.len() > 200, "only {} keys", before.len());

    // Other encodings, other order, the same data.
    for form in FORMS {
        query::<()>(&mut connection, &["CONFIG", "SET", form, "1"]);
    }
    query::<()>(&mut connection, &["DEBUG", "RELOAD"]);
    let same = server.dump();
    let (forms, others) = (type_bytes(&old), type_bytes(&same));
    let other_forms = forms.iter().filter(|(key, form)| others[*key] != **form).count();
    assert!(other_forms > 30, "only {other_forms} keys have another encoding");
    let report = Dumps::new(&old, &same).json(&[]);
    for change in ["added", "removed", "changed", "expiry_only"] {
        assert_eq!(report["keys"][change], 0, "{change}: {}", report["largest"]);
    }
    assert_eq!(report["keys"]["same"], before.len());

    mutate(&mut connection, &mut random, 900);
    query::<()>(&mut connection, &["SELECT", "3"]);
    mutate(&mut connection, &mut random, 90);
    let (after, new) = (state(&server), server.dump());
    compare(&before, &after, &Dumps::new(&old, &new).spec(SPEC));
    // The other way round everything is the other way round.
    compare(&after, &before, &Dumps::new(&new, &old).spec(SPEC));
}

/// Later servers write sets, streams and expiries in other types, Valkey with another magic.
#[test]
fn another_server_that_loads_a_dump_writes_the_same_in_another_form() {
    let Some(server) = Server::builder().start() else { return };
    let mut connection = server.connection();
    mutate(&mut connection, &mut Random(0x2545_f491_4f6c_dd1d), 12_000);
    let old = server.dump();
    for program in [Program::Redis82, Program::Valkey91] {
        let Some(other) = Server::builder().program(program).dump_bytes(old.clone()).start() else { continue };
        let new = other.dump();
        assert_ne!(old[..9], new[..9], "{program:?} writes another version");
        let report = Dumps::new(&old, &new).json(&[]);
        let keys = &report["keys"];
        assert_eq!(keys["same"], server.query::<u64>(&["DBSIZE"]), "{program:?}: {}", report["largest"]);
        for change in ["added", "removed", "changed"] {
            assert_eq!(keys[change], 0, "{program:?}: {}", report["largest"]);
        }
    }
}

fn compare(before: &State, after: &State, dumps: &Dumps) {
    let mut expected = BTreeMap::new();
    for key in before.keys().chain(after.keys()) {
        let change = match (before.get(key), after.get(key)) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(a), Some(b)) if a.kind != b.kind => "type",
            (Some(a), Some(b)) if a.value != b.value => "content",
            (Some(a), Some(b)) if a.expire_at_ms != b.expire_at_ms => "expiry",
            _ => continue,
        };
        expected.insert(key.clone(), change);
    }
    let args = ["--spec", "spec.toml"];
    let rows = dumps.rows(&[&args[..], &["--table", "keys"]].concat());
    let found: BTreeMap<_, _> =
        rows.iter().map(|row| ((row["db"].as_u64().unwrap(), bytes(&row["key"])), row)).collect();
    assert_eq!(found.len(), rows.len(), "a key comes twice");
    let changes: BTreeMap<_, _> =
        found.iter().map(|(key, row)| (key.clone(), row["change"].as_str().unwrap())).collect();
    assert_eq!(changes, expected);
    let count = |change: &str| expected.values().filter(|known| **known == change).count();
    for change in ["added", "removed", "type", "content", "expiry"] {
        assert!(count(change) > 0, "nothing is tested of {change}");
    }
    for (key, row) in &found {
        for (state, kind, time) in
            [(before, "type_before", "expire_at_ms_before"), (after, "type_after", "expire_at_ms_after")]
        {
            let known = state.get(key);
            assert_eq!(row[kind].as_str(), known.map(|known| known.kind.as_str()), "{row}");
            let expires = known.map(|known| known.expire_at_ms).filter(|ms| *ms > 0);
            assert_eq!(row[time].as_i64(), expires, "{row}");
        }
    }

    let report = dumps.json(&args);
    let keys = &report["keys"];
    assert_eq!(keys["keys_before"], before.len());
    assert_eq!(keys["keys_after"], after.len());
    let number = |name: &str| keys[name].as_u64().unwrap() as usize;
    assert_eq!((number("added"), number("removed")), (count("added"), count("removed")));
    assert_eq!(number("changed"), count("type") + count("content") + count("expiry"));
    assert_eq!((number("type_changed"), number("expiry_only")), (count("type"), count("expiry")));
    assert_eq!(number("same"), after.len() - number("added") - number("changed"));
    for rows in ["families", "types"] {
        for field in
            ["keys_before", "keys_after", "added", "removed", "changed", "same", "bytes_after", "elements_before"]
        {
            let sum: u64 = report[rows].as_array().unwrap().iter().map(|row| row[field].as_u64().unwrap()).sum();
            // A key whose type changed is of the new type, so the types' own `same` may be lower by those.
            if rows != "types" || field != "same" || number("type_changed") == 0 {
                assert_eq!(sum, keys[field].as_u64().unwrap(), "{rows} {field}");
            }
        }
    }

    // Memberships: those of the sets and sorted sets that have the name of an index key.
    let mut gained_and_lost = BTreeMap::new();
    let nothing = BTreeMap::new();
    for (db, key) in before.keys().chain(after.keys()) {
        let index = match key {
            _ if *db != 0 => continue,
            key if key.starts_with(b"idx:") => "by-project",
            key if key.starts_with(b"tl:") => "timeline",
            _ => continue,
        };
        let of =
            |state: &'_ State| state.get(&(*db, key.clone())).map(|known| known.members.clone()).unwrap_or_default();
        let (old, new) = (of(before), of(after));
        for member in old.keys().chain(new.keys()) {
            let edit = match (old.get(member), new.get(member)) {
                (None, _) => "gained",
                (_, None) => "lost",
                (Some(Some(a)), Some(Some(b))) if a != b => "rescored",
                _ => continue,
            };
            gained_and_lost.insert((index, key.clone(), member.clone()), edit);
        }
    }
    let rows = dumps.rows(&[&args[..], &["--table", "memberships"]].concat());
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            ((row["index"].as_str().unwrap(), bytes(&row["key"]), bytes(&row["member"])), row["edit"].as_str().unwrap())
        })
        .collect();
    assert_eq!(found.len(), rows.len(), "a membership comes twice");
    assert_eq!(found, gained_and_lost);
    for row in &rows {
        let key = (0, bytes(&row["key"]));
        for (state, score) in [(before, "score_before"), (after, "score_after")] {
            let members = state.get(&key).map_or(&nothing, |known| &known.members);
            let expected = members.get(&bytes(&row["member"])).cloned().flatten();
            assert_eq!(row[score].as_str().map(str::to_owned), expected, "{row}");
        }
    }
    for edit in ["gained", "lost", "rescored"] {
        let all = gained_and_lost.values().filter(|known| **known == edit).count() as u64;
        assert!(all > 0, "nothing is tested of {edit}");
        let sum = |rows: &serde_json::Value| -> u64 {
            rows.as_array().unwrap().iter().map(|row| row[edit].as_u64().unwrap_or_default()).sum()
        };
        assert_eq!(sum(&report["indexes"]), all);
        let by_key: u64 = report["indexes"].as_array().unwrap().iter().map(|index| sum(&index["keys"])).sum();
        assert_eq!(by_key, all, "of the index keys");
    }
}
