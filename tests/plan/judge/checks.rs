//! What section 6 of the contract says of a bundle, checked file by file.

use super::oracle::{self, Edits, Spec};
use super::round::Plan;
use super::state::{State, Value};
use super::wire::{command, parse_commands};
use crate::support::cell;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Checks everything but what the commands come to.
pub fn bundle(plan: &Plan, spec: &Spec, before: &State, edits: &[Edits]) {
    let max_args = plan.manifest["caps"]["max_args"].as_u64().expect("a number") as usize;
    let max_bytes = plan.manifest["caps"]["max_command_bytes"].as_u64().expect("a number") as usize;
    let apply = plan.file("apply.resp");
    let mut commands = Commands { max_args, max_bytes, ..Commands::default() };
    commands.read(&apply, before);
    counts(plan, spec, edits, &apply, &commands);
    changes(plan, edits, &commands);
    files(plan);
    for command in parse_commands(&plan.file("rollback.resp")) {
        let bytes = self::command(&command.iter().map(Vec::as_slice).collect::<Vec<_>>()).len();
        let whole = matches!(command[0].as_slice(), b"RESTORE" | b"JSON.SET" | b"PEXPIREAT");
        assert!(
            whole || command.len() <= 4 || (command.len() <= max_args && bytes <= max_bytes),
            "a cap in rollback.resp"
        );
    }
}

type Name = (u64, Vec<u8>);

#[derive(Default)]
struct Commands {
    max_args: usize,
    max_bytes: usize,
    count: u64,
    selects: u64,
    deleted: BTreeSet<Name>,
    /// Members by key and direction (true: added), and how many commands they took.
    members: BTreeMap<(Name, bool), Members>,
    /// Bytes of commands without `SELECT`.
    bytes: u64,
}

#[derive(Default)]
struct Members {
    members: Vec<Vec<u8>>,
    commands: usize,
    /// Arguments a member takes: two where it has a score.
    step: usize,
}

impl Commands {
    fn read(&mut self, apply: &[u8], before: &State) {
        let mut db = 0;
        let mut section = 0;
        let mut unlinks: BTreeMap<u64, Vec<Vec<Vec<u8>>>> = BTreeMap::new();
        for parsed in parse_commands(apply) {
            let length = command(&parsed.iter().map(Vec::as_slice).collect::<Vec<_>>()).len();
            self.count += 1;
            let verb = String::from_utf8(parsed[0].clone()).expect("a verb");
            if verb == "SELECT" {
                let chosen: u64 = String::from_utf8(parsed[1].clone()).expect("a number").parse().expect("a number");
                assert_ne!(chosen, db, "a SELECT that selects nothing");
                db = chosen;
                self.selects += 1;
                continue;
            }
            self.bytes += length as u64;
            let step = if verb == "ZADD" { 2 } else { 1 };
            let fixed = if verb == "UNLINK" { 1 } else { 2 };
            assert!(parsed.len() <= self.max_args, "{} arguments", parsed.len());
            assert!(length <= self.max_bytes || parsed.len() == fixed + step, "{length} bytes");
            let own = match verb.as_str() {
                "UNLINK" => 0,
                "SADD" | "ZADD" => 1,
                "SREM" | "ZREM" => 2,
                other => panic!("{other} in apply.resp"),
            };
            assert!(own >= section, "{verb} after a later section began");
            section = own;
            if verb == "UNLINK" {
                for name in &parsed[1..] {
                    let name = (db, name.clone());
                    assert!(before.contains_key(&name), "UNLINK of a key that is not there");
                    assert!(self.deleted.insert(name), "UNLINK of the same key twice");
                }
                unlinks.entry(db).or_default().push(parsed);
                continue;
            }
            let name = (db, parsed[1].clone());
            let entry = self.members.entry((name.clone(), own == 1)).or_default();
            entry.commands += 1;
            entry.step = step;
            for pair in parsed[2..].chunks(step) {
                let member = pair.last().expect("a member");
                entry.members.push(member.clone());
                let old = (!self.deleted.contains(&name)).then(|| before.get(&name)).flatten();
                check_effect(&verb, old.map(|key| &key.value), pair);
            }
        }
        self.lean(&unlinks);
    }

