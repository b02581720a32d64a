//! A database that is not as the dump was: before the replay, during it, and afterwards.

use crate::operate::bundle::{Scene, small};
use crate::operate::{Stage, program, ran};
use crate::proxy::{Fault, Proxy};

fn members(stage: &Stage, key: &str) -> Vec<String> {
    let mut members: Vec<String> = stage.server.query(&["SMEMBERS", key]);
    members.sort();
    members
}

#[test]
fn edits_in_place_are_told_and_left_out() {
    let Some(stage) = Stage::new(&small()) else { return };
    // One comes that is to be added, one goes that is to be removed: the number of members stays.
    stage.server.query::<u64>(&["SADD", "kept", "new"]);
    stage.server.query::<u64>(&["SREM", "kept", "stale"]);
    let drifted = stage.server.digest();
    let refused = stage.confirmed("apply", &[]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.out.contains("2 edits already in place"), "{refused:?}");
    assert!(refused.out.contains("kept member new: expected no member, found a member"), "{refused:?}");
    assert!(!stage.dir().join("journal.ndjson").exists(), "nothing was begun");
    let proceeded = stage.confirmed("apply", &["--on-drift", "proceed"]);
    assert_eq!(proceeded.status, Some(0), "{proceeded:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
    // What others did is not undone.
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), drifted);
}

#[test]
fn drifted_keys_are_skipped_or_edited_all_the_same() {
    for (mode, status) in [("skip", 7), ("proceed", 0)] {
        let Some(stage) = Stage::new(&small()) else { return };
        stage.server.query::<u64>(&["SADD", "wrong", "late"]);
        stage.server.query::<u64>(&["SADD", "kept", "late"]);
        stage.server.query::<u64>(&["SADD", "created", "early"]);
        let drifted = stage.server.digest();
        let done = stage.confirmed("apply", &["--on-drift", mode]);
        assert_eq!(done.status, Some(status), "{done:?}");
        let skipped = mode == "skip";
        assert_eq!(stage.server.query::<bool>(&["EXISTS", "wrong"]), skipped);
        let kept: &[&str] = if skipped { &["a", "b", "late", "stale"] } else { &["a", "b", "late", "new"] };
        assert_eq!(members(&stage, "kept"), kept);
        let created: &[&str] = if skipped { &["early"] } else { &["c", "d", "early"] };
        assert_eq!(members(&stage, "created"), created);
        assert_eq!(members(&stage, "retyped"), ["r"], "the others are edited in any case");
        let back = stage.confirmed("rollback", &["--on-drift", "proceed"]);
        assert_eq!(back.status, Some(0), "{back:?}");
        if skipped {
            assert_eq!(stage.server.digest(), drifted, "what was left alone is not rolled back either");
        } else {
            assert_eq!(members(&stage, "kept"), ["a", "b", "late", "stale"]);
            assert_eq!(members(&stage, "created"), ["early"]);
        }
    }
}

