//! The first look at a dump that no spec describes: what is there, and what to type next; nothing of an application that
//! it is not about.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{FIXTURE, NOW};
use crate::support::dump_writer::DumpBuilder;
use crate::support::judges::APPS;
use crate::support::output::{program, shown};

/// A name that a shell takes apart unless it is quoted.
const NAME: &str = "some app's.rdb";

/// Sixty users, whom no preset knows, in a set for each of thirty towns.
fn shop() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    for user in 0..60 {
        dump.hash(format!("user:{user}"), &[("town", format!("T{}", user % 30)), ("name", "x".to_owned())]);
    }
    for town in 0..30 {
        dump.set(format!("users:by-town:T{town}"), &[town, town + 30].map(|user| format!("user:{user}")));
    }
    dump
}

/// What RQ keeps: three jobs in registries and a queue, one of them gone.
fn jobs() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    for job in ["a", "b", "c"] {
        dump.hash(format!("rq:job:{job}"), &[("status", "finished"), ("origin", "mail")]);
    }
    dump.zset("rq:finished:mail", &[("a", 1.0), ("b", 2.0), ("gone", 3.0)]).zset("rq:failed:mail", &[("c", 1.0)]);
    dump.list("rq:queue:mail", &["a"]).set("rq:queues", &["rq:queue:mail"]);
    dump
}

/// A dump in a folder of its own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(mut dump: DumpBuilder) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(desk.0.path().join(NAME), dump.finish()).expect("written");
        desk
    }

    /// Status 0 and nothing on standard error; gives back standard output.
    fn run(&self, args: &[&str]) -> String {
        ran(program(&[&["inventory", NAME, "--now", NOW], args].concat()).current_dir(self.0.path()))
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[&["--format", "json"], args].concat())).expect("JSON")
    }

    /// The lines that are commands, run by a shell as they are: what each printed.
    fn type_commands(&self, text: &str) -> Vec<(String, String)> {
        typed(text, self.0.path())
    }
}

fn ran(command: &mut assert_cmd::Command) -> String {
    let output = command.assert().success().stderr("").get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

fn typed(text: &str, folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("  rdb-reindex ")) {
        let script = format!("\"$PROGRAM\" {line}");
        let program = assert_cmd::cargo::cargo_bin!("rdb-reindex");
        let output = Command::new("sh").args(["-c", &script]).env("PROGRAM", program).current_dir(folder).output();
        let output = output.expect("there is a shell");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        all.push((line.to_owned(), String::from_utf8(output.stdout).expect("UTF-8")));
    }
    all
}

fn says_nothing_of_discord(text: &str) {
    assert!(!text.to_lowercase().contains("discord"), "{text}");
}

/// The families of an index or a record class, by their kind.
fn described(inventory: &Value) -> u64 {
    let families = inventory["families"].as_array().expect("rows").iter();
    families.filter(|family| family["kind"] != "other").map(|family| family["keys"].as_u64().expect("a number")).sum()
}

