//! Dumps that other programs wrote, or that something happened to on their way.

use std::io::Write;

use super::{Ran, Work};
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

/// 2100-01-01.
const LATER: i64 = 4_102_444_800_000;

/// What is to be done about the dumps of this file: `B` is wrong, `message:2` is missing in `A`, `message:9` is stale.
const EDITS: [&[&str]; 3] =
    [&["UNLINK", "idx:project:B"], &["SADD", "idx:project:A", "message:2"], &["SREM", "idx:project:A", "message:9"]];

/// The records and index keys, with something before each key, behind its expiry if it has one.
fn body(dump: &mut DumpBuilder, before: &mut dyn FnMut(&mut DumpBuilder)) {
    before(dump);
    dump.hash("message:1", &[("p", "A")]);
    dump.expire_ms(LATER);
    before(dump);
    dump.hash("message:2", &[("p", "A")]).expire_ms(LATER);
    before(dump);
    dump.set("idx:project:A", &["message:1", "message:9"]).expire_ms(LATER);
    before(dump);
    dump.set("idx:project:B", &["message:1"]).expire_ms(LATER);
    before(dump);
    dump.set("other", &["x", "y"]);
}

fn plain(version: u32) -> Vec<u8> {
    let mut dump = DumpBuilder::new(version);
    dump.aux("ctime", "1700000000").select_db(0);
    body(&mut dump, &mut |_| {});
    dump.finish()
}

/// A folder with the spec, and the dump as `dump.rdb`.
fn work(dump: &[u8]) -> Work {
    let work = Work::new();
    work.write("spec.toml", SPEC);
    work.write("dump.rdb", dump);
    work
}

fn ok(ran: Ran) -> String {
    assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

fn assert_edits(work: &Work) {
    ok(work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]));
    let expected = EDITS.map(|command| command.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    assert_eq!(work.commands("apply.resp"), expected);
}

#[test]
fn fields_of_keydb_between_an_expiry_and_its_key_go_through_every_command() {
    type Between = fn(&mut DumpBuilder);
    let mvcc: Between = |dump| _ = dump.aux("mvcc-tstamp", "1645954001566433280");
    let several: Between =
        |dump| _ = dump.idle(7).aux("mvcc-tstamp", "1").resize_db(9, 9).freq(3).select_db(0).function("#!lua");
    let rows = ok(work(&plain(9)).run(&["export", "dump.rdb", "--table", "elements", "--format", "csv"]));
    for between in [mvcc, several] {
        let mut dump = DumpBuilder::new(9);
        dump.aux("redis-ver", "6.3.4").aux("ctime", "1700000000").select_db(0).resize_db(5, 4);
        body(&mut dump, &mut |dump| between(dump));
        let work = work(&dump.finish());
        assert!(ok(work.run(&["check", "dump.rdb"])).starts_with("whole: "));
        assert_edits(&work);
        assert!(ok(work.run(&["rehearse", "plan", "dump.rdb"])).contains("proven  in memory"));
        let inventory = ok(work.run(&["inventory", "dump.rdb", "--spec", "spec.toml", "--format", "json"]));
        assert!(
            inventory.contains("\"missing_members\": 1") || inventory.contains("\"missing_members\":1"),
            "{inventory}"
        );
        assert_eq!(ok(work.run(&["export", "dump.rdb", "--table", "elements", "--format", "csv"])), rows);
        let keys = ok(work.run(&["export", "dump.rdb", "--table", "keys", "--format", "csv"]));
        assert_eq!(keys.matches("4102444800000").count(), 4, "{keys}");
        let export = ["export", "dump.rdb", "--spec", "spec.toml", "--table", "memberships", "--format", "csv"];
        let memberships = ok(work.run(&export));
        for row in ["A,message:1,correct", "A,message:9,stale", "B,message:1,wrong key", "A,message:2,missing"] {
            assert!(memberships.contains(&format!("project,idx:project:{row}\n")), "{memberships}");
        }
        // The same keys as without those fields: nothing but the idle times differs, and those are not compared.
        work.write("plain.rdb", plain(9));
        let diff = ok(work.run(&["diff", "dump.rdb", "plain.rdb", "--exit-code"]));
        assert!(diff.contains("5"), "{diff}");
        // Nothing to propose, and no error on the way there.
        let infer = work.run(&["infer", "dump.rdb"]);
        assert!(infer.stderr.is_empty() || infer.stderr.contains("no index was found"), "{}", infer.stderr);
    }
}

