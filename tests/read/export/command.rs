//! The command itself: threads, pipes, refusals.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::output::{self, shown};
use crate::support::dump_writer::DumpBuilder;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rdb-reindex"))
}

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb")
}

pub fn run(args: &[&str], dump: &std::path::Path) -> Output {
    program().arg("export").arg(dump).args(args).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    for table in ["keys", "elements", "memberships"] {
        for format in ["ndjson", "csv", "parquet"] {
            if format == "parquet" && cfg!(not(feature = "parquet")) {
                continue;
            }
            let rows = |threads| {
                let output = run(&["--table", table, "--format", format, "--threads", threads], &fixture());
                assert!(output.status.success(), "{}", text(&output.stderr));
                output.stdout
            };
            let one = rows("1");
            assert!(one.len() > 200_000);
            assert!(one == rows("4"), "{table} as {format}");
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = program()
        .args(["export", "--table", "elements", "--format", "csv"])
        .arg(fixture())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"db,key,typ");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
#[cfg(not(feature = "parquet"))]
fn without_parquet_it_is_said_how_to_get_it() {
    let output = run(&["--table", "keys", "--format", "parquet"], &fixture());
    assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()));
    let said = "error: this program was built without Parquet\nhint: `cargo install --path .` builds it with Parquet";
    assert!(text(&output.stderr).starts_with(said), "{}", text(&output.stderr));
}

#[test]
fn help() {
    insta::assert_snapshot!("export-help", shown(&mut output::program(&["export", "--help"])));
}

#[test]
fn damage_ends_the_rows_and_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let args = ["--table", "elements", "--format", "csv"];
    let good = DumpBuilder::new(10).string("a", "1").string("b", "2").finish();

    std::fs::write(&path, &good[..good.len() - 10]).unwrap();
    let output = run(&args, &path);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "db,key,type,position,field,value,score,expire_at_ms\n0,a,string,,,1,,\n");
    assert!(text(&output.stderr).contains("the rows before it have been written"), "{}", text(&output.stderr));

    let mut wrong = good.clone();
    *wrong.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &wrong).unwrap();
    let output = run(&args, &path);
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(1), 3));
    assert!(text(&output.stderr).contains("the checksum is "), "{}", text(&output.stderr));
    let output = run(&[&args[..], &["--ignore-checksum"]].concat(), &path);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

/// The row of every key that has no elements of its own: a module's, and a document of an unknown version.
#[test]
fn values_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let dump = DumpBuilder::new(12)
        // RedisJSON of encoding version 9: the number 1.
        .raw(7, "future", b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x09\x02\x01\x00")
        .json("broken", "{\"a\":")
        // Type `scdtype00`, version 1, with the number 1.
        .raw(7, "other", b"\x81\xb1\xc7\x6d\xca\x97\xb4\xd0\x01\x02\x01\x00")
        .finish();
    std::fs::write(&path, dump).unwrap();
    let output = run(&["--table", "elements", "--format", "csv"], &path);
    let rows = "0,future,ReJSON-RL,,,,,\n0,broken,ReJSON-RL,,,\"{\"\"a\"\":\",,\n";
    assert_eq!(text(&output.stdout), format!("db,key,type,position,field,value,score,expire_at_ms\n{rows}"));
    let warning = "warning: 2 RedisJSON values are not documents, the first is future\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), warning.to_owned()));
    let output = run(&["--table", "keys", "--format", "csv"], &path);
    let types: Vec<String> =
        text(&output.stdout).lines().map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
    assert_eq!(types, ["type", "ReJSON-RL", "ReJSON-RL", "scdtype00"]);
}

/// Nobody named a spec, and the default preset is about other keys: no rows, and why.
#[test]
fn memberships_of_keys_that_no_spec_describes() {
    let folder = tempfile::tempdir().unwrap();
    let mut dump = DumpBuilder::new(10);
    let dump = dump.server_aux(1_736_185_500).select_db(0).set("users:DE", &["user:1"]).finish();
    std::fs::write(folder.path().join("-.rdb"), dump).unwrap();
    let export = |more: &[&str]| {
        let args = [&["export", "--table", "memberships", "--format", "csv"], more, &["--", "-.rdb"]].concat();
        let output = program().args(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success());
        (text(&output.stdout), text(&output.stderr))
    };
    let (rows, said) = export(&[]);
    assert_eq!(rows, "index,key,member,state\n");
    for part in ["no spec was given", "no memberships", "`rdb-reindex infer ./-.rdb`"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.to_lowercase().contains("discord"), "{said}");
    let (rows, said) = export(&["--preset", "rq"]);
    assert!(rows.lines().count() == 1 && said.contains("the spec describes none of the keys"), "{said}");
    assert_eq!(export(&["--quiet"]).1, "");
}
