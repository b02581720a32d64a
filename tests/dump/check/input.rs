//! Compressed dumps, pipes, and files that are something else.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rdb_reindex::dump::snapshot::{Options, Snapshot};

use super::run;
use crate::support::dump_writer::DumpBuilder;

/// 60 KB that compress.
fn dump() -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.compression(false).server_aux(1_736_000_000).select_db(0);
    for n in 0..1000 {
        dump.string(format!("key:{n}"), format!("the value of the key number {n}, and of no other"));
    }
    dump.finish()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The envelope as the format's description spells it.
fn envelope(bytes: &[u8]) -> Vec<u8> {
    [b"VKCS\x01\x01\x01\x00", &lz4(bytes)[..]].concat()
}

fn written(folder: &Path, bytes: &[u8]) -> PathBuf {
    // The name says nothing: content does.
    let path = folder.join("dump.xyz");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn open(bytes: &[u8], mmap: bool) -> Result<Snapshot, String> {
    let folder = tempfile::tempdir().unwrap();
    Snapshot::open(&written(folder.path(), bytes), Options { mmap }).map_err(|error| error.to_string())
}

#[test]
fn every_compression_gives_the_dump() {
    let dump = dump();
    let half = dump.len() / 2;
    let parts = |pack: fn(&[u8]) -> Vec<u8>| [pack(&dump[..half]), pack(&dump[half..])].concat();
    for packed in [gzip(&dump), zstd(&dump), lz4(&dump), envelope(&dump), parts(gzip), parts(zstd), parts(lz4)] {
        assert!(packed.len() < half);
        for mmap in [true, false] {
            assert!(*open(&packed, mmap).unwrap() == *dump);
        }
    }
}

#[test]
fn a_cut_archive_is_no_dump() {
    let dump = dump();
    for packed in [gzip(&dump), zstd(&dump), lz4(&dump)] {
        for len in [packed.len() - 1, packed.len() / 2, 20] {
            // What could be unpacked of it, if anything, is not the whole dump.
            if let Ok(snapshot) = open(&packed[..len], true) {
                let report = rdb_reindex::check::run(&snapshot, &rdb_reindex::dump::scan::Observer::default());
                assert!(!report.is_ok_and(|report| report.is_whole()) || *snapshot == *dump);
            }
        }
    }
}

#[test]
fn what_is_in_an_archive_must_be_a_dump() {
    let ends = |bytes: &[u8], end: &str| {
        let error = open(bytes, true).unwrap_err();
        assert!(error.ends_with(end), "{error}");
    };
    ends(&gzip(b"hello"), "is compressed, and what is in it is not a dump");
    ends(&gzip(&zstd(&dump())), "is compressed, and what is in it is compressed once more");
    ends(&zstd(b"*1\r\n$4\r\nPING\r\n"), "what is in it is a file of commands (AOF or RESP), not a dump");
    // 1 GB of zeros in a few KB: refused at its first bytes.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| bomb.write_all(&zeros).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 18);
    ends(&bomb, "is compressed, and what is in it is not a dump");
}

#[test]
fn other_files_are_refused_by_name() {
    let facts: [(&[u8], &str); 6] = [
        (b"\xfd7zXZ\0\0\x04", "is compressed with xz\nhint: unpack it first"),
        (b"BZh91AY&SY", "is compressed with bzip2\nhint: unpack it first"),
        (b"PK\x03\x04\x14\0", "is a zip archive\nhint: unpack it first"),
        (b"VKCS\x01\x02\0\0", "is a Valkey envelope with another compression than LZ4\nhint: unpack it first"),
        (
            b"*2\r\n$6\r\nSELECT\r\n",
            "is a file of commands (AOF or RESP), not a dump\nhint: start a server with it and let it SAVE",
        ),
        (
            b"$EOF:0123456789012345678901234567890123456789\r\nREDIS0011",
            "is a captured replication stream that ends before its dump does: 9 bytes of it are there\nhint: capture it until \
             the dump is through, or have the server write a dump with SAVE",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (bytes, end) in facts {
        let (status, stdout, stderr) = run(&["check"], &written(folder.path(), bytes));
        assert_eq!((status, stdout.as_str()), (Some(1), ""));
        assert!(stderr.ends_with(&format!("{end}\n")), "{stderr}");
    }
}

/// Runs `check -`, its standard input from `stdin`, and then `more` written to it if it is a pipe.
fn piped(stdin: Stdio, more: &[u8]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"))
        .args(["check", "-"])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(more).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn standard_input_is_a_pipe_or_a_file() {
    let dump = dump();
    let whole = "whole: standard input\n  format: REDIS 11\n  keys: 1000\n  checksum: verified\n".to_owned();
    assert_eq!(piped(Stdio::piped(), &dump), (Some(0), whole.clone()));
    assert_eq!(piped(Stdio::piped(), &gzip(&dump)), (Some(0), whole.clone()));
    let folder = tempfile::tempdir().unwrap();
    for bytes in [&dump, &lz4(&dump)] {
        let file = File::open(written(folder.path(), bytes)).unwrap();
        assert_eq!(piped(Stdio::from(file), b""), (Some(0), whole.clone()));
    }
    assert_eq!(piped(Stdio::null(), b"").0, Some(1));
}

/// All commands read what is compressed.
#[test]
fn a_compressed_dump_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &zstd(&dump()));
    let (status, stdout, _) = run(&["export", "--table", "keys", "--format", "csv"], &path);
    assert_eq!((status, stdout.lines().count()), (Some(0), 1001));
    let (status, stdout, _) = run(&["inventory", "--format", "json"], &path);
    let js: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, &js["keys"]), (Some(0), &serde_json::Value::from(1000)));
}

