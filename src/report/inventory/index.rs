//! The numbers of one index.

use serde::Serialize;

use crate::index::{Difference, Frozen, Summary};
use crate::model::spec::{Policy, Spec};

/// The numbers of one index, as [`crate::index::Summary`] explains them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Index {
    pub name: String,
    pub policy: &'static str,
    pub keys: u64,
    pub correct_keys: u64,
    pub wrong_keys: u64,
    pub absent_keys: u64,
    pub members: u64,
    pub missing_members: u64,
    pub stale_members: u64,
    pub undecidable_records: u64,
    pub orphan_records: u64,
    pub held_keys: u64,
    pub held_members: u64,
    pub contested_keys: u64,
    /// Members on whose score records disagree.
    pub conflict_members: u64,
    /// Keys that are only added to, because their names also fit an index of which too little is known.
    pub overlapped_keys: u64,
    /// What brakes keep: keys, and members in keys that stay.
    pub braked_keys: u64,
    pub braked_members: u64,
    /// Keys that a plan would delete.
    pub deleted_keys: u64,
    /// It is about entries that name keys.
    #[serde(skip)]
    pub prunes: bool,
    /// Keys that stay because none of their entries names a key of the dump.
    #[serde(skip_serializing_if = "is_zero")]
    pub unnamed_keys: u64,
    /// Fields with another value that stay because they have an expiry of their own.
    #[serde(skip_serializing_if = "is_zero")]
    pub expiring_members: u64,
    /// Why nothing is deleted or removed.
    #[serde(serialize_with = "frozen_words")]
    pub frozen: Option<Frozen>,
}

impl Index {
    /// Whether there is nothing to do about it.
    pub fn is_right(&self) -> bool {
        let wrong = [self.wrong_keys, self.absent_keys, self.missing_members, self.stale_members, self.braked_members];
        if self.policy == Policy::Retire.as_str() { self.keys == 0 } else { wrong == [0; 5] }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(in crate::report) fn indexes(difference: &Difference<'_>) -> Vec<Index> {
    let mut deleted = vec![0; difference.spec.indexes.len()];
    for deletion in &difference.deletions {
        deleted.get_mut(deletion.index as usize).into_iter().for_each(|count| *count += 1);
    }
    indexes_of(difference.spec, &difference.summaries, &deleted)
}

/// The same of the numbers themselves; `deleted` is how many keys of each a plan deletes.
pub(in crate::report) fn indexes_of(spec: &Spec, summaries: &[Summary], deleted: &[u64]) -> Vec<Index> {
    let indexes = spec.indexes.iter().zip(summaries).enumerate();
    indexes
        .map(|(at, (index, summary))| Index {
            name: index.name.clone(),
            policy: index.policy.as_str(),
            keys: summary.keys,
            correct_keys: summary.correct_keys,
            wrong_keys: summary.wrong_keys(),
            absent_keys: summary.absent_keys,
            members: summary.members,
            missing_members: summary.missing_members,
            stale_members: summary.stale_members,
            undecidable_records: summary.undecidable_records,
            orphan_records: summary.orphan_records,
            held_keys: summary.held_keys,
            held_members: summary.held_members,
            contested_keys: summary.contested_keys,
            conflict_members: summary.conflict_members,
            overlapped_keys: summary.overlapped_keys,
            braked_keys: summary.kept.keys(),
            braked_members: summary.kept.foreign_members,
            deleted_keys: deleted.get(at).copied().unwrap_or_default(),
            prunes: index.prunes(),
            unnamed_keys: summary.unnamed_keys,
            expiring_members: summary.expiring_members,
            frozen: summary.frozen,
        })
        .collect()
}

/// Why an index is only added to, as scripts read it.
fn frozen_words<S: serde::Serializer>(frozen: &Option<Frozen>, serializer: S) -> Result<S::Ok, S::Error> {
    let words = frozen.map(|frozen| match frozen {
        Frozen::NoRecords => "no decodable records",
        Frozen::Undecidable => "undecidable records",
    });
    words.serialize(serializer)
}
