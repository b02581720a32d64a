//! A plan that was joined of those of the shards, each made from the dump of its own primary.

use std::path::PathBuf;

use super::Stage;
use super::stage::{Bundle, command};
use crate::operate::{program, ran};
use crate::support::server::Cluster;
use crate::support::shards;

/// Records and index keys that lie together, a set, a sorted set, a hash, pointers and tags among them.
const SPEC: &str = r"version = 1
[[record]]
name = 'message'
key = 'm:{{{@t}}}:{@id}'
type = 'hash'
[[index]]
name = 'project'
policy = 'maintain'
from = 'message'
key = 'p:{{{@t}}}:{p}'
member = '{@key}'
[[index]]
name = 'time'
policy = 'maintain'
type = 'zset'
from = 'message'
key = 'z:{{{@t}}}:{u}'
member = '{@key}'
score = '{s}'
[[index]]
name = 'names'
policy = 'maintain'
type = 'hash'
from = 'message'
key = 'h:{{{@t}}}'
member = '{n}'
value = '{@id}'
[[index]]
name = 'pointer'
policy = 'maintain'
type = 'string'
from = 'message'
key = 's:{{{@t}}}:{n}'
value = '{@key}'
[[index]]
name = 'tag'
policy = 'prune'
type = 'zset'
key = 'tag:{{{@t}}}:{@tag}'
member = '{@item}'
exists = 'm:{{{@t}}}:{@item}'
[[index]]
name = 'queue'
policy = 'prune'
type = 'list'
key = 'q:{{{@t}}}:{@queue}'
member = '{@item}'
exists = 'm:{{{@t}}}:{@item}'
[[index]]
name = 'old'
policy = 'retire'
type = 'any'
key = 'old:{{{t}}}:{rest}'
";

fn broken() -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for tag in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        let mut add = |words: &[&str]| all.push(command(words));
        for n in 0..40 {
            let (id, p, u) = (n.to_string(), (n % 7).to_string(), (n % 5).to_string());
            let (record, name) = (format!("m:{{{tag}}}:{n}"), format!("name-{n}"));
            add(&["HSET", &record, "p", &p, "u", &u, "s", &id, "n", &name]);
            if n % 4 > 0 && n % 7 != 3 {
                add(&["SADD", &format!("p:{{{tag}}}:{p}"), &record]);
            }
            let score = if n % 3 == 0 { "0.5" } else { &id };
            add(&["ZADD", &format!("z:{{{tag}}}:{u}"), score, &record]);
            if n % 6 > 0 {
                add(&["HSET", &format!("h:{{{tag}}}"), &name, if n % 5 == 0 { "wrong" } else { &id }]);
                add(&["SET", &format!("s:{{{tag}}}:{name}"), if n % 5 == 0 { "nobody" } else { &record }]);
            }
        }
        for n in 0..4 {
            let (gone, n) = (format!("m:{{{tag}}}:{}", 900 + n), n.to_string());
            add(&["SADD", &format!("p:{{{tag}}}:{n}"), &gone]);
            add(&["ZADD", &format!("z:{{{tag}}}:{n}"), "7", &gone]);
            add(&["SADD", &format!("p:{{{tag}}}:gone{n}"), &gone]);
            add(&["PEXPIREAT", &format!("p:{{{tag}}}:gone{n}"), "4102444800000"]);
            add(&["ZADD", &format!("tag:{{{tag}}}:{n}"), "1", "5", "2", "905"]);
            add(&["RPUSH", &format!("q:{{{tag}}}:{n}"), "905", "5", "905", "6"]);
            add(&["RPUSH", &format!("q:{{{tag}}}:none{n}"), "905", "906"]);
            add(&["HSET", &format!("old:{{{tag}}}:{n}"), "f", "v"]);
        }
        add(&["HSET", &format!("h:{{{tag}}}"), "name-gone", "900"]);
    }
    all
}

/// The plan, joined of those of the primaries.
fn join(stage: &Stage) -> Bundle {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dump = |(n, node): (usize, &crate::support::server::Server)| -> PathBuf {
        let dump = folder.path().join(format!("node{n}.rdb"));
        std::fs::copy(node.save(), &dump).expect("a dump");
        dump
    };
    let dumps: Vec<PathBuf> = stage.cluster.primaries().into_iter().enumerate().map(dump).collect();
    let plans = shards::plans(&dumps, SPEC, shards::CAPS, &folder.path().join("plans"));
    let joined = ran(program().arg("join").args(plans).arg("--out").arg(folder.path().join("plan")));
    assert_eq!(joined.status, Some(0), "{joined:?}");
    let mut bundle = Bundle { folder, plan_id: String::new() };
    bundle.plan_id = bundle.manifest()["plan_id"].as_str().expect("an id").to_owned();
    let mut rehearse = program();
    let rehearsed = ran(rehearse.arg("rehearse").arg(bundle.dir()).args(dumps));
    assert_eq!(rehearsed.status, Some(0), "{rehearsed:?}");
    bundle
}

#[test]
fn there_and_back() {
    let Some(cluster) = Cluster::start(None, false, &[]) else { return };
    let stage = Stage::on(cluster, broken(), SPEC);
    let before = stage.state();
    let bundle = join(&stage);
    let total = bundle.manifest()["total"].clone();
    for number in ["added_members", "removed_members", "deleted_keys"] {
        assert!(total[number].as_u64() > Some(50), "{total}");
    }
    for guard in ["replies", "auto"] {
        stage.well("apply", &bundle, &["--dry-run"]);
        let applied = stage.well("apply", &bundle, &["--guard", guard, "--batch-commands", "50"]);
        for node in stage.cluster.primaries() {
            assert!(applied.out.contains(&format!("127.0.0.1:{}", node.port())), "{applied:?}");
        }
        stage.well("verify", &bundle, &[]);
        // By the program's own plan of all dumps, and by another join.
        stage.is_right();
        assert_eq!(join(&stage).manifest()["total"]["commands"], 0);
        let dumps = stage.cluster.primaries().into_iter().map(|node| node.save());
        let by_dumps = ran(program().arg("verify").arg(bundle.dir()).arg("--dump").args(dumps));
        assert_eq!(by_dumps.status, Some(0), "{by_dumps:?}");
        stage.well("rollback", &bundle, &["--guard", guard]);
        stage.is_as(&before);
        stage.well("verify", &bundle, &[]);
        std::fs::remove_file(bundle.dir().join("journal.ndjson")).expect("it is there");
    }
    // Another database is recognised by what the plans of all shards remember.
    stage.cluster.clear();
    let empty = stage.run("apply", &bundle, &["--confirm", &bundle.plan_id]);
    assert_eq!(empty.status, Some(4), "{empty:?}");
}
