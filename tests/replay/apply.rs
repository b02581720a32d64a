//! What is applied, undone, and stopped, on a real server.

use rdb_reindex::plan::manifest::{Reply as Expected, Touched};
use rdb_reindex::replay::{
    Connection, Forecast, LookOptions, Options, ReplayError, Script, preflight, read, replay, verify,
};
use rdb_reindex::resp::{self, BatchLimits};

use crate::support::server::{Program, Server};
use crate::{CAPS, file, integers, members, open, refusal, run, scene, target, touched};

#[test]
fn apply_reaches_the_target_and_rollback_leads_back() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    let before = server.digest();
    let mut link = open(&server);
    let outcome =
        replay(&mut link, &scene.apply, &scene.applied, &Options::new(Script::Apply), &mut ()).expect("it applies");
    assert_eq!((outcome.done.commands, outcome.done.members, outcome.done.deleted_keys), (7, 8, 2));
    assert_eq!(outcome.done.bytes, scene.apply.len() as u64);
    assert_eq!(members(&server, "kept"), ["a", "b", "new"]);
    assert_eq!(members(&server, "retyped"), ["r"]);
    assert_eq!(members(&server, "created"), ["c", "d"]);
    let ranked: Vec<String> = server.query(&["ZRANGE", "ranked", "0", "-1", "WITHSCORES"]);
    assert_eq!(ranked, ["n", "-inf", "m", "1.5", "moved", "4.25"]);
    assert_eq!(server.query::<u64>(&["EXISTS", "wrong"]), 0);

    let back = Options::new(Script::Rollback);
    replay(&mut link, &scene.rollback, &scene.rolled_back, &back, &mut ()).expect("it rolls back");
    assert_eq!(server.digest(), before);
}

