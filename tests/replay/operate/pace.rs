//! Rates, pauses, Ctrl-C, two operators, and what a program reads of all that.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::operate::bundle::{Scene, small};
use crate::operate::drift::wait_until;
use crate::operate::{Stage, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::Server;

/// A hundred sets that are created.
fn hundred() -> Scene {
    (0..100).fold(Scene::default(), |scene, n| {
        scene.touch(&format!("k{n}"), "none", 0).apply(&format!("SADD k{n} m"), 1).rollback(&format!("SREM k{n} m"), 1)
    })
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn a_rate_is_kept() {
    let Some(stage) = Stage::new(&hundred()) else { return };
    let start = Instant::now();
    let done = stage.confirmed("apply", &["--max-rate", "50", "--max-in-flight", "10"]);
    let took = start.elapsed();
    assert_eq!(done.status, Some(0), "{done:?}");
    // The last ten of a hundred may go 1.8 s after the first.
    assert!(took >= Duration::from_millis(1800), "{took:?}");
    let journal = std::fs::read_to_string(stage.dir().join("journal.ndjson")).expect("it is there");
    assert_eq!(journal.lines().filter(|line| line.contains("\"intent\"")).count(), 10);
}

#[test]
fn ctrl_c_ends_in_order_and_can_be_resumed() {
    let Some(stage) = Stage::new(&hundred()) else { return };
    let child = spawn(&mut stage.command("apply", &["--confirm", &stage.plan_id, "--max-rate", "20"]));
    wait_until(|| stage.server.query::<u64>(&["DBSIZE"]) >= 20);
    interrupt(&child);
    let output = child.wait_with_output().expect("the program ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{err}");
    assert!(err.contains("Ctrl-C: waiting") && err.contains(" --max-rate 20 --resume\n"), "{err}");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("commands are left to do"), "{out}");
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 100);
    assert_eq!(stage.run("verify", &[]).status, Some(0));
}

#[test]
fn ctrl_c_before_anything_was_sent() {
    let Some(stage) = Stage::new(&hundred()) else { return };
    let pause = stage.dir().join("pause");
    std::fs::write(&pause, b"").expect("writable");
    let child = spawn(&mut stage.command("apply", &["--confirm", &stage.plan_id]));
    let journal = stage.dir().join("journal.ndjson");
    wait_until(|| journal.exists());
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 0);
    assert!(!journal.exists(), "nothing is left behind");
    std::fs::remove_file(&pause).expect("it is there");
    assert_eq!(stage.confirmed("apply", &["--resume"]).status, Some(0));
    assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 100);
}

#[test]
fn the_second_ctrl_c_leaves_at_once() {
    let Some(stage) = Stage::new(&hundred()) else { return };
    // A server that does not answer holds the first one up.
    let child = spawn(&mut stage.command("apply", &["--confirm", &stage.plan_id, "--max-rate", "20"]));
    wait_until(|| stage.server.query::<u64>(&["DBSIZE"]) >= 20);
    let pid = stage.server.process_id().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &pid]).status().expect("kill runs").success();
    assert!(signal("-STOP"));
    std::thread::sleep(Duration::from_millis(1300));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    let start = Instant::now();
    let output = child.wait_with_output().expect("the program ends");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(signal("-CONT"));
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 100);
    let back = stage.confirmed("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.query::<u64>(&["DBSIZE"]), 0);
}

#[test]
fn the_second_operator_is_refused() {
    let Some(stage) = Stage::new(&hundred()) else { return };
    let first = spawn(&mut stage.command("apply", &["--confirm", &stage.plan_id, "--max-rate", "20"]));
    wait_until(|| stage.server.query::<u64>(&["DBSIZE"]) >= 20);
    for name in ["apply", "rollback"] {
        let second = stage.confirmed(name, &[]);
        assert_eq!(second.status, Some(4), "{second:?}");
        let who = format!("(process {}), since 2", first.id());
        assert!(second.err.contains(&who) && second.err.contains(" on "), "{second:?}");
    }
    assert_eq!(first.wait_with_output().expect("the program ends").status.code(), Some(0));
}

