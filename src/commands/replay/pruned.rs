//! What the prune rules of a plan's spec say of its keys: which keys an entry names, and whether one that is there lets it
//! stay.

use std::collections::HashMap;

use super::asked::{asked, document};
use crate::bundle::manifest::Touched;
use crate::model::document::Extractor;
use crate::model::entry::Entries;
use crate::model::spec::{Exists, IndexType, Policy, Spec};
use crate::model::view::{KeyType, Names};
use crate::replay::{Entry, Named, Pruned, Rule, Value};

/// The prune rules, ready to be asked.
#[derive(Default)]
pub struct PruneRules {
    /// The rules of each key of the plan that has some, by the place of their set.
    keys: HashMap<(u32, Vec<u8>), usize>,
    sets: Vec<Rules>,
    /// By index, and by place in its `exists`: what to ask a key for, and the names of top-level fields.
    asked: Vec<Vec<(Rule, Vec<Vec<u8>>)>>,
}

/// Rules that decide together.
#[derive(PartialEq, Eq)]
struct Rules {
    indexes: Vec<usize>,
    /// Rules about the key as a whole, where others are about its entries.
    of_name: Vec<usize>,
    pruned: Pruned,
}

impl PruneRules {
    /// For the keys that a plan touches.
    pub fn new(spec: &Spec, touched: &[Touched]) -> Self {
        let mut rules = Self::default();
        if !spec.indexes.iter().any(|index| index.policy == Policy::Prune) {
            return rules;
        }
        let of_exists = |exists: &Exists| {
            let (paths, fields, names) = asked(&exists.paths);
            (Rule { index: 0, paths, fields }, names)
        };
        rules.asked = spec.indexes.iter().map(|index| index.exists.iter().map(of_exists).collect()).collect();
        let names = Names::new(spec);
        for key in touched {
            let Some(set) = rules.of_key(spec, &names, key) else { continue };
            let at = match rules.sets.iter().position(|known| *known == set) {
                Some(at) => at,
                None => {
                    rules.sets.push(set);
                    rules.sets.len() - 1
                }
            };
            let db = u32::try_from(key.db).unwrap_or(u32::MAX);
            rules.keys.insert((db, key.key.0.clone()), at);
        }
        rules
    }

    fn of_key(&self, spec: &Spec, names: &Names<'_>, key: &Touched) -> Option<Rules> {
        let name = &key.key.0[..];
        // What records imply, and what is retired, is no matter of prune rules.
        if names.indexes_of(key.db, name).next().is_some() {
            return None;
        }
        let is_prune = |at: &usize| spec.indexes[*at].policy == Policy::Prune;
        let all: Vec<usize> = names.pruning(key.db, name, key_type(&key.kind)).filter(is_prune).collect();
        let by_name = |at: &usize| spec.indexes[*at].kind == IndexType::Any;
        // A rule without literal text takes any key: it is not what a whole key goes by.
        let decides = |at: &usize| spec.indexes[*at].family.literals() > 0;
        let whole: Vec<usize> = all.iter().copied().filter(|at| by_name(at) && decides(at)).collect();
        let inner: Vec<usize> = all.into_iter().filter(|at| !by_name(at)).collect();
        let (indexes, of_name, whole) = match (inner.is_empty(), whole.is_empty()) {
            (true, true) => return None,
            (true, false) => (whole, Vec::new(), true),
            (false, _) => (inner, whole, false),
        };
        // The entry and what must be there; of each check what it is, the key twice, a field or way, a state.
        let all = indexes.iter().chain(&of_name);
        let checks: usize = all.map(|at| spec.indexes[*at].exists.len()).sum();
        let pruned = Pruned { whole, by_name: !of_name.is_empty(), arguments: 8 + 5 * checks };
        Some(Rules { indexes, of_name, pruned })
    }

    fn set(&self, db: u32, key: &[u8]) -> Option<&Rules> {
        if self.keys.is_empty() {
            return None;
        }
        self.sets.get(*self.keys.get(&(db, key.to_vec()))?)
    }

    /// Whether they decide about any key of the plan.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What they take away from a key.
    pub fn of(&self, db: u32, key: &[u8]) -> Option<Pruned> {
        Some(self.set(db, key)?.pruned)
    }

