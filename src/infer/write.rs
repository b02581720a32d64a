//! The proposal as text: TOML with its reasons beside it.

use std::collections::BTreeMap;

use super::Told;
use super::candidate::{Candidate, Draft, Judged, Measured, Outcome, Test};
use super::classes::Class;
use super::guess::Guesses;
use super::labels::Labels;
use super::presets::Fitting;
use super::references::{Reference, Slot};
use super::sample::{Family, Sample};
use super::survey::Survey;
use crate::dump::rdb::Kind;
use crate::model::spec::{Index, Policy, literal};
use crate::text::{counted, display, number, safe, toml_string};

/// Rules and families that are told of in the end.
const FAMILIES: usize = 12;
/// A rule that explains so many in a hundred is told of, though it is not proposed.
const NEAR: u64 = 5;
/// Paths that are told of a class.
const PATHS: usize = 8;

/// The classes that rules need, by number, and what they are called.
fn class_names(sample: &Sample, preset: Option<&Fitting>, drafts: &[&Draft]) -> BTreeMap<u32, String> {
    let mut numbers: Vec<u32> = Vec::new();
    for draft in drafts {
        if let Draft::Made(one) = draft {
            numbers.push(one.rule.class);
            numbers.extend(one.required.iter().map(|(_, class)| *class));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let glob = |class: u32| sample.classes.get(class).map(Class::pattern);
    let all: Vec<String> = (0..sample.classes.all.len()).filter_map(|at| glob(u32::try_from(at).ok()?)).collect();
    let some: Vec<String> = numbers.iter().filter_map(|class| glob(*class)).collect();
    let mut names = Labels::new(&some, &all);
    names.reserve(preset.iter().flat_map(|preset| preset.spec.records.iter().map(|class| class.name.clone())));
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

/// A rule as a spec has it, with this word for the policy and what stands behind it.
fn index(sample: &Sample, draft: &Draft, name: &str, classes: &BTreeMap<u32, String>, policy: &str, out: &mut String) {
    out.push_str(&format!("[[index]]\nname   = {}\npolicy = {policy}\n", toml_string(name)));
    match draft {
        Draft::Made(one) => made(sample, one, classes, out),
        Draft::Naming(one) => naming(one, out),
    }
}

fn line(name: &str, text: &str, out: &mut String) {
    out.push_str(&format!("{name:6} = {}\n", toml_string(text)));
}

fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Zset => "zset",
        Kind::Hash => "hash",
        Kind::String => "string",
        Kind::List => "list",
        _ => "set",
    }
}

fn made(sample: &Sample, candidate: &Candidate, classes: &BTreeMap<u32, String>, out: &mut String) {
    let (rule, paths) = (&candidate.rule, &sample.paths);
    line("type", type_word(rule.kind), out);
    line("from", classes.get(&rule.class).map_or("", String::as_str), out);
    line("key", &rule.key_text(paths).unwrap_or_default(), out);
    let member = rule.member_text(paths).unwrap_or_default();
    if let Some(texts) = rule.member.texts(paths) {
        let texts: Vec<String> = texts.iter().map(|text| toml_string(text)).collect();
        out.push_str(&format!("member = [{}]\n", texts.join(", ")));
        return;
    }
    line(if rule.kind == Kind::String { "value" } else { "member" }, &member, out);
    if let Some(value) = rule.value_text(paths) {
        line("value", &value, out);
    }
    if let Some(score) = candidate.score.filter(|_| rule.kind == Kind::Zset) {
        line("score", &format!("{{{}}}", paths.text(score)), out);
    }
    if let Some(when) = &candidate.when {
        let test = match &when.test {
            Test::There => "true".to_owned(),
            Test::Absent => "false".to_owned(),
            Test::OneOf(values) => {
                let values: Vec<String> = values.iter().map(|value| toml_string(&literal(value, false))).collect();
                format!("[{}]", values.join(", "))
            }
        };
        out.push_str(&format!("when   = {{ {} = {test} }}\n", paths.text(when.path)));
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

fn naming(reference: &Reference, out: &mut String) {
    line("type", type_word(reference.pattern.kind), out);
    if reference.pattern.db != 0 {
        out.push_str(&format!("db     = {}\n", reference.pattern.db));
    }
    line("key", &reference.key_text().unwrap_or_default(), out);
    let slot = if reference.slot == Slot::Member { "member" } else { "value" };
    line(slot, &reference.entry_text().unwrap_or_default(), out);
    let mut exists: Vec<String> =
        reference.exists.iter().filter_map(|parts| Some(toml_string(&reference.exists_text(parts)?))).collect();
    if exists.len() == 1 {
        out.push_str(&format!("exists = {}\n", exists.remove(0)));
    } else {
        out.push_str(&format!("exists = [{}]\n", exists.join(", ")));
    }
}

fn names_of(sample: &Sample, preset: Option<&Fitting>, drafts: &[&Draft]) -> Vec<String> {
    let text = |draft: &&Draft| match draft {
        Draft::Made(one) => one.rule.key_text(&sample.paths),
        Draft::Naming(one) => one.key_text(),
    };
    let texts: Vec<String> = drafts.iter().map(|draft| text(draft).unwrap_or_default()).collect();
    let mut names = Labels::new(&texts, &texts);
    names.reserve(preset.iter().flat_map(|preset| preset.spec.indexes.iter().map(|index| index.name.clone())));
    texts.iter().map(|text| names.of(text, text.contains('{'))).collect()
}

/// What a rule would do: the policy that it is measured with.
fn policy(draft: &Draft) -> &'static str {
    match draft {
        Draft::Made(_) => "maintain",
        Draft::Naming(_) => "prune",
    }
}

/// A spec of these rules, as if all were to be carried out, without a word of explanation.
pub fn bare(sample: &Sample, preset: Option<&Fitting>, drafts: &[Draft]) -> String {
    let drafts: Vec<&Draft> = drafts.iter().collect();
    let classes = class_names(sample, preset, &drafts);
    let mut out = String::from("version = 1\n");
    out.extend(preset.map(Fitting::text));
    for (class, name) in &classes {
        record(sample, *class, name, &mut out);
    }
    for (draft, name) in drafts.iter().zip(names_of(sample, preset, &drafts)) {
        index(sample, draft, &name, &classes, &toml_string(policy(draft)), &mut out);
    }
    out
}

/// The proposal.
pub fn spec(
    dump: &str,
    (survey, sample): (&Survey<'_>, &Sample),
    (preset, outcome): (Option<&Fitting>, &Outcome),
    notes: &[String],
) -> String {
    let drafts: Vec<&Draft> = outcome.accepted.iter().map(|one| &one.draft).collect();
    let classes = class_names(sample, preset, &drafts);
    let mut out = String::new();
    let head = format!(
        "Proposed by `rdb-reindex infer` from {dump}: a guess from a sample, measured on the whole dump. Read it before you use \
         it; `rdb-reindex inventory --spec THIS-FILE DUMP` shows what it says of the data. Every policy is \"report\", which \
         changes nothing. Where the data support it, the policy that is recommended stands beside it; where they do not, the \
         reasons stand above."
    );
    comment(&head, &mut out);
    if let Some(preset) = preset {
        out.push_str("#\n");
        comment(&fits(preset), &mut out);
    }
    out.push_str("version = 1\n");
    if let Some(preset) = preset {
        of_preset(preset, &outcome.preset, &mut out);
    }
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
        let sampled = number(of.sampled as u64);
        comment(&format!("Of {sampled} sampled, most have the fields {shown}"), &mut out);
        record(sample, *class, name, &mut out);
    }
    for (judged, name) in outcome.accepted.iter().zip(names_of(sample, preset, &drafts)) {
        out.push('\n');
        comment(&support(judged), &mut out);
        if let Draft::Made(candidate) = &judged.draft {
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
            if candidate.when.is_some() {
                comment("Hardly any record is on the wrong side of `when`.", &mut out);
            }
        }
        for doubt in &judged.doubts {
            comment(&format!("Not recommended: {doubt}."), &mut out);
        }
        let word = if judged.doubts.is_empty() {
            format!("\"report\"   # recommended: {}", policy(&judged.draft))
        } else {
            "\"report\"".to_owned()
        };
        index(sample, &judged.draft, &name, &classes, &word, &mut out);
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

/// What is said of each rule, in the order of the spec.
pub fn told(sample: &Sample, preset: Option<&Fitting>, outcome: &Outcome) -> Vec<Told> {
    let mut out = Vec::new();
    if let Some(preset) = preset {
        for (index, measured) in preset.spec.indexes.iter().zip(&outcome.preset) {
            let doubts = doubts_of_preset(index, measured);
            out.push(Told {
                name: index.name.clone(),
                preset: Some(preset.name),
                recommended: (doubts.is_empty() && measured.keys > 0).then(|| index.policy.as_str()),
                doubts,
                figures: measured.clone(),
            });
        }
    }
    let drafts: Vec<&Draft> = outcome.accepted.iter().map(|one| &one.draft).collect();
    for (judged, name) in outcome.accepted.iter().zip(names_of(sample, preset, &drafts)) {
        out.push(Told {
            name,
            preset: None,
            recommended: judged.doubts.is_empty().then(|| policy(&judged.draft)),
            doubts: judged.doubts.clone(),
            figures: judged.measured.clone(),
        });
    }
    out
}

/// Why a rule of a preset is not recommended, though its author knew the application.
fn doubts_of_preset(index: &Index, measured: &Measured) -> Vec<String> {
    let mut out = measured.brakes.clone();
    if index.policy == Policy::Retire {
        out.push("the preset deletes these keys (`policy = \"retire\"`), which is a decision, not a repair".to_owned());
    }
    out
}

/// What is said of a preset that fits.
fn fits(preset: &Fitting) -> String {
    let others = match preset.others.as_slice() {
        [] => String::new(),
        others => format!(" Others that describe some of its keys: {}.", others.join(", ")),
    };
    format!(
        "The preset {} describes this database: `--preset {}` does what its rules here say (`rdb-reindex spec --preset {}`).{others}",
        preset.name, preset.name, preset.name
    )
}

/// The rules of a preset, with what they come to.
fn of_preset(preset: &Fitting, measured: &[Measured], out: &mut String) {
    let mut measured = measured.iter().zip(&preset.spec.indexes);
    for block in &preset.blocks {
        out.push('\n');
        let is_index = block.lines().any(|line| line.trim() == "[[index]]");
        let Some((measured, index)) = is_index.then(|| measured.next()).flatten() else {
            out.push_str(block);
            continue;
        };
        comment(&support_of_preset(index, measured), out);
        let doubts = doubts_of_preset(index, measured);
        for doubt in &doubts {
            comment(&format!("Not recommended: {doubt}."), out);
        }
        for line in block.lines() {
            let policy = line.split_once('=').filter(|(name, _)| name.trim_end() == "policy");
            if let Some((name, _)) = policy {
                out.push_str(&format!("{name}= \"report\""));
                if doubts.is_empty() && measured.keys > 0 {
                    out.push_str(&format!("   # recommended: {}", index.policy.as_str()));
                }
            } else {
                out.push_str(line);
            }
            out.push('\n');
        }
    }
}

fn support_of_preset(index: &Index, measured: &Measured) -> String {
    let keys = counted(measured.keys, "key");
    if index.policy == Policy::Retire {
        return format!("{keys} with {}.", counted(measured.members, "membership"));
    }
    if index.exists.is_empty() {
        let wrong = measured.members.saturating_sub(measured.explained);
        return format!(
            "{keys}: {} right, {} wrong, {} missing.",
            number(measured.explained),
            number(wrong),
            number(measured.missing)
        );
    }
    format!(
        "{keys}: {} name a key that is there, {} name one that is gone.",
        number(measured.explained),
        number(measured.gone)
    )
}

/// How well a rule is supported.
fn support(judged: &Judged) -> String {
    let measured = &judged.measured;
    let rest = measured.members.saturating_sub(measured.explained).saturating_sub(measured.gone);
    match &judged.draft {
        Draft::Made(candidate) => format!(
            "{} with {}: {} follow from the records ({}%), {} name a record that is gone, {} neither. {} that the rule demands \
             are missing ({}% are there). Keys that are right as a whole: {}. Sampled memberships that spoke for it: {}.",
            counted(measured.keys, "key"),
            counted(measured.members, "membership"),
            number(measured.explained),
            measured.of_members(),
            number(measured.gone),
            number(rest),
            number(measured.missing),
            measured.of_records(),
            number(measured.right_keys),
            number(candidate.votes)
        ),
        Draft::Naming(_) => format!(
            "{} with {}: {} name a key that is there ({}%), {} name one that is gone.",
            counted(measured.keys, "key"),
            if measured.members == 1 { "1 entry".to_owned() } else { format!("{} entries", number(measured.members)) },
            number(measured.explained),
            measured.of_members(),
            number(measured.gone)
        ),
    }
}

/// What was seen and is not proposed, and why.
pub fn notes(sample: &Sample, guesses: &Guesses, preset: Option<&Fitting>, outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    // A rule that explains next to nothing is none that failed.
    let is_near = |judged: &&Judged| judged.measured.of_records() >= NEAR || judged.measured.of_members() >= NEAR;
    let mut rejected: Vec<&Judged> = outcome.rejected.iter().filter(is_near).collect();
    rejected.sort_by_key(|judged| std::cmp::Reverse(judged.measured.explained));
    let more = rejected.len().saturating_sub(FAMILIES);
    for judged in rejected.into_iter().take(FAMILIES) {
        let Draft::Made(candidate) = &judged.draft else { continue };
        let measured = &judged.measured;
        let key = candidate.rule.key_text(&sample.paths).unwrap_or_default();
        let member = candidate.rule.member_text(&sample.paths).unwrap_or_default();
        let why = judged.doubts.first().map(|doubt| format!("; {doubt}")).unwrap_or_default();
        notes.push(format!(
            "key {} with member {}: of {} it explains {} ({}%), and {} that it demands are missing{why}",
            display(key.as_bytes()),
            display(member.as_bytes()),
            counted(measured.members, "membership"),
            number(measured.explained),
            measured.of_members(),
            number(measured.missing)
        ));
    }
    if more > 0 {
        notes.push(format!("and {}", counted(more as u64, "more rule")));
    }
    if let Some(first) = outcome.idle.first() {
        let example = match &first.draft {
            Draft::Naming(one) => one.key_text().unwrap_or_default(),
            Draft::Made(_) => String::new(),
        };
        notes.push(format!(
            "{} of which each entry names a key that is there: {}{}",
            counted(outcome.idle.len() as u64, "single key"),
            display(example.as_bytes()),
            if outcome.idle.len() > 1 { ", …" } else { "" }
        ));
    }
    let is_covered = |family: &Family| {
        let (db, kind) = family.chosen.first().map_or((0, Kind::Set), |one| (one.db, one.kind));
        if preset.is_some_and(|preset| preset.takes(db, kind, &family.example)) {
            return true;
        }
        outcome.accepted.iter().chain(&outcome.idle).any(|one| match &one.draft {
            Draft::Made(candidate) => candidate.rule.covers(db, &family.example),
            Draft::Naming(reference) => reference.pattern.db == db && reference.pattern.read(&family.example).is_some(),
        })
    };
    let is_set = |family: &Family| family.chosen.iter().all(|one| matches!(one.kind, Kind::Set | Kind::Zset));
    let mut others: Vec<_> = sample
        .families
        .iter()
        .zip(&guesses.heard)
        .filter(|(family, _)| is_set(family) && !is_covered(family))
        .collect();
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
