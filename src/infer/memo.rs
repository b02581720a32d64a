//! Sets that note, beside each record, the keys of the indexes that have it.

use std::collections::{BTreeMap, HashMap};

use super::Error;
use super::candidate::Candidate;
use super::entries;
use super::fields::Fields;
use super::patterns::Piece;
use super::rule::{Member, Part, Rule};
use super::sample::{Document, Sample};
use super::scatter;
use super::survey::Survey;
use crate::dump::rdb::{Kind, Scratch};

/// Keys of a pattern that are looked at, and members of each.
const KEYS: usize = 200;
const MEMBERS: usize = 64;
/// Of the members of records that are there, so many in a hundred are explained.
const EXPLAINED: usize = 90;
const LEAST: usize = 3;

/// Rules for such sets, from those of the indexes.
pub fn find(survey: &Survey<'_>, sample: &Sample, made: &[Candidate]) -> Result<Vec<Candidate>, Error> {
    let documents: HashMap<(u64, &[u8]), &Document> =
        sample.documents.iter().map(|document| ((document.db, document.name.as_slice()), document)).collect();
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    let patterns = sample.patterns.iter().filter(|pattern| pattern.kind == Kind::Set && pattern.vars() == 1);
    for pattern in patterns {
        let mut found: BTreeMap<u32, BTreeMap<usize, usize>> = BTreeMap::new();
        let mut members: BTreeMap<u32, usize> = BTreeMap::new();
        for named in scatter::some(&pattern.names, KEYS).filter_map(|at| sample.names.get(*at)) {
            let Some(id) = pattern.read(&named.name).and_then(|spots| named.name.get(spots.first()?.clone())) else {
                continue;
            };
            let classes = sample.classes.all.iter().filter(|class| class.db == pattern.db);
            let owner = classes.filter_map(|class| class.named_by(id)).find_map(|(name, _)| {
                let document = documents.get(&(pattern.db, name.as_slice()))?;
                Some((document.class?, *document))
            });
            let Some((class, document)) = owner else { continue };
            for entry in
                entries::some(&survey.dump, survey.clock, named.start, (MEMBERS, MEMBERS as u64), &mut scratch)?
            {
                let count = members.entry(class).or_default();
                *count = count.saturating_add(1);
                let own = made.iter().enumerate().filter(|(_, one)| one.rule.class == class && one.rule.fields() > 0);
                for (at, _) in own.filter(|(_, one)| gives(&one.rule.key, &document.fields, &entry.member)) {
                    let count = found.entry(class).or_default().entry(at).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        for (class, rules) in found {
            let all = members.get(&class).copied().unwrap_or(0);
            let explained: usize = rules.values().sum();
            if explained < LEAST || explained.saturating_mul(100) < all.saturating_mul(EXPLAINED) {
                continue;
            }
            let keys: Vec<Vec<Part>> =
                rules.keys().filter_map(|at| made.get(*at)).map(|one| one.rule.key.clone()).collect();
            let Some(path) = capture_of(sample, class) else { continue };
            let key = pattern.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => Part::Literal(text.clone()),
                Piece::Var(_) => Part::Field(path),
            });
            let rule = Rule {
                db: pattern.db,
                kind: Kind::Set,
                class,
                member: Member::Names(keys),
                value: None,
                key: key.collect(),
            };
            let votes = explained as u64;
            out.push(Candidate {
                rule,
                votes,
                score: None,
                required: Vec::new(),
                rivals: Vec::new(),
                when: None,
                extreme: None,
            });
        }
    }
    Ok(out)
}

/// The number of the one capture of a class.
fn capture_of(sample: &Sample, class: u32) -> Option<u32> {
    let [capture] = sample.classes.get(class)?.captures.as_slice() else { return None };
    sample.paths.find(&format!("@{capture}"))
}

/// Whether a template of a key gives this name for a record.
fn gives(parts: &[Part], fields: &Fields, name: &[u8]) -> bool {
    let mut names: Vec<Vec<u8>> = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Literal(text) => names.iter_mut().for_each(|name| name.extend_from_slice(text)),
            Part::Field(path) => {
                let values = fields.iter().filter(|(own, _)| own == path);
                names = values
                    .flat_map(|(_, value)| names.iter().map(move |name| [name.as_slice(), value].concat()))
                    .filter(|start| name.starts_with(start))
                    .collect();
            }
        }
    }
    names.iter().any(|own| own == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_field_gives_a_name() {
        let fields = vec![(0, b"a".to_vec()), (1, b"x".to_vec()), (1, b"xy".to_vec())];
        let key = [Part::Literal(b"by:".to_vec()), Part::Field(0), Part::Literal(b":".to_vec()), Part::Field(1)];
        for (name, is_given) in [("by:a:x", true), ("by:a:xy", true), ("by:a:y", false), ("by:a:", false)] {
            assert_eq!(gives(&key, &fields, name.as_bytes()), is_given, "{name}");
        }
    }
}
