//! `preflight` and `verify` on a real server: what they find, and that they only read.

use std::collections::HashMap;
use std::sync::LazyLock;

use rdb_reindex::plan::manifest::Caps;
use rdb_reindex::replay::{Forecast, Kind, LookOptions, Script, Tally, cardinality_command, preflight, read, verify};
use rdb_reindex::resp;

use crate::support::server::Server;
use crate::{CAPS, apply, file, integers, open, run, scene};

/// No other key has an expiry.
static NONE: LazyLock<HashMap<u32, u64>> = LazyLock::new(HashMap::new);

/// The names of the commands that a look may use. Everything else would show up in the recording.
fn only_reads(lines: &[String]) {
    const READS: [&str; 15] = [
        "AUTH",
        "PING",
        "ROLE",
        "INFO",
        "EXISTS",
        "TYPE",
        "SCARD",
        "ZCARD",
        "LLEN",
        "HLEN",
        "SMISMEMBER",
        "ZMSCORE",
        "PEXPIRETIME",
        "SELECT",
        "ECHO",
    ];
    assert!(lines.len() > 5, "{lines:?}");
    for line in lines {
        let name = line.trim_start_matches('"').split('"').next().unwrap_or_default();
        assert!(READS.contains(&name), "{line}");
    }
}

#[test]
fn preflight_finds_no_drift_where_there_is_none() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    let before = server.digest();
    let wanted = Forecast::new(&scene.touched);
    let mut link = open(&server);
    let monitor = server.monitor();
    let mut told = 0;
    let found = preflight(&mut link, wanted.keys(), &NONE, &LookOptions::default(), &mut |looked| told = looked)
        .expect("it looks");
    only_reads(&monitor.finish(&server));
    assert!(found.drift.is_empty(), "{found:?}");
    // wrong, retyped, created, kept, ranked.
    assert_eq!((found.looked_at, told), (5, 5));
    assert_eq!((found.role.as_deref(), found.is_replica()), (Some("master"), false));
    assert_eq!(server.digest(), before);
}

#[test]
fn preflight_tells_each_kind_of_drift() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    run(&server, &["SADD wrong late", "DEL retyped", "SET created early", "DEL kept", "HSET kept f v", "DEL ranked"]);
    run(&server, &["PEXPIREAT wrong 4102444800000"]);
    let wanted = Forecast::new(&scene.touched);
    let options = LookOptions { examples: 1, ..LookOptions::default() };
    let found = preflight(&mut open(&server), wanted.keys(), &NONE, &options, &mut |_| {}).expect("it looks");
    let show = |tally: &Tally| {
        let first = &tally.examples[0];
        let key = String::from_utf8(first.key.clone()).expect("the test's keys are text");
        (tally.count, tally.examples.len(), format!("{key}: {} / {}", first.expected, first.found))
    };
    assert_eq!(show(&found.drift.wrong_cardinality), (1, 1, "wrong: 3 elements / 4 elements".into()));
    assert_eq!(show(&found.drift.missing_keys), (2, 1, "retyped: list / no key".into()));
    assert_eq!(show(&found.drift.unexpected_keys), (1, 1, "created: no key / string".into()));
    assert_eq!(show(&found.drift.wrong_type), (1, 1, "kept: set / hash".into()));
    assert_eq!(show(&found.drift.wrong_expiry), (1, 1, "wrong: no expiry / expires at 4102444800000".into()));
    assert_eq!(found.drift.count(), 6);
}

#[test]
fn preflight_before_a_rollback_expects_the_target() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    let wanted =
        Forecast::new(&scene.touched).after(&read(&scene.apply, Script::Apply, &scene.applied).expect("it reads").0);
    let found = |drift: u64| {
        let found = preflight(&mut open(&server), wanted.keys(), &NONE, &LookOptions::default(), &mut |_| {})
            .expect("it looks");
        assert_eq!(found.drift.count(), drift, "{found:?}");
    };
    // wrong is still there; retyped is a list; created is not there; kept and ranked have their number by chance (one
    // member comes, one goes).
    found(3);
    apply(open(&server), &scene.apply, &scene.applied).assert_done();
    found(0);
}

