//! `--guard records`: records that change after the dump, before a replay and during it.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::operate::bundle::{Scene, small};
use crate::operate::drift::wait_until;
use crate::operate::resume::Ground;
use crate::operate::{Stage, program, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::{Server, query};

pub const SPEC: &str = r#"version = 1

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
require = [{ record = "project", key = "project:{projectId}" }]

[[index]]
name = "ranked"
policy = "maintain"
type = "zset"
from = "message"
key = "ranked:{projectId}"
member = "{@key}"
score = "{time}"

[[index]]
name = "by-user"
policy = "retire"
from = "message"
key = "user:{userId}"
"#;

/// How the records are kept.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    Json,
    Text,
    Hash,
}

impl Form {
    pub fn write(self, key: &str, project: &str, time: &str) -> Vec<Vec<u8>> {
        let document = format!(r#"{{"x":{{"projectId":"no"}},"projectId":"{project}","time":{time}}}"#);
        let args: Vec<&str> = match self {
            Self::Json => vec!["JSON.SET", key, "$", &document],
            Self::Text => vec!["SET", key, &document],
            Self::Hash => vec!["HSET", key, "projectId", project, "time", time],
        };
        args.into_iter().map(|arg| arg.as_bytes().to_vec()).collect()
    }
}

/// Messages 1 to 6, in projects a and b. Missing: 1 to 3 in index:a. Stale: 4 to 6 there, which belong to b.
pub fn scene(form: Form) -> Scene {
    let mut scene = Scene { spec: SPEC.into(), ..Scene::default() };
    for n in 1..=6 {
        scene.state.push(form.write(&format!("message:{n}"), if n <= 3 { "a" } else { "b" }, &n.to_string()));
    }
    scene
        .state(&["SET project:a x", "SET project:b x"])
        .state(&["SADD index:a message:4 message:5 message:6", "SADD index:b message:4 message:5 message:6"])
        .state(&["SADD index:gone message:7 message:8", "SADD user:u message:1 message:2"])
        .state(&["ZADD ranked:a 1 message:1 2 message:2 3 message:3", "ZADD ranked:b 4 message:4 9 message:5"])
        .touch("index:a", "set", 3)
        .touch("index:gone", "set", 2)
        .touch("user:u", "set", 2)
        .touch("ranked:b", "zset", 2)
        .apply("UNLINK index:gone user:u", 2)
        .apply("SADD index:a message:1 message:2 message:3", 3)
        .apply("ZADD ranked:b 5 message:5 6 message:6", 1)
        .apply("SREM index:a message:4 message:5 message:6", 3)
        .rollback("SADD index:gone message:7 message:8", 2)
        .rollback("SADD user:u message:1 message:2", 2)
        .rollback("SADD index:a message:4 message:5 message:6", 3)
        .rollback("ZADD ranked:b 9 message:5", 0)
        .rollback("SREM index:a message:1 message:2 message:3", 3)
        .rollback("ZREM ranked:b message:6", 1)
}

pub fn sorted(stage: &Stage, key: &str) -> Vec<String> {
    let mut members: Vec<String> = stage.server.query(&["SMEMBERS", key]);
    members.sort();
    members
}

#[test]
fn records_that_did_not_move_make_no_difference() {
    for form in [Form::Json, Form::Text, Form::Hash] {
        let Some(server) = Server::builder().rejson().start() else { return };
        let stage = Stage::on(server, &scene(form));
        let done = stage.confirmed("apply", &["--guard", "records"]);
        assert_eq!(done.status, Some(0), "{form:?}: {done:?}");
        assert_eq!(sorted(&stage, "index:a"), ["message:1", "message:2", "message:3"]);
        assert_eq!(stage.server.query::<u64>(&["EXISTS", "index:gone", "user:u"]), 0);
        assert_eq!(stage.run("verify", &[]).status, Some(0));
        let back = stage.confirmed("rollback", &["--guard", "records"]);
        assert_eq!(back.status, Some(0), "{form:?}: {back:?}");
        assert!(!back.err.contains("warning"), "nothing is missing: {back:?}");
        assert_eq!(stage.server.digest(), stage.before, "{form:?}");
    }
}

#[test]
fn edits_whose_record_has_moved_are_not_made() {
    for form in [Form::Json, Form::Text, Form::Hash] {
        let Some(server) = Server::builder().rejson().start() else { return };
        let stage = Stage::on(server, &scene(form));
        let mut connection = stage.server.connection();
        // 2 is gone, 3 has moved to b, 5 has come to a, 6 has another time; somebody is late in a retired index.
        query::<redis::Value>(&mut connection, &["DEL", "message:2"]);
        query::<redis::Value>(&mut connection, &form.write("message:3", "b", "3"));
        query::<redis::Value>(&mut connection, &form.write("message:5", "a", "5"));
        query::<redis::Value>(&mut connection, &form.write("message:6", "b", "66"));
        query::<redis::Value>(&mut connection, &["SADD", "user:u", "message:late"]);
        query::<redis::Value>(&mut connection, &["SADD", "index:gone", "message:late"]);
        let drifted = stage.server.digest();
        let done = stage.confirmed("apply", &["--guard", "records", "--on-drift", "proceed"]);
        assert_eq!(done.status, Some(7), "{form:?}: {done:?}");
        // Not added: 2 and 3. Not removed: 5. Not ranked: 5 (now of a) and 6 (another score).
        assert!(done.out.contains("5 edits were not made, because their record has moved"), "{form:?}: {done:?}");
        assert!(done.err.contains("SADD index:a: 2 edits are no longer right"), "{done:?}");
        assert_eq!(sorted(&stage, "index:a"), ["message:1", "message:5"]);
        let ranked: Vec<String> = stage.server.query(&["ZRANGE", "ranked:b", "0", "-1", "WITHSCORES"]);
        assert_eq!(ranked, ["message:4", "4", "message:5", "9"]);
        assert_eq!(sorted(&stage, "user:u"), ["message:late"]);
        assert_eq!(sorted(&stage, "index:gone"), ["message:late"]);
        let back = stage.confirmed("rollback", &["--on-drift", "proceed"]);
        assert_eq!(back.status, Some(0), "{form:?}: {back:?}");
        assert_eq!(stage.server.digest(), drifted, "{form:?}: exactly what was done is undone");
    }
}

#[test]
fn a_required_record_counts() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    stage.server.query::<u64>(&["DEL", "project:a"]);
    let done = stage.confirmed("apply", &["--guard", "records"]);
    assert_eq!(done.status, Some(7), "{done:?}");
    assert!(done.out.contains("3 edits were not made"), "{done:?}");
    assert_eq!(stage.server.query::<u64>(&["EXISTS", "index:a"]), 0, "its stale members went, nothing came");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let spec = SPEC.replace("member = \"{@key}\"", "member = \"{projectId}\"");
    let scene = Scene { spec, ..scene(Form::Hash) };
    let Some(stage) = Stage::new(&scene) else { return };
    let refused = stage.confirmed("apply", &["--guard", "records"]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.err.contains("the members of the index by-project are not the keys"), "{refused:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_key_of_another_type_is_deleted_only_as_it_was() {
    for late in [false, true] {
        let scene = Scene { spec: SPEC.into(), ..Scene::default() }
            .state(&["RPUSH index:list 1 2"])
            .touch("index:list", "list", 2)
            .apply("UNLINK index:list", 1)
            .rollback("RPUSH index:list 1 2", 2);
        let Some(stage) = Stage::new(&scene) else { return };
        if late {
            stage.server.query::<u64>(&["RPUSH", "index:list", "3"]);
        }
        let done = stage.confirmed("apply", &["--guard", "records", "--on-drift", "proceed"]);
        assert_eq!(done.status, Some(if late { 7 } else { 0 }), "{done:?}");
        assert_eq!(stage.server.query::<bool>(&["EXISTS", "index:list"]), late);
        let back = stage.confirmed("rollback", &["--on-drift", "proceed"]);
        assert_eq!(back.status, Some(0), "{back:?}");
        assert_eq!(stage.server.query::<u64>(&["LLEN", "index:list"]), if late { 3 } else { 2 });
    }
}

/// An application that keeps record and index right together moves messages to and fro while the plan is applied.
/// Afterwards the index must be right for every message: no wrong edit is ours.
#[test]
fn concurrent_writers() {
    const MESSAGES: usize = 60;
    let mut scene = Scene { spec: SPEC.into(), ..Scene::default() }.state(&["SET project:a x", "SET project:b x"]);
    let (mut missing, mut stale) = (Vec::new(), Vec::new());
    for n in 0..MESSAGES {
        let (key, project) = (format!("message:{n}"), if n % 2 == 0 { "a" } else { "b" });
        scene.state.push(Form::Hash.write(&key, project, "1"));
        // Those of a are missing in its index; those of b stand in it.
        if n % 2 == 0 { missing.push(key) } else { stale.push(key) }
    }
    scene = scene
        .state(&[&format!("SADD index:a {}", stale.join(" ")), &format!("SADD index:b {}", stale.join(" "))])
        .touch("index:a", "set", stale.len() as u64);
    for key in &missing {
        scene = scene.apply(&format!("SADD index:a {key}"), 1).rollback(&format!("SREM index:a {key}"), 1);
    }
    for key in &stale {
        scene = scene.apply(&format!("SREM index:a {key}"), 1).rollback(&format!("SADD index:a {key}"), 1);
    }
    let Some(stage) = Stage::new(&scene) else { return };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = stage.server.connection();
            let mut at = 7;
            while !stop.load(Ordering::SeqCst) {
                at = (at * 31 + 11) % MESSAGES;
                let key = format!("message:{at}");
                let from: String = query(&mut connection, &["HGET", &key, "projectId"]);
                let to = if from == "a" { "b" } else { "a" };
                redis::pipe()
                    .atomic()
                    .cmd("HSET")
                    .arg(&[&key, "projectId", to])
                    .cmd("SREM")
                    .arg(&[&format!("index:{from}"), &key])
                    .cmd("SADD")
                    .arg(&[&format!("index:{to}"), &key])
                    .exec(&mut connection)
                    .expect("the test's own server answers");
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        });
        let args = ["--guard", "records", "--on-drift", "proceed", "--batch-commands", "5", "--max-rate", "100"];
        let done = stage.confirmed("apply", &args);
        stop.store(true, Ordering::SeqCst);
        assert!(matches!(done.status, Some(0 | 7)), "{done:?}");
    });
    let (in_a, in_b) = (sorted(&stage, "index:a"), sorted(&stage, "index:b"));
    for n in 0..MESSAGES {
        let key = format!("message:{n}");
        let project: String = stage.server.query(&["HGET", &key, "projectId"]);
        assert_eq!(
            (in_a.contains(&key), in_b.contains(&key)),
            (project == "a", project == "b"),
            "{key} is in {project}"
        );
    }
}

