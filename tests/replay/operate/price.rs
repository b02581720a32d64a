//! What a plan says that a replay comes to, against what a server counts.

use std::path::Path;

use crate::operate::{Ran, program, pruned, ran};
use crate::support::server::{Server, query};

/// Commands that a service which bills by the command does not count.
const FREE: [&str; 9] = ["auth", "hello", "select", "command", "config|", "info", "ping", "reset", "quit"];

/// A spec with documents, a sorted set, a required record, and a retired family.
const SPEC: &str = r#"version = 1

[[record]]
name = "message"
key = "message:*"

[[record]]
name = "project"
key = "project:*"

[[index]]
name = "by-project"
policy = "maintain"
from = "message"
key = "index:{projectId}"
member = "{@key}"
accept = ["other-type", "nested"]
require = [{ record = "project", key = "project:{projectId}" }]

[[index]]
name = "ranked"
policy = "maintain"
type = "zset"
from = "message"
key = "ranked:{projectId}"
member = "{@key}"
accept = ["nested"]
score = "{time}"

[[index]]
name = "by-user"
policy = "retire"
from = "message"
key = "user:{userId}"
"#;

/// Commands since the last reset, without those that asked for it: all, and those that are billed.
fn counted(server: &Server) -> (u64, u64) {
    let text: String = server.query(&["INFO", "commandstats"]);
    let (mut all, mut billed) = (0, 0);
    for line in text.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let (name, rest) = line.split_once(":calls=").expect("the form of a server");
        let calls: u64 = rest.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number");
        all += calls;
        billed += if FREE.iter().any(|free| name.starts_with(free)) { 0 } else { calls };
    }
    (all, billed)
}

pub fn run(server: &Server, folder: &Path, name: &str, args: &[&str]) -> (Ran, u64) {
    server.query::<String>(&["CONFIG", "RESETSTAT"]);
    let done = ran(program().arg(name).arg(folder.join("plan")).args(["--to", &server.url()]).args(args));
    (done, counted(server).1)
}

/// Makes the plan of a dump, and gives `plan.json`.
pub fn plan(folder: &Path, dump: &Path, spec: &[&str]) -> serde_json::Value {
    let done = ran(program().arg("plan").arg(dump).arg("--out").arg(folder.join("plan")).args(spec));
    assert_eq!(done.status, Some(0), "{done:?}");
    serde_json::from_slice(&std::fs::read(folder.join("plan/plan.json")).expect("it was written")).expect("it is JSON")
}

fn assert_near(said: &serde_json::Value, counted: u64, what: &str) {
    let said = said["billed_commands"].as_u64().unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(said.abs_diff(counted) * 10 <= counted, "{what}: the plan says {said}, the server counted {counted}");
}

