//! One shard of several, and all of them.

use std::path::Path;

use proptest::strategy::{Strategy, ValueTree};
use rdb_reindex::dump::slots::slot_of;
use rdb_reindex::{Difference, Expiry, Observer, Options, Snapshot, Spec};

use super::{Key, NOW, Work, database, dump};
use crate::support::dump_writer::DumpBuilder;
use crate::support::server::Server;

#[test]
fn slots_are_those_of_a_server() {
    let Some(server) = Server::builder().args(&["--cluster-enabled", "yes"]).start() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let names = proptest::collection::vec(proptest::sample::select(b"{}ab:0\xff\0".to_vec()), 0..60);
    let mut connection = server.connection();
    for _ in 0..3000 {
        let name = names.new_tree(&mut runner).unwrap().current();
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&name).query(&mut connection).unwrap();
        assert_eq!(slot_of(&name), slot, "{}", name.escape_ascii());
    }
}

/// The shard of a cluster of three, as `redis-cli --cluster create` cuts it.
pub fn shard_of(key: &Key) -> usize {
    match slot_of(key.name().as_bytes()) {
        0..=5460 => 0,
        5461..=10922 => 1,
        _ => 2,
    }
}

pub fn shards(work: &Work, keys: &[Key]) {
    for shard in 0..3 {
        let keys = keys.iter().filter(|key| shard_of(key) == shard).cloned();
        work.put(&format!("{shard}.rdb"), dump(NOW, keys));
    }
}

#[test]
fn all_shards_or_none() {
    for records in [200, 3000] {
        let work = Work::new();
        let keys = database(records);
        work.put("whole.rdb", dump(NOW, keys.clone()));
        shards(&work, &keys);
        for whole in [&["whole.rdb"][..], &["0.rdb", "1.rdb", "2.rdb"], &["2.rdb", "0.rdb", "1.rdb"]] {
            let (status, said) = work.plan(whole);
            assert_eq!(status, Some(0), "{said}");
            assert!(!said.contains("-slots") && !said.contains("no key in"), "{said}");
        }
        for part in
            [&["0.rdb"][..], &["1.rdb"], &["2.rdb"], &["0.rdb", "1.rdb"], &["0.rdb", "2.rdb"], &["1.rdb", "2.rdb"]]
        {
            let (status, said) = work.plan(part);
            assert_eq!(status, Some(4), "{records} {part:?}: {said}");
            assert!(said.contains("partial-slots") && said.contains("is a shard missing?"), "{said}");
            let (_, said) = work.plan(&[part, &["--accept", "partial-slots"]].concat());
            assert!(!said.contains("is a shard missing?") || said.contains("LIFTED"), "{said}");
        }
        let (inventory, _) = work.inventory(&["0.rdb"]);
        let shown = inventory.to_string();
        assert!(shown.contains("partial-slots") && shown.contains("no key in slots 5"), "{shown}");
    }
}

/// A slot whose keys are in two dumps; the message names both.
#[test]
fn dumps_around_a_reshard() {
    let work = Work::new();
    let keys = database(3000);
    let moving = |key: &Key| (5000..=5460).contains(&slot_of(key.name().as_bytes()));
    let mut moved = 0;
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for key in &keys {
        moved += usize::from(moving(key));
        let shard = if moving(key) && moved % 2 == 0 { 1 } else { shard_of(key) };
        parts[shard].push(key.clone());
    }
    for (n, part) in parts.iter().enumerate() {
        work.put(&format!("{n}.rdb"), dump(NOW, part.clone()));
    }
    let (status, said) = work.plan(&["0.rdb", "1.rdb", "2.rdb"]);
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("split-slots") && said.contains("has keys in 0.rdb and in 1.rdb"), "{said}");
    let (status, said) = work.plan(&["0.rdb", "1.rdb", "2.rdb", "--accept", "split-slots"]);
    assert_eq!(status, Some(0), "{said}");
    // In neither.
    for (n, part) in parts.iter().enumerate() {
        work.put(&format!("{n}.rdb"), dump(NOW, part.iter().filter(|key| !moving(key)).cloned()));
    }
    let (status, said) = work.plan(&["0.rdb", "1.rdb", "2.rdb"]);
    assert!(status == Some(4) && said.contains("partial-slots"), "{said}");
}

/// 24 names in one half of the slots: by chance that happens once in a thousand databases. A cluster's own word decides.
#[test]
fn the_word_of_a_cluster() {
    let names = ["message", "idx:project", "idx:user"];
    let names = (0..).flat_map(|n| names.map(|name| format!("{name}:{n}")));
    let names: Vec<String> = names.filter(|name| slot_of(name.as_bytes()) < 8192).take(24).collect();
    let make = |said: &dyn Fn(&mut DumpBuilder)| {
        let mut dump = DumpBuilder::new(12);
        dump.server_aux(NOW).select_db(0);
        said(&mut dump);
        for name in &names {
            match name.starts_with("message") {
                true => dump.hash(name, &[("p", "0"), ("u", "0")]),
                false => dump.set(name, &["message:0"]),
            };
        }
        dump.finish()
    };
    let work = Work::new();
    work.put("alone.rdb", make(&|_| {}));
    // SLOT_INFO of Redis 8.2: a slot, its keys, those that expire.
    work.put(
        "redis.rdb",
        make(&|dump| {
            dump.bytes([0xf4, 5, 1, 0]);
        }),
    );
    work.put(
        "valkey.rdb",
        make(&|dump| {
            dump.aux("slot-info", "5,1,0,0");
        }),
    );
    let said = |name: &str| work.inventory(&[name]).0.to_string().contains("partial-slots");
    assert_eq!([said("alone.rdb"), said("redis.rdb"), said("valkey.rdb")], [false, true, true]);
}

fn findings(path: &Path) -> Vec<String> {
    let spec = Spec::preset("discord-analytics").unwrap();
    let dump = Snapshot::open(path, Options::default()).unwrap();
    match Difference::take(&dump, &spec, Expiry::Careful, &Observer::default()) {
        Ok(difference) => difference.facts.slots.iter().map(|found| format!("{found:?}")).collect(),
        // Not all of the corpus can be read.
        Err(_) => Vec::new(),
    }
}

/// Databases that are whole: the fixtures, and those of twenty applications.
#[test]
fn whole_databases_are_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = |path: &Path| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let apps = folder(&root.join("../shared/apps")).map(|app| app.join("dump.rdb")).filter(|dump| dump.exists());
    let of = |folder: &Path, path: &str| {
        let dumps = self::tests_of(&folder.join(path));
        dumps.into_iter()
    };
    for dump in apps.chain(of(root, "fixtures")).chain(of(root, "../shared/corpus")) {
        assert_eq!(findings(&dump), Vec::<String>::new(), "{}", dump.display());
    }
}

fn tests_of(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rdb")).collect()
}
