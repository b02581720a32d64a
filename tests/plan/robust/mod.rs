//! `plan` on damaged dumps, odd folders, edited bundles and treacherous data: an error or a right answer, nothing half-done.

use crate::support;

mod alike;
#[cfg(unix)]
mod cut;
mod damage;
mod edited;
mod folder;
mod large;
#[cfg(unix)]
mod private;
mod safety;
mod spec;
mod strange;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::dump_writer::DumpBuilder;
use tempfile::TempDir;

/// 2025-01-06T17:45:00Z.
const CTIME: u64 = 1_736_185_500;

/// A folder to work in.
struct Work(TempDir);

/// How a run of the program ended.
struct Ran {
    status: Option<i32>,
    stderr: String,
    stdout: String,
}

impl Work {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }

    /// The program, in this folder.
    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.program(args))
    }

    /// A plan from this dump in the folder `plan`.
    fn plan(&self, dump: &[u8], more: &[&str]) -> Ran {
        self.write("dump.rdb", dump);
        self.run(&[&["plan", "dump.rdb", "--out", "plan"], more].concat())
    }

    /// What stands in the folder, hidden files included.
    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }

    /// The commands of the plan, as words.
    fn commands(&self, file: &str) -> Vec<Vec<String>> {
        let bytes = fs::read(self.path("plan").join(file)).expect("a command file");
        let mut lines =
            bytes.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let mut commands = Vec::new();
        while let Some(count) = lines.next().and_then(|line| line.strip_prefix('*')?.parse::<usize>().ok()) {
            commands.push((0..count).map(|_| lines.nth(1).expect("an argument")).collect());
        }
        commands
    }

    fn manifest(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("plan").join("plan.json")).expect("plan.json")).expect("JSON")
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran { status: output.status.code(), stderr: text(&output.stderr), stdout: text(&output.stdout) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// Every file of a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(&name)).expect("a file"))).collect()
}

fn start() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(CTIME).select_db(0);
    dump
}

/// A small dump for the preset, with something to delete, to add and to remove, and a bit of every common encoding.
fn small() -> DumpBuilder {
    let mut dump = start();
    dump.resize_db(9, 1);
    dump.json("project:discord:p", r#"{"id":"project:discord:p","name":"a name, a name, a name, a name"}"#);
    dump.string(
        "message:discord:1",
        r#"{"projectId":"project:discord:p","content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#,
    );
    dump.hash("message:discord:2", &[("projectId", "project:discord:p"), ("userId", "7")]);
    dump.set("discord:messages:project:project:discord:p", &["message:discord:1", "message:discord:gone"]);
    dump.expire_ms(4_102_444_800_000).set("discord:messages:project:wrong", &["1", "2", "300"]);
    dump.list("discord:messages:user:7", &["message:discord:2"]);
    dump.zset("discord:messages:channel:8", &[("message:discord:2", 1.5)]);
    dump.string("neighbour", "12345");
    dump
}

/// What the plan for [`small`] does.
const SMALL_APPLY: &[&[&str]] = &[
    &["UNLINK", "discord:messages:project:wrong", "discord:messages:user:7", "discord:messages:channel:8"],
    &["SADD", "discord:messages:project:project:discord:p", "message:discord:2"],
    &["SADD", "discord:projects:all", "project:discord:p"],
    &["SREM", "discord:messages:project:project:discord:p", "message:discord:gone"],
];
