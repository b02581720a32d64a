//! `--skip-damaged`: all rows but those of values that cannot be read.

use std::process::Command;

use crate::support::dump_writer::DumpBuilder;

const SPEC: &str = r#"version = 1
[[record]]
name = "message"
key  = "message:*"
[[index]]
name   = "project"
policy = "maintain"
from   = "message"
key    = "idx:project:{p}"
member = "{@key}"
"#;

/// A ziplist that is too short to be one.
const ZIPLIST: &[u8] = b"\x05\x05\0\0\0\xff";
/// A string of 30 bytes that expands to other than it says.
const PACKED: &[u8] = b"\xc3\x03\x1e\0a\0";

fn export(dump: &[u8], args: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.rdb"), dump).unwrap();
    std::fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    let all = ["export", "dump.rdb", "--spec", "spec.toml", "--format", "csv"];
    let output = command.args(all).args(args).current_dir(folder.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Damage in each kind of value, between keys that are whole.
fn dump(damaged: bool) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.aux("ctime", "1700000000").select_db(0);
    let bad = |dump: &mut DumpBuilder, kind: u8, key: &str, value: &[u8]| {
        if damaged {
            dump.raw(kind, key, value);
        }
    };
    dump.hash("message:1", &[("p", "A")]);
    bad(&mut dump, 13, "message:2", ZIPLIST);
    dump.hash("message:3", &[("p", "B")]);
    dump.set("idx:project:A", &["message:1", "message:2", "message:9"]);
    bad(&mut dump, 20, "idx:project:B", b"\x07\x07\0\0\0\x01\0\xff");
    dump.string("text", "x");
    bad(&mut dump, 0, "packed", PACKED);
    bad(&mut dump, 12, "zset", ZIPLIST);
    bad(&mut dump, 18, "list", b"\x01\x02\x07\x08\0\0\0\0\0\xff");
    bad(&mut dump, 7, "json", b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x03\x05\xc3\x03\x1e\0a\0\x00");
    // A name that cannot be read, too.
    if damaged {
        dump.bytes(b"\0").bytes(PACKED).bytes(b"\x01v");
    }
    dump.zset("scores", &[("m", 1.0)]);
    dump.finish()
}

#[test]
fn all_other_rows_are_there_and_the_damaged_keys_are_named() {
    for table in ["keys", "elements"] {
        let (status, rows, _) = export(&dump(false), &["--table", table]);
        assert_eq!(status, Some(0));
        for threads in ["1", "3"] {
            let (status, skipped, stderr) =
                export(&dump(true), &["--table", table, "--skip-damaged", "--threads", threads]);
            assert_eq!((status, &skipped), (Some(1), &rows), "{table}: {stderr}");
            for key in ["message:2", "idx:project:B", "packed", "zset", "list", "json"] {
                assert!(stderr.contains(&format!("left out: the key {key} (")), "{key}: {stderr}");
            }
            assert!(stderr.contains("a key whose name cannot be read"), "{stderr}");
            assert!(stderr.contains("7 keys are damaged"), "{stderr}");
        }
        // Without the option the first of them ends it.
        assert_eq!(export(&dump(true), &["--table", table]).0, Some(1));
        // Where nothing is damaged, it is an option like any other.
        let (status, whole, stderr) = export(&dump(false), &["--table", table, "--skip-damaged"]);
        assert_eq!((status, whole), (Some(0), rows), "{stderr}");
    }
}

/// A record that cannot be read may imply anything, and an index key that cannot be read may hold anything.
#[test]
fn memberships_say_nothing_that_is_not_known() {
    let (status, rows, stderr) = export(&dump(true), &["--table", "memberships", "--skip-damaged"]);
    assert_eq!(status, Some(1), "{stderr}");
    let mut rows: Vec<&str> = rows.lines().skip(1).collect();
    rows.sort_unstable();
    // Of `idx:project:B`, where `message:3` belongs, there is no row: whether it is missing there is not known.
    let expected = [
        "project,idx:project:A,message:1,correct",
        "project,idx:project:A,message:2,held",
        "project,idx:project:A,message:9,stale",
    ];
    assert_eq!(rows, expected, "{stderr}");
    assert!(stderr.contains("left out: the key message:2"), "{stderr}");
}

/// Where the walk itself cannot go on, nothing behind it is known.
#[test]
fn a_walk_that_ends_early_gives_the_rows_before() {
    let mut bytes = dump(true);
    let end = bytes.len() - 9;
    bytes.truncate(end);
    bytes.push(0x70);
    bytes.extend([0; 8]);
    for (table, whole) in [("keys", true), ("elements", true), ("memberships", false)] {
        let (_, rows, _) = export(&dump(false), &["--table", table]);
        let (status, skipped, stderr) = export(&bytes, &["--table", table, "--skip-damaged"]);
        assert_eq!(status, Some(1), "{stderr}");
        assert_eq!(skipped == rows, whole, "{table}: {skipped}{stderr}");
        assert!(stderr.contains("112 (0x70) is not an opcode"), "{stderr}");
        assert!(stderr.contains("left out: the key message:2"), "{stderr}");
    }
}
