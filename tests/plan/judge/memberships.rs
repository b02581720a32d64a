//! `export --table memberships`, row by row against what follows from the server's data, and summed up against the
//! inventory.

use super::implied::{in_family, template};
use super::oracle::{self, Policy, Rule, Spec};
use super::round::run;
use super::state::{State, Value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Key, member, state.
type Row = (Vec<u8>, Option<Vec<u8>>, &'static str);

pub fn check(dump: &Path, spec_file: Option<&Path>, spec: &Spec, before: &State, inventory: &[u8]) {
    let mut args = vec!["export", dump.to_str().expect("a name"), "--table", "memberships", "--format", "ndjson"];
    if let Some(file) = spec_file {
        args.extend(["--spec", file.to_str().expect("a name")]);
    }
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let state = ["correct", "missing", "stale", "wrong key", "held", "conflict"]
            .into_iter()
            .find(|state| row["state"] == *state);
        let rows = found.entry(row["index"].as_str().expect("a name").to_owned()).or_default();
        rows.push((bytes(&row["key"]).expect("a key"), bytes(&row["member"]), state.expect("a state")));
    }
    let inventory: serde_json::Value = serde_json::from_slice(inventory).expect("JSON");
    for (rule, index) in spec.rules.iter().zip(inventory["indexes"].as_array().expect("indexes")) {
        let mut rows = found.remove(rule.name).unwrap_or_default();
        let (mut expected, rescored) = expected(spec, rule, before);
        sums(rule.name, &rows, rescored, index);
        rows.sort();
        expected.sort();
        let differing = rows.iter().zip(&expected).find(|(row, expected)| row != expected);
        assert!(rows == expected, "index {}: {} and {} rows, {differing:?}", rule.name, rows.len(), expected.len());
    }
    assert!(found.is_empty(), "{:?}", found.keys());
}

fn bytes(js: &serde_json::Value) -> Option<Vec<u8>> {
    match js.as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => js["base64"].as_str().map(|text| BASE64_STANDARD.decode(text).expect("base64")),
    }
}

/// The inventory's numbers are those of the rows. No key of these specs belongs to two families.
fn sums(name: &str, rows: &[Row], rescored: u64, index: &serde_json::Value) {
    let count = |of: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count() as u64;
    let keys = |of: &dyn Fn(&Row) -> bool| {
        rows.iter().filter(|row| of(row)).map(|row| &row.0).collect::<BTreeSet<_>>().len() as u64
    };
    let there = count(&|row| row.1.is_some() && row.2 != "missing");
    let sums = [
        ("members", there + rescored),
        ("missing_members", count(&|row| row.2 == "missing")),
        ("stale_members", count(&|row| row.2 == "stale")),
        ("held_members", count(&|row| row.2 == "held" && row.1.is_some())),
    ];
    for (what, sum) in sums {
        assert_eq!(index[what].as_u64(), Some(sum), "{what} of index {name}");
    }
    let wrong = index["wrong_keys"].as_u64().expect("a number") - index["held_keys"].as_u64().expect("a number");
    assert_eq!(keys(&|row| row.2 == "wrong key"), wrong, "wrong keys of index {name}");
}

/// All rows of an index, and how many of the missing ones are there with another score.
fn expected(spec: &Spec, rule: &Rule, state: &State) -> (Vec<Row>, u64) {
    let db = spec.db(rule);
    let mut implied = oracle::implied(spec, rule, state);
    if rule.policy == Policy::Retire {
        implied.desired.clear();
        implied.undecidable.clear();
    } else {
        implied.undecidable.extend(oracle::undecodable(spec, db, state));
    }
    let parts = template(rule.key);
    let mut rows: Vec<Row> = Vec::new();
    let mut rescored = 0;
    for ((own, name), key) in state {
        if *own != db || !in_family(&parts, name) {
            continue;
        }
        let members: Vec<(&Vec<u8>, Option<f64>)> = match (&key.value, rule.zset) {
            (Value::Set(members), false) => members.iter().map(|member| (member, None)).collect(),
            (Value::Zset(members), true) => {
                members.iter().map(|(member, score)| (member, Some(score.parse().expect("a score")))).collect()
            }
            (value, _) => {
                let held = implied.undecidable.iter().any(|record| oracle::holds(value, record));
                rows.push((name.clone(), None, if held { "held" } else { "wrong key" }));
                continue;
            }
        };
        let wanted = implied.desired.get_mut(name);
        let held = members.iter().any(|(member, _)| implied.undecidable.contains(*member));
        if wanted.is_none() && !held {
            rows.extend(members.iter().map(|(member, _)| (name.clone(), Some((*member).clone()), "wrong key")));
            continue;
        }
        let mut nothing = BTreeMap::new();
        let wanted = wanted.unwrap_or(&mut nothing);
        for (member, score) in members {
            let found = match wanted.remove(member) {
                Some(is) if score.is_some_and(|score| score != is) && !implied.frozen => {
                    rescored += 1;
                    "missing"
                }
                Some(_) => "correct",
                None if implied.undecidable.contains(member) => "held",
                None => "stale",
            };
            rows.push((name.clone(), Some(member.clone()), found));
        }
    }
    for (name, members) in implied.desired {
        rows.extend(members.into_keys().map(|member| (name.clone(), Some(member), "missing")));
    }
    (rows, rescored)
}
