//! Presets: each repairs a small database of its application, with running jobs, schedulers, flows and keys of the same
//! shape that hold something else, and touches none of these.

mod caches;
mod listed;
mod queues;
mod shared;

use std::path::Path;

use assert_cmd::Command;

use crate::support::dump_writer::DumpBuilder;

/// A spec that describes no key of these dumps.
const NOTHING: &str = "version = 1\n[[index]]\nname = \"n\"\npolicy = \"prune\"\nkey = \"no:such:{@a}\"\n\
                       member = \"{@b}\"\nexists = \"nor:this:{@b}\"\n";

/// Runs the program in a folder: status, standard output, standard error.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("rdb-reindex").expect("the program");
    let out = command.current_dir(folder).args(args).output().expect("it ran");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().expect("a status"), text(&out.stdout), text(&out.stderr))
}

/// A dump of a Redis 7.0.
fn dump() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    dump
}

/// The preset makes exactly these commands of the dump, in any order; and a spec that describes nothing
/// is told of this preset first.
fn repairs(preset: &str, dump: &DumpBuilder, expected: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("dump.rdb"), dump.clone().finish()).expect("written");
    let (status, _, stderr) = run(path, &["plan", "dump.rdb", "--preset", preset, "--out", "out"]);
    assert_eq!(status, 0, "{preset}: {stderr}");
    let (status, stdout, _) = run(path, &["rehearse", "out", "dump.rdb"]);
    assert_eq!(status, 0, "{preset}: {stdout}");
    let mut found = commands(&std::fs::read(path.join("out/apply.resp")).expect("commands"));
    let mut expected: Vec<String> = expected.iter().map(|command| (*command).to_owned()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{preset}");
    std::fs::write(path.join("nothing.toml"), NOTHING).expect("written");
    let (status, _, stderr) = run(path, &["plan", "dump.rdb", "--spec", "nothing.toml", "--out", "none"]);
    assert_eq!(status, 4, "{preset}: {stderr}");
    assert!(stderr.ends_with(&format!("would match: --preset {preset}\n")), "{preset}: {stderr}");
}

/// The commands of a RESP file, words apart by spaces, bytes that are not printable escaped, members in order.
fn commands(mut resp: &[u8]) -> Vec<String> {
    fn line<'a>(resp: &mut &'a [u8]) -> &'a str {
        let at = resp.windows(2).position(|two| two == b"\r\n").expect("a line");
        let line = std::str::from_utf8(&resp[..at]).expect("text");
        *resp = &resp[at + 2..];
        line
    }
    let mut out = Vec::new();
    while !resp.is_empty() {
        let count: usize = line(&mut resp).strip_prefix('*').expect("an array").parse().expect("a number");
        let mut words: Vec<String> = Vec::new();
        for _ in 0..count {
            let bytes: usize = line(&mut resp).strip_prefix('$').expect("a string").parse().expect("a number");
            words.push(resp[..bytes].escape_ascii().to_string());
            resp = &resp[bytes + 2..];
        }
        let from = if words[0] == "UNLINK" { 1 } else { 2 };
        words[from..].sort();
        out.push(words.join(" "));
    }
    out
}
