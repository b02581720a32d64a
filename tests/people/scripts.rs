//! What scripts rely on: JSON, files, exit statuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value as Js;

use crate::support::dump_writer::DumpBuilder;
use crate::support::output::program;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb")
}

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        fs::copy(fixture(), desk.0.path().join("dump.rdb")).expect("the fixture");
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, line: &str, status: i32) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        let output = program(&words).current_dir(self.0.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(status), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn json(&self, line: &str, status: i32) -> Js {
        serde_json::from_slice(&self.run(line, status).stdout).expect("JSON")
    }

    fn manifest(&self, folder: &str) -> Js {
        serde_json::from_slice(&fs::read(self.at(folder).join("plan.json")).expect("plan.json")).expect("JSON")
    }
}

#[test]
fn plan_and_show_as_json() {
    let desk = Desk::new();
    let told = desk.json("plan dump.rdb --out plan --format json", 0);
    let manifest = desk.manifest("plan");
    for name in ["plan_id", "snapshot", "total", "indexes", "brakes", "lower_bound", "replay", "warnings"] {
        assert_eq!(told[name], manifest[name], "{name}");
    }
    assert_eq!(told["spec"]["sha256"], manifest["spec"]["sha256"]);
    assert_eq!(told["touched_keys"], manifest["touched"].as_array().expect("keys").len());
    assert_eq!((&told["state"], &told["folder"]), (&"new".into(), &"plan".into()));
    let shown = desk.json("show plan --format json", 0);
    assert_eq!((&shown["plan_id"], &shown["total"]), (&told["plan_id"], &told["total"]));
    assert_eq!(desk.json("plan dump.rdb --out plan2 --format json --exit-code", 3)["plan_id"], told["plan_id"]);
}

#[test]
fn a_refused_plan_as_json_names_the_brakes() {
    let desk = Desk::new();
    fs::write(desk.at("s.toml"), "version = 1\n[[record]]\nname = \"a\"\nkey = \"nothing:*\"\n[[index]]\nname = \"b\"\npolicy = \"maintain\"\ntype = \"set\"\nfrom = \"a\"\nkey = \"none:{x}\"\nmember = \"{@key}\"\n").expect("a spec");
    let told = desk.json("plan dump.rdb --spec s.toml --out plan --format json", 4);
    assert_eq!((&told["plan_id"], &told["brakes"][0]["brake"]), (&Js::Null, &"no-match".into()));
    assert!(!desk.at("plan/plan.json").exists());
}

#[test]
fn check_as_json() {
    let desk = Desk::new();
    let whole = desk.json("check dump.rdb --format json", 0);
    let dump = &whole["dumps"][0];
    assert_eq!((&whole["whole"], &dump["whole"], &dump["checksum"]), (&true.into(), &true.into(), &"verified".into()));
    assert_eq!(dump["keys"], desk.json("inventory dump.rdb --format json", 0)["keys"]);
    // A set whose listpack says that it is longer than it is: damage in one key.
    let mut builder = DumpBuilder::new(11);
    builder.select_db(0).string("a", "1").raw(20, "broken", [7, 200, 0, 0, 0, 1, 0, 255]).string("b", "2");
    fs::write(desk.at("bad.rdb"), builder.finish()).expect("a dump");
    let told = desk.json("check dump.rdb bad.rdb --format json", 1);
    assert_eq!((&told["whole"], &told["dumps"][0]["whole"]), (&false.into(), &true.into()));
    let bad = &told["dumps"][1];
    assert_eq!(
        (&bad["whole"], &bad["damaged"], &bad["damage"][0]["key"]),
        (&false.into(), &1.into(), &"broken".into())
    );
    assert_eq!(bad["damage"][0]["type"], "set");
    assert!(bad["damage"][0]["problem"].as_str().is_some_and(|problem| !problem.is_empty()), "{bad}");
}

