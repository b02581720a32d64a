//! What there must be: what becomes of a key that is there, and which keys are made, as the contract demands.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::holds::Holds;
use super::super::state::{Entry, Field, Name, Value};
use super::depths::Depths;
use super::implied::{Implied, Members, Score};
use super::names::{Names, is_of};
use super::repeated::repeated;
use crate::dump::rdb::Record;
use crate::model::spec::{Brake, IndexType, Policy};

/// What must become of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// It stays as it is, there or not.
    Same,
    Gone,
    Becomes(Entry),
}

/// What it takes to say that of keys one by one.
pub struct Target<'t, 'a> {
    pub names: &'t Names<'a>,
    pub implied: &'t Implied<'a>,
    pub depths: &'t Depths,
    pub records_in_families: &'t BTreeSet<Name>,
}

impl Target<'_, '_> {
    /// An index is frozen if nothing may be removed from it.
    fn is_frozen(&self, index: usize) -> bool {
        let Some(rule) = self.names.spec.indexes.get(index) else { return true };
        let without_records = rule.from.is_some_and(|class| self.implied.decodable.get(class) == Some(&0));
        let in_doubt = self.implied.undecidable.get(index).is_some_and(|undecidable| !undecidable.is_empty());
        without_records || (in_doubt && !rule.names_its_record() && rule.policy != Policy::Retire)
    }

    /// What must become of a key that is there.
    pub fn of(&self, name: &Name, record: &Record<'_>, start: &Entry) -> Result<Due, Error> {
        let (names, spec) = (self.names, self.names.spec);
        let families = names.indexes_of(name.0, &name.1);
        let owner = names.owner(&families, |index| self.implied.implies(index, &name.1));
        let Some((owner, rule)) = owner.and_then(|owner| Some((owner, spec.indexes.get(owner)?))) else {
            return Ok(Due::Same);
        };
        if rule.policy == Policy::Report {
            return Ok(Due::Same);
        }
        // A key whose name fits several families is judged by all of them but the retired ones: what a record that is
        // undecidable for another index names, and what is in the family of another frozen index, stays too.
        let is_retired = |at: usize| spec.indexes.get(at).is_none_or(|index| index.policy == Policy::Retire);
        let claims: Vec<usize> = families.iter().copied().filter(|&at| !is_retired(at)).collect();
        let in_any = self.implied.undecodable.get(&name.0).filter(|_| !claims.is_empty());
        let held: Vec<&BTreeSet<Vec<u8>>> =
            claims.iter().filter_map(|&at| self.implied.undecidable.get(at)).chain(in_any).collect();
        let frozen = self.is_frozen(owner) || claims.iter().any(|&at| self.is_frozen(at));
        let mut holds = Holds::find(record, &held)?;
        let is_any_held = held.iter().any(|held| !held.is_empty());
        // Entries that make up the name of their record.
        let names_held = |member: &[u8], value: &[u8]| {
            is_any_held
                && claims.iter().any(|&at| {
                    let record = names.record_of(at, &name.1, member, value);
                    record.is_some_and(|record| held.iter().any(|held| held.contains(&record)))
                })
        };
        let held_as = |member: &[u8], value: &[u8]| {
            let as_it_is = |text: &[u8]| held.iter().any(|held| held.contains(text));
            as_it_is(member) || (!value.is_empty() && as_it_is(value)) || names_held(member, value)
        };
        if is_any_held {
            holds |= match &start.value {
                Value::Set(members) => members.iter().any(|member| names_held(member, &[])),
                Value::Zset(members) => members.keys().any(|member| names_held(member, &[])),
                Value::List(elements) => elements.iter().any(|element| names_held(element, &[])),
                Value::Hash(fields) => fields.iter().any(|(field, of)| names_held(field, &of.value)),
                Value::String(text) => names_held(&[], text),
                Value::Json(_) | Value::Other(_) => false,
            };
        }
        let wanted = self.implied.members(owner, &name.1);
        let right_type = is_of(record.value.ty.kind(), rule.kind);
        // What the brakes keep of keys that no record implies, each by itself.
        let in_question = wanted.is_none() && !frozen;
        let lifted = |brake| rule.accepted.has(brake);
        let other_type = !right_type && !lifted(Brake::OtherType);
        let nested = || !lifted(Brake::Nested) && self.depths.is_nested(owner, &names.colons(owner, &name.1));
        if in_question && (other_type || nested()) {
            return Ok(Due::Same);
        }
        let forms = names.member_forms(&families);
        // Of a hash the other fields are somebody else's, whatever is accepted.
        let counts = !lifted(Brake::ForeignMembers) || (rule.kind == IndexType::Hash && right_type);
        let is_foreign = |member: &[u8]| counts && !forms.is_empty() && !forms.iter().any(|form| form.fits(member));
        let has_foreign = || match &start.value {
            Value::Set(members) => members.iter().any(|member| is_foreign(member)),
            Value::Zset(members) => members.keys().any(|member| is_foreign(member)),
            Value::Hash(fields) if right_type => fields.keys().any(|field| is_foreign(field)),
            _ => false,
        };
        let foreign = in_question && !holds && has_foreign();
        if foreign && !right_type {
            return Ok(Due::Same);
        }
        if rule.policy == Policy::Retire {
            return Ok(if !frozen && !holds && !foreign { Due::Gone } else { Due::Same });
        }
        if right_type && (wanted.is_some() || holds || foreign) {
            let wanted = wanted.unwrap_or_default();
            if is_as_wanted(&start.value, &wanted) {
                return Ok(Due::Same);
            }
            let is_held = |member: &[u8], value: &[u8]| held_as(member, value) || is_foreign(member);
            let stands_twice = repeated(record, &start.value)?.iter().any(|member| match wanted.get(member) {
                Some(score) => score != Score::Several,
                None => !frozen && !is_held(member, &[]),
            });
            // Nobody knows what an edit of such a key comes to.
            if stands_twice {
                return Ok(Due::Same);
            }
            let mut mended = start.clone();
            mend(&mut mended.value, &wanted, frozen, is_held);
            Ok(match mended {
                mended if mended.value.elements() == 0 => Due::Gone,
                mended if mended == *start => Due::Same,
                mended => Due::Becomes(mended),
            })
        } else if !holds && !frozen {
            let made = wanted.and_then(|wanted| self.make(name, &wanted, rule.kind));
            Ok(made.map_or(Due::Gone, Due::Becomes))
        } else {
            Ok(Due::Same)
        }
    }

