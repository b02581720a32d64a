//! An index key with more edits than are written in one go: its lines of `changes.csv` are made by all threads, and still
//! stand in the order of the commands. What is expected is put together here, from what the dump was made of.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::{Work, start};

/// More than two rounds of edits, and no multiple of anything.
const MEMBERS: usize = 140_003;

const SPEC: &str = "version = 1
accept = ['mostly-missing', 'foreign-members']
[[record]]
name = 'doc'
key = 'doc:*'
[[index]]
name = 'all'
policy = 'maintain'
from = 'doc'
key = 'all'
member = '{@key}'
";

/// A cell as RFC 4180 has it.
fn cell(text: &str) -> String {
    if text.contains(',') || text.contains('"') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[test]
fn a_key_with_very_many_edits() {
    let work = Work::new();
    let name = |prefix: &str, n: usize| match n % 1000 {
        0 => format!("{prefix}:{n},\"quoted\""),
        _ => format!("{prefix}:{n}"),
    };
    let records: Vec<String> = (0..MEMBERS).map(|n| name("doc", n)).collect();
    let stale: Vec<String> = (0..MEMBERS).map(|n| name("gone", n)).collect();
    let mut dump = start();
    for record in &records {
        dump.string(record, "{}");
    }
    let members: Vec<&str> = stale.iter().map(String::as_str).collect();
    dump.set("all", &members);
    work.write("s.toml", SPEC);
    let mut expected = "index,key,edit,member,reason\n".to_owned();
    for record in &records {
        writeln!(expected, "all,all,add member,{},record not indexed", cell(record)).unwrap();
    }
    for member in &stale {
        writeln!(expected, "all,all,remove member,{},record missing", cell(member)).unwrap();
    }
    let bytes = dump.finish();
    for threads in ["1", "2", "7"] {
        let ran = work.plan(&bytes, &["--spec", "s.toml", "--threads", threads]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let changes = fs::read_to_string(work.path("plan/changes.csv")).unwrap();
        assert!(changes == expected, "changes.csv is another one with {threads} threads");
        let commands = work.commands("apply.resp");
        let of = |verb: &str| -> Vec<String> {
            let these = commands.iter().filter(|command| command[0] == verb);
            these.flat_map(|command| command[2..].iter().cloned()).collect()
        };
        assert!(of("SADD") == records && of("SREM") == stale, "the commands with {threads} threads");
        let examples = work.manifest()["indexes"][0]["examples"].as_array().unwrap().clone();
        let texts: Vec<&str> = examples.iter().map(|example| example["member"].as_str().unwrap()).collect();
        assert_eq!(texts, ["doc:0,\"quoted\"", "doc:1", "doc:2", "gone:0,\"quoted\"", "gone:1", "gone:2"]);
    }
}

/// Members of a megabyte that take a hundredth of that in the dump: together more than may be had. How many lines wait to
/// be written is bounded by their text, not by their number alone.
#[test]
#[cfg(target_os = "linux")]
fn large_members_pass_through() {
    const MEMBERS: usize = 192;
    const BYTES: usize = 1 << 20;
    const DATA_KB: usize = 120 << 10;
    let work = Work::new();
    let large = (0..MEMBERS).map(|n| format!("{n:04}{}", "a".repeat(BYTES)));
    // And so many that several threads make their lines, and have to stop half-way.
    let stale: Vec<String> = large.chain((0..9001).map(|n| format!("{n:04}{}", "b".repeat(8000)))).collect();
    let members: Vec<&str> = stale.iter().map(String::as_str).collect();
    let mut dump = start();
    dump.string("doc:1", "{}").set("all", &members);
    let bytes = dump.finish();
    assert!(bytes.len() < MEMBERS * BYTES / 40, "{} bytes", bytes.len());
    work.write("dump.rdb", bytes);
    work.write("s.toml", SPEC);
    let mut program = Command::new("sh");
    program
        .args(["-c", &format!("ulimit -d {DATA_KB}; exec \"$0\" plan dump.rdb --spec s.toml --out plan --threads 4")])
        .arg(env!("CARGO_BIN_EXE_rdb-reindex"))
        .current_dir(work.path(""))
        .env("MALLOC_ARENA_MAX", "1");
    let ran = super::ran(&mut program);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let changes = fs::read_to_string(work.path("plan/changes.csv")).unwrap();
    let mut lines = changes.lines();
    assert_eq!(lines.next(), Some("index,key,edit,member,reason"));
    assert_eq!(lines.next(), Some("all,all,add member,doc:1,record not indexed"));
    for member in &stale {
        assert!(lines.next().is_some_and(|line| line == format!("all,all,remove member,{member},record missing")));
    }
    assert_eq!(lines.next(), None);
}