#[test]
fn killed_and_resumed_under_guard() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    let args = ["--guard", "records", "--batch-commands", "1", "--max-rate", "2", "--confirm", &stage.plan_id];
    let mut child = stage.command("apply", &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    wait_until(|| stage.server.query::<u64>(&["EXISTS", "index:gone"]) == 0);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let mut resume = program();
    resume.arg("apply").arg(stage.dir()).args(["--to", &stage.server.url(), "--guard", "records", "--resume"]);
    let resumed = ran(&mut resume);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn faults_under_guard() {
    let Some(ground) = Ground::with(scene(Form::Hash), &["--guard", "records"]) else { return };
    let mut fired = 0;
    for write in 1..=8 {
        let refuse = |text: &str| Fault::Refuse { write, text: text.into(), times: 1 };
        for fault in [
            Fault::CutBefore { write },
            Fault::CutAfter { write, bytes: 0 },
            Fault::CutAfter { write, bytes: 6 },
            refuse("LOADING Redis is loading the dataset in memory"),
            refuse("READONLY You can't write against a read only replica."),
            Fault::KillSent { bytes: 400 * write },
            Fault::KillReceived { bytes: 60 * write },
        ] {
            fired += u32::from(ground.both_ways(2, &fault));
        }
    }
    assert!(fired > 40, "{fired} of 56 came to pass");
}

#[test]
fn scripts_without_the_flag_where_the_server_knows_none() {
    // Redis 7.0 rejects the flag, 6.2 the whole first line; both run the script.
    for program in [crate::support::server::Program::Redis70, crate::support::server::Program::Redis62] {
        let Some(server) = Server::builder().program(program).start() else { continue };
        let mut scene = small();
        scene.spec = SPEC.into();
        let stage = Stage::on(server, &scene);
        let done = stage.confirmed("apply", &["--guard", "records"]);
        assert_eq!(done.status, Some(0), "{done:?}");
    }
}

/// Runs `NAME DIR --guard records` through a proxy.
fn through(stage: &Stage, proxy: &Proxy, name: &str) -> crate::operate::Ran {
    let mut command = program();
    command.arg(name).arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    ran(command.args(["--guard", "records", "--confirm", &stage.plan_id]))
}

#[test]
fn scripts_with_the_flag_where_the_server_wants_it() {
    // Upstash locks the whole database for a script without the flag; this stand-in refuses such a script.
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    let proxy = Proxy::start(stage.server.port(), Fault::DeclaredOnly);
    for name in ["apply", "rollback"] {
        let done = through(&stage, &proxy, name);
        assert_eq!(done.status, Some(0), "{done:?}");
    }
    assert!(!proxy.fired(), "no script came without the flag");
    assert_eq!(stage.server.digest(), stage.before);
    // It is what the stand-in says it is.
    let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", proxy.port))
        .and_then(|client| client.get_connection())
        .expect("the proxy is there");
    let plain = redis::cmd("EVAL").arg("return 1").arg(0).query::<u64>(&mut connection);
    assert!(plain.is_err() && proxy.fired());
}

#[test]
fn where_no_script_runs_nothing_is_edited() {
    let Some(stage) = Stage::new(&scene(Form::Hash)) else { return };
    let proxy = Proxy::start(stage.server.port(), Fault::NoScripts);
    let refused = through(&stage, &proxy, "apply");
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.err.contains("EVAL was answered with error \"NOPERM"), "{refused:?}");
    assert!(refused.err.contains("nothing was sent") && refused.err.contains("--guard replies"), "{refused:?}");
    assert_eq!(stage.server.digest(), stage.before);
    assert!(!stage.dir().join("journal.ndjson").exists(), "nothing was begun");
}

