//! Largest keys, prefixes, orders, and how the table is set on narrow terminals.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{FIXTURE, NOW};
use crate::support::output::program;

fn run(args: &[&str], columns: Option<&str>) -> String {
    let mut command = program(&[&["inventory", FIXTURE, "--now", NOW], args].concat());
    if let Some(columns) = columns {
        command.env("COLUMNS", columns);
    }
    let output = command.assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&run(&[&["--format", "json"], args].concat(), None)).expect("JSON")
}

fn rows<'v>(data: &'v Value, list: &str) -> &'v [Value] {
    data[list].as_array().unwrap_or_else(|| panic!("no {list}"))
}

fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row}"))
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_else(|| panic!("no {field} in {row}"))
}

/// The rows of a section of the table, without its head.
fn section<'t>(table: &'t str, title: &str) -> Vec<&'t str> {
    let after = table.lines().skip_while(|line| *line != title);
    after.skip(2).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn the_sums_agree() {
    let data = json(&[]);
    let all = number(&data, "memory");
    for list in ["databases", "types", "families", "expiries"] {
        assert_eq!(rows(&data, list).iter().map(|row| number(row, "memory")).sum::<u64>(), all, "{list}");
    }
    let keys = rows(&data, "expiries").iter().map(|row| number(row, "keys")).sum::<u64>();
    assert_eq!(keys, number(&data, "keys"));
}

/// By what `export` tells of each key.
#[test]
fn the_largest_are_the_largest_by_memory_and_by_elements() {
    let exported = program(&["export", FIXTURE, "--table", "keys", "--format", "ndjson"])
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let keys: Vec<Value> =
        exported.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert!(keys.len() > 29_000);
    let data = json(&["--top", "7"]);
    assert_eq!(keys.iter().map(|key| number(key, "memory")).sum::<u64>(), number(&data, "memory"));
    let most = |field: &str, wanted: &dyn Fn(&Value) -> bool| -> Vec<u64> {
        let mut sizes: Vec<u64> = keys.iter().filter(|key| wanted(key)).map(|key| number(key, field)).collect();
        sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
        sizes.truncate(7);
        sizes
    };
    let found = |list: &Value, field: &str| -> Vec<u64> {
        list.as_array().expect("keys").iter().map(|key| number(key, field)).collect()
    };
    let largest = &data["largest"];
    assert_eq!(found(&largest["by_memory"], "memory"), most("memory", &|_| true));
    assert_eq!(found(&largest["by_elements"], "elements"), most("elements", &|_| true));
    let types: BTreeSet<&str> = keys.iter().map(|key| text(key, "type")).collect();
    let by_type = largest["by_type"].as_array().expect("types");
    assert_eq!(by_type.len(), types.len());
    for of_type in by_type {
        let name = text(of_type, "type");
        assert_eq!(found(&of_type["keys"], "memory"), most("memory", &|key| text(key, "type") == name), "{name}");
    }
    // A name that has a line of its own has its numbers below it.
    let rows = |table: &str, title: &str| -> usize {
        section(table, title).into_iter().filter(|line| !line.starts_with("    ")).count()
    };
    assert_eq!(rows(&run(&["--top", "3"], None), "Largest keys of type list"), 3);
    assert_eq!(rows(&run(&[], None), "Largest keys"), 10);
}

