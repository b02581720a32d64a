//! One judged round: a filled server, a plan from its dump, there and back and there again.

use super::checks;
use super::memberships;
use super::oracle::{self, Spec};
use super::reasons;
use super::state::{assert_same, read};
use super::support::server::Server;
use super::wire::{Reply, Wire, parse_commands};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// All of them but `no-literal`.
pub const BRAKES: &str = "no-match,no-entry,no-key-right,wrong-type,mostly-missing,other-type,nested,foreign-members";

/// A server that keeps expired keys in its dumps.
pub fn server() -> Option<(Server, Wire)> {
    let server = Server::builder().rejson().start()?;
    let mut wire = Wire::connect(server.port());
    wire.ask(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"]);
    Some((server, wire))
}

/// Runs the program.
pub fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdb-reindex")).args(args).output().expect("the program runs")
}

/// A plan, in its folder.
pub struct Plan {
    pub folder: PathBuf,
    pub manifest: Json,
    pub status: Option<i32>,
}

impl Plan {
    /// Makes a plan; it must succeed.
    pub fn make(dump: &Path, spec: Option<&Path>, out: PathBuf, more: &[&str]) -> Self {
        let mut args =
            vec!["plan", dump.to_str().expect("a name"), "--out", out.to_str().expect("a name"), "--exit-code"];
        if let Some(spec) = spec {
            args.extend(["--spec", spec.to_str().expect("a name")]);
        }
        // Brakes have tests of their own: here everything is as wrong as it can be, and is to be mended.
        args.extend(["--accept", BRAKES]);
        args.extend(more);
        let output = run(&args);
        assert!(output.stdout.is_empty(), "what plan says goes to standard error");
        let status = output.status.code();
        assert!(matches!(status, Some(0 | 3)), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let manifest = serde_json::from_slice(&fs::read(out.join("plan.json")).expect("plan.json")).expect("JSON");
        Self { folder: out, manifest, status }
    }

    pub fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn total(&self, what: &str) -> u64 {
        self.manifest["total"][what].as_u64().expect("a number")
    }

    /// Sends a command file on a fresh connection and compares every reply.
    pub fn send(&self, server: &Server, file: &str, expected: &str) {
        let bytes = self.file(file);
        let commands = parse_commands(&bytes);
        let replies = Wire::connect(server.port()).send(&bytes, commands.len());
        let expected = self.manifest[expected].as_array().expect("replies");
        assert_eq!(replies.len(), expected.len(), "{file}: one expected reply a command");
        for ((reply, expected), command) in replies.iter().zip(expected).zip(&commands) {
            let same = match reply {
                Reply::Integer(n) => expected.as_i64() == Some(*n),
                Reply::Status(text) => expected.as_str() == Some(text),
                _ => false,
            };
            let sent: Vec<String> = command.iter().take(3).map(|arg| arg.escape_ascii().to_string()).collect();
            assert!(same, "{file}: {reply:?} instead of {expected} to {sent:?} ({} arguments)", command.len());
        }
    }
}

/// The whole round. Gives back the folder with the first dump, `spec.toml` and the bundle `plan`.
pub fn judge(server: &Server, wire: &mut Wire, spec: &Spec, preset: bool, more: &[&str]) -> TempDir {
    // An expiry in the second of the dump's `ctime` may lie after it; two seconds later none does.
    std::thread::sleep(Duration::from_millis(1100));
    let work = tempfile::tempdir().expect("a folder");
    let dump = work.path().join("before.rdb");
    wire.ask(&[b"SELECT", b"0"]);
    fs::copy(server.save(), &dump).expect("copied");
    let before = read(wire);
    let (target, edits) = oracle::target(spec, &before);

    let spec_file = work.path().join("spec.toml");
    fs::write(&spec_file, spec.toml()).expect("written");
    let spec_path = (!preset).then_some(spec_file.as_path());
    let plan = Plan::make(&dump, spec_path, work.path().join("plan"), more);

    checks::bundle(&plan, spec, &before, &edits);
    reasons::check(&plan, spec, &before);

    let mut inventory = vec!["inventory", dump.to_str().expect("a name"), "--format", "json"];
    if !preset {
        inventory.extend(["--spec", spec_file.to_str().expect("a name")]);
    }
    let inventory = run(&inventory).stdout;
    checks::inventory(&inventory, spec, &before);
    memberships::check(&dump, spec_path, spec, &before, &inventory);

    let rehearsed = run(&["rehearse", plan.folder.to_str().expect("a name"), dump.to_str().expect("a name")]);
    assert_eq!(rehearsed.status.code(), Some(0), "rehearse: {}", String::from_utf8_lossy(&rehearsed.stderr));

    let summary = server.pipe(&plan.folder.join("apply.resp"));
    assert_eq!(summary.errors, 0, "{}", summary.text);
    assert_eq!(Some(summary.replies), plan.manifest["expected_replies"].as_array().map(|all| all.len() as u64));
    assert_same(&read(wire), &target, "after apply");

    plan.send(server, "rollback.resp", "rollback_expected_replies");
    assert_same(&read(wire), &before, "after rollback");

    plan.send(server, "apply.resp", "expected_replies");
    assert_same(&read(wire), &target, "after the second apply");
    let again = work.path().join("after.rdb");
    fs::copy(server.save(), &again).expect("copied");
    let second = Plan::make(&again, spec_path, work.path().join("second"), more);
    assert!(second.file("apply.resp").is_empty(), "a second plan: {}", second.file("changes.csv").escape_ascii());
    assert!(second.file("rollback.resp").is_empty());
    assert_eq!((second.status, second.total("commands")), (Some(0), 0));
    work
}