#[test]
fn preflight_knows_a_replica_and_does_without_role() {
    let Some(primary) = Server::builder().start() else { return };
    let port = primary.port().to_string();
    let replica =
        Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start().expect("it starts like the first");
    let found = preflight(&mut open(&replica), &[], &NONE, &LookOptions::default(), &mut |_| {}).expect("it looks");
    assert!(found.is_replica(), "{found:?}");
    let replayed = apply(open(&replica), &file(&["SADD k m"]), &integers(&[1]));
    let reason = replayed.reason();
    assert!(reason.contains("READONLY") && reason.contains("connect to the primary"), "{reason}");

    let reticent = Server::builder().args(&["--rename-command", "ROLE", ""]).start().expect("it starts like the first");
    let found = preflight(&mut open(&reticent), &[], &NONE, &LookOptions::default(), &mut |_| {}).expect("it looks");
    assert_eq!(found.role.as_deref(), Some("master"), "from INFO");
    let mute = Server::builder().start().expect("it starts like the first");
    run(&mute, &["ACL SETUSER default -role -info -dbsize"]);
    let found = preflight(&mut open(&mute), &[], &NONE, &LookOptions::default(), &mut |_| {}).expect("it looks");
    assert_eq!(found.role, None);
}

#[test]
fn verify_holds_after_an_apply_and_only_reads() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    apply(open(&server), &scene.apply, &scene.applied).assert_done();
    let mut link = open(&server);
    let after = server.digest();
    let monitor = server.monitor();
    let found = verify(&mut link, &scene.apply, &CAPS, &LookOptions::default(), &mut |_| {}).expect("it looks");
    only_reads(&monitor.finish(&server));
    assert!(found.holds(), "{found:?}");
    // Members: r, c, d, new, n, moved, stale, old.
    assert_eq!((found.keys, found.members), (5, 8));
    assert_eq!(server.digest(), after);
}

#[test]
fn verify_counts_each_kind_of_difference() {
    for args in [&[][..], &["--rename-command", "SMISMEMBER", "", "--rename-command", "ZMSCORE", ""][..]] {
        let Some(server) = Server::builder().args(args).start() else { return };
        let scene = scene();
        run(&server, &scene.state);
        // Nothing was applied: all that the plan does is missing.
        let found =
            verify(&mut open(&server), &scene.apply, &CAPS, &LookOptions::default(), &mut |_| {}).expect("it looks");
        assert_eq!(found.undeleted_keys.count, 1, "wrong");
        assert_eq!(found.wrong_type.count, 1, "retyped is a list");
        assert_eq!(found.missing_keys.count, 1, "created");
        assert_eq!(found.missing_members.count, 5, "r, c, d, new, n: {:?}", found.missing_members);
        assert_eq!(found.remaining_members.count, 2, "stale, old");
        assert_eq!(found.wrong_scores.count, 1, "moved");
        let moved = &found.wrong_scores.examples[0];
        assert_eq!(
            (moved.member.as_deref(), &*moved.expected, &*moved.found),
            (Some(&b"moved"[..]), "score 4.25", "score 3")
        );
        assert!(!found.holds());
        assert_eq!(found.members, 8, "each was looked at, with {args:?}");
    }
}

#[test]
fn verify_keeps_its_commands_under_the_caps() {
    let Some(server) = Server::builder().start() else { return };
    let names: Vec<String> = (0..25).map(|member| format!("member:{member:02}")).collect();
    let args: Vec<&str> = ["SADD", "key"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut plan = Vec::new();
    resp::encode(&args, &mut plan);
    apply(open(&server), &plan, &integers(&[25])).assert_done();
    // Ten arguments leave room for 8 members: 8 + 8 + 8 + 1. In 120 bytes: a header of 4 ("*5"), 17 for the name, 9 for
    // the key and 15 for each member, of which 6 fit ("*8" is as long): 4 x 6 + 1.
    for (caps, commands) in [
        (Caps { max_args: 10, max_command_bytes: 1 << 20 }, 4),
        (Caps { max_args: 9, max_command_bytes: 120 }, 5),
        (Caps { max_args: 0, max_command_bytes: 0 }, 25),
    ] {
        let monitor = server.monitor();
        let found = verify(&mut open(&server), &plan, &caps, &LookOptions::default(), &mut |_| {}).expect("it looks");
        let lines = monitor.finish(&server);
        let asked = lines.iter().filter(|line| line.starts_with("\"SMISMEMBER\" \"key\" \"member")).count();
        assert_eq!((asked, found.members, found.holds()), (commands, 25, true), "{caps:?}");
    }
}

#[test]
fn type_names_are_those_of_a_server() {
    let Some(server) = Server::builder().rejson().start() else { return };
    run(
        &server,
        &["SET string v", "RPUSH list v", "SADD set v", "ZADD zset 1 v", "HSET hash f v", "JSON.SET json . {}"],
    );
    for (key, kind) in [
        ("string", Kind::String),
        ("list", Kind::List),
        ("set", Kind::Set),
        ("zset", Kind::ZSet),
        ("hash", Kind::Hash),
        ("json", Kind::Json),
    ] {
        assert_eq!(server.query::<String>(&["TYPE", key]), kind.type_name());
        if let Some(command) = cardinality_command(kind.type_name()) {
            assert_eq!(server.query::<u64>(&[command, key]), 1, "{command}");
        }
    }
}
