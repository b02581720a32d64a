//! What strangers wrote, through everything that people look at: names and values of a dump, names of files, a spec, and
//! what a server answers. Each output is looked at as bytes.

mod files;
use crate::support::judges::PYTHON;
use crate::support::output;
mod server;
use crate::support;

use std::path::{Path, PathBuf};

use support::dump_writer::DumpBuilder;

/// What would move a terminal, turn a line round, hide, or be computed.
pub const NASTY: [&[u8]; 31] = [
    b"\x1b[2J\x1b]0;pwned\x07",
    b"\x1b[8mhidden",
    "\u{202e}gnp.exe".as_bytes(),
    "\u{2066}a\u{2069}\u{200e}\u{61c}".as_bytes(),
    "a\u{200b}b\u{200d}c\u{2060}".as_bytes(),
    "a\u{2028}b\u{2029}c\u{85}".as_bytes(),
    "x\u{ad}\u{feff}\u{e0041}\u{e0100}".as_bytes(),
    "\u{9b}31m\u{9d}\x7f".as_bytes(),
    b"a\r\nb\tc\0",
    b"key\nerror: all is well",
    "a\u{34f}\u{fe0e}\u{180e}\u{fff9}b\u{fffb}".as_bytes(),
    "\u{3164}\u{2800}\u{115f}".as_bytes(),
    "\u{e000}\u{10fffd}\u{378}".as_bytes(),
    "z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}".as_bytes(),
    "\u{a0}\u{3000}".as_bytes(),
    b" edge ",
    b"\\u{1b}[2J",
    br"App\Models\User",
    b"\xff\xfe\x80",
    b"=cmd|'/C calc'!A0",
    b"=HYPERLINK(\"http://x\",\"y\")",
    b"+1+1",
    b"-2+3",
    b"-5",
    b"@SUM(A1)",
    b"\t=1",
    b" =1",
    b"\"=1",
    b"'=1",
    b"a;=1",
    "＝1".as_bytes(),
];

/// Characters that nothing for eyes may have in it: controls but the line feed; Cf, Zl, Zp and default-ignorable ones,
/// private use. By hand from the tables of Unicode 16, so that it is not the program's own list.
fn is_forbidden(c: char) -> bool {
    matches!(u32::from(c),
        0..=9 | 0xb..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
        | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
        | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0e | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xe0000..=0xe0fff
        | 0xf0000..=0x10ffff)
}

/// Looks at an output as bytes.
pub fn look(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    if let Some(c) = text.chars().find(|c| is_forbidden(*c)) {
        panic!("{what}: U+{:04X} in {text:?}", u32::from(c));
    }
    // No line is one that a name made.
    assert!(!text.lines().any(|line| line.starts_with("error: all is well")), "{what}: {text}");
}

