//! Changes by family and by type.

use std::collections::BTreeMap;

use super::pair::{Change, What};
use super::side::Side;
use super::{Totals, family_of, key_of};
use crate::dump::rdb::{self, TypeName};
use crate::model::stock::{FamilyTree, Tally};
use crate::model::view::{Family, Names};

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The index at this position of the spec.
    Index(usize),
    /// The record class at this position of the spec.
    Record(usize),
    /// Found from the names of both dumps.
    Other,
}

/// Keys that are named alike, before and after.
#[derive(Clone, Debug)]
pub struct FamilyChange {
    pub group: Group,
    /// A glob.
    pub pattern: Vec<u8>,
    pub tallies: Tallies,
}

/// Keys of one type, before and after. A key whose type changed is counted as changed with its new type.
#[derive(Clone, Debug)]
pub struct TypeChange {
    pub type_name: TypeName,
    pub tallies: Tallies,
}

/// What there was, what there is, and how many keys changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tallies {
    pub before: Tally,
    pub after: Tally,
    /// `same` is not counted here.
    pub keys: Totals,
}

/// Everything that is counted in one pass over the changes.
pub(super) struct Groups {
    pub families: Vec<FamilyChange>,
    pub types: Vec<TypeChange>,
    /// Changes of index keys: position of the change, position of the index.
    pub index_keys: Vec<(usize, usize)>,
}

/// Counts changes by family and by type. The families of both sides are used up.
pub(super) fn group(
    old: &mut Side<'_>,
    new: &mut Side<'_>,
    names: &Names<'_>,
    changes: &[Change],
) -> Result<Groups, rdb::Error> {
    let (before, after) = (std::mem::take(&mut old.stock.others), std::mem::take(&mut new.stock.others));
    // Of the names of both, so that both have the same families.
    let mut both = before.clone();
    both.merge(after.clone());
    let tree = both.tree();
    let mut records = vec![Tallies::default(); names.spec.records.len()];
    let mut indexes = vec![Tallies::default(); names.spec.indexes.len()];
    let mut others: BTreeMap<Vec<u8>, Tallies> = BTreeMap::new();
    for (tallies, (before, after)) in records.iter_mut().zip(old.stock.records.iter().zip(&new.stock.records)) {
        (tallies.before, tallies.after) = (*before, *after);
    }
    for (tallies, (before, after)) in indexes.iter_mut().zip(old.stock.indexes.iter().zip(&new.stock.indexes)) {
        (tallies.before, tallies.after) = (*before, *after);
    }
    for (glob, tally) in tree.list(&before) {
        others.entry(glob).or_default().before = tally;
    }
    for (glob, tally) in tree.list(&after) {
        others.entry(glob).or_default().after = tally;
    }
    let mut types: BTreeMap<TypeName, Tallies> = BTreeMap::new();
    for (&(name, _), tally) in &old.stock.types {
        types.entry(name).or_default().before.add(*tally);
    }
    for (&(name, _), tally) in &new.stock.types {
        types.entry(name).or_default().after.add(*tally);
    }
    let mut index_keys = Vec::new();
    let mut finder = Finder { tree, glob: Vec::new(), label: Vec::new() };
    let mut room = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let (db, key) = key_of(old, new, change, &mut room)?;
        let old = change.before().and_then(|n| old.print(n));
        let new = change.after().and_then(|n| new.print(n));
        let tallies = match family_of(names, new, old, db, key) {
            Family::Record(class) => records.get_mut(class),
            Family::Index(index) => {
                index_keys.push((at, index));
                indexes.get_mut(index)
            }
            Family::Other => finder.of(key, &mut others),
        };
        if let Some(tallies) = tallies {
            tallies.keys.add(change.what);
        }
        if let Some(print) = new.or(old) {
            types.entry(print.type_name()).or_default().keys.add(change.what);
        }
        if let (What::Retyped, Some(old)) = (change.what, old) {
            types.entry(old.type_name()).or_default();
        }
    }
    let spec = names.spec;
    let mut families = Vec::new();
    for (at, (tallies, index)) in indexes.into_iter().zip(&names.spec.indexes).enumerate() {
        families.push(FamilyChange {
            group: Group::Index(at),
            pattern: index.family.glob().as_bytes().to_vec(),
            tallies,
        });
    }
    for (at, (tallies, class)) in records.into_iter().zip(&spec.records).enumerate() {
        families.push(FamilyChange {
            group: Group::Record(at),
            pattern: class.key.glob().as_bytes().to_vec(),
            tallies,
        });
    }
    let other = |(pattern, tallies)| FamilyChange { group: Group::Other, pattern, tallies };
    families.extend(others.into_iter().map(other));
    let types = types.into_iter().map(|(type_name, tallies)| TypeChange { type_name, tallies }).collect();
    Ok(Groups { families, types, index_keys })
}

/// Finds the family of a name.
struct Finder {
    tree: FamilyTree,
    glob: Vec<u8>,
    label: Vec<u8>,
}

impl Finder {
    fn of<'t>(&mut self, key: &[u8], all: &'t mut BTreeMap<Vec<u8>, Tallies>) -> Option<&'t mut Tallies> {
        self.tree.find(key, &mut self.glob, &mut self.label);
        if !all.contains_key(&self.glob) {
            all.insert(self.glob.clone(), Tallies::default());
        }
        all.get_mut(&self.glob)
    }
}
