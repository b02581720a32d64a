//! What a joined plan is: the plan by slot of all dumps.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Divided, Work};

fn manifest(work: &Work, folder: &str) -> Value {
    serde_json::from_slice(&work.read(&format!("{folder}/plan.json"))).unwrap()
}

/// Everything that both manifests say, but for what they are known by.
fn compared(work: &Work, folder: &str) -> Value {
    let mut manifest = manifest(work, folder);
    let fields = manifest.as_object_mut().unwrap();
    for own in ["plan_id", "joined", "witnesses", "files"] {
        fields.remove(own);
    }
    manifest
}

/// The page without what the plans are known by.
fn page(work: &Work, folder: &str) -> String {
    let text = String::from_utf8(work.read(&format!("{folder}/review.html"))).unwrap();
    let id = manifest(work, folder)["plan_id"].as_str().unwrap().to_owned();
    text.replace(&id, "ID").replace(", 3 shards: ann, bob, cy", "")
}

#[test]
fn it_is_the_plan_of_all_dumps() {
    for divided in [Divided::BySlot, Divided::Anyhow, Divided::OneRight] {
        for max_args in [1000, 5] {
            let work = Work::new(divided);
            work.plans(max_args);
            let (status, said) = work.join(&["plans/cy", "plans/ann", "plans/bob"]);
            assert_eq!(status, Some(0), "{divided:?}: {said}");
            let max = max_args.to_string();
            let args = ["--spec", "spec.toml", "--out", "whole", "--by-slot", "--max-args", &max];
            let (status, _, said) = work.run(&[&["plan", "ann.rdb", "bob.rdb", "cy.rdb"], &args[..]].concat());
            assert_eq!(status, Some(0), "{said}");
            for name in ["apply.resp", "changes.csv"] {
                let (joined, whole) = (work.read(&format!("plan/{name}")), work.read(&format!("whole/{name}")));
                assert!(whole.len() > 10_000, "{name}: {}", whole.len());
                assert!(joined == whole, "{divided:?} {max_args}: {name} differs");
            }
            if divided != Divided::Anyhow {
                assert!(work.read("plan/rollback.resp") == work.read("whole/rollback.resp"), "{divided:?}");
                let (joined, whole) = (compared(&work, "plan"), compared(&work, "whole"));
                for (name, value) in whole.as_object().unwrap() {
                    assert_eq!(joined.get(name), Some(value), "{divided:?} {max_args}: {name}");
                }
                assert_eq!(joined.as_object().unwrap().len(), whole.as_object().unwrap().len());
                let (joined, whole) = (page(&work, "plan"), page(&work, "whole"));
                let differs = joined.lines().zip(whole.lines()).find(|(joined, whole)| joined != whole);
                assert_eq!(differs, None, "{divided:?} {max_args}");
                assert!(joined == whole);
            }
            let [joined, whole] = ["plan", "whole"].map(|folder| manifest(&work, folder));
            for number in ["total", "lower_bound", "batches", "billed_commands", "touched", "snapshot", "indexes"] {
                assert_eq!(joined[number], whole[number], "{divided:?} {max_args}: {number}");
            }
            assert!(joined["lower_bound"].as_u64() <= joined["total"]["commands"].as_u64());
            let witnesses = joined["witnesses"].as_array().unwrap();
            assert_eq!(witnesses.len(), 20);
            let of_shards: BTreeSet<&str> = witnesses
                .iter()
                .map(|witness| witness["key"].as_str().unwrap().rsplit(':').next().unwrap())
                .map(|id| id.trim_end_matches(|c: char| c.is_ascii_digit()))
                .collect();
            assert_eq!(of_shards.len(), 3, "{of_shards:?}");
        }
    }
}

