//! Rehearsals in real servers.

use std::path::PathBuf;
use std::process::{Command, Output};

use rdb_reindex::model::spec::Spec;
use rdb_reindex::rehearse::{Files, Live, Meaning, Model, Problem, Program as Ours, ServerError, Watchdog, run_live};

use super::agree::{CAPS, SPEC, lifted, planned, random_dump};
use super::{file, replies};
use crate::support::dump_writer::DumpBuilder;
use crate::support::server::Program;

/// 2027-01-15, later than the `ctime` of every dump here.
const NOW_MS: i64 = 1_800_000_000_000;

fn server(server: Program, modules: &[Program]) -> Option<Ours> {
    let modules = modules.iter().map(|module| module.find()).collect::<Option<Vec<_>>>()?;
    Some(Ours { server: server.find()?, modules, cluster: false })
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("not the far future").max(NOW_MS)
}

#[test]
fn random_states_in_a_server() {
    let Some(program) = server(Program::Redis70, &[Program::ReJson]) else { return };
    let spec = lifted(SPEC);
    for seed in 1..=6 {
        let dump = random_dump(seed, 10);
        let (bundle, apply, rollback) = planned(&dump, &spec, CAPS).expect("nothing refuses");
        let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
        let files = Files::new(&bundle, &apply, &rollback);
        let live = run_live(&model, files, &dump, &program, now_ms(), &Watchdog::default()).expect("a server");
        assert_eq!(live.findings.first, [], "seed {seed}");
        assert!(live.keys > 10, "{} keys", live.keys);
    }
}

const ONE: &str = r#"
version = 1
accept = ["other-type", "foreign-members"]
[[record]]
name = "r"
key = "r:*"
[[index]]
name = "i"
policy = "maintain"
from = "r"
key = "i:{p}"
member = "{@key}"
"#;

/// One index; `build` makes a record that implies `i:a`, and what else there is.
fn live(program: &Ours, dump: &[u8], apply: (&[&str], &str), rollback: (&[&str], &str)) -> Result<Live, ServerError> {
    let spec = Spec::parse(ONE, "test.toml").expect("the spec is right");
    let model = Model::read(dump, &spec, Meaning::Careful).expect("the dump is whole");
    let files = Files {
        apply: &file(apply.0),
        apply_replies: &replies(apply.1),
        rollback: &file(rollback.0),
        rollback_replies: &replies(rollback.1),
        caps: CAPS,
        by_slot: false,
    };
    run_live(&model, files, dump, program, now_ms(), &Watchdog::default())
}

