//! The fixture, of whose 2,001 project keys 3 are right, and the corpus, which has hardly an index.

use std::collections::{BTreeMap, BTreeSet};

use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Format, Options, Table};
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use serde_json::Value as Js;

use super::{proposal, root, rules, run};
use crate::support::judges::CORPUS;

fn fixture() -> Vec<u8> {
    std::fs::read(root().join("fixtures/discord-analytics.rdb")).unwrap()
}

#[test]
fn the_rules_of_the_preset_are_found() {
    let (spec, text) = proposal(&fixture());
    let (found, preset) = (rules(&spec), rules(&Spec::preset(DEFAULT_PRESET).unwrap()));
    for rule in &preset {
        assert!(found.contains(rule), "{rule:?} is not in\n{text}");
    }
    let names: Vec<_> = spec.records.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(names, ["message", "project"]);
    // The two others are in the list of the application's keys: a set of user ids, and a sorted set of message ids by time.
    let others: Vec<_> = found.iter().filter(|rule| !preset.contains(rule)).collect();
    let keys: Vec<_> = others.iter().map(|rule| (rule.key.as_str(), rule.kind, rule.member.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("discord:messages:timeline:{projectId}", "zset", "{messageId}"),
            ("discord:users:project:{projectId}", "set", "{userId}")
        ]
    );
    assert_eq!(others[0].score.as_deref(), Some("{timestamp}"));
}

/// The figures beside a rule, counted again from the rows of `export`.
#[test]
fn the_figures_are_those_of_the_dump() {
    let dump = fixture();
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let options = Options { table: Table::Elements, format: Format::Ndjson, spec: &spec, expiry: Expiry::default() };
    let mut rows = Vec::new();
    export::run(&dump, options, &mut rows, &Observer::default()).unwrap();
    let mut documents: BTreeMap<String, Js> = BTreeMap::new();
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in rows.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Js = serde_json::from_slice(line).unwrap();
        let (Some(key), Some(value)) = (row["key"].as_str(), row["value"].as_str()) else { continue };
        if row["type"] == "ReJSON-RL" && key.starts_with("message:discord:") {
            documents.insert(key.to_owned(), serde_json::from_str(value).unwrap());
        } else if row["type"] == "set" {
            sets.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
    }
    let text = proposal(&dump).1;
    let words = text.lines().map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ");
    for (prefix, field) in [("discord:messages:user:", "userId"), ("discord:messages:channel:", "channelId")] {
        let family: Vec<_> = sets.iter().filter_map(|(key, set)| Some((key.strip_prefix(prefix)?, set))).collect();
        let members: usize = family.iter().map(|(_, set)| set.len()).sum();
        let right =
            |value: &str, member: &String| documents.get(member).is_some_and(|document| document[field] == value);
        let explained: usize =
            family.iter().map(|(value, set)| set.iter().filter(|member| right(value, member)).count()).sum();
        let implied = documents.values().filter(|document| document[field].is_string()).count();
        let expected = format!(
            "{} keys with {members} memberships: explained {explained} ({}%), not explained {}. {} more would have to be there",
            family.len(),
            explained * 100 / members,
            members - explained,
            implied - explained
        );
        assert!(words.contains(&expected), "{expected:?} is not in\n{text}");
    }
    // 2,166 messages of the three projects, 51 of them missing in their index (fixtures/README.md).
    assert!(words.contains("explained 2115") && words.contains("51 more would have to be there"), "{text}");
}

#[test]
fn the_proposal_is_the_same_in_every_run() {
    let dump = fixture();
    let one = run(&dump, &["--threads", "1"]).unwrap();
    for threads in ["2", "7"] {
        assert_eq!(one, run(&dump, &["--threads", threads]).unwrap());
    }
}

#[test]
fn of_the_corpus_nothing_false_is_proposed() {
    let dumps = CORPUS.dumps();
    assert!(dumps.is_empty() || dumps.len() >= 44, "only {} dumps", dumps.len());
    for path in dumps {
        match run(&std::fs::read(&path).unwrap(), &[]) {
            Err(errors) => assert!(errors.contains("no index was found"), "{}: {errors}", path.display()),
            // Those with documents have one set, of the keys of all documents of one channel.
            Ok(text) => {
                let rules = rules(&Spec::parse(&text, "proposal").unwrap());
                assert_eq!(rules.len(), 1, "{}: {text}", path.display());
                assert!(rules[0].key.starts_with("index:discord:") && rules[0].member == "{@key}", "{rules:?}");
                assert!(text.contains("(100%), not explained 0. 0 more"), "{text}");
            }
        }
    }
}
