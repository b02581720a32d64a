//! Fields of hashes, elements of lists, and strings that name a record: there and back, disturbed, and not theirs any more.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rdb_reindex::bundle::content::Content;
use rdb_reindex::bundle::manifest::{Bytes, Reply};

use crate::operate::bundle::Scene;
use crate::operate::guard::SPEC;
use crate::operate::resume::{Ground, run_into_faults};
use crate::operate::{Ran, Stage, program, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::{Program, Server};

/// 2100-01-01 in ms
const FAR: i64 = 4_102_444_800_000;

fn value(text: &str) -> Reply {
    Reply::Bulk(Bytes(text.into()))
}

fn ok() -> Reply {
    Reply::Status("OK".into())
}

/// A key of each kind: edited in place, emptied, made. Worked out by hand.
pub fn scene() -> Scene {
    let others = Content::of_field(b"kept", b"1").plus(Content::of_field(b"foreign", b"2"));
    Scene::default()
        .state(&[
            "HSET hash kept 1 stale gone changed old foreign 2",
            "HSET emptied a gone b gone",
            "SET dangling gone",
            &format!("SET pointer old PXAT {FAR}"),
            "RPUSH queue a x b x y c",
            &format!("PEXPIREAT queue {FAR}"),
            "RPUSH drained x y",
            "SADD tags live gone",
            "SET neighbour v",
        ])
        .touch("dangling", "string", 1)
        .touch("drained", "list", 2)
        .touch("emptied", "hash", 2)
        .touch_with("hash", "hash", 4, others)
        .touch("created", "none", 0)
        .touch("fresh", "none", 0)
        .touch("pointer", "string", 1)
        .expiring(FAR)
        .touch_with("tags", "set", 2, Content::of(b"live", None))
        .touch("queue", "list", 6)
        .expiring(FAR)
        .apply("UNLINK dangling drained emptied", 3)
        .apply("HSET hash new 9", 1)
        .apply("HSET hash changed now", 0)
        .apply("HSET created f v g w", 2)
        .apply_answered("SET fresh v NX", ok())
        .apply_answered("SET pointer new XX KEEPTTL GET", value("old"))
        .apply("SREM tags gone", 1)
        .apply("HDEL hash stale", 1)
        .apply("LREM queue 0 x", 2)
        .apply("LREM queue 0 y", 1)
        .rollback("UNLINK fresh queue", 2)
        .rollback_status("SET dangling gone")
        .rollback("RPUSH drained x y", 2)
        .rollback("HSET emptied a gone b gone", 2)
        .rollback("RPUSH queue a x b", 3)
        .rollback("RPUSH queue x y c", 6)
        .rollback(&format!("PEXPIREAT queue {FAR}"), 1)
        .rollback("HSET hash stale gone", 1)
        .rollback("HSET hash changed old", 0)
        .rollback_answered("SET pointer old XX KEEPTTL GET", value("new"))
        .rollback("SADD tags gone", 1)
        .rollback("HDEL created f g", 2)
        .rollback("HDEL hash new", 1)
}

fn run(stage: &Stage, commands: &[&str]) {
    for command in commands {
        stage.server.query::<redis::Value>(&command.split(' ').collect::<Vec<_>>());
    }
}

fn list(stage: &Stage, key: &str) -> Vec<String> {
    stage.server.query(&["LRANGE", key, "0", "-1"])
}

fn assert_ran(ran: &Ran, status: i32, parts: &[&str]) {
    assert_eq!(ran.status, Some(status), "{ran:?}");
    for part in parts {
        assert!(ran.out.contains(part) || ran.err.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn edits_of_each_kind_there_and_back() {
    for batch in ["1", "3", "1000"] {
        let Some(stage) = Stage::new(&scene()) else { return };
        let batch = ["--batch-commands", batch];
        assert_ran(&stage.run("apply", &["--dry-run"]), 0, &["9 touched keys are as the plan expects them"]);
        assert_eq!(stage.server.digest(), stage.before);
        // new, changed, f, g, fresh and pointer; gone, stale, and x twice and y.
        let text = "6 members added, 5 removed, 3 keys deleted";
        assert_ran(&stage.confirmed("apply", &batch), 0, &[text]);
        let hash: Vec<String> = stage.server.query(&["HMGET", "hash", "kept", "changed", "foreign", "new"]);
        assert_eq!(hash, ["1", "now", "2", "9"]);
        assert_eq!(stage.server.query::<u64>(&["HLEN", "hash"]), 4);
        assert_eq!(list(&stage, "queue"), ["a", "b", "c"]);
        assert_eq!(stage.server.query::<String>(&["GET", "pointer"]), "new");
        assert_eq!(stage.server.query::<String>(&["GET", "fresh"]), "v");
        for key in ["queue", "pointer"] {
            assert_eq!(stage.server.query::<i64>(&["PEXPIRETIME", key]), FAR, "{key}");
        }
        assert_eq!(stage.server.query::<u64>(&["EXISTS", "dangling", "drained", "emptied", "created"]), 1);
        assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &["everything is as the plan leaves it"]);
        assert_ran(&stage.run("rollback", &["--dry-run"]), 0, &["9 touched keys are as the plan expects them"]);
        let back = stage.confirmed("rollback", &batch);
        assert_ran(&back, 0, &["4 keys restored, 3 members removed, 4 put back"]);
        assert_eq!(stage.server.digest(), stage.before);
        assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &["everything is as it was in the dump"]);
    }
}

/// One wrong thing at a time, in the state that the plan leads to and in the one of the dump.
#[test]
fn verify_sees_each_kind_of_difference() {
    let Some(stage) = Stage::new(&scene()) else { return };
    let verify = |change: &str, back: &[&str], part: &str| {
        run(&stage, &[change]);
        assert_ran(&stage.run("verify", &["--settle", "0"]), 5, &[part]);
        run(&stage, back);
        assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &[]);
    };
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    verify("HSET hash changed old", &["HSET hash changed now"], "hash member changed: expected \"now\", found \"old\"");
    verify("HDEL hash new", &["HSET hash new 9"], "1 missing member\n  hash member new");
    verify("HSET hash stale x", &["HDEL hash stale"], "1 member that should be removed\n  hash member stale");
    verify("HSET hash kept 7", &["HSET hash kept 1"], "2 members that no edit names, found 2, and not the same");
    verify("HSET hash more 7", &["HDEL hash more"], "2 members that no edit names, found 3");
    verify("HSET created more 7", &["HDEL created more"], "created member more");
    verify("SET pointer old KEEPTTL", &["SET pointer new KEEPTTL"], "pointer: expected the string of the plan");
    verify("DEL fresh", &["SET fresh v"], "1 missing key\n  fresh");
    verify("SET dangling x", &["DEL dangling"], "1 key that should be deleted\n  dangling");
    verify("LPOP queue", &["LPUSH queue a"], "queue: expected the list of the plan");
    verify("RPUSH queue x", &["RPOP queue"], "queue: expected the list of the plan");
    verify("RPOPLPUSH queue queue", &["LPOP queue", "RPUSH queue c"], "queue: expected the list of the plan");
    assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
    verify("HSET hash changed now", &["HSET hash changed old"], "hash member changed: expected \"old\", found \"now\"");
    verify("HDEL hash stale", &["HSET hash stale gone"], "1 missing member\n  hash member stale");
    verify("HSET hash new 9", &["HDEL hash new"], "1 member that should not be there\n  hash member new");
    verify("SET pointer new KEEPTTL", &["SET pointer old KEEPTTL"], "pointer: expected the string of the dump");
    verify("SET fresh v", &["DEL fresh"], "1 key that should not be there\n  fresh");
    verify("RPOPLPUSH queue queue", &["LPOP queue", "RPUSH queue c"], "queue: expected the list of the dump");
    verify("PERSIST queue", &[&format!("PEXPIREAT queue {FAR}")], "1 key of another expiry\n  queue");
    assert_eq!(stage.server.digest(), stage.before);
}

/// What somebody wrote since the dump: refused, and left as it is where that is asked for.
#[test]
fn what_somebody_changed_before_is_not_edited() {
    for (change, told, look, is) in [
        // As many fields and bytes as before, every time.
        ("HSET hash stale live", "1 field with another value\n  hash member stale", ["HGET", "hash", "stale"], "live"),
        ("HSET hash changed live", "hash member changed: expected \"old\"", ["HGET", "hash", "changed"], "live"),
        ("SET pointer own KEEPTTL", "pointer: expected \"old\", found \"own\"", ["GETRANGE", "pointer", "0"], "own"),
        ("SET dangling live", "dangling: expected \"gone\", found \"live\"", ["GETRANGE", "dangling", "0"], "live"),
        ("SET fresh mine", "fresh: expected no key, found string", ["GETRANGE", "fresh", "0"], "mine"),
        ("LSET drained 1 live", "drained: expected the list of the dump", ["LINDEX", "drained", "1"], "live"),
    ] {
        for mode in ["skip", "proceed"] {
            let Some(stage) = Stage::new(&scene()) else { return };
            run(&stage, &[change]);
            let drifted = stage.server.digest();
            assert_ran(&stage.confirmed("apply", &[]), 4, &[told]);
            assert_eq!(stage.server.digest(), drifted, "{change}");
            assert_ran(&stage.confirmed("apply", &["--on-drift", mode]), 7, &["left alone, because of drift"]);
            let mut look = look.to_vec();
            look.extend((look[0] == "GETRANGE").then_some("-1"));
            assert_eq!(stage.server.query::<String>(&look), is, "{change}, {mode}");
            assert_eq!(list(&stage, "queue"), ["a", "b", "c"], "the others are edited");
            let verified = stage.run("verify", &["--settle", "0"]);
            assert_ran(&verified, 7, &["left out by apply"]);
            // What was not done is not undone.
            assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
            assert_eq!(stage.server.digest(), drifted, "{change}, {mode}");
        }
    }
}

#[test]
fn what_is_in_place_already_is_not_ours() {
    let Some(stage) = Stage::new(&scene()) else { return };
    run(&stage, &["HDEL hash stale", "HSET hash new 9", "LREM queue 0 x", "HSET hash changed now"]);
    let found = stage.server.digest();
    assert_ran(&stage.confirmed("apply", &[]), 4, &["hash member new", "queue member x: expected an element"]);
    assert_ran(&stage.confirmed("apply", &["--on-drift", "proceed"]), 0, &["4 edits were already in place"]);
    assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &[]);
    let back = stage.confirmed("rollback", &[]);
    assert_ran(&back, 7, &["queue: expected the list that the apply left"]);
    run(&stage, &["DEL queue", "RPUSH queue a b y c", &format!("PEXPIREAT queue {FAR}")]);
    assert_eq!(stage.server.digest(), found);
}

