//! A plan in bounded numbers, for a person: its edits grouped by reason, the largest of them, and examples with the
//! fields that decided. Filled while the edits are written, since nobody keeps a list of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pattern::{Pattern, RightNames};
use super::why::{self, Field};
use crate::dump::rdb::Record;
use crate::index::{DeleteReason, Deletion, Difference, Present, Reason, Source, is_index_type};
use crate::model::derive::write_score;
use crate::model::spec::{Index, Policy};
use crate::text::Truncated;

/// Examples kept of a group.
pub(super) const SAMPLES: usize = 6;
/// Indexes with examples, the first of the spec: the others only have counts.
const DETAILED: usize = 64;
/// Edits that are the largest.
pub(super) const LARGEST: usize = 10;
/// Types told apart in a group; modules name theirs as they like.
pub(super) const TYPES: usize = 12;

/// What kind of edit it is, and why it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// A key is deleted: its index is retired.
    Retired,
    /// … no record belongs to it.
    NotImplied,
    /// … records belong to it, and lack a record they require.
    Orphaned,
    /// … it has another type than its index.
    WrongType,
    /// … records disagree on every score.
    Disputed,
    /// … every key that it names is gone.
    NamedKeysGone,
    /// A member is added: its record is in no key, or not in this one.
    NotIndexed,
    /// … its score changes.
    ScoreDiffers,
    /// A member is taken out: its record belongs to another key now.
    Moved,
    /// … its record does not exist.
    RecordMissing,
    /// … its record exists and has no entry in this index.
    ImpliesNothing,
    /// … its record lacks a record it requires.
    Orphan,
    /// … no record implies it.
    NoRecordImplies,
    /// … the key that it names is gone.
    NamedKeyGone,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Edit {
    Delete,
    Add,
    Remove,
    /// An addition that only changes scores.
    Rescore,
}

impl Class {
    pub fn edit(self) -> Edit {
        match self {
            Self::Retired
            | Self::NotImplied
            | Self::Orphaned
            | Self::WrongType
            | Self::Disputed
            | Self::NamedKeysGone => Edit::Delete,
            Self::NotIndexed => Edit::Add,
            Self::ScoreDiffers => Edit::Rescore,
            _ => Edit::Remove,
        }
    }
}

/// The edits of a plan, by index in the order of the spec.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    pub indexes: Vec<IndexDigest>,
    /// The largest first; of equals the first of the plan.
    pub largest: Vec<Large>,
    /// By index, what its right names look like, once there is a wrong one. Deletions come index by index, but for those of a
    /// plan by slot: only then more than one of them is kept.
    #[serde(skip)]
    right: BTreeMap<usize, RightNames>,
}

/// Edits by what kind they are, why they are made, and what the name looks like.
pub type Groups = BTreeMap<(Class, Option<Pattern>), Group>;

/// The edits of one index.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexDigest {
    /// Deletions in a maintained index also by what the names look like.
    #[serde(with = "pairs")]
    pub groups: Groups,
    /// Keys that did not exist, or were deleted for their type.
    pub created_keys: u64,
    /// Members of deleted keys that have the type of the index.
    pub deleted_members: u64,
    /// Additions that are more than another score.
    pub new_members: u64,
}

/// Edits made for the same reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub count: u64,
    /// Elements of deleted keys.
    pub elements: u64,
    /// Deleted keys by type.
    pub types: BTreeMap<String, u64>,
    pub samples: Vec<Sample>,
}

/// One edit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub key: Truncated,
    pub member: Option<Truncated>,
    /// Of a deleted key.
    pub type_name: String,
    pub elements: u64,
    /// What decided.
    pub fields: Vec<Field>,
    /// The index key that the record belongs to.
    pub other: Option<Truncated>,
    /// The score in the dump and that of the record.
    pub scores: Option<(String, String)>,
}

/// All that is done to one key in one way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Large {
    pub index: usize,
    pub edit: Edit,
    pub key: Truncated,
    /// Elements of a deleted key, or members added or taken out.
    pub size: u64,
}

impl Group {
    /// Counts one edit; `sample` is only called for one that is kept as an example.
    fn add(&mut self, keeps: bool, sample: impl FnOnce() -> Sample) {
        self.count = self.count.saturating_add(1);
        if keeps && self.samples.len() < SAMPLES {
            self.samples.push(sample());
        }
    }
}

impl Digest {
    pub fn new(indexes: usize) -> Self {
        Self { indexes: (0..indexes).map(|_| IndexDigest::default()).collect(), ..Self::default() }
    }

