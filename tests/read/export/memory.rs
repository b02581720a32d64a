//! However much comes out, and however slowly it is taken, little is kept.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::dump_writer::DumpBuilder;
use crate::support::dump_writer::encode::len;

/// What the program may have of its own: its heap and its stacks, but not the dump, which is mapped.
const DATA_KB: u64 = 120 << 10;

/// Runs an export that may have no more than that, and a single arena for all its threads.
fn limited(dump: &Path, args: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_rdb-reindex");
    Command::new("sh")
        .args(["-c", &format!("ulimit -d {DATA_KB}; exec \"$0\" \"$@\""), program, "export"])
        .arg(dump)
        .args(args)
        .args(["--threads", "4"])
        .env("MALLOC_ARENA_MAX", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How much an export gives, with its first bytes taken late.
fn size(dump: &Path, args: &[&str]) -> u64 {
    let mut child = limited(dump, args);
    let mut out = child.stdout.take().unwrap();
    // The writer fills the pipe meanwhile, and the threads everything before it.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match out.read(&mut buffer).unwrap() {
            0 => break,
            n => total += n as u64,
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    total
}

/// Strings of a megabyte that take a hundredth of that in the dump: together more than may be had.
#[test]
#[cfg(target_os = "linux")]
fn large_values_pass_through() {
    const STRINGS: usize = 192;
    const BYTES: usize = 1 << 20;
    let mut dump = DumpBuilder::new(11);
    let value = vec![b'a'; BYTES];
    for n in 0..STRINGS {
        dump.string(format!("large:{n}"), &value);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, dump.finish()).unwrap();
    let whole = (STRINGS * BYTES) as u64;
    assert!(whole > DATA_KB * 1024 * 3 / 2);
    for format in ["ndjson", "csv"] {
        let size = size(&path, &["--table", "elements", "--format", format]);
        assert!(size > whole && size < whole + 50_000, "{format}: {size} bytes");
    }
    #[cfg(feature = "parquet")]
    size(&path, &["--table", "elements", "--format", "parquet"]);
}

/// One set with so many members that all of its rows are more than may be had.
#[test]
#[cfg(target_os = "linux")]
fn a_large_key_is_read_in_pieces() {
    const MEMBERS: u64 = 1_500_000;
    let mut value = Vec::new();
    len(&mut value, MEMBERS);
    for n in 0..MEMBERS {
        value.push(14);
        value.extend_from_slice(format!("message:{n:06x}").as_bytes());
    }
    let mut dump = DumpBuilder::new(11);
    let dump = dump.json("project:discord:1", "{}").raw(2, "discord:messages:project:large", value).finish();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, dump).unwrap();
    for (table, format, least) in [
        ("elements", "ndjson", 140 * MEMBERS),
        ("memberships", "ndjson", 90 * MEMBERS),
        #[cfg(feature = "parquet")]
        ("elements", "parquet", 0),
    ] {
        let size = size(&path, &["--table", table, "--format", format]);
        assert!(size >= least, "{table} as {format}: {size} bytes");
    }
}