/// The way back: what somebody wrote since the apply stays, and is named.
#[test]
fn what_somebody_changed_since_is_not_undone() {
    for (change, told, look, is) in [
        ("HSET hash changed mine", "hash member changed: expected \"now\"", ["HGET", "hash", "changed"], "mine"),
        ("HSET hash new mine", "hash member new: expected \"9\"", ["HGET", "hash", "new"], "mine"),
        ("HSET hash stale mine", "hash member stale: expected nothing", ["HGET", "hash", "stale"], "mine"),
        ("HSET created f mine", "created member f: expected \"v\"", ["HGET", "created", "f"], "mine"),
        ("SET pointer own KEEPTTL", "pointer: expected \"new\", found \"own\"", ["GETRANGE", "pointer", "0"], "own"),
        ("SET fresh w", "fresh: expected \"v\", found \"w\"", ["GETRANGE", "fresh", "0"], "w"),
        ("SET dangling live", "dangling: expected no key, found string", ["GETRANGE", "dangling", "0"], "live"),
    ] {
        let Some(stage) = Stage::new(&scene()) else { return };
        assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
        run(&stage, &[change]);
        let changed = stage.server.digest();
        assert_ran(&stage.confirmed("rollback", &[]), 4, &[told]);
        assert_eq!(stage.server.digest(), changed, "{change}");
        let back = stage.confirmed("rollback", &["--on-drift", "proceed"]);
        assert_ran(&back, 7, &[told, "left alone, because of drift"]);
        let mut look = look.to_vec();
        look.extend((look[0] == "GETRANGE").then_some("-1"));
        assert_eq!(stage.server.query::<String>(&look), is, "{change}");
        assert_eq!(list(&stage, "queue"), ["a", "x", "b", "x", "y", "c"], "{change}");
        assert_ran(&stage.run("verify", &["--settle", "0"]), 7, &["that the rollback left out"]);
    }
}