#[test]
fn it_has_one_id_in_any_order() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    let mut ids = BTreeSet::new();
    let orders = [["ann", "bob", "cy"], ["cy", "bob", "ann"], ["bob", "ann", "cy"]];
    let mut bundles = BTreeSet::new();
    for order in orders {
        let plans = order.map(|name| format!("plans/{name}"));
        let (status, said) = work.join(&plans.each_ref().map(String::as_str));
        assert_eq!(status, Some(0), "{said}");
        let manifest = manifest(&work, "plan");
        let id = manifest["plan_id"].as_str().unwrap().to_owned();
        let shards = manifest["joined"]["shards"].as_array().unwrap().clone();
        let of = |shard: &Value, field: &str| shard[field].as_str().unwrap().to_owned();
        assert_eq!(shards.iter().map(|shard| of(shard, "name")).collect::<Vec<_>>(), ["ann", "bob", "cy"]);
        for shard in &shards {
            let own = super::same::manifest(&work, &format!("plans/{}", of(shard, "name")));
            assert_eq!(own["plan_id"], shard["plan_id"]);
            assert_eq!(own["snapshot"]["crc64"], shard["crc64"]);
        }
        bundles.insert(
            ["plan.json", "apply.resp", "rollback.resp", "changes.csv", "review.html"]
                .map(|name| work.read(&format!("plan/{name}"))),
        );
        ids.insert(id.clone());
        let (status, out, _) = work.run(&["show", "plan"]);
        assert_eq!(status, Some(0));
        assert!(out.contains(&id) && out.contains("joined of the plans of 3 shards: ann, bob, cy"), "{out}");
    }
    assert_eq!((ids.len(), bundles.len()), (1, 1));
    // The id follows from the edits that the engine gave, whatever they come to.
    let dumps = work.dumps.clone();
    let engine = super::shards::engine(&dumps, super::SPEC);
    let shard = rdb_reindex::bundle::manifest::Shard::new("bob", "0".repeat(64), engine);
    super::shards::plan(&dumps[1], super::SPEC, super::shards::CAPS, shard, &work.path("plans/bob"));
    assert_eq!(work.join(&["plans/ann", "plans/bob", "plans/cy"]).0, Some(0));
    assert!(ids.insert(manifest(&work, "plan")["plan_id"].as_str().unwrap().to_owned()));
}

#[test]
fn it_is_rehearsed_with_all_dumps() {
    let work = Work::new(Divided::BySlot);
    work.plans(1000);
    let (status, _, said) = work.run(&["join", "plans/ann", "plans/bob", "plans/cy", "--out", "plan", "--exit-code"]);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("rdb-reindex rehearse plan ann.rdb bob.rdb cy.rdb"), "{said}");
    let (status, out, said) = work.run(&["rehearse", "plan", "ann.rdb", "bob.rdb", "cy.rdb"]);
    assert_eq!(status, Some(0), "{out} {said}");
    let (status, _, said) = work.run(&["rehearse", "plan", "bob.rdb", "ann.rdb", "cy.rdb"]);
    assert_eq!(status, Some(1), "{said}");
    // The plan of one shard alone is a plan, too.
    let (status, out, said) = work.run(&["rehearse", "plans/bob", "bob.rdb"]);
    assert_eq!(status, Some(0), "{out} {said}");
    let (_, out, _) = work.run(&["show", "plans/bob"]);
    assert!(out.contains("the plan of shard bob alone, of 3 shards"), "{out}");
}

/// Where slots have keys on all shards: no cluster has that, and it is a plan all the same.
#[test]
fn it_is_rehearsed_where_slots_are_shared() {
    let work = Work::new(Divided::Anyhow);
    work.plans(1000);
    assert_eq!(work.join(&["plans/ann", "plans/bob", "plans/cy"]).0, Some(0));
    let (status, out, said) = work.run(&["rehearse", "plan", "ann.rdb", "bob.rdb", "cy.rdb"]);
    assert_eq!(status, Some(0), "{out} {said}");
}