    /// No (key, member) twice, and as few commands as the caps allow.
    fn lean(&self, unlinks: &BTreeMap<u64, Vec<Vec<Vec<u8>>>>) {
        let mut seen = BTreeSet::new();
        for ((name, adds), Members { members, commands, step }) in &self.members {
            for member in members {
                assert!(seen.insert((name, member)), "the same key and member twice: {}", member.escape_ascii());
            }
            assert!(!self.deleted.contains(name) || *adds, "a removal from a key that was deleted");
            let room = (self.max_args - 2) / step;
            let fewest = members.len().div_ceil(room);
            if self.max_bytes == 512 * 1024 && members.iter().map(|m| m.len() + 30).sum::<usize>() < 500_000 {
                assert_eq!(*commands, fewest, "commands for {} members", members.len());
            } else {
                assert!(*commands >= fewest);
            }
        }
        for commands in unlinks.values() {
            for pair in commands.windows(2) {
                let joined: Vec<&[u8]> = pair[0].iter().chain(&pair[1][1..2]).map(Vec::as_slice).collect();
                let fits = joined.len() <= self.max_args && command(&joined).len() <= self.max_bytes;
                assert!(!fits, "an UNLINK had room for the next one's first key");
            }
        }
    }
}

fn check_effect(verb: &str, old: Option<&Value>, pair: &[Vec<u8>]) {
    let member = pair.last().expect("a member");
    let effective = match (verb, old) {
        ("SADD" | "ZADD", None) => true,
        ("SADD", Some(Value::Set(members))) => !members.contains(member),
        ("SREM", Some(Value::Set(members))) => members.contains(member),
        ("ZREM", Some(Value::Zset(members))) => members.contains_key(member),
        ("ZADD", Some(Value::Zset(members))) => {
            let number = |text: &str| text.parse::<f64>().expect("a score");
            let new = number(std::str::from_utf8(&pair[0]).expect("a score"));
            members.get(member).is_none_or(|old| number(old) != new)
        }
        _ => false,
    };
    assert!(effective, "{verb} of {} does nothing, or fails", member.escape_ascii());
}

fn counts(plan: &Plan, spec: &Spec, edits: &[Edits], apply: &[u8], commands: &Commands) {
    let indexes = plan.manifest["indexes"].as_array().expect("indexes");
    assert_eq!(indexes.len(), spec.rules.len());
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for ((index, rule), edits) in indexes.iter().zip(&spec.rules).zip(edits) {
        assert_eq!(index["name"], rule.name);
        let number = |what: &str| index[what].as_u64().expect("a number");
        let found = Edits {
            added: number("added_members"),
            removed: number("removed_members"),
            deleted: number("deleted_keys"),
        };
        assert_eq!(found, *edits, "index {}", rule.name);
        for what in ["added_members", "removed_members", "deleted_keys", "commands", "bytes"] {
            *sums.entry(what).or_default() += number(what);
        }
    }
    // What belongs to no index is SELECT.
    let whole = [("commands", sums["commands"] + commands.selects), ("bytes", sums["bytes"])];
    for (what, sum) in [
        ("added_members", sums["added_members"]),
        ("removed_members", sums["removed_members"]),
        ("deleted_keys", sums["deleted_keys"]),
        whole[0],
    ] {
        assert_eq!(plan.total(what), sum, "{what} in total");
    }
    assert_eq!(sums["bytes"], commands.bytes, "bytes of the indexes");
    assert_eq!(plan.total("bytes"), apply.len() as u64);
    assert_eq!(plan.total("commands"), commands.count);
    assert_eq!(plan.manifest["billed_commands"].as_u64(), Some(commands.count - commands.selects));
    let lower_bound = plan.manifest["lower_bound"].as_u64().expect("a number");
    assert!(lower_bound <= commands.count && (lower_bound > 0) == (commands.count > 0));
    assert_eq!(plan.status, Some(if commands.count > 0 { 3 } else { 0 }), "--exit-code");
    assert_eq!(plan.manifest["expected_replies"].as_array().map(Vec::len), Some(commands.count as usize));
}

