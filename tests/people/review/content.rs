//! What the page says, against what is known of the fixture and of small dumps.

use super::{CTIME, Work, fixture, hostile, hostile_names, plain, start};

/// The numbers are those of fixtures/README.md, which `tests/dump/fixtures.rs` counts with a real server.
#[test]
fn the_page_of_the_fixture_answers_the_four_questions() {
    let work = Work::new();
    let page = work.review(&fixture(), &[]);
    let text = plain(&page);
    let id = work.manifest()["plan_id"].as_str().expect("an id").to_owned();
    for part in [
        // What is wrong.
        // 1,998 wrong keys; 2,040 and 2,008 of indexes that are retired.
        "Deletes 6,046 of 29,695 keys: 1,998 wrong project keys and 4,048 keys of two retired indexes.",
        "project: 3 of 2,001 keys right in name, 51 missing members, 51 stale members.",
        "projects: 1 of 1 key right in name, 2 missing members, 4 stale members.",
        "user: 2,040 keys, all to be deleted, because the spec retires the index.",
        // What will happen: 1,998 + 2,040 + 2,008 keys, 51 + 2 and 51 + 4 members.
        "The plan deletes 6,046 keys, adds 53 members and removes 55 members.",
        "It also adds 53 members and removes 55 members. That takes 15 commands; with the look before them, 6,111 commands",
        "2,001 keys: 3 right, 1,998 wrong",
        "3 keys: 3 right",
        // 1,991 + 172 + 3 members, of which 41 + 9 + 1 are stale.
        "2,166 members: 2,115 right, 51 added by the plan",
        // 33 strings, 32 each of four types and one stream.
        "162 keys deleted: they are not sets",
        "32 hashes",
        // 30 + 5 + 1 are gone, 11 + 4 belong to another project.
        "36 members removed: the record does not exist",
        "15 members removed: the record belongs to another key",
        // What it costs: 15 commands to edit, one for each of 6,050 keys to look, and a few to find out who is there; at
        // $0.20 per 100,000.
        "$0.01 for 6,111 commands, at $0.20 per 100,000 commands",
        "The edits alone are 15 commands ($0.00003)",
        "at 50 ms for a round trip",
        // How to apply it, and how to undo it.
        "rdb-reindex rehearse . DUMP",
        &format!("rdb-reindex apply . --to URL --confirm {id}"),
        &format!("rdb-reindex rollback . --to URL --confirm {id}"),
        // What is never touched: 29,695 less 6,046 deleted and 4 edited keys.
        "23,645 of the 29,695 keys in the dump stay byte for byte as they are.",
        "message:discord:* records: read, never written 19,485",
        // What to know: 35 records have an object for a projectId.
        "35 records with a field that names no index key",
        "35 keys with an expiry will be changed",
        "taken 2026-11-23 13:36:47 UTC",
        "[object Object] where a value belongs",
        "undefined where a value belongs",
        "a prefix twice or more",
    ] {
        assert!(text.contains(part), "{part:?} is not there");
    }
    assert!(!page.contains("fixtures") && !page.contains(".rdb"), "the page does not say where the dump was");
}