#[test]
fn member_expiries_of_keydb_are_said_and_a_plan_that_touches_their_key_warns() {
    let mut dump = DumpBuilder::new(9);
    dump.aux("ctime", "1700000000").select_db(0).hash("message:1", &[("p", "A")]);
    dump.set("idx:project:A", &["message:1"]);
    dump.set("idx:project:B", &["message:1", "x"]);
    let expiry = |dump: &mut DumpBuilder, member: &str| {
        dump.aux("keydb-subexpire-key", member).aux("keydb-subexpire-when", LATER.to_string());
    };
    expiry(&mut dump, "x");
    expiry(&mut dump, "message:1");
    dump.set("other", &["y"]);
    expiry(&mut dump, "y");
    let work = work(&dump.finish());
    let inventory = ok(work.run(&["inventory", "dump.rdb", "--spec", "spec.toml", "--format", "json"]));
    let inventory: serde_json::Value = serde_json::from_str(&inventory).unwrap();
    let found =
        inventory["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == "key.member_expiry").unwrap();
    assert_eq!((&found["count"], &found["examples"]), (&3.into(), &serde_json::json!(["idx:project:B", "other"])));
    assert!(ok(work.run(&["check", "dump.rdb"])).contains("expiries of members (KeyDB): 3\n"));
    ok(work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]));
    let warnings = work.manifest()["warnings"].to_string();
    assert!(warnings.contains("idx:project:B: members with an expiry of their own"), "{warnings}");
    assert!(!warnings.contains("other"), "{warnings}");
    // A plan that touches no such key says nothing of them.
    work.write("spec.toml", SPEC.replace("idx:project:{p}", "none:{p}"));
    ok(work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "other"]));
    assert!(!std::fs::read_to_string(work.path("other/plan.json")).unwrap().contains("expiry of their own"));
}

#[test]
fn what_another_program_wrote_is_named_and_not_called_damaged() {
    let mut dump = DumpBuilder::part(9);
    dump.aux("redis-ver", "6.2.11").aux("df-ver", "v1.25.0").select_db(0).string("a", "b");
    let front = dump.take();
    let json: &[u8] = b"\x1e\x09message:1\x07{\"p\":1}";
    let mask: &[u8] = b"\xdc\x01\0\0\0\0\x01c\x01d";
    for (own, name) in [(json, "30 (0x1e) is a type or opcode of Dragonfly's own (JSON)"), (mask, "220 (0xdc)")] {
        let work = work(&[b"REDIS0009", &front[..], own, b"\xff", &[0; 8]].concat());
        let check = work.run(&["check", "dump.rdb"]);
        assert_eq!(check.status, Some(1));
        assert!(check.stdout.starts_with("not readable: dump.rdb\n"), "{}", check.stdout);
        assert!(check.stdout.contains(name) && !check.stdout.contains("damage"), "{}", check.stdout);
        for command in [&["inventory", "dump.rdb"][..], &["plan", "dump.rdb", "--out", "plan"], &["infer", "dump.rdb"]]
        {
            let ran = work.run(command);
            assert_eq!(ran.status, Some(1));
            assert!(ran.stderr.contains(name) && !ran.stderr.contains("damage"), "{}", ran.stderr);
        }
    }
    // Who wrote it is not known: a later type, or somebody's own.
    let work = work(&[b"REDIS0009", json, b"\xff", &[0; 8]].concat());
    let ran = work.run(&["inventory", "dump.rdb"]);
    assert!(ran.status == Some(1) && ran.stderr.contains("not a type of version 9"), "{}", ran.stderr);
}

#[test]
fn functions_of_the_release_candidates_are_counted() {
    let mut dump = DumpBuilder::part(10);
    dump.aux("ctime", "1700000000");
    let front = dump.take();
    let mut rest = DumpBuilder::part(10);
    body(rest.select_db(0), &mut |_| {});
    let functions = b"\xf6\x03lib\x03LUA\x00\x04code\xf6\x03two\x03LUA\x01\x04what\x04code";
    let mut dump = [b"REDIS0010", &front[..], functions, &rest.take(), b"\xff"].concat();
    dump.extend([0; 8]);
    let work = work(&dump);
    assert!(ok(work.run(&["check", "dump.rdb"])).contains("function libraries: 2\n"));
    assert_edits(&work);
}

