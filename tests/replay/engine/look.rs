//! `preflight` and `verify` on a real server: what they find, and that they only read.

use std::collections::HashMap;
use std::sync::LazyLock;

use rdb_reindex::bundle::content::Content;
use rdb_reindex::bundle::resp::{self, BatchLimits};
use rdb_reindex::replay::journal::Way;
use rdb_reindex::replay::{
    Forecast, Kind, LookOptions, Proof, Proven, Script, Tally, cardinality_command, preflight, read,
};

use super::{Scene, apply, file, integers, open, run, scene, touched, verify};
use crate::support::server::Server;

/// No other key has an expiry.
static NONE: LazyLock<HashMap<u32, u64>> = LazyLock::new(HashMap::new);

/// The names of the commands that a look may use. Everything else would show up in the recording.
fn only_reads(lines: &[String]) {
    const READS: [&str; 17] = [
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
        "SSCAN",
        "ZRANGE",
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
    let found = verify(&mut link, &scene, Proven::Target);
    only_reads(&monitor.finish(&server));
    assert!(found.holds(), "{found:?}");
    // Members: r, c, d, new, n, moved, stale, old.
    assert_eq!((found.keys, found.members), (5, 8));
    assert_eq!(server.digest(), after);
}

#[test]
fn verify_counts_each_kind_of_difference() {
    let Some(server) = Server::builder().start() else { return };
    let scene = scene();
    run(&server, &scene.state);
    // Nothing was applied: all that the plan does is missing.
    let found = verify(&mut open(&server), &scene, Proven::Target);
    assert_eq!(found.unexpected_keys.count, 1, "wrong");
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
    assert_eq!((found.keys, found.members), (5, 8), "each was looked at");
    // And that is the old state.
    let old = verify(&mut open(&server), &scene, Proven::Old);
    assert!(old.holds(), "{old:?}");
}

/// The same scene with what the plan says of members that no edit names.
fn with_others() -> Scene {
    let mut scene = scene();
    for touched in &mut scene.touched {
        let others = match &touched.key.0[..] {
            b"kept" => Content::of(b"a", None).with(b"b", None),
            b"ranked" => Content::of(b"m", Some(1.5)),
            _ => continue,
        };
        touched.others = Some(others.to_hex().into());
    }
    scene
}

#[test]
fn verify_sees_what_no_edit_names() {
    let Some(server) = Server::builder().start() else { return };
    for proven in [Proven::Target, Proven::Old] {
        let scene = with_others();
        let fresh = || {
            run(&server, &["FLUSHALL"]);
            run(&server, &scene.state);
            if proven == Proven::Target {
                apply(open(&server), &scene.apply, &scene.applied).assert_done();
            }
        };
        fresh();
        let calm = verify(&mut open(&server), &scene, proven);
        assert!(calm.holds(), "{calm:?}");
        for (change, key) in [
            (&["SADD kept gained"][..], "kept"),
            (&["SREM kept a"], "kept"),
            (&["SREM kept a", "SADD kept swapped"], "kept"),
            (&["ZADD ranked 1.75 m"], "ranked"),
            (&["ZADD ranked 1.5 gained"], "ranked"),
            (&["ZREM ranked m"], "ranked"),
            (&["ZREM ranked m", "ZADD ranked 1.5 swapped"], "ranked"),
        ] {
            fresh();
            run(&server, change);
            let found = verify(&mut open(&server), &scene, proven);
            assert_eq!(found.differences(), 1, "{proven:?} {change:?}: {found:?}");
            let example = &found.other_members.examples[0];
            assert_eq!(example.key, key.as_bytes(), "{change:?}");
        }
        // In a key of which every member is named, what came is named as well.
        let whole = if proven == Proven::Target { "created" } else { "wrong" };
        fresh();
        run(&server, &[&format!("SADD {whole} gained")]);
        let found = verify(&mut open(&server), &scene, proven);
        assert_eq!((found.differences(), found.remaining_members.count), (1, 1), "{found:?}");
        assert_eq!(found.remaining_members.examples[0].member.as_deref(), Some(&b"gained"[..]));
    }
}

#[test]
fn verify_sends_no_more_commands_than_it_says() {
    let Some(server) = Server::builder().start() else { return };
    // Sets that a server keeps in a list, in a table, and in a table that was much larger; a sorted set of two pages.
    let (mut rollback, mut replies, mut dump) = (Vec::new(), Vec::new(), Vec::new());
    let sizes: [(&str, u64, bool); 7] = [
        ("small", 3, false),
        ("page", 1_000, false),
        ("large", 12_345, false),
        ("shrunk", 1_500, false),
        ("ranked", 1_999, true),
        ("two", 2_000, true),
        ("list", 2_001, false),
    ];
    for (key, size, is_zset) in sizes {
        let kind = if is_zset {
            "zset"
        } else if key == "list" {
            "list"
        } else {
            "set"
        };
        dump.push(touched(key, kind, size));
        for from in (0..size).step_by(400) {
            let members = (from..size.min(from + 400)).map(|n| format!("member:{n}"));
            let verb = match kind {
                "zset" => "ZADD",
                "list" => "RPUSH",
                _ => "SADD",
            };
            let mut args = vec![verb.to_owned(), key.to_owned()];
            for member in members {
                args.extend(is_zset.then(|| "1".to_owned()));
                args.push(member);
            }
            resp::encode(&args, &mut rollback);
            let added = size.min(from + 400) - from;
            replies.push(i64::try_from(if kind == "list" { from + added } else { added }).expect("a small number"));
        }
    }
    let keys: Vec<&str> = sizes.iter().map(|(key, _, _)| *key).collect();
    let scene = Scene {
        state: Vec::new(),
        touched: dump,
        apply: file(&[&format!("UNLINK {}", keys.join(" "))]),
        applied: integers(&[7]),
        rollback,
        rolled_back: integers(&replies),
    };
    super::replay(open(&server), &scene.rollback, &scene.rolled_back, Way::Rollback, BatchLimits::default())
        .assert_done();
    for n in 0..10_000 {
        server.query::<u64>(&["SADD", "shrunk", &format!("more:{n}")]);
    }
    for n in 0..10_000 {
        server.query::<u64>(&["SREM", "shrunk", &format!("more:{n}")]);
    }
    let (apply, _) = read(&scene.apply, Script::Apply, &scene.applied).expect("it reads");
    let (back, _) = read(&scene.rollback, Script::Rollback, &scene.rolled_back).expect("it reads");
    let proof = Proof::of(&scene.touched, &apply, &back, Proven::Old);
    let look = || {
        let monitor = server.monitor();
        let found = proof.look(&mut open(&server), &LookOptions::default(), &|_, _| true, &mut |_| {});
        let lines = monitor.finish(&server);
        let reads =
            lines.iter().filter(|line| ["SCAN", "RANGE", "EXISTS", "TYPE"].iter().any(|name| line.contains(name)));
        (found.expect("it looks"), reads.count() as u64)
    };
    let (found, commands) = look();
    assert!(found.holds(), "{found:?}");
    // 1 + 1 + 13 + 2 + 2 + 3 + 3: a page that is full may not be the last one.
    assert!(commands <= proof.commands() && commands >= 23, "{commands} of {}", proof.commands());
    // A key that has grown beyond all measure is not read to its end.
    for from in 0..100 {
        let args: Vec<String> = (0..1_000).map(|n| format!("grown:{from}:{n}")).collect();
        let args: Vec<&str> = ["SADD", "small"].into_iter().chain(args.iter().map(String::as_str)).collect();
        server.query::<u64>(&args);
    }
    let (found, commands) = look();
    assert!(!found.holds(), "{found:?}");
    assert!(commands <= proof.commands(), "{commands} of {}", proof.commands());
    let example = &found.other_members.examples[0];
    assert_eq!((&example.key[..], &*example.expected), (&b"small"[..], "3 members"), "{example:?}");
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