/// A list gets its old order back only while it is exactly what the apply left; the others do in any case.
#[test]
fn a_list_that_moved_on_stays() {
    for (changes, is) in [
        (&["RPUSH queue d"][..], &["a", "b", "c", "d"][..]),
        (&["LPOP queue"], &["b", "c"]),
        // As many as before.
        (&["LPOP queue", "RPUSH queue d"], &["b", "c", "d"]),
        (&["RPOPLPUSH queue queue"], &["c", "a", "b"]),
        (&["DEL queue"], &[]),
    ] {
        for drift in ["stop", "skip", "proceed"] {
            let Some(stage) = Stage::new(&scene()) else { return };
            assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
            run(&stage, changes);
            let name = "1 list with other elements than the apply left; left alone";
            assert_ran(&stage.run("rollback", &["--dry-run", "--on-drift", drift]), 0, &[name]);
            let back = stage.confirmed("rollback", &["--on-drift", drift]);
            assert_ran(&back, 7, &[name, "queue: expected the list that the apply left", "1 key was left alone"]);
            assert_eq!(list(&stage, "queue"), is, "{changes:?}");
            assert_eq!(stage.server.query::<String>(&["HGET", "hash", "stale"]), "gone");
            assert_eq!(stage.server.query::<String>(&["GET", "pointer"]), "old");
            assert_ran(&stage.run("verify", &["--settle", "0"]), 7, &["1 edit that the rollback left out"]);
        }
    }
    let Some(stage) = Stage::new(&scene()) else { return };
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    run(&stage, &["DEL queue", "SADD queue a"]);
    assert_ran(&stage.confirmed("rollback", &[]), 7, &["found another list, or another type"]);
    assert_eq!(stage.server.query::<Vec<String>>(&["SMEMBERS", "queue"]), ["a"]);
}

