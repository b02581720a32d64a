//! Brakes: what looks like a mistake in the spec, or like half a dump, is not planned before a person has looked.
//!
//! No share of what would be deleted tells a mistake from a repair, for real indexes are wrong in up to 99 of 100 keys.
//! So all of them look at structure: whether anything at all is right, and whether names and members are what the spec
//! says they are. Some keep what is in doubt, key by key; the others refuse the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::Summary;
use crate::index::gather::survey::ClassCount;
use crate::index::prune::References;
use crate::model::spec::{Brake, Index, IndexType, Policy, Spec, Template};
use crate::model::stock::Stock;
use crate::text::{counted, display, number};

/// A brake that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Braked {
    pub brake: Brake,
    /// The position of the index in the spec, if it is about one.
    pub index: Option<usize>,
    pub effect: Effect,
    /// What it is about, in a sentence or two.
    pub text: String,
    /// Names of keys, escaped; the first ones in the dump.
    pub examples: Vec<String>,
}

/// What follows from a brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// There is no plan.
    Refuses,
    /// What it is about stays as it is.
    Keeps,
    /// A person has looked at it: it has no effect.
    Lifted,
    /// The index is only reported on: nothing would be written.
    Told,
}

impl Effect {
    /// The word for it in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::Keeps => "keeps",
            Self::Lifted => "lifted",
            Self::Told => "told",
        }
    }
}

/// What a brake that keeps is about, for one index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubtful {
    /// Keys of another type.
    pub other_type: u64,
    /// Keys with deeper names.
    pub nested: u64,
    /// Wrong keys with foreign members.
    pub foreign_keys: u64,
    /// Foreign members in keys that stay.
    pub foreign_members: u64,
}

impl Doubtful {
    /// One more key.
    pub fn add(&mut self, brake: Brake) {
        match brake {
            Brake::OtherType => self.other_type += 1,
            Brake::Nested => self.nested += 1,
            _ => self.foreign_keys += 1,
        }
    }

    /// Adds those of another part of the database.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.other_type, other.other_type),
            (&mut self.nested, other.nested),
            (&mut self.foreign_keys, other.foreign_keys),
            (&mut self.foreign_members, other.foreign_members),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// How many keys stay, or would.
    pub fn keys(&self) -> u64 {
        self.other_type + self.nested + self.foreign_keys
    }
}

/// Keys of examples.
const EXAMPLES: usize = 5;

/// Names of keys that brakes are about, by brake and index: the first ones.
#[derive(Debug, Default)]
pub struct Examples(BTreeMap<(Brake, usize), Vec<String>>);

impl Examples {
    pub fn add<E>(&mut self, brake: Brake, index: usize, name: impl FnOnce() -> Result<String, E>) -> Result<(), E> {
        let names = self.0.entry((brake, index)).or_default();
        if names.len() < EXAMPLES {
            names.push(name()?);
        }
        Ok(())
    }
}

/// What else is known of an index where brakes are judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// Keys of its family that have its type.
    pub typed_keys: u64,
    /// Wrong keys that nothing but a brake would keep.
    pub exposed_keys: u64,
    /// Some record implies an entry of it, and lacks nothing.
    pub has_entry: bool,
    /// `when` alone leaves all records out, and each of its values occurs.
    pub left_out_by_when: bool,
    /// Members of existing keys that are implied: those that are right, and those that are not there.
    pub right_members: u64,
    pub missing_members: u64,
}

/// All brakes that apply, in the order of [`crate::model::spec::BRAKES`] and of the spec.
pub fn judge(
    spec: &Spec,
    stock: &Stock,
    classes: &[ClassCount],
    summaries: &[Summary],
    (evidence, references_of): (&[Evidence], &[References]),
    examples: Examples,
) -> Vec<Braked> {
    let mut out = of_indexes(spec, classes, summaries, (evidence, references_of), examples);
    if stock.total.keys > 0 && !stock.is_described() {
        out.push(no_match(spec, stock.total.keys));
    }
    out.sort_by_key(|braked| (braked.brake, braked.index));
    out
}

