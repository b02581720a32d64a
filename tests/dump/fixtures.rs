//! The fixture in a real server has the numbers that `fixtures/README.md` states.
//!
//! Everything here is read with plain commands and compared as strings: none of the program's own code takes part.

use crate::support;

use redis::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::server::{Server, query};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/discord-analytics.rdb");
const INDEX: &str = "discord:messages:project:";

/// What plain commands say of the whole database.
struct Contents {
    /// Key → type.
    keys: BTreeMap<String, String>,
    /// Message key → its `projectId`, if that is a string.
    messages: BTreeMap<String, Option<String>>,
    /// Project index of type set → its members.
    indexes: BTreeMap<String, BTreeSet<String>>,
}

/// The replies to one command for each key, through a pipeline.
fn for_each<T: redis::FromRedisValue>(connection: &mut Connection, command: &[&str], keys: &[&String]) -> Vec<T> {
    let mut replies = Vec::new();
    for batch in keys.chunks(2000) {
        let mut pipeline = redis::pipe();
        for &key in batch {
            pipeline.cmd(command[0]).arg(key).arg(&command[1..]);
        }
        replies.extend(pipeline.query::<Vec<T>>(connection).expect("the commands fit the types"));
    }
    assert_eq!(replies.len(), keys.len());
    replies
}

fn read(server: &Server) -> Contents {
    let mut connection = server.connection();
    let mut names = BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let (next, batch): (String, Vec<String>) = query(&mut connection, &["SCAN", &cursor, "COUNT", "5000"]);
        names.extend(batch);
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    let all: Vec<&String> = names.iter().collect();
    let types: Vec<String> = for_each(&mut connection, &["TYPE"], &all);
    let keys: BTreeMap<String, String> = names.iter().cloned().zip(types).collect();

    let records: Vec<&String> = keys.keys().filter(|key| key.starts_with("message:discord:")).collect();
    let documents: Vec<String> = for_each(&mut connection, &["JSON.GET"], &records);
    let project_of = |text: &String| {
        let document: serde_json::Value = serde_json::from_str(text).expect("a document is JSON");
        document.get("projectId").and_then(|id| id.as_str()).map(str::to_owned)
    };
    let messages = records.iter().map(|&key| key.clone()).zip(documents.iter().map(project_of)).collect();

    let sets: Vec<&String> =
        keys.iter().filter(|(key, kind)| key.starts_with(INDEX) && *kind == "set").map(|(key, _)| key).collect();
    let members: Vec<BTreeSet<String>> = for_each(&mut connection, &["SMEMBERS"], &sets);
    let indexes = sets.iter().map(|&key| key.clone()).zip(members).collect();
    Contents { keys, messages, indexes }
}

impl Contents {
    fn count(&self, prefix: &str) -> usize {
        self.keys.keys().filter(|key| key.starts_with(prefix)).count()
    }

    fn is_project(&self, id: &str) -> bool {
        id.starts_with("project:discord:") && self.keys.contains_key(id)
    }

    fn of_project(&self, project: &str) -> BTreeSet<String> {
        let mine = self.messages.iter().filter(|(_, id)| id.as_deref() == Some(project));
        mine.map(|(key, _)| key.clone()).collect()
    }

    /// Messages of no existing project, or without a project id that is text.
    fn lost(&self) -> BTreeMap<&String, &Option<String>> {
        self.messages.iter().filter(|(_, id)| !id.as_deref().is_some_and(|id| self.is_project(id))).collect()
    }
}