/// A spreadsheet computes no cell, in whatever way it divides lines.
fn look_at_csv(what: &str, bytes: &[u8]) {
    look(what, bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut rows = 0;
    for row in reader.records() {
        let row = row.expect("CSV");
        rows += 1;
        for cell in row.iter().flat_map(|cell| cell.split(';').chain([cell])) {
            let blank = |c: char| c.is_whitespace() || c == '"';
            let first = cell.trim_start_matches(blank).chars().next();
            let number = cell.parse::<f64>().is_ok();
            assert!(
                number || !matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')),
                "{what}: {cell:?}"
            );
        }
    }
    assert_eq!(rows, bytes.iter().filter(|byte| **byte == b'\n').count(), "{what}: a row is a line");
}

/// JSON that says what was written, and can be looked at.
fn look_at_json(what: &str, bytes: &[u8]) {
    look(what, bytes);
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>() {
        value.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

struct Work {
    folder: tempfile::TempDir,
}

struct Ended {
    status: Option<i32>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Work {
    fn new() -> Self {
        let work = Self { folder: tempfile::tempdir().expect("a folder") };
        work.write("spec.toml", SPEC);
        work.write("dump.rdb", dump(0));
        work.write("new.rdb", dump(1));
        work
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("written");
    }

    /// The program in this folder; what it tells a person is looked at in any case.
    fn run(&self, args: &[&str]) -> Ended {
        let output = output::program(args).current_dir(self.folder.path()).env_remove("REDIS_URL").output();
        let output = output.expect("it runs");
        look(&format!("standard error of {args:?}"), &output.stderr);
        Ended { status: output.status.code(), out: output.stdout, err: output.stderr }
    }
}

const SPEC: &str = r#"version = 1
accept = ["no-entry", "no-key-right", "mostly-missing", "other-type", "nested", "foreign-members"]
[[record]]
name = "r"
key = "r:*"
[[record]]
name = "class \u202e of \u200b records"
key = "other:*"
[[index]]
name = "=1+\u202e\u200b"
policy = "maintain"
from = "r"
key = "ix:{p}"
member = "{@key}"
[[index]]
name = "zeit"
policy = "maintain"
type = "zset"
from = "r"
key = "z:{p}"
member = "{p}"
score = "1"
[[index]]
name = "retired"
policy = "retire"
from = "r"
key = "old:{p}"
member = "{@key}"
"#;

/// Every nasty name as a key of each type, as a member, a field and a value; as a record, a field of one, and what follows
/// from it.
fn dump(more: u8) -> Vec<u8> {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    for (at, name) in NASTY.iter().enumerate() {
        let join = |prefix: &str| [prefix.as_bytes(), name].concat();
        dump.hash(format!("r:{at}"), &[("p", name)]);
        dump.hash(join(&format!("r:n{at}")), &[("p", "plain")]);
        dump.string(join(&format!("r:bad{at}")), "{\"p\":");
        dump.set(join("ix:"), &[format!("r:{at}").into_bytes(), join("r:gone"), vec![b'a' + more]]);
        dump.set(join("ix:wrong:"), &[name]);
        dump.zset(join("z:"), &[(name.to_vec(), 2.0), (join("stale"), 1.0)]);
        dump.set(join("old:"), &[name]);
        dump.string(name, [name, &[b'0' + more][..]].concat());
        dump.list(join("l:"), &[name]);
        dump.hash(join("h:"), &[(name, name)]);
        dump.json(
            join("other:"),
            serde_json::to_vec(&serde_json::json!({ "a": String::from_utf8_lossy(name) })).expect("JSON"),
        );
        dump.json(join("text:"), serde_json::to_vec(&String::from_utf8_lossy(name)).expect("JSON"));
    }
    dump.finish()
}

#[test]
fn inventory() {
    let work = Work::new();
    let of = |format| work.run(&["inventory", "dump.rdb", "--spec", "spec.toml", "--format", format]);
    for (format, check) in
        [("table", look as fn(&str, &[u8])), ("html", look), ("csv", look_at_csv), ("json", look_at_json)]
    {
        let ended = of(format);
        assert_eq!(ended.status, Some(0), "{}", String::from_utf8_lossy(&ended.err));
        assert!(ended.out.len() > 1000);
        check(&format!("inventory as {format}"), &ended.out);
    }
}

#[test]
fn exports() {
    let work = Work::new();
    for table in ["keys", "elements", "memberships"] {
        for (format, check) in [("csv", look_at_csv as fn(&str, &[u8])), ("ndjson", look_at_json)] {
            let ended = work.run(&["export", "dump.rdb", "--spec", "spec.toml", "--table", table, "--format", format]);
            assert_eq!(ended.status, Some(0), "{}", String::from_utf8_lossy(&ended.err));
            assert!(ended.out.iter().filter(|byte| **byte == b'\n').count() > NASTY.len());
            check(&format!("{table} as {format}"), &ended.out);
        }
    }
    // Nothing of it is lost: every name is read back from a cell.
    let cells = work.run(&["export", "dump.rdb", "--spec", "spec.toml", "--table", "keys", "--format", "csv"]).out;
    let mut reader = csv::Reader::from_reader(&cells[..]);
    let keys: Vec<Vec<u8>> = reader.records().map(|row| support::cell::bytes(&row.expect("CSV")[1])).collect();
    for name in NASTY {
        assert!(keys.iter().any(|key| key == name), "{} is not there", name.escape_ascii());
    }
    let json = work.run(&["export", "dump.rdb", "--spec", "spec.toml", "--table", "keys", "--format", "ndjson"]).out;
    let keys: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(&json)
        .into_iter::<serde_json::Value>()
        .map(|row| row.expect("JSON")["key"].clone())
        .collect();
    for name in NASTY.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
        assert!(keys.iter().any(|key| key == name), "{name:?} is not there");
    }
}

/// The page says how a cell is read back; Python does it.
#[test]
fn a_cell_is_read_back_as_the_page_says() {
    let work = Work::new();
    let cells = work.run(&["export", "dump.rdb", "--spec", "spec.toml", "--table", "keys", "--format", "csv"]).out;
    work.write("keys.csv", cells);
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/text.md")).expect("the page");
    let code = page.split_once("```python\n").and_then(|(_, rest)| rest.split_once("```")).expect("Python").0;
    let end = "import csv\nfor row in csv.DictReader(open('keys.csv', newline='')): print(raw(row['key']).hex())\n";
    let mut python = std::process::Command::new("python3");
    if PYTHON.find().is_none() {
        return;
    }
    python.args(["-X", "utf8", "-c", &format!("{code}{end}")]).current_dir(work.path(""));
    let told = python.output().expect("python3 starts");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let keys = String::from_utf8(told.stdout).expect("hex");
    for name in NASTY {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(keys.lines().any(|key| key == hex), "{} is not there", name.escape_ascii());
    }
}

#[test]
fn differences() {
    let work = Work::new();
    for table in [None, Some("keys"), Some("memberships")] {
        for (format, check) in [("csv", look_at_csv as fn(&str, &[u8])), ("json", look_at_json), ("table", look)] {
            let mut args = vec!["diff", "dump.rdb", "new.rdb", "--spec", "spec.toml"];
            match (table, format) {
                (Some(_), "table") => continue,
                (Some(table), "json") => args.extend(["--table", table, "--format", "ndjson"]),
                (Some(table), format) => args.extend(["--table", table, "--format", format]),
                (None, format) => args.extend(["--format", format]),
            }
            let ended = work.run(&args);
            assert_eq!(ended.status, Some(0), "{args:?}: {}", String::from_utf8_lossy(&ended.err));
            assert!(ended.out.len() > 500);
            check(&format!("diff {table:?} as {format}"), &ended.out);
        }
    }
}

#[test]
fn a_plan_and_its_bundle() {
    let work = Work::new();
    let ended = work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]);
    assert_eq!(ended.status, Some(0), "{}", String::from_utf8_lossy(&ended.err));
    let file = |name| std::fs::read(work.path("plan").join(name)).expect("there");
    look_at_csv("changes.csv", &file("changes.csv"));
    assert!(file("changes.csv").iter().filter(|byte| **byte == b'\n').count() > 4 * NASTY.len());
    look_at_json("plan.json", &file("plan.json"));
    look("review.html", &file("review.html"));
    look("show", &work.run(&["show", "plan"]).out);
    let proof = work.run(&["rehearse", "plan", "dump.rdb"]);
    assert_eq!(proof.status, Some(0), "{}", String::from_utf8_lossy(&proof.err));
    look("rehearse", &proof.out);
    // Another dump: everything is found to be otherwise, and told.
    let mut other = DumpBuilder::new(10);
    other.server_aux(1_736_185_500).select_db(0).string("a", "b");
    work.write("other.rdb", other.finish());
    let proof = work.run(&["rehearse", "plan", "other.rdb"]);
    assert_ne!(proof.status, Some(0));
    look("rehearse of another dump", &proof.out);
    let verdict = work.run(&["verify", "plan", "--dump", "new.rdb"]);
    look("verify", &verdict.out);
}

#[test]
fn a_proposed_spec() {
    let work = Work::new();
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    // An index for each name that is text, with the name in every part of it.
    for (at, name) in NASTY.iter().enumerate().filter(|(_, name)| std::str::from_utf8(name).is_ok()) {
        let text = String::from_utf8_lossy(name);
        for n in 0..40 {
            let json = serde_json::json!({ "id": format!("{at}-{n}"), format!("f{text}"): format!("v{}", n % 4) });
            dump.json(format!("{at}{text}:{n}"), serde_json::to_vec(&json).expect("JSON"));
        }
        for v in 0..4 {
            let members: Vec<String> = (0..40).filter(|n| n % 4 == v).map(|n| format!("{at}{text}:{n}")).collect();
            dump.set(format!("by{at}{text}:v{v}"), &members);
        }
        dump.set(format!("odd{at}{text}"), &["x"]);
    }
    work.write("records.rdb", dump.finish());
    let ended = work.run(&["infer", "records.rdb"]);
    assert_eq!(ended.status, Some(0), "{}", String::from_utf8_lossy(&ended.err));
    look("infer", &ended.out);
    let spec: toml::Table = toml::from_str(std::str::from_utf8(&ended.out).expect("text")).expect("TOML");
    assert!(spec["index"].as_array().expect("indexes").len() >= 10, "{}", String::from_utf8_lossy(&ended.out));
    // What it proposes is what is there: the names are those of the dump.
    let keys: Vec<&str> =
        spec["record"].as_array().expect("classes").iter().filter_map(|class| class["key"].as_str()).collect();
    assert!(keys.iter().any(|key| key.contains('\u{202e}')), "{keys:?}");
    work.write("proposed.toml", &ended.out);
    let inventory = work.run(&["inventory", "records.rdb", "--spec", "proposed.toml"]);
    assert_eq!(inventory.status, Some(0), "{}", String::from_utf8_lossy(&inventory.err));
    look("inventory of it", &inventory.out);
    // Nothing to propose: all that was seen is told as a message.
    let ended = work.run(&["infer", "dump.rdb"]);
    look("infer without indexes", &ended.out);
}

#[test]
fn a_damaged_dump() {
    let work = Work::new();
    // The length of the last entry of a listpack is wrong: the key is whole, and named.
    for name in NASTY {
        let mut dump = DumpBuilder::new(11);
        dump.server_aux(1_736_185_500).select_db(0);
        let pack = [8, 0, 0, 0, 1, 0, 0x81, b'x'].as_slice();
        dump.raw(20, name, [&[8], pack].concat());
        work.write("damaged.rdb", dump.finish());
        let ended = work.run(&["check", "damaged.rdb"]);
        assert_eq!(ended.status, Some(1), "{}", String::from_utf8_lossy(&ended.out));
        look("check", &ended.out);
        for args in [["inventory", "damaged.rdb"], ["infer", "damaged.rdb"]] {
            look("a damaged dump", &work.run(&args).out);
        }
    }
}

#[test]
fn colour_is_all_that_a_terminal_obeys() {
    let work = Work::new();
    work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]);
    for args in [
        &["inventory", "dump.rdb", "--spec", "spec.toml"][..],
        &["diff", "dump.rdb", "new.rdb", "--spec", "spec.toml"],
        &["show", "plan"],
        &["plan", "dump.rdb", "--spec", "spec.toml", "--out", "again"],
    ] {
        let output =
            output::program(args).current_dir(work.path("")).env("CLICOLOR_FORCE", "1").output().expect("it runs");
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).expect("UTF-8");
            let mut parts = text.split("\x1b[");
            let mut plain = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (codes, rest) = part.split_once('m').expect("a colour");
                // Bold, dim, red, green, yellow, blue, cyan, and the end of it: never 8, which hides.
                assert!(
                    ["0", "1", "2", "31", "32", "33", "34", "36", "1;31", "1;33", "1;36"].contains(&codes),
                    "{codes:?}"
                );
                plain.push_str(rest);
            }
            look(&format!("{args:?} in colour"), plain.as_bytes());
        }
    }
}