#[test]
fn a_key_of_another_type_is_counted_and_the_rest_done() {
    let Some(stage) = Stage::new(&small()) else { return };
    let proxy = Proxy::start(
        stage.server.port(),
        Fault::Refuse { write: 4, text: "WRONGTYPE Operation against a key holding the wrong kind".into(), times: 1 },
    );
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    let done = ran(command.args(["--confirm", &stage.plan_id]));
    assert_eq!(done.status, Some(7), "{done:?}");
    assert!(done.out.contains("1 command was refused because of its key"), "{done:?}");
    assert!(done.err.contains("command 4, SADD kept, was answered with error \"WRONGTYPE"), "{done:?}");
    assert_eq!(members(&stage, "kept"), ["a", "b"], "all but that one");
    // The command that was given up is not undone.
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn what_changes_between_look_and_write_stops_the_replay() {
    let Some(stage) = Stage::new(&small()) else { return };
    // The pause file holds the replay up between its look and its first batch.
    let pause = stage.folder.path().join("hold");
    std::fs::write(&pause, b"").expect("writable");
    let mut command = stage.command("apply", &["--confirm", &stage.plan_id, "--batch-commands", "1", "--pause-file"]);
    let child = command.arg(&pause).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("the program runs");
    let begun = stage.dir().join("journal.ndjson");
    wait_until(|| begun.exists());
    // It has looked once it waits; a look takes milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(700));
    stage.server.query::<u64>(&["SADD", "kept", "new"]);
    std::fs::remove_file(&pause).expect("it is there");
    let output = child.wait_with_output().expect("the program ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{err}");
    assert!(err.contains("paused: ") && err.contains("was answered with 0 where 1 was expected"), "{err}");
    // The set has one member more than it should have by now: still drift, to be decided about.
    assert_eq!(stage.run("apply", &["--resume"]).status, Some(4));
    let resumed = stage.run("apply", &["--resume", "--on-drift", "proceed"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
}

pub fn wait_until(condition: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !condition() {
        assert!(std::time::Instant::now() < end, "it did not come to pass in 20 s");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn live_expiries_are_kept() {
    let far = 4_102_444_800_000_i64; // 2100-01-01 in ms
    let mut scene = small().state(&[&format!("PEXPIREAT kept {far}"), &format!("PEXPIREAT wrong {far}")]);
    for touched in &mut scene.touched {
        if matches!(&touched.key.0[..], b"kept" | b"wrong") {
            touched.expire_at_ms = Some(far);
        }
    }
    let scene = scene.rollback(&format!("PEXPIREAT wrong {far}"), 1);
    let Some(stage) = Stage::new(&scene) else { return };
    let expiry = |key: &str| stage.server.query::<i64>(&["PEXPIRETIME", key]);
    let applied = stage.confirmed("apply", &[]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_eq!(expiry("kept"), far);
    // Somebody gives it another one; the way back leaves that alone, and restores only what was deleted.
    stage.server.query::<u64>(&["PEXPIREAT", "kept", &(far + 5).to_string()]);
    let refused = stage.confirmed("rollback", &[]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.out.contains("1 key of another expiry"), "{refused:?}");
    let back = stage.confirmed("rollback", &["--on-drift", "proceed"]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!((expiry("kept"), expiry("wrong")), (far + 5, far));
    assert_eq!(members(&stage, "kept"), ["a", "b", "stale"]);
}

#[test]
fn no_set_is_ever_found_empty() {
    // A reader that looks all the time while the plan replaces every member of a set.
    let scene = crate::operate::bundle::Scene::default()
        .state(&["SADD k old1 old2"])
        .touch("k", "set", 2)
        .apply("SADD k new1 new2", 2)
        .apply("SREM k old1 old2", 2)
        .rollback("SADD k old1 old2", 2)
        .rollback("SREM k new1 new2", 2);
    let Some(stage) = Stage::new(&scene) else { return };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut connection = stage.server.connection();
            let mut least = u64::MAX;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                least = least.min(crate::support::server::query(&mut connection, &["SCARD", "k"]));
            }
            least
        });
        for name in ["apply", "rollback"] {
            let done = stage.confirmed(name, &["--batch-commands", "1"]);
            assert_eq!(done.status, Some(0), "{done:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(reader.join().expect("it only reads"), 2);
    });
}

#[test]
fn verify_tells_in_flight_from_wrong() {
    let Some(stage) = Stage::new(&small()) else { return };
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    stage.server.query::<u64>(&["SREM", "kept", "new"]);
    stage.server.query::<u64>(&["SREM", "created", "c"]);
    let child = stage
        .command("verify", &["--settle", "3", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program runs");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    stage.server.query::<u64>(&["SADD", "created", "c"]);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(5));
    let out = String::from_utf8(output.stdout).expect("JSON is text");
    let events: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!(names, ["start", "looked", "in_flight", "difference", "end"], "{out}");
    let events = &events[1..];
    assert_eq!(events[1]["differences"], 1);
    assert_eq!((&events[2]["count"], &events[2]["examples"][0]["key"]), (&1.into(), &"kept".into()));
    assert_eq!(events[3]["exit"], 5);
}

/// A string that is to be deleted, and that somebody has written since: its length tells.
#[test]
fn a_string_of_another_length_is_drift() {
    let scene = Scene::default()
        .state(&["SET text three", "SET empty x", "SET same abc"])
        .touch("text", "string", 1)
        .touch("empty", "string", 1)
        .touch("same", "string", 1)
        .apply("UNLINK text empty same", 3)
        .rollback_status("SET text th")
        .rollback("APPEND text ree", 5)
        .rollback_status("SET empty x")
        .rollback_status("SET same abc");
    let Some(stage) = Stage::new(&scene) else { return };
    stage.server.query::<String>(&["SET", "text", "three and more"]);
    stage.server.query::<String>(&["SET", "empty", ""]);
    let drifted = stage.server.digest();
    let refused = stage.confirmed("apply", &[]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.out.contains("text: expected 5 bytes, found 14 bytes"), "{refused:?}");
    assert!(refused.out.contains("empty: expected \"x\", found \"\""), "{refused:?}");
    assert!(!refused.out.contains("same"), "{refused:?}");
    assert_eq!(stage.server.digest(), drifted);
    let skipped = stage.confirmed("apply", &["--on-drift", "skip"]);
    assert_eq!(skipped.status, Some(7), "{skipped:?}");
    assert_eq!(stage.server.query::<u64>(&["EXISTS", "text", "empty", "same"]), 2);
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), drifted);
}
