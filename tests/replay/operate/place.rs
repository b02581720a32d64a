//! The wrong database, and servers that are none: refused before anything is written.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::operate::bundle::{Scene, small};
use crate::operate::{Ran, Stage, load, names, program, ran};
use crate::support::dump_writer::DumpBuilder;
use crate::support::server::{Program, Server};

/// A plan that only adds: half of the records are in no set yet.
fn only_adds(folder: &Path) -> (Vec<u8>, PathBuf, String) {
    let mut writer = DumpBuilder::new(10);
    writer.server_aux(1_767_225_600).select_db(0);
    for number in 0..40 {
        writer.hash(format!("rec:{number}"), &[("group", format!("g{}", number % 4))]);
    }
    for group in 0..4 {
        let members: Vec<String> =
            (0..40).filter(|n| n % 4 == group && n % 8 < 4).map(|n| format!("rec:{n}")).collect();
        writer.set(format!("idx:g{group}"), &members);
    }
    let bytes = writer.finish();
    let (dump, spec, plan) = (folder.join("dump.rdb"), folder.join("spec.toml"), folder.join("plan"));
    std::fs::write(&dump, &bytes).expect("writable");
    let text = "version = 1\n[[record]]\nname = \"rec\"\nkey = \"rec:*\"\n[[index]]\nname = \"group\"\npolicy = \"maintain\"\n\
                from = \"rec\"\nkey = \"idx:{group}\"\nmember = \"{@key}\"\n";
    std::fs::write(&spec, text).expect("writable");
    let planned = ran(program().arg("plan").arg(&dump).arg("--spec").arg(&spec).arg("--out").arg(&plan));
    assert_eq!(planned.status, Some(0), "{planned:?}");
    let text = std::fs::read_to_string(plan.join("plan.json")).expect("it was written");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let witnesses = manifest["witnesses"].as_array().expect("a list");
    assert!((10..=20).contains(&witnesses.len()), "{witnesses:?}");
    assert!(witnesses.iter().all(|w| w["key"].as_str().is_some_and(|key| key.starts_with("rec:"))), "{witnesses:?}");
    assert_eq!(manifest["total"]["removed_members"], 0);
    (bytes, plan, manifest["plan_id"].as_str().expect("an id").to_owned())
}

fn apply(plan: &Path, to: &str, args: &[&str]) -> Ran {
    ran(program().arg("apply").arg(plan).args(["--to", to]).args(args))
}

#[test]
fn a_plan_that_only_adds_is_not_written_into_another_database() {
    let Some(empty) = Server::builder().start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (bytes, plan, id) = only_adds(folder.path());
    let foreign = Server::builder().start().expect("it starts like the first");
    // Another application that has one key of that name.
    for command in [&["SADD", "idx:g1", "rec:1"][..], &["SET", "other:1", "x"], &["HSET", "other:2", "f", "v"]] {
        foreign.query::<redis::Value>(command);
    }
    for server in [&empty, &foreign] {
        let before = server.digest();
        for args in [
            &["--dry-run"][..],
            &["--confirm", &id],
            &["--confirm", &id, "--on-drift", "proceed"],
            &["--confirm", &id, "--on-drift", "skip"],
        ] {
            let refused = apply(&plan, &server.url(), args);
            assert_eq!(refused.status, Some(4), "{args:?}: {refused:?}");
            assert!(refused.err.contains("does not look like the database of the dump"), "{refused:?}");
            assert!(refused.err.contains("0 of ") && refused.err.contains("is the address right?"), "{refused:?}");
            assert_eq!(server.digest(), before);
            assert!(!names(&plan).contains(&"journal.ndjson".to_owned()), "nothing is left behind");
        }
    }
    let accepted =
        apply(&plan, &foreign.url(), &["--confirm", &id, "--on-drift", "proceed", "--accept", "other-database"]);
    assert!(matches!(accepted.status, Some(0 | 7)), "{accepted:?}");
    assert!(foreign.query::<u64>(&["EXISTS", "idx:g0"]) == 1, "{accepted:?}");
    std::fs::remove_file(plan.join("journal.ndjson")).expect("it was begun");
    // The database of the dump is known, also when its indexes are gone as a whole.
    let Some(right) = Server::builder().dump_bytes(bytes).start() else { return };
    assert_eq!(apply(&plan, &right.url(), &["--dry-run"]).status, Some(0));
    for group in 0..4 {
        right.query::<u64>(&["DEL", &format!("idx:g{group}")]);
    }
    let drifted = apply(&plan, &right.url(), &["--confirm", &id]);
    assert_eq!(drifted.status, Some(4), "{drifted:?}");
    assert!(drifted.out.contains("4 missing keys") && !drifted.err.contains("address"), "{drifted:?}");
}

#[test]
fn an_unrelated_database_is_named_for_what_it_is() {
    let Some(server) = Server::builder().start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // No records are known of: the touched keys alone.
    let id = small().write(&folder.path().join("plan"));
    server.query::<u64>(&["SADD", "something", "else"]);
    let before = server.digest();
    for args in [&["--dry-run"][..], &["--confirm", &id, "--on-drift", "proceed"]] {
        let refused = apply(&folder.path().join("plan"), &server.url(), args);
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(refused.err.contains("it has 0 of the 4 index keys that it should have"), "{refused:?}");
        assert_eq!(server.digest(), before);
    }
    // With one in ten there it is drift, which can be decided about.
    let one = Scene::default().state(&["SADD wrong x y z"]);
    load(&server, &one);
    let drifted = apply(&folder.path().join("plan"), &server.url(), &["--confirm", &id]);
    assert!(drifted.err.contains("not as the plan expects it"), "{drifted:?}");
}

