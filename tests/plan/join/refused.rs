//! What is not joined, and what is said of it.

use std::fs;
use std::path::Path;

use rdb_reindex::bundle::manifest::{Manifest, Shard};
use rdb_reindex::bundle::sha256;
use serde_json::{Value, json};

use super::{Divided, SPEC, Work, shards};

const ALL: [&str; 3] = ["plans/ann", "plans/bob", "plans/cy"];

/// That nothing is made of these plans, and that this is said.
fn refused(work: &Work, plans: &[&str], words: &[&str]) {
    let (status, said) = work.join(plans);
    assert_eq!(status, Some(1), "{said}");
    for words in words {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(!work.path("plan").exists(), "{said}");
}

/// Writes a manifest as the program would, after a change; its id is right, and so are the sizes of its files.
fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("plan.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (name, id) in value["files"].as_object_mut().unwrap() {
        let bytes = fs::read(folder.join(name)).unwrap();
        *id = json!({"sha256": sha256(&bytes), "bytes": bytes.len()});
    }
    change(&mut value);
    let mut manifest: Manifest = serde_json::from_value(value).unwrap();
    manifest.plan_id = manifest.identity();
    let mut text = Vec::new();
    let Ok(()) = manifest.write_json(|piece| {
        text.extend_from_slice(piece);
        Ok::<(), std::convert::Infallible>(())
    });
    fs::write(path, text).unwrap();
}

#[test]
fn plans_that_are_no_shards() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    assert_eq!(work.run(&["join", "--out", "plan"]).0, Some(2));
    refused(&work, &["nowhere"], &["there is no folder nowhere"]);
    let (status, _, said) = work.run(&["plan", "ann.rdb", "--spec", "spec.toml", "--out", "single"]);
    assert_eq!(status, Some(0), "{said}");
    refused(&work, &["single", ALL[0]], &["single is the plan of a whole database", "`apply` takes it as it is"]);
    let (status, _, said) = work.run(&[&["join", "--out", "plans/joined"], &ALL[..]].concat());
    assert_eq!(status, Some(0), "{said}");
    refused(&work, &["plans/joined", ALL[0]], &["plans/joined is a plan that was joined already"]);
    let (status, _, said) = work.run(&[&["join", "--out", "plans/bob"], &ALL[..]].concat());
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("plans/bob is one of the plans that are to be joined"), "{said}");
    fs::write(work.path("plans/ann/journal.ndjson"), "").unwrap();
    refused(&work, &ALL, &["plans/ann was applied, or begun, by itself"]);
    fs::remove_file(work.path("plans/ann/journal.ndjson")).unwrap();
    // What is there is left as it is.
    fs::create_dir(work.path("full")).unwrap();
    fs::write(work.path("full/letter"), "dear").unwrap();
    let (status, _, said) = work.run(&[&["join", "--out", "full"], &ALL[..]].concat());
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("full holds letter"), "{said}");
}

