//! The ways there and back where nothing goes wrong, and what is refused.

use crate::operate::bundle::{Scene, small};
use crate::operate::{Stage, names, program, ran};
use crate::support::server::Server;

#[test]
fn apply_verify_rollback() {
    let Some(stage) = Stage::new(&small()) else { return };
    let verified = stage.run("verify", &[]);
    assert_eq!(verified.status, Some(5), "nothing was applied: {verified:?}");
    assert!(verified.out.contains("1 key that should be deleted\n  wrong: expected no key, found set"), "{verified:?}");
    let applied = stage.confirmed("apply", &[]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    // m and moved are given a score anew, r, c, d, new are added; stale and old go, and two keys.
    assert!(applied.out.contains(": 6 members added, 2 removed, 2 keys deleted\n  7 commands of 7 in "), "{applied:?}");
    let again = stage.confirmed("apply", &[]);
    assert_eq!(again.status, Some(4), "{again:?}");
    assert!(again.err.contains(" was applied to redis://127.0.0.1:"), "{again:?}");
    let ranked: Vec<String> = stage.server.query(&["ZRANGE", "ranked", "0", "-1", "WITHSCORES"]);
    assert_eq!(ranked, ["n", "-inf", "m", "1.5", "moved", "4.25"]);
    assert_eq!(stage.server.query::<u64>(&["EXISTS", "wrong", "created"]), 1);
    let verified = stage.run("verify", &[]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    // wrong and retyped; stale, old and moved; c, d, new and n. The key that was built anew is deleted first.
    assert!(back.out.contains(": 2 keys restored, 4 members removed, 3 put back\n"), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let Some(stage) = Stage::new(&small()) else { return };
    let files = names(&stage.dir());
    let monitor = stage.server.monitor();
    let dry = stage.run("apply", &["--dry-run"]);
    let lines = monitor.finish(&stage.server);
    assert_eq!(dry.status, Some(0), "{dry:?}");
    assert!(dry.out.contains("apply would send 7 commands; nothing was written"), "{dry:?}");
    for line in &lines {
        let name = line.trim_start_matches('"').split('"').next().unwrap_or_default();
        let reads = [
            "PING",
            "ROLE",
            "EXISTS",
            "TYPE",
            "SCARD",
            "ZCARD",
            "LLEN",
            "LRANGE",
            "PEXPIRETIME",
            "SMISMEMBER",
            "ZMSCORE",
            "CLIENT",
            "INFO",
            "STRLEN",
        ];
        assert!(reads.contains(&name) || name == "ECHO", "{line}");
    }
    assert_eq!(stage.server.digest(), stage.before);
    assert_eq!(names(&stage.dir()), files, "no journal either");
    // What is not there cannot be undone.
    let back = stage.run("rollback", &["--dry-run"]);
    assert_eq!(back.status, Some(4), "{back:?}");
}

#[test]
fn drift_is_reported_and_nothing_written() {
    let Some(stage) = Stage::new(&small()) else { return };
    stage.server.query::<u64>(&["SADD", "kept", "late"]);
    stage.server.query::<u64>(&["DEL", "wrong"]);
    let drifted = stage.server.digest();
    for args in [&["--dry-run"][..], &["--confirm", &stage.plan_id]] {
        let refused = stage.run("apply", args);
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(refused.out.contains("wrong: expected set, found no key"), "{refused:?}");
        assert!(refused.out.contains("kept: expected 3 elements, found 4 elements"), "{refused:?}");
        assert!(refused.err.contains("nothing was written"), "{refused:?}");
    }
    assert_eq!(stage.server.digest(), drifted);
}

#[test]
fn a_plan_is_not_sent_by_accident() {
    let Some(stage) = Stage::new(&small()) else { return };
    for name in ["apply", "rollback"] {
        let unasked = stage.run(name, &[]);
        assert_eq!(unasked.status, Some(2), "{unasked:?}");
        assert!(unasked.err.contains(&format!("give --confirm {}", stage.plan_id)), "{unasked:?}");
        let other = stage.run(name, &["--confirm", "000000000000"]);
        assert_eq!(other.status, Some(4), "{other:?}");
    }
    std::fs::write(stage.dir().join("apply.resp"), b"*1\r\n$8\r\nFLUSHALL\r\n").expect("writable");
    let edited = stage.confirmed("apply", &[]);
    assert_eq!(edited.status, Some(1), "{edited:?}");
    assert!(edited.err.contains("apply.resp") && edited.err.contains("edited or damaged"), "{edited:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn an_empty_plan_needs_no_database() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan_id = Scene::default().write(folder.path());
    let done =
        ran(program().arg("apply").arg(folder.path()).args(["--to", "redis://127.0.0.1:1", "--confirm", &plan_id]));
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.out.contains("there is nothing to do"), "{done:?}");
}

#[test]
fn no_output_shows_the_password() {
    let Some(server) = Server::builder().password("hunter2").start() else { return };
    let stage = Stage::on(server, &small());
    let wrong = stage.server.url().replace("hunter2", "swordfish");
    let none = stage.server.url().replace(":hunter2@", "");
    for (to, status) in [(wrong, 1), (none, 1), (stage.server.url(), 0)] {
        for name in ["apply", "rollback", "verify"] {
            let mut command = program();
            command.arg(name).arg(stage.dir()).args(["--to", &to]);
            if name != "verify" {
                command.args(["--confirm", &stage.plan_id]);
            }
            let ran = ran(&mut command);
            if name != "verify" {
                assert_eq!(ran.status, Some(status), "{name}: {ran:?}");
            }
            assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{ran:?}");
            assert!(!ran.out.contains("swordfish") && !ran.err.contains("swordfish"), "{ran:?}");
        }
    }
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_replica_is_refused() {
    let Some(primary) = Server::builder().start() else { return };
    let port = primary.port().to_string();
    let Some(replica) = Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan_id = small().write(folder.path());
    let mut command = program();
    command.arg("apply").arg(folder.path()).args(["--to", &replica.url(), "--confirm", &plan_id]);
    let refused = ran(&mut command);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.err.contains("is a replica"), "{refused:?}");
}

#[test]
fn a_dump_proves_it_without_the_network() {
    let spec = r#"version = 1

[[record]]
name = "message"
key = "message:*"

[[index]]
name = "project"
policy = "maintain"
from = "message"
key = "project:{projectId}"
member = "{@key}"
"#;
    let Some(server) = Server::builder().start() else { return };
    let scene = Scene { spec: spec.into(), ..Scene::default() }
        .state(&["HSET message:1 projectId p", "HSET message:2 projectId q", "SADD project:p message:1 message:9"])
        .touch("project:p", "set", 2)
        .touch("project:q", "none", 0)
        .apply("SADD project:q message:2", 1)
        .apply("SREM project:p message:9", 1)
        .rollback("SADD project:p message:9", 1)
        .rollback("SREM project:q message:2", 1);
    let stage = Stage::on(server, &scene);
    let after = stage.folder.path().join("after.rdb");
    let verify = || {
        std::fs::copy(stage.server.save(), &after).expect("the test's folder is writable");
        ran(program().arg("verify").arg(stage.dir()).arg("--dump").arg(&after))
    };
    let before = verify();
    assert_eq!(before.status, Some(5), "{before:?}");
    assert!(before.out.contains("1 member to add") && before.out.contains("1 member to remove"), "{before:?}");
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    let done = verify();
    assert_eq!(done.status, Some(0), "{done:?}");
    // A dump without a single record proves nothing.
    stage.server.query::<u64>(&["DEL", "message:1", "message:2"]);
    let empty = verify();
    assert_eq!(empty.status, Some(5), "{empty:?}");
    std::fs::write(&after, b"REDIS0010").expect("the test's folder is writable");
    let cut = ran(program().arg("verify").arg(stage.dir()).arg("--dump").arg(&after));
    assert_eq!(cut.status, Some(1), "{cut:?}");
}

/// It names keys and members, so nobody else may read it, whatever the umask.
#[cfg(unix)]
#[test]
fn the_journal_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(stage) = Stage::new(&small()) else { return };
    let confirmed = stage.command("apply", &["--confirm", &stage.plan_id]);
    let mut careless = std::process::Command::new("/bin/sh");
    careless.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(confirmed.get_program()).args(confirmed.get_args());
    let applied = ran(&mut careless);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    let journal = stage.dir().join("journal.ndjson");
    assert_eq!(std::fs::metadata(journal).expect("there").permissions().mode() & 0o777, 0o600);
}
