//! `show`: the plan of the fixture for a person, and bundles that are none.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use assert_cmd::Command;
use rdb_reindex::bundle::manifest::Caps;
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::plan::build;
use rdb_reindex::report::{self, Style, inventory::Inventory};

use crate::support::output;

use output::{program, shown};

/// Makes the plan of the fixture in `folder/plan`.
fn plan(folder: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    let mut command = program(&["plan", "--quiet", "--out", "plan"]);
    command.arg(fixture).current_dir(folder).assert().success();
}

fn show(folder: &Path) -> Command {
    let mut command = program(&["show", "plan", "--now", "2026-11-26T13:36:47Z"]);
    command.current_dir(folder);
    command
}

#[test]
fn the_plan_of_the_fixture() {
    let folder = tempfile::tempdir().expect("a folder");
    plan(folder.path());
    let manifest = std::fs::read_to_string(folder.path().join("plan/plan.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let text = shown(&mut show(folder.path()));

    // The numbers of `fixtures/README.md`: 1,998 + 2,040 + 2,008 keys; 51 + 2 members missing, 51 + 4 stale.
    let row = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("project ")[..5], ["project", "maintain", "1,998", "51", "51"]);
    assert_eq!(row("projects ")[..5], ["projects", "maintain", "0", "2", "4"]);
    assert_eq!(row("user ")[..5], ["user", "retire", "2,040", "0", "0"]);
    assert_eq!(row("channel ")[..5], ["channel", "retire", "2,008", "0", "0"]);
    assert_eq!(row("total ")[..4], ["total", "6,046", "53", "55"]);
    // Three days: from the fixture's `ctime` to --now.
    assert!(text.contains("made 2026-11-23 13:36:47 UTC, 3 days ago;"), "{text}");
    // The keys that are deleted, and those that are changed: three project indexes and the list of projects.
    assert!(text.contains(&format!("keys touched       6,0{}\n", 46 + 3 + 1)), "{text}");

    // What depends on the version of this program and on its preset is not this test's business.
    let id = manifest["plan_id"].as_str().expect("an id");
    let spec = &manifest["spec"]["sha256"].as_str().expect("a digest")[..12];
    let text = text.replace(id, "PLAN_ID").replace(spec, "SPEC").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("show", text);
    insta::assert_snapshot!("show-help", shown(&mut program(&["show", "--help"])));
}

#[test]
fn a_bundle_that_was_applied_leads_on_to_its_rollback() {
    let folder = tempfile::tempdir().expect("a folder");
    plan(folder.path());
    let manifest = std::fs::read(folder.path().join("plan/plan.json")).expect("a manifest");
    let sha256 = rdb_reindex::bundle::sha256(&manifest);
    let text = format!(
        "{{\"t\":\"open\",\"version\":1,\"plan_id\":\"x\",\"plan_sha256\":\"{sha256}\",\"user\":\"u\",\"host\":\"h\",\"pid\":1,\"at\":\"T0\"}}\n\
         {{\"t\":\"start\",\"way\":\"apply\",\"to\":\"rediss://h:1\",\"at\":\"T1\"}}\n"
    );
    std::fs::write(folder.path().join("plan/journal.ndjson"), text).expect("a journal");
    let text = shown(&mut show(folder.path())).replace("\n  ", " ");
    assert!(
        text.contains(" to rediss://h:1 was begun at T1 and has not ended (0 commands done, last by u on h"),
        "{text}"
    );
    assert!(text.contains("rdb-reindex apply plan --to rediss://h:1 --resume"), "{text}");
    assert!(text.contains("rdb-reindex rollback plan --to rediss://h:1"), "{text}");
}

#[test]
fn a_bundle_that_was_edited_is_refused_by_name_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    plan(folder.path());
    let file = folder.path().join("plan/apply.resp");
    let mut bytes = std::fs::read(&file).expect("the commands");
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).expect("the commands");
    let text = shown(&mut show(folder.path()));
    assert!(text.starts_with("status: 1\n--- stdout\n--- stderr\nerror: "), "{text}");
    assert!(text.contains("apply.resp was edited or damaged: its SHA-256 is "), "{text}");
}

#[test]
fn a_folder_that_is_no_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = shown(&mut show(folder.path()));
    let expected = "status: 1\n--- stdout\n--- stderr\nerror: there is no folder plan\nhint: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn what_plan_prints_fits_on_a_screen() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::read("fixtures/discord-analytics.rdb").expect("the fixture");
    let spec = Spec::preset(DEFAULT_PRESET).expect("the preset");
    let difference = Difference::take(&file, &spec, Expiry::Careful, &Observer::default()).expect("a difference");
    let caps = Caps { max_args: 1000, max_command_bytes: 524_288 };
    let manifest = build(&difference, caps, &folder.path().join("plan"), &AtomicBool::new(false)).expect("a plan");
    let inventory = Inventory::new(&difference, Path::new("analytics.rdb"), file.len() as u64);
    // 2026-11-26T13:36:47Z by `date -u -d … +%s`.
    let brief = report::brief(&inventory, 1_795_700_207_000, Style::PLAIN);
    let summary = report::plan::summary(&manifest, "plan", "analytics.rdb", Style::PLAIN);
    let text = format!("{brief}\n{summary}").replace(&manifest.plan_id, "PLAN_ID");
    assert!(text.lines().count() < 40, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!("plan-summary", text);
}