/// Between the look and the first command a person may take their time.
#[test]
fn what_moves_on_after_the_look_stays() {
    let Some(stage) = Stage::new(&scene()) else { return };
    let text = after_the_look(&stage, "apply", &[], "LSET drained 1 live");
    let kept = "UNLINK dangling: 1 edit is no longer right and was not made (drained)";
    assert!(text.iter().any(|line| line.contains(kept)), "{text:?}");
    assert_eq!(list(&stage, "drained"), ["x", "live"]);
    assert_eq!(list(&stage, "queue"), ["a", "b", "c"]);
    for (change, key, look, is) in [
        ("RPUSH queue d", "queue", &["LRANGE", "queue", "0", "-1"][..], &["a", "b", "c", "d"][..]),
        ("DEL queue", "queue", &["LRANGE", "queue", "0", "-1"], &[]),
        ("SET fresh w", "fresh", &["MGET", "fresh"], &["w"]),
    ] {
        let Some(stage) = Stage::new(&scene()) else { return };
        assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
        let text = after_the_look(&stage, "rollback", &[], change);
        let kept = format!("UNLINK fresh: 1 edit is no longer right and was not made ({key})");
        assert!(text.iter().any(|line| line.contains(&kept)), "{text:?}");
        assert_eq!(stage.server.query::<Vec<String>>(look), is, "{change}");
        assert_eq!(stage.server.query::<String>(&["HGET", "hash", "stale"]), "gone");
    }
}