/// Down to the record and the field: worked out by hand from the records here.
#[test]
fn examples_name_the_record_and_the_field() {
    let work = Work::new();
    let mut dump = start();
    for project in ["p3", "p7"] {
        dump.json(format!("project:discord:{project}"), "{}");
    }
    dump.json("message:discord:123", r#"{"projectId":"project:discord:p7","content":"x"}"#);
    dump.json("message:discord:9", r#"{"projectId":null}"#);
    dump.json("message:discord:10", r#"{"projectId":"project:discord:gone"}"#);
    dump.hash("message:discord:4", &[("projectId", "project:discord:p3")]);
    dump.set("discord:messages:project:project:discord:p3", &["message:discord:123", "message:discord:0"]);
    dump.set("discord:messages:project:project:discord:p7", &["message:discord:9", "message:discord:10"]);
    dump.set("discord:messages:project:project:discord:gone", &["message:discord:10"]);
    dump.set("discord:messages:project:undefined", &["a", "b"]);
    dump.list("discord:messages:project:null", &["a"]);
    dump.set("discord:messages:user:7", &["message:discord:4"]);
    let text = plain(&work.review(&work.write("dump.rdb", dump.finish()), &[]));
    let p = |n: u8| format!("discord:messages:project:project:discord:p{n}");
    for part in [
        format!(
            "message:discord:123 has projectId = project:discord:p7, so it belongs in {}, not in {}.",
            p(7),
            p(3)
        ),
        format!(
            "message:discord:123 has projectId = “project:discord:p7”, so it belongs in {}, which does not name it.",
            p(7)
        ),
        format!(
            "message:discord:4 has projectId = “project:discord:p3”, so it belongs in {}, which does not name it.",
            p(3)
        ),
        format!("There is no record message:discord:0; {} still names it.", p(3)),
        format!("message:discord:9 exists, and its projectId is null or missing; {} still names it.", p(7)),
        format!("message:discord:10 exists, its project record does not; {} still names it.", p(7)),
        "discord:messages:project:undefined — a set of 2 members. It would be right for records with projectId = undefined; \
         there is none."
            .to_owned(),
        "Records have projectId = project:discord:gone, but there is no project record of that name.".to_owned(),
        "discord:messages:project:null — a list of 1 element.".to_owned(),
        "discord:messages:user:7 — a set of 1 member.".to_owned(),
        "discord:projects:all".to_owned(),
    ] {
        assert!(text.contains(&part), "{part:?} is not there");
    }
}

#[test]
fn scores_and_other_members() {
    let work = Work::new();
    let spec = r#"version = 1
[[record]]
name = "post"
key = "post:*"
[[index]]
name = "by time"
policy = "maintain"
type = "zset"
from = "post"
key = "times:{blog}"
member = "{@key}"
score = "{at}"
[[index]]
name = "tags"
policy = "maintain"
from = "post"
key = "tag:{tags[]}"
member = "{@key}"
[[index]]
name = "looked at"
policy = "report"
from = "post"
key = "seen:{blog}"
member = "{@key}"
"#;
    work.write("spec.toml", spec);
    let mut dump = start();
    dump.json("post:1", r#"{"blog":"b","at":7,"tags":["x","y"]}"#);
    dump.zset("times:b", &[("post:1", 5.0)]);
    dump.set("tag:x", &["post:1", "post:2"]);
    dump.set("seen:b", &["wrong"]);
    let text = plain(&work.review(&work.write("dump.rdb", dump.finish()), &["--spec", "spec.toml"]));
    for part in [
        "post:1 in times:b has the score 5; its record says 7 (blog = “b” and at = 7).",
        "post:1 has 2 values in tags[], the first of them x, so it belongs in tag:y, which does not name it.",
        "There is no record post:2; tag:x still names it.",
        "report: looked at, not changed The plan does nothing here.",
    ] {
        let words: Vec<&str> = part.split(" The plan").collect();
        assert!(words.iter().all(|words| text.contains(words.trim())), "{part:?} is not there");
    }
}

#[test]
fn an_empty_plan_says_so() {
    let work = Work::new();
    let mut dump = start();
    dump.json("project:discord:p", "{}");
    dump.json("message:discord:1", r#"{"projectId":"project:discord:p"}"#);
    dump.set("discord:messages:project:project:discord:p", &["message:discord:1"]);
    dump.set("discord:projects:all", &["project:discord:p"]);
    let text = plain(&work.review(&work.write("dump.rdb", dump.finish()), &[]));
    assert!(text.contains("Nothing to do: the indexes in the dump are as they should be."));
    assert!(!text.contains("--confirm"));
}

#[test]
fn the_page_belongs_to_the_bundle() {
    let work = Work::new();
    let first = hostile(&work);
    let dump = work.path("dump.rdb");
    let again =
        |dump: &std::path::Path, threads: &str| work.review(dump, &["--spec", "spec.toml", "--threads", threads]);
    assert_eq!(again(&dump, "1"), first);
    let manifest = work.manifest();
    let file = &manifest["files"]["review.html"];
    assert_eq!(file["bytes"], first.len());
    use sha2::Digest as _;
    let digest: String = sha2::Sha256::digest(&first).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file["sha256"], digest);
    assert!(plain(&first).contains(manifest["plan_id"].as_str().expect("an id")));
    // The same bytes with other threads, from another place.
    std::fs::create_dir(work.path("elsewhere")).expect("made");
    std::fs::rename(&dump, work.path("elsewhere/other-name.rdb")).expect("moved");
    assert_eq!(again(&work.path("elsewhere/other-name.rdb"), "3"), first);
    assert_eq!(work.manifest(), manifest);
    work.run(&["show", "plan"]);
    work.run(&["rehearse", "plan", "elsewhere/other-name.rdb"]);
}

/// What is wrong in an index that is only reported is not called right because nothing is done about it.
#[test]
fn findings_without_a_plan() {
    let work = Work::new();
    let spec = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"report\"\n\
                from = \"r\"\nkey = \"i:{f}\"\nmember = \"{@key}\"\n";
    work.write("spec.toml", spec);
    let mut dump = start();
    dump.json("r:1", r#"{"f":"x"}"#).set("i:wrong", &["r:1"]);
    let file = work.write("dump.rdb", dump.finish());
    let text = plain(&work.review(&file, &["--spec", "spec.toml"]));
    assert!(text.contains("Nothing is changed: what is wrong is in indexes that are only reported."));
    assert!(text.contains("i: 0 of 1 key right in name, 1 absent key, 1 missing member."));
    // With no record at all nothing is deleted, and the page says why.
    let mut dump = start();
    dump.set("discord:messages:project:a", &["x"]);
    let text = plain(&work.review(&work.write("dump.rdb", dump.finish()), &[]));
    assert!(text.contains("Nothing is changed, but not everything is right: what is wrong stays as it is."));
    assert!(text.contains("The plan has no commands."));
    assert!(text.contains("no record of class message that can be decoded, so nothing is deleted or removed"));
    assert!(text.contains("1 key: 1 left as it is"));
}

/// What cannot be decided is said first, and the picture says what stays.
#[test]
fn held_keys_are_prominent() {
    let work = Work::new();
    let mut dump = start();
    dump.json("project:discord:p", "{}");
    dump.json("message:discord:1", r#"{"projectId":"project:discord:p"}"#);
    dump.string("message:discord:2", "no JSON");
    dump.set("discord:messages:project:undefined", &["message:discord:2"]);
    dump.set("discord:messages:project:null", &["message:discord:1"]);
    let text = plain(&work.review(&work.write("dump.rdb", dump.finish()), &["--accept", "no-key-right"]));
    let first = text.find("In short What is wrong").expect("the first section");
    for part in [
        // The one wrong key that stays, and the member in it.
        "index project: 1 member and 1 wrong key stay, because they name undecidable records",
        "1 record that cannot be decoded: nothing is added for one, and nothing that names it is removed",
    ] {
        assert!(text.find(part).is_some_and(|at| at < first), "{part:?} is not before all else");
    }
    assert!(text.contains("2 keys: 1 added by the plan, 1 left as it is"));
    assert!(text.contains("message:discord:2: "), "the record is named among the findings");
}

/// The id leaves out the digest of the page, but not that there is one.
#[test]
fn a_bundle_without_its_page_is_refused() {
    let work = Work::new();
    work.review(&fixture(), &[]);
    let manifest = std::fs::read_to_string(work.path("plan/plan.json")).expect("plan.json");
    let without: Vec<&str> = manifest.lines().filter(|line| !line.starts_with("    \"review.html\": ")).collect();
    assert_eq!(without.len() + 1, manifest.lines().count());
    work.write("plan/plan.json", without.join("\n") + "\n");
    std::fs::remove_file(work.path("plan/review.html")).expect("removed");
    let mut show = std::process::Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    let output = show.args(["show", "plan"]).current_dir(work.path("")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("plan.json") && error.contains("has the plan id"), "{error}");
}

#[test]
fn nothing_of_the_dump_is_markup() {
    let work = Work::new();
    let page = hostile(&work);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("<!--") && !page.contains("<i>") && !page.contains("<b>"));
    let text = plain(&page);
    for (_, seen) in hostile_names() {
        assert!(text.contains(seen), "{seen:?} is not there");
    }
    for hidden in ['\u{202e}', '\u{2066}', '\u{2028}', '\0', '\x1b', '\x7f', '\u{fffd}'] {
        assert!(!page.contains(hidden), "{hidden:?} is there as it is");
    }
    // 3 bytes each of `i0:` and `<i>`, 1 MiB (1,048,576), and 7 of `</i>end`.
    assert!(text.contains(&format!("… 1,048,{} bytes in all …", 576 + 3 + 3 + 7)));
    assert!(text.contains("</i>end"));
    assert_eq!(CTIME, 1_736_185_500);
    assert!(page.contains("<time datetime=\"2025-01-06T17:45:00Z\" data-age>2025-01-06 17:45:00 UTC</time>"));
}