/// Without options: keys as CSV. What a file is called says what it is.
#[test]
fn export_to_a_file() {
    let desk = Desk::new();
    let plain = desk.run("export dump.rdb", 0).stdout;
    assert_eq!(plain, desk.run("export dump.rdb --table keys --format csv", 0).stdout);
    desk.run("export dump.rdb --out keys.csv", 0);
    assert_eq!(fs::read(desk.at("keys.csv")).expect("a file"), plain);
    desk.run("export dump.rdb --out keys.ndjson", 0);
    let rows = desk.run("export dump.rdb --format ndjson", 0).stdout;
    assert_eq!(fs::read(desk.at("keys.ndjson")).expect("a file"), rows);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(desk.at("keys.csv")).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    if cfg!(feature = "parquet") {
        desk.run("export dump.rdb --out keys.parquet", 0);
        assert_eq!(&fs::read(desk.at("keys.parquet")).expect("a file")[..4], b"PAR1");
    }
    // Nothing is overwritten, and nothing is left of what failed.
    let refused = desk.run("export dump.rdb --out keys.csv", 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing is overwritten"));
    assert_eq!(fs::read(desk.at("keys.csv")).expect("a file"), plain);
    let mut wrong = fs::read(desk.at("dump.rdb")).expect("the dump");
    *wrong.last_mut().expect("a byte") ^= 1;
    fs::write(desk.at("wrong.rdb"), wrong).expect("a dump");
    desk.run("export wrong.rdb --out wrong.csv", 1);
    assert!(!desk.at("wrong.csv").exists() && !desk.at("wrong.csv.part").exists());
    desk.run("export wrong.rdb --out wrong.csv --ignore-checksum", 0);
    assert_eq!(fs::read(desk.at("wrong.csv")).expect("a file"), plain);
    desk.run("export dump.rdb --out no/such/folder.csv", 1);
}

#[test]
fn an_inventory_tells_by_its_status_whether_all_is_well() {
    let desk = Desk::new();
    desk.run("inventory dump.rdb", 0);
    desk.run("inventory dump.rdb --exit-code", 3);
    let mut right = DumpBuilder::new(11);
    right.select_db(0).json("project:discord:p", r#"{"id":"p"}"#);
    right.json("message:discord:1", r#"{"projectId":"project:discord:p"}"#);
    right.set("discord:messages:project:project:discord:p", &["message:discord:1"]);
    right.set("discord:projects:all", &["project:discord:p"]);
    fs::write(desk.at("right.rdb"), right.finish()).expect("a dump");
    desk.run("inventory right.rdb --exit-code", 0);
    // Nothing could be judged: that is not well.
    desk.run("inventory right.rdb --exit-code --preset rq", 3);
    desk.run("inventory right.rdb --exit-code --no-spec", 3);
}

/// Only what is named is repaired: the other indexes are as they were, and rehearsal and rollback agree.
#[test]
fn a_plan_of_some_indexes() {
    let desk = Desk::new();
    let whole = desk.json("plan dump.rdb --out whole --format json", 0);
    let some = desk.json("plan dump.rdb --out some --only project --format json", 0);
    assert_ne!(whole["plan_id"], some["plan_id"]);
    assert_eq!(some["only"], serde_json::json!(["project"]));
    let of = |told: &Js, name: &str| -> Js {
        let all = told["indexes"].as_array().expect("indexes").clone();
        all.into_iter().find(|index| index["name"] == name).expect("an index")
    };
    for name in ["added_members", "removed_members", "deleted_keys"] {
        assert_eq!(of(&some, "project")[name], of(&whole, "project")[name], "{name}");
        assert_eq!(of(&some, "user")[name], 0, "{name}");
        assert_eq!(of(&some, "projects")[name], 0, "{name}");
        assert_eq!(some["total"][name], of(&some, "project")[name], "{name}");
    }
    let changes = fs::read_to_string(desk.at("some/changes.csv")).expect("changes");
    assert!(changes.lines().skip(1).all(|line| line.starts_with("project,")), "{}", &changes[..400]);
    assert!(some["warnings"].to_string().contains("only project was asked for"), "{}", some["warnings"]);
    desk.run("rehearse some dump.rdb", 0);
    desk.run("show some", 0);
    // All of them together are the whole.
    let all = desk.json("plan dump.rdb --out all --only project,projects --only user --only channel --format json", 0);
    assert_eq!(all["total"], whole["total"]);
    let told = |line: &str, status: i32| String::from_utf8(desk.run(line, status).stderr).expect("text");
    let typo = told("plan dump.rdb --out x --only projct", 1);
    assert!(
        typo.contains("--only names an index that the spec does not have") && typo.contains("--only project"),
        "{typo}"
    );
    assert!(!desk.at("x").exists());
}
