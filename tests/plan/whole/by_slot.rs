//! Plans whose commands go to a cluster: each has keys of one slot, and they are in the order of slots and keys.

use std::collections::BTreeSet;
use std::fs;

use rdb_reindex::bundle::resp::CommandReader;
use rdb_reindex::dump::slots::slot_of;
use serde_json::Value;

use super::{Key, NOW, Work, database, dump};
use crate::support::dump_writer::DumpBuilder;
use crate::support::server::Program;

/// A database with every kind of edit: keys that are wrong, absent, of another type (every 13th), and members stale or missing.
fn broken() -> Vec<Key> {
    let mut keys = database(3000);
    keys.retain(|key| !matches!(key.name().as_str(), "message:7" | "message:1007" | "idx:user:3" | "idx:project:5"));
    for key in &mut keys {
        if let Key::Index(name, members) = key
            && name.ends_with('1')
        {
            members.truncate(members.len() / 2);
            members.push("message:9999".into());
        }
    }
    keys.extend((0..3000).map(|n| Key::Index(format!("idx:project:gone{n}"), vec!["message:1".into()])));
    keys
}

fn commands(work: &Work, name: &str) -> Vec<Vec<Vec<u8>>> {
    let bytes = fs::read(work.path().join("plan").join(name)).unwrap();
    let mut reader = CommandReader::new(&bytes);
    let mut commands = Vec::new();
    while let Some(command) = reader.next_command().unwrap() {
        commands.push(command.args.iter().map(|arg| arg.to_vec()).collect());
    }
    commands
}

fn keys_of(command: &[Vec<u8>]) -> &[Vec<u8>] {
    if matches!(&command[0][..], b"UNLINK") { &command[1..] } else { &command[1..2] }
}

fn manifest(work: &Work) -> Value {
    serde_json::from_slice(&fs::read(work.path().join("plan/plan.json")).unwrap()).unwrap()
}

/// Every key and what is done to it, whatever the commands are.
fn edits(commands: &[Vec<Vec<u8>>]) -> BTreeSet<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut edits = BTreeSet::new();
    for command in commands {
        let verb = &command[0];
        match &verb[..] {
            b"UNLINK" => edits.extend(command[1..].iter().map(|key| (verb.clone(), key.clone(), Vec::new()))),
            _ => edits.extend(command[2..].iter().map(|part| (verb.clone(), command[1].clone(), part.clone()))),
        }
    }
    edits
}

#[test]
fn each_command_has_keys_of_one_slot_in_order() {
    let work = Work::new();
    let keys = broken();
    work.put("whole.rdb", dump(NOW, keys.clone()));
    super::slots::shards(&work, &keys);
    assert_eq!(work.plan(&["whole.rdb"]).0, Some(0));
    assert_eq!(manifest(&work)["by_slot"], Value::Null);
    let (apply, rollback) = (commands(&work, "apply.resp"), commands(&work, "rollback.resp"));
    for args in
        [&["whole.rdb", "--by-slot"][..], &["0.rdb", "1.rdb", "2.rdb"], &["whole.rdb", "--by-slot", "--max-args", "5"]]
    {
        let (status, said) = work.plan(args);
        assert_eq!(status, Some(0), "{said}");
        let (found, back) = (commands(&work, "apply.resp"), commands(&work, "rollback.resp"));
        assert_eq!((edits(&found), edits(&back)), (edits(&apply), edits(&rollback)), "{args:?}");
        for command in found.iter().chain(&back) {
            let slots: BTreeSet<u16> = keys_of(command).iter().map(|key| slot_of(key)).collect();
            assert_eq!(slots.len(), 1, "{command:?}");
        }
        let phase = |command: &Vec<Vec<u8>>| match &command[0][..] {
            b"UNLINK" => 0,
            b"SADD" => 1,
            _ => 2,
        };
        let place = |command: &Vec<Vec<u8>>| (phase(command), slot_of(&command[1]), command[1].clone());
        assert!(found.iter().map(place).is_sorted(), "{args:?}");
        assert!(back.iter().map(place).is_sorted(), "{args:?}");
        let manifest = manifest(&work);
        assert_eq!(manifest["by_slot"], true);
        assert_eq!(manifest["total"]["commands"], found.len());
        assert_eq!(manifest["expected_replies"].as_array().unwrap().len(), found.len());
        // Keys to delete by slot, and edits of a key by direction, in commands of as many as the cap allows.
        let cap = if args.contains(&"5") { 5 } else { 1000 };
        let mut groups = std::collections::BTreeMap::<(u8, Vec<u8>), usize>::new();
        for command in &found {
            let (group, parts) = match phase(command) {
                0 => (slot_of(&command[1]).to_be_bytes().to_vec(), command.len() - 1),
                _ => (command[1].clone(), command.len() - 2),
            };
            *groups.entry((phase(command), group)).or_default() += parts;
        }
        let fewest: usize =
            groups.iter().map(|((phase, _), parts)| parts.div_ceil(cap - if *phase == 0 { 1 } else { 2 })).sum();
        assert_eq!((manifest["lower_bound"].as_u64(), fewest), (Some(fewest as u64), found.len()), "{args:?}");
        let page = fs::read_to_string(work.path().join("plan/review.html")).unwrap();
        assert!(page.contains("none with keys of two slots"));
        let dumps: Vec<&str> = args.iter().copied().filter(|arg| arg.ends_with(".rdb")).collect();
        let (status, stdout, stderr) = work.run(&[&["rehearse", "plan"], &dumps[..]].concat());
        assert_eq!(status, Some(0), "{stdout}{stderr}");
    }
}