/// Two dumps in one file, as by `cat`: the first is read, the other is said, and no plan is made of it.
#[test]
fn a_dump_behind_a_dump() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = [dump(), dump()].concat();
    let path = written(folder.path(), &bytes);
    let said = format!("another dump follows the end of the first one ({} bytes)", dump().len());
    for words in [&["check"][..], &["inventory"], &["export", "--table", "keys", "--format", "csv"]] {
        let (status, _, stderr) = run(words, &path);
        assert_eq!(status, Some(0), "{words:?} {stderr}");
        let about = stderr.strip_prefix("warning: another dump follows the end of the first one");
        assert!(about.is_some_and(|about| about.contains(&format!("{} bytes", dump().len()))), "{words:?} {stderr}");
    }
    let (_, _, stderr) = run(&["diff", path.to_str().unwrap()], &path);
    assert!(stderr.contains(&said), "{stderr}");
    let (status, _, stderr) = run(&["plan", "--out", "plan"], &path);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.starts_with("error: ") && !folder.path().join("plan").exists(), "{stderr}");
    assert!(stderr.contains("another dump follows"), "{stderr}");
    // Packed one by one, which is one archive of both.
    let packed = written(folder.path(), &[gzip(&dump()), gzip(&dump())].concat());
    let (status, _, stderr) = run(&["plan", "--out", "plan"], &packed);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains("another dump follows") && !folder.path().join("plan").exists(), "{stderr}");
}

/// A dump with commands behind it: read, said, and no plan is made of it.
#[test]
fn an_aof_that_begins_with_a_dump() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = [&dump()[..], b"*1\r\n$8\r\nFLUSHALL\r\n"].concat();
    let path = written(folder.path(), &bytes);
    let (status, stdout, stderr) = run(&["export", "--table", "keys", "--format", "csv"], &path);
    assert_eq!((status, stdout.lines().count()), (Some(0), 1001));
    assert!(stderr.contains("18 bytes of commands (AOF) follow the dump"), "{stderr}");
    let (status, _, stderr) = run(&["inventory", "--format", "json"], &path);
    assert_eq!(status, Some(0));
    assert!(stderr.starts_with("warning: "), "{stderr}");
    let (status, _, stderr) = run(&["plan", "--out", "plan"], &path);
    assert_ne!(status, Some(0));
    assert!(stderr.starts_with("error: ") && !folder.path().join("plan").exists(), "{stderr}");
}
