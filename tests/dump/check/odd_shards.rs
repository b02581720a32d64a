//! Shards that are unlike each other, more of them than a process may have files open, and what is wrong with one of them
//! where it is not mapped.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::dump_writer::DumpBuilder;

/// Status, standard output and standard error of the program in a folder, where a process may have so many files open.
fn run_with(files: usize, folder: &Path, args: &[&str], dumps: &[impl AsRef<str>]) -> (Option<i32>, String, String) {
    let limited = format!("ulimit -n {files} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_rdb-reindex")]).args(args);
    let output = command.args(dumps.iter().map(AsRef::as_ref)).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn run(folder: &Path, args: &[&str], dumps: &[impl AsRef<str>]) -> (Option<i32>, String, String) {
    run_with(1000, folder, args, dumps)
}

const SPEC: &str = "version = 1\n[[record]]\nname = \"message\"\nkey = \"message:*\"\n[[index]]\nname = \"project\"\n\
                    policy = \"maintain\"\nfrom = \"message\"\nkey = \"project:{p}\"\nmember = \"{@key}\"\n";

const KEYS: [&str; 5] = ["export", "--table", "keys", "--format", "csv"];
const ELEMENTS: [&str; 5] = ["export", "--table", "elements", "--format", "csv"];
const MEMBERSHIPS: [&str; 7] = ["export", "--table", "memberships", "--format", "csv", "--spec", "spec.toml"];

/// A record, and in the index key of its project a member too many.
fn keys(dump: &mut DumpBuilder, n: usize) {
    dump.hash(format!("message:{n}"), &[("p", n.to_string())]);
    dump.set(format!("project:{n}"), &[format!("message:{n}"), format!("message:gone-{n}")]);
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    std::fs::write(folder.join(name), bytes).unwrap();
    name.to_owned()
}

/// The text of a file below a folder.
fn text(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).unwrap()
}

/// Several versions of the format; without any key: a dump that is nothing else, one with fields about itself alone, one with
/// functions alone, in the middle, at the beginning and at the end.
#[test]
fn some_without_keys_and_of_other_versions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "spec.toml", SPEC.as_bytes());
    let bare = |version: u32| DumpBuilder::new(version).finish();
    assert_eq!(bare(11).len(), 18);
    let aux = DumpBuilder::new(12).server_aux(1_736_000_000).finish();
    let function = DumpBuilder::new(10).function("#!lua name=f\nredis.register_function('f', function() end)").finish();
    let (mut one, mut shards) = (DumpBuilder::new(12), vec![put(folder, "first.rdb", &bare(9))]);
    one.server_aux(1_736_000_000).select_db(0);
    for (n, version) in [6, 7, 9, 10, 11, 12, 9].into_iter().enumerate() {
        let mut dump = DumpBuilder::new(version);
        dump.server_aux(1_736_000_000).select_db(0);
        keys(&mut dump, n);
        keys(&mut one, n);
        shards.push(put(folder, &format!("{n}.rdb"), &dump.finish()));
        let empty = [bare(11), aux.clone(), function.clone(), bare(6)][n % 4].clone();
        shards.push(put(folder, &format!("{n}-empty.rdb"), &empty));
    }
    shards.push(put(folder, "last.rdb", &function));
    let one = [put(folder, "one.rdb", &one.finish())];
    let good = |args: &[&str], dumps: &[String]| {
        let (status, stdout, stderr) = run(folder, args, dumps);
        assert_eq!(status, Some(0), "{args:?}: {stderr}");
        stdout
    };
    // The bytes of a record and what it takes in memory depend on the version; the rows of elements do not.
    for export in [&ELEMENTS[..], &MEMBERSHIPS] {
        let rows = good(export, &one);
        assert!(rows.lines().count() > 14 && rows == good(export, &shards), "{export:?}");
        assert_eq!(rows, good(&[export, &["--no-mmap"]].concat(), &shards), "{export:?}");
    }
    assert_eq!(good(&KEYS, &shards).lines().count(), 15);
    assert_eq!(good(&["check"], &shards).matches("whole: ").count(), 16);
    assert!(good(&["diff", "--exit-code", "one.rdb", "--with"], &shards).contains("same"));
    let plan = |out: &str, dumps: &[String]| {
        good(&["plan", "--spec", "spec.toml", "--out", out], dumps);
        ["apply.resp", "rollback.resp", "changes.csv"].map(|file| text(folder, &format!("{out}/{file}")))
    };
    let planned = plan("one", &one);
    assert!(planned[0].contains("gone-6") && planned == plan("many", &shards));
    assert!(good(&["rehearse", "many"], &shards).contains("proven"));
    // One of them is another one by now, whole like the others, or damaged.
    let mut other = DumpBuilder::new(10);
    keys(other.select_db(0), 33);
    let other = other.finish();
    for (bytes, said) in [
        (&other[..], "this is not the dump that the plan was made from"),
        (&other[..other.len() / 2], "error: 3.rdb: "),
        (&[&other[..other.len() - 1], b"?"].concat(), "this is not the dump"),
    ] {
        put(folder, "3.rdb", bytes);
        let (status, stdout, stderr) = run(folder, &["rehearse", "many"], &shards);
        assert!(status == Some(1) && !stdout.contains("proven") && stderr.contains(said), "{stderr}");
    }
}