/// What brakes keep, and whose it is.
#[test]
fn what_brakes_keep() {
    let work = Work::new(Divided::BySlot);
    let slots = ["b", "a", "c"];
    for (at, dump) in work.dumps.iter().enumerate() {
        let (mut writer, tag) = (super::DumpBuilder::new(11), slots[at]);
        writer.server_aux(super::NOW).select_db(0);
        super::keys(&mut writer, tag, super::shards::name(dump).as_str(), (at, false));
        if at < 2 {
            writer.set(format!("p:{{{tag}}}:g:deep:er:and:deep:er"), &[format!("m:{{{tag}}}:1")]);
        }
        if at == 1 {
            writer.set(format!("p:{{{tag}}}:g:foreign"), &["nobody's"]);
        }
        fs::write(dump, writer.finish()).unwrap();
    }
    work.plans(1000);
    let (status, said) = work.join(&["plans/ann", "plans/bob", "plans/cy"]);
    assert_eq!(status, Some(0), "{said}");
    let manifest = manifest(&work, "plan");
    let brakes = manifest["brakes"].as_array().unwrap();
    let notes = |brake: &str| -> Vec<&str> {
        let of = brakes.iter().filter(|note| note["brake"] == brake);
        of.map(|note| note["text"].as_str().unwrap()).collect()
    };
    let nested = notes("nested");
    assert!(nested.len() == 1 && nested[0].starts_with("2 of 3 shards: "), "{nested:?}");
    let foreign = notes("foreign-members");
    assert!(foreign.len() == 1 && foreign[0].starts_with("shard bob: "), "{foreign:?}");
    assert!(manifest["indexes"][0]["left_keys"] == 3, "{}", manifest["indexes"][0]);
    let page = String::from_utf8(work.read("plan/review.html")).unwrap();
    assert!(page.contains("shard bob: ") && page.contains("2 of 3 shards: "));
    let (status, out, said) = work.run(&["rehearse", "plan", "ann.rdb", "bob.rdb", "cy.rdb"]);
    assert_eq!(status, Some(0), "{out} {said}");
}

#[test]
fn one_shard_and_nothing_to_do() {
    let work = Work::new(Divided::OneRight);
    let alone = vec![work.dumps[1].clone()];
    super::shards::plans(&alone, super::SPEC, super::shards::CAPS, &work.path("plans"));
    let (status, _, said) = work.run(&["join", "plans/bob", "--out", "plan", "--exit-code"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("Nothing to do"), "{said}");
    assert_eq!(work.read("plan/apply.resp"), b"");
    assert_eq!(manifest(&work, "plan")["snapshot"], manifest(&work, "plans/bob")["snapshot"]);
    let (status, out, said) = work.run(&["rehearse", "plan", "bob.rdb"]);
    assert_eq!(status, Some(0), "{out} {said}");
}

/// Hundreds of shards with few files open.
#[test]
fn hundreds_of_shards() {
    let work = Work::new(Divided::BySlot);
    let dumps: Vec<_> = (0..300)
        .map(|n| {
            let path = work.path(&format!("s{n:03}.rdb"));
            let mut dump = super::DumpBuilder::new(11);
            dump.server_aux(super::NOW).select_db(0);
            for id in 0..3 {
                dump.hash(format!("m:{{{n}}}:{id}"), &[("p", "1"), ("u", "1"), ("s", "2"), ("n", "x"), ("g", "g")]);
            }
            dump.set(format!("p:{{{n}}}:g:1"), &[format!("m:{{{n}}}:0"), format!("m:{{{n}}}:9")]);
            dump.set(format!("p:{{{n}}}:g:2"), &[format!("m:{{{n}}}:8")]);
            fs::write(&path, dump.finish()).unwrap();
            path
        })
        .collect();
    super::shards::plans(&dumps, super::SPEC, super::shards::CAPS, &work.path("many"));
    let command = "ulimit -n 24; exec \"$0\" join many/* --out plan --quiet";
    let program = env!("CARGO_BIN_EXE_rdb-reindex");
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-c", command, program]).current_dir(work.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = manifest(&work, "plan");
    assert_eq!(manifest["joined"]["shards"].as_array().unwrap().len(), 300);
    assert_eq!(manifest["total"]["deleted_keys"], 300);
    assert_eq!(manifest["total"]["removed_members"], 300);
}