#[test]
fn rows_are_in_the_order_that_was_asked_for() {
    let data = json(&[]);
    for (by, field) in [("memory", "memory"), ("bytes", "bytes"), ("elements", "elements"), ("keys", "keys")] {
        let table = run(&["--sort", by], None);
        for (title, list, name) in [("Families of keys", "families", "pattern"), ("Types", "types", "type")] {
            let mut order: Vec<&Value> = rows(&data, list).iter().collect();
            order.sort_by_key(|row| std::cmp::Reverse(number(row, field)));
            let expected: Vec<&str> = order.iter().take(20).map(|row| text(row, name)).collect();
            let found = section(&table, title);
            let lines: Vec<&str> = found.iter().map(|line| line.split_whitespace().next().expect("a name")).collect();
            let names: Vec<&str> = lines.into_iter().filter(|first| expected.contains(first)).collect();
            assert_eq!(names, expected, "{by} {title}");
        }
    }
    let names = section(&run(&["--sort", "name"], None), "Families of keys").join("\n");
    let places: Vec<_> =
        ["  Discord:", "  backup:", "  channel:", "  discord:"].iter().map(|name| names.find(name)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{names}");
}

#[test]
fn prefixes_sum_up_what_begins_alike() {
    let data = json(&["--depth", "3"]);
    let prefixes = rows(&data, "prefixes");
    let first: u64 = prefixes.iter().filter(|row| row["depth"] == 1).map(|row| number(row, "memory")).sum();
    assert_eq!(first, number(&data, "memory"));
    let find = |prefix: &str| prefixes.iter().find(|row| row["prefix"] == prefix).unwrap_or_else(|| panic!("{prefix}"));
    let families = rows(&data, "families");
    let sum: u64 = families
        .iter()
        .filter(|family| text(family, "pattern").starts_with("discord:messages:"))
        .map(|family| number(family, "keys"))
        .sum();
    assert_eq!(number(find("discord:messages:*"), "keys"), sum);
    assert!(rows(&json(&["--depth", "1"]), "prefixes").iter().all(|row| row["depth"] == 1));
    assert_eq!(json(&[]).get("prefixes"), None);
    let table = run(&["--depth", "2"], None);
    let lines = section(&table, "Prefixes of keys");
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{table}"));
    assert!(at("  discord:* ") < at("    discord:messages:* "), "{table}");
    assert!(!table.contains("Families of keys"));
}

/// No line is wider than the terminal but a name or a command, which stands alone and whole; and no name is cut.
#[test]
fn narrow_terminals_get_whole_names() {
    let data = json(&["--top", "10", "--depth", "4"]);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for (list, field) in [("families", "pattern"), ("prefixes", "prefix")] {
        names.extend(rows(&data, list).iter().map(|row| text(row, field)));
    }
    let keys = |list: &'static str| data["largest"][list].as_array().expect("keys");
    names.extend(keys("by_memory").iter().chain(keys("by_elements")).map(|key| text(key, "key")));
    names.extend(keys("by_type").iter().flat_map(|one| rows(one, "keys")).map(|key| text(key, "key")));
    for columns in ["40", "60", "80", "120"] {
        for args in [&["--top", "10"][..], &["--depth", "4"], &[]] {
            let table = run(args, Some(columns));
            let most: usize = columns.parse().expect("a number");
            for line in table.lines().filter(|line| line.chars().count() > most) {
                let alone = line.trim_start();
                let is_name = names.contains(alone) || !alone.contains(' ');
                assert!(is_name || alone.starts_with("rdb-reindex "), "{columns}: {line:?}");
            }
            let stock =
                table.split("\nTypes\n").next().expect("a start").split("\nFindings\n").next().expect("a start");
            assert!(!stock.contains('…'), "{stock}");
        }
        let table = run(&["--top", "10"], Some(columns));
        for key in keys("by_memory") {
            let name = text(key, "key");
            assert!(table.lines().any(|line| line.split_whitespace().next() == Some(name)), "{columns}: {name}");
        }
        for family in rows(&data, "families").iter().filter(|family| number(family, "keys") > 2000) {
            let name = text(family, "pattern");
            assert!(table.lines().any(|line| line.split_whitespace().next() == Some(name)), "{columns}: {name}");
        }
    }
}

#[test]
fn bars_are_for_terminals_alone() {
    assert!(!run(&["--top", "3", "--depth", "2"], None).contains('█'));
    let mut command = program(&["inventory", FIXTURE, "--now", NOW]);
    let output =
        command.env("CLICOLOR_FORCE", "1").env("COLUMNS", "120").assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(output).expect("UTF-8").contains("██"));
}

#[test]
fn numbers_out_of_range_are_refused() {
    for args in [["--top", "0"], ["--top", "101"], ["--depth", "0"], ["--depth", "10"], ["--sort", "size"]] {
        program(&[&["inventory", FIXTURE], &args[..]].concat()).assert().code(2);
    }
}