/// That a spec describes none of so many keys.
pub fn no_match(spec: &Spec, keys: u64) -> Braked {
    Braked {
        brake: Brake::NoMatch,
        index: None,
        effect: if spec.accepts(Brake::NoMatch, None) { Effect::Lifted } else { Effect::Refuses },
        text: format!("this spec describes none of the dump's keys: the dump has {}", counted(keys, "key")),
        examples: Vec::new(),
    }
}

/// The brakes that are about single indexes.
pub fn of_indexes(
    spec: &Spec,
    classes: &[ClassCount],
    summaries: &[Summary],
    (evidence, references_of): (&[Evidence], &[References]),
    mut examples: Examples,
) -> Vec<Braked> {
    let mut out = Vec::new();
    for (at, ((index, summary), evidence)) in spec.indexes.iter().zip(summaries).zip(evidence).enumerate() {
        let class = index.from.and_then(|class| classes.get(class)).copied().unwrap_or_default();
        let class_name = index.from.and_then(|class| spec.records.get(class)).map_or("", |class| class.name.as_str());
        let mut add = |brake: Brake, text: String, lifted: bool| {
            let effect = match index.policy {
                Policy::Report => Effect::Told,
                _ if lifted => Effect::Lifted,
                _ if brake.keeps() => Effect::Keeps,
                _ => Effect::Refuses,
            };
            let examples = examples.0.remove(&(brake, at)).unwrap_or_default();
            out.push(Braked { brake, index: Some(at), effect, text, examples });
        };
        let accepted = |brake: Brake| index.accepted.has(brake);
        if accepted(Brake::NoLiteral)
            && index.policy != Policy::Report
            && index.family.glob().literal_prefix().is_empty()
        {
            let text = "its key begins with no literal text, so that any key may be taken for one of it".to_owned();
            add(Brake::NoLiteral, text, true);
        }
        if index.prunes() {
            let references = references_of.get(at).copied().unwrap_or_default();
            if references.going > 0 && !is_found_anywhere(spec, at, references_of, classes) {
                let names: Vec<&str> = index.exists.iter().map(|exists| exists.key.text.as_str()).collect();
                let text = format!(
                    "{} would go, and no entry names a key that is there ({}); look at member, value and exists",
                    if references.going == 1 {
                        "1 entry".to_owned()
                    } else {
                        format!("{} entries", number(references.going))
                    },
                    names.join(", ")
                );
                add(Brake::NoReference, text, accepted(Brake::NoReference));
            }
            continue;
        }
        // What is retired needs no records; and where nothing can be lost, there is nothing to refuse.
        let loses = evidence.exposed_keys > 0 || summary.stale_members > 0;
        if index.policy != Policy::Retire && summary.frozen.is_none() {
            let keys = counted(summary.keys, "key");
            let typed = counted(evidence.typed_keys, if index.kind == IndexType::Zset { "sorted set" } else { "set" });
            let no_entry = !evidence.has_entry && !evidence.left_out_by_when;
            if loses && class.records > 0 && no_entry && summary.keys > 0 {
                let records = counted(class.records, "record");
                let text = if summary.orphan_records > 0 {
                    let lacking: Vec<&str> = index
                        .require
                        .iter()
                        .filter_map(|require| spec.records.get(require.record))
                        .map(|class| class.name.as_str())
                        .collect();
                    format!(
                        "{records} of class {class_name}, and every one that would be indexed lacks a record that `require` \
                         asks for (class {}), so none of its {keys} is right; look at the key in `require` and at the key \
                         pattern of that class",
                        lacking.join(", ")
                    )
                } else {
                    format!(
                        "{records} of class {class_name}, and none implies an entry of the index, so none of its {keys} is \
                         right; look at the names of the fields in its key and member{}",
                        if index.when.is_empty() { "" } else { ", and at the values in when" }
                    )
                };
                add(Brake::NoEntry, text, accepted(Brake::NoEntry));
            } else if loses && evidence.typed_keys > 0 && summary.correct_keys == 0 {
                let text = format!(
                    "{typed} in its family, and none has a name that a record implies; look at its key template"
                );
                add(Brake::NoKeyRight, text, accepted(Brake::NoKeyRight));
            }
            if loses && summary.keys > 0 && evidence.typed_keys == 0 {
                let text = format!("{keys} in its family, and none is a {}; look at its type", index.kind.as_str());
                add(Brake::WrongType, text, accepted(Brake::WrongType));
            }
            if evidence.missing_members >= MISSING && evidence.missing_members > evidence.right_members {
                let text = format!(
                    "in keys that exist {} would be added, and {} right: perhaps the application indexes only some of the \
                     records on purpose, or keeps only so many",
                    counted(evidence.missing_members, "member"),
                    is_or_are(evidence.right_members),
                );
                add(Brake::MostlyMissing, text, accepted(Brake::MostlyMissing));
            }
        }
        for (doubtful, lifted) in [(&summary.kept, false), (&summary.lifted, true)] {
            // Of an index that is only reported on, what was accepted is like the rest.
            if !lifted || index.policy != Policy::Report {
                doubts(index, doubtful, lifted, &mut add);
            }
        }
        if index.policy == Policy::Retire
            && accepted(Brake::ForeignMembers)
            && !index.member_forms.is_empty()
            && evidence.exposed_keys > 0
        {
            let text =
                format!("{} of its family go whatever their members look like", counted(evidence.exposed_keys, "key"));
            add(Brake::ForeignMembers, text, true);
        }
    }
    out.sort_by_key(|braked| (braked.brake, braked.index));
    out
}