#[test]
fn shards_that_are_missing_twice_or_of_another_run() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    refused(&work, &ALL[..2], &["1 of 3 shards that the engine saw is missing: cy"]);
    refused(&work, &ALL[..1], &["2 of 3 shards that the engine saw are missing: bob, cy"]);
    fs::create_dir(work.path("again")).unwrap();
    for file in fs::read_dir(work.path("plans/bob")).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, work.path("again").join(path.file_name().unwrap())).unwrap();
    }
    refused(&work, &[&ALL[..], &["again"]].concat(), &["shard bob is there twice", "plans/bob", "again"]);
    let engine = shards::engine(&work.dumps, SPEC);
    let make = |dump: usize, spec: &str, caps, shard: Shard, out: &str| {
        let _ = fs::remove_dir_all(work.path(out));
        shards::plan(&work.dumps[dump], spec, caps, shard, &work.path(out))
    };
    let bob = |engine| Shard::new("bob", "ab", engine);
    let of_two = shards::engine(&work.dumps[..2], SPEC);
    make(1, SPEC, shards::CAPS, bob(of_two), "other");
    let plans = |other| [ALL[0], other, ALL[2]];
    let both = ["other (shard bob) has", "than plans/ann (shard ann)"];
    refused(&work, &plans("other"), &[both[0], "edits of another run of the engine", both[1]]);
    let spec = SPEC.replace("name = 'old'", "name = 'older'");
    make(1, &spec, shards::CAPS, bob(engine.clone()), "other");
    refused(&work, &plans("other"), &["other (shard bob) has another spec than plans/ann"]);
    let caps = rdb_reindex::bundle::manifest::Caps { max_args: 10, ..shards::CAPS };
    make(1, SPEC, caps, bob(engine.clone()), "other");
    refused(&work, &plans("other"), &["other (shard bob) has other caps than plans/ann"]);
    // The dump of another shard under this name, and a name that the engine does not know.
    make(0, SPEC, shards::CAPS, bob(engine.clone()), "other");
    refused(&work, &plans("other"), &["other (shard bob) was made from a dump of", "the engine saw one of"]);
    make(1, SPEC, shards::CAPS, Shard::new("bo\u{1b}b", "ab", engine.clone()), "other");
    refused(&work, &plans("other"), &["the shard bo\\u{1b}b, which the engine did not see"]);
    make(1, SPEC, shards::CAPS, bob(engine), "other");
    edit(&work.path("other"), |plan| plan["tool_version"] = json!("99.0.0"));
    refused(&work, &plans("other"), &["other was made by version 99.0.0 of this program"]);
}

#[test]
fn a_key_on_two_shards() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    let key = |folder: &str| -> Value {
        let plan: Value = serde_json::from_slice(&work.read(&format!("plans/{folder}/plan.json"))).unwrap();
        plan["touched"][0].clone()
    };
    let first = key("ann");
    edit(&work.path("plans/cy"), |plan| plan["touched"].as_array_mut().unwrap().insert(0, first));
    refused(&work, &ALL, &["is in the plans of two shards: in plans/ann and in plans/cy"]);
}

#[test]
fn files_that_were_edited() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    for name in ["apply.resp", "rollback.resp", "changes.csv", "review.html"] {
        let bytes = work.read(&format!("plans/bob/{name}"));
        let mut edited = bytes.clone();
        edited[20] ^= 1;
        fs::write(work.path("plans/bob").join(name), edited).unwrap();
        refused(&work, &ALL, &[&format!("plans/bob/{name} was edited or damaged: its SHA-256 is")]);
        fs::write(work.path("plans/bob").join(name), bytes).unwrap();
    }
    assert_eq!(work.join(&ALL).0, Some(0));
}

