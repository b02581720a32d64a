//! The command: its arguments, its errors, its exit status.

use std::path::PathBuf;

use super::Dumps;
use super::output::program;
use crate::support::dump_writer::DumpBuilder;
use crate::support::judges::CORPUS;

fn contains(output: &std::process::Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

fn small(value: &str) -> Vec<u8> {
    DumpBuilder::new(10).select_db(0).string("k", value).finish()
}

#[test]
fn the_status_tells_a_difference_only_when_asked() {
    let differ = Dumps::new(&small("a"), &small("b"));
    differ.command(&[]).assert().code(0);
    differ.command(&["--exit-code"]).assert().code(3);
    differ.command(&["--exit-code", "--table", "keys"]).assert().code(3);
    Dumps::new(&small("a"), &small("a")).command(&["--exit-code"]).assert().code(0);
}

#[test]
fn wrong_arguments_are_said_to_be() {
    let dumps = Dumps::new(&small("a"), &small("b"));
    contains(dumps.command(&["--table", "keys", "--format", "json"]).assert().code(2).get_output(), &["ndjson"]);
    contains(dumps.command(&["--format", "ndjson"]).assert().code(2).get_output(), &["--table keys"]);
    contains(program(&["diff", "-", "-"]).assert().code(2).get_output(), &["standard input"]);
    contains(program(&["diff", "/no/such", "/no/such/either"]).assert().code(1).get_output(), &["/no/such"]);
}

#[test]
fn one_may_be_compressed_and_one_may_come_from_standard_input() {
    let dumps = Dumps::new(&zstd::encode_all(&small("a")[..], 3).unwrap(), &small("b"));
    let plain = dumps.stdout(&["--table", "keys"]);
    assert_eq!(plain.lines().count(), 1);
    let folder = dumps.command(&[]).get_current_dir().map(PathBuf::from).unwrap();
    let mut command = program(&["diff", "-", "new.rdb", "--table", "keys"]);
    let output = command.current_dir(folder).write_stdin(small("a")).assert().success().get_output().stdout.clone();
    assert_eq!(String::from_utf8(output).unwrap(), plain);
}

#[test]
fn the_shards_of_a_side_are_one_database() {
    let dumps = Dumps::new(&small("a"), &small("b"));
    let folder = dumps.command(&[]).get_current_dir().map(PathBuf::from).unwrap();
    let other = |name: &str, value: &str| DumpBuilder::new(10).select_db(0).string(name, value).finish();
    for (file, name, value) in [("old-1.rdb", "l", "x"), ("new-1.rdb", "m", "y"), ("new-2.rdb", "l", "x")] {
        std::fs::write(folder.join(file), other(name, value)).unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = program(&["diff"]);
        command.args(args).current_dir(&folder);
        command
    };
    let sides = ["old.rdb", "old-1.rdb", "--with", "new.rdb", "new-1.rdb", "new-2.rdb"];
    let output = run(&[&sides[..], &["--table", "keys", "--format", "csv"]].concat()).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(text.contains("k") && text.contains("m") && !rows.iter().any(|row| row.contains(",l,")), "{text}");
    for (args, part) in [
        (&["old.rdb"][..], "the later dump is missing"),
        (&["old.rdb", "new.rdb", "new-1.rdb"], "which of these dumps are the later ones"),
        (&["-", "--with", "-"], "standard input"),
    ] {
        contains(run(args).assert().code(2).get_output(), &[part]);
    }
}

#[test]
fn damage_is_an_error_and_a_wrong_checksum_can_be_ignored() {
    let whole = small("a");
    for len in 0..whole.len() {
        Dumps::new(&whole, &whole[..len]).command(&[]).assert().code(1);
        Dumps::new(&whole[..len], &whole).command(&["--table", "memberships"]).assert().code(1);
    }
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let dumps = Dumps::new(&whole, &wrong);
    contains(dumps.command(&[]).assert().code(1).get_output(), &["new.rdb", "checksum", "--ignore-checksum"]);
    dumps.command(&["--ignore-checksum"]).assert().code(0);
}

#[test]
fn every_dump_of_the_corpus_is_the_same_as_itself() {
    let mut dumps = CORPUS.dumps();
    if dumps.is_empty() {
        return;
    }
    dumps.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb"));
    assert!(dumps.len() > 44, "only {} dumps", dumps.len());
    for path in dumps {
        let path = path.to_str().unwrap();
        let output =
            program(&["diff", path, path, "--format", "json", "-q"]).assert().success().get_output().stdout.clone();
        let report: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let keys = &report["keys"];
        for change in ["added", "removed", "changed"] {
            assert_eq!(keys[change], 0, "{path}");
        }
        let (same, before) = (keys["same"].as_u64().unwrap(), keys["keys_before"].as_u64().unwrap());
        assert_eq!(same, before, "{path}");
    }
}

/// Nobody named a spec, and the default preset is about other keys: nothing of it is shown.
#[test]
fn of_keys_that_no_spec_describes() {
    let dumps = Dumps::new(&small("a"), &small("b"));
    for args in [&[][..], &["--format", "json"], &["--format", "csv"], &["--table", "keys"]] {
        let text = dumps.stdout(args);
        assert!(!text.to_lowercase().contains("discord") && !text.contains("--table memberships"), "{text}");
    }
    let report = dumps.json(&[]);
    assert_eq!(report["indexes"], serde_json::json!([]));
    assert_eq!(report["families"].as_array().map(Vec::len), Some(1), "{report}");
    let output = dumps.command(&["--table", "memberships"]).assert().code(0).get_output().clone();
    assert!(output.stdout.is_empty());
    contains(&output, &["no spec was given", "no memberships", "`rdb-reindex infer new.rdb`"]);
    assert!(!String::from_utf8_lossy(&output.stderr).to_lowercase().contains("discord"));
    // A spec of one's own is shown though it describes nothing.
    let spec = "version = 1\n[[index]]\nname = \"n\"\npolicy = \"retire\"\nkey = \"no:{x}\"\n";
    let dumps = dumps.spec(spec);
    assert_eq!(dumps.json(&["--spec", "spec.toml"])["indexes"].as_array().map(Vec::len), Some(1));
    let output =
        dumps.command(&["--spec", "spec.toml", "--table", "memberships"]).assert().code(0).get_output().clone();
    contains(&output, &["the spec describes none of the keys"]);
}
