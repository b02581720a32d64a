//! There and back while nothing moves; what is only looked at; what is refused.

use super::Stage;
use crate::operate::{names, program, ran};

/// Commands that change something.
fn writes(lines: &[String]) -> Vec<&String> {
    const READS: [&str; 13] = [
        "\"PING\"",
        "\"INFO\"",
        "\"CLIENT\"",
        "\"CLUSTER\"",
        "\"EXISTS\"",
        "\"SCARD\"",
        "\"ZCARD\"",
        "\"SMISMEMBER\"",
        "\"ZMSCORE\"",
        "\"TYPE\"",
        "\"PEXPIRETIME\"",
        "\"SSCAN\"",
        "\"ZRANGE\"",
    ];
    lines.iter().filter(|line| !READS.iter().any(|read| line.starts_with(read))).collect()
}

#[test]
fn there_and_back_on_three_primaries() {
    let Some(stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    assert_eq!(bundle.manifest()["by_slot"], true);
    for guard in ["replies", "auto"] {
        let monitors: Vec<_> = stage.cluster.nodes.iter().take(3).map(|node| (node.monitor(), node)).collect();
        stage.well("apply", &bundle, &["--dry-run"]);
        stage.run("verify", &bundle, &["--settle", "0"]);
        for (monitor, node) in monitors {
            let lines: Vec<String> =
                monitor.finish(node).into_iter().filter(|line| !line.contains("REPLCONF")).collect();
            assert!(lines.iter().any(|line| line.starts_with("\"EXISTS\"")), "{lines:?}");
            // A read-only mode also of the cluster itself: it asks what is there.
            assert_eq!(writes(&lines), Vec::<&String>::new());
        }
        stage.is_as(&before);
        let applied = stage.well("apply", &bundle, &["--guard", guard, "--batch-commands", "50"]);
        assert!(applied.out.contains("1 of 1 replicas have everything"), "{applied:?}");
        assert!(applied.out.contains("  by node: 127.0.0.1:"), "{applied:?}");
        assert_ne!(stage.state(), before);
        stage.well("verify", &bundle, &[]);
        stage.is_right();
        let dumps = stage.cluster.primaries().into_iter().map(|node| node.save());
        let by_dumps = ran(program().arg("verify").arg(bundle.dir()).arg("--dump").args(dumps));
        assert_eq!(by_dumps.status, Some(0), "{by_dumps:?}");
        let journal = bundle.journal();
        for node in &stage.cluster.nodes[..3] {
            assert!(journal.contains(&format!("\"127.0.0.1:{}\"", node.port())), "{journal}");
        }
        let again = stage.run("apply", &bundle, &["--confirm", &bundle.plan_id]);
        assert_eq!(again.status, Some(4), "{again:?}");
        stage.well("rollback", &bundle, &["--guard", guard]);
        stage.is_as(&before);
        stage.well("verify", &bundle, &[]);
        std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    }
}

#[test]
fn what_is_refused_before_anything_is_written() {
    let Some(stage) = Stage::new(900) else { return };
    let (bundle, before) = (stage.plan(), stage.state());
    let url = stage.cluster.nodes[2].url();
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    for (name, args) in [("apply", &["--dry-run"][..]), ("apply", &["--confirm", &bundle.plan_id]), ("verify", &[])] {
        let refused = ran(program().arg(name).arg(bundle.dir()).args(["--to", &url]).args(args));
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(refused.err.contains("is a node of a cluster of 3 shards"), "{refused:?}");
        assert!(refused.err.contains(&format!("--to redis+cluster://{address}")), "{refused:?}");
        assert!(!refused.err.contains("--by-slot"), "{refused:?}");
    }
    // A plan that is not by slot.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scene = crate::operate::bundle::small();
    let id = scene.write(&folder.path().join("plan"));
    let other = |args: &[&str]| {
        ran(program().arg("apply").arg(folder.path().join("plan")).args(["--to", &stage.cluster.url()]).args(args))
    };
    let refused = other(&["--confirm", &id]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.err.contains("of the plan has keys of several slots; nothing was sent"), "{refused:?}");
    assert!(refused.err.contains("rdb-reindex plan DUMP --by-slot --out"), "{refused:?}");
    assert!(!names(&folder.path().join("plan")).contains(&"journal.ndjson".to_owned()));
    // Another cluster.
    stage.cluster.clear();
    let empty = stage.run("apply", &bundle, &["--confirm", &bundle.plan_id]);
    assert_eq!(empty.status, Some(4), "{empty:?}");
    assert!(empty.err.contains("does not look like the database of the dump"), "{empty:?}");
    stage.reset();
    stage.is_as(&before);
    // One server is no cluster.
    let Some(single) = crate::support::server::Server::builder().start() else { return };
    let to = single.url().replacen("redis://", "redis+cluster://", 1);
    let refused = ran(program().arg("apply").arg(bundle.dir()).args(["--to", &to, "--dry-run"]));
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.err.contains("is not a cluster node"), "{refused:?}");
}
