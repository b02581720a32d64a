//! Damaged dumps for `check`, `inventory` and `export`, under a memory limit: an error or a right answer, within a second.
//!
//! Nothing here says what the answer is; other tests do. Here it is one, it comes in time, and it needs no memory.

#[path = "../support/mod.rs"]
mod support;

use crate::support::judges::CORPUS;
use std::process::Command;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rdb_reindex::check::{self, Report};
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Format, Options, Table};
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::report::inventory::Inventory;

use support::dump_writer::DumpBuilder;

/// What all of it may take at its peak, program text included.
const MOST_KB: u64 = 64 << 10;
/// Address space, which threads and allocators reserve more of than they use.
const ADDRESS_KB: u64 = 512 << 10;
const MOST_TIME: Duration = Duration::from_secs(1);

/// Small dumps that servers wrote, and one of our own with values of every form that no server here writes.
fn dumps() -> Vec<(String, Vec<u8>)> {
    let mut dumps = vec![("own".to_owned(), own())];
    let paths = CORPUS.dumps();
    if !paths.is_empty() {
        let read = paths.into_iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap()));
        dumps.extend(read.filter(|(_, bytes)| bytes.len() < 1500));
        assert!(dumps.len() > 7, "only {} small dumps", dumps.len());
    }
    dumps
}

/// Old and new forms, spelled by hand from the format's description.
fn own() -> Vec<u8> {
    let mut dump = DumpBuilder::new(15);
    dump.aux("ctime", "1736185500").select_db(0);
    dump.json("message:discord:1", r#"{"projectId":"p","authorId":"u","channelId":"c","tags":[1,2.5,null]}"#);
    dump.set("discord:messages:project:p", &["message:discord:1"]);
    dump.raw(9, "zipmap", b"\x07\x01\x01f\x01\0v\xff");
    dump.raw(10, "ziplist", b"\x11\x11\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xfe\x07\xff");
    dump.raw(11, "intset", b"\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0");
    dump.raw(12, "zset", b"\x10\x10\0\0\0\x0d\0\0\0\x02\0\0\x01a\x03\xf3\xff");
    dump.raw(3, "text", b"\x01\x01m\x031.5");
    dump.raw(24, "fields", b"\0\0\0\0\0\0\0\0\x02\x01\x01f\x01v\x00\x01g\x01w");
    dump.raw(28, "array", b"\x02\x00\x00\x00\x01a\x05\x01\x07\0\0\0\0\0\0\0");
    dump.raw(
        7,
        "tree",
        b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x00\x02\x20\x02\x02\x02\x40\x80\x05\x01a\x02\x08\x02\x01\x02\x40\x80\x05\x01b\x02\x40\x40\x02\x01\x02\x10\x05\xc0\x01\x00",
    );
    dump.raw(
        7,
        "cbor",
        b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x04\x05\x0d\xa2\x61a\x01\x61b\xd8\x45\x44\x01\x00\x00\x01\x00",
    );
    dump.expire_ms(60_000).string("lzf", "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc");
    dump.bytes(b"\xf2\x07\x02\x01f\x01g").raw(32, "template", b"\x07\x01v\xc0\x01");
    dump.finish()
}

fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(body) = bytes.len().checked_sub(8) {
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &bytes[..body]);
        bytes[body..].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

/// Lets every command read a dump; what the check says.
fn read(about: &str, bytes: &[u8], spec: &Spec) -> Option<Report> {
    let began = Instant::now();
    let observer = Observer::default();
    let report = check::run(bytes, &observer);
    let difference = Difference::take(bytes, spec, Expiry::Careful, &observer);
    if let Ok(difference) = &difference {
        let inventory = Inventory::new(difference, "dump.rdb".as_ref(), bytes.len() as u64);
        assert!(rdb_reindex::report::json(&inventory).is_ok());
    }
    for (table, format) in [(Table::Elements, Format::Ndjson), (Table::Keys, Format::Csv)] {
        let options = Options { table, format, spec, expiry: Expiry::Careful };
        let exported = export::run(bytes, options, &mut std::io::sink(), &observer);
        if let Ok(report) = &report
            && report.footer.is_some()
            && report.findings.is_empty()
        {
            assert!(exported.is_ok() && difference.is_ok(), "{about}: checked, and yet {exported:?} {difference:?}");
        }
    }
    let time = began.elapsed();
    assert!(time < MOST_TIME, "{about}: {time:?}");
    report.ok()
}

/// Cuts and flips everything. Run by the test below under a limit; without one it is the same test with less said.
#[test]
#[ignore = "run by damage_needs_no_memory, under a limit"]
fn every_damage() {
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let mut cases = 0;
    for (name, bytes) in dumps() {
        let whole = read(&name, &bytes, &spec).unwrap();
        assert!(whole.is_whole(), "{name} is damaged already: {whole:?}");
        (0..bytes.len()).into_par_iter().for_each(|end| {
            let about = format!("{name}, cut at {end}");
            assert!(!read(&about, &bytes[..end], &spec).is_some_and(|report| report.is_whole()), "{about}");
        });
        // Every bit of the smallest, one of each byte of the others.
        let bits = if bytes.len() < 800 { 8 } else { 1 };
        let flips = (0..bytes.len()).into_par_iter().flat_map_iter(|at| (0..bits).map(move |bit| (at, (at + bit) % 8)));
        cases += bytes.len()
            + flips
                .map(|(at, bit)| {
                    let about = format!("{name}, byte {at}, bit {bit}");
                    let mut bytes = bytes.clone();
                    bytes[at] ^= 1 << bit;
                    let seen = read(&about, &bytes, &spec).is_none_or(|report| !report.is_whole());
                    // A checksum of zeros is none, and the version says whether there is one.
                    let no_checksum = bytes[bytes.len() - 8..] == [0; 8] || name.contains("nochecksum") || at < 9;
                    assert!(seen || no_checksum, "{about}: not seen");
                    read(&about, &mended(&bytes), &spec);
                    2
                })
                .sum::<usize>();
    }
    let peak = peak_kb();
    println!("{cases} damaged dumps, {peak} KB at most");
    assert!(cases > 10_000 || dumps().len() == 1);
    assert!(peak < MOST_KB, "{peak} KB");
}

/// Most memory that this process ever had, as the kernel tells it.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// Runs a program with little address space, and one arena for all its threads, since each reserves 64 MB of it.
fn limited(program: &std::ffi::OsStr) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {ADDRESS_KB}; exec \"$0\" \"$@\"")]).arg(program);
    command.env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", "2");
    command
}