#[test]
fn an_index_that_is_not_edited_needs_no_judge() {
    // The members of the other index are no keys, but the plan has no edit of it.
    let spec = SPEC.replace(
        "key = \"index:{projectId}\"\nmember = \"{@key}\"",
        "key = \"index:{projectId}\"\nmember = \"{time}\"",
    );
    let mut scene = Scene { spec, ..Scene::default() }
        .state(&["HSET message:1 projectId a time 1"])
        .touch("ranked:a", "none", 0)
        .apply("ZADD ranked:a 1 message:1", 1)
        .rollback("ZREM ranked:a message:1", 1);
    for (name, added) in [("by-project", 0), ("ranked", 1), ("by-user", 0)] {
        scene.indexes.push((name.into(), added));
    }
    let Some(stage) = Stage::new(&scene) else { return };
    let done = stage.confirmed("apply", &["--guard", "records"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    scene.indexes[0].1 = 1;
    let other = Stage::new(&scene).expect("the first started");
    let refused = other.confirmed("apply", &["--guard", "records"]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
}

/// Between the look and the write the application gives members the scores that the plan would give them: a new one, and
/// one that has another score. They are its edits, beside others that are ours.
#[test]
fn a_score_that_the_application_set_itself_is_not_undone() {
    let scene = scene(Form::Hash).state(&["ZADD ranked:b 1 message:1"]);
    let Some(stage) = Stage::new(&scene) else { return };
    let pause = stage.folder.path().join("hold");
    std::fs::write(&pause, b"").expect("writable");
    let mut command = stage.command("apply", &["--guard", "records", "--on-drift", "proceed"]);
    command.args(["--confirm", &stage.plan_id, "--pause-file"]).arg(&pause);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut said = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with("paused: ") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut said, &mut line).expect("it says that it is paused");
        assert!(read > 0, "it ended");
    }
    stage.server.query::<u64>(&["ZADD", "ranked:b", "5", "message:5", "6", "message:6"]);
    std::fs::remove_file(&pause).expect("it is there");
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let back = stage.confirmed("rollback", &["--guard", "records", "--on-drift", "proceed"]);
    assert_eq!(back.status, Some(0), "{back:?}");
    let ranked: Vec<String> = stage.server.query(&["ZRANGE", "ranked:b", "0", "-1", "WITHSCORES"]);
    assert_eq!(ranked, ["message:1", "1", "message:4", "4", "message:5", "5", "message:6", "6"]);
    assert_eq!(sorted(&stage, "index:a"), ["message:4", "message:5", "message:6"], "the other edits are undone");
}
