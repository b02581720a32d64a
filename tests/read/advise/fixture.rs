//! The bundled fixture: users and channels can go, as the project's own data said. The figures are counted by a server.

use std::collections::HashSet;
use std::path::PathBuf;

use redis::Connection;
use serde_json::Value;

use super::{Case, bytes, keys, near, number, text};
use crate::support::output::{program, shown};
use crate::support::server::{Server, query};

const FIXTURE: &str = "fixtures/discord-analytics.rdb";

fn case() -> Case {
    Case::new(&std::fs::read(fixture()).expect("the fixture"))
}

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FIXTURE)
}

fn family<'v>(advice: &'v Value, pattern: &str) -> &'v Value {
    let all = advice["families"].as_array().expect("families");
    all.iter().find(|family| family["pattern"] == pattern).unwrap_or_else(|| panic!("no {pattern} in {advice:#}"))
}

fn names(connection: &mut Connection, pattern: &str) -> Vec<String> {
    query(connection, &["KEYS", pattern])
}

/// All members of these sets, and the memory that they take.
fn members(connection: &mut Connection, keys: &[String]) -> (HashSet<String>, u64, u64) {
    let (mut all, mut count, mut memory) = (HashSet::new(), 0, 0);
    for key in keys {
        if query::<String>(connection, &["TYPE", key]) != "set" {
            continue;
        }
        let members: Vec<String> = query(connection, &["SMEMBERS", key]);
        count += members.len() as u64;
        all.extend(members);
        memory += query::<u64>(connection, &["MEMORY", "USAGE", key, "SAMPLES", "0"]);
    }
    (all, count, memory)
}

#[test]
fn users_and_channels_can_go() {
    let case = case();
    let advice = case.advice();
    // fixtures/README.md: 2,001, 2,040 and 2,008 keys, of which three are right.
    let keys_of = |pattern| keys(family(&advice, pattern));
    assert_eq!(keys_of("discord:messages:project:*"), [2_001, 3]);
    assert_eq!(keys_of("discord:messages:user:*"), [2_040, 0]);
    assert_eq!(keys_of("discord:messages:channel:*"), [2_008, 0]);
    assert_eq!(keys_of("discord:projects:all"), [1, 1]);
    assert_eq!(number(&advice, "one_in"), 1, "all members were compared");
    let table = case.inventory(&["--format", "table"]);
    let words: Vec<&str> = table.split_whitespace().collect();
    assert!(words.join(" ").contains("6,049 keys of 3 families become 3, if what could go is gone"), "{table}");
    let items = advice["items"].as_array().expect("items");
    let goes: Vec<(&str, &str)> = items[..2].iter().map(|item| (text(item, "title"), text(item, "kind"))).collect();
    assert_eq!(
        goes,
        [
            ("user could go; the spec retires it already", "one-per-record"),
            ("channel could go; the spec retires it already", "one-per-record")
        ]
    );
    assert!(items[2..].iter().all(|item| item["kind"] == "encoding"), "{advice:#}");

    let Some(server) = Server::builder().rejson().dump_file(fixture()).start() else { return };
    let mut connection = server.connection();
    // The timelines name the three projects that have messages.
    let timelines = names(&mut connection, "discord:messages:timeline:*");
    let projects: Vec<String> = timelines.iter().map(|name| name.replace(":timeline:", ":project:")).collect();
    let (listed, count, _) = members(&mut connection, &projects);
    assert_eq!((projects.len(), count), (3, 2_166));
    for (item, (what, records)) in items.iter().zip([("user", "discord:user:"), ("channel", "channel:discord:")]) {
        let own = names(&mut connection, &format!("discord:messages:{what}:*"));
        let (all, count, memory) = members(&mut connection, &own);
        assert_eq!(keys(item), [own.len() as u64, 0], "{what}");
        let [before, after] = bytes(item);
        assert!(near(before, memory) && after == 0, "{what}: {before} for {memory}");
        let each = own.iter().filter_map(|key| key.rsplit(':').next());
        let each = each.filter(|id| query::<u64>(&mut connection, &["EXISTS", &format!("{records}{id}")]) == 1).count();
        let there = all.iter().filter(|member| listed.contains(*member)).count();
        let reason = text(item, "reason");
        let thousands = |n: usize| format!("{},{:03}", n / 1000, n % 1000);
        let (each, own, count) = (thousands(each), thousands(own.len()), thousands(count as usize));
        for part in [
            format!("({each} of {own} are named after one)"),
            format!("{there} of {count} members are there today"),
            "2.7 members per key".to_owned(),
        ] {
            assert!(reason.contains(&part), "{part:?} is not in {reason:?}");
        }
    }
    let users = names(&mut connection, "discord:users:project:*");
    let memory = members(&mut connection, &users).2;
    let users = family(&advice, "discord:users:project:project:discord:*");
    assert!(near(bytes(users)[0], memory), "{users:#} for {memory}");
}

/// With a spec that says nothing of them, they are found by their names; the lines retire them, and nothing else.
#[test]
fn without_a_spec_that_fits() {
    let case = case().spec(
        "version = 1\n[[record]]\nname = \"m\"\nkey = \"message:discord:*\"\n[[index]]\nname = \"none\"\npolicy = \"report\"\n\
         from = \"m\"\nkey = \"none:{x}\"\nmember = \"{@key}\"\n",
    );
    let advice = case.advice();
    let items: Vec<&Value> =
        advice["items"].as_array().expect("items").iter().filter(|item| item["kind"] == "one-per-record").collect();
    let tables: Vec<&str> = items.iter().map(|item| text(item, "spec")).collect();
    assert_eq!(items.iter().map(|item| keys(item)).collect::<Vec<_>>(), [[2_040, 0], [2_008, 0]]);
    assert!(text(items[0], "title").starts_with("discord:messages:user:* could go"), "{advice:#}");
    assert_eq!(case.plan(&tables.join("\n")), [2_040 + 2_008, 0, 0]);
}

#[test]
fn any_number_of_threads_says_the_same() {
    let case = case();
    let one = case.inventory(&["--format", "json", "--threads", "1"]);
    assert!(one == case.inventory(&["--format", "json", "--threads", "7"]));
}

#[test]
fn nothing_of_it_without_the_option() {
    let plain = program(&["inventory", FIXTURE, "--format", "json"]).assert().success().get_output().stdout.clone();
    let plain: Value = serde_json::from_slice(&plain).expect("JSON");
    assert_eq!(plain.get("advice"), None);
    let head = |args: &[&str]| {
        let output = program(args).assert().success().get_output().stdout.clone();
        String::from_utf8(output).expect("UTF-8").lines().next().expect("a head").to_owned()
    };
    let csv = head(&["inventory", FIXTURE, "--format", "csv"]);
    let advised = head(&["inventory", FIXTURE, "--format", "csv", "--advise"]);
    assert_eq!(advised, format!("{csv},keys_after,memory_after"));
}

#[test]
fn the_whole_output() {
    let advise = |format: &str| {
        let mut command =
            program(&["inventory", FIXTURE, "--advise", "--format", format, "--now", "2026-11-23T15:06:47Z"]);
        shown(&mut command)
    };
    let table = advise("table");
    let from = table.find("\nAdvice\n").expect("a section");
    insta::assert_snapshot!("advice-table", &table[from..]);
    let csv = advise("csv");
    let rows: Vec<&str> = csv.lines().filter(|line| line.starts_with("advice,")).collect();
    insta::assert_snapshot!("advice-csv", rows.join("\n"));
}
