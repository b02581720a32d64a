//! `redis-cli --pipe`, the way an operator would replay a file of commands by hand.

use super::Server;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `redis-cli --pipe` reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeSummary {
    pub errors: u64,
    pub replies: u64,
    /// Whether its exit status was 0.
    pub success: bool,
    /// Everything it printed, error replies included.
    pub text: String,
}

pub(super) fn run(redis_cli: &Path, server: &Server, commands: &Path) -> PipeSummary {
    let input = File::open(commands).unwrap_or_else(|e| panic!("{}: {e}", commands.display()));
    let mut command = Command::new(redis_cli);
    command.args(["-h", "127.0.0.1", "-p", &server.port().to_string(), "--pipe"]).stdin(Stdio::from(input));
    if let Some(password) = server.password() {
        command.env("REDISCLI_AUTH", password);
    }
    let output = command.output().expect("redis-cli runs");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    let (errors, replies) = summary(&text).unwrap_or_else(|| panic!("redis-cli --pipe gave no summary:\n{text}"));
    PipeSummary { errors, replies, success: output.status.success(), text }
}

/// The numbers of its last line, `errors: 0, replies: 12`.
fn summary(text: &str) -> Option<(u64, u64)> {
    let (errors, replies) =
        text.lines().rev().find_map(|line| line.strip_prefix("errors: "))?.split_once(", replies: ")?;
    Some((errors.parse().ok()?, replies.trim().parse().ok()?))
}