/// Two keys that expire a second after the dump was made, long ago by now; one of them is an index key.
fn with_expiries() -> Vec<u8> {
    let mut b = DumpBuilder::new(10);
    b.server_aux(1_736_185_500).select_db(0).string("r:1", r#"{"p":"a"}"#);
    b.expire_ms(1_736_185_501_000).list("i:b", &["x", "y"]);
    b.expire_ms(1_736_185_501_000).string("other", "x");
    b.expire_ms(1_736_185_499_000).string("gone", "x");
    b.finish()
}

#[test]
fn a_right_plan_with_times_is_proven() {
    let Some(program) = server(Program::Redis70, &[]) else { return };
    let rollback = ["RPUSH i:b x y", "PEXPIREAT i:b 1736185501000", "SREM i:a r:1"];
    let live = live(&program, &with_expiries(), (&["UNLINK i:b", "SADD i:a r:1"], "1 1"), (&rollback, "2 1 1"));
    let live = live.expect("a server");
    assert_eq!(live.findings.first, []);
    // r:1, i:b and other; "gone" had expired.
    assert_eq!(live.keys, 3);
    assert!(live.version.starts_with("redis 7."), "{}", live.version);
}

#[test]
fn wrong_plans_are_caught_by_a_server() {
    let Some(program) = server(Program::Redis70, &[]) else { return };
    let rollback = ["RPUSH i:b x y", "PEXPIREAT i:b 1736185501000", "SREM i:a r:1"];
    let right = (&["UNLINK i:b", "SADD i:a r:1"][..], "1 1");
    let problems = |apply: (&[&str], &str), rollback: (&[&str], &str)| {
        let live = live(&program, &with_expiries(), apply, rollback).expect("a server");
        let mut found: Vec<Problem> = live.findings.first.iter().map(|finding| finding.problem).collect();
        found.sort();
        found.dedup();
        found
    };
    assert_eq!(problems((right.0, "1 2"), (&rollback, "2 1 1")), [Problem::Reply]);
    assert_eq!(problems((&["UNLINK i:b"], "1"), (&rollback[..2], "2 1")), [Problem::State]);
    // A neighbour is gone, and stays gone.
    assert_eq!(problems((&["UNLINK i:b other", "SADD i:a r:1"], "2 1"), (&rollback, "2 1 1")), [Problem::State]);
    // Another order, and another time.
    assert_eq!(problems(right, (&["RPUSH i:b y x", rollback[1], rollback[2]], "2 1 1")), [Problem::State]);
    let later = ["RPUSH i:b x y", "PEXPIREAT i:b 1736185501001", "SREM i:a r:1"];
    assert_eq!(problems(right, (&later, "2 1 1")), [Problem::State]);
}

/// HASH_METADATA: the smallest expiry, then for each field 0 or one more than what it is after that, name and value.
#[test]
fn fields_with_expiries() {
    let Some(program) = server(Program::Redis82, &[]) else { return };
    let mut b = DumpBuilder::new(12);
    b.server_aux(1_736_185_500).select_db(0).string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1"]);
    for key in ["i:b", "other"] {
        b.key(24, key).bytes(1_736_185_501_000_i64.to_le_bytes()).len(3);
        b.len(0).put("f").put("v").len(1).put("g").put("w").len(1001).put("h").put("w");
    }
    let rollback =
        ["HSET i:b f v g w h w", "HPEXPIREAT i:b 1736185501000 FIELDS 1 g", "HPEXPIREAT i:b 1736185502000 FIELDS 1 h"];
    let live = live(&program, &b.finish(), (&["UNLINK i:b"], "1"), (&rollback, "3 1 1")).expect("a server");
    assert_eq!(live.findings.first, []);
    assert_eq!(live.keys, 4);
}

#[test]
fn a_server_that_cannot_load_the_dump_says_why() {
    let Some(program) = server(Program::Redis70, &[]) else { return };
    let mut b = DumpBuilder::new(12);
    b.server_aux(1_736_185_500).select_db(0).string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1"]);
    let error = live(&program, &b.finish(), (&[], ""), (&[], "")).expect_err("refused");
    assert!(matches!(&error, ServerError::Exited(log) if log.contains("RDB format version 12")), "{error}");
}

#[test]
fn a_leash_that_was_pulled_lets_no_server_start() {
    let Some(program) = server(Program::Redis70, &[]) else { return };
    let spec = Spec::parse(ONE, "test.toml").expect("the spec is right");
    let dump = with_expiries();
    let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
    let files =
        Files { apply: b"", apply_replies: &[], rollback: b"", rollback_replies: &[], caps: CAPS, by_slot: false };
    let watchdog = Watchdog::default();
    assert!(!watchdog.stop());
    assert!(watchdog.stop());
    let error = run_live(&model, files, &dump, &program, now_ms(), &watchdog).expect_err("interrupted");
    assert!(matches!(error, ServerError::Interrupted), "{error}");
}

fn program(args: &[&str], envs: &[(&str, PathBuf)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    command.args(args).envs(envs.iter().map(|(name, path)| (name, path)));
    command.output().expect("the program runs")
}

#[test]
fn the_fixture_on_the_command_line() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/discord-analytics.rdb");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan");
    let plan = path.to_str().expect("UTF-8");
    assert!(program(&["plan", fixture, "--out", plan], &[]).status.success());
    let output = program(&["rehearse", plan, fixture], &[]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    // fixtures/README.md: 2,001 + 2,040 + 2,008 index keys and the list of projects.
    assert!(text.contains("  proven  in memory: ") && text.contains(", 6050 keys compared"), "{text}");
    assert!(text.contains("          independent of the pass, the comparison and the choice of commands"), "{text}");

    let other = folder.path().join("other.rdb");
    std::fs::write(&other, with_expiries()).expect("written");
    let output = program(&["rehearse", plan, other.to_str().expect("UTF-8")], &[]);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("this is not the dump that the plan was made from"), "{text}");

    let output = program(&["rehearse", plan, fixture, "--server", "/nowhere/redis-server"], &[]);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("there is no server /nowhere/redis-server\nhint: "), "{text}");

    let (Some(server), Some(rejson)) = (Program::Redis70.find(), Program::ReJson.find()) else { return };
    let server = server.to_str().expect("UTF-8");
    let output = program(&["rehearse", plan, fixture, "--server", server], &[("RDB_REINDEX_REJSON", rejson)]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("  proven  in redis 7."), "{text}");

    let rollback = path.join("rollback.resp");
    let mut bytes = std::fs::read(&rollback).expect("there");
    bytes[20] ^= 1;
    std::fs::write(&rollback, bytes).expect("written");
    let output = program(&["rehearse", plan, fixture], &[]);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.code() == Some(1) && text.contains("rollback.resp"), "{text}");
}
