//! One index: what it is, how it is today, how it will be, and why.

use super::super::escape::{Html, Room, code, option};
use super::super::picture::{Bar, Part};
use super::examples::{Budget, GroupView, PatternView, groups, patterns};
use super::words::{About, done};
use crate::bundle::manifest::Counts;
use crate::model::spec::{self, Policy};
use crate::plan::summary::IndexDigest;
use crate::plan::why;
use crate::report::inventory::Index;
use crate::report::inventory::verdict::{limits, records, verdict};
use crate::text::{number, size};

pub struct IndexView {
    pub number: usize,
    pub name: Html,
    /// The name without marks, for a list of choices.
    pub option: Html,
    pub policy: &'static str,
    /// The spec retires it.
    pub retires: bool,
    pub rule: Html,
    pub verdict: String,
    pub will: String,
    /// What is not done, and what else is to be known.
    pub notes: Vec<String>,
    pub keys: Vec<Bar>,
    /// Empty where it cannot be said without a doubt how many are right.
    pub members: Vec<Bar>,
    pub legend: Vec<(Html, &'static str)>,
    pub groups: Vec<GroupView>,
    pub patterns: Vec<PatternView>,
}

impl IndexView {
    pub fn new(
        spec: &spec::Spec,
        (at, index): (usize, &spec::Index),
        numbers: &Index,
        counts: &Counts,
        edits: &IndexDigest,
        budget: &mut Budget,
    ) -> Self {
        let about = About::new(spec, index, &why::names(spec, index));
        let bars = Bars::new(numbers, counts, edits, overlaps(spec, at));
        let scale = |states: &[State]| states.iter().map(|parts| parts.iter().map(|(_, n)| n).sum()).max().unwrap_or(0);
        let draw = |thing: &str, states: &[State]| -> Vec<Bar> {
            let scale = scale(states);
            states.iter().zip(["today", "after"]).map(|(parts, label)| Bar::new(label, thing, parts, scale)).collect()
        };
        let (keys, members) = (draw("key", &bars.keys), draw("member", &bars.members));
        let drawn = bars.keys.iter().zip(&keys).chain(bars.members.iter().zip(&members));
        let legend = Part::legend(drawn.filter(|(_, bar)| bar.has_picture).flat_map(|(parts, _)| parts));
        let mut notes = limits(numbers);
        notes.extend(records(numbers));
        let will = if [counts.deleted_keys, counts.added_members, counts.removed_members] == [0; 3] {
            "The plan does nothing here.".to_owned()
        } else if counts.commands == 0 {
            format!("The plan {}, in commands that it shares with another index.", done(counts))
        } else {
            let s = if counts.commands == 1 { "" } else { "s" };
            format!("The plan {}, in {} command{s} of {}.", done(counts), number(counts.commands), size(counts.bytes))
        };
        Self {
            number: at,
            name: code(&index.name, Room::LABEL),
            option: option(&index.name),
            policy: match index.policy {
                Policy::Maintain => "maintain: made exactly right",
                Policy::Prune => "prune: entries that name a key which is gone are removed",
                Policy::Retire => "retire: all of it is deleted",
                Policy::Report => "report: looked at, not changed",
            },
            retires: index.policy == Policy::Retire,
            rule: rule(spec, index, &about),
            verdict: format!("In the dump: {}.", verdict(numbers)),
            will,
            notes,
            keys,
            members,
            legend,
            groups: groups(edits, &about, budget),
            patterns: patterns(edits, budget),
        }
    }
}

/// The rule of an index about entries that name keys.
fn of_entries(index: &spec::Index, about: &About) -> Html {
    let key = code(&index.key.text, Room::NAME);
    if index.kind == spec::IndexType::Any {
        return Html::fill("A key {} may exist only while {} does.", &[&key, &about.exists]);
    }
    let entry = |text: &str| code(text, Room::NAME);
    let kind = Html::words(about.kind);
    match (&index.value, index.member_forms.is_empty()) {
        (Some(value), true) => {
            let words = "The {} {} may say {} only while {} is there.";
            Html::fill(words, &[&kind, &key, &entry(&value.text), &about.exists])
        }
        (Some(value), false) => {
            let words = "In the {} {} a field {} may say {} only while {} is there.";
            Html::fill(words, &[&kind, &key, &entry(&index.member.text), &entry(&value.text), &about.exists])
        }
        (None, _) => {
            let words = "The {} {} may hold {} only while {} is there.";
            Html::fill(words, &[&kind, &key, &entry(&index.member.text), &about.exists])
        }
    }
}

/// The rule of the index in a sentence.
fn rule(spec: &spec::Spec, index: &spec::Index, about: &About) -> Html {
    let key = code(&index.key.text, Room::NAME);
    let class = index.from.and_then(|class| spec.records.get(class));
    if index.prunes() {
        return of_entries(index, about);
    }
    let Some(class) = class.filter(|_| index.policy != Policy::Retire) else {
        return Html::fill("Keys {}.", &[&code(&index.family.glob().to_string(), Room::NAME)]);
    };
    let records = code(&class.key.glob().to_string(), Room::NAME);
    let member = code(&index.member.text, Room::NAME);
    let kind = Html::words(about.kind);
    let mut rule = Html::fill("For every record {} the {} {} holds {}", &[&records, &kind, &key, &member]);
    if let Some(score) = &index.score {
        rule.push(&Html::fill(" with the score {}", &[&code(&score.text, Room::NAME)]));
    }
    for require in &index.require {
        let key = code(&require.key.text, Room::NAME);
        let class = spec.records.get(require.record).map_or("", |class| class.name.as_str());
        rule.push(&Html::fill(", if there is a {} record {}", &[&code(class, Room::LABEL), &key]));
    }
    rule.push(&Html::words("."));
    rule
}

/// Whether a key could belong to another index as well, so that members are not counted without a doubt.
fn overlaps(spec: &spec::Spec, at: usize) -> bool {
    let Some(index) = spec.indexes.get(at) else { return false };
    let family = index.family.glob();
    let mine = family.literal_prefix();
    spec.indexes.iter().enumerate().any(|(other_at, other)| {
        let family = other.family.glob();
        let theirs = family.literal_prefix();
        other_at != at && other.db == index.db && (mine.starts_with(theirs) || theirs.starts_with(mine))
    })
}

type State = Vec<(Part, u64)>;

/// Keys and members by state, today and after.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bars {
    keys: Vec<State>,
    members: Vec<State>,
}

