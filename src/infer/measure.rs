//! What the rules with the most votes come to on the whole dump.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Error;
use super::candidate::{Candidate, Measured, Outcome, percent};
use super::fields::Paths;
use super::guess::Guesses;
use super::rule::{Member, Part, Rule};
use super::sample::Sample;
use super::votes::Votes;
use super::write;
use crate::dump::scan::Observer;
use crate::index::Difference;
use crate::model::spec::Spec;
use crate::model::view::Expiry;

/// Rules that are put to the dump.
const CANDIDATES: usize = 24;
/// Rules with fields in the key that are compared with each other before, those with the most votes.
const COMPARED: usize = 512;
/// Rules without a field in the key among them.
const REGISTRIES: usize = 24;
/// A rule that fewer sampled memberships speak for is chance.
const VOTES: u64 = 2;
/// A rule explains half of the memberships there are, or half of those that it demands are there …
const SHARE: u64 = 50;
/// … and then it explains at least so many in a hundred.
const LEAST_SHARE: u64 = 5;
/// A list of the values of a field has hardly any others: small numbers are found everywhere.
const LIST_SHARE: u64 = 80;
/// A field of a key that is nearly always the key of a record is taken for a reference.
const REFERENCE: u64 = 90;
/// What has so many of a hundred votes has as good as all.
const CLOSE: u64 = 95;
/// Times that the rest is measured again, after some were dropped.
const ROUNDS: usize = 4;

/// Measures the rules with the most votes, and drops what explains too little.
pub fn measure(
    file: &[u8],
    sample: &Sample,
    guesses: &Guesses,
    expiry: Expiry,
    observer: &Observer,
) -> Result<Outcome, Error> {
    let mut left = candidates(sample, guesses);
    let mut outcome = Outcome::default();
    for _ in 0..ROUNDS {
        if left.is_empty() {
            return Ok(outcome);
        }
        // As if they were to be maintained, since only then a comparison keeps count of every key.
        let text = write::bare(sample, &left, "maintain");
        let Ok(spec) = Spec::parse(&text, "proposal") else {
            // One of the templates cannot be said in a spec; that is found out one by one.
            let alone = |one: &Candidate| {
                Spec::parse(&write::bare(sample, std::slice::from_ref(one), "maintain"), "proposal").is_ok()
            };
            let before = left.len();
            left.retain(alone);
            if left.len() == before {
                left.pop();
            }
            continue;
        };
        let found = figures(file, &spec, expiry, observer)?;
        let (mut good, mut bad): (Vec<_>, Vec<_>) =
            left.drain(..).zip(found).partition(|(candidate, measured)| is_good(candidate, measured));
        let settled = bad.is_empty();
        outcome.rejected.append(&mut bad);
        if settled {
            outcome.accepted = good;
            return Ok(outcome);
        }
        left.extend(good.drain(..).map(|(candidate, _)| candidate));
    }
    Ok(outcome)
}

fn is_good(candidate: &Candidate, measured: &Measured) -> bool {
    let (members, records) = (measured.of_members(), measured.of_records());
    if candidate.rule.fields() > 0 {
        let by_records = records >= SHARE && members >= LEAST_SHARE;
        return measured.explained >= 3 && (members >= SHARE || by_records);
    }
    // Any set of records' keys consists of records' keys: that alone makes no register of it.
    let by_field = match &candidate.rule.member {
        Member::Key => true,
        Member::Field(..) => members >= LIST_SHARE,
    };
    measured.explained >= 2 && records >= SHARE && by_field
}