/// A field that comes back gets its expiry back; one that is somebody else's does not.
#[test]
fn a_field_gets_its_own_expiry_back() {
    let scene = || {
        Scene::default()
            .state(&["HSET h stale gone kept 1 other gone", &format!("HPEXPIREAT h {FAR} FIELDS 2 stale other")])
            .touch_with("h", "hash", 3, Content::of_field(b"kept", b"1"))
            .apply("HDEL h stale other", 2)
            .rollback("HSET h stale gone other gone", 2)
            .rollback(&format!("HPEXPIREAT h {FAR} FIELDS 1 stale"), 1)
            .rollback(&format!("HPEXPIREAT h {FAR} FIELDS 1 other"), 1)
    };
    let times =
        |stage: &Stage| -> Vec<i64> { stage.server.query(&["HPEXPIRETIME", "h", "FIELDS", "2", "stale", "other"]) };
    let Some(server) = Server::builder().program(Program::Redis82).start() else { return };
    let stage = Stage::on(server, &scene());
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
    assert_eq!(times(&stage), [FAR, FAR]);
    assert_eq!(stage.server.digest(), stage.before);
    let Some(server) = Server::builder().program(Program::Redis82).start() else { return };
    let stage = Stage::on(server, &scene());
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    run(&stage, &["HSET h other mine"]);
    assert_ran(&stage.confirmed("rollback", &["--on-drift", "proceed"]), 7, &["1 field was left alone"]);
    assert_eq!(times(&stage), [FAR, -1]);
    assert_eq!(stage.server.query::<String>(&["HGET", "h", "other"]), "mine");
}

#[test]
fn each_class_of_error_at_each_edit() {
    let Some(ground) = Ground::new(scene()) else { return };
    for write in 1..=10 {
        for (text, times) in [
            ("LOADING Redis is loading the dataset in memory", 2),
            ("OOM command not allowed when used memory > 'maxmemory'", 1),
            ("READONLY You can't write against a read only replica.", 1),
        ] {
            let fault = Fault::Refuse { write, text: text.into(), times };
            assert!(ground.both_ways(3, &fault), "{text} at {write}");
        }
    }
}

#[test]
fn a_connection_cut_around_each_edit() {
    let Some(ground) = Ground::new(scene()) else { return };
    for write in 1..=13 {
        for fault in
            [Fault::CutAfter { write, bytes: 0 }, Fault::CutAfter { write, bytes: 3 }, Fault::CutBefore { write }]
        {
            assert!(ground.both_ways(100, &fault), "{fault:?}");
            assert!(ground.both_ways(1, &fault), "{fault:?}");
        }
    }
}

#[test]
fn random_faults_with_edits() {
    let Some(ground) = Ground::new(scene()) else { return };
    run_into_faults(&ground, 30_112_026);
}

#[test]
fn random_faults_with_edits_by_scripts() {
    let scene = Scene { spec: SPEC.into(), ..scene() };
    let Some(ground) = Ground::new(scene) else { return };
    run_into_faults(&ground, 30_112_602);
}

#[test]
fn random_faults_with_edits_under_guard() {
    let scene = Scene { spec: SPEC.into(), ..scene() };
    let Some(ground) = Ground::with(scene, &["--guard", "records"]) else { return };
    run_into_faults(&ground, 21_102_603);
}

