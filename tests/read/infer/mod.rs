//! `infer`: the specs it proposes, against the rules that the data were made by.

mod fixture;
mod kinds;
mod made;
use crate::support::output;

use std::path::PathBuf;

use rdb_reindex::model::spec::{Index, Policy, Spec};

/// What an index of a spec comes to, without the names that were made up for it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    pub key: String,
    pub kind: &'static str,
    pub from: String,
    pub member: String,
    pub score: Option<String>,
    /// Pattern of the records that must exist, and their key.
    pub require: Vec<(String, String)>,
}

pub fn rules(spec: &Spec) -> Vec<Rule> {
    let glob = |class: usize| spec.records[class].key.glob().to_string();
    let rule = |index: &Index| Rule {
        key: index.key.text.clone(),
        kind: index.kind.as_str(),
        from: index.from.map(glob).unwrap_or_default(),
        member: index.member.text.clone(),
        score: index.score.as_ref().map(|score| score.text.clone()),
        require: index.require.iter().map(|require| (glob(require.record), require.key.text.clone())).collect(),
    };
    let mut all: Vec<Rule> = spec.indexes.iter().map(rule).collect();
    all.sort();
    all
}

/// A rule in one line: `key <- class: member @ score`.
pub fn lines(spec: &Spec) -> Vec<String> {
    let line = |rule: Rule| {
        let score = rule.score.map(|score| format!(" @ {score}")).unwrap_or_default();
        let require = rule.require.iter().map(|(glob, key)| format!(" needs {key} in {glob}")).collect::<String>();
        format!("{} {} <- {}: {}{score}{require}", rule.kind, rule.key, rule.from, rule.member)
    };
    let mut all: Vec<String> = rules(spec).into_iter().map(line).collect();
    all.sort();
    all
}

/// The proposal for a dump, which must be a spec that is read, and which never changes anything.
pub fn proposal(dump: &[u8]) -> (Spec, String) {
    let text = run(dump, &[]).unwrap_or_else(|errors| panic!("nothing is proposed: {errors}"));
    let spec = Spec::parse(&text, "proposal").unwrap_or_else(|errors| panic!("{}\n{text}", errors.render(false)));
    assert!(spec.indexes.iter().all(|index| index.policy == Policy::Report), "{text}");
    (spec, text)
}

/// The comments of a proposal without the ends of lines in them.
pub fn unwrapped(text: &str) -> String {
    text.lines().map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ")
}

/// Standard output, or standard error where there is nothing to propose or the dump is damaged.
pub fn run(dump: &[u8], args: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, dump).unwrap();
    let output = output::program(&[&["infer", "dump.rdb"], args].concat()).current_dir(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    match output.status.code() {
        // Nothing to propose is no error, and is said.
        Some(0) if out.is_empty() => {
            assert!(err.starts_with("dump.rdb: no index was found"), "{err}");
            Err(err)
        }
        Some(0) => Ok(out),
        Some(1) => {
            assert_eq!(out, "", "an error with data");
            assert!(err.starts_with("error: "), "{err}");
            Err(err)
        }
        other => panic!("status {other:?}: {err}"),
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