#[test]
#[cfg(target_os = "linux")]
fn damage_needs_no_memory() {
    let own = std::env::current_exe().unwrap();
    let output = limited(own.as_os_str())
        .args(["--ignored", "--exact", "every_damage", "--nocapture", "--test-threads", "1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{}", text.lines().find(|line| line.contains("damaged dumps")).unwrap_or_default());
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

/// Counts and lengths that promise what the file cannot hold: refused at once, by the program itself.
#[test]
#[cfg(target_os = "linux")]
fn promises_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let long = b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff";
    // A string of a gigabyte in 88-fold compression, of which nothing is there.
    let lzf = b"\xc3\x44\x00\x80\x00\x05\x80\x00";
    let cases: Vec<(u8, Vec<u8>)> = [1, 2, 3, 4, 5, 14, 15, 18, 19, 21, 26, 27, 28, 31, 32]
        .into_iter()
        .map(|ty| (ty, [&long[..], &[0; 40]].concat()))
        .chain([0, 9, 10, 11, 12, 13, 16, 17, 20].map(|ty| (ty, [&long[..], &[0; 40]].concat())))
        .chain([0, 9, 10, 11, 12, 13, 16, 17, 20].map(|ty| (ty, [&lzf[..], &[0x1f; 1024]].concat())))
        .chain([24, 25].map(|ty| (ty, [&[0; 8], &long[..], &[0; 40]].concat())))
        .collect();
    for (ty, value) in cases {
        std::fs::write(&path, DumpBuilder::new(15).raw(ty, "k", value).finish()).unwrap();
        for args in [&["check"][..], &["inventory", "--format", "json"]] {
            let began = Instant::now();
            let program = env!("CARGO_BIN_EXE_rdb-reindex");
            let output = limited(program.as_ref()).args(args).arg(&path).output().unwrap();
            let about = format!("type {ty}: {args:?}");
            assert_eq!(output.status.code(), Some(1), "{about}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(began.elapsed() < MOST_TIME * 5, "{about}");
        }
    }
}
