//! What all that look at index keys need to know.

use std::collections::HashMap;

use super::held::Held;
use crate::dump::rdb::{self, Record};
use crate::index::brakes::member_forms::MemberForms;
use crate::index::store::buckets::Members;
use crate::index::store::hash::Hasher;
use crate::index::store::keys::Keys;
use crate::index::store::name_prefix::NamePrefix;
use crate::index::store::record_set::{AnyOf, RecordSet};
use crate::model::entry::Entries;
use crate::model::spec::Policy;
use crate::model::view::{Clock, Names};

/// What it takes to look at index keys.
pub struct Known<'l, 'a> {
    pub names: &'l Names<'a>,
    pub members: Members<'a, 'l>,
    pub hasher: &'l Hasher,
    pub clock: Clock,
    pub kept: &'l HashMap<u64, Record<'a>>,
    pub undecided: &'l Undecided,
}

/// Records of which nothing can be said.
#[derive(Debug)]
pub struct Undecided {
    /// By record class: records that cannot be decoded.
    pub by_class: Vec<RecordSet>,
    /// By index: records that can be, but of which nothing can be said in this index.
    pub by_index: Vec<RecordSet>,
}

impl<'l, 'a> Known<'l, 'a> {
    /// The indexes that decide what a key of `index` holds; if several families claim it (`shared`), those of the others
    /// as well.
    pub fn claimants(&self, index: usize, shared: bool, key: &[u8]) -> Vec<usize> {
        let indexes = &self.names.spec.indexes;
        if shared {
            return self.names.deciding(indexes[index].db, key).collect();
        }
        std::iter::once(index).filter(|&at| indexes[at].policy != Policy::Retire).collect()
    }

    /// What members of a key of `index` look like.
    pub fn member_forms(&self, index: usize, shared: bool, key: &[u8]) -> MemberForms<'l> {
        let indexes = &self.names.spec.indexes;
        let others = shared.then(|| self.names.indexes_of(indexes[index].db, key)).into_iter().flatten();
        let all = std::iter::once(index).chain(others.filter(|&other| other != index));
        MemberForms::new(&indexes[index], all.map(|at| &indexes[at]))
    }

    /// Records that hold what names them in an index key with these claimants: those of which nothing can be said in
    /// their indexes, and every record of the same database that cannot be decoded, whatever its class.
    ///
    /// `key` is the name of that index key.
    pub fn held(&self, claimants: &[usize], key: &[u8]) -> Held<'l> {
        let spec = self.names.spec;
        let db = claimants.first().map(|&index| spec.indexes[index].db);
        let classes = spec.records.iter().zip(&self.undecided.by_class);
        let of_db = classes.filter(|(class, _)| Some(class.db) == db).map(|(_, set)| set);
        let any = AnyOf::new(claimants.iter().map(|&index| &self.undecided.by_index[index]).chain(of_db));
        if any.is_empty() {
            return Held::default();
        }
        let readers = claimants.iter().filter_map(|&at| {
            let index = spec.indexes.get(at).filter(|index| index.makes_up_its_record)?;
            Some((Entries::new(index, key)?, &spec.records.get(index.from?)?.key))
        });
        Held::new(any, readers.collect())
    }

    /// The prefix of an index key: members that have it are known by their numbers.
    pub fn prefix<'k>(&self, keys: &'k Keys, index: usize, rank: Option<u32>) -> Option<&'k NamePrefix>
    where
        'l: 'k,
    {
        let of_index = self.members.prefixes.get(index).and_then(Option::as_ref);
        of_index.or_else(|| rank.and_then(|rank| keys.prefix(rank)))
    }

    pub fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        match self.kept.get(&start) {
            Some(record) => Ok(record.clone()),
            None => self.members.dump.record(start),
        }
    }
}
