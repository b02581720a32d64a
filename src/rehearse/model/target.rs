//! What there must be: the state that is there, made as the contract demands.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::holds::Holds;
use super::super::state::{Entry, Field, Name, State, Value};
use super::depths::Depths;
use super::implied::{Implied, Members, Score};
use super::names::{Names, is_of};
use super::present::Present;
use super::prune::Rules;
use super::repeated::repeated;
use crate::dump::rdb::Record;
use crate::model::spec::{Brake, IndexType, Policy};
use crate::progress::{Unit, Watch};

/// The state that there must be, made of the one that is there.
pub fn target(names: &Names<'_>, present: &Present<'_>, implied: &Implied, watch: &dyn Watch) -> Result<State, Error> {
    let records_in_families = &present.records_in_families;
    let mut made = Target { names, records_in_families, target: present.start.clone() };
    made.aim(&present.index_keys, implied, watch)?;
    let rules = Rules { names, named: &present.named, clock: present.clock };
    rules.prune(&present.index_keys, &present.start, &mut made.target)?;
    Ok(made.target)
}

/// The state in the making.
struct Target<'t, 'a> {
    names: &'t Names<'a>,
    records_in_families: &'t BTreeSet<Name>,
    target: State,
}

impl Target<'_, '_> {
    /// Goes through the keys that are there, and then makes those that are not.
    fn aim(
        &mut self,
        index_keys: &BTreeMap<Name, Record<'_>>,
        implied: &Implied,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let names = self.names;
        let spec = names.spec;
        let Implied { desired, decodable, undecodable } = implied;
        let of = |index: usize| desired.get(index);
        // An index is frozen if nothing may be removed from it.
        let without_records = |index: usize| {
            let from = spec.indexes.get(index).and_then(|index| index.from);
            from.is_some_and(|class| decodable.get(class) == Some(&0))
        };
        let frozen = |index: usize| {
            let Some(rule) = spec.indexes.get(index) else { return true };
            let in_doubt = of(index).is_some_and(|desired| !desired.undecidable.is_empty());
            without_records(index) || (in_doubt && !rule.names_its_record() && rule.policy != Policy::Retire)
        };
        let keys = u64::try_from(index_keys.len()).unwrap_or(u64::MAX);
        watch.begin("working out the target", Unit::Keys, keys);
        let depths = Depths::new(names, index_keys, implied);
        for (name, record) in index_keys {
            watch.add(1);
            let families = names.indexes_of(name.0, &name.1);
            let Some((owner, rule)) = names
                .owner(&families, |index| implied.implies(index, &name.1))
                .and_then(|owner| Some((owner, spec.indexes.get(owner)?)))
            else {
                continue;
            };
            if rule.policy == Policy::Report {
                continue;
            }
            // A key whose name fits several families is judged by all of them but the retired ones: what a record that is
            // undecidable for another index names, and what is in the family of another frozen index, stays too.
            let is_retired = |at: usize| spec.indexes.get(at).is_none_or(|index| index.policy == Policy::Retire);
            let claimants = families.iter().copied().filter(|&at| !is_retired(at));
            let in_any = undecodable.get(&name.0).filter(|_| claimants.clone().next().is_some());
            let held: Vec<&BTreeSet<Vec<u8>>> =
                claimants.clone().filter_map(of).map(|desired| &desired.undecidable).chain(in_any).collect();
            let frozen = frozen(owner) || claimants.clone().any(&frozen);
            let mut holds = Holds::find(record, &held)?;
            // Entries that make up the name of their record.
            let claims: Vec<usize> = claimants.clone().collect();
            let names_held = |member: &[u8], value: &[u8]| {
                claims.iter().any(|&at| {
                    let record = names.record_of(at, &name.1, member, value);
                    record.is_some_and(|record| held.iter().any(|held| held.contains(&record)))
                })
            };
            let held_as = |member: &[u8], value: &[u8]| {
                let as_it_is = |text: &[u8]| held.iter().any(|held| held.contains(text));
                as_it_is(member) || (!value.is_empty() && as_it_is(value)) || names_held(member, value)
            };
            if !held.iter().all(|held| held.is_empty())
                && let Some(entry) = self.target.get(name)
            {
                holds |= match &entry.value {
                    Value::Set(members) => members.iter().any(|member| names_held(member, &[])),
                    Value::Zset(members) => members.keys().any(|member| names_held(member, &[])),
                    Value::List(elements) => elements.iter().any(|element| names_held(element, &[])),
                    Value::Hash(fields) => fields.iter().any(|(field, of)| names_held(field, &of.value)),
                    Value::String(text) => names_held(&[], text),
                    Value::Json(_) | Value::Other(_) => false,
                };
            }
            let wanted = of(owner).and_then(|desired| desired.keys.get(&name.1));
            let right_type = is_of(record.value.ty.kind(), rule.kind);
            // What the brakes keep of keys that no record implies, each by itself.
            let in_question = wanted.is_none() && !frozen;
            let lifted = |brake| rule.accepted.has(brake);
            let other_type = !right_type && !lifted(Brake::OtherType);
            let nested = || !lifted(Brake::Nested) && depths.is_nested(owner, &names.colons(owner, &name.1));
            if in_question && (other_type || nested()) {
                continue;
            }
            let forms = names.member_forms(&families);
            // Of a hash the other fields are somebody else's, whatever is accepted.
            let counts = !lifted(Brake::ForeignMembers) || (rule.kind == IndexType::Hash && right_type);
            let is_foreign = |member: &[u8]| counts && !forms.is_empty() && !forms.iter().any(|form| form.fits(member));
            let has_foreign = self.target.get(name).is_some_and(|entry| match &entry.value {
                Value::Set(members) => members.iter().any(|member| is_foreign(member)),
                Value::Zset(members) => members.keys().any(|member| is_foreign(member)),
                Value::Hash(fields) if right_type => fields.keys().any(|field| is_foreign(field)),
                _ => false,
            });
            let foreign = in_question && !holds && has_foreign;
            if foreign && !right_type {
                continue;
            }
            if rule.policy == Policy::Retire {
                if !frozen && !holds && !foreign {
                    self.target.remove(name);
                }
                continue;
            }
            if right_type && (wanted.is_some() || holds || foreign) {
                let is_held = |member: &[u8], value: &[u8]| held_as(member, value) || is_foreign(member);
                let stands_twice = repeated(record)?.iter().any(|member| match wanted.and_then(|w| w.get(member)) {
                    Some(score) => *score != Score::Several,
                    None => !frozen && !is_held(member, &[]),
                });
                // Nobody knows what an edit of such a key comes to.
                if stands_twice {
                    continue;
                }
                if let Some(entry) = self.target.get_mut(name) {
                    mend(&mut entry.value, wanted.unwrap_or(&Members::new()), frozen, is_held);
                    if entry.value.elements() == 0 {
                        self.target.remove(name);
                    }
                }
            } else if !holds && !frozen {
                self.target.remove(name);
                if let Some(wanted) = wanted {
                    self.make(name, wanted, rule.kind);
                }
            }
        }
        for (index, (rule, of_rule)) in spec.indexes.iter().zip(desired).enumerate() {
            if rule.policy != Policy::Maintain {
                continue;
            }
            for (key, wanted) in &of_rule.keys {
                let name = (rule.db, key.clone());
                let others = spec.indexes.iter().zip(desired).enumerate();
                let contested = others
                    .filter(|(at, (other, _))| *at != index && other.db == rule.db)
                    .any(|(_, (_, other))| other.keys.contains_key(key));
                if !contested && !index_keys.contains_key(&name) {
                    self.make(&name, wanted, rule.kind);
                }
            }
        }
        Ok(())
    }

