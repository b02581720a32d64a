//! Guards where what an edit rests on is on another node: it is looked at before and after, and undone.

use std::time::Duration;

use rdb_reindex::dump::slots::slot_of;

use super::Stage;
use super::stage::{broken, command};
use crate::operate::{Ran, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::Cluster;

const SPEC: &str = r#"version = 1
[[index]]
name = "tags"
policy = "prune"
type = "set"
key = "tag:{@t}"
member = "{@id}"
exists = "item:{@id}"
[[index]]
name = "ranks"
policy = "prune"
type = "zset"
key = "rank:{@t}"
member = "{@id}"
exists = "item:{@id}"
[[index]]
name = "maps"
policy = "prune"
type = "hash"
key = "map:{@t}"
member = "{@id}"
exists = "item:{@id}"
[[index]]
name = "queues"
policy = "prune"
type = "list"
key = "queue:{@t}"
member = "{@id}"
exists = { key = "item:{@id}", where = { open = true } }
[[index]]
name = "notes"
policy = "prune"
type = "any"
key = "note:{@id}"
exists = "item:{@id}"
"#;

/// Items of which every third is gone, and what names them.
fn tagged() -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    for n in 0..300_u32 {
        let id = n.to_string();
        let (tag, rank) = (format!("tag:{}", n % 30), format!("rank:{}", n % 30));
        let (map, queue) = (format!("map:{}", n % 30), format!("queue:{}", n % 30));
        if n % 3 != 0 {
            commands.push(command(&["HSET", &format!("item:{id}"), "open", "1"]));
        }
        commands.push(command(&["SADD", &tag, &id]));
        commands.push(command(&["ZADD", &rank, &format!("{n}.5"), &id]));
        commands.push(command(&["HSET", &map, &id, "v"]));
        commands.push(command(&["RPUSH", &queue, &id]));
        if n % 5 == 0 {
            commands.push(command(&["HSET", &format!("note:{id}"), "text", "x"]));
        }
    }
    commands
}

/// Proxies before all nodes, `fault` before the one that has `key`, and the options that lead to them.
fn behind(cluster: &Cluster, key: &str, fault: &Fault) -> (Vec<Proxy>, Vec<String>, usize) {
    let owner = cluster.owners()[usize::from(slot_of(key.as_bytes()))];
    let proxies: Vec<Proxy> = cluster
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| Proxy::start(node.port(), if at == owner { fault.clone() } else { Fault::None }))
        .collect();
    let options = cluster.nodes.iter().zip(&proxies).flat_map(|(node, proxy)| {
        ["--node-map".to_owned(), format!("127.0.0.1:{}=127.0.0.1:{}", node.port(), proxy.port)]
    });
    let options = options.collect();
    (proxies, options, owner)
}

/// Applies a plan; when the node of `key` is about to be written to, `meanwhile` is done.
fn apply(
    stage: &Stage,
    bundle: &super::stage::Bundle,
    (key, write): (&str, u64),
    args: &[&str],
    meanwhile: &(dyn Fn() + Sync),
) -> Ran {
    let (proxies, options, owner) = behind(&stage.cluster, key, &Fault::Hold { write, millis: 600 });
    std::thread::scope(|scope| {
        let proxy = &proxies[owner];
        scope.spawn(move || {
            let end = std::time::Instant::now() + Duration::from_secs(20);
            while !proxy.fired() && std::time::Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
            meanwhile();
        });
        ran(stage.command("apply", bundle, args).args(&options).args(["--confirm", &bundle.plan_id]))
    })
}

