//! How deep names are: by that the brake `nested` knows keys that were made by somebody else.

use std::collections::BTreeMap;

use super::super::state::Name;
use super::implied::Implied;
use super::names::{Names, is_of};
use crate::dump::rdb::Record;
use crate::model::spec::{Index, Policy};

/// How deep the names of index keys are, by index and field.
#[derive(Debug)]
pub struct Depths {
    /// The deepest names that records imply; none for a retired index.
    implied: Vec<Option<Vec<usize>>>,
    /// By index and field, those of all keys of a retired index that have its type, in order.
    own: Vec<Vec<Vec<usize>>>,
}

impl Depths {
    pub fn new(names: &Names<'_>, index_keys: &BTreeMap<Name, Record<'_>>, all: &Implied<'_>) -> Self {
        let spec = names.spec;
        let mut own = vec![Vec::new(); spec.indexes.len()];
        for (name, record) in index_keys {
            let families = names.indexes_of(name.0, &name.1);
            let Some(owner) = names.owner(&families, |index| all.implies(index, &name.1)) else { continue };
            let is_retired =
                |index: &Index| index.policy == Policy::Retire && is_of(record.value.ty.kind(), index.kind);
            if let (true, Some(own)) = (spec.indexes.get(owner).is_some_and(is_retired), own.get_mut(owner)) {
                for (field, colons) in names.colons(owner, &name.1).into_iter().enumerate() {
                    if own.len() <= field {
                        own.push(Vec::new());
                    }
                    own.get_mut(field).into_iter().for_each(|all| all.push(colons));
                }
            }
        }
        own.iter_mut().flatten().for_each(|all| all.sort_unstable());
        let implied = spec.indexes.iter().enumerate().map(|(at, index)| {
            (index.policy != Policy::Retire).then(|| {
                all.keys(at).into_iter().fold(Vec::new(), |deepest: Vec<usize>, name| {
                    let colons = names.colons(at, name);
                    let field = |field: usize| {
                        let of = |all: &[usize]| all.get(field).copied().unwrap_or(0);
                        of(&deepest).max(of(&colons))
                    };
                    (0..deepest.len().max(colons.len())).map(field).collect()
                })
            })
        });
        Self { implied: implied.collect(), own }
    }

    /// More `:` in some field than in any name that is implied; of a retired index, than in at least half of its keys.
    pub fn is_nested(&self, index: usize, colons: &[usize]) -> bool {
        colons.iter().enumerate().any(|(field, &colons)| match self.implied.get(index) {
            Some(Some(deepest)) => colons > deepest.get(field).copied().unwrap_or(0),
            _ => self.own.get(index).and_then(|own| own.get(field)).is_some_and(|all| {
                let less = all.partition_point(|&other| other < colons);
                less.saturating_mul(2) >= all.len()
            }),
        })
    }
}
