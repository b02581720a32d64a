//! What is applied, undone, and stopped, on a real server.

use std::collections::HashMap;

use rdb_reindex::bundle::manifest::{Reply as Expected, Touched};
use rdb_reindex::bundle::resp::{self, BatchLimits};
use rdb_reindex::replay::journal::Way;
use rdb_reindex::replay::{Connection, Forecast, LookOptions, Proven, Script, preflight, read};

use super::{
    Replayed, Scene, apply, file, integers, members, open, refusal, replay, run, scene, target, touched, verify,
};
use crate::support::server::{Program, Server};

#[test]
fn apply_reaches_the_target_and_rollback_leads_back() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    let before = server.digest();
    let done = apply(open(&server), &scene.apply, &scene.applied).assert_done().done;
    assert_eq!((done.commands, done.members, done.deleted_keys), (7, 8, 2));
    assert_eq!(done.bytes, scene.apply.len() as u64);
    assert_eq!(members(&server, "kept"), ["a", "b", "new"]);
    assert_eq!(members(&server, "retyped"), ["r"]);
    assert_eq!(members(&server, "created"), ["c", "d"]);
    let ranked: Vec<String> = server.query(&["ZRANGE", "ranked", "0", "-1", "WITHSCORES"]);
    assert_eq!(ranked, ["n", "-inf", "m", "1.5", "moved", "4.25"]);
    assert_eq!(server.query::<u64>(&["EXISTS", "wrong"]), 0);

    roll_back(open(&server), &scene.rollback, &scene.rolled_back).assert_done();
    assert_eq!(server.digest(), before);
}

#[test]
fn a_batch_of_every_size_gives_the_same_state() {
    let Some(server) = Server::builder().start() else { return };
    // 3,000 commands of 7 members: 1 MB and more, so that both limits matter.
    let mut plan = Vec::new();
    for key in 0..3_000 {
        let (key, pad) = (format!("key:{key}"), "m".repeat(40));
        let members: Vec<String> = (0..7).map(|member| format!("{pad}{member}")).collect();
        let args: Vec<&str> = ["SADD", &key].into_iter().chain(members.iter().map(String::as_str)).collect();
        resp::encode(&args, &mut plan);
    }
    let expected = integers(&[7; 3_000]);
    let mut digests = Vec::new();
    for (commands, bytes) in [(1_000, 1_000_000), (7, usize::MAX), (usize::MAX, 100_000), (usize::MAX, usize::MAX)] {
        run(&server, &["FLUSHALL"]);
        let limits = BatchLimits { commands, bytes };
        let replayed = replay(open(&server), &plan, &expected, Way::Apply, limits);
        assert_eq!(replayed.assert_done().done.members, 21_000);
        digests.push(server.digest());
    }
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 3_000);
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn a_plan_for_several_databases_selects_them() {
    let Some(server) = Server::builder().start() else { return };
    let plan = file(&["SADD k zero", "SELECT 3", "SADD k three"]);
    let expected = [Expected::Integer(1), Expected::Status("OK".into()), Expected::Integer(1)];
    // The change of the database is no command of its own.
    assert_eq!(apply(open(&server), &plan, &expected).assert_done().done.commands, 2);
    let keyspace: String = server.query(&["INFO", "keyspace"]);
    assert!(keyspace.contains("db0:keys=1,") && keyspace.contains("db3:keys=1,"), "{keyspace}");
    // A look selects what it looks at, wherever it starts.
    let mut in_db_3 = target(&format!("{}3", server.url()), None);
    let mut link = Connection::open(&in_db_3).expect("db 3 exists");
    let dump = [touched("k", "none", 0), Touched { db: 3, ..touched("k", "none", 0) }];
    let wanted = Forecast::new(&dump).after(&read(&plan, Script::Apply, &expected).expect("the file is right").0);
    let found =
        preflight(&mut link, wanted.keys(), &HashMap::new(), &LookOptions::default(), &mut |_| {}).expect("it looks");
    assert!(found.drift.is_empty(), "{found:?}");
    assert_eq!(found.looked_at, 2);
    let mut fresh = open(&server);
    let of_both = Scene {
        state: Vec::new(),
        touched: dump.to_vec(),
        apply: plan.clone(),
        applied: expected.to_vec(),
        rollback: Vec::new(),
        rolled_back: Vec::new(),
    };
    let verified = verify(&mut fresh, &of_both, Proven::Target);
    assert!(verified.holds() && verified.members == 2, "{verified:?}");

    in_db_3.db = 99;
    let error = refusal(&in_db_3).to_string();
    assert!(error.contains("refused to select the database") && error.contains("out of range"), "{error}");
}

