//! Running the program, and its whole output as text.
#![allow(dead_code, reason = "each test binary compiles this and uses only a part of it")]

use assert_cmd::Command;

/// The program with these arguments, where nothing of the caller's terminal shows.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("rdb-reindex"));
    command.args(args).env_remove("NO_COLOR").env("TERM", "xterm-256color").env_remove("COLUMNS");
    command
}

/// Status, standard output and standard error.
pub fn shown(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let status = output.status.code().map_or("killed".to_owned(), |code| code.to_string());
    format!("status: {status}\n--- stdout\n{}--- stderr\n{}", text(output.stdout), text(output.stderr))
}