#[test]
fn a_dump_in_a_captured_replication_is_read_and_its_commands_are_not_forgotten() {
    let dump = plain(11);
    let mark = [b'e'; 40];
    let eof = [&b"$EOF:"[..], &mark, b"\r\n"].concat();
    let length = format!("${}\r\n", dump.len()).into_bytes();
    for lead in
        [&b""[..], b"+OK\r\n", b"+PONG\r\n+OK\r\n+FULLRESYNC 4e0367cbc2c3a44ed03a8bbb470d46c381a8236b 1\r\n\n\n"]
    {
        for (announced, end) in [(&eof, &mark[..]), (&length, b"")] {
            let stream = [lead, announced, &dump, end].concat();
            let work = work(&stream);
            let check = work.run(&["check", "dump.rdb"]);
            assert!(check.stderr.contains("captured replication stream"), "{}", check.stderr);
            assert!(ok(check).starts_with("whole: "));
            assert_edits(&work);
            // From a pipe, and packed.
            for name in ["dump.gz", "dump.rdb"] {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gzip.write_all(&stream).unwrap();
                work.write("dump.gz", gzip.finish().unwrap());
                let input = std::fs::File::open(work.path(name)).unwrap();
                let ran = super::ran(work.program(&["check", "-"]).stdin(input));
                assert!(ran.stderr.contains("captured replication stream"), "{}", ran.stderr);
                assert!(ok(ran).starts_with("whole: "));
            }
            // Commands that came behind it change what is in it.
            let more = [&stream[..], b"*1\r\n$4\r\nPING\r\n"].concat();
            work.write("dump.rdb", &more);
            assert!(work.run(&["check", "dump.rdb"]).stderr.contains("commands (AOF) follow"));
            let plan = work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "more"]);
            assert!(plan.status == Some(1) && plan.stderr.contains("commands follow the dump"), "{}", plan.stderr);
            // Cut anywhere it is an error that says so, or that the dump is cut.
            for cut in [1, 39, 41, 60, dump.len() / 2] {
                work.write("dump.rdb", &stream[..stream.len() - cut]);
                let ran = work.run(&["inventory", "dump.rdb"]);
                assert_eq!(ran.status, Some(1), "{cut}: {}", ran.stderr);
                assert!(
                    ran.stderr.contains("captured replication stream that ends before its dump does"),
                    "{}",
                    ran.stderr
                );
            }
        }
    }
    let ran = work(&[&eof[..], b"+OK\r\n"].concat()).run(&["check", "dump.rdb"]);
    assert!(ran.status == Some(1) && ran.stderr.contains("without a dump"), "{}", ran.stderr);
}

#[test]
fn a_transfer_as_text_is_told() {
    let mut dump = DumpBuilder::new(11);
    dump.aux("redis-ver", "7.2.0").aux("redis-bits", "64").select_db(0);
    for n in 0..200 {
        dump.string(format!("key:{n}"), [b'\n', b'x', b'\r', 200, b'\r', b'\n']);
    }
    let dump = dump.finish();
    let replaced = |from: u8, to: &[u8]| {
        dump.iter().flat_map(|&byte| if byte == from { to.to_vec() } else { vec![byte] }).collect()
    };
    let cases: [(Vec<u8>, &str); 4] = [
        (replaced(b'\n', b"\r\n"), "LF became CRLF"),
        (replaced(b'\r', b""), "CRLF became LF"),
        (replaced(b'\n', b"\r"), "LF became CR"),
        (String::from_utf8_lossy(&dump).into_owned().into_bytes(), "bytes that are lost"),
    ];
    for (bytes, what) in cases {
        let work = work(&bytes);
        let check = work.run(&["check", "dump.rdb"]);
        assert_eq!(check.status, Some(1));
        assert!(check.stdout.contains("transferred in text mode") && check.stdout.contains(what), "{}", check.stdout);
        work.write("other.rdb", plain(11));
        for command in [
            &["inventory", "dump.rdb"][..],
            &["plan", "dump.rdb", "--out", "plan"],
            &["infer", "dump.rdb"],
            &["export", "dump.rdb", "--table", "keys", "--format", "csv"],
            &["export", "dump.rdb", "--table", "elements", "--format", "csv"],
            &["diff", "other.rdb", "dump.rdb"],
            &["inventory", "other.rdb", "dump.rdb"],
        ] {
            let ran = work.run(command);
            assert_eq!(ran.status, Some(1), "{command:?}");
            assert!(ran.stderr.contains(what), "{command:?}: {}", ran.stderr);
        }
    }
    // An archive, too.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&dump).unwrap();
    let packed = gzip.finish().unwrap();
    let added: Vec<u8> =
        packed.iter().flat_map(|&byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect();
    let lossy = String::from_utf8_lossy(&packed).into_owned().into_bytes();
    for (bytes, what) in [(added, "LF became CRLF"), (lossy, "archive that was transferred as text")] {
        let ran = work(&bytes).run(&["inventory", "dump.rdb"]);
        assert!(ran.status == Some(1) && ran.stderr.contains(what), "{}", ran.stderr);
    }
    let wide: Vec<u8> = b"\xff\xfe".iter().copied().chain(dump.iter().flat_map(|&byte| [byte, 0])).collect();
    let ran = work(&wide).run(&["check", "dump.rdb"]);
    assert!(ran.status == Some(1) && ran.stderr.contains("text of 16 bits"), "{}", ran.stderr);
    // A dump that is damaged otherwise is not suspected.
    let mut cut = dump.clone();
    cut.truncate(dump.len() / 2);
    assert!(!work(&cut).run(&["check", "dump.rdb"]).stdout.contains("text mode"));
}

#[test]
fn what_follows_an_archive_is_left_out_and_said() {
    let dump = plain(11);
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&dump).unwrap();
        gzip.finish().unwrap()
    };
    let lz4 = {
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&dump).unwrap();
        lz4.finish().unwrap()
    };
    let envelope = [b"VKCS\x01\x01\x01\x00", &lz4[..]].concat();
    for (packed, name) in
        [(gzip, "gzip"), (zstd::encode_all(&dump[..], 3).unwrap(), "zstd"), (lz4, "lz4"), (envelope, "Valkey")]
    {
        for (tail, what) in
            [(&[0; 1][..], "1 NUL"), (&[0; 700_000], "700000 NUL"), (b"some junk", "9 bytes that are none of it")]
        {
            let work = work(&[&packed[..], tail].concat());
            let check = work.run(&["check", "dump.rdb"]);
            assert!(check.stderr.contains(what) && check.stderr.contains(name), "{name}: {}", check.stderr);
            assert!(ok(check).starts_with("whole: "));
            assert_edits(&work);
        }
    }
}