impl Bars {
    fn new(index: &Index, counts: &Counts, edits: &IndexDigest, overlaps: bool) -> Self {
        let left = index.wrong_keys.saturating_sub(counts.deleted_keys);
        if index.policy == "retire" {
            let left = index.keys.saturating_sub(counts.deleted_keys);
            let keys = vec![vec![(Part::Retired, index.keys)], vec![(Part::Held, left)]];
            return Self { keys, members: Vec::new() };
        }
        let absent = index.absent_keys.saturating_sub(edits.created_keys);
        let keys = vec![
            vec![
                (Part::Right, index.correct_keys),
                (Part::Wrong, index.wrong_keys),
                (Part::Missing, index.absent_keys),
            ],
            vec![
                (Part::Right, index.correct_keys),
                (Part::Added, edits.created_keys),
                (Part::Held, left),
                (Part::Missing, absent),
            ],
        ];
        // The members of wrong keys that stay are not counted.
        if left > 0 || overlaps {
            return Self { keys, members: Vec::new() };
        }
        let held = index.held_members.saturating_add(index.braked_members);
        let new = edits.new_members;
        let rescored = counts.added_members.saturating_sub(new);
        let stale = index.stale_members.saturating_sub(counts.removed_members);
        let after = index.members.saturating_sub(edits.deleted_members).saturating_sub(counts.removed_members);
        let old = after.saturating_sub(held).saturating_sub(stale);
        let right = old.saturating_sub(rescored);
        let wrong = index.members.saturating_sub(right).saturating_sub(held);
        let missing = index.missing_members.saturating_sub(rescored);
        let members = vec![
            vec![(Part::Right, right), (Part::Wrong, wrong), (Part::Held, held), (Part::Missing, missing)],
            vec![
                (Part::Right, old),
                (Part::Added, new),
                (Part::Held, held.saturating_add(stale)),
                (Part::Missing, missing.saturating_sub(new)),
            ],
        ];
        Self { keys, members }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index {
            name: "i".into(),
            policy: "maintain",
            keys: 10,
            correct_keys: 4,
            wrong_keys: 6,
            absent_keys: 2,
            members: 100,
            missing_members: 12,
            stale_members: 7,
            undecidable_records: 0,
            orphan_records: 0,
            held_keys: 0,
            held_members: 1,
            contested_keys: 0,
            conflict_members: 0,
            prunes: false,
            unnamed_keys: 0,
            expiring_members: 0,
            overlapped_keys: 0,
            braked_keys: 0,
            braked_members: 0,
            deleted_keys: 6,
            frozen: None,
        }
    }

