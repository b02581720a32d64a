//! Dumps that were cut, flipped, or never finished.

use super::{SMALL_APPLY, Work, small, start};
use rdb_reindex::bundle::manifest::Caps;
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::plan;
use std::sync::atomic::AtomicBool;

/// As the command does it, without a process for each of thousands of dumps.
fn plan_in_process(dump: &[u8], work: &Work) -> Result<(), String> {
    let spec = Spec::preset(DEFAULT_PRESET).expect("the preset");
    let difference =
        Difference::take(dump, &spec, Expiry::Careful, &Observer::default()).map_err(|error| error.to_string())?;
    let caps = Caps { max_args: 1000, max_command_bytes: 512 * 1024 };
    let built = plan::build(&difference, caps, &work.path("plan"), &AtomicBool::new(false));
    built.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_whole_dump_gives_the_plan() {
    let work = Work::new();
    let ran = work.plan(&small().finish(), &["--exit-code"]);
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert_eq!(work.commands("apply.resp"), SMALL_APPLY);
    assert_eq!(work.names(), ["dump.rdb", "plan"]);
}

#[test]
fn a_dump_cut_anywhere_gives_an_error() {
    let whole = small().finish();
    let work = Work::new();
    for length in 0..whole.len() {
        let error = plan_in_process(&whole[..length], &work).expect_err(&format!("cut at {length}"));
        assert!(!error.is_empty());
        assert!(work.names().is_empty(), "cut at {length}: {:?}", work.names());
    }
    // And as a user sees it: a message with the file, status 1, nothing written.
    for length in (0..whole.len()).step_by(61).chain(whole.len() - 9..whole.len()) {
        let ran = work.plan(&whole[..length], &[]);
        assert_eq!(ran.status, Some(1), "cut at {length}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("dump.rdb"), "{}", ran.stderr);
        assert_eq!((work.names(), ran.stdout.as_str()), (vec!["dump.rdb".to_owned()], ""));
    }
}

#[test]
fn a_dump_with_one_bit_flipped_gives_an_error() {
    let whole = small().finish();
    let work = Work::new();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut dump = whole.clone();
            dump[at] ^= 1 << bit;
            assert!(plan_in_process(&dump, &work).is_err(), "bit {bit} of byte {at}");
            assert!(work.names().is_empty(), "bit {bit} of byte {at}: {:?}", work.names());
        }
    }
    for at in (0..whole.len()).step_by(37) {
        let mut dump = whole.clone();
        dump[at] ^= 1 << (at % 8);
        let ran = work.plan(&dump, &[]);
        assert_eq!(ran.status, Some(1), "byte {at}: {}", ran.stderr);
        assert_eq!(work.names(), ["dump.rdb"]);
    }
}