#[test]
fn a_batch_of_every_size_gives_the_same_state() {
    let Some(server) = Server::builder().start() else { return };
    // 3,000 commands of 7 members: 1 MB and more, so that both limits matter.
    let mut apply = Vec::new();
    for key in 0..3_000 {
        let (key, pad) = (format!("key:{key}"), "m".repeat(40));
        let members: Vec<String> = (0..7).map(|member| format!("{pad}{member}")).collect();
        let args: Vec<&str> = ["SADD", &key].into_iter().chain(members.iter().map(String::as_str)).collect();
        resp::encode(&args, &mut apply);
    }
    let expected = integers(&[7; 3_000]);
    let mut digests = Vec::new();
    for (commands, bytes) in [(1_000, 1_000_000), (7, usize::MAX), (usize::MAX, 100_000), (usize::MAX, usize::MAX)] {
        run(&server, &["FLUSHALL"]);
        let options = Options { limits: BatchLimits { commands, bytes }, ..Options::new(Script::Apply) };
        let outcome = replay(&mut open(&server), &apply, &expected, &options, &mut ()).expect("it applies");
        assert_eq!(outcome.done.members, 21_000);
        digests.push(server.digest());
    }
    assert_eq!(server.query::<u64>(&["DBSIZE"]), 3_000);
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn a_plan_for_several_databases_selects_them() {
    let Some(server) = Server::builder().start() else { return };
    let apply = file(&["SADD k zero", "SELECT 3", "SADD k three"]);
    let expected = [Expected::Integer(1), Expected::Status("OK".into()), Expected::Integer(1)];
    let mut link = open(&server);
    let outcome = replay(&mut link, &apply, &expected, &Options::new(Script::Apply), &mut ()).expect("it applies");
    assert_eq!(outcome.db, 3);
    let keyspace: String = server.query(&["INFO", "keyspace"]);
    assert!(keyspace.contains("db0:keys=1,") && keyspace.contains("db3:keys=1,"), "{keyspace}");
    // The connection now stands in db 3; a new look starts there and comes back to it.
    let look = LookOptions { db: 3, ..LookOptions::default() };
    let dump = [touched("k", "none", 0), Touched { db: 3, ..touched("k", "none", 0) }];
    let wanted = Forecast::new(&dump).after(&read(&apply, Script::Apply, &expected).expect("the file is right").0);
    let found = preflight(&mut link, wanted.keys(), &look, &mut |_| {}).expect("it looks");
    assert!(found.drift.is_empty(), "{found:?}");
    assert_eq!((found.keys, found.looked_at), (Some(1), 2));
    let mut fresh = open(&server);
    let verified = verify(&mut fresh, &apply, &CAPS, &LookOptions::default(), &mut |_| {}).expect("it looks");
    assert!(verified.holds() && verified.members == 2, "{verified:?}");

    let mut in_db_3 = target(&format!("{}3", server.url()), None);
    let single = file(&["SADD other m"]);
    let options = Options { db: 3, ..Options::new(Script::Apply) };
    let mut link = Connection::open(&in_db_3).expect("db 3 exists");
    replay(&mut link, &single, &integers(&[1]), &options, &mut ()).expect("it applies");
    assert!(server.query::<String>(&["INFO", "keyspace"]).contains("db3:keys=2,"));
    in_db_3.db = 99;
    let error = refusal(&in_db_3).to_string();
    assert!(error.contains("refused to select the database") && error.contains("out of range"), "{error}");
}

#[test]
fn a_drifted_server_stops_the_replay_after_its_batch() {
    let Some(server) = Server::builder().start() else { return };
    run(&server, &["SADD k1 m"]);
    let apply = file(&["SADD k0 m", "SADD k1 m", "SADD k2 m", "SADD k3 m", "SADD k4 m"]);
    let options = Options { limits: BatchLimits { commands: 3, bytes: usize::MAX }, ..Options::new(Script::Apply) };
    let error = replay(&mut open(&server), &apply, &integers(&[1; 5]), &options, &mut ()).expect_err("k1 has drifted");
    let ReplayError::Unexpected(wrong) = &error else { panic!("{error}") };
    assert_eq!((wrong.number, wrong.key.as_slice(), wrong.last_sent, wrong.done.commands), (2, &b"k1"[..], 3, 2));
    assert!(error.to_string().contains("command 2 of 5, SADD k1, answered 0 where 1 was expected"), "{error}");
    assert_eq!(server.query::<u64>(&["EXISTS", "k0", "k1", "k2", "k3", "k4"]), 3, "the second batch was not sent");
}

#[test]
fn an_error_of_the_server_names_command_and_key() {
    let Some(server) = Server::builder().start() else { return };
    run(&server, &["SET k2 text"]);
    let apply = file(&["SADD k1 m", "SADD k2 m", "SADD k3 m"]);
    let error = replay(&mut open(&server), &apply, &integers(&[1; 3]), &Options::new(Script::Apply), &mut ())
        .expect_err("k2 is a string");
    let text = error.to_string();
    assert!(text.contains("command 2 of 3, SADD k2") && text.contains("WRONGTYPE"), "{text}");
    assert!(text.contains("another type than in the dump"), "{text}");
    assert_eq!(error.progress().map(|done| done.commands), Some(2));
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
    replay(&mut open(&server), &rollback, &expected, &Options::new(Script::Rollback), &mut ()).expect("it rolls back");
    assert_eq!(server.query::<String>(&["GET", "s"]), "one-two");
    assert_eq!(server.query::<String>(&["GET", "dumped"]), "payload");
    assert_eq!(server.query::<String>(&["PEXPIRETIME", "h"]), far);
}

#[test]
fn a_rollback_restores_the_expiry_of_fields() {
    let Some(server) = Server::builder().program(Program::Redis82).start() else { return };
    let far = "4102444800000"; // 2100-01-01 in ms
    let rollback = file(&["HSET h f 1 g 2 i 3", &format!("HPEXPIREAT h {far} FIELDS 2 f g")]);
    replay(&mut open(&server), &rollback, &integers(&[3, 1]), &Options::new(Script::Rollback), &mut ())
        .expect("it rolls back");
    let times: Vec<i64> = server.query(&["HPEXPIRETIME", "h", "FIELDS", "3", "f", "g", "i"]);
    assert_eq!(times, [4_102_444_800_000, 4_102_444_800_000, -1]);
    let absent = file(&[&format!("HPEXPIREAT h {far} FIELDS 2 f absent")]);
    let error = replay(&mut open(&server), &absent, &integers(&[1]), &Options::new(Script::Rollback), &mut ())
        .expect_err("a field is not there");
    assert!(error.to_string().contains("HPEXPIREAT h, answered an array of 2"), "{error}");
}
