//! A field that tells which records are in an index.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::Error;
use super::candidate::{Candidate, Test, When};
use super::fields::Fields;
use super::rule::{Member, Part};
use super::sample::Sample;
use super::scatter;
use super::survey::Survey;
use crate::dump::rdb::{Element, Flow, Kind, Scratch, Visitor};

/// Records that are looked at.
const RECORDS: usize = 600;
/// A longer key is not looked into.
const ELEMENTS: u64 = 100_000;
/// Fields with more values tell nothing.
const VALUES: usize = 8;
/// Records on either side.
const LEAST: usize = 3;
/// Of a hundred records so many may be on the wrong side: some entries are wrong.
const WRONG_PERCENT: usize = 3;

/// Records of a class: those that an index has, and those that it has not.
pub struct Split {
    inside: Vec<Rc<Fields>>,
    outside: Vec<Rc<Fields>>,
}

impl Split {
    /// Looks which records of the sample an index has; none if that cannot be seen.
    pub fn of(survey: &Survey<'_>, sample: &Sample, candidate: &Candidate) -> Result<Option<Self>, Error> {
        let rule = &candidate.rule;
        if !matches!(rule.kind, Kind::Set | Kind::Zset) {
            return Ok(None);
        }
        let of_class: Vec<_> = sample.documents.iter().filter(|document| document.class == Some(rule.class)).collect();
        let mut keys: HashMap<Vec<u8>, Option<HashSet<Vec<u8>>>> = HashMap::new();
        let mut split = Self { inside: Vec::new(), outside: Vec::new() };
        for document in scatter::some(&of_class, RECORDS) {
            let (Some(key), Some(member)) =
                (filled(&rule.key, &document.fields), member(&rule.member, &document.name, &document.fields))
            else {
                continue;
            };
            if !keys.contains_key(&key) {
                let members = members(survey, rule.db, &key)?;
                keys.insert(key.clone(), members);
            }
            let fields = Rc::clone(&document.fields);
            match keys.get(&key) {
                Some(Some(members)) if members.contains(&member) => split.inside.push(fields),
                _ => split.outside.push(fields),
            }
        }
        Ok(Some(split))
    }

    /// The field that separates them, if there is one.
    pub fn when(&self, sample: &Sample, candidate: &Candidate) -> Option<When> {
        if self.inside.len() < LEAST || self.outside.len() < LEAST {
            return None;
        }
        let used = used(candidate);
        let allowed = self.inside.len().saturating_add(self.outside.len()).saturating_mul(WRONG_PERCENT) / 100;
        let mut best: Option<(usize, When)> = None;
        for path in self.paths() {
            let text = sample.paths.text(path);
            if used.contains(&path) || text.contains(['@', '|']) || text.contains("[]") {
                continue;
            }
            if let Some((wrong, test)) =
                separates(path, &self.inside, &self.outside).filter(|(wrong, _)| *wrong <= allowed)
                && best.as_ref().is_none_or(|(least, _)| wrong < *least)
            {
                best = Some((wrong, When { path, test }));
            }
        }
        best.map(|(_, when)| when)
    }

    /// A field of which all records that are not there have the least values, or the greatest.
    pub fn extreme(&self, sample: &Sample, candidate: &Candidate) -> Option<u32> {
        if self.outside.is_empty() || self.inside.is_empty() {
            return None;
        }
        let used = used(candidate);
        let paths = self.paths().into_iter().filter(|path| !used.contains(path));
        paths.filter(|path| !sample.paths.text(*path).contains(['|', '[', '"'])).find(|path| {
            let values = |of: &[Rc<Fields>]| -> Option<Vec<Ordered>> {
                of.iter().map(|fields| ordered(fields, *path)).collect()
            };
            let (Some(inside), Some(outside)) = (values(&self.inside), values(&self.outside)) else { return false };
            let least = |of: &[Ordered]| of.iter().cloned().reduce(|a, b| if b < a { b } else { a });
            let most = |of: &[Ordered]| of.iter().cloned().reduce(|a, b| if b > a { b } else { a });
            most(&outside) < least(&inside) || least(&outside) > most(&inside)
        })
    }

    fn paths(&self) -> BTreeSet<u32> {
        self.inside.iter().chain(&self.outside).flat_map(|fields| fields.iter().map(|(path, _)| *path)).collect()
    }
}

