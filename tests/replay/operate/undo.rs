//! `rollback --guard records`: what somebody wrote after the apply is neither deleted nor overwritten.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::operate::bundle::Scene;
use crate::operate::drift::wait_until;
use crate::operate::guard::{Form, SPEC, scene, sorted};
use crate::operate::resume::{Ground, many};
use crate::operate::{Stage, program, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::{Server, query};
use rdb_reindex::bundle::manifest::Reply;
use rdb_reindex::bundle::resp;

const GUARD: [&str; 4] = ["--guard", "records", "--on-drift", "proceed"];

/// Runs commands whose words have spaces between them.
fn run(stage: &Stage, commands: &[&str]) {
    for command in commands {
        stage.server.query::<redis::Value>(&command.split(' ').collect::<Vec<_>>());
    }
}

fn scores(stage: &Stage, key: &str) -> Vec<String> {
    stage.server.query(&["ZRANGE", key, "0", "-1", "WITHSCORES"])
}

#[test]
fn what_records_say_since_is_not_undone() {
    for form in [Form::Json, Form::Text, Form::Hash] {
        let Some(server) = Server::builder().rejson().start() else { return };
        let stage = Stage::on(server, &scene(form));
        assert_eq!(stage.confirmed("apply", &["--guard", "records"]).status, Some(0));
        let mut connection = stage.server.connection();
        let mut write = |key: &str, project: &str, time: &str| {
            query::<redis::Value>(&mut connection, &form.write(key, project, time));
        };
        // 1 was written anew and still belongs to a; 2 went to b, 3 is gone, its member forgotten.
        write("message:1", "a", "11");
        write("message:2", "b", "2");
        // 4 was of b when it was taken out of a; now it is of c. 5 came to a. 6 is as it was.
        write("message:4", "c", "4");
        write("message:5", "a", "5");
        run(&stage, &["SREM index:a message:2", "SADD index:b message:2", "DEL message:3", "SADD index:a message:5"]);
        run(&stage, &["SADD index:c message:4", "SREM index:b message:4", "ZADD ranked:b 55 message:5"]);
        let back = stage.confirmed("rollback", &GUARD);
        assert_eq!(back.status, Some(7), "{form:?}: {back:?}");
        // Not taken out: 1. Not put back: 4. Not scored anew: 5, which somebody scored since.
        assert!(back.out.contains("3 edits were not undone, because their record or their key"), "{form:?}: {back:?}");
        assert!(back.err.contains("SREM index:a: 1 edit is no longer right and was not made (message:1)"), "{back:?}");
        assert!(back.err.contains("SADD index:a: 1 edit is no longer right and was not made (message:4)"), "{back:?}");
        assert!(back.err.contains("ZADD ranked:b: 1 edit is no longer right and was not made (message:5)"), "{back:?}");
        assert_eq!(sorted(&stage, "index:a"), ["message:1", "message:5", "message:6"], "{form:?}");
        assert_eq!(sorted(&stage, "index:b"), ["message:2", "message:5", "message:6"], "{form:?}");
        assert_eq!(sorted(&stage, "index:c"), ["message:4"]);
        // 6 was ranked by the apply and is as it was.
        assert_eq!(scores(&stage, "ranked:b"), ["message:4", "4", "message:5", "55"]);
        assert_eq!(sorted(&stage, "index:gone"), ["message:7", "message:8"]);
        assert_eq!(sorted(&stage, "user:u"), ["message:1", "message:2"]);
    }
}

#[test]
fn a_required_record_that_came_or_went_counts() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    assert_eq!(stage.confirmed("apply", &["--guard", "records"]).status, Some(0));
    // The records are as they were, so the undo goes back to the dump: what they require does not matter for that.
    run(&stage, &["DEL project:a"]);
    let back = stage.confirmed("rollback", &["--guard", "records"]);
    assert_eq!(back.status, Some(0), "{back:?}");
    run(&stage, &["SET project:a x"]);
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn without_states_keys_are_guarded_and_records_are_not() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    run(&stage, &["HSET message:1 time 11", "ZADD ranked:b 55 message:5"]);
    let back = stage.confirmed("rollback", &GUARD);
    assert_eq!(back.status, Some(7), "{back:?}");
    assert!(back.err.contains("apply ran without --guard records") && back.err.contains("no record is looked at"));
    assert_eq!(sorted(&stage, "index:a"), ["message:4", "message:5", "message:6"]);
    assert_eq!(scores(&stage, "ranked:b"), ["message:4", "4", "message:5", "55"]);
}