#[test]
fn a_tail_of_nul_bytes_is_told_and_counts_for_nothing() {
    let dump = plain(11);
    // `message:1` ends behind the header, `ctime`, and SELECTDB.
    for (keep, whole) in [(60, 1), (dump.len() - 9, 5), (dump.len() - 12, 4)] {
        for zeros in [3, 10, 4096, 100_001] {
            let work = work(&[&dump[..keep], &vec![0; zeros]].concat());
            let check = work.run(&["check", "dump.rdb"]);
            assert_eq!(check.status, Some(1));
            let keys = format!("  keys: {whole} were read before the damage\n");
            assert!(check.stdout.contains(&keys), "{keep} {zeros}: {}", check.stdout);
            // A few may be of the file, which is then just cut.
            let is_told =
                |text: &str| text.contains("nothing but NUL bytes") || zeros < 9 && text.contains("ends too early");
            assert!(is_told(&check.stdout), "{}", check.stdout);
            let rows = work.run(&["export", "dump.rdb", "--table", "elements", "--format", "csv"]);
            assert_eq!(rows.status, Some(1));
            assert!(!rows.stdout.contains("\n0,,"), "{}", rows.stdout);
            for threads in ["1", "4"] {
                let ran = work.run(&["inventory", "dump.rdb", "--threads", threads]);
                assert!(ran.status == Some(1) && is_told(&ran.stderr), "{}", ran.stderr);
            }
        }
    }
}

#[test]
fn a_field_or_member_that_stands_twice_is_told_by_check() {
    let cases: [(u8, &[u8], &str); 5] = [
        (4, b"\x02\x01p\x01A\x01p\x01B", "the field \"p\" is there twice"),
        (9, b"\x0c\x02\x01p\x01\0A\x01p\x01\0B\xff", "the field \"p\" is there twice"),
        (2, b"\x02\x01m\x01m", "the member \"m\" is there twice"),
        (3, b"\x02\x01m\x011\x01m\x012", "the member \"m\" is there twice"),
        (20, b"\x0d\x0d\0\0\0\x02\0\x81m\x02\x81m\x02\xff", "the member \"m\" is there twice"),
    ];
    for (kind, value, what) in cases {
        let work = work(&DumpBuilder::new(11).raw(kind, "message:1", value).finish());
        let check = work.run(&["check", "dump.rdb"]);
        assert!(check.status == Some(1) && check.stdout.contains(what), "{}", check.stdout);
    }
}
