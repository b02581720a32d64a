//! `inventory --format openmetrics`: the format to the letter, and the numbers of the JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{FIXTURE, NOW, data};
use crate::support::dump_writer::DumpBuilder;
use crate::support::judges::PROMETHEUS;
use crate::support::output::program;

/// A sample: the name of its metric, its labels, its number.
type Sample = (String, BTreeMap<String, String>, f64);

fn output(args: &[&str]) -> String {
    let all = [&["inventory", "--format", "openmetrics", "--now", NOW], args].concat();
    let output = program(&all).assert().success().stderr("").get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

fn is_name(text: &str, more: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || more.contains(c))
}

/// What stands before the quote that ends a text, unescaped, and what follows it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().expect("something escaped").1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                c => panic!("\\{c} is no escape"),
            },
            c => value.push(c),
        }
    }
    panic!("no end of {text:?}");
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name, and more");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, ":"), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label, "") && !label.starts_with("__"), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "twice: {line}");
            match after.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => break rest = more,
                _ => panic!("{line}"),
            }
        }
    }
    let number = rest.strip_prefix(' ').expect("one space");
    assert!(!number.contains(' '), "no time: {line}");
    (name.to_owned(), labels, number.parse().expect("a number"))
}

/// Reads a text by the rules of OpenMetrics 1.0; panics where it breaks one.
fn read(text: &str) -> Vec<Sample> {
    let body = text.strip_suffix("# EOF\n").expect("the end, and nothing behind it");
    assert!(body.lines().all(|line| line != "# EOF" && !line.is_empty()) && !body.contains('\r'));
    let (mut families, mut seen, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    // Name, type, and what was said of it.
    let mut current = (String::new(), String::new(), BTreeSet::new());
    for line in body.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            let mut words = described.splitn(3, ' ');
            let [what, name, rest] = [(); 3].map(|()| words.next().expect("three words").to_owned());
            assert!(is_name(&name, ":"), "{line}");
            if name != current.0 {
                assert!(families.insert(name.clone()), "{name} is not in one piece");
                current = (name.clone(), String::new(), BTreeSet::new());
            }
            assert!(current.2.insert(what.clone()), "twice: {line}");
            match what.as_str() {
                "TYPE" => current.1 = rest,
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => assert!(rest.ends_with('.'), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let one = sample(line);
        let expected = match current.1.as_str() {
            "gauge" => current.0.clone(),
            "info" => format!("{}_info", current.0),
            other => panic!("{other:?}: {line}"),
        };
        assert_eq!(one.0, expected, "of its family");
        assert!(seen.insert((one.0.clone(), one.1.clone())), "twice: {line}");
        samples.push(one);
    }
    samples
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted = |sample: &&Sample| {
        sample.0 == format!("rdb_reindex_{name}")
            && labels.iter().all(|(label, value)| sample.1.get(*label).is_some_and(|found| found == value))
    };
    let mut found = samples.iter().filter(wanted);
    let one = found.next().unwrap_or_else(|| panic!("no {name} {labels:?}")).2;
    assert!(found.next().is_none(), "{name} {labels:?} is not one");
    one
}

#[test]
fn the_numbers_are_those_of_the_json() {
    let text = output(&[FIXTURE]);
    judged(&text);
    let samples = read(&text);
    let data = data();
    let number = |value: &Value| value.as_u64().expect("a number") as f64;
    assert_eq!(value(&samples, "memory_bytes", &[]), number(&data["memory"]));
    let created = value(&samples, "dump_created_seconds", &[]) as i64;
    let expected = days(data["snapshot"]["created_at"].as_str().expect("a time"));
    assert_eq!(created.div_euclid(86_400), expected);
    assert_eq!(value(&samples, "dump_info", &[("checksum", "verified"), ("spec", "discord-analytics")]), 1.0);
    for family in data["families"].as_array().expect("rows") {
        let labels =
            [("pattern", family["pattern"].as_str().expect("text")), ("kind", family["kind"].as_str().unwrap())];
        assert_eq!(value(&samples, "family_keys", &labels), number(&family["keys"]));
        assert_eq!(value(&samples, "family_memory_bytes", &labels), number(&family["memory"]));
    }
    for index in data["indexes"].as_array().expect("rows") {
        let name = index["name"].as_str().expect("a name");
        let state = |of, state| value(&samples, of, &[("index", name), ("state", state)]);
        assert_eq!(state("index_keys", "correct"), number(&index["correct_keys"]));
        assert_eq!(state("index_keys", "wrong"), number(&index["wrong_keys"]));
        assert_eq!(state("index_members", "stale"), number(&index["stale_members"]));
        assert_eq!(state("index_records", "orphan"), number(&index["orphan_records"]));
    }
    assert_eq!(value(&samples, "index_right", &[("index", "project")]), 0.0);
    let finding = &data["diagnostics"][0];
    let labels = [("code", finding["code"].as_str().expect("a code"))];
    assert_eq!(value(&samples, "findings", &labels), number(&finding["count"]));
}

/// The strict parser of Prometheus' own client library finds the same samples as the one here, in every dump.
fn judged(text: &str) {
    let Some(packages) = PROMETHEUS.find() else { return };
    let script = "\
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation and family.type in ('gauge', 'info'), family
    for sample in family.samples:
        assert sample.timestamp is None and sample.exemplar is None, sample
        print(json.dumps([sample.name, sample.labels, sample.value]))
";
    let mut python = Command::new("python3");
    python.args(["-c", script]).env("PYTHONPATH", packages).env("PYTHONIOENCODING", "utf-8");
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 starts");
    let mut input = python.stdin.take().expect("a pipe");
    let sent = text.to_owned();
    let sender = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let output = python.wait_with_output().expect("it ends");
    sender.join().expect("no panic").expect("all of it is read");
    assert!(output.status.success(), "prometheus_client refuses it");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let samples: Vec<Sample> = lines.lines().map(|line| serde_json::from_str(line).expect("a sample")).collect();
    assert_eq!(samples, read(text));
}

/// Days since 1970 of a date, by the calendar's rule: leap years and months from March on.
fn days(date: &str) -> i64 {
    let mut parts = date[..10].split('-').map(|part| part.parse::<i64>().expect("a number"));
    let [year, month, day] = [(); 3].map(|()| parts.next().expect("three parts"));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[test]
fn names_that_are_meant_to_break_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.rdb");
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    for key in ["a\"b", "c\\d", "e\nf", "# EOF\n", "} 1\nforged 2", "\u{202e}x", "ü:1", ""] {
        dump.string(key, "x");
    }
    dump.string(b"\xff\xfe:1", "x");
    std::fs::write(&path, dump.finish()).expect("written");
    let text = output(&[path.to_str().expect("UTF-8")]);
    judged(&text);
    let samples = read(&text);
    assert!(text.is_ascii() || !text.contains('\u{202e}'));
    let keys: f64 = samples.iter().filter(|sample| sample.0 == "rdb_reindex_family_keys").map(|sample| sample.2).sum();
    assert_eq!(keys, 9.0);
}

/// Most families have samples of their own, and the others are counted.
#[test]
fn what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.rdb");
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(1_736_185_500).select_db(0);
    let word = |n: u32| [n / 26, n % 26].map(|n| char::from_u32(97 + n).expect("a letter")).iter().collect::<String>();
    for first in 0..20 {
        for second in 0..12 {
            dump.string(format!("{}:{}:1", word(first), word(second)), "x");
        }
    }
    std::fs::write(&path, dump.finish()).expect("written");
    let text = output(&[path.to_str().expect("UTF-8")]);
    judged(&text);
    let samples = read(&text);
    let families: Vec<_> = samples.iter().filter(|sample| sample.0 == "rdb_reindex_family_keys").collect();
    assert_eq!(families.len(), 100);
    assert_eq!(value(&samples, "families_left_out", &[]), 140.0);
    assert_eq!(value(&samples, "families_left_out_keys", &[]), 140.0);
}