    /// The index that makes a key which is not there, if exactly one does.
    fn maker(&self, name: &Name) -> Option<usize> {
        let of_db = self.names.spec.indexes.iter().enumerate().filter(|(_, rule)| rule.db == name.0);
        let mut implying = of_db.filter(|(at, _)| self.implied.implies(*at, &name.1));
        match (implying.next(), implying.next()) {
            (Some((at, rule)), None) if rule.policy == Policy::Maintain => Some(at),
            _ => None,
        }
    }

    /// What must become of a key that is not there.
    pub fn of_absent(&self, name: &Name) -> Due {
        let made = self.maker(name).and_then(|index| {
            let rule = self.names.spec.indexes.get(index)?;
            self.make(name, &self.implied.members(index, &name.1)?, rule.kind)
        });
        made.map_or(Due::Same, Due::Becomes)
    }

    /// The names of all keys that may have to be made.
    pub fn implied_names(&self) -> impl Iterator<Item = Name> {
        let rules = self.names.spec.indexes.iter().enumerate().filter(|(_, rule)| rule.policy == Policy::Maintain);
        rules.flat_map(|(at, rule)| self.implied.keys(at).into_iter().map(|key| (rule.db, key.to_vec())))
    }

    /// An index key as it is made; none that is a record.
    fn make(&self, name: &Name, wanted: &Members<'_>, kind: IndexType) -> Option<Entry> {
        if self.records_in_families.contains(name) {
            return None;
        }
        let mut value = match kind {
            IndexType::Zset => Value::Zset(BTreeMap::new()),
            IndexType::Hash => Value::Hash(BTreeMap::new()),
            IndexType::String => match wanted.iter().next() {
                Some((_, Score::Value(text))) => Value::String(text.to_vec()),
                _ => return None,
            },
            _ => Value::Set(BTreeSet::new()),
        };
        mend(&mut value, wanted, false, |_, _| false);
        (value.elements() > 0).then_some(Entry { value, expire_ms: None })
    }
}

/// Whether a set or sorted set has what is wanted and nothing else.
fn is_as_wanted(value: &Value, wanted: &Members<'_>) -> bool {
    match value {
        Value::Set(members) => members.iter().map(Vec::as_slice).eq(wanted.iter().map(|(member, _)| member)),
        Value::Zset(members) => {
            let mut wanted = wanted.iter();
            let as_wanted = |(member, score): (&Vec<u8>, &f64)| match wanted.next() {
                Some((due, Score::One(due_score))) => due == member.as_slice() && due_score == *score,
                Some((due, _)) => due == member.as_slice(),
                None => false,
            };
            members.iter().all(as_wanted) && wanted.next().is_none()
        }
        _ => false,
    }
}

/// Adds what is wanted, and removes what is not, from a value of the right type.
fn mend(value: &mut Value, wanted: &Members<'_>, frozen: bool, is_held: impl Fn(&[u8], &[u8]) -> bool) {
    let stays = |member: &Vec<u8>, value: &[u8]| frozen || wanted.has(member) || is_held(member, value);
    match value {
        Value::Set(members) => {
            members.retain(|member| stays(member, &[]));
            members.extend(wanted.iter().map(|(member, _)| member.to_vec()));
        }
        Value::Zset(members) => {
            members.retain(|member, _| stays(member, &[]));
            for (member, score) in wanted.iter() {
                // In a frozen index the score that is there may be that of the record that cannot be read.
                if let Score::One(score) = score
                    && !(frozen && members.contains_key(member))
                {
                    members.insert(member.to_vec(), score);
                }
            }
        }
        Value::Hash(fields) => {
            fields.retain(|field, of| stays(field, &of.value));
            for (field, value) in wanted.iter() {
                let Score::Value(value) = value else { continue };
                match fields.get_mut(field) {
                    // To set it again would take its own expiry away; and what names a record of which nothing can be said
                    // may be right.
                    Some(of) if frozen || of.expire_ms.is_some() || is_held(field, &of.value) => {}
                    Some(of) => of.value = value.to_vec(),
                    None => {
                        fields.insert(field.to_vec(), Field { value: value.to_vec(), expire_ms: None });
                    }
                }
            }
        }
        Value::String(text) => {
            if let (false, Some(Score::Value(value))) =
                (frozen || is_held(&[], text), wanted.iter().next().map(|(_, score)| score))
            {
                *text = value.to_vec();
            }
        }
        _ => {}
    }
}
