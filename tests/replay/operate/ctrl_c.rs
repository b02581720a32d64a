//! Ctrl-C: acknowledged at once, an end within a second, nothing left behind.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::operate::bundle::small;
use crate::operate::drift::wait_until;
use crate::operate::{Stage, names, program};
use crate::proxy::{Fault, Proxy};
use crate::support::judges::SCRIPT;

/// A second, and what a busy machine takes to end a process.
const SOON: Duration = Duration::from_millis(1_500);

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

/// Sends a signal, and waits for the end.
fn end(child: Child, name: &str) -> Ended {
    let began = Instant::now();
    signal(&child, name);
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Ended { status: output.status.code(), out: text(output.stdout), err: text(output.stderr), took: began.elapsed() }
}

#[test]
fn a_look_that_hangs_is_left_within_a_second() {
    let Some(stage) = Stage::new(&small()) else { return };
    let files = names(&stage.dir());
    for (name, args, way) in [
        ("apply", &["--dry-run"][..], "INT"),
        ("apply", &["--confirm", &stage.plan_id], "INT"),
        ("apply", &["--confirm", &stage.plan_id, "--format", "json"], "TERM"),
        ("rollback", &["--confirm", &stage.plan_id], "INT"),
        ("verify", &[], "INT"),
        ("verify", &[], "HUP"),
    ] {
        // The first answers come, and then none in time.
        let proxy = Proxy::start(stage.server.port(), Fault::Slow { millis: 120_000 });
        let to = format!("redis://127.0.0.1:{}", proxy.port);
        let mut command = program();
        let child = spawn(command.arg(name).arg(stage.dir()).args(["--to", &to]).args(args));
        std::thread::sleep(Duration::from_millis(400));
        let ended = end(child, way);
        assert_eq!(ended.status, Some(130), "{name} {args:?}: {}", ended.err);
        assert!(ended.took < SOON, "{name} {args:?}: {:?}", ended.took);
        assert!(ended.err.contains("Ctrl-C: stopping\n"), "{name} {args:?}: {}", ended.err);
        assert!(ended.err.contains("error: interrupted; nothing was written"), "{name} {args:?}: {}", ended.err);
        if args.contains(&"json") {
            let last = ended.out.lines().last().expect("events");
            assert!(last.contains("\"event\":\"end\"") && last.contains("\"exit\":130"), "{last}");
        }
        assert_eq!(names(&stage.dir()), files, "{name} {args:?} leaves nothing behind");
    }
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_server_that_does_not_answer_is_left_within_a_second() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let id = small().write(folder.path());
    let files = names(folder.path());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    for scheme in ["redis", "rediss"] {
        for (name, args) in [("apply", &["--confirm", &*id][..]), ("verify", &[])] {
            let to = format!("{scheme}://127.0.0.1:{port}");
            let child = spawn(program().arg(name).arg(folder.path()).args(["--to", &to]).args(args));
            std::thread::sleep(Duration::from_millis(300));
            let ended = end(child, "INT");
            assert_eq!(ended.status, Some(130), "{scheme} {name}: {}", ended.err);
            assert!(ended.took < SOON, "{scheme} {name}: {:?}", ended.took);
            assert!(ended.err.contains("interrupted; nothing was written"), "{scheme} {name}: {}", ended.err);
            assert_eq!(names(folder.path()), files);
        }
    }
}

#[test]
fn a_dump_that_does_not_come_is_left_within_a_second() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("plan");
    for args in
        [&["plan", "-", "--out", &out.display().to_string()][..], &["inventory", "-"], &["check", "-"], &["infer", "-"]]
    {
        let mut child = spawn(program().args(args).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(b"REDIS0010").expect("the program reads");
        std::thread::sleep(Duration::from_millis(300));
        let ended = end(child, "INT");
        drop(stdin);
        assert_eq!(ended.status, Some(130), "{args:?}: {}", ended.err);
        assert!(ended.took < SOON, "{args:?}: {:?}", ended.took);
        assert!(
            ended.err.contains("Ctrl-C: stopping") && ended.err.contains("error: interrupted"),
            "{args:?}: {}",
            ended.err
        );
        assert_eq!(names(folder.path()), Vec::<String>::new(), "{args:?} leaves nothing behind");
    }
}

#[test]
fn the_second_one_leaves_at_once_and_says_what_it_leaves() {
    let Some(stage) = Stage::new(&small()) else { return };
    let proxy = Proxy::start(stage.server.port(), Fault::Stall { write: 3 });
    let to = format!("redis://127.0.0.1:{}", proxy.port);
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &to, "--confirm", &stage.plan_id]);
    let mut child = spawn(&mut command);
    wait_until(|| stage.server.query::<u64>(&["EXISTS", "wrong"]) == 0);
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(900));
    assert!(child.try_wait().expect("it can be asked").is_none(), "it waits for the answers under way");
    let ended = end(child, "INT");
    assert_eq!(ended.status, Some(6), "{}", ended.err);
    assert!(ended.took < Duration::from_millis(700), "{:?}", ended.took);
    let journal = stage.dir().join("journal.ndjson");
    for part in ["Ctrl-C: waiting for the answers", "leaving at once: ", &journal.display().to_string(), " --resume\n"]
    {
        assert!(ended.err.contains(part), "{part:?} is not in {}", ended.err);
    }
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn the_question_can_be_left() {
    let Some(stage) = Stage::new(&small()) else { return };
    if SCRIPT.find().is_none() {
        return;
    }
    let line = format!(
        "{} apply {} --to {}; echo status $?",
        env!("CARGO_BIN_EXE_rdb-reindex"),
        stage.dir().display(),
        stage.server.url()
    );
    for keys in [&b"\x03"[..], b"no\n", stage.plan_id.as_bytes()] {
        let mut command = Command::new("script");
        let line = format!("trap : INT; {line}");
        command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh");
        for name in ["REDIS_URL", "RDB_REINDEX_PASSWORD", "REDISCLI_AUTH"] {
            command.env_remove(name);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script starts");
        let (mut keyboard, mut screen) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut shown = String::new();
        let mut read = |until: &str| {
            let mut bytes = [0; 4096];
            while !shown.contains(until) {
                let n = screen.read(&mut bytes).expect("readable");
                assert!(n > 0, "it ended without {until:?}: {shown:?}");
                shown.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
            shown.clone()
        };
        let asked = read("type the plan's id to go on: ");
        // The look, and what it comes to, stand before the question, in five lines.
        let sum = asked.find(&format!("apply of plan {}", stage.plan_id)).expect("the plan is summed up");
        assert_eq!(asked[sum..].lines().filter(|line| !line.starts_with("   ")).count(), 6, "{asked}");
        keyboard.write_all(keys).expect("typed");
        if keys == stage.plan_id.as_bytes() {
            keyboard.write_all(b"\n").expect("typed");
        }
        let all = read("status ");
        let (words, status) = match keys {
            b"\x03" => ("interrupted; nothing was written", "status 130"),
            b"no\n" => ("that is not the plan's id; nothing was written", "status 4"),
            _ => ("6 members added, 2 removed, 2 keys deleted", "status 0"),
        };
        let all = if all.contains(status) { all } else { read(status) };
        assert!(all.contains(words) && all.contains(status), "{all}");
        drop(keyboard);
        child.wait().expect("it ends");
        if keys != stage.plan_id.as_bytes() {
            assert_eq!(stage.server.digest(), stage.before);
            assert!(!names(&stage.dir()).contains(&"journal.ndjson".to_owned()));
        }
    }
    assert_eq!(stage.run("verify", &[]).status, Some(0));
}