/// The check and the edit are one step: what changes between the look and the edit stays.
#[test]
fn under_guard_nothing_is_overwritten() {
    let paused = |name: &str, change: &str, guard: &str| {
        let stage = Stage::new(&Scene { spec: SPEC.into(), ..scene() })?;
        if name == "rollback" {
            assert_ran(&stage.confirmed("apply", &["--guard", guard]), 0, &["6 members added, 5 removed"]);
        }
        let text = after_the_look(&stage, name, &["--guard", guard], change);
        Some((stage, text))
    };
    // What no record decides, and is no field and no string that changes, goes out as it is by default.
    let plain = ["SET fresh live", "SET dangling live", "HSET emptied a live", "LSET drained 1 live"];
    for (name, change, look, is) in [
        ("apply", "HSET hash stale live", ["HGET", "hash", "stale"], "live"),
        ("apply", "HSET hash changed live", ["HGET", "hash", "changed"], "live"),
        ("apply", "HSET hash new live", ["HGET", "hash", "new"], "live"),
        ("apply", "SET pointer live KEEPTTL", ["GETRANGE", "pointer", "0"], "live"),
        ("apply", "SET fresh live", ["GETRANGE", "fresh", "0"], "live"),
        ("apply", "SET dangling live", ["GETRANGE", "dangling", "0"], "live"),
        ("apply", "HSET emptied a live", ["HGET", "emptied", "a"], "live"),
        ("apply", "LSET drained 1 live", ["LINDEX", "drained", "1"], "live"),
        ("rollback", "HSET hash stale live", ["HGET", "hash", "stale"], "live"),
        ("rollback", "HSET hash changed live", ["HGET", "hash", "changed"], "live"),
        ("rollback", "HSET hash new live", ["HGET", "hash", "new"], "live"),
        ("rollback", "HSET created f live", ["HGET", "created", "f"], "live"),
        ("rollback", "SET pointer live KEEPTTL", ["GETRANGE", "pointer", "0"], "live"),
        ("rollback", "SET fresh live", ["GETRANGE", "fresh", "0"], "live"),
        ("rollback", "RPUSH queue live", ["LINDEX", "queue", "3"], "live"),
    ] {
        for guard in ["records", "auto"] {
            if guard == "auto" && name == "apply" && plain.contains(&change) {
                continue;
            }
            let Some((stage, text)) = paused(name, change, guard) else { return };
            let mut look = look.to_vec();
            look.extend((look[0] == "GETRANGE").then_some("-1"));
            assert_eq!(stage.server.query::<String>(&look), is, "{guard}, {name}, {change}: {text:?}");
            let is_named = text.iter().any(|line| line.contains("1 edit is no longer right"));
            assert!(is_named, "{guard}, {name}, {change}: {text:?}");
        }
    }
}

/// Waits where it has looked, makes a change, and goes on to the end. What it said then.
fn after_the_look(stage: &Stage, name: &str, args: &[&str], change: &str) -> Vec<String> {
    let pause = stage.dir().join("pause");
    std::fs::write(&pause, b"").expect("writable");
    let mut command = stage.command(name, &["--confirm", &stage.plan_id]);
    let mut child = command.args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    assert!(said.any(|line| line.starts_with("paused: ")), "it looked, and waits");
    run(stage, &[change]);
    std::fs::remove_file(&pause).expect("it is there");
    let text: Vec<String> = said.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(7), "{change}: {text:?}");
    text
}

#[test]
fn a_rollback_of_half_of_the_edits() {
    let Some(stage) = Stage::new(&scene()) else { return };
    for write in 1..=10 {
        for cut in [true, false] {
            let fault = match cut {
                true => Fault::CutAfter { write, bytes: 0 },
                false => Fault::Refuse {
                    write,
                    text: "READONLY You can't write against a read only replica.".into(),
                    times: 1,
                },
            };
            let _ = std::fs::remove_file(stage.dir().join("journal.ndjson"));
            let proxy = Proxy::start(stage.server.port(), fault);
            let mut command = program();
            command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
            command.args(["--confirm", &stage.plan_id, "--retry-for", "0", "--batch-commands", "1"]);
            assert_eq!(ran(&mut command).status, Some(6), "{write}");
            drop(proxy);
            if stage.server.digest() == stage.before {
                continue;
            }
            assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
            assert_eq!(stage.server.digest(), stage.before, "{write}, {cut}");
        }
    }
}

