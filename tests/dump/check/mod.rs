//! `check` as a command, on whole and damaged dumps, and its ways of getting at a dump.

mod input;
mod judges;
mod librdb;
mod many_shards;
mod odd_shards;
mod shards;
use crate::support;
use crate::support::judges::CORPUS;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::dump_writer::DumpBuilder;

/// The dumps, or nothing, loudly, where the corpus is not at hand. Under CI that is an error.
fn corpus() -> Vec<(String, PathBuf)> {
    let named = |path: PathBuf| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path);
    let dumps: Vec<_> = CORPUS.dumps().into_iter().map(named).collect();
    assert!(dumps.is_empty() || dumps.len() >= 44, "only {} dumps", dumps.len());
    dumps
}

fn run(args: &[&str], dump: &Path) -> (Option<i32>, String, String) {
    let program = env!("CARGO_BIN_EXE_rdb-reindex");
    let Output { status, stdout, stderr } =
        Command::new(program).args(args).arg(dump).current_dir(dump.parent().unwrap()).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What `check` says of a dump called `dump.rdb`.
fn check(bytes: &[u8]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, bytes).unwrap();
    let (status, stdout, stderr) = run(&["check"], &path);
    let path = path.display().to_string();
    (status, stdout.replace(&path, "dump.rdb"), stderr.replace(&path, "dump.rdb"))
}

#[test]
fn what_servers_wrote_is_whole() {
    for (name, path) in corpus() {
        let bytes = std::fs::read(&path).unwrap();
        let report = rdb_reindex::check::run(&bytes, &rdb_reindex::dump::scan::Observer::default()).unwrap();
        assert!(report.is_whole(), "{name}: {report:?}");
        let head = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let keys = head.split('\n').filter(|line| line.starts_with("{\"db\"")).count();
        assert_eq!((report.keys, report.whole_keys), (keys as u64, keys as u64), "{name}");
    }
}

#[test]
fn a_whole_dump() {
    let dump = DumpBuilder::new(10).function("#!lua name=l\n").select_db(0).string("a", "1").finish();
    let text = "whole: dump.rdb\n  format: REDIS 10\n  keys: 1\n  function libraries: 1\n  checksum: verified\n";
    assert_eq!(check(&dump), (Some(0), text.to_owned(), String::new()));
    let dump = DumpBuilder::new(10).set::<&str>("s", &[]).finish_without_checksum();
    let text = "whole: dump.rdb\n  format: REDIS 10\n  keys: 1\n  checksum: absent (the server did not compute it)\n  \
                note: 1 collections without elements, which a server leaves out, the first at offset 9\n";
    assert_eq!(check(&dump), (Some(0), text.to_owned(), String::new()));
}

#[test]
fn damage_is_told_with_its_place() {
    let mut dump = DumpBuilder::new(11);
    dump.select_db(3).string("first", "v").string("second", "v");
    dump.raw(2, "twice", b"\x02\x01a\x01a").string("last", "v");
    // 9 bytes of magic, 2 of SELECTDB, 9 and 10 of the keys before.
    let text = "damaged: dump.rdb\n  format: REDIS 11\n  keys: 4\n  checksum: verified\n  \
                damage: the member \"a\" is there twice\n    in the key twice (set, hashtable) of database 3, whose \
                record starts at offset 30 (0x1e)\n  whole keys before the first damage: 2\n";
    assert_eq!(check(&dump.finish()), (Some(1), text.to_owned(), String::new()));
}

#[test]
fn a_cut_file() {
    let dump = DumpBuilder::new(11).select_db(0).string("a", "1").string("cut", "0123456789x").finish();
    // The last value begins at 21 and lacks its last 3 bytes.
    let text = "damaged: dump.rdb\n  format: REDIS 11\n  keys: 1 were read before the damage\n  \
                checksum: not reached\n  damage: the data ends too early: 11 bytes are expected and 8 are left; the file is \
                truncated or damaged, at offset 21 (0x15), in the record that starts at 16\n    in the key cut of \
                database 0, whose record starts at offset 16 (0x10)\n  whole keys before the first damage: 1\n";
    assert_eq!(check(&dump[..30]), (Some(1), text.to_owned(), String::new()));
}

#[test]
fn a_wrong_checksum() {
    let mut dump = DumpBuilder::new(11).string("a", "b").finish();
    // The letter of the value, before EOF and the checksum.
    let at = dump.len() - 10;
    dump[at] ^= 3;
    let (status, text, _) = check(&dump);
    assert_eq!(status, Some(1));
    assert!(text.starts_with("damaged: dump.rdb\n  format: REDIS 11\n  keys: 1\n  checksum: wrong: the file says "));
    assert!(text.ends_with("  every value is well formed: what was changed cannot be told from the bytes\n"), "{text}");
}

#[test]
fn what_follows_the_dump_is_said() {
    let mut dump = DumpBuilder::new(11).string("a", "b").finish();
    dump.extend_from_slice(b"*1\r\n$8\r\nFLUSHALL\r\n");
    let (status, text, warning) = check(&dump);
    assert!(status == Some(0) && text.starts_with("whole: "), "{text}");
    assert!(warning.starts_with("warning: 18 bytes of commands (AOF) follow the dump"), "{warning}");
    dump.truncate(dump.len() - 18);
    // What `aof-timestamp-enabled yes` begins with.
    let timed = [&dump[..], b"#TS:1736185500\r\n*1\r\n"].concat();
    assert!(check(&timed).2.starts_with("warning: 20 bytes of commands (AOF) follow the dump"));
    dump.push(b'x');
    assert_eq!(check(&dump).2, "warning: 1 bytes follow the end of the dump; servers ignore them\n");
}

#[test]
fn a_key_that_is_there_twice() {
    let dump = DumpBuilder::new(11).string("a", "b").string("c", "d").string("a", "e").finish();
    let (status, text, _) = check(&dump);
    assert_eq!(status, Some(1));
    let damage = "  damage: the key is in this database twice; it first stands at offset 9\n    in the key a (string, \
                  string) of database 0, whose record starts at offset 19 (0x13)\n";
    assert!(text.contains(damage), "{text}");
}

#[test]
fn what_is_no_dump() {
    let (status, text, error) = check(b"hello, world");
    assert_eq!((status, text.as_str()), (Some(1), ""));
    assert!(error.starts_with("error: dump.rdb: not an RDB file: it starts with \"hello, wo\""), "{error}");
}