/// A number, or a text: a time is either.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Ordered {
    Number(f64),
    Text(Vec<u8>),
}

fn ordered(fields: &Fields, path: u32) -> Option<Ordered> {
    let (_, value) = fields.iter().find(|(own, _)| *own == path)?;
    let number =
        std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok()).filter(|number| !number.is_nan());
    Some(number.map_or_else(|| Ordered::Text(value.clone()), Ordered::Number))
}

/// The fields in the names of the keys.
fn used(candidate: &Candidate) -> BTreeSet<u32> {
    let path = |part: &Part| if let Part::Field(path) = part { Some(*path) } else { None };
    candidate.rule.key.iter().filter_map(path).collect()
}

/// How many records are on the wrong side if this field decides.
fn separates(path: u32, inside: &[Rc<Fields>], outside: &[Rc<Fields>]) -> Option<(usize, Test)> {
    let value = |fields: &Fields| fields.iter().find(|(own, _)| *own == path).map(|(_, value)| value.clone());
    let mut counts: BTreeMap<Option<Vec<u8>>, (usize, usize)> = BTreeMap::new();
    for fields in inside {
        let count = counts.entry(value(fields)).or_default();
        count.0 = count.0.saturating_add(1);
    }
    for fields in outside {
        let count = counts.entry(value(fields)).or_default();
        count.1 = count.1.saturating_add(1);
    }
    let absent = counts.get(&None).copied().unwrap_or_default();
    let there = (inside.len().saturating_sub(absent.0), outside.len().saturating_sub(absent.1));
    // By its being there, whatever its values are.
    let mut best: Option<(usize, Test)> = None;
    let mut offer = |wrong: usize, test: Test| {
        if best.as_ref().is_none_or(|(least, _)| wrong < *least) {
            best = Some((wrong, test));
        }
    };
    if there.0 >= LEAST && absent.1 >= LEAST {
        offer(absent.0.saturating_add(there.1), Test::There);
    }
    if absent.0 >= LEAST && there.1 >= LEAST {
        offer(there.0.saturating_add(absent.1), Test::Absent);
    }
    if counts.len() <= VALUES {
        let (mut wrong, mut values, mut others) = (0_usize, Vec::new(), 0_usize);
        for (value, (with, without)) in counts {
            match value {
                Some(value) if with > without => {
                    wrong = wrong.saturating_add(without);
                    values.push(value);
                }
                _ => {
                    wrong = wrong.saturating_add(with);
                    others = others.saturating_add(1);
                }
            }
        }
        if !values.is_empty() && others > 0 {
            offer(wrong, Test::OneOf(values));
        }
    }
    best
}

fn filled(parts: &[Part], fields: &Fields) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text),
            Part::Field(path) => out.extend_from_slice(&fields.iter().find(|(own, _)| own == path)?.1),
        }
    }
    Some(out)
}

fn member(member: &Member, name: &[u8], fields: &Fields) -> Option<Vec<u8>> {
    match member {
        Member::Key => Some(name.to_vec()),
        Member::Field(before, path) => {
            let mut out = before.clone();
            out.extend_from_slice(&fields.iter().find(|(own, _)| own == path)?.1);
            Some(out)
        }
        Member::Names(_) => None,
    }
}

/// All members of a set or sorted set; none if it is not there, or too long.
fn members(survey: &Survey<'_>, db: u64, key: &[u8]) -> Result<Option<HashSet<Vec<u8>>>, Error> {
    let mut room = Vec::new();
    let Some(found) = survey.find_any(db, key, &mut room)? else { return Ok(None) };
    let record = survey.dump.record(found.start)?;
    if !matches!(found.kind, Kind::Set | Kind::Zset) || record.value.elements()? > ELEMENTS {
        return Ok(None);
    }
    let mut all = All(HashSet::new());
    record.value.visit(&mut Scratch::default(), &mut all)?;
    Ok(Some(all.0))
}

struct All(HashSet<Vec<u8>>);

impl Visitor for All {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.0.insert(member.bytes.to_vec());
        ControlFlow::Continue(())
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.0.insert(member.bytes.to_vec());
        ControlFlow::Continue(())
    }
}