/// One line an edit, each once, and the same edits as the commands.
fn changes(plan: &Plan, edits: &[Edits], commands: &Commands) {
    let mut reader = csv::Reader::from_reader(std::io::Cursor::new(plan.file("changes.csv")));
    assert_eq!(reader.headers().expect("a header"), vec!["index", "key", "edit", "member", "reason"]);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("UTF-8 and five columns");
    let of = |edit: &[&str]| rows.iter().filter(|row| edit.contains(&&row[2])).count() as u64;
    let total = edits.iter().fold((0, 0, 0), |(a, r, d), edit| (a + edit.added, r + edit.removed, d + edit.deleted));
    assert_eq!((of(&["add member", "change score"]), of(&["remove member"]), of(&["delete key"])), total);
    assert_eq!(rows.len() as u64, total.0 + total.1 + total.2, "one line per edit and no other");
    assert!(rows.iter().all(|row| !row[4].is_empty()), "every edit has a reason");
    let distinct: BTreeSet<Vec<&str>> = rows.iter().map(|row| row.iter().take(4).collect()).collect();
    assert_eq!(distinct.len(), rows.len(), "no edit twice");
    // Those whose names are text can be found among the commands.
    let deleted: BTreeSet<&[u8]> = commands.deleted.iter().map(|(_, name)| name.as_slice()).collect();
    let members = commands.members.iter().flat_map(|(((_, name), adds), own)| {
        own.members.iter().map(move |member| (name.as_slice(), member.as_slice(), *adds))
    });
    let members: BTreeSet<(&[u8], &[u8], bool)> = members.collect();
    for row in rows.iter().filter(|row| !row[1].starts_with("{\"base64\"") && !row[3].starts_with("{\"base64\"")) {
        let (key, member) = (&*cell::bytes(&row[1]), &*cell::bytes(&row[3]));
        let there = match &row[2] {
            "delete key" => deleted.contains(key),
            edit => members.contains(&(key, member, edit != "remove member")),
        };
        assert!(there, "{row:?} is in no command");
    }
}

fn files(plan: &Plan) {
    let files = plan.manifest["files"].as_object().expect("files");
    let mut names: Vec<String> = std::fs::read_dir(&plan.folder)
        .expect("the bundle")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name != "plan.json")
        .collect();
    names.sort();
    assert_eq!(names, files.keys().cloned().collect::<Vec<_>>(), "every other file is bound to plan.json");
    for (name, id) in files {
        let bytes = plan.file(name);
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((id["sha256"].as_str(), id["bytes"].as_u64()), (Some(digest.as_str()), Some(bytes.len() as u64)));
    }
}

/// The inventory's numbers, against those that follow from what the server holds.
pub fn inventory(json: &[u8], spec: &Spec, before: &State) {
    let inventory: serde_json::Value = serde_json::from_slice(json).expect("JSON");
    let indexes = inventory["indexes"].as_array().expect("indexes");
    assert_eq!(indexes.len(), spec.rules.len());
    for (index, rule) in indexes.iter().zip(&spec.rules) {
        for (what, expected) in oracle::inventory(spec, rule, before) {
            assert_eq!(index[what].as_u64(), Some(expected), "{what} of index {}", rule.name);
        }
    }
    // A key belongs to exactly one family. Expired ones are in the dump, and not in what the server says.
    let sum =
        |of: &serde_json::Value| of.as_array().expect("a list").iter().filter_map(|one| one["keys"].as_u64()).sum();
    let keys: u64 = inventory["keys"].as_u64().expect("a number");
    let sums: [u64; 3] = [sum(&inventory["families"]), sum(&inventory["types"]), sum(&inventory["databases"])];
    assert_eq!(sums, [keys; 3]);
    assert!(keys >= before.len() as u64);
}
