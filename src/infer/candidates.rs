//! Which rules are put to the dump: for each family of keys the one that most sampled memberships speak for.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::candidate::{Candidate, percent};
use super::fields::Paths;
use super::guess::Guesses;
use super::rule::{Member, Part, Rule};
use super::sample::Sample;
use super::votes::Votes;
use crate::dump::rdb::Kind;

/// Rules that are put to the dump.
const CANDIDATES: usize = 48;
/// Rules with fields in the key that are compared with each other before, those with the most votes.
const COMPARED: usize = 512;
/// Rules without a field in the key among them.
const REGISTRIES: usize = 24;
/// A rule that fewer sampled memberships speak for is chance.
const VOTES: u64 = 2;
/// A field that so many of a hundred scores are equal to is the score.
const SHARE: u64 = 50;
/// A field of a key that is nearly always the key of a record is taken for a reference.
const REFERENCE: u64 = 90;
/// What has so many of a hundred votes has as good as all.
const CLOSE: u64 = 95;

/// For each family of keys the rule with the most votes, the best families first.
pub fn candidates(sample: &Sample, guesses: &Guesses) -> Vec<Candidate> {
    let mut families: BTreeMap<_, Vec<(&Rule, &Votes)>> = BTreeMap::new();
    let mut unique: BTreeMap<(u32, u32), bool> = BTreeMap::new();
    for (rule, votes) in &guesses.rules {
        let is_register = rule.fields() == 0;
        let scored = rule.kind != Kind::Zset || score(votes).is_some();
        let keyed = rule.kind != Kind::String || !is_register;
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
                    Member::Key | Member::Names(_) => true,
                };
        if votes.count >= VOTES && votes.vary() && scored && keyed && sayable && lists {
            families.entry((rule.db, rule.kind, rule.family())).or_default().push((rule, votes));
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
            rivals: close
                .map(|(other, _)| other.clone())
                .filter(|other| !is_filtered(rule, other, &sample.paths))
                .take(3)
                .collect(),
            when: None,
            extreme: None,
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

/// Whether the second rule says the same of fields as a filter makes them.
fn is_filtered(rule: &Rule, other: &Rule, paths: &Paths) -> bool {
    let plain = |rule: &Rule| -> Vec<Option<String>> {
        rule.key
            .iter()
            .map(|part| match part {
                Part::Field(path) => paths.text(*path).split('|').next().map(str::to_owned),
                Part::Literal(_) => None,
            })
            .collect()
    };
    plain(rule) == plain(other)
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
            let same = (rule.kind, rule.class, &rule.member) == (pair.rule.kind, pair.rule.class, &pair.rule.member);
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