/// Two with another header, or with bytes behind the end of one, are no database, whoever looks.
#[test]
fn what_check_says_of_those_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "spec.toml", SPEC.as_bytes());
    let string = |mut dump: DumpBuilder, key: &str| dump.select_db(0).string(key, "v").finish();
    let template = |key: &str| {
        // Hash template 7 with a field, and a string.
        let mut bytes = b"REDIS0015".to_vec();
        bytes.extend([0xf2, 7, 1, 1, b'f', 0, 1, key.as_bytes()[0], 1, b'v', 0xff]);
        bytes.extend(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &bytes).to_le_bytes());
        bytes
    };
    put(folder, "redis.rdb", &string(DumpBuilder::new(11), "a"));
    put(folder, "valkey.rdb", &string(DumpBuilder::valkey(80), "b"));
    put(folder, "tail.rdb", &[&string(DumpBuilder::new(11), "c")[..], b"*1\r\n$4\r\nPING\r\n"].concat());
    put(folder, "t1.rdb", &template("x"));
    put(folder, "t2.rdb", &template("y"));
    for (dumps, said) in [
        (["redis.rdb", "valkey.rdb"], "error: redis.rdb is a Redis dump and valkey.rdb a Valkey dump"),
        (["redis.rdb", "tail.rdb"], "error: tail.rdb: 14 bytes follow the end of the dump"),
        (["t1.rdb", "t2.rdb"], "error: hash template 7 is in t1.rdb and in t2.rdb"),
    ] {
        for command in [&["check"][..], &ELEMENTS, &KEYS, &["inventory"]] {
            let (status, _, stderr) = run(folder, command, &dumps);
            assert!(status == Some(1) && stderr.to_lowercase().contains(&said.to_lowercase()), "{command:?}: {stderr}");
        }
        // Each alone is whole.
        let (status, stdout, _) = run(folder, &["check"], &dumps);
        assert_eq!((status, stdout.matches("whole: ").count()), (Some(1), 2));
    }
    assert_eq!(run(folder, &["check"], &["redis.rdb", "t1.rdb"]).0, Some(0));
}

/// A value that only a look at it shows to be damaged, in one of several dumps: name and offset are those of that one, and
/// it does not matter whether they are mapped.
#[test]
fn a_damaged_value_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "spec.toml", SPEC.as_bytes());
    let mut shards = Vec::new();
    for n in 0..3 {
        let mut dump = DumpBuilder::new(11);
        dump.select_db(0);
        keys(&mut dump, n);
        if n == 1 {
            // A sorted set of the index, in a listpack that says it has more bytes than there are.
            dump.raw(20, "project:bad", b"\x0d\xff\0\0\0\x02\0\x81a\x02\x81b\x02\xff");
        }
        shards.push(put(folder, &format!("{n}.rdb"), &dump.finish()));
    }
    for command in [
        &ELEMENTS[..],
        &["inventory", "--spec", "spec.toml"],
        &["plan", "--spec", "spec.toml", "--out", "plan"],
        &["diff", "--spec", "spec.toml", "0.rdb", "--with"],
    ] {
        let first = |args: &[&str], dumps: &[String]| {
            let (status, _, stderr) = run(folder, args, dumps);
            assert_eq!(status, Some(1), "{args:?}: {stderr}");
            stderr.lines().find(|line| line.starts_with("error")).unwrap().to_owned()
        };
        let alone = first(command, &shards[1..2]);
        assert!(alone.starts_with("error: 1.rdb: ") && alone.contains(" offset "), "{alone}");
        assert_eq!(first(command, &shards), alone, "{command:?}");
        assert_eq!(first(&[&command[..1], &["--no-mmap"], &command[1..]].concat(), &shards), alone, "{command:?}");
    }
}

/// A name or a value that goes on over the end of its dump into the next one makes no row.
#[test]
fn no_row_of_two_dumps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let dump = |n: usize| {
        let mut dump = DumpBuilder::new(11);
        dump.compression(false).select_db(0);
        keys(&mut dump, n);
        dump.string(format!("text:{n}"), "t".repeat(300)).finish()
    };
    let good: Vec<String> = (0..3).map(|n| put(folder, &format!("{n}.rdb"), &dump(n))).collect();
    let (status, all, _) = run(folder, &ELEMENTS, &good);
    assert_eq!(status, Some(0));
    let all: HashSet<&str> = all.lines().collect();
    let bytes = dump(1);
    // 300 in 14 bits; so many that the value ends in the middle of the next dump.
    let at = bytes.windows(4).position(|four| four == [0x41, 0x2c, b't', b't']).unwrap();
    for longer in [0x80, 0x1_0000, 0x1_0100] {
        let length = [&[0x80][..], &(300_u32 + longer).to_be_bytes()].concat();
        let mut long = [&bytes[..at], &length, &bytes[at + 2..]].concat();
        let body = long.len() - 8;
        let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &long[..body]);
        long[body..].copy_from_slice(&sum.to_le_bytes());
        put(folder, "1.rdb", &long);
        for table in [&KEYS, &ELEMENTS] {
            let (status, rows, stderr) = run(folder, table, &good);
            assert!(status == Some(1) && stderr.contains("error: 1.rdb: "), "{stderr}");
            if *table == ELEMENTS {
                assert!(rows.contains("message:0") && rows.lines().all(|row| all.contains(row)), "{longer:x}: {rows}");
            } else {
                assert_eq!(rows, "");
            }
        }
    }
}

