//! Which keys come out, and what is said of rules that mean nothing.

use std::path::Path;
use std::process::Output;

use super::command::{run, text};
use crate::support::dump_writer::DumpBuilder;

/// 2025-01-06T17:45:00Z, as `ctime` has it.
const MADE: u64 = 1_736_185_500;
/// A day in milliseconds.
const DAY: i64 = 86_400_000;

fn dump(path: &Path) {
    let made = MADE as i64 * 1000;
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(MADE).select_db(0).string("user:1", "x").string("user:[2]", "x".repeat(300));
    dump.compression(false).string("large", (0..5000).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    dump.set("tags", &["a", "b"]).json("doc", "{}");
    dump.expire_ms(made - 1).string("gone", "").expire_ms(made + DAY).string("tomorrow", "");
    dump.expire_ms(made + DAY + 1).hash("later", &[("f", "v")]);
    std::fs::write(path, dump.select_db(3).string("user:3", "").finish()).unwrap();
}

fn export(path: &Path, table: &str, rules: &[&str]) -> Output {
    run(&[&["--table", table, "--format", "csv"], rules].concat(), path)
}

/// The names of the keys of the rows, each once.
fn keys(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut keys: Vec<String> =
        text(&output.stdout).lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    keys.dedup();
    keys
}

#[test]
fn only_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    dump(&path);
    let all = ["user:1", "user:[2]", "large", "tags", "doc", "gone", "tomorrow", "later", "user:3"];
    let facts: &[(&[&str], &[&str])] = &[
        (&[], &all),
        (&["--match", "user:*"], &["user:1", "user:[2]", "user:3"]),
        (&["--match", "user:[12]"], &["user:1"]),
        (&["--match", r"user:\[*"], &["user:[2]"]),
        (&["--match", "tags", "--match", "doc"], &["tags", "doc"]),
        (&["--match", "USER:*"], &[]),
        (&["--db", "3"], &["user:3"]),
        (&["--db", "3", "--db", "0", "--match", "user:?"], &["user:1", "user:3"]),
        (&["--type", "set"], &["tags"]),
        (&["--type", "json", "--type", "Hash"], &["doc", "later"]),
        (&["--type", "scdtype00"], &[]),
        // Of 300 letters nothing is left but their number; `large` takes 5,000 bytes, its name, and their lengths.
        (&["--min-bytes", "5k"], &["large"]),
        (&["--min-bytes", "5011"], &[]),
        (&["--expires", "none"], &["user:1", "user:[2]", "large", "tags", "doc", "user:3"]),
        (&["--expires", "any"], &["gone", "tomorrow", "later"]),
        (&["--expires", "before=2025-01-07"], &["gone"]),
        (&["--expires", "after=2025-01-07"], &["tomorrow", "later"]),
        (
            &["--expires", "after=2025-01-06", "--expires", "before=2025-01-07T17:45:01Z"],
            &["gone", "tomorrow", "later"],
        ),
        (&["--expires", "within=1d"], &["tomorrow"]),
        (&["--expires", "within=4w", "--type", "hash"], &["later"]),
    ];
    for (rules, expected) in facts {
        for table in ["keys", "elements"] {
            assert_eq!(keys(&export(&path, table, rules)), *expected, "{table} {rules:?}");
        }
    }
}

/// Values that are left out are not looked into: here one that cannot be unpacked.
#[test]
fn what_is_left_out_is_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    // LZF, four bytes for ten: a copy from before the beginning.
    let broken = b"\xc3\x04\x0a\xe0\x01\x05\x00";
    std::fs::write(&path, DumpBuilder::new(11).raw(0, "broken", broken).string("good", "v").finish()).unwrap();
    assert_eq!(export(&path, "elements", &[]).status.code(), Some(1));
    for rules in [&["--match", "g*"][..], &["--type", "string", "--match", "good"]] {
        assert_eq!(keys(&export(&path, "elements", rules)), ["good"]);
    }
    assert_eq!(keys(&export(&path, "elements", &["--type", "set"])), Vec::<String>::new());
}

#[test]
fn rules_that_mean_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, DumpBuilder::new(11).string("k", "v").finish()).unwrap();
    let facts = [
        ("keys", ["--type", "sett"], 2, "expected string, list, set, zset, hash, stream, array, json"),
        ("keys", ["--min-bytes", "10x"], 2, "'10x' is not a size; expected one such as 512, 10k, 1MB"),
        ("keys", ["--expires", "never"], 2, "expected one of: none, any, before=DATE"),
        (
            "keys",
            ["--expires", "before=tomorrow"],
            2,
            "'tomorrow' is not a date; expected one such as 2026-01-31 (UTC)",
        ),
        ("keys", ["--expires", "within=1y"], 2, "'1y' is not a duration; expected one such as 90s"),
        ("keys", ["--db", "x"], 2, "invalid digit"),
        ("memberships", ["--type", "set"], 2, "--type cannot select memberships"),
        ("memberships", ["--min-bytes", "1"], 2, "--min-bytes cannot select memberships"),
        ("memberships", ["--expires", "none"], 2, "hint: --match and --db are for index keys, too"),
        // This dump has no `ctime`.
        ("keys", ["--expires", "within=7d"], 1, "the dump does not say when it was made"),
    ];
    for (table, rule, status, said) in facts {
        let output = export(&path, table, &rule);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{rule:?}: {error}");
        assert!(error.contains(said), "{rule:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}