    /// Makes an index key that is not there; not one that is a record.
    fn make(&mut self, name: &Name, wanted: &Members, kind: IndexType) {
        if self.records_in_families.contains(name) {
            return;
        }
        let mut value = match kind {
            IndexType::Zset => Value::Zset(BTreeMap::new()),
            IndexType::Hash => Value::Hash(BTreeMap::new()),
            IndexType::String => match wanted.values().next() {
                Some(Score::Value(text)) => Value::String(text.clone()),
                _ => return,
            },
            _ => Value::Set(BTreeSet::new()),
        };
        mend(&mut value, wanted, false, |_, _| false);
        if value.elements() > 0 {
            self.target.insert(name.clone(), Entry { value, expire_ms: None });
        }
    }
}

/// Adds what is wanted, and removes what is not, from a value of the right type.
fn mend(value: &mut Value, wanted: &Members, frozen: bool, is_held: impl Fn(&[u8], &[u8]) -> bool) {
    let stays = |member: &Vec<u8>, value: &[u8]| frozen || wanted.contains_key(member) || is_held(member, value);
    match value {
        Value::Set(members) => {
            members.retain(|member| stays(member, &[]));
            members.extend(wanted.keys().cloned());
        }
        Value::Zset(members) => {
            members.retain(|member, _| stays(member, &[]));
            for (member, score) in wanted {
                // In a frozen index the score that is there may be that of the record that cannot be read.
                if let Score::One(score) = score
                    && !(frozen && members.contains_key(member))
                {
                    members.insert(member.clone(), *score);
                }
            }
        }
        Value::Hash(fields) => {
            fields.retain(|field, of| stays(field, &of.value));
            for (field, value) in wanted {
                let Score::Value(value) = value else { continue };
                match fields.get_mut(field) {
                    // To set it again would take its own expiry away; and what names a record of which nothing can be said
                    // may be right.
                    Some(of) if frozen || of.expire_ms.is_some() || is_held(field, &of.value) => {}
                    Some(of) => of.value.clone_from(value),
                    None => {
                        fields.insert(field.clone(), Field { value: value.clone(), expire_ms: None });
                    }
                }
            }
        }
        Value::String(text) => {
            if let (false, Some(Score::Value(value))) = (frozen || is_held(&[], text), wanted.values().next()) {
                text.clone_from(value);
            }
        }
        _ => {}
    }
}