#[test]
fn events_for_a_program() {
    let Some(stage) = Stage::new(&small()) else { return };
    let done = stage.confirmed("apply", &["--format", "json", "--batch-commands", "4"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    let events: Vec<serde_json::Value> =
        done.out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert!(events.iter().all(|event| event["v"] == 1), "{events:?}");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    // The deletion goes alone; then four, then two.
    let batches = ["sending", "answered"].repeat(3);
    assert_eq!(names, [&["start", "no_drift"][..], &batches, &["summary", "end"]].concat());
    let start = &events[0];
    assert_eq!((&start["command"], &start["total"]), (&"apply".into(), &7.into()));
    assert_eq!(
        (&start["plan_id"], &start["to"]),
        (&(*stage.plan_id).into(), &stage.server.url().trim_end_matches('/').into())
    );
    for event in &events {
        let time = event["time"].as_str().expect("each event has a time");
        assert!(time.len() >= 20 && time.starts_with("20") && time.ends_with('Z'), "{event}");
    }
    assert!(events.iter().filter(|event| event["event"] == "answered").all(|event| event["total"] == 7), "{events:?}");
    let summary = &events[events.len() - 2];
    assert_eq!((&summary["commands"], &summary["of"], &summary["members"]), (&7.into(), &7.into(), &8.into()));
    assert_eq!((&summary["added"], &summary["removed"], &summary["deleted_keys"]), (&6.into(), &2.into(), &2.into()));
    assert!(summary["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{summary}");
    let end = &events[events.len() - 1];
    assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &0.into()));
    let again = stage.confirmed("apply", &["--format", "json"]);
    let end: serde_json::Value = serde_json::from_str(again.out.trim()).expect("one line of JSON");
    assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &4.into()), "{again:?}");
}

/// On a machine that is busy enough, five seconds pass before a replica is asked: then it is tried again, and only a
/// replica that is never waited for fails this.
#[test]
fn replicas_are_waited_for() {
    for attempt in 1.. {
        let Some(primary) = Server::builder().args(&["--repl-diskless-sync-delay", "0"]).start() else { return };
        let port = primary.port().to_string();
        let replica =
            Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start().expect("it starts like the first");
        wait_until(|| primary.query::<String>(&["INFO", "replication"]).contains("state=online"));
        let stage = Stage::on(primary, &small());
        let done = stage.confirmed("apply", &[]);
        assert_eq!(done.status, Some(0), "{done:?}");
        if done.out.contains("0 of 1 replicas have everything") && attempt < 5 {
            continue;
        }
        assert!(done.out.contains("1 of 1 replicas have everything"), "attempt {attempt}: {done:?}");
        // It was said, so it is so: nothing is waited for here.
        assert_eq!(replica.digest(), stage.server.digest());
        let mut verify = crate::operate::program();
        verify.arg("verify").arg(stage.dir()).args(["--to", &replica.url()]);
        assert_eq!(ran(&mut verify).status, Some(0));
        return;
    }
}

#[test]
fn a_replica_that_is_behind_is_waited_for() {
    let Some(primary) = Server::builder().args(&["--repl-diskless-sync-delay", "0"]).start() else { return };
    let port = primary.port().to_string();
    let replica =
        Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start().expect("it starts like the first");
    wait_until(|| primary.query::<String>(&["INFO", "replication"]).contains("state=online"));
    let stage = Stage::on(primary, &crate::operate::resume::many());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            replica.query::<()>(&["DEBUG", "SLEEP", "3"]);
        });
        let args = ["--max-lag", "1", "--max-rate", "10", "--batch-commands", "2"];
        let done = stage.confirmed("apply", &args);
        assert_eq!(done.status, Some(0), "{done:?}");
        assert!(done.err.contains("s behind; waiting until it is at most 1 s (--max-lag)"), "{done:?}");
        assert!(done.err.contains("--max-rate 10 --max-lag 1"), "for the way back, too: {done:?}");
    });
}

#[test]
fn a_look_that_takes_long_says_how_far_it_is() {
    let Some(stage) = Stage::new(&small()) else { return };
    let proxy = Proxy::start(stage.server.port(), Fault::Slow { millis: 1_200 });
    let to = format!("redis://127.0.0.1:{}", proxy.port);
    std::thread::scope(|scope| {
        for name in ["apply", "verify"] {
            let (stage, to) = (&stage, &to);
            scope.spawn(move || {
                let mut command = crate::operate::program();
                command.arg(name).arg(stage.dir()).args(["--to", to]);
                command.args(if name == "apply" { &["--dry-run"][..] } else { &["--settle", "0"] });
                let ran = ran(&mut command);
                // Five keys and five edits, the deletions and the key that is built anew apart; five keys.
                let of = if name == "apply" { "keys and edits" } else { "of 5 keys and edits" };
                assert!(ran.err.contains("looking: ") && ran.err.contains(of), "{name}: {ran:?}");
            });
        }
    });
}