/// Bundles that are consistent and were not made by this program.
#[test]
fn what_no_program_would_write() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    let bob = work.path("plans/bob");
    let whole: Vec<(String, Vec<u8>)> = ["apply.resp", "rollback.resp", "changes.csv", "plan.json"]
        .map(|name| (name.to_owned(), work.read(&format!("plans/bob/{name}"))))
        .into();
    let restore = || whole.iter().for_each(|(name, bytes)| fs::write(bob.join(name), bytes).unwrap());
    let file = |name: &str| whole.iter().find(|(own, _)| own == name).unwrap().1.clone();
    // Files.
    let apply = file("apply.resp");
    let second = apply.windows(2).enumerate().skip(1).find(|(_, two)| two == b"\n*").unwrap().0 + 1;
    let swapped = [&apply[second..], &apply[..second]].concat();
    let changes = file("changes.csv");
    let lines: Vec<&[u8]> = changes.split_inclusive(|byte| *byte == b'\n').collect();
    let without_last = lines[..lines.len() - 1].concat();
    let turned = [&lines[..1], &lines[lines.len() - 1..], &lines[1..lines.len() - 1]].concat().concat();
    let damaged: [(&str, Vec<u8>); 14] = [
        ("apply.resp", swapped),
        ("apply.resp", apply[..apply.len() - 3].to_vec()),
        ("apply.resp", b"*2\r\n$6\r\nUNLINK\r\n$999999999999\r\nx\r\n".to_vec()),
        ("apply.resp", b"*999999999\r\n".to_vec()),
        ("apply.resp", b"PING\r\n".to_vec()),
        ("apply.resp", Vec::new()),
        ("apply.resp", [&apply[..], b"*1\r\n$4\r\nPING\r\n"].concat()),
        ("rollback.resp", b"*1\r\n$4\r\nPING\r\n".to_vec()),
        ("rollback.resp", Vec::new()),
        ("changes.csv", turned),
        ("changes.csv", Vec::new()),
        ("changes.csv", [&changes[..], b"nobody,k,add member,m,r\n"].concat()),
        ("changes.csv", [&changes[..], b"project,\"k,add member\n"].concat()),
        ("changes.csv", [lines[0], &without_last[lines[0].len() + lines[1].len()..]].concat()),
    ];
    for (name, bytes) in damaged {
        fs::write(bob.join(name), bytes).unwrap();
        edit(&bob, |_| ());
        refused(&work, &ALL, &["plans/bob"]);
        restore();
    }
    // What the manifest says.
    type Change = Box<dyn FnOnce(&mut Value)>;
    let changes: Vec<Change> = vec![
        Box::new(|plan| plan["shard"]["figures"] = Value::Null),
        Box::new(|plan| plan["shard"]["figures"] = json!([[[[]]]])),
        Box::new(|plan| plan["shard"]["figures"]["summaries"] = json!([])),
        Box::new(|plan| plan["shard"]["figures"]["digest"]["indexes"] = json!([])),
        Box::new(|plan| plan["shard"]["figures"]["rebuilt"] = json!(u64::MAX)),
        Box::new(|plan| plan["shard"]["figures"]["sums"]["on_present"] = json!(u64::MAX)),
        Box::new(|plan| plan["shard"]["figures"]["phases"] = json!([[0, 0, 0], [0, 0, 0]])),
        Box::new(|plan| {
            let phases = plan["shard"]["figures"]["phases"].as_array_mut().unwrap();
            let all: u64 = phases[0].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
            phases[0] = json!([0, all, 0]);
        }),
        Box::new(|plan| plan["shard"]["figures"]["digest"]["largest"][0]["key"] = json!(["", "", 7])),
        Box::new(|plan| plan["total"]["bytes"] = json!(u64::MAX)),
        Box::new(|plan| plan["touched"][0]["elements"] = json!(u64::MAX)),
        Box::new(|plan| plan["indexes"] = json!([])),
        Box::new(|plan| plan["indexes"][0]["left_keys"] = json!(u64::MAX)),
        Box::new(|plan| plan["by_slot"] = json!(false)),
        Box::new(|plan| plan["snapshot"]["keys"] = json!(u64::MAX)),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        edit(&bob, change);
        let (status, said) = work.join(&ALL);
        assert_eq!(status, Some(1), "{n}: {said}");
        assert!(said.contains("plans/bob") && !said.contains("panicked"), "{n}: {said}");
        restore();
    }
    assert_eq!(work.join(&ALL).0, Some(0));
}

#[test]
fn dumps_that_were_not_taken_at_once() {
    let work = Work::new(Divided::BySlot);
    for (seconds, status, words) in
        [(0, 0, ""), (1800, 0, "cy was taken 30 minutes after ann"), (7200, 1, "cy was taken 2 hours after ann")]
    {
        let mut dump = super::DumpBuilder::new(11);
        dump.server_aux(super::NOW + seconds).select_db(0);
        super::keys(&mut dump, "zz", "cy", (2, false));
        fs::write(&work.dumps[2], dump.finish()).unwrap();
        let _ = fs::remove_dir_all(work.path("plans"));
        work.plans(1000);
        let (found, said) = work.join(&ALL);
        assert_eq!(found, Some(status), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
