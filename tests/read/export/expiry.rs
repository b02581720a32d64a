//! Exports of a service that writes the milliseconds that were left instead of a time.

use rdb_reindex::export::{Format, Table};
use rdb_reindex::model::view::Expiry;
use serde_json::Value as Js;

use super::rows::export_as;
use crate::support::dump_writer::DumpBuilder;

/// 2025-01-06T17:45:00Z, Unix seconds.
const CTIME: u64 = 1_736_185_500;

/// As the service writes it: lengths of 64 bits, strings as they are, no checksum.
fn service_dump() -> Vec<u8> {
    let mut dump = DumpBuilder::new(12);
    dump.compression(false).aux("redis-ver", "7.2.0").aux("ctime", CTIME.to_string());
    dump.bytes(b"\xfe\x00\xfb\x81\0\0\0\0\0\0\0\x03\x81\0\0\0\0\0\0\0\x02");
    dump.expire_ms(60_000).bytes(b"\x00\x04left\x01v");
    dump.expire_ms(-5).bytes(b"\x00\x04gone\x01v");
    dump.bytes(b"\x02\x03set\x81\0\0\0\0\0\0\0\x02\x01a\x01b");
    // A hash with an expiry of one field: those are times. The smallest is 0, and each is one more than the time.
    let expiry = (CTIME + 100) * 1000 + 1;
    dump.bytes(b"\x18\x04hash\0\0\0\0\0\0\0\0\x81\0\0\0\0\0\0\0\x02\x81");
    dump.bytes(expiry.to_be_bytes()).bytes(b"\x01f\x01x\x00\x01g\x01y");
    dump.finish_without_checksum()
}

#[test]
fn times_that_were_left() {
    let dump = service_dump();
    let now = CTIME as i64 * 1000;
    for (expiry, left, gone) in
        [(Expiry::Careful, 60_000, -5), (Expiry::Absolute, 60_000, -5), (Expiry::Relative, now + 60_000, now - 5)]
    {
        let text = export_as(&dump, Table::Keys, Format::Ndjson, expiry);
        let column = |name: &str| -> Vec<Js> {
            text.lines().map(|line| serde_json::from_str::<Js>(line).unwrap()[name].clone()).collect()
        };
        assert_eq!(column("expire_at_ms"), [Js::from(left), Js::from(gone), Js::Null, Js::Null], "{expiry:?}");
        assert_eq!(column("elements"), [1, 1, 2, 2].map(Js::from));
        let text = export_as(&dump, Table::Elements, Format::Csv, expiry);
        let rows = format!(
            "0,left,string,,,v,,\n0,gone,string,,,v,,\n0,set,set,,,a,,\n0,set,set,,,b,,\n0,hash,hash,,f,x,,{}\n0,hash,hash,,g,y,,\n",
            now + 100_000
        );
        assert_eq!(text, format!("db,key,type,position,field,value,score,expire_at_ms\n{rows}"));
    }
}

/// The warning comes once, and not where the operator has spoken.
#[test]
fn doubt_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, service_dump()).unwrap();
    let stderr = |more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rdb-reindex"))
            .args(["export", "--table", "keys", "--format", "csv"])
            .arg(&path)
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = stderr(&[]);
    assert!(said.starts_with("warning: 2 keys have an expiry before 2009, the first is left"), "{said}");
    assert_eq!(said.lines().count(), 1);
    assert_eq!(stderr(&["--expiry", "relative"]), "");
    assert_eq!(stderr(&["--expiry", "absolute"]), "");
}

/// `inventory` and `plan` treat no key as expired whose expiry cannot be a time, until they are told.
#[test]
fn a_live_record_is_never_taken_for_gone() {
    let record = r#"{"projectId":"p1","timestamp":"2025-01-01T00:00:00Z","authorId":"u","channelId":"c"}"#;
    let project = "message:discord:*";
    let spec_text = format!(
        "version = 1\n[[record]]\nname = \"message\"\nkey = \"{project}\"\n[[index]]\nname = \"project\"\n\
         policy = \"maintain\"\nfrom = \"message\"\nkey = \"discord:messages:project:{{projectId}}\"\n\
         member = \"{{@key}}\"\n"
    );
    let spec =
        rdb_reindex::model::spec::Spec::from_bytes(spec_text.as_bytes(), "test").unwrap_or_else(|_| panic!("the spec"));
    let mut dump = DumpBuilder::new(12);
    dump.aux("ctime", CTIME.to_string()).select_db(0);
    dump.expire_ms(60_000).json("message:discord:1", record);
    dump.expire_ms(-1).json("message:discord:2", record);
    dump.set("discord:messages:project:p1", &["message:discord:1", "message:discord:2"]);
    let dump = dump.finish_without_checksum();
    let take = |expiry| {
        let observer = rdb_reindex::dump::scan::Observer::default();
        let difference = rdb_reindex::index::Difference::take(&dump, &spec, expiry, &observer).unwrap();
        (difference.summaries[0].stale_members, difference.summaries[0].missing_members)
    };
    assert_eq!(take(Expiry::Careful), (0, 0));
    // The second had a millisecond less than none left.
    assert_eq!(take(Expiry::Relative), (1, 0));
    // As times both expired in 1970; then no record of the class is left, and nothing is removed.
    assert_eq!(take(Expiry::Absolute).1, 0);

    let folder = tempfile::tempdir().unwrap();
    let (path, spec_path) = (folder.path().join("dump.rdb"), folder.path().join("spec.toml"));
    std::fs::write(&path, &dump).unwrap();
    std::fs::write(&spec_path, spec_text).unwrap();
    let plan = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rdb-reindex"))
            .arg("plan")
            .arg(&path)
            .arg("--spec")
            .arg(&spec_path)
            .arg("--out")
            .arg(&out)
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(std::fs::read(out.join("apply.resp")).unwrap()).unwrap()
    };
    assert_eq!(plan("careful", &[]), "");
    let removal = "*3\r\n$4\r\nSREM\r\n$27\r\ndiscord:messages:project:p1\r\n$17\r\nmessage:discord:2\r\n";
    assert_eq!(plan("relative", &["--expiry", "relative"]), removal);
    assert_eq!(plan("absolute", &["--expiry", "absolute"]), "");
}
