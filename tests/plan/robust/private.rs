//! What holds keys or values is for its owner alone, under the most careless umask.

use super::{CTIME, Work, ran, small};
use crate::support::dump_writer::DumpBuilder;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// The program in that folder, under umask 000.
fn careless(work: &Work, args: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rdb-reindex")]).args(args);
    command.current_dir(work.path(".")).stdin(Stdio::null());
    command
}

#[test]
fn the_bundle() {
    let work = Work::new();
    work.write("dump.rdb", small().finish());
    // One that somebody made before, and one in which an older version left a bundle.
    fs::create_dir(work.path("empty")).expect("made");
    fs::set_permissions(work.path("empty"), fs::Permissions::from_mode(0o777)).expect("set");
    assert_eq!(work.run(&["plan", "dump.rdb", "--out", "old"]).status, Some(0));
    fs::set_permissions(work.path("old"), fs::Permissions::from_mode(0o755)).expect("set");
    for name in super::names(&work.path("old")) {
        fs::set_permissions(work.path("old").join(name), fs::Permissions::from_mode(0o644)).expect("set");
    }
    for out in ["new", "empty", "old", "deep/er"] {
        let ran = ran(&mut careless(&work, &["plan", "dump.rdb", "--out", out]));
        assert_eq!(ran.status, Some(0), "{out}: {}", ran.stderr);
        assert_eq!(mode(&work.path(out)), 0o700, "{out}");
        let names = super::names(&work.path(out));
        assert_eq!(names.len(), 5, "{out}: {names:?}");
        for name in names {
            assert_eq!(mode(&work.path(out).join(&name)), 0o600, "{out}/{name}");
        }
    }
}

/// A dump from a pipe, compressed or not, and one that is several: what it is put into has no name, and nobody else may read
/// it through the process either.
#[cfg(target_os = "linux")]
#[test]
fn copies_of_a_dump() {
    let work = Work::new();
    let temporary = work.path("tmp");
    fs::create_dir(&temporary).expect("made");
    let mut b = DumpBuilder::new(10);
    b.server_aux(CTIME).select_db(0);
    for n in 0..50_000 {
        b.string(format!("key:{n}"), format!("value {n}"));
    }
    let dump = b.finish();
    let packed = zstd::encode_all(&dump[..], 1).expect("packed");
    for bytes in [&dump, &packed] {
        let mut command = careless(&work, &["check", "-"]);
        command.env("TMPDIR", &temporary).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let (most, rest) = bytes.split_at(bytes.len() - 100);
        stdin.write_all(most).expect("it reads");
        let began = Instant::now();
        let file = loop {
            let files = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("it runs").filter_map(Result::ok);
            let mut files = files.map(|file| file.path());
            let found = files.find(|file| fs::read_link(file).is_ok_and(|link| link.starts_with(&temporary)));
            if let Some(found) = found {
                break found;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "there is no copy");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(mode(&file), 0o600);
        assert_eq!(super::names(&temporary), [""; 0], "it has no name");
        stdin.write_all(rest).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