#[test]
fn entries_whose_named_key_comes_back_meanwhile_stay() {
    let Some(cluster) = Cluster::start(None, false, &[]) else { return };
    let stage = Stage::on(cluster, tagged(), SPEC);
    let (bundle, before) = (stage.plan(), stage.state());
    // While nothing happens.
    let undisturbed = stage.well("apply", &bundle, &[]);
    assert!(!undisturbed.out.contains("not made"), "{undisturbed:?}");
    stage.is_right();
    stage.well("rollback", &bundle, &[]);
    stage.is_as(&before);
    std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    // All that names 15 loses it; the second write to the node of tag:15 is held, and item:15 comes back meanwhile.
    let came = apply(&stage, &bundle, ("tag:15", 2), &[], &|| {
        for id in [15, 45, 75] {
            stage.cluster.query::<u64>(&["HSET", &format!("item:{id}"), "open", "1"]);
        }
    });
    assert_eq!(came.status, Some(7), "{}\n{}", came.out, came.err);
    for id in ["15", "45", "75"] {
        assert!(stage.cluster.query::<bool>(&["SISMEMBER", "tag:15", id]), "{id}: {came:?}");
        assert_eq!(
            stage.cluster.query::<Option<f64>>(&["ZSCORE", "rank:15", id]),
            Some(id.parse::<f64>().unwrap() + 0.5)
        );
        assert!(stage.cluster.query::<bool>(&["HEXISTS", "map:15", id]), "{id}");
        let queue: Vec<String> = stage.cluster.query(&["LRANGE", "queue:15", "0", "-1"]);
        assert_eq!(queue.iter().filter(|element| *element == id).count(), 1, "{id}");
    }
    let verified = stage.run("verify", &bundle, &[]);
    assert!(matches!(verified.status, Some(0 | 7)), "{verified:?}");
    stage.is_right();
    let _ = stage.run("rollback", &bundle, &["--confirm", &bundle.plan_id]);
    std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    // A whole key that goes by its own name; not on the first node, which is asked whether it runs scripts.
    stage.reset();
    let owners = stage.cluster.owners();
    let owner = |key: &str| owners[usize::from(slot_of(key.as_bytes()))];
    let note = (0..300).filter(|n| n % 15 == 0).map(|n| format!("note:{n}")).find(|note| owner(note) != owners[0]);
    let note = note.expect("some note is elsewhere");
    let item = note.replace("note", "item");
    let came = apply(&stage, &bundle, (&note, 1), &[], &|| {
        stage.cluster.query::<u64>(&["HSET", &item, "open", "1"]);
    });
    assert_eq!(came.status, Some(7), "{}\n{}", came.out, came.err);
    assert_eq!(stage.cluster.query::<Option<String>>(&["HGET", &note, "text"]).as_deref(), Some("x"), "{came:?}");
}

#[test]
fn edits_whose_record_moves_meanwhile_are_undone() {
    let Some(cluster) = Cluster::start(None, false, &[]) else { return };
    let stage = Stage::on(cluster, broken(900), super::stage::SPEC);
    let (bundle, before) = (stage.plan(), stage.state());
    stage.well("apply", &bundle, &["--guard", "records"]);
    stage.is_right();
    stage.well("rollback", &bundle, &["--guard", "records"]);
    stage.is_as(&before);
    std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    // message:41 belongs into idx:project:1, and moves on to 2 while it is being added.
    let records = ["message:41", "message:121", "message:161"];
    let moved =
        apply(&stage, &bundle, ("idx:project:1", 2), &["--guard", "records", "--batch-commands", "1000"], &|| {
            for record in records {
                stage.cluster.query::<u64>(&["HSET", record, "p", "2"]);
                stage.cluster.query::<u64>(&["SADD", "idx:project:2", record]);
            }
        });
    assert_eq!(moved.status, Some(7), "{}\n{}", moved.out, moved.err);
    for record in records {
        assert!(!stage.cluster.query::<bool>(&["SISMEMBER", "idx:project:1", record]), "{moved:?}");
        assert!(stage.cluster.query::<bool>(&["SISMEMBER", "idx:project:2", record]), "{moved:?}");
    }
    stage.is_right();
}

/// Killed between the edits and the second look: that comes with `--resume`.
#[test]
fn what_came_back_after_a_crash_is_put_back() {
    let Some(cluster) = Cluster::start(None, false, &[]) else { return };
    let stage = Stage::on(cluster, tagged(), SPEC);
    let bundle = stage.plan();
    let mut met = false;
    for bytes in (600..6_000).step_by(150) {
        let (proxies, options, owner) = behind(&stage.cluster, "tag:15", &Fault::KillReceived { bytes });
        let mut command = stage.command("apply", &bundle, &["--confirm", &bundle.plan_id]);
        crate::proxy::run(command.args(&options), &proxies[owner]);
        let journal = std::fs::read_to_string(bundle.dir().join("journal.ndjson")).unwrap_or_default();
        let last = journal.lines().last().unwrap_or_default();
        let is_removed = !stage.cluster.query::<bool>(&["SISMEMBER", "tag:15", "15"]);
        met = is_removed && last.contains("\"intent\"");
        if met {
            break;
        }
        let _ = std::fs::remove_file(bundle.dir().join("journal.ndjson"));
        stage.reset();
    }
    assert!(met, "it was never killed in that moment");
    for id in [15, 45, 75] {
        stage.cluster.query::<u64>(&["HSET", &format!("item:{id}"), "open", "1"]);
    }
    let resumed = stage.run("apply", &bundle, &["--resume", "--on-drift", "proceed"]);
    assert_eq!(resumed.status, Some(7), "{}\n{}", resumed.out, resumed.err);
    for id in ["15", "45", "75"] {
        assert!(stage.cluster.query::<bool>(&["SISMEMBER", "tag:15", id]), "{id}: {resumed:?}");
        assert!(stage.cluster.query::<bool>(&["HEXISTS", "map:15", id]), "{id}");
    }
    stage.is_right();
}