#[test]
fn it_is_rehearsed_in_a_cluster() {
    let Some(server) = Program::Redis70.find() else { return };
    let work = Work::new();
    let keys = broken();
    for shard in 0..3 {
        let mut dump = DumpBuilder::new(10);
        dump.server_aux(NOW).select_db(0);
        keys.iter().filter(|key| super::slots::shard_of(key) == shard).for_each(|key| key.write(&mut dump));
        work.put(&format!("{shard}.rdb"), dump.finish());
    }
    let server = server.to_string_lossy().into_owned();
    let dumps = ["0.rdb", "1.rdb", "2.rdb"];
    assert_eq!(work.plan(&dumps).0, Some(0));
    let rehearse = [&["rehearse", "plan"], &dumps[..], &["--server", &server]].concat();
    let (status, stdout, stderr) = work.run(&rehearse);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("a cluster of one node"), "{stdout}");
    // A cluster it is: it takes no command with keys of two slots.
    let bundle = work.path().join("plan");
    let read = |name: &str| fs::read(bundle.join(name)).unwrap();
    let (found, before) = (commands(&work, "apply.resp"), read("plan.json"));
    let (one, other) = (&found[0], &found[1]);
    assert!(slot_of(&one[1]) != slot_of(&other[1]) && !before.is_empty());
}

#[test]
fn a_cluster_has_one_database() {
    let work = Work::new();
    let spec = fs::read_to_string(work.path().join("spec.toml")).unwrap();
    work.put("spec.toml", spec.replace("[[record]]", "[[record]]\ndb = 1"));
    let mut keys = DumpBuilder::new(11);
    keys.server_aux(NOW).select_db(1);
    database(200).iter().for_each(|key| key.write(&mut keys));
    work.put("whole.rdb", keys.finish());
    let (status, said) = work.plan(&["whole.rdb", "--by-slot"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("database 0 only, and the index project is in database 1"), "{said}");
}

/// In a plan by slot the deletions of all indexes are mixed: what is known of the right names of each must not be worked out
/// again whenever it is the turn of another one.
#[test]
fn wrong_names_of_several_indexes_take_no_longer_than_in_other_plans() {
    use rdb_reindex::bundle::manifest::Caps;
    use rdb_reindex::dump::scan::Observer;
    use rdb_reindex::index::Difference;
    use rdb_reindex::model::spec::Spec;
    use rdb_reindex::model::view::Expiry;
    let index = |name: &str| {
        format!(
            "[[index]]\nname = '{name}'\npolicy = 'maintain'\nfrom = 'r'\nkey = '{name}:{{f}}'\nmember = '{{@key}}'\n"
        )
    };
    let spec = format!("version = 1\n[[record]]\nname = 'r'\nkey = 'r:*'\n{}{}", index("a"), index("b"));
    let spec = Spec::parse(&spec, "spec.toml").unwrap();
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_764_500_000).select_db(0);
    for n in 0..2000 {
        dump.string(format!("r:{n}"), format!("{{\"f\":\"{n}\"}}"));
        for index in ["a", "b"] {
            dump.set(format!("{index}:{n}"), &[format!("r:{n}")]).set(format!("{index}:gone{n}"), &["r:1"]);
        }
    }
    let dump = dump.finish();
    let mut difference = Difference::take(&dump, &spec, Expiry::Careful, &Observer::default()).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let mut time = |name: &str, by_slot| {
        difference.by_slot = by_slot;
        let caps = Caps { max_args: 1000, max_command_bytes: 512 << 10 };
        let began = std::time::Instant::now();
        let manifest =
            rdb_reindex::plan::build(&difference, caps, &folder.path().join(name), &Observer::default()).unwrap();
        assert_eq!(manifest.total.deleted_keys, 4000);
        began.elapsed()
    };
    let (plain, by_slot) = (time("plain", false), time("by-slot", true));
    assert!(by_slot < plain * 8 + std::time::Duration::from_secs(2), "{by_slot:?} by slot, {plain:?} otherwise");
}