/// There and back with a guard, each compared with what the plan says.
fn both_ways(server: &Server, folder: &Path, json: &serde_json::Value, guard: &str) {
    let id = json["plan_id"].as_str().expect("an id");
    let before = server.digest();
    let (applied, count) = run(server, folder, "apply", &["--guard", guard, "--confirm", id]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_near(&json["replay"][guard], count, &format!("apply --guard {guard}"));
    let (back, count) = run(server, folder, "rollback", &["--guard", guard, "--confirm", id]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_near(&json["replay"]["rollback"][guard], count, &format!("rollback --guard {guard}"));
    assert_eq!(server.digest(), before);
}

#[test]
fn the_bundled_dump_costs_what_its_plan_says() {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    let Some(server) = Server::builder().rejson().dump_file(&dump).start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = plan(folder.path(), &dump, &[]);
    let touched = json["touched"].as_array().expect("a list").len() as u64;
    let (dry, count) = run(&server, folder.path(), "apply", &["--dry-run"]);
    assert_eq!(dry.status, Some(0), "{dry:?}");
    // One command for each touched key, and a few for who is there and for the edits.
    let edits = json["billed_commands"].as_u64().expect("a number");
    assert!(count <= touched + touched / 100 + edits + 10, "{count} commands for {touched} keys");
    for guard in ["replies", "records"] {
        both_ways(&server, folder.path(), &json, guard);
        std::fs::remove_file(folder.path().join("plan/journal.ndjson")).expect("there was a replay");
    }
}

/// Documents, hashes, texts: 40 projects whose indexes lack members, hold stale ones, or should not be.
pub fn made(server: &Server) {
    let mut connection = server.connection();
    let mut send = |command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        query::<redis::Value>(&mut connection, &words);
    };
    for project in 0..40 {
        send(&format!("SET project:{project} x"));
        for message in 0..12 {
            let key = format!("message:{project}:{message}");
            send(&format!("JSON.SET {key} $ {{\"projectId\":\"{project}\",\"time\":{message},\"text\":\"hello\"}}"));
            if message % 3 != 0 {
                send(&format!("SADD index:{project} {key}"));
                send(&format!("ZADD ranked:{project} {} {key}", message + usize::from(message == 4)));
            }
            send(&format!("SADD user:{} {key}", message * 40 + project));
        }
        send(&format!("SADD index:{project} message:gone:1 message:gone:2 message:{}:1", (project + 1) % 40));
        send(&format!("SADD index:wrong:{project} message:{project}:1 message:{project}:2"));
        send(&format!("ZADD ranked:wrong:{project} 1 message:{project}:1"));
    }
    send("SET session:1 x EX 100000");
}

#[test]
fn each_guard_costs_what_the_plan_says() {
    let Some(server) = Server::builder().rejson().start() else { return };
    made(&server);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = planned(&server, folder.path());
    for guard in ["replies", "records"] {
        both_ways(&server, folder.path(), &json, guard);
        std::fs::remove_file(folder.path().join("plan/journal.ndjson")).expect("there was a replay");
    }
}

/// Entries of each kind that name what is gone: on one database the plan's words for it, and those of a server.
#[test]
fn pruned_plans_cost_what_they_say() {
    let mut wrong = Vec::new();
    for copies in [3, 40] {
        let Some(server) = Server::builder().start() else { return };
        pruned::many(&server, copies);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (dump, spec) = (folder.path().join("dump.rdb"), folder.path().join("spec.toml"));
        std::fs::copy(server.save(), &dump).expect("the test's folder is writable");
        std::fs::write(&spec, pruned::SPEC).expect("the test's folder is writable");
        let json = plan(folder.path(), &dump, &["--spec", spec.to_str().expect("text")]);
        wrong.extend(off(&server, folder.path(), &json, &format!("{copies} copies"), &["auto", "replies", "records"]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// There and back with each guard: where the plan's price is a tenth off.
fn off(server: &Server, folder: &Path, json: &serde_json::Value, what: &str, guards: &[&str]) -> Vec<String> {
    let id = json["plan_id"].as_str().expect("an id");
    let mut wrong = Vec::new();
    for guard in guards {
        for (name, prices) in [("apply", &json["replay"]), ("rollback", &json["replay"]["rollback"])] {
            let (done, counted) = run(server, folder, name, &["--guard", guard, "--confirm", id]);
            assert_eq!(done.status, Some(0), "{what}, {guard}: {done:?}");
            let said = prices[guard]["billed_commands"].as_u64().expect("a number");
            if said.abs_diff(counted) * 10 > counted {
                let look = &prices[guard]["look"];
                let stats: String = server.query(&["INFO", "commandstats"]);
                let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split(',').next());
                let calls = calls.collect::<Vec<_>>().join(" ");
                wrong.push(format!(
                    "{what}, {name} --guard {guard}: {said} ({look} to look), counted {counted}: {calls}"
                ));
            }
        }
        std::fs::remove_file(folder.join("plan/journal.ndjson")).expect("there was a replay");
    }
    wrong
}

#[test]
fn databases_of_applications_cost_what_their_plans_say() {
    let Some(apps) = crate::support::judges::APPS.find() else { return };
    let mut wrong = Vec::new();
    for app in std::fs::read_dir(apps).expect("a folder") {
        let app = app.expect("read").path();
        if !app.join("spec.toml").exists() {
            continue;
        }
        let Some(server) = Server::builder().dump_file(app.join("dump.rdb")).start() else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = app.join("spec.toml");
        let json = plan(folder.path(), &app.join("dump.rdb"), &["--spec", spec.to_str().expect("text")]);
        let name = app.file_name().expect("a name").to_string_lossy().into_owned();
        wrong.extend(off(&server, folder.path(), &json, &name, &["auto", "replies"]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The plan of what the server holds.
pub fn planned(server: &Server, folder: &Path) -> serde_json::Value {
    let (dump, spec) = (folder.join("dump.rdb"), folder.join("spec.toml"));
    std::fs::copy(server.save(), &dump).expect("the test's folder is writable");
    std::fs::write(&spec, SPEC).expect("the test's folder is writable");
    plan(folder, &dump, &["--spec", spec.to_str().expect("a path that is text")])
}
