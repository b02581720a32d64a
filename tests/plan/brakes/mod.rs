//! Brakes: a plausible mistake in a spec, or half a database, ends in no plan, or in one that keeps what may be right.
//!
//! Each dump is written here key by key, so what is right in it is known; and what a plan would do is read from its
//! command file by a reader of its own.

mod kept;
mod made;
mod named;
mod refused;
mod shared;
mod slips;
mod words;

use crate::support;

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use support::dump_writer::DumpBuilder;

/// What `plan` came to.
struct Planned {
    status: i32,
    stderr: String,
    /// The words of each command, `SELECT` included.
    commands: Vec<Vec<String>>,
    manifest: Value,
    folder: tempfile::TempDir,
}

/// One dump and one spec in a folder of their own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(dump: &DumpBuilder, spec: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(desk.path("dump.rdb"), dump.clone().finish()).expect("written");
        std::fs::write(desk.path("spec.toml"), spec).expect("written");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
        let out = command.current_dir(self.folder.path()).args(args).output().expect("it ran");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (out.status.code().expect("a status"), text(&out.stdout), text(&out.stderr))
    }

    /// Plans; a plan that is made is also rehearsed, by the model that shares nothing with the planner but the parser.
    fn plan(self, more: &[&str]) -> Planned {
        let args = [&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "out"], more].concat();
        let (status, _, stderr) = self.run(&args);
        let mut planned = Planned { status, stderr, commands: Vec::new(), manifest: Value::Null, folder: self.folder };
        let out = planned.folder.path().join("out");
        assert_eq!(out.exists(), status == 0, "{}", planned.stderr);
        if status == 0 {
            planned.commands = commands(&std::fs::read(out.join("apply.resp")).expect("commands"));
            let manifest = std::fs::read(out.join("plan.json")).expect("a manifest");
            planned.manifest = serde_json::from_slice(&manifest).expect("JSON");
            let desk = Desk { folder: planned.folder };
            let (status, stdout, stderr) = desk.run(&["rehearse", "out", "dump.rdb"]);
            assert_eq!(status, 0, "{stdout}{stderr}");
            planned.folder = desk.folder;
        }
        planned
    }

    fn inventory(&self) -> Value {
        let (status, stdout, stderr) = self.run(&["inventory", "dump.rdb", "--spec", "spec.toml", "--format", "json"]);
        assert_eq!(status, 0, "{stderr}");
        serde_json::from_str(&stdout).expect("JSON")
    }
}

impl Planned {
    /// Refused with status 4 by exactly these brakes, in this order, each as `brake` or `brake (index NAME)`.
    fn refused(&self, brakes: &[&str]) {
        assert_eq!(self.status, 4, "{}", self.stderr);
        let named = self.stderr.lines().filter_map(|line| {
            let line = line.strip_prefix("  ")?;
            (!line.starts_with(' ')).then(|| line.split(": ").next().unwrap_or_default().to_owned())
        });
        assert_eq!(named.collect::<Vec<_>>(), brakes, "{}", self.stderr);
        assert!(self.stderr.contains("--accept") || brakes.contains(&"no-match"), "{}", self.stderr);
    }

    /// A plan with exactly these commands, each as its words with spaces between; members in any order.
    fn does(&self, expected: &[&str]) {
        assert_eq!(self.status, 0, "{}", self.stderr);
        let sorted = |words: &[String]| {
            let mut words = words.to_vec();
            let from = if words[0] == "UNLINK" { 1 } else { 2 };
            if matches!(words[0].as_str(), "UNLINK" | "SADD" | "SREM" | "ZREM" | "HDEL") {
                words[from..].sort();
            }
            words.join(" ")
        };
        let found: Vec<String> = self.commands.iter().map(|words| sorted(words)).collect();
        assert_eq!(found, expected);
    }

    /// The brakes in the manifest: name, index and effect.
    fn brakes(&self) -> Vec<String> {
        brakes(&self.manifest)
    }
}

/// The brakes of an inventory or a manifest, as `brake index effect`.
fn brakes(json: &Value) -> Vec<String> {
    let text = |note: &Value, name: &str| note[name].as_str().unwrap_or("-").to_owned();
    let notes = json["brakes"].as_array().expect("brakes").iter();
    notes.map(|note| format!("{} {} {}", text(note, "brake"), text(note, "index"), text(note, "effect"))).collect()
}

/// The arrays of bulk strings of a RESP file.
fn commands(mut resp: &[u8]) -> Vec<Vec<String>> {
    fn line<'a>(resp: &mut &'a [u8]) -> &'a str {
        let at = resp.windows(2).position(|two| two == b"\r\n").expect("a line");
        let line = std::str::from_utf8(&resp[..at]).expect("text");
        *resp = &resp[at + 2..];
        line
    }
    let mut out = Vec::new();
    while !resp.is_empty() {
        let count: usize = line(&mut resp).strip_prefix('*').expect("an array").parse().expect("a number");
        let words = (0..count).map(|_| {
            let bytes: usize = line(&mut resp).strip_prefix('$').expect("a string").parse().expect("a number");
            let word = String::from_utf8(resp[..bytes].to_vec()).expect("text");
            resp = &resp[bytes + 2..];
            word
        });
        out.push(words.collect());
    }
    out
}

/// A dump of a Redis 7.0 with database 0 selected.
fn dump() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    dump
}

/// A spec with the class `r` (`r:*`) and one index of it; `lines` are more lines of the index.
fn spec(key: &str, member: &str, lines: &str) -> String {
    format!(
        "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
         from = \"r\"\nkey = \"{key}\"\nmember = \"{member}\"\n{lines}\n"
    )
}
