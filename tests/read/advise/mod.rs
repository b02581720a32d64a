//! What `inventory --advise` says, and what it does not say.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::dump_writer::DumpBuilder;
use crate::support::output::program;

mod fixture;
mod hostile;
mod made;
mod memory;
mod not_given;

/// A folder with a dump, perhaps a spec beside it.
pub struct Case {
    folder: TempDir,
    spec: Option<PathBuf>,
}

impl Case {
    pub fn new(dump: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.rdb"), dump).expect("a file");
        Self { folder, spec: None }
    }

    /// A dump of the writer's, of this version of the format, with a time.
    pub fn made(version: u32, fill: impl FnOnce(&mut DumpBuilder)) -> Self {
        let mut dump = DumpBuilder::new(version);
        dump.server_aux(1_736_185_500).select_db(0);
        fill(&mut dump);
        Self::new(&dump.finish())
    }

    pub fn spec(mut self, text: &str) -> Self {
        let path = self.folder.path().join("spec.toml");
        fs::write(&path, text).expect("a file");
        self.spec = Some(path);
        self
    }

    pub fn dump(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("a.rdb")).expect("the dump")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.arg("a.rdb").current_dir(self.folder.path());
        if let Some(spec) = &self.spec {
            command.arg("--spec").arg(spec);
        }
        command
    }

    pub fn inventory(&self, args: &[&str]) -> String {
        let all = [&["inventory", "--advise", "--now", "2026-01-01T00:00:00Z"], args].concat();
        let output = self.command(&all).assert().success().get_output().stdout.clone();
        String::from_utf8(output).expect("UTF-8")
    }

    /// The advice as JSON.
    pub fn advice(&self) -> Value {
        let data: Value = serde_json::from_str(&self.inventory(&["--format", "json"])).expect("JSON");
        data["advice"].clone()
    }

    /// Kind and patterns of each suggestion.
    pub fn kinds(&self) -> Vec<String> {
        let patterns = |item: &Value| -> Vec<String> {
            let families = item["families"].as_array().expect("families");
            families.iter().map(|family| family["pattern"].as_str().expect("text").to_owned()).collect()
        };
        let advice = self.advice();
        let items = advice["items"].as_array().expect("items").iter();
        items.map(|item| format!("{} {}", text(item, "kind"), patterns(item).join(" "))).collect()
    }

    /// The one suggestion of a kind.
    pub fn item(&self, kind: &str) -> Value {
        let advice = self.advice();
        let items = advice["items"].as_array().expect("items").iter();
        let mut found: Vec<&Value> = items.filter(|item| item["kind"] == kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {advice:#}");
        found.remove(0).clone()
    }

    /// What a plan by a spec of these tables deletes, removes and adds: keys, members, members.
    pub fn plan(&self, tables: &str) -> [u64; 3] {
        let spec = self.folder.path().join("advised.toml");
        fs::write(&spec, format!("version = 1\n\n{tables}")).expect("a file");
        let mut command = program(&["plan", "a.rdb", "--out", "plan", "--quiet", "--spec", "advised.toml"]);
        command.current_dir(self.folder.path()).assert().success();
        let plan = fs::read(self.folder.path().join("plan/plan.json")).expect("a plan");
        let plan: Value = serde_json::from_slice(&plan).expect("JSON");
        fs::remove_dir_all(self.folder.path().join("plan")).expect("a folder");
        ["deleted_keys", "removed_members", "added_members"].map(|name| number(&plan["total"], name))
    }
}

pub fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_else(|| panic!("no {field} in {row:#}"))
}

pub fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row:#}"))
}

/// Keys before and after.
pub fn keys(item: &Value) -> [u64; 2] {
    ["keys_before", "keys_after"].map(|field| number(item, field))
}

/// Bytes before and after.
pub fn bytes(item: &Value) -> [u64; 2] {
    ["bytes_before", "bytes_after"].map(|field| number(item, field))
}

/// Whether an estimate is within a tenth of what a server answers.
pub fn near(estimate: u64, answer: u64) -> bool {
    estimate.abs_diff(answer) * 10 <= answer
}