/// One deleted key of each type, with an expiry where that is a command of its own.
fn of_each_type(server: &Server) -> Scene {
    let far = 4_102_444_800_000_i64; // 2100-01-01 in ms
    let mut scene = Scene { spec: SPEC.into(), ..Scene::default() };
    let makers = [
        ("text", "string", 1, vec!["SET text onetwo"], vec![("SET text one", -1), ("APPEND text two", 6)]),
        ("list", "list", 4, vec!["RPUSH list 1 2 3 4"], vec![("RPUSH list 1 2", 2), ("RPUSH list 3 4", 4)]),
        ("hash", "hash", 3, vec!["HSET hash f 1 g 2 h 3"], vec![("HSET hash f 1 g 2", 2), ("HSET hash h 3", 1)]),
        ("set", "set", 2, vec!["SADD set a b"], vec![("SADD set a b", 2)]),
        (
            "zset",
            "zset",
            4,
            vec!["ZADD zset -inf a 0.1 b 3e-310 c inf d"],
            vec![("ZADD zset -inf a 0.1 b 3e-310 c inf d", 4)],
        ),
        (
            "document",
            "ReJSON-RL",
            1,
            vec![r#"JSON.SET document $ {"a":1,"b":[1.5,null]}"#],
            vec![(r#"JSON.SET document $ {"b":[1.5,null],"a":1}"#, -1)],
        ),
    ];
    let expiry = far.to_string();
    let mut names = Vec::new();
    for (key, kind, elements, state, back) in makers {
        scene = scene.state(&state).state(&[&format!("PEXPIREAT {key} {expiry}")]).touch(key, kind, elements);
        scene.touched.last_mut().expect("it was added").expire_at_ms = Some(far);
        for (command, reply) in back {
            scene = if reply < 0 { scene.rollback_status(command) } else { scene.rollback(command, reply) };
        }
        scene = scene.rollback(&format!("PEXPIREAT {key} {expiry}"), 1);
        names.push(key);
    }
    // A stream as a dump has it, from a server that had it.
    let mut connection = server.connection();
    query::<redis::Value>(&mut connection, &["XADD", "stream", "5-1", "f", "v"]);
    query::<redis::Value>(&mut connection, &["XGROUP", "CREATE", "stream", "g", "0"]);
    let payload: Vec<u8> = query(&mut connection, &["DUMP", "stream"]);
    query::<redis::Value>(&mut connection, &["DEL", "stream"]);
    scene = scene.touch("stream", "stream", 1);
    let restore = [b"RESTORE".to_vec(), b"stream".to_vec(), b"0".to_vec(), payload];
    scene.state.push(restore.to_vec());
    resp::encode(&restore, &mut scene.rollback);
    scene.rolled_back.push(Reply::Status("OK".into()));
    names.push("stream");
    scene.apply(&format!("UNLINK {}", names.join(" ")), names.len() as i64)
}

fn each_type() -> Option<Stage> {
    let server = Server::builder().rejson().start()?;
    let scene = of_each_type(&server);
    Some(Stage::on(server, &scene))
}

#[test]
fn keys_of_each_type_there_and_back() {
    let Some(stage) = each_type() else { return };
    for batch in ["1", "1000"] {
        let Some(stage) = each_type() else { return };
        let args = ["--guard", "records", "--batch-commands", batch];
        let done = stage.confirmed("apply", &args);
        assert_eq!(done.status, Some(0), "{done:?}");
        assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 0);
        let back = stage.confirmed("rollback", &args);
        assert_eq!(back.status, Some(0), "{back:?}");
        assert_eq!(stage.server.digest(), stage.before);
        assert_eq!(stage.server.query::<i64>(&["PEXPIRETIME", "zset"]), 4_102_444_800_000);
    }
    // The same without a guard.
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

/// Each of these changes the content of a key, and neither its type nor its size.
const CHANGES: [&str; 7] = [
    "SETRANGE text 0 X",
    "LSET list 0 X",
    "HSET hash f X",
    // As many members, one of them another: taken out one by one, so the new one stays.
    "SADD set c",
    "ZADD zset 5 e",
    "JSON.SET document $.a 2",
    "XADD stream 6-1 f w",
];

/// No room for the key, and room for what follows it in the same batch: its expiry is not given up for that.
#[test]
fn an_expiry_waits_for_its_key() {
    let Some(stage) = each_type() else { return };
    let args = ["--guard", "records"];
    assert_eq!(stage.confirmed("apply", &args).status, Some(0));
    // After two questions for the script's header, each is refused in turn.
    for write in 3..=20 {
        let text = "OOM command not allowed when used memory > 'maxmemory'.".into();
        let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write, text, times: 1 });
        let mut command = program();
        command.arg("rollback").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
        command.args(args).args(["--confirm", &stage.plan_id, "--resume"]);
        let stopped = ran(&mut command);
        if stopped.status == Some(0) {
            break;
        }
        assert_eq!(stopped.status, Some(6), "{write}: {stopped:?}");
        assert!(stopped.err.contains("there is no room for the additions"), "{stopped:?}");
    }
    let resumed = stage.run("rollback", &["--guard", "records", "--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

/// A server without room refuses the members and answers the expiry behind them, which has no key then: with 0.
#[test]
fn an_expiry_of_what_had_no_room_is_set_when_resumed() {
    for guard in ["replies", "records"] {
        for batch in ["1", "1000"] {
            let Some(server) = Server::builder().start() else { return };
            let mut scene = Scene { spec: SPEC.into(), ..Scene::default() };
            for (key, add) in [("set", "SADD set a b"), ("zset", "ZADD zset 1 a 2 b")] {
                let expire = format!("PEXPIREAT {key} 4102444800000"); // 2100-01-01 in ms
                scene = scene.state(&[add, &expire]).touch(key, key, 2).rollback(add, 2).rollback(&expire, 1);
                scene.touched.last_mut().expect("it was added").expire_at_ms = Some(4_102_444_800_000);
            }
            let stage = Stage::on(server, &scene.apply("UNLINK set zset", 2));
            let args = ["--guard", guard, "--batch-commands", batch];
            assert_eq!(stage.confirmed("apply", &args).status, Some(0));
            run(&stage, &["CONFIG SET maxmemory 1"]);
            let stopped = stage.confirmed("rollback", &args);
            assert_eq!(stopped.status, Some(6), "{guard} {batch}: {stopped:?}");
            assert!(stopped.err.contains("there is no room for the additions"), "{guard} {batch}: {stopped:?}");
            run(&stage, &["CONFIG SET maxmemory 0"]);
            let resumed = stage.run("rollback", &["--guard", guard, "--resume"]);
            assert_eq!(resumed.status, Some(0), "{guard} {batch}: {resumed:?}");
            assert_eq!(stage.server.digest(), stage.before, "{guard} {batch}");
        }
    }
}

#[test]
fn a_key_whose_content_changed_is_not_deleted() {
    let Some(stage) = each_type() else { return };
    run(&stage, &CHANGES);
    run(&stage, &["XDEL stream 5-1", "SREM set a", "ZREM zset a"]);
    let done = stage.confirmed("apply", &GUARD);
    assert_eq!(done.status, Some(7), "{done:?}");
    for key in ["text", "list", "hash", "document", "stream"] {
        assert_eq!(stage.server.query::<u64>(&["EXISTS", key]), 1, "{key}");
    }
    assert_eq!(sorted(&stage, "set"), ["c"]);
    assert_eq!(scores(&stage, "zset"), ["e", "5"]);
    assert!(done.out.contains("5 edits were not made"), "{done:?}");
}

#[test]
fn a_key_that_somebody_made_since_is_not_replaced() {
    for guard in ["replies", "records"] {
        let Some(stage) = each_type() else { return };
        assert_eq!(stage.confirmed("apply", &["--guard", guard]).status, Some(0));
        run(&stage, &["SET text theirs", "RPUSH list 9", "HSET hash f 9 z 9", "SADD set z", "ZADD zset 7 b"]);
        run(&stage, &["JSON.SET document $ 7", "XADD stream 9-1 f v"]);
        let back = stage.confirmed("rollback", &["--guard", guard, "--on-drift", "proceed"]);
        assert_eq!(back.status, Some(7), "{guard}: {back:?}");
        assert_eq!(stage.server.query::<String>(&["GET", "text"]), "theirs", "{guard}");
        assert_eq!(stage.server.query::<Vec<String>>(&["LRANGE", "list", "0", "-1"]), ["9"]);
        assert_eq!(stage.server.query::<Vec<String>>(&["HMGET", "hash", "f", "z"]), ["9", "9"]);
        assert_eq!(stage.server.query::<u64>(&["HLEN", "hash"]), 2);
        assert_eq!(stage.server.query::<String>(&["JSON.GET", "document"]), "7");
        assert_eq!(stage.server.query::<u64>(&["XLEN", "stream"]), 1);
        // Members are put back beside those that came; a score that somebody gave stays.
        assert_eq!(sorted(&stage, "set"), ["a", "b", "z"]);
        assert_eq!(stage.server.query::<String>(&["ZSCORE", "zset", "b"]), "7");
        assert_eq!(stage.server.query::<u64>(&["ZCARD", "zset"]), 4);
        // What is theirs does not expire because something of ours would have.
        for key in ["text", "list", "hash", "document"] {
            assert_eq!(stage.server.query::<i64>(&["PTTL", key]), -1, "{key}, {guard}");
        }
        if guard == "records" {
            for key in ["set", "zset"] {
                assert_eq!(stage.server.query::<i64>(&["PTTL", key]), -1, "{key}");
            }
        }
    }
}

/// What is made between the look and the write: nothing but the commands themselves can see it.
#[test]
fn a_key_made_at_the_last_moment_is_not_replaced() {
    for guard in ["replies", "records"] {
        let Some(stage) = each_type() else { return };
        assert_eq!(stage.confirmed("apply", &["--guard", guard]).status, Some(0));
        let pause = stage.folder.path().join("hold");
        std::fs::write(&pause, b"").expect("writable");
        let mut command =
            stage.command("rollback", &["--confirm", &stage.plan_id, "--guard", guard, "--on-drift", "proceed"]);
        let child = command.arg("--pause-file").arg(&pause).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program runs");
        let mut said = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        while !line.starts_with("paused: ") {
            line.clear();
            std::io::BufRead::read_line(&mut said, &mut line).expect("it says that it is paused");
        }
        run(&stage, &["SET text theirs", "JSON.SET document $ 7", "XADD stream 9-1 f v", "ZADD zset 7 b"]);
        if guard == "records" {
            run(&stage, &["RPUSH list 9", "HSET hash f 9"]);
        }
        std::fs::remove_file(&pause).expect("it is there");
        // Nobody reads its standard error any more.
        drop(said);
        assert_eq!(child.wait().expect("it ends").code(), Some(7), "{guard}");
        assert_eq!(stage.server.query::<String>(&["GET", "text"]), "theirs", "{guard}");
        assert_eq!(stage.server.query::<String>(&["JSON.GET", "document"]), "7");
        assert_eq!(stage.server.query::<String>(&["ZSCORE", "zset", "b"]), "7");
        assert_eq!(stage.server.query::<u64>(&["XLEN", "stream"]), 1);
        if guard == "records" {
            assert_eq!(stage.server.query::<Vec<String>>(&["LRANGE", "list", "0", "-1"]), ["9"]);
            assert_eq!(stage.server.query::<Vec<String>>(&["HGETALL", "hash"]), ["f", "9"]);
        }
    }
}

/// A list in the place of a set, which the apply built anew.
fn rebuilt() -> Scene {
    Scene { spec: SPEC.into(), ..Scene::default() }
        .state(&["RPUSH index:r 1 2 3", "SET project:r x"])
        .state(&["HSET message:1 projectId r time 1", "HSET message:2 projectId r time 2"])
        .touch("index:r", "list", 3)
        .apply("UNLINK index:r", 1)
        .apply("SADD index:r message:1 message:2", 2)
        .rollback("UNLINK index:r", 1)
        .rollback("RPUSH index:r 1 2 3", 3)
}

#[test]
fn what_came_to_a_key_built_anew_stays() {
    for late in [false, true] {
        let Some(stage) = Stage::new(&rebuilt()) else { return };
        assert_eq!(stage.confirmed("apply", &["--guard", "records"]).status, Some(0));
        assert_eq!(sorted(&stage, "index:r"), ["message:1", "message:2"]);
        if late {
            run(&stage, &["HSET message:3 projectId r time 3", "SADD index:r message:3"]);
        }
        let back = stage.confirmed("rollback", &GUARD);
        if late {
            assert_eq!(back.status, Some(7), "{back:?}");
            assert_eq!(sorted(&stage, "index:r"), ["message:3"]);
        } else {
            assert_eq!(back.status, Some(0), "{back:?}");
            assert_eq!(stage.server.digest(), stage.before);
        }
    }
}

#[test]
fn faults_under_guard_with_keys_of_all_types() {
    let scene = Scene { spec: SPEC.into(), ..many() };
    let Some(ground) = Ground::with(scene, &["--guard", "records"]) else { return };
    let mut fired = 0;
    for write in (1..=40).step_by(3) {
        for fault in [
            Fault::CutBefore { write },
            Fault::CutAfter { write, bytes: 0 },
            Fault::Refuse { write, text: "LOADING Redis is loading".into(), times: 2 },
            Fault::KillReceived { bytes: 150 * write },
        ] {
            fired += u32::from(ground.both_ways(7, &fault));
        }
    }
    // One piece of the first command of the way back is refused, what follows it is not.
    for write in 2..=9 {
        let fault = Fault::Refuse { write, text: "READONLY You can't write".into(), times: 1 };
        fired += u32::from(ground.both_ways(100, &fault));
    }
    assert!(fired > 45, "{fired} of 64 came to pass");
}

/// A set that becomes a sorted set: emptied member by member, built anew, and back.
#[test]
fn faults_under_guard_with_a_key_of_another_type() {
    let scene = Scene { spec: SPEC.into(), ..Scene::default() }
        .state(&["SADD k a b c", "SADD l a b c"])
        .touch("k", "set", 3)
        .touch("l", "set", 3)
        .apply("UNLINK k l", 2)
        .apply("ZADD k 1 x 2 y", 2)
        .apply("ZADD l 1 x 2 y", 2)
        .rollback("UNLINK k l", 2)
        .rollback("SADD k a b c", 3)
        .rollback("SADD l a b c", 3);
    let Some(ground) = Ground::with(scene, &["--guard", "records"]) else { return };
    for write in 2..=7 {
        for fault in [
            Fault::CutBefore { write },
            Fault::CutAfter { write, bytes: 0 },
            Fault::Refuse { write, text: "LOADING Redis is loading".into(), times: 1 },
            Fault::Refuse { write, text: "READONLY You can't write".into(), times: 1 },
            Fault::Refuse { write, text: "OOM command not allowed".into(), times: 1 },
        ] {
            for batch in [1, 100] {
                ground.both_ways(batch, &fault);
            }
        }
    }
}

/// A server that is busy for longer than a record may change is not a record that changes.
#[test]
fn waiting_is_no_reason_to_keep() {
    let Some(ground) = Ground::with(scene(Form::Hash), &["--guard", "records"]) else { return };
    let fault = Fault::Refuse { write: 2, text: "LOADING Redis is loading the dataset in memory".into(), times: 7 };
    assert!(ground.both_ways(1, &fault));
}

/// An application that counts its writes in each record moves messages to and fro while the plan is rolled back. A record
/// that it wrote must be right in both indexes afterwards; one that it did not write must be as it was in the dump.
#[test]
fn concurrent_writers_of_a_rollback() {
    const MESSAGES: usize = 60;
    let mut scene = Scene { spec: SPEC.into(), ..Scene::default() }.state(&["SET project:a x", "SET project:b x"]);
    let (mut missing, mut stale) = (Vec::new(), Vec::new());
    for n in 0..MESSAGES {
        let (key, project) = (format!("message:{n}"), if n % 2 == 0 { "a" } else { "b" });
        scene.state.push(Form::Hash.write(&key, project, "1"));
        if n % 2 == 0 { missing.push(key) } else { stale.push(key) }
    }
    scene = scene
        .state(&[&format!("SADD index:a {}", stale.join(" ")), &format!("SADD index:b {}", stale.join(" "))])
        .touch("index:a", "set", stale.len() as u64)
        .apply(&format!("SADD index:a {}", missing.join(" ")), missing.len() as i64)
        .apply(&format!("SREM index:a {}", stale.join(" ")), stale.len() as i64);
    for key in &stale {
        scene = scene.rollback(&format!("SADD index:a {key}"), 1);
    }
    for key in &missing {
        scene = scene.rollback(&format!("SREM index:a {key}"), 1);
    }
    let Some(stage) = Stage::new(&scene) else { return };
    assert_eq!(stage.confirmed("apply", &["--guard", "records"]).status, Some(0));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = stage.server.connection();
            // Taken at random, so that some messages are moved an odd number of times and some an even one whenever the
            // rollback looks: where all were moved to the other index, nothing would be left to keep.
            let mut random: u64 = 7;
            // Every third message is left alone.
            while !stop.load(Ordering::SeqCst) {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % MESSAGES;
                if at.is_multiple_of(3) {
                    continue;
                }
                let key = format!("message:{at}");
                let from: String = query(&mut connection, &["HGET", &key, "projectId"]);
                let to = if from == "a" { "b" } else { "a" };
                redis::pipe()
                    .atomic()
                    .cmd("HSET")
                    .arg(&[&key, "projectId", to])
                    .cmd("HINCRBY")
                    .arg(&[&key, "time", "1"])
                    .cmd("SREM")
                    .arg(&[&format!("index:{from}"), &key])
                    .cmd("SADD")
                    .arg(&[&format!("index:{to}"), &key])
                    .exec(&mut connection)
                    .expect("the test's own server answers");
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let moved = |n: &usize| stage.server.query::<u64>(&["HGET", &format!("message:{n}"), "time"]) > 1;
        wait_until(|| (0..MESSAGES).filter(|n| !n.is_multiple_of(3)).all(|n| moved(&n)));
        let args = [&GUARD[..], &["--batch-commands", "5", "--max-rate", "60"]].concat();
        let done = stage.confirmed("rollback", &args);
        stop.store(true, Ordering::SeqCst);
        assert_eq!(done.status, Some(7), "{done:?}");
    });
    let (in_a, in_b) = (sorted(&stage, "index:a"), sorted(&stage, "index:b"));
    let mut written = 0;
    for n in 0..MESSAGES {
        let key = format!("message:{n}");
        let fields: Vec<String> = stage.server.query(&["HMGET", &key, "projectId", "time"]);
        let found = (in_a.contains(&key), in_b.contains(&key));
        if fields[1] == "1" {
            // Missing in a, or stale there.
            assert_eq!(found, if n % 2 == 0 { (false, false) } else { (true, true) }, "{key}");
        } else {
            written += 1;
            assert_eq!(found, (fields[0] == "a", fields[0] == "b"), "{key} is in {}", fields[0]);
        }
    }
    assert!(written > 10, "{written}");
}