/// For each family of keys the rule with the most votes, the best families first.
fn candidates(sample: &Sample, guesses: &Guesses) -> Vec<Candidate> {
    let mut families: BTreeMap<_, Vec<(&Rule, &Votes)>> = BTreeMap::new();
    let mut unique: BTreeMap<(u32, u32), bool> = BTreeMap::new();
    for (rule, votes) in &guesses.rules {
        let is_register = rule.fields() == 0;
        let scored = !rule.zset || score(votes).is_some();
        let sayable = rule.key_text(&sample.paths).is_some() && rule.member_text(&sample.paths).is_some();
        // A register has half of the records, so it is no smaller than half of the sample of them.
        let sampled = sample.classes.get(rule.class).map_or(0, |class| class.sampled) as u64;
        let lists = !is_register
            || votes.elements.saturating_mul(2) >= sampled
                && match &rule.member {
                    Member::Field(_, path) => {
                        let field = (rule.class, *path);
                        *unique.entry(field).or_insert_with(|| sample.is_unique(field.0, field.1))
                    }
                    Member::Key => true,
                };
        if votes.count >= VOTES && votes.vary() && scored && sayable && lists {
            families.entry((rule.db, rule.zset, rule.family())).or_default().push((rule, votes));
        }
    }
    let mut best: Vec<(Candidate, bool)> = Vec::new();
    for rules in families.into_values() {
        let most = rules.iter().map(|(_, votes)| votes.count).max().unwrap_or(0);
        // What has nearly as many votes and says it more simply is meant.
        let mut close: Vec<_> = rules.into_iter().filter(|(_, votes)| percent(votes.count, most) >= CLOSE).collect();
        close.sort_by_key(|(rule, votes)| (rule.order(&sample.paths, &sample.classes), Reverse(votes.count)));
        let mut close = close.into_iter();
        let Some((rule, votes)) = close.next() else { continue };
        let required = votes.required.iter().filter(|(_, count)| percent(**count, votes.count) >= REFERENCE);
        let candidate = Candidate {
            rule: rule.clone(),
            votes: votes.count,
            score: score(votes),
            required: required.map(|(pair, _)| *pair).collect(),
            rivals: close.map(|(rule, _)| rule.clone()).take(3).collect(),
        };
        best.push((candidate, rule.fields() == 0));
    }
    best.sort_by_key(|(candidate, register)| (*register, Reverse(candidate.votes)));
    let fields = best.iter().take_while(|(_, register)| !register).count();
    if let Some(excess) = fields.checked_sub(COMPARED) {
        best.drain(COMPARED..COMPARED.saturating_add(excess));
    }
    settle_pairs(&mut best, &sample.paths);
    best.sort_by_key(|(candidate, register)| (*register, candidate.rule.fields(), Reverse(candidate.votes)));
    let mut chosen: Vec<Candidate> = Vec::new();
    let mut registers = 0_usize;
    for (candidate, register) in best {
        if register {
            let name = candidate.rule.key_text(&sample.paths).unwrap_or_default();
            let rule = &candidate.rule;
            if registers >= REGISTRIES
                || chosen.iter().any(|other| other.rule.fields() > 0 && other.rule.covers(rule.db, name.as_bytes()))
            {
                continue;
            }
            registers = registers.saturating_add(1);
        } else if chosen.len() >= CANDIDATES {
            continue;
        }
        chosen.push(candidate);
    }
    chosen
}

/// Decides between a rule with two fields and those that have one of its values in place of a field: `by:{team}/{role}`
/// and `by:{team}/admin`. If one of these has nearly all the votes, the other field does not vary and is a word; otherwise
/// they are parts of the one with two.
fn settle_pairs(best: &mut Vec<(Candidate, bool)>, paths: &Paths) {
    let mut dropped = vec![false; best.len()];
    for (pair, _) in best.iter().filter(|(candidate, _)| candidate.rule.fields() > 1) {
        let is_part = |one: &Candidate| {
            let rule = &one.rule;
            if rule.fields() != 1 {
                return false;
            }
            let same = (rule.zset, rule.class, &rule.member) == (pair.rule.zset, pair.rule.class, &pair.rule.member);
            let shared =
                rule.key.iter().filter(|part| matches!(part, Part::Field(_))).all(|part| pair.rule.key.contains(part));
            let name = rule.key_text(paths).unwrap_or_default();
            same && shared && pair.rule.covers(rule.db, name.as_bytes())
        };
        let parts: Vec<usize> =
            best.iter().enumerate().filter(|(_, (one, _))| is_part(one)).map(|(at, _)| at).collect();
        let most = parts.iter().filter_map(|at| best.get(*at)).map(|(one, _)| one.votes).max().unwrap_or(0);
        let pair_at = best.iter().position(|(one, _)| one.rule == pair.rule);
        let losers = if percent(most, pair.votes) >= CLOSE { pair_at.into_iter().collect() } else { parts };
        for at in losers {
            if let Some(dropped) = dropped.get_mut(at) {
                *dropped = true;
            }
        }
    }
    let mut dropped = dropped.into_iter();
    best.retain(|_| !dropped.next().unwrap_or(false));
}

/// The field that most scores are equal to.
fn score(votes: &Votes) -> Option<u32> {
    let (path, count) = votes.scores.iter().max_by_key(|(path, count)| (**count, Reverse(**path)))?;
    (percent(*count, votes.count) >= SHARE).then_some(*path)
}

/// The figures of each index of a spec.
fn figures(file: &[u8], spec: &Spec, expiry: Expiry, observer: &Observer) -> Result<Vec<Measured>, Error> {
    let difference = Difference::count(file, spec, expiry, observer)?;
    let mut all: Vec<Measured> = difference
        .summaries
        .iter()
        .map(|summary| Measured {
            keys: summary.keys,
            right_keys: summary.correct_keys,
            members: summary.members,
            explained: 0,
            missing: summary.missing_members,
        })
        .collect();
    let mut rescored = vec![0_u64; all.len()];
    for (rank, _) in difference.rescored.keys() {
        if let Some(count) = rescored.get_mut(difference.keys.index(*rank)) {
            *count = count.saturating_add(1);
        }
    }
    for key in difference.present.iter().filter(|key| key.rank.is_some()) {
        let elements = difference.record(key.start)?.value.elements()?;
        if let Some(measured) = usize::try_from(key.index).ok().and_then(|at| all.get_mut(at)) {
            measured.explained = measured.explained.saturating_add(elements.saturating_sub(key.stale));
        }
    }
    for (measured, rescored) in all.iter_mut().zip(rescored) {
        measured.explained = measured.explained.saturating_sub(rescored);
    }
    Ok(all)
}