    /// What each entry of a key names.
    pub fn named(&self, spec: &Spec, db: u32, key: &[u8], entries: &[Entry<'_>]) -> Vec<Option<Vec<Named>>> {
        let Some(rules) = self.set(db, key) else { return vec![None; entries.len()] };
        let Rules { indexes, pruned, .. } = rules;
        named_by(spec, key, indexes, pruned.whole, entries)
    }

    /// What the name of a key names, where its entries name keys, too.
    pub fn named_by_name(&self, spec: &Spec, db: u32, key: &[u8]) -> Option<Vec<Named>> {
        let rules = self.set(db, key).filter(|rules| !rules.of_name.is_empty())?;
        named_by(spec, key, &rules.of_name, true, &[(b"", b"")]).pop().flatten()
    }

    /// What to ask a key for.
    pub fn asked(&self, (index, place): (usize, usize)) -> Option<&Rule> {
        Some(&self.asked.get(index)?.get(place)?.0)
    }

    /// Whether what was found satisfies the condition, or may do so.
    pub fn holds(
        &self,
        spec: &Spec,
        key: &[u8],
        entry: Entry<'_>,
        (index, place): (usize, usize),
        value: &Value,
    ) -> bool {
        let of_index = || {
            let index = spec.indexes.get(index)?;
            let mut form = Entries::new(index, key)?;
            let whole = index.kind == IndexType::Any;
            (whole || form.read(entry.0, entry.1)).then_some(form)
        };
        let (Some(form), Some((rule, names))) = (of_index(), self.asked.get(index).and_then(|all| all.get(place)))
        else {
            return true;
        };
        let Some(exists) = form.index.exists.get(place) else { return true };
        let mut extractor = Extractor::new(&exists.paths);
        let text;
        let slots = match value {
            Value::Absent => return false,
            Value::Other => return true,
            Value::Document(answer) => {
                text = match answer {
                    Some(answer) => document(answer, names),
                    None => Some(b"{}".to_vec()),
                };
                let Some(text) = &text else { return true };
                extractor.json(text).ok()
            }
            Value::Text(text) => extractor.json(text).ok(),
            Value::Hash(values) => {
                let fields = rule.fields.iter().zip(values);
                let there = fields.filter_map(|(field, value)| Some((&field[..], value.as_deref()?)));
                Some(extractor.hash(there))
            }
        };
        slots.is_none_or(|slots| form.holds(exists, entry, &slots).unwrap_or(true))
    }
}

/// What entries of a key name by these rules; `whole` where it is the key's own name that does.
fn named_by(spec: &Spec, key: &[u8], indexes: &[usize], whole: bool, entries: &[Entry<'_>]) -> Vec<Option<Vec<Named>>> {
    let forms = indexes.iter().filter_map(|at| Some((*at, Entries::new(spec.indexes.get(*at)?, key)?)));
    let mut forms: Vec<(usize, Entries<'_>)> = forms.collect();
    let of_entry = |entry: &Entry<'_>| {
        let mut all = Vec::new();
        let mut has_form = false;
        for (at, form) in &mut forms {
            if !whole && !form.read(entry.0, entry.1) {
                continue;
            }
            has_form = true;
            for (place, exists) in form.index.exists.iter().enumerate() {
                let fill = |template| {
                    let mut text = Vec::new();
                    form.fill(template, entry.0, entry.1, &mut text).then_some(text)
                };
                let field = match &exists.field {
                    Some(template) => Some(fill(template)?),
                    None => None,
                };
                let condition = (!exists.conditions.is_empty()).then_some((*at, place));
                all.push(Named { key: fill(&exists.key)?, field, condition });
            }
        }
        has_form.then_some(all)
    };
    entries.iter().map(of_entry).collect()
}

/// The type of a key by what the command `TYPE` answers.
fn key_type(name: &str) -> KeyType {
    match name {
        "string" => KeyType::String,
        "list" => KeyType::List,
        "set" => KeyType::Set,
        "zset" => KeyType::Zset,
        "hash" => KeyType::Hash,
        "ReJSON-RL" => KeyType::Json,
        _ => KeyType::Other,
    }
}
