//! Why a rule is not recommended, though the data speak for it.
//!
//! A recommendation may be followed without a look at the data, so it is given only where what the rule would change is
//! explained by what is gone. An index that lacks entries may be filtered, capped or a sample; a key that names what is gone
//! may be a record of it. Where the data do not tell, the rule is shown, and the reason.

use std::collections::BTreeSet;

use super::candidate::{Candidate, Draft, Judged, Measured, percent};
use super::patterns::{self, Pattern, Piece, Shape};
use super::references::{Reference, Slot};
use super::rule::Part;
use super::sample::Sample;
use crate::dump::rdb::Kind;
use crate::text::number;

/// Of the entries that name records which are there, a rule explains so many in a hundred.
const EXPLAINED: u64 = 95;
/// Of the entries that it demands, so many in a thousand may be missing where others name what is gone.
const MISSING: u64 = 15;
/// Of entries that name keys, so many in a hundred name one that is there.
const NAMED: u64 = 20;
const LEAST: u64 = 3;
/// So few words that name nothing may be meant to.
const WORDS: u64 = 20;
/// An index with so many entries, and none that names what is gone, tells something.
const TIDY: u64 = 5;

/// Words for what is kept after it is gone.
const KEPT: &[&str] = &[
    "all-time",
    "alltime",
    "alumni",
    "archive",
    "archived",
    "audit",
    "backup",
    "banned",
    "blacklist",
    "blocked",
    "board",
    "boards",
    "bought",
    "consumed",
    "count",
    "counter",
    "counters",
    "counts",
    "dedup",
    "deleted",
    "denylist",
    "done",
    "events",
    "ever",
    "expired",
    "first",
    "followers",
    "following",
    "friends",
    "history",
    "hits",
    "leaderboard",
    "legacy",
    "likes",
    "log",
    "logs",
    "metrics",
    "notified",
    "old",
    "past",
    "popular",
    "processed",
    "purchases",
    "rank",
    "ranking",
    "receipts",
    "recent",
    "recently",
    "removed",
    "reserved",
    "revoked",
    "score",
    "scores",
    "seen",
    "sent",
    "stat",
    "stats",
    "taken",
    "tombstone",
    "tombstones",
    "top",
    "total",
    "totals",
    "trash",
    "trending",
    "undo",
    "used",
    "viewed",
    "views",
    "visited",
    "voted",
    "voters",
    "votes",
];

/// All reasons against each rule. What is ill with one index of a class speaks for disease in the others.
pub fn judge(drafts: Vec<(Draft, Measured)>, sample: &Sample) -> Vec<Judged> {
    let patterns: Vec<BTreeSet<usize>> = drafts.iter().map(|(draft, _)| named_patterns(draft, sample)).collect();
    let ill: Vec<(u64, u32)> = drafts
        .iter()
        .filter_map(|(draft, measured)| match draft {
            Draft::Made(one) if measured.gone > 0 => Some((one.rule.db, one.rule.class)),
            _ => None,
        })
        .collect();
    // What is complete and names nothing that is gone shows that the application tidies up.
    let tidy: Vec<bool> = drafts
        .iter()
        .map(|(draft, measured)| {
            let is_all = match draft {
                Draft::Made(one) => one.when.is_none() && measured.missing == 0,
                Draft::Naming(one) => one.names_all && measured.formless == 0,
            };
            is_all && measured.gone == 0 && measured.living == 0 && measured.unknown == 0 && measured.explained >= TIDY
        })
        .collect();
    let beside = |at: usize| {
        let own = patterns.get(at)?;
        let mut others = drafts.iter().zip(&patterns).zip(&tidy).enumerate();
        others.find_map(|(other, ((draft, theirs), tidy))| {
            (other != at && *tidy && !own.is_disjoint(theirs)).then(|| key_text(&draft.0, sample))
        })
    };
    let tidy_beside: Vec<Option<String>> = (0..drafts.len()).map(beside).collect();
    drafts
        .into_iter()
        .zip(tidy_beside)
        .map(|((draft, measured), tidy)| {
            let mut doubts = match &draft {
                Draft::Made(one) => made(one, &measured, ill.contains(&(one.rule.db, one.rule.class))),
                Draft::Naming(one) => naming(one, &measured),
            };
            if let Some(tidy) = tidy.filter(|_| measured.gone > 0) {
                doubts.push(format!(
                    "{tidy} has all of the same keys, and nothing that is gone: what is gone may be kept here on purpose"
                ));
            }
            Judged { draft, measured, doubts }
        })
        .collect()
}

fn key_text(draft: &Draft, sample: &Sample) -> String {
    let text = match draft {
        Draft::Made(one) => one.rule.key_text(&sample.paths),
        Draft::Naming(one) => one.key_text(),
    };
    text.unwrap_or_default()
}

/// The patterns of the keys that a rule's entries name, by number.
fn named_patterns(draft: &Draft, sample: &Sample) -> BTreeSet<usize> {
    match draft {
        Draft::Naming(one) => one.named_patterns.clone(),
        Draft::Made(one) => {
            let of_class = sample.documents.iter().filter(|document| document.class == Some(one.rule.class));
            let some: Vec<_> = of_class.take(64).collect();
            let patterns = sample.patterns.iter().enumerate();
            let takes =
                |pattern: &Pattern| some.iter().any(|one| one.db == pattern.db && pattern.read(&one.name).is_some());
            patterns.filter(|(_, pattern)| takes(pattern)).map(|(number, _)| number).collect()
        }
    }
}

