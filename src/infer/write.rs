//! The proposal as text: TOML with its reasons beside it.

use std::collections::BTreeMap;

use super::candidate::{Candidate, Measured, Outcome};
use super::classes::Class;
use super::guess::Guesses;
use super::labels::Labels;
use super::sample::{Family, Sample};
use super::survey::Survey;
use crate::text::{display, safe, toml_string};

/// Families that are told of in the end.
const FAMILIES: usize = 12;
/// Paths that are told of a class.
const PATHS: usize = 8;

/// The classes that candidates need, by number, and what they are called.
fn class_names(sample: &Sample, candidates: &[&Candidate]) -> BTreeMap<u32, String> {
    let used = candidates.iter().flat_map(|candidate| {
        std::iter::once(candidate.rule.class).chain(candidate.required.iter().map(|(_, class)| *class))
    });
    let mut numbers: Vec<u32> = used.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let glob = |class: u32| sample.classes.get(class).map(Class::pattern);
    let all: Vec<String> = (0..sample.classes.all.len()).filter_map(|at| glob(u32::try_from(at).ok()?)).collect();
    let some: Vec<String> = numbers.iter().filter_map(|class| glob(*class)).collect();
    let mut names = Labels::new(&some, &all);
    numbers.into_iter().filter_map(|class| Some((class, names.of(&glob(class)?, true)))).collect()
}