/// A key in two dumps that is found when rows have been written: the file has not got its name, and nothing says that the
/// rows are good.
#[test]
fn no_file_of_rows_with_a_key_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "spec.toml", SPEC.as_bytes());
    let shards: Vec<String> = [0, 1, 0]
        .into_iter()
        .enumerate()
        .map(|(at, n)| {
            let mut dump = DumpBuilder::new(11);
            keys(dump.select_db(0), n);
            put(folder, &format!("{at}.rdb"), &dump.finish())
        })
        .collect();
    for format in ["csv", "ndjson", "parquet"] {
        for table in ["keys", "elements", "memberships"] {
            let export = ["export", "--table", table, "--spec", "spec.toml", "--format", format, "--out", "rows"];
            for more in [&[][..], &["--no-mmap"], &["--ignore-checksum"]] {
                let (status, _, stderr) = run(folder, &[&export[..], more].concat(), &shards);
                assert!(
                    status == Some(1) && stderr.contains("the key message:0 of database 0 is at offset"),
                    "{stderr}"
                );
                assert!(stderr.contains(" of 0.rdb and at offset ") && stderr.contains(" of 2.rdb"), "{stderr}");
                let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
                assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("rows")), "{left:?}");
            }
        }
    }
    let (status, _, stderr) = run(folder, &ELEMENTS, &shards);
    assert!(status == Some(1) && stderr.contains("; do not trust the rows\n"), "{stderr}");
}

/// Several hundred, where a process may have far fewer files open; the last of them is looked at, too.
#[test]
fn more_than_files_may_be_open() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "spec.toml", SPEC.as_bytes());
    let new = || {
        let mut dump = DumpBuilder::new(11);
        dump.server_aux(1_736_000_000).select_db(0);
        dump
    };
    let (mut one, mut shards) = (new(), Vec::new());
    for n in 0..600 {
        let mut dump = new();
        keys(&mut dump, n);
        keys(&mut one, n);
        shards.push(put(folder, &format!("{n}.rdb"), &dump.finish()));
    }
    let one = [put(folder, "one.rdb", &one.finish())];
    let good = |args: &[&str], dumps: &[String]| {
        let (status, stdout, stderr) = run_with(64, folder, args, dumps);
        assert_eq!(status, Some(0), "{args:?}: {stderr}");
        stdout
    };
    for export in [&KEYS[..], &ELEMENTS, &MEMBERSHIPS] {
        assert_eq!(good(export, &shards), good(export, &one));
    }
    let plan = ["plan", "--spec", "spec.toml", "--out"];
    good(&[&plan[..], &["one"]].concat(), &one);
    good(&[&plan[..], &["many"]].concat(), &shards);
    assert_eq!(text(folder, "one/apply.resp"), text(folder, "many/apply.resp"));
    assert!(good(&["rehearse", "many"], &shards).contains("proven"));
    assert_eq!(good(&["check"], &shards).matches("whole: ").count(), 600);
    good(&["diff", "--exit-code", "one.rdb", "--with"], &shards);
    good(&["infer"], &shards);
    // What is wrong with one far behind is still told of that one.
    let path = folder.join("555.rdb");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 12;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for command in [&KEYS[..], &["inventory", "--spec", "spec.toml"]] {
        let (status, _, stderr) = run_with(64, folder, command, &shards);
        assert!(status == Some(1) && stderr.contains("error: 555.rdb: "), "{stderr}");
    }
}

/// Archives are unpacked into files that have no name, and of those a process has no more than it may.
#[test]
fn more_archives_than_files_may_be_open() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shards: Vec<String> = (0..100)
        .map(|n| {
            let mut dump = DumpBuilder::new(11);
            keys(dump.select_db(0), n);
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&dump.finish()).unwrap();
            put(folder, &format!("{n}.rdb.gz"), &packed.finish().unwrap())
        })
        .collect();
    let (status, _, stderr) = run_with(64, folder, &KEYS, &shards);
    assert!(status == Some(1) && stderr.contains("Too many open files") && stderr.contains("`ulimit -n "), "{stderr}");
    assert_eq!(run_with(200, folder, &KEYS, &shards).0, Some(0));
}