    /// A key that is deleted.
    pub fn deletion(
        &mut self,
        d: &Difference<'_>,
        deletion: &Deletion,
        record: &Record<'_>,
        key: &[u8],
        elements: u64,
    ) {
        let at = deletion.index as usize;
        let (Some(index), Some(digest)) = (d.spec.indexes.get(at), self.indexes.get_mut(at)) else { return };
        let class = match deletion.reason {
            DeleteReason::Retired => Class::Retired,
            DeleteReason::WrongType => Class::WrongType,
            DeleteReason::NotImplied => Class::NotImplied,
            DeleteReason::Orphaned => Class::Orphaned,
            DeleteReason::Disputed => Class::Disputed,
            DeleteReason::NamedKeysGone => Class::NamedKeysGone,
        };
        let pattern = match class {
            Class::NotImplied | Class::WrongType if index.policy == Policy::Maintain => {
                let is_right = d.keys.find(at, key).is_some_and(|rank| d.keys.is_live(rank));
                if is_right {
                    Some(Pattern::RightName)
                } else {
                    if !d.by_slot {
                        self.right.retain(|known, _| *known == at);
                    }
                    let right = self.right.entry(at).or_insert_with(|| RightNames::new(&d.keys, at, index));
                    Some(right.pattern(index, key))
                }
            }
            _ => None,
        };
        if is_index_type(record.value.ty.kind(), index.kind) {
            digest.deleted_members = digest.deleted_members.saturating_add(elements);
        }
        let group = digest.groups.entry((class, pattern)).or_default();
        group.elements = group.elements.saturating_add(elements);
        let type_name = record.value.type_name();
        let room = group.types.len() < TYPES;
        match group.types.get_mut(type_name.as_str()) {
            Some(count) => *count = count.saturating_add(1),
            None if room => {
                group.types.insert(type_name.as_str().to_owned(), 1);
            }
            None => {}
        }
        group.add(at < DETAILED, || Sample {
            key: Truncated::new(key),
            type_name: type_name.as_str().to_owned(),
            elements,
            fields: if class == Class::Retired { Vec::new() } else { why::of_name(d, index, &index.key, key) },
            ..Sample::default()
        });
        self.large(at, Edit::Delete, key, elements);
    }

    /// A member that is added, or whose score changes from `old` to `new`.
    pub fn addition(
        &mut self,
        d: &Difference<'_>,
        (at, index): (usize, &Index),
        key: &[u8],
        (source, member): (Source, &[u8]),
        scores: Option<(f64, f64)>,
    ) {
        let Some(digest) = self.indexes.get_mut(at) else { return };
        let class = if scores.is_some() { Class::ScoreDiffers } else { Class::NotIndexed };
        digest.new_members = digest.new_members.saturating_add(u64::from(scores.is_none()));
        digest.groups.entry((class, None)).or_default().add(at < DETAILED, || {
            let mut fields = why::of_record(d, index, source);
            if fields.is_empty() {
                fields = why::of_name(d, index, &index.key, key);
            }
            Sample {
                key: Truncated::new(key),
                member: Some(Truncated::new(member)),
                fields,
                scores: scores.map(|(old, new)| (score_text(old), score_text(new))),
                ..Sample::default()
            }
        });
    }

    /// A member that is taken out.
    pub fn removal(
        &mut self,
        d: &Difference<'_>,
        (at, index): (usize, &Index),
        key: &[u8],
        (reason, member): (Reason, &[u8]),
    ) {
        let Some(digest) = self.indexes.get_mut(at) else { return };
        let (class, other) = match reason {
            Reason::NotImplied => (Class::NoRecordImplies, None),
            Reason::RecordMissing => (Class::RecordMissing, None),
            Reason::ImpliesNothing => (Class::ImpliesNothing, None),
            Reason::Orphan => (Class::Orphan, None),
            Reason::NamedKeyGone => (Class::NamedKeyGone, None),
            Reason::MovedTo(rank) => (Class::Moved, Some(d.keys.name(rank))),
        };
        digest.groups.entry((class, None)).or_default().add(at < DETAILED, || Sample {
            key: Truncated::new(key),
            member: Some(Truncated::new(member)),
            fields: other.map(|other| why::of_name(d, index, &index.key, other)).unwrap_or_default(),
            other: other.map(Truncated::new),
            ..Sample::default()
        });
    }

    /// A key that has been written, with how much was done to it; `before` is what was there.
    pub fn edited(&mut self, at: usize, edit: Edit, key: &[u8], size: u64, before: Option<&Present>) {
        if let Some(digest) = self.indexes.get_mut(at)
            && edit == Edit::Add
            && before.is_none()
        {
            digest.created_keys = digest.created_keys.saturating_add(1);
        }
        self.large(at, edit, key, size);
    }

    fn large(&mut self, index: usize, edit: Edit, key: &[u8], size: u64) {
        let place = self.largest.partition_point(|known| known.size >= size);
        if place < LARGEST {
            self.largest.insert(place, Large { index, edit, key: Truncated::new(key), size });
            self.largest.truncate(LARGEST);
        }
    }
}

/// Groups as a list, since their keys are no text.
mod pairs {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Class, Group, Groups, Pattern};

    pub fn serialize<S: Serializer>(groups: &Groups, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(groups)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Groups, D::Error> {
        let pairs = Vec::<((Class, Option<Pattern>), Group)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

fn score_text(score: f64) -> String {
    let mut text = Vec::new();
    write_score(score, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
