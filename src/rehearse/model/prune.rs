//! What prune rules take away: the contract's list of what is kept, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::super::Error;
use super::super::clock::{Clock, Due};
use super::super::state::{Name, Value};
use super::entry::{Captured, Entry, fill};
use super::named::Named;
use super::names::Names;
use super::repeated::repeated;
use crate::dump::rdb::Record;
use crate::model::document::{Extractor, Slot, Slots};
use crate::model::spec::{Condition, Exists, Index, IndexType, Part, Policy, Test};

/// What it takes to know whether a named key is there.
pub struct Rules<'r, 'a> {
    pub names: &'r Names<'a>,
    pub named: &'r Named<'a>,
    pub clock: Clock,
}

/// What became of the key that an entry names.
#[derive(Clone, Copy, Default)]
struct Found {
    stays: bool,
    in_dump: bool,
}

/// What is left of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    All,
    Some(Value),
    Nothing,
}

impl Rules<'_, '_> {
    /// Whether these rules are about a key of the dump, and no index made from records is.
    pub fn are_about(&self, name: &Name) -> bool {
        self.names.indexes_of(name.0, &name.1).is_empty()
    }

    /// Adds to the keys that are `gone` those that go because of them, to the end of the chain.
    pub fn follow(&self, keys: &BTreeMap<Name, Record<'_>>, gone: &mut BTreeSet<Name>) -> Result<(), Error> {
        let mut left: Vec<(&Name, &Record<'_>)> = keys.iter().filter(|(name, _)| self.are_about(name)).collect();
        loop {
            let goes = |(name, record): &(&Name, &Record<'_>)| {
                let value = Value::read(&record.value, &self.clock)?;
                value.map_or(Ok(false), |value| Ok(self.of(name, record, &value, gone)? == Left::Nothing))
            };
            let going = left.par_iter().map(goes).collect::<Result<Vec<bool>, Error>>()?;
            if !going.contains(&true) {
                return Ok(());
            }
            let mut going = going.into_iter();
            left.retain(|(name, _)| !(going.next() == Some(true) && gone.insert((*name).clone())));
        }
    }

    /// What is left of a key, where others are gone.
    pub fn of(&self, name: &Name, record: &Record<'_>, value: &Value, gone: &BTreeSet<Name>) -> Result<Left, Error> {
        let indexes = &self.names.spec.indexes;
        let rules: Vec<(usize, &Index)> = self
            .names
            .pruning(name.0, &name.1, record.value.ty.kind())
            .into_iter()
            .filter_map(|at| Some((at, indexes.get(at)?)))
            .filter(|(_, index)| index.policy == Policy::Prune)
            .collect();
        let is_vague = |index: &Index| !index.key.parts.iter().any(|part| matches!(part, Part::Literal(_)));
        let (mut asked, mut stays) = (false, false);
        for (at, index) in rules.iter().filter(|(_, index)| index.kind == IndexType::Any && !is_vague(index)) {
            let Some(captured) = self.read(*at, index, name, &[], &[]) else { continue };
            asked = true;
            stays |= self.find(index, &captured, gone)?.stays;
        }
        if asked && !stays {
            return Ok(Left::Nothing);
        }
        let mut going: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let entries: Vec<(&[u8], &[u8])> = match value {
            Value::Set(members) => members.iter().map(|member| (&member[..], &[][..])).collect(),
            Value::Zset(members) => members.keys().map(|member| (&member[..], &[][..])).collect(),
            Value::List(elements) => elements.iter().map(|element| (&element[..], &[][..])).collect(),
            Value::Hash(fields) => fields.iter().map(|(field, of)| (&field[..], &of.value[..])).collect(),
            Value::String(text) => vec![(&[][..], &text[..])],
            Value::Json(_) | Value::Other(_) => Vec::new(),
        };
        // Without literal text in its template a rule is about this key only if some entry names a key of the dump.
        let mut counting: Vec<(usize, &Index)> = Vec::new();
        for (at, index) in rules.iter().filter(|(_, index)| index.kind != IndexType::Any) {
            let mut in_dump = !is_vague(index);
            for (member, text) in &entries {
                if let (false, Some(captured)) = (in_dump, self.read(*at, index, name, member, text)) {
                    in_dump = self.find(index, &captured, gone)?.in_dump;
                }
            }
            if in_dump {
                counting.push((*at, index));
            }
        }
        for (member, text) in entries {
            let (mut formed, mut stays) = (false, false);
            for (at, index) in &counting {
                let Some(captured) = self.read(*at, index, name, member, text) else { continue };
                formed = true;
                stays |= self.find(index, &captured, gone)?.stays;
            }
            if formed && !stays {
                going.push((member.to_vec(), text.to_vec()));
            }
        }
        if going.is_empty() {
            return Ok(Left::All);
        }
        let twice = repeated(record, value)?;
        if going.iter().any(|(member, _)| twice.contains(member)) {
            return Ok(Left::All);
        }
        let goes: BTreeSet<&[u8]> = going.iter().map(|(member, _)| &member[..]).collect();
        let mut left = value.clone();
        match &mut left {
            Value::Set(members) => members.retain(|member| !goes.contains(&member[..])),
            Value::Zset(members) => members.retain(|member, _| !goes.contains(&member[..])),
            Value::List(elements) => elements.retain(|element| !goes.contains(&element[..])),
            Value::Hash(fields) => fields.retain(|field, _| !goes.contains(&field[..])),
            Value::String(_) => return Ok(Left::Nothing),
            Value::Json(_) | Value::Other(_) => {}
        }
        Ok(if left.elements() > 0 { Left::Some(left) } else { Left::Nothing })
    }

    fn read(&self, at: usize, index: &Index, name: &Name, member: &[u8], text: &[u8]) -> Option<Captured> {
        Entry::read(index, self.names.key_reading(at)?, &name.1, member, text)
    }

    /// Looks for any of the keys that would let an entry stay.
    fn find(&self, index: &Index, captured: &Captured, gone: &BTreeSet<Name>) -> Result<Found, Error> {
        let mut found = Found::default();
        for exists in &index.exists {
            let Some(name) = fill(&exists.key.parts, captured) else {
                return Ok(Found { stays: true, in_dump: found.in_dump });
            };
            let name = (index.db, name);
            let Some(record) = self.named.get(&name) else { continue };
            found.in_dump = true;
            if !gone.contains(&name) {
                found.stays |= self.is_as_asked(exists, captured, record)?;
            }
        }
        Ok(found)
    }

    /// Whether a key that is there is what `exists` asks for, or may be.
    fn is_as_asked(&self, exists: &Exists, captured: &Captured, record: &Record<'_>) -> Result<bool, Error> {
        // An expiry that cannot be meant as a time leaves in doubt whether the key is there at all.
        let in_doubt = record.expire_ms.is_some() && self.clock.due(record.expire_ms) == Due::Never;
        if in_doubt || (exists.field.is_none() && exists.conditions.is_empty()) {
            return Ok(true);
        }
        let mut extractor = Extractor::new(&exists.paths);
        let slots = match (Value::read(&record.value, &self.clock)?, &exists.field) {
            (Some(Value::Hash(fields)), Some(field)) => {
                let Some(name) = fill(&field.parts, captured) else { return Ok(true) };
                let Some(of) = fields.get(&name) else { return Ok(false) };
                if exists.conditions.is_empty() {
                    return Ok(true);
                }
                let Ok(slots) = extractor.json(&of.value) else { return Ok(true) };
                return Ok(meets(&exists.conditions, captured, &slots));
            }
            (_, Some(_)) => return Ok(true),
            (Some(Value::Hash(fields)), None) => {
                extractor.hash(fields.iter().map(|(field, of)| (&field[..], &of.value[..])))
            }
            (Some(Value::String(text) | Value::Json(text)), None) => match extractor.json(&text) {
                Ok(slots) => return Ok(meets(&exists.conditions, captured, &slots)),
                Err(_) => return Ok(true),
            },
            _ => return Ok(true),
        };
        Ok(meets(&exists.conditions, captured, &slots))
    }
}

/// Whether all conditions are met, or it cannot be said that one is not.
fn meets(conditions: &[Condition], captured: &Captured, slots: &Slots<'_>) -> bool {
    conditions.iter().all(|condition| {
        let compares = matches!(condition.test, Test::OneOf(_));
        let all: Vec<Slot<'_>> = slots.elements(condition.path).map(|(_, slot)| slot).collect();
        let text = |slot: &Slot<'_>| match slot {
            Slot::Text(text) | Slot::Literal(text) => Some(text.to_vec()),
            _ => None,
        };
        let there = all.iter().any(|slot| !matches!(slot, Slot::Null | Slot::Absent));
        let met = match &condition.test {
            Test::There => there,
            Test::Absent => !there,
            Test::OneOf(texts) => {
                let asked: Vec<Vec<u8>> = texts.iter().filter_map(|template| fill(&template.parts, captured)).collect();
                all.iter().filter_map(text).any(|text| asked.contains(&text))
            }
        };
        met || (compares && all.contains(&Slot::Composite))
    })
}