#[test]
fn the_fixture_has_the_stated_numbers() {
    let Some(server) = Server::builder().rejson().dump_file(FIXTURE).start() else { return };
    let contents = read(&server);
    assert_eq!(contents.keys.len() as u64, server.query::<u64>(&["DBSIZE"]));

    assert_eq!(contents.count(INDEX), 2001);
    assert_eq!(contents.count("discord:messages:user:"), 2040);
    assert_eq!(contents.count("discord:messages:channel:"), 2008);
    assert_eq!(contents.messages.len(), 19_485);
    assert_eq!(contents.count("discord:user:"), 2040);
    assert_eq!(contents.count("channel:discord:"), 2008);
    assert_eq!(contents.count("project:discord:"), 4);

    // Three projects with messages, and what their indexes lack and should not have.
    let mut right = Vec::new();
    for (key, members) in &contents.indexes {
        let project = &key[INDEX.len()..];
        let desired = contents.of_project(project);
        if contents.is_project(project) && !desired.is_empty() {
            let (missing, stale) = (desired.difference(members).count(), members.difference(&desired).count());
            right.push((desired.len(), members.len(), missing, stale));
        }
    }
    right.sort_unstable();
    assert_eq!(right, [(3, 3, 1, 1), (172, 172, 9, 9), (1991, 1991, 41, 41)]);

    // 17,319 of no project, 3 of them of the deleted one; no project index but the deleted project's names one of them.
    let lost = contents.lost();
    assert_eq!(lost.len(), 17_319);
    assert_eq!(19_485 - 17_319, 1991 + 172 + 3);
    let naming_lost: Vec<_> =
        contents.indexes.iter().filter(|(_, members)| members.iter().any(|member| lost.contains_key(member))).collect();
    let [(deleted_index, named)] = naming_lost.as_slice() else {
        panic!("{} indexes name lost messages", naming_lost.len())
    };
    assert_eq!(named.len(), 3);
    assert_eq!(**named, contents.of_project(&deleted_index[INDEX.len()..]));
    assert!(!contents.keys.contains_key(&deleted_index[INDEX.len()..]));
}

#[test]
fn projects_and_registry_disagree_in_both_directions() {
    let Some(server) = Server::builder().rejson().dump_file(FIXTURE).start() else { return };
    let mut connection = server.connection();
    let registry: BTreeSet<String> = query(&mut connection, &["SMEMBERS", "discord:projects:all"]);
    let records: BTreeSet<String> = query(&mut connection, &["KEYS", "project:discord:*"]);
    assert_eq!(records.difference(&registry).count(), 2, "missing");
    assert_eq!(registry.difference(&records).count(), 4, "stale");
}

#[test]
fn some_wrong_keys_have_another_type_or_an_expiry() {
    let Some(server) = Server::builder().rejson().dump_file(FIXTURE).start() else { return };
    let contents = read(&server);
    let mut types = BTreeMap::<&str, u32>::new();
    let indexes: Vec<_> = contents.keys.iter().filter(|(key, _)| key.starts_with(INDEX)).collect();
    for (_, kind) in &indexes {
        *types.entry(kind).or_default() += 1;
    }
    // The wrong keys' numbers run from 0 to 1997; above 60, those that leave 11, 21, 31, 41 and 51 when divided by 60 are
    // strings (71, 131, ..., 1991: 33 of them), lists, sorted sets, hashes and documents (32 each); 1990 is a stream.
    let expected =
        [("ReJSON-RL", 32), ("hash", 32), ("list", 32), ("set", 1839), ("stream", 1), ("string", 33), ("zset", 32)];
    assert_eq!(types.into_iter().collect::<Vec<_>>(), expected);

    let names: Vec<&String> = indexes.iter().map(|(key, _)| *key).collect();
    let expiries: Vec<i64> = for_each(&mut server.connection(), &["PEXPIRETIME"], &names);
    // Every 80th of 1,998 wrong keys, from the 8th: numbers 7, 87, ..., 1927.
    assert_eq!(expiries.iter().filter(|&&at| at > 4_000_000_000_000).count(), 25);
    for shape in ["undefined", "null", "[object Object]", "project:discord:project:discord:"] {
        assert!(names.iter().any(|name| name[INDEX.len()..].starts_with(shape)), "no index of {shape}");
    }
}

macro_rules! neighbour {
    ($name:ident, $key:expr, $kind:expr) => {
        #[test]
        fn $name() {
            let Some(server) = Server::builder().rejson().dump_file(FIXTURE).start() else { return };
            let kind: String = server.query(&["TYPE", $key]);
            assert_eq!(kind, $kind);
        }
    };
}

neighbour!(a_heartbeat, "discord:bot:heartbeat", "string");
neighbour!(a_status, "discord:health:status", "hash");
neighbour!(a_backup, "backup:discord:2025-01-01:meta", "ReJSON-RL");
neighbour!(a_queue, "points:queue", "list");
neighbour!(a_stream, "points:events", "stream");
neighbour!(a_leaderboard, "points:leaderboard", "zset");

#[test]
fn the_fixture_is_whole_and_small() {
    let bytes = fs::metadata(FIXTURE).expect("the fixture is in the repository").len();
    assert!(bytes <= 8_000_000, "{bytes}");
    let Some(server) = Server::builder().rejson().dump_file(FIXTURE).start() else { return };
    let check = server.check_rdb(FIXTURE.as_ref());
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}