#[test]
fn a_dump_that_nothing_describes() {
    let desk = Desk::new(shop());
    let table = desk.run(&[]);
    says_nothing_of_discord(&table);
    for part in ["90 keys in 1 database", "no spec was used, so no index is judged", "user:*", "users:by-town:*"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    for part in ["Indexes", "Brakes", "preset", "rdb-reindex spec"] {
        assert!(!table.contains(part), "{part}: {table}");
    }
    let typed = desk.type_commands(&table);
    let [(line, proposal)] = typed.as_slice() else { panic!("{table}") };
    assert_eq!(line, r"infer 'some app'\''s.rdb'");
    assert!(proposal.contains("key    = \"users:by-town:{town}\""), "{proposal}");
}

#[test]
fn scripts_are_told_that_no_spec_was_used() {
    let desk = Desk::new(shop());
    let data = desk.json(&[]);
    says_nothing_of_discord(&data.to_string());
    assert_eq!(data["spec"], Value::Null);
    assert_eq!((&data["indexes"], &data["brakes"], &data["presets"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!((data["keys"].as_u64(), described(&data)), (Some(90), 0));
    let families = data["families"].as_array().expect("rows").iter();
    let families: Vec<_> = families.map(|family| (family["pattern"].as_str(), family["keys"].as_u64())).collect();
    assert_eq!(families, [(Some("user:*"), Some(60)), (Some("users:by-town:*"), Some(30))]);

    let text = desk.run(&["--format", "csv"]);
    says_nothing_of_discord(&text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("as many cells in every row");
    let of = |section: &str| -> Vec<[&str; 4]> {
        rows.iter().filter(|row| &row[0] == section).map(|row| [&row[0], &row[1], &row[2], &row[3]]).collect()
    };
    assert_eq!(of("spec"), [["spec", "", "none", ""]]);
    assert_eq!((of("index").len(), of("brake").len(), of("preset").len()), (0, 0, 0));
    assert_eq!(
        of("family"),
        [["family", "user:*", "other", "60"], ["family", "users:by-town:*", "other", "30"]],
        "{text}"
    );
}

#[test]
fn a_preset_that_matches_is_named_with_its_command() {
    let desk = Desk::new(jobs());
    let data = desk.json(&[]);
    // The two registries and the queue; jobs are what they name, and the list of queues is not looked at.
    assert_eq!(data["presets"], json!([{"name": "rq", "keys": 3}]));
    assert_eq!(described(&desk.json(&["--preset", "rq"])), 3);
    let table = desk.run(&[]);
    says_nothing_of_discord(&table);
    let typed = desk.type_commands(&table);
    let [(infer, _), (inventory, judged)] = typed.as_slice() else { panic!("{table}") };
    assert_eq!(infer, r"infer 'some app'\''s.rdb'");
    assert_eq!(inventory, r"inventory 'some app'\''s.rdb' --preset rq");
    assert!(judged.contains("indexes judged by the preset rq") && judged.contains("finished"), "{judged}");
    assert!(desk.run(&["--format", "csv"]).contains("\npreset,rq,would match,3,"));
    insta::assert_snapshot!("first-contact", table);
}

#[test]
fn quiet_threads_and_no_spec_change_nothing() {
    for dump in [shop(), jobs()] {
        let desk = Desk::new(dump);
        for format in ["table", "json", "csv", "html"] {
            let all = desk.run(&["--format", format]);
            for more in [&["--quiet"][..], &["--no-spec"], &["--threads", "1"], &["--threads", "5", "--no-mmap"]] {
                assert!(desk.run(&[&["--format", format], more].concat()) == all, "{format} {more:?}");
            }
        }
    }
}

/// What is advised is about the families that were found from the names, with `--no-spec` and where none was named.
#[test]
fn advice_without_a_spec_is_about_what_is_there() {
    let desk = Desk::new(shop());
    for format in ["table", "json", "csv", "html"] {
        let advised = desk.run(&["--advise", "--format", format]);
        says_nothing_of_discord(&advised);
        assert!(desk.run(&["--advise", "--no-spec", "--format", format]) == advised, "{format}");
    }
    let advice = desk.json(&["--advise"])["advice"].take();
    let families = advice["families"].as_array().expect("rows");
    assert_eq!(families.len(), 1, "{advice:#}");
    assert_eq!((&families[0]["pattern"], &families[0]["keys_before"]), (&json!("users:by-town:*"), &json!(30)));

    // Nothing but a string: there is no index, and nothing of the default preset instead.
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0).string("greeting", "hello");
    let table = Desk::new(dump).run(&["--advise"]);
    says_nothing_of_discord(&table);
    assert!(table.contains("  No key looks like one of an index.\n"), "{table}");
}

#[test]
fn what_the_dump_was_read_with_is_in_the_commands() {
    let desk = Desk::new(jobs());
    let table = desk.run(&["--expiry", "relative", "--ignore-checksum"]);
    let lines: Vec<String> = desk.type_commands(&table).into_iter().map(|(line, _)| line).collect();
    let options = "--ignore-checksum --expiry relative";
    assert_eq!(lines[0], format!(r"infer 'some app'\''s.rdb' {options}"));
    assert_eq!(lines[1], format!(r"inventory 'some app'\''s.rdb' --preset rq {options}"));
}

/// The same numbers as with the spec, which knows more of the families only.
#[test]
fn no_spec_on_a_dump_that_the_default_preset_describes() {
    let get = |more: &[&str], format| ran(&mut program(&[&["inventory", FIXTURE, "--format", format], more].concat()));
    let data = |more: &[&str]| -> Value { serde_json::from_str(&get(more, "json")).expect("JSON") };
    let (with, without) = (data(&[]), data(&["--no-spec"]));
    for field in ["snapshot", "keys", "databases", "types", "functions", "modules"] {
        assert_eq!(with[field], without[field], "{field}");
    }
    assert_eq!(with["presets"], Value::Null, "only where nothing is described");
    assert_eq!((&without["spec"], &without["indexes"], &without["brakes"]), (&Value::Null, &json!([]), &json!([])));
    assert_eq!(described(&without), 0);
    let families = without["families"].as_array().expect("rows").iter();
    assert_eq!(families.map(|family| family["keys"].as_u64().expect("a number")).sum::<u64>(), 29_695);
    assert_eq!(without["presets"], json!([{"name": "discord-analytics", "keys": described(&with)}]));
    let table = get(&["--no-spec"], "table");
    assert!(!table.contains("Indexes") && !table.contains("right in name"), "{table}");
    assert!(table.contains("  rdb-reindex infer fixtures/discord-analytics.rdb\n"), "{table}");
}

#[test]
fn no_spec_and_a_spec_exclude_each_other() {
    for more in [&["--spec", "my.toml"][..], &["--preset", "rq"]] {
        let text = shown(&mut program(&[&["inventory", FIXTURE, "--no-spec"], more].concat()));
        assert!(text.starts_with("status: 2\n") && text.contains("cannot be used with"), "{text}");
    }
}

#[test]
fn a_spec_of_ones_own_that_describes_nothing() {
    let desk = Desk::new(shop());
    let table = desk.run(&["--preset", "rq"]);
    assert!(table.contains("indexes judged by the preset rq") && table.contains("no-match"), "{table}");
    assert!(table.contains("none of the keys that the spec is about"), "{table}");
    let typed = desk.type_commands(&table);
    assert_eq!(typed.len(), 1, "{table}");
    assert!(typed[0].0.starts_with("infer "), "{table}");
}

#[test]
fn a_dump_without_keys() {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500);
    let desk = Desk::new(dump);
    let table = desk.run(&[]);
    says_nothing_of_discord(&table);
    assert!(table.contains("There is no key in the dump") && !table.contains("rdb-reindex"), "{table}");
}

/// Databases of real applications, where they are at hand (`../shared`).
#[test]
fn databases_of_applications() {
    let Some(apps) = APPS.find() else { return };
    let mut best: BTreeMap<String, String> = BTreeMap::new();
    for app in std::fs::read_dir(apps).expect("a folder").flatten().filter(|app| app.path().is_dir()) {
        let folder = app.path();
        let app = app.file_name().into_string().expect("text");
        let run = |args: &[&str]| {
            ran(program(&[&["inventory", "dump.rdb", "--now", NOW], args].concat()).current_dir(&folder))
        };
        for format in ["table", "json", "csv", "html"] {
            let text = run(&["--format", format]);
            says_nothing_of_discord(&text);
            assert!(run(&["--format", format, "--no-spec"]) == text, "{app} {format}");
        }
        let data: Value = serde_json::from_str(&run(&["--format", "json"])).expect("JSON");
        assert_eq!((&data["spec"], &data["indexes"]), (&Value::Null, &json!([])), "{app}");
        let presets = data["presets"].as_array().expect("rows");
        for preset in presets {
            let name = preset["name"].as_str().expect("a name");
            let by: Value = serde_json::from_str(&run(&["--format", "json", "--preset", name])).expect("JSON");
            assert_eq!(preset["keys"], described(&by), "{app}: {name}");
        }
        let typed = typed(&run(&[]), &folder);
        assert_eq!(typed.len(), if presets.is_empty() { 1 } else { 2 }, "{app}");
        best.extend(presets.first().map(|first| (app, first["name"].as_str().expect("a name").to_owned())));
    }
    for (app, preset) in [("rq", "rq"), ("laravel10-tags", "laravel-10"), ("typo3", "typo3"), ("bullmq", "bullmq")] {
        assert_eq!(best.get(app).map(String::as_str), Some(preset));
    }
    assert!(!best.contains_key("nohm") && !best.contains_key("walrus"), "{best:?}");
}