/// A text as a comment: no character of it ends the line.
fn comment(text: &str, out: &mut String) {
    let mut line = String::from("#");
    for word in safe(text).split(' ') {
        if line.chars().count().saturating_add(word.chars().count()) > 118 && line.len() > 1 {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn record(sample: &Sample, class: u32, name: &str, out: &mut String) {
    let Some(of) = sample.classes.get(class) else { return };
    let glob = of.pattern();
    out.push_str(&format!("[[record]]\nname = {}\nkey  = {}\n", toml_string(name), toml_string(&glob)));
    if of.db != 0 {
        out.push_str(&format!("db   = {}\n", of.db));
    }
}

fn index(
    sample: &Sample,
    candidate: &Candidate,
    name: &str,
    classes: &BTreeMap<u32, String>,
    policy: &str,
    out: &mut String,
) {
    let (rule, paths) = (&candidate.rule, &sample.paths);
    let class = classes.get(&rule.class).map_or("", String::as_str);
    out.push_str(&format!("[[index]]\nname    = {}\npolicy  = {policy}\n", toml_string(name)));
    out.push_str(&format!(
        "type    = \"{}\"\nfrom    = {}\n",
        if rule.zset { "zset" } else { "set" },
        toml_string(class)
    ));
    out.push_str(&format!("key     = {}\n", toml_string(&rule.key_text(paths).unwrap_or_default())));
    out.push_str(&format!("member  = {}\n", toml_string(&rule.member_text(paths).unwrap_or_default())));
    if let Some(score) = candidate.score.filter(|_| rule.zset) {
        out.push_str(&format!("score   = {}\n", toml_string(&format!("{{{}}}", paths.text(score)))));
    }
    let required: Vec<String> = candidate
        .required
        .iter()
        .filter_map(|(path, class)| {
            let key = toml_string(&format!("{{{}}}", paths.text(*path)));
            Some(format!("{{ record = {}, key = {key} }}", toml_string(classes.get(class)?)))
        })
        .collect();
    if !required.is_empty() {
        out.push_str(&format!("require = [{}]\n", required.join(", ")));
    }
}

fn names_of(sample: &Sample, candidates: &[&Candidate]) -> Vec<String> {
    let texts: Vec<String> = candidates.iter().filter_map(|one| one.rule.key_text(&sample.paths)).collect();
    let mut names = Labels::new(&texts, &texts);
    texts.iter().map(|text| names.of(text, text.contains('{'))).collect()
}

/// A spec of these candidates without a word of explanation.
pub fn bare(sample: &Sample, candidates: &[Candidate], policy: &str) -> String {
    let candidates: Vec<&Candidate> = candidates.iter().collect();
    let classes = class_names(sample, &candidates);
    let mut out = String::from("version = 1\n");
    for (class, name) in &classes {
        record(sample, *class, name, &mut out);
    }
    for (candidate, name) in candidates.iter().zip(names_of(sample, &candidates)) {
        index(sample, candidate, &name, &classes, &toml_string(policy), &mut out);
    }
    out
}

/// The proposal.
pub fn spec(dump: &str, survey: &Survey<'_>, sample: &Sample, outcome: &Outcome, notes: &[String]) -> String {
    let candidates: Vec<&Candidate> = outcome.accepted.iter().map(|(candidate, _)| candidate).collect();
    let classes = class_names(sample, &candidates);
    let mut out = String::new();
    let head = format!(
        "Proposed by `rdb-reindex infer` from {}: a guess from a sample, measured on the whole dump. Read it before you use \
         it; `rdb-reindex inventory --spec THIS-FILE DUMP` shows what it says of the data. Every policy is \"report\", which \
         changes nothing: write \"maintain\" where the index is to be made right, \"retire\" where it is to be deleted.",
        dump
    );
    comment(&head, &mut out);
    out.push_str("version = 1\n");
    for (class, name) in &classes {
        out.push('\n');
        let Some(of) = sample.classes.get(*class) else { continue };
        let fields: Vec<&str> = of
            .profile
            .iter()
            .filter_map(|top| sample.tops.get(usize::try_from(*top).ok()?).map(String::as_str))
            .collect();
        let mut shown = fields.iter().take(PATHS).copied().collect::<Vec<_>>().join(", ");
        if fields.len() > PATHS {
            shown.push_str(", …");
        }
        let shown = display(shown.as_bytes());
        let sampled = of.sampled;
        comment(&format!("Of {sampled} sampled, most have the fields {shown}"), &mut out);
        record(sample, *class, name, &mut out);
    }
    for ((candidate, measured), name) in outcome.accepted.iter().zip(names_of(sample, &candidates)) {
        out.push('\n');
        comment(&support(candidate, measured), &mut out);
        for rival in &candidate.rivals {
            let same = format!(
                "The sample speaks as much for key = {} with member = {}.",
                toml_string(&rival.key_text(&sample.paths).unwrap_or_default()),
                toml_string(&rival.member_text(&sample.paths).unwrap_or_default())
            );
            comment(&same, &mut out);
        }
        if !candidate.required.is_empty() {
            comment("Where it is explained, the field names a record that exists: hence `require`.", &mut out);
        }
        let policy = "\"report\"   # a guess never deletes: \"maintain\" or \"retire\", once you are sure";
        index(sample, candidate, &name, &classes, policy, &mut out);
    }
    if survey.seen.templated > 0 {
        out.push('\n');
        comment(&format!("{} hashes that refer to field templates were not sampled.", survey.seen.templated), &mut out);
    }
    if !notes.is_empty() {
        out.push('\n');
        comment("Not proposed:", &mut out);
        for note in notes {
            comment(&format!("- {note}"), &mut out);
        }
    }
    out
}

/// A number and what it counts.
fn counted(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// How well a rule is supported.
fn support(candidate: &Candidate, measured: &Measured) -> String {
    let Measured { keys, right_keys, members, explained, missing } = *measured;
    let unexplained = members.saturating_sub(explained);
    format!(
        "{} with {}: explained {explained} ({}%), not explained {unexplained}. {missing} more would have to be there ({}% of \
         what the rule gives is). Keys that are right in name: {right_keys}. Sampled memberships that spoke for it: {}.",
        counted(keys, "key"),
        counted(members, "membership"),
        measured.of_members(),
        measured.of_records(),
        candidate.votes
    )
}

/// What was seen and is not proposed, and why.
pub fn notes(sample: &Sample, guesses: &Guesses, outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    for (candidate, measured) in &outcome.rejected {
        // A set that lists a few records is no failed rule.
        if candidate.rule.fields() == 0 && measured.of_records() < 5 {
            continue;
        }
        let key = candidate.rule.key_text(&sample.paths).unwrap_or_default();
        let member = candidate.rule.member_text(&sample.paths).unwrap_or_default();
        notes.push(format!(
            "key {} with member {}: of {} memberships it explains {} ({}%), and {} that it demands are missing",
            display(key.as_bytes()),
            display(member.as_bytes()),
            measured.members,
            measured.explained,
            measured.of_members(),
            measured.missing
        ));
    }
    let is_covered = |family: &Family| {
        let db = family.chosen.first().map_or(0, |one| one.db);
        outcome.accepted.iter().any(|(candidate, _)| candidate.rule.covers(db, &family.example))
    };
    let mut others: Vec<_> =
        sample.families.iter().zip(&guesses.heard).filter(|(family, _)| !is_covered(family)).collect();
    others.sort_by_key(|(family, _)| std::cmp::Reverse(family.elements));
    for (family, heard) in others.iter().take(FAMILIES) {
        let why = if heard.members == 0 {
            "it has no members"
        } else if heard.named == 0 && heard.valued == 0 {
            "no sampled member is the key of a record, or the value of a field of one"
        } else if family.keys == 1 {
            "a single key shows no rule, unless it lists most records of a class"
        } else if heard.matched == 0 {
            "members belong to records, but no field of theirs is in the name of the key"
        } else {
            "what fields say of its names explains too few of its members"
        };
        notes.push(format!(
            "{}: {} with {}; of {} sampled, {} named a record by its key: {why}",
            display(&family.glob),
            counted(family.keys, "set"),
            counted(family.elements, "member"),
            heard.members,
            heard.named
        ));
    }
    if let Some(hidden) = others.len().checked_sub(FAMILIES).filter(|hidden| *hidden > 0) {
        notes.push(format!("and {hidden} more families of sets"));
    }
    notes
}