/// Before version 5 there is no checksum, and some versions are a bit away from such a one: 0009 and 0001, 0006 and 0004.
#[test]
fn a_flip_that_hides_the_checksum_gives_an_error() {
    let work = Work::new();
    for version in 5..=10 {
        let mut dump = super::DumpBuilder::new(version);
        dump.select_db(0).string("project:discord:p", "{}").raw(2, "discord:projects:all", b"\x01\x01x");
        let whole = dump.finish();
        assert_eq!(plan_in_process(&whole, &work), Ok(()), "version {version}");
        std::fs::remove_dir_all(work.path("plan")).expect("removed");
        for at in 0..9 {
            for bit in 0..8 {
                let mut dump = whole.clone();
                dump[at] ^= 1 << bit;
                assert!(plan_in_process(&dump, &work).is_err(), "version {version}, bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_wrong_checksum_gives_no_plan_in_any_way() {
    let work = Work::new();
    let mut dump = small().finish();
    let last = dump.len() - 1;
    dump[last] ^= 0x80;
    for more in [&[][..], &["--ignore-checksum"], &["--no-mmap", "--threads", "1"]] {
        let ran = work.plan(&dump, more);
        assert_eq!(ran.status, Some(1));
        assert!(ran.stderr.contains("checksum"), "{}", ran.stderr);
        assert_eq!(work.names(), ["dump.rdb"]);
    }
    assert_eq!(work.run(&["inventory", "dump.rdb", "--format", "json"]).status, Some(1));
    let ran = work.run(&["inventory", "dump.rdb", "--format", "json", "--ignore-checksum"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let inventory: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(inventory["snapshot"]["checksum"], "mismatch");
    assert_eq!(inventory["keys"], 8);
}

#[test]
fn a_dump_without_a_checksum_gives_a_plan_and_a_warning() {
    let work = Work::new();
    let ran = work.plan(&small().finish_without_checksum(), &[]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(work.commands("apply.resp"), SMALL_APPLY);
    assert!(work.manifest()["warnings"].to_string().contains("no checksum"));
}

#[test]
fn an_append_only_file_gives_no_plan() {
    let work = Work::new();
    let mut file = small().finish();
    file.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$17\r\nproject:discord:p\r\n");
    let ran = work.plan(&file, &[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("append-only"), "{}", ran.stderr);
    assert_eq!(work.names(), ["dump.rdb"]);
}

#[test]
fn what_is_no_dump_is_named() {
    let work = Work::new();
    let files: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"\x1f\x8b\x08\x00", "dump.rdb"),
        (b"{\"json\":true}", "dump.rdb"),
        (b"REDIS9999", "9999"),
        (b"REDIS0010", "dump.rdb"),
    ];
    for (bytes, word) in files {
        let ran = work.plan(bytes, &[]);
        assert_eq!(ran.status, Some(1));
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    let ran = work.run(&["plan", "absent.rdb", "--out", "plan"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("absent.rdb"), "{}", ran.stderr);
    assert_eq!(work.run(&["plan", ".", "--out", "plan"]).status, Some(1));
    assert_eq!(work.names(), ["dump.rdb"]);
}

#[test]
fn wrong_arguments_end_with_status_2() {
    let work = Work::new();
    work.write("dump.rdb", small().finish());
    for args in [
        &["plan"][..],
        &["plan", "dump.rdb"],
        &["plan", "dump.rdb", "--out", "plan", "--max-args", "3"],
        &["plan", "dump.rdb", "--out", "plan", "--max-args", "1001"],
        &["plan", "dump.rdb", "--out", "plan", "--threads", "0"],
        &["plan", "dump.rdb", "--out", "plan", "--nonsense"],
        &["nonsense"],
    ] {
        assert_eq!(work.run(args).status, Some(2), "{args:?}");
    }
    assert_eq!(work.names(), ["dump.rdb"]);
}

/// Nothing in the dump decides how much memory is taken, or how long it lasts.
#[test]
fn counts_that_the_file_cannot_hold_are_errors() {
    let work = Work::new();
    for kind in [0, 1, 2, 3, 4, 5, 14, 15, 18, 19, 21] {
        for count in [u32::MAX as u64, u64::MAX, 1 << 40] {
            let mut dump = start();
            dump.key(kind, "discord:messages:project:x").bytes([0x81]).bytes(count.to_be_bytes());
            assert!(plan_in_process(&dump.finish(), &work).is_err(), "type {kind}, {count} elements");
        }
    }
    assert!(work.names().is_empty());
}

/// A server refuses to load such a file; what is true of a key that stands in it twice, nobody can say.
#[test]
fn a_key_that_stands_twice_in_the_dump_gives_no_plan() {
    let work = Work::new();
    for (first, second) in
        [("discord:messages:project:x", "discord:messages:project:x"), ("discord:messages:user:7", "neighbour2")]
    {
        let mut dump = small();
        dump.set(first, &["a"]).set(second, &["b"]);
        let error = plan_in_process(&dump.finish(), &work).expect_err(first);
        assert!(error.contains(first), "{error}");
        assert!(work.names().is_empty());
    }
}
