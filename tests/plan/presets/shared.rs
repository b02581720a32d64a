//! Each preset on the database of its library, where it is at hand (`../shared`): a real server that replays the plan comes to
//! the right state, key by key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::run;
use crate::support::judges::APPS;
use crate::support::server::Server;

const PAIRS: [(&str, &str); 12] = [
    ("arq", "arq"),
    ("bullmq", "bullmq"),
    ("cacheops", "cacheops"),
    ("dramatiq", "dramatiq"),
    ("laravel10-tags", "laravel-10"),
    ("magento249-symfony", "magento"),
    ("nextjs-cache-handler", "nextjs-cache-handler"),
    ("rq", "rq"),
    ("sidekiq-unique-jobs", "sidekiq-unique-jobs"),
    ("spring-session", "spring-session"),
    ("symfony-cache", "symfony-cache"),
    ("typo3", "typo3"),
];

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// What a server holds, as `expected.json` has it, without scores.
fn held(server: &Server) -> BTreeMap<String, Value> {
    let keys: Vec<Vec<u8>> = server.query(&["KEYS", "*"]);
    let ask = |args: &[&[u8]]| -> Vec<String> {
        server.query::<Vec<Vec<u8>>>(args).iter().map(|bytes| latin(bytes)).collect()
    };
    let one = |key: &Vec<u8>| {
        let kind: String = server.query(&[b"TYPE", key.as_slice()]);
        let value = match kind.as_str() {
            "list" => json!(ask(&[b"LRANGE", key, b"0", b"-1"])),
            "set" => json!(ask(&[b"SMEMBERS", key]).into_iter().collect::<BTreeSet<_>>()),
            "zset" => json!(ask(&[b"ZRANGE", key, b"0", b"-1"]).into_iter().collect::<BTreeSet<_>>()),
            "hash" => {
                let all = ask(&[b"HGETALL", key]);
                json!(all.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<BTreeMap<_, _>>())
            }
            "stream" => json!(""),
            _ => json!(latin(&server.query::<Vec<u8>>(&[b"GET", key.as_slice()]))),
        };
        (latin(key), value)
    };
    keys.iter().map(one).collect()
}

/// The right value of a key, in the same form.
fn right(entry: &Value) -> Value {
    let texts = |value: &Value| -> BTreeSet<String> {
        match value {
            Value::Object(pairs) => pairs.keys().cloned().collect(),
            _ => {
                let text = |one: &Value| one.as_str().or(one[0].as_str()).expect("a text").to_owned();
                value.as_array().expect("a list").iter().map(text).collect()
            }
        }
    };
    match entry["type"].as_str() {
        Some("set" | "zset") => json!(texts(&entry["value"])),
        Some("stream") => json!(""),
        _ => entry["value"].clone(),
    }
}

#[test]
fn databases_of_libraries_are_repaired() {
    let Some(apps) = APPS.find() else { return };
    for (app, preset) in PAIRS {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(apps.join(app).join("dump.rdb"), folder.path().join("dump.rdb")).expect("copied");
        let (status, _, stderr) =
            run(folder.path(), &["plan", "dump.rdb", "--preset", preset, "--out", "out", "--quiet"]);
        assert_eq!((status, stderr.as_str()), (0, ""), "{app}");
        let (status, _, stderr) = run(folder.path(), &["plan", "dump.rdb", "--out", "none"]);
        assert!(status == 4 && stderr.ends_with(&format!("--preset {preset}\n")), "{app}: {stderr}");
        let Some(server) = Server::builder().dump_file(apps.join(app).join("dump.rdb")).start() else { return };
        let summary = server.pipe(&folder.path().join("out/apply.resp"));
        assert!(summary.success && summary.errors == 0, "{app}: {summary:?}");
        let expected = std::fs::read(apps.join(app).join("expected.json")).expect("the right state");
        let expected: BTreeMap<String, Value> = serde_json::from_slice(&expected).expect("JSON");
        let mut found = held(&server);
        for (key, entry) in &expected {
            match found.remove(key) {
                Some(value) => assert_eq!(value, right(entry), "{app}: {key:?}"),
                None => assert_eq!(entry["expires"], json!(true), "{app}: {key:?} is gone"),
            }
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "{app}: too much");
    }
}
