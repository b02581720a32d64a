//! `redis-check-rdb`, which is a server that loads a dump with deep checks, on damaged dumps.

use std::process::{Command, Stdio};

use rayon::prelude::*;
use rdb_reindex::dump::scan::Observer;

use crate::support::dump_writer::DumpBuilder;
use crate::support::server::{Program, on_path};

fn whole(bytes: &[u8]) -> bool {
    rdb_reindex::check::run(bytes, &Observer::default()).is_ok_and(|report| report.is_whole())
}

/// A dump with its checksum mended.
fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 8;
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &bytes[..body]);
    bytes[body..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Values of every type that Redis 7.0 reads, small; no functions, whose code only a server can judge.
pub fn small_dump() -> Vec<u8> {
    let mut dump = DumpBuilder::new(10);
    dump.select_db(0).resize_db(9, 1);
    dump.string("string", "value").expire_ms(4_102_444_800_000).string("number", "12345");
    dump.string("long", "abcabcabcabcabcabcabcabcabcabcabcabcabc");
    dump.list("list", &["a", "b", "70000"]).set("intset", &["1", "2", "300"]).set("set", &["x", "y", "1"]);
    dump.hash("hash", &[("f", "v"), ("g", "7")]).zset("zset", &[("m", 1.5), ("n", 2.0)]);
    dump.raw(4, "table", b"\x02\x01f\x01v\x01g\x01w").raw(5, "skiplist", b"\x01\x01m\0\0\0\0\0\0\xf0\x3f");
    // A stream as type 19: one entry, a group, an entry that is pending for a consumer.
    let id = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0";
    let pack = b"\x1d\x1d\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\xff";
    let mut stream = [b"\x01\x10", &id[..], pack, b"\x01\x05\0\x05\0\0\0\x01\x01\x01g\x05\0\x01\x01"].concat();
    stream.extend([&id[..], b"\0\0\0\0\0\0\0\0\x01\x01\x01c\0\0\0\0\0\0\0\0\x01", &id[..]].concat());
    dump.raw(19, "stream", stream);
    dump.finish()
}

/// What the tool says of a dump, and its log.
fn redis_says(tool: &std::path::Path, folder: &std::path::Path, name: &str, bytes: &[u8]) -> (bool, String) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new(tool).arg(&path).stdin(Stdio::null()).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Every byte of a small dump in three ways, its checksum mended: what the server refuses is refused here.
#[test]
fn redis_check_rdb_is_never_stricter() {
    let Some(server) = Program::Redis70.find() else { return };
    let beside = server.with_file_name("redis-check-rdb");
    let Some(tool) = Some(beside).filter(|path| path.is_file()).or_else(|| on_path("redis-check-rdb")) else { return };
    let good = small_dump();
    let folder = tempfile::tempdir().unwrap();
    assert!(whole(&good), "{:?}", rdb_reindex::check::run(&good, &Observer::default()));
    let (theirs, log) = redis_says(&tool, folder.path(), "good", &good);
    assert!(theirs, "{log}");
    let damages: Vec<(usize, u8)> =
        (9..good.len() - 8).flat_map(|at| [0x01, 0x80, 0xff].map(|mask| (at, mask))).collect();
    let verdicts: Vec<_> = damages
        .par_iter()
        .map(|&(at, mask)| {
            let mut bytes = good.clone();
            bytes[at] ^= mask;
            let bytes = mended(bytes);
            let (theirs, log) = redis_says(&tool, folder.path(), &format!("{at}-{mask}"), &bytes);
            (at, mask, whole(&bytes), theirs, log)
        })
        .collect();
    let mut counts = [0; 4];
    let mut wrong = Vec::new();
    for (at, mask, ours, theirs, log) in &verdicts {
        counts[usize::from(*ours) * 2 + usize::from(*theirs)] += 1;
        if *ours && !theirs {
            wrong.push(format!("{at} ^ {mask:#x}: {}", log.lines().rev().take(9).collect::<Vec<_>>().join(" | ")));
        }
    }
    eprintln!(
        "both refuse {}, ours alone {}, theirs alone {}, both accept {}",
        counts[0], counts[1], counts[2], counts[3]
    );
    assert!(wrong.is_empty(), "{} accepted here and refused there:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts[0] > 200 && counts[3] > 100);
}