/// Whether some key is there that an index asks for: named by an entry of an index with the same template, or by a record
/// that counts while it is there.
fn is_found_anywhere(spec: &Spec, at: usize, references: &[References], classes: &[ClassCount]) -> bool {
    let Some(index) = spec.indexes.get(at) else { return false };
    let is_like = |db: u64, other: &Template| db == index.db && index.exists.iter().any(|own| own.is_like(other));
    let by_entry = spec.indexes.iter().zip(references).any(|(other, references)| {
        references.found > 0 && other.exists.iter().any(|exists| is_like(other.db, &exists.key))
    });
    let by_record = spec.records.iter().zip(classes).any(|(class, count)| {
        count.records > 0 && class.exists.as_ref().is_some_and(|exists| is_like(class.db, exists))
    });
    by_entry || by_record
}

/// Missing members from which on it is said that most are missing.
const MISSING: u64 = 10;

fn doubts(index: &Index, doubtful: &Doubtful, lifted: bool, add: &mut impl FnMut(Brake, String, bool)) {
    // One of them, or several.
    let fate = |count: u64| match (index.policy, lifted, count) {
        (Policy::Report, _, 1) => "it would stay",
        (Policy::Report, _, _) => "they would stay",
        (_, false, 1) => "it stays",
        (_, false, _) => "they stay",
        (_, true, 1) => "it goes like the others",
        (_, true, _) => "they go like the others",
    };
    let pick = |count: u64, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    if let count @ 1.. = doubtful.other_type {
        let what =
            pick(count, "has another type, and no record implies it", "have another type, and no record implies them");
        let text = format!("{} of its family {what}: {}", counted(count, "key"), fate(count));
        add(Brake::OtherType, text, lifted);
    }
    if let count @ 1.. = doubtful.nested {
        let has = pick(count, "has a name", "have names");
        let than =
            if index.policy == Policy::Retire { "at least half of them have" } else { "any name that is implied" };
        let text =
            format!("{} of its family {has} with more parts (:) than {than}: {}", counted(count, "key"), fate(count));
        add(Brake::Nested, text, lifted);
    }
    let mut parts = Vec::new();
    if let count @ 1.. = doubtful.foreign_members {
        let form = index.member_forms.iter().map(|form| display(form.glob().as_bytes())).collect::<Vec<_>>().join(", ");
        let has = pick(count, "does not have", "do not have");
        parts.push(format!("{} {has} the form of its members ({form}): {}", counted(count, "member"), fate(count)));
    }
    if let count @ 1.. = doubtful.foreign_keys {
        let hold = pick(count, "holds", "hold");
        let such =
            if parts.is_empty() { "a member that does not have the form of its members" } else { "such a member" };
        parts.push(format!("{} {hold} {such}: {}", counted(count, "wrong key"), fate(count)));
    }
    if !parts.is_empty() {
        add(Brake::ForeignMembers, parts.join("; "), lifted);
    }
}

fn is_or_are(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "is" } else { "are" })
}