/// One command per key, and one per command that names fields or elements; nothing is written.
#[test]
fn the_look_is_cheap() {
    let Some(stage) = Stage::new(&scene()) else { return };
    let looked = |name: &str| -> Vec<String> {
        let monitor = stage.server.monitor();
        assert_ran(&stage.run(name, &["--dry-run"]), 0, &[]);
        let lines = monitor.finish(&stage.server);
        let names =
            lines.iter().map(|line| line.trim_start_matches('"').split('"').next().unwrap_or_default().to_owned());
        names.collect()
    };
    let count = |names: &[String], name: &str| names.iter().filter(|found| *found == name).count();
    let apply = looked("apply");
    // Of the seven keys that are there; the two that are not, in one.
    for (name, times) in [("GET", 2), ("HLEN", 2), ("LLEN", 2), ("SCARD", 1), ("EXISTS", 1), ("PEXPIRETIME", 2)] {
        assert_eq!(count(&apply, name), times, "{name}: {apply:?}");
    }
    // hash new, changed, stale (created is not there); x and y of the list, and whether LPOS is known; the same of tags.
    for (name, times) in [("HMGET", 3), ("LPOS", 3), ("SMISMEMBER", 2), ("LRANGE", 1)] {
        assert_eq!(count(&apply, name), times, "{name}: {apply:?}");
    }
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    let back = looked("rollback");
    for (name, times) in [("LRANGE", 1), ("GET", 3), ("HLEN", 2), ("EXISTS", 1), ("HMGET", 4)] {
        assert_eq!(count(&back, name), times, "{name}: {back:?}");
    }
    for name in apply.iter().chain(&back) {
        assert!(!["SET", "HSET", "HDEL", "LREM", "UNLINK", "EVAL", "RPUSH"].contains(&name.as_str()), "{name}");
    }
}

/// A server before 6.0.6 cannot say whether an element is there.
#[test]
fn without_lpos_elements_are_removed_all_the_same() {
    let server = || Server::builder().args(&["--rename-command", "LPOS", ""]).start();
    let Some(stage) = server().map(|server| Stage::on(server, &scene())) else { return };
    assert_ran(&stage.confirmed("apply", &[]), 0, &["5 removed"]);
    assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
    assert_eq!(stage.server.digest(), stage.before);
    // Stopped and resumed: what was done is not looked for in vain.
    let Some(stage) = server().map(|server| Stage::on(server, &scene())) else { return };
    let text = "READONLY You can't write against a read only replica.".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 10, text, times: 1 });
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    assert_eq!(ran(command.args(["--confirm", &stage.plan_id])).status, Some(6));
    assert_ran(&stage.run("apply", &["--resume"]), 0, &[]);
    assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &[]);
    assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
    assert_eq!(stage.server.digest(), stage.before);
}

/// The field had an expiry in the dump that is over when it is put back.
#[test]
fn a_field_whose_time_is_over_is_no_trouble() {
    let Some(server) = Server::builder().program(Program::Redis82).start() else { return };
    let scene = Scene::default()
        .state(&["HSET h stale gone kept 1", "HSET emptied f v"])
        .touch("emptied", "hash", 1)
        .touch_with("h", "hash", 2, Content::of_field(b"kept", b"1"))
        .apply("UNLINK emptied", 1)
        .apply("HDEL h stale", 1)
        .rollback("HSET emptied f v", 1)
        .rollback("HPEXPIREAT emptied 1577836800000 FIELDS 1 f", 1)
        .rollback("HSET h stale gone", 1)
        .rollback("HPEXPIREAT h 1577836800000 FIELDS 1 stale", 1);
    let stage = Stage::on(server, &scene);
    assert_ran(&stage.confirmed("apply", &[]), 0, &[]);
    assert_ran(&stage.confirmed("rollback", &[]), 0, &[]);
    assert_eq!(stage.server.query::<Vec<String>>(&["HGETALL", "h"]), ["kept", "1"]);
    assert_eq!(stage.server.query::<u64>(&["EXISTS", "emptied"]), 0);
    assert_ran(&stage.run("verify", &["--settle", "0"]), 0, &[]);
}
