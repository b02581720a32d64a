//! Databases of real applications, broken as their users report it, where they are at hand (`../shared`): each is repaired
//! exactly, on a real server, and the way back is exact.

use std::collections::BTreeMap;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::judges::APPS;
use crate::support::server::Server;

/// A key as a server shows it: type, content, and whether it expires.
type Shown = (String, String, bool);
/// Bytes as Latin-1, as `expected.json` has them.
type State = BTreeMap<String, Shown>;

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Two numbers that are the same double are the same score.
fn score(text: &str) -> String {
    let score: f64 = text.parse().expect("a score");
    format!("{score:?}")
}

fn shown(server: &Server, key: &[u8]) -> Shown {
    let ask = |args: &[&[u8]]| -> Vec<String> {
        let found: Vec<Vec<u8>> = server.query(args);
        found.iter().map(|bytes| latin(bytes)).collect()
    };
    let kind: String = server.query(&[b"TYPE".as_slice(), key]);
    let content = match kind.as_str() {
        "string" => latin(&server.query::<Vec<u8>>(&[b"GET".as_slice(), key])),
        "list" => format!("{:?}", ask(&[b"LRANGE", key, b"0", b"-1"])),
        "set" => {
            let mut members = ask(&[b"SMEMBERS", key]);
            members.sort();
            format!("{members:?}")
        }
        "zset" => {
            let found = ask(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]);
            let pairs: BTreeMap<_, _> = found.chunks(2).map(|pair| (pair[0].clone(), score(&pair[1]))).collect();
            format!("{pairs:?}")
        }
        "hash" => {
            let found = ask(&[b"HGETALL", key]);
            let pairs: BTreeMap<_, _> = found.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            format!("{pairs:?}")
        }
        _ => String::new(),
    };
    let left: i64 = server.query(&[b"PTTL".as_slice(), key]);
    (kind, content, left >= 0)
}

fn state(server: &Server) -> State {
    let keys: Vec<Vec<u8>> = server.query(&["KEYS", "*"]);
    keys.iter().map(|key| (latin(key), shown(server, key))).collect()
}

/// The right state, in the same form.
fn right(expected: &Value) -> State {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| -> Vec<String> { value.as_array().expect("a list").iter().map(text).collect() };
    let one = |entry: &Value| -> Shown {
        let (kind, value) = (text(&entry["type"]), &entry["value"]);
        let content = match kind.as_str() {
            "string" => text(value),
            "list" => format!("{:?}", list(value)),
            "set" => {
                let mut members = list(value);
                members.sort();
                format!("{members:?}")
            }
            "zset" => {
                let number = |value: &Value| score(&value.to_string());
                let pairs: BTreeMap<String, String> = match value {
                    Value::Object(pairs) => {
                        pairs.iter().map(|(member, score)| (member.clone(), number(score))).collect()
                    }
                    pairs => {
                        pairs.as_array().expect("pairs").iter().map(|pair| (text(&pair[0]), number(&pair[1]))).collect()
                    }
                };
                format!("{pairs:?}")
            }
            "hash" => {
                let pairs = value.as_object().expect("fields").iter();
                let pairs: BTreeMap<String, String> =
                    pairs.map(|(field, value)| (field.clone(), text(value))).collect();
                format!("{pairs:?}")
            }
            _ => String::new(),
        };
        (kind, content, entry["expires"] == Value::Bool(true))
    };
    expected.as_object().expect("keys").iter().map(|(key, entry)| (key.clone(), one(entry))).collect()
}

fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
    let out = command.current_dir(folder).args(args).output().expect("it ran");
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.code().expect("a status"), text)
}

/// What differs, keys that expire aside where they are gone by now.
fn different(one: &State, other: &State) -> Vec<String> {
    let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
    keys.sort();
    keys.dedup();
    let gone = |a: Option<&Shown>, b: Option<&Shown>| b.is_none() && a.is_some_and(|(_, _, expires)| *expires);
    let differs = |key: &&&String| {
        let (a, b) = (one.get(**key), other.get(**key));
        a != b && !gone(a, b)
    };
    keys.iter().filter(differs).map(|key| format!("{key}: {:?} and {:?}", one.get(*key), other.get(*key))).collect()
}

#[test]
fn all_of_them_are_repaired_and_put_back() {
    let Some(apps) = APPS.find() else { return };
    let mut folders: Vec<_> =
        std::fs::read_dir(apps).expect("a folder").map(|entry| entry.expect("read").path()).collect();
    folders.retain(|path| path.join("spec.toml").exists());
    folders.sort();
    assert!(folders.len() >= 20, "{}", folders.len());
    for app in folders {
        let name = app.file_name().expect("a name").to_string_lossy().into_owned();
        let Some(server) = Server::builder().dump_file(app.join("dump.rdb")).start() else { return };
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(app.join("dump.rdb"), folder.path().join("dump.rdb")).expect("copied");
        std::fs::copy(app.join("spec.toml"), folder.path().join("spec.toml")).expect("copied");
        let (status, text) = run(folder.path(), &["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]);
        assert_eq!(status, 0, "{name}: {text}");
        let before = state(&server);
        let manifest = std::fs::read(folder.path().join("plan/plan.json")).expect("a manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let id = manifest["plan_id"].as_str().expect("an id");
        let url = server.url();
        let replay = ["--to", &url, "--confirm", id, "--quiet"];
        let (status, text) = run(folder.path(), &[&["apply", "plan"], &replay[..]].concat());
        assert_eq!(status, 0, "{name}: {text}");
        let expected: Value =
            serde_json::from_slice(&std::fs::read(app.join("expected.json")).expect("expected.json")).expect("JSON");
        assert_eq!(different(&right(&expected), &state(&server)), [""; 0], "{name}: the repaired database");
        let (status, text) = run(folder.path(), &["verify", "plan", "--to", &url]);
        assert_eq!(status, 0, "{name}: {text}");
        // A database that is right gives an empty plan.
        std::fs::write(folder.path().join("after.rdb"), server.dump()).expect("written");
        let (status, text) =
            run(folder.path(), &["plan", "after.rdb", "--spec", "spec.toml", "--out", "again", "--exit-code"]);
        assert_eq!(status, 0, "{name}: {text}");
        let (status, text) = run(folder.path(), &[&["rollback", "plan"], &replay[..]].concat());
        assert_eq!(status, 0, "{name}: {text}");
        assert_eq!(different(&before, &state(&server)), [""; 0], "{name}: the way back");
    }
}