#[test]
fn a_drifted_server_stops_the_replay_after_its_batch() {
    let Some(server) = Server::builder().start() else { return };
    run(&server, &["SADD k1 m"]);
    let plan = file(&["SADD k0 m", "SADD k1 m", "SADD k2 m", "SADD k3 m", "SADD k4 m"]);
    let limits = BatchLimits { commands: 3, bytes: usize::MAX };
    let replayed = replay(open(&server), &plan, &integers(&[1; 5]), Way::Apply, limits);
    assert!(replayed.reason().contains("the database has changed since it was looked at"), "{}", replayed.reason());
    let (number, key, text) = replayed.trouble();
    assert_eq!((number, key.as_str()), (2, "k1"));
    assert!(text.starts_with("SADD answered 0 where 1 was expected: "), "{text}");
    assert_eq!((replayed.report.otherwise, replayed.report.left), (1, 2));
    assert_eq!(server.query::<u64>(&["EXISTS", "k0", "k1", "k2", "k3", "k4"]), 3, "the second batch was not sent");
}

#[test]
fn an_error_of_the_server_names_command_and_key() {
    let Some(server) = Server::builder().start() else { return };
    run(&server, &["SET k2 text"]);
    let plan = file(&["SADD k1 m", "SADD k2 m", "SADD k3 m"]);
    let replayed = apply(open(&server), &plan, &integers(&[1; 3]));
    assert_eq!(replayed.assert_done().failed, 1, "the others are done");
    let (number, key, text) = replayed.trouble();
    assert_eq!((number, key.as_str()), (2, "k2"));
    assert!(text.contains("WRONGTYPE") && text.contains("another type than in the dump"), "{text}");
    assert_eq!(replayed.report.done.commands, 2);
}

#[test]
fn a_rollback_rebuilds_every_type() {
    let Some(server) = Server::builder().start() else { return };
    run(&server, &["RPUSH list a b", "SET dumped payload"]);
    let payload: Vec<u8> = server.query(&["DUMP", "dumped"]);
    run(&server, &["FLUSHALL"]);
    let far = "4102444800000"; // 2100-01-01 in ms
    let mut rollback =
        file(&["SET s one", "APPEND s -two", "RPUSH list a b", "HSET h f v g w", &format!("PEXPIREAT h {far}")]);
    resp::encode(&[&b"RESTORE"[..], b"dumped", b"0", &payload], &mut rollback);
    // APPEND answers the length of "one-two".
    let expected = [
        Expected::Status("OK".into()),
        Expected::Integer(7),
        Expected::Integer(2),
        Expected::Integer(2),
        Expected::Integer(1),
        Expected::Status("OK".into()),
    ];
    roll_back(open(&server), &rollback, &expected).assert_done();
    assert_eq!(server.query::<String>(&["GET", "s"]), "one-two");
    assert_eq!(server.query::<String>(&["GET", "dumped"]), "payload");
    assert_eq!(server.query::<String>(&["PEXPIRETIME", "h"]), far);
}

#[test]
fn a_rollback_restores_the_expiry_of_fields() {
    let Some(server) = Server::builder().program(Program::Redis82).start() else { return };
    let far = "4102444800000"; // 2100-01-01 in ms
    let rollback = file(&["HSET h f 1 g 2 i 3", &format!("HPEXPIREAT h {far} FIELDS 2 f g")]);
    roll_back(open(&server), &rollback, &integers(&[3, 1])).assert_done();
    let times: Vec<i64> = server.query(&["HPEXPIRETIME", "h", "FIELDS", "3", "f", "g", "i"]);
    assert_eq!(times, [4_102_444_800_000, 4_102_444_800_000, -1]);
    let absent = file(&[&format!("HPEXPIREAT h {far} FIELDS 2 f absent")]);
    let replayed = roll_back(open(&server), &absent, &integers(&[1]));
    assert!(replayed.reason().contains("HPEXPIREAT h, was answered with an array of 2"), "{}", replayed.reason());
}

fn roll_back(link: Connection, commands: &[u8], expected: &[Expected]) -> Replayed {
    replay(link, commands, expected, Way::Rollback, BatchLimits::default())
}