    #[test]
    fn bars_add_up() {
        // Six wrong keys with 30 members go. Of 100 members 70 stay, 7 are stale and 1 is held: 62 are right but for two
        // scores. Ten are new.
        let counts = Counts { deleted_keys: 6, added_members: 12, removed_members: 7, ..Counts::default() };
        let edits = IndexDigest { created_keys: 2, deleted_members: 30, new_members: 10, ..IndexDigest::default() };
        let bars = Bars::new(&index(), &counts, &edits, false);
        assert_eq!(bars.keys[0], [(Part::Right, 4), (Part::Wrong, 6), (Part::Missing, 2)]);
        assert_eq!(bars.keys[1], [(Part::Right, 4), (Part::Added, 2), (Part::Held, 0), (Part::Missing, 0)]);
        // 100 − 60 right − 1 held are wrong: 30 + 7 + 2.
        let today = [(Part::Right, 60), (Part::Wrong, 39), (Part::Held, 1), (Part::Missing, 10)];
        assert_eq!(bars.members[0], today);
        assert_eq!(bars.members[1], [(Part::Right, 62), (Part::Added, 10), (Part::Held, 1), (Part::Missing, 0)]);
        // A wrong key stays: what it holds is not known.
        let counts = Counts { deleted_keys: 5, ..counts };
        let bars = Bars::new(&index(), &counts, &edits, false);
        assert_eq!((bars.keys[1][2], bars.members.len()), ((Part::Held, 1), 0));
        let retired = Index { policy: "retire", ..index() };
        let bars = Bars::new(&retired, &Counts { deleted_keys: 10, ..Counts::default() }, &edits, false);
        assert_eq!(bars.keys, [vec![(Part::Retired, 10)], vec![(Part::Held, 0)]]);
    }

    #[test]
    fn families_that_may_meet() {
        let text = |a: &str, b: &str| {
            let index = |name: &str, key: &str| {
                format!(
                    "[[index]]\nname = \"{name}\"\npolicy = \"maintain\"\nfrom = \"r\"\nkey = \"{key}\"\nmember = \"{{@key}}\"\n"
                )
            };
            format!("version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n{}{}", index("a", a), index("b", b))
        };
        for (a, b, expected) in [("i:{x}", "j:{x}", false), ("i:{x}", "i:y:{x}", true)] {
            let spec =
                spec::Spec::parse(&text(a, b), "test").unwrap_or_else(|errors| panic!("{}", errors.render(false)));
            assert_eq!(overlaps(&spec, 0), expected, "{a} {b}");
        }
    }
}
