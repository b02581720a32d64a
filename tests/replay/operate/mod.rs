//! `apply`, `verify` and `rollback` as a person runs them: the real binary, a real server.

use crate::support;

mod basic;
pub mod bundle;
mod ctrl_c;
mod drift;
mod edits;
mod fixture;
pub mod guard;
mod https;
mod left_out;
mod lost;
mod overlap;
mod pace;
mod place;
mod price;
mod progress;
mod pruned;
mod reach;
mod rest;
pub mod resume;
mod told;
mod undo;
mod verify;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bundle::Scene;
use support::server::Server;
use tempfile::TempDir;

/// A server in the state of a dump, and the bundle for it.
pub struct Stage {
    pub server: Server,
    pub folder: TempDir,
    pub plan_id: String,
    /// The digest of the state of the dump.
    pub before: String,
}

impl Stage {
    pub fn new(scene: &Scene) -> Option<Self> {
        Some(Self::on(Server::builder().start()?, scene))
    }

    pub fn on(server: Server, scene: &Scene) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan_id = scene.write(&folder.path().join("plan"));
        load(&server, scene);
        let before = server.digest();
        Self { server, folder, plan_id, before }
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    /// `rdb-reindex NAME DIR --to URL ARGS…`.
    pub fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = program();
        command.arg(name).arg(self.dir()).args(["--to", &self.server.url()]).args(args);
        command
    }

    /// The same with `--confirm`, run to its end.
    pub fn confirmed(&self, name: &str, args: &[&str]) -> Ran {
        ran(self.command(name, args).args(["--confirm", &self.plan_id]))
    }

    pub fn run(&self, name: &str, args: &[&str]) -> Ran {
        ran(&mut self.command(name, args))
    }
}

/// Makes the state of the dump.
pub fn load(server: &Server, scene: &Scene) {
    let mut connection = server.connection();
    for command in &scene.state {
        support::server::query::<redis::Value>(&mut connection, command);
    }
}

/// The program, with nothing of this machine's environment that would tell it of another database.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    for name in
        ["REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "RDB_REINDEX_PASSWORD", "REDISCLI_AUTH"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn ran(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Ran { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
