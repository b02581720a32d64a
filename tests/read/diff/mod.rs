//! `diff`: what it says of two dumps, against what a real server answered in both states, and its output's forms.

mod command;
mod made;
use crate::support::output;
#[cfg(feature = "parquet")]
mod parquet;
mod server;

use base64::Engine as _;
use serde_json::Value as Js;

/// Two dumps in a folder, which is removed when this is dropped.
pub struct Dumps {
    folder: tempfile::TempDir,
}

impl Dumps {
    pub fn new(old: &[u8], new: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("old.rdb"), old).unwrap();
        std::fs::write(folder.path().join("new.rdb"), new).unwrap();
        Self { folder }
    }

    pub fn spec(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("spec.toml"), text).unwrap();
        self
    }

    /// The command in that folder.
    pub fn command(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = output::program(&["diff", "old.rdb", "new.rdb"]);
        command.args(args).current_dir(self.folder.path());
        command
    }

    pub fn stdout(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Js {
        serde_json::from_str(&self.stdout(&[&["--format", "json"], args].concat())).unwrap()
    }

    pub fn rows(&self, args: &[&str]) -> Vec<Js> {
        self.stdout(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The bytes of a JSON value: a string, or `{"base64":"…"}`.
pub fn bytes(value: &Js) -> Vec<u8> {
    match value {
        Js::String(text) => text.clone().into_bytes(),
        other => base64::prelude::BASE64_STANDARD.decode(other["base64"].as_str().unwrap()).unwrap(),
    }
}
