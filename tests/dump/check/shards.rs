//! Several files as one database, from the command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::dump_writer::DumpBuilder;

fn shard(folder: &Path, name: &str, keys: &[&str]) -> PathBuf {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_736_000_000).select_db(0);
    for key in keys {
        dump.string(key, "v");
    }
    let path = folder.join(name);
    std::fs::write(&path, dump.finish()).unwrap();
    path
}

fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rdb-reindex")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn shards_are_one_database() {
    let folder = tempfile::tempdir().unwrap();
    shard(folder.path(), "a.rdb", &["one", "two"]);
    shard(folder.path(), "b.rdb", &["three"]);
    let rows = "db,key,type,position,field,value,score,expire_at_ms\n0,one,string,,,v,,\n0,two,string,,,v,,\n0,three,string,,,v,,\n";
    let export = ["export", "--table", "elements", "--format", "csv", "a.rdb", "b.rdb"];
    assert_eq!(run(folder.path(), &export), (Some(0), rows.to_owned(), String::new()));
    let (status, stdout, _) = run(folder.path(), &["inventory", "a.rdb", "b.rdb", "--format", "json"]);
    let js: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, &js["keys"]), (Some(0), &3.into()));
    assert_eq!((&js["snapshot"]["file"], &js["snapshot"]["checksum"]), (&"a.rdb + b.rdb".into(), &"verified".into()));
    let (status, stdout, _) = run(folder.path(), &["check", "a.rdb", "b.rdb"]);
    assert_eq!((status, stdout.matches("whole: ").count()), (Some(0), 2));
}

#[test]
fn a_key_in_two_shards_names_both() {
    let folder = tempfile::tempdir().unwrap();
    shard(folder.path(), "a.rdb", &["one", "two"]);
    shard(folder.path(), "b.rdb", &["three"]);
    shard(folder.path(), "c.rdb", &["four", "two"]);
    let at = |name: &str| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        bytes.windows(5).position(|five| five == b"\0\x03two").unwrap()
    };
    let (first, second) = (at("a.rdb"), at("c.rdb"));
    let said = format!(
        "error: the key two of database 0 is at offset {first} of a.rdb and at offset {second} of c.rdb; shards of one database share none\n\
                hint: is the same dump named twice, or an older one of the same shard?\n"
    );
    for args in
        [&["inventory"][..], &["check"], &["export", "--table", "keys", "--format", "csv"], &["plan", "--out", "p"]]
    {
        let (status, _, stderr) = run(folder.path(), &[args, &["a.rdb", "b.rdb", "c.rdb"]].concat());
        assert_eq!((status, &stderr), (Some(1), &said), "{args:?}");
    }
}

/// A plan of shards is the plan of the one dump with the same keys, and is rehearsed on the shards.
#[test]
fn a_plan_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = DumpBuilder::new(11);
    one.server_aux(1_736_000_000).select_db(0);
    one.json("message:discord:1", r#"{"projectId":"p"}"#).json("message:discord:2", r#"{"projectId":"p"}"#);
    one.json("project:p", r#"{"id":"p"}"#);
    let mut other = DumpBuilder::new(11);
    other.server_aux(1_736_000_060).select_db(0);
    other.set("discord:messages:project:p", &["message:discord:1", "message:discord:9"]);
    std::fs::write(folder.path().join("a.rdb"), one.finish()).unwrap();
    std::fs::write(folder.path().join("b.rdb"), other.finish()).unwrap();
    std::fs::write(
        folder.path().join("spec.toml"),
        "version = 1\n[[record]]\nname = \"message\"\nkey = \"message:discord:*\"\n[[index]]\nname = \"project\"\n\
         policy = \"maintain\"\nfrom = \"message\"\nkey = \"discord:messages:project:{projectId}\"\nmember = \"{@key}\"\n",
    )
    .unwrap();
    let plan = ["plan", "a.rdb", "b.rdb", "--spec", "spec.toml", "--out", "plan"];
    let (status, _, stderr) = run(folder.path(), &plan);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stderr.contains("rdb-reindex rehearse plan a.rdb b.rdb"), "{stderr}");
    let apply = std::fs::read_to_string(folder.path().join("plan/apply.resp")).unwrap();
    let command = |verb: &str, member: &str| {
        format!("*3\r\n$4\r\n{verb}\r\n$26\r\ndiscord:messages:project:p\r\n$17\r\n{member}\r\n")
    };
    assert_eq!(apply, command("SADD", "message:discord:2") + &command("SREM", "message:discord:9"));
    let (status, stdout, stderr) = run(folder.path(), &["rehearse", "plan", "a.rdb", "b.rdb"]);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    let (status, ..) = run(folder.path(), &["rehearse", "plan", "a.rdb"]);
    assert_ne!(status, Some(0));
}
