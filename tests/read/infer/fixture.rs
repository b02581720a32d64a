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

/// Its preset comes first, as it is but for the policies.
#[test]
fn the_rules_of_the_preset_are_found() {
    let (spec, text) = proposal(&fixture());
    assert!(text.contains("# The preset discord-analytics describes this database"), "{text}");
    let (found, preset) = (rules(&spec), rules(&Spec::preset(DEFAULT_PRESET).unwrap()));
    for rule in &preset {
        assert!(found.contains(rule), "{rule:?} is not in\n{text}");
    }
    // The two others are in the list of the application's keys: a set of user ids, and a sorted set of message ids by time.
    let others: Vec<_> = found.iter().filter(|rule| !preset.contains(rule)).collect();
    let keys: Vec<_> = others.iter().map(|rule| (rule.key.as_str(), rule.kind, rule.member.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("discord:messages:timeline:project:discord:{@discord}", "zset", "{@id:digits}"),
            ("discord:users:project:project:discord:{@discord}", "set", "{@id:digits}")
        ]
    );
    // What the preset repairs is recommended; that it deletes keys, and what it leaves, is not.
    let recommended: Vec<&str> = text.lines().filter(|line| line.contains("# recommended:")).collect();
    assert_eq!(recommended, ["policy  = \"report\"   # recommended: maintain"; 2], "{text}");
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
        if row["type"] == "ReJSON-RL" {
            documents.insert(key.to_owned(), serde_json::from_str(value).unwrap());
        } else if row["type"] == "set" {
            sets.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
    }
    let told: Js = serde_json::from_str(&run(&dump, &["--format", "json"]).unwrap()).unwrap();
    let figures = |name: &str| {
        let rules = told["rules"].as_array().unwrap();
        let rule = rules.iter().find(|rule| rule["rule"]["name"] == name).unwrap_or_else(|| panic!("{name} in {told}"));
        assert_eq!(rule["rule"]["policy"], "report");
        rule["figures"].clone()
    };
    for (name, prefix) in [("user", "discord:messages:user:"), ("channel", "discord:messages:channel:")] {
        let family: Vec<_> = sets.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let members: usize = family.iter().map(|(_, set)| set.len()).sum();
        assert_eq!((&figures(name)["keys"], &figures(name)["members"]), (&family.len().into(), &members.into()));
    }
    let right = |key: &str, member: &String| {
        let project = documents.get(member).and_then(|document| document["projectId"].as_str());
        project.is_some_and(|project| key == project && documents.contains_key(project))
    };
    let of_projects = sets.iter().filter_map(|(key, set)| Some((key.strip_prefix("discord:messages:project:")?, set)));
    let explained: usize = of_projects.map(|(key, set)| set.iter().filter(|member| right(key, member)).count()).sum();
    // 2,166 messages of the three projects, 51 of them missing in their index (fixtures/README.md).
    assert_eq!(explained, 2115);
    assert_eq!((&figures("project")["explained"], &figures("project")["missing"]), (&explained.into(), &51.into()));
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
                if rules[0].key != "index:discord:{@discord}" {
                    assert!(!text.contains("# recommended:"), "{}: {text}", path.display());
                    continue;
                }
                assert_eq!(rules[0].member, "{@id*}");
                assert!(text.contains("(100%), 0 name one that is gone."), "{text}");
            }
        }
    }
}