fn made(one: &Candidate, measured: &Measured, is_ill: bool) -> Vec<String> {
    let mut out = common(measured);
    let Measured { explained, missing, living, unknown, .. } = *measured;
    if explained < LEAST {
        out.push(format!(
            "it explains only {}",
            if explained == 1 { "1 entry".to_owned() } else { format!("{explained} entries") }
        ));
    }
    if percent(explained, explained.saturating_add(living)) < EXPLAINED {
        out.push(format!(
            "{} are not explained although they name a record that is there, of this class or another: {}",
            number(living),
            measured.living_examples.join(", ")
        ));
    } else if living > 0 && !is_ill {
        out.push(format!(
            "{} are not explained although they name a record that is there, of this class or another, and none names \
             one that is gone: {}",
            number(living),
            measured.living_examples.join(", ")
        ));
    }
    if measured.gone > 0 {
        out.extend(kept(one.rule.key.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_slice()),
            Part::Field(_) => None,
        })));
    }
    if unknown > 0 {
        out.push(format!("of {} that are not explained it is not known what they name", number(unknown)));
    }
    let demanded = explained.saturating_add(missing);
    if missing.saturating_mul(1000) > demanded.saturating_mul(MISSING) {
        out.push(format!(
            "{} of {} that it demands are missing: the index may have a filter or a limit that no field tells of",
            number(missing),
            number(demanded)
        ));
    } else if missing > 0 && !is_ill {
        out.push(format!(
            "{} of {} that it demands are missing, and nothing else is wrong: that may be on purpose",
            number(missing),
            number(demanded)
        ));
    }
    let is_one = |part: &Part| matches!(part, Part::Literal(text) if patterns::has_identifier(text));
    if one.rule.fields() == 0 && one.rule.key.iter().any(is_one) {
        out.push(
            "an identifier in its name may be that of one of many things, and the rule is about all records".to_owned(),
        );
    }
    if missing > 0 && one.extreme.is_some() {
        out.push("what is missing has the least or the greatest values of a field: that may be on purpose".to_owned());
    }
    if one.when.is_some() && living > 0 {
        out.push(format!(
            "{} are there that `when` leaves out: {}",
            number(living),
            measured.living_examples.join(", ")
        ));
    }
    if measured.rescored > 0 {
        out.push(format!("{} have another score", number(measured.rescored)));
    }
    if !one.rivals.is_empty() && measured.is_ill() {
        out.push("other rules explain as much".to_owned());
    }
    out
}

/// Whether it is doubted what the entries name, whatever the figures are.
pub fn is_vague(one: &Reference) -> bool {
    one.of_collections || one.rival.is_some() || !one.strange.is_empty() || one.is_bare_number()
}

fn naming(one: &Reference, measured: &Measured) -> Vec<String> {
    let mut out = common(measured);
    let entries = measured.explained.saturating_add(measured.gone);
    if measured.explained < LEAST || percent(measured.explained, entries) < NAMED {
        out.push(format!("{} of {} entries name a key that is there", number(measured.explained), number(entries)));
    }
    if measured.formless > 0 {
        out.push(format!("{} of {} entries have another form", number(measured.formless), number(measured.members)));
    }
    let texts = one.pattern.pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_slice()),
        Piece::Var(_) => None,
    });
    if measured.gone > 0 {
        out.extend(kept(texts));
    }
    if one.of_collections && measured.gone > 0 {
        out.push("what its entries name are sets, sorted sets or lists, and an empty one is not there".to_owned());
    }
    if one.is_bare_number() && measured.gone > 0 {
        out.push("its entries are numbers, and no word in its name says of what: others may have the same".to_owned());
    }
    if one.of_records && one.pattern.kind == Kind::String && measured.gone > 0 {
        out.push("it says something about a record that is there, whatever became of what it names".to_owned());
    }
    if one.rival.is_some() {
        out.push("its entries name keys of another kind as well".to_owned());
    }
    if one.pattern.kind == Kind::Zset && !one.timed {
        out.push("its scores are not times: they may be worth more than what they belong to".to_owned());
    }
    if one.pattern.kind == Kind::Hash && one.slot == Slot::Member {
        out.push("their values would go with the fields".to_owned());
    }
    if let [Piece::Var(Shape::Digits)] = one.entry.as_slice()
        && one.pattern.kind == Kind::String
    {
        out.push("a number in a string may be a counter".to_owned());
    }
    out
}

fn common(measured: &Measured) -> Vec<String> {
    let mut out = measured.brakes.clone();
    if !measured.strange.is_empty() {
        out.push(format!(
            "entries that name nothing look unlike those that name something: {}",
            measured.strange.join(", ")
        ));
    }
    // The last part of each: what people think of, rather than what programs make.
    let is_word = |text: &String| {
        let last = text.rsplit([':', '/', '|', '#']).next().unwrap_or_default();
        !last.is_empty() && last.len() <= 16 && last.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    if !measured.gone_examples.is_empty() && measured.gone <= WORDS && measured.gone_examples.iter().all(is_word) {
        out.push(format!(
            "what is gone are words, which may be there on purpose: {}",
            measured.gone_examples.join(", ")
        ));
    }
    if measured.frozen {
        out.push("some records cannot be decoded, and might imply anything".to_owned());
    }
    out
}

/// Why what is gone may be kept on purpose, by a word in the name.
fn kept<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Option<String> {
    let not_a_word = |byte: &u8| !byte.is_ascii_alphabetic() && *byte != b'-';
    let mut words =
        texts.flat_map(|text| text.split(not_a_word)).map(|word| String::from_utf8_lossy(word).to_lowercase());
    let word = words.find(|word| KEPT.contains(&word.as_str()))?;
    Some(format!("the word {word:?} in its name says that it may be there to keep what is gone"))
}