#[test]
fn a_resume_and_a_rollback_do_not_ask_for_records() {
    let Some(stage) = Stage::new(&small().witness("message:1").witness("message:2")) else { return };
    let refused = stage.confirmed("apply", &[]);
    assert_eq!(refused.status, Some(0), "its keys are there, more than one in ten: {refused:?}");
    let keys: Vec<String> = stage.server.query(&["KEYS", "*"]);
    assert!(!keys.iter().any(|key| key.starts_with("message:")));
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_sentinel_is_named_and_the_primary_with_it() {
    let Some(stage) = Stage::new(&small()) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("sentinel.conf");
    let monitor = format!("sentinel monitor mymaster 127.0.0.1 {} 1\n", stage.server.port());
    std::fs::write(&file, monitor).expect("writable");
    let Some(server) = Program::Redis70.find() else { return };
    let port = free_port();
    let mut command = Command::new(server);
    command.arg(&file).args(["--sentinel", "--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let sentinel = Running(command.spawn().expect("it starts"));
    crate::operate::drift::wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    for (name, args) in [
        ("apply", &["--dry-run"][..]),
        ("apply", &["--confirm", &stage.plan_id]),
        ("rollback", &["--confirm", &stage.plan_id]),
        ("verify", &[]),
    ] {
        let to = format!("redis://127.0.0.1:{port}");
        let refused = ran(program().arg(name).arg(stage.dir()).args(["--to", &to]).args(args));
        assert_eq!(refused.status, Some(4), "{name}: {refused:?}");
        assert!(refused.err.contains("is a Sentinel, not a database"), "{refused:?}");
        let there =
            format!("rdb-reindex {name} {} --to {}", stage.dir().display(), stage.server.url().trim_end_matches('/'));
        assert!(refused.err.contains(&there) && !refused.err.contains("--resume"), "{refused:?}");
    }
    assert_eq!(stage.server.digest(), stage.before);
    drop(sentinel);
}

/// Ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
    listener.local_addr().expect("it is bound").port()
}

#[test]
fn a_node_of_a_cluster_is_refused() {
    // One shard has all slots; a node that was never told of any has none.
    for slots in [true, false] {
        let Some(server) = Server::builder().args(&["--cluster-enabled", "yes"]).start() else { return };
        if slots {
            server.query::<redis::Value>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
            crate::operate::drift::wait_until(|| {
                server.query::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let id = small().write(&folder.path().join("plan"));
        for (name, args) in [
            ("apply", &["--dry-run"][..]),
            ("apply", &["--confirm", &id]),
            ("rollback", &["--confirm", &id]),
            ("verify", &[]),
        ] {
            let mut command = program();
            let refused =
                ran(command.arg(name).arg(folder.path().join("plan")).args(["--to", &server.url()]).args(args));
            assert_eq!(refused.status, Some(4), "{name}: {refused:?}");
            let what = if slots { "is a cluster of one shard" } else { "is a node of a cluster" };
            assert!(refused.err.contains(what), "{refused:?}");
            assert!(!refused.err.contains("--resume") && refused.err.contains("--by-slot"), "{refused:?}");
            let there = server.url().replacen("redis://", "redis+cluster://", 1);
            assert!(refused.err.contains(there.trim_end_matches('/')), "{refused:?}");
        }
        assert!(!names(&folder.path().join("plan")).contains(&"journal.ndjson".to_owned()));
    }
}

#[test]
fn a_replica_is_refused_with_the_address_of_its_primary() {
    let Some(primary) = Server::builder().start() else { return };
    let port = primary.port().to_string();
    let replica =
        Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start().expect("it starts like the first");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let id = small().write(&folder.path().join("plan"));
    let refused = apply(&folder.path().join("plan"), &replica.url(), &["--confirm", &id, "--max-rate", "9"]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    let there = format!("--to redis://127.0.0.1:{port} --max-rate 9");
    assert!(refused.err.contains("is a replica") && refused.err.contains(&there), "{refused:?}");
}

/// A user who may not ask what kind of server it is: several keys at once are what a cluster refuses.
#[test]
fn a_cluster_that_does_not_say_so_is_known_by_its_slots() {
    let Some(server) = Server::builder().args(&["--cluster-enabled", "yes"]).start() else { return };
    server.query::<redis::Value>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    crate::operate::drift::wait_until(|| server.query::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let denied = ["-info", "-hello", "-role", "-cluster"];
    let user = ["ACL", "SETUSER", "blind", "on", ">pass", "~*", "+@all"];
    server.query::<redis::Value>(&[&user[..], &denied].concat());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let id = small().witness("message:1").witness("message:2").write(&folder.path().join("plan"));
    let to = format!("redis://blind:pass@127.0.0.1:{}", server.port());
    for args in [&["--dry-run"][..], &["--confirm", &id]] {
        let refused = apply(&folder.path().join("plan"), &to, args);
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(refused.err.contains("is a node of a cluster"), "{refused:?}");
        assert!(!refused.err.contains("--resume") && !refused.err.contains("pass@"), "{refused:?}");
    }
}
