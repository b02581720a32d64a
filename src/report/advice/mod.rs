//! Advice as people and scripts read it.

pub mod table;
pub mod words;

use serde::Serialize;

use crate::advise::{self, Change, Why};
use crate::bundle::manifest::Bytes;
use crate::text::size;

/// Advice: suggestions with figures, never a part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// All index keys, and what would be left of them.
    pub keys_before: u64,
    pub keys_after: u64,
    /// In memory, estimated.
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// The families that change, and their keys.
    #[serde(skip)]
    pub changing: (usize, Change),
    /// Some of them go by advice.
    #[serde(skip)]
    pub some_go: bool,
    /// Keys whose memory is not estimated.
    pub unmeasured_keys: u64,
    /// Members were compared by a sample of one in so many; 1 if all were.
    pub one_in: u64,
    pub families: Vec<FamilyChange>,
    pub items: Vec<Item>,
}

/// A family of index keys before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FamilyChange {
    #[serde(flatten)]
    pub name: FamilyName,
    pub keys_before: u64,
    pub keys_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// Keys whose memory is not estimated, because they are no sets, sorted sets or hashes.
    pub unmeasured_keys: u64,
    /// `stays`, `plan` (wrong keys go, absent ones come), `retired` (by the spec), `advice`.
    pub why: &'static str,
}

/// How a family is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FamilyName {
    pub pattern: Bytes,
    /// Of its index or record class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    pub kind: &'static str,
    pub families: Vec<FamilyName>,
    pub keys_before: u64,
    pub keys_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// The spec retires it already.
    pub retired: bool,
    /// In words, with what cannot be printed escaped.
    pub title: String,
    pub reason: String,
    /// When it holds: what the dump does not say.
    pub condition: String,
    /// Tables for a spec.
    pub spec: Option<String>,
    /// Where those go.
    #[serde(skip)]
    pub spec_place: &'static str,
}

impl FamilyChange {
    /// Bytes before and after as they are shown: nothing where none of it is estimated.
    pub fn memory(&self) -> [String; 2] {
        let known = self.unmeasured_keys < self.keys_before;
        [self.bytes_before, self.bytes_after].map(|bytes| if known { size(bytes) } else { "–".to_owned() })
    }
}

impl Advice {
    /// Puts it in words.
    pub fn new(advice: &advise::Advice) -> Self {
        let (keys, bytes) = advice.total();
        Self {
            keys_before: keys.before,
            keys_after: keys.after,
            bytes_before: bytes.before,
            bytes_after: bytes.after,
            changing: advice.changing(),
            some_go: advice.rows.iter().any(|row| matches!(row.why, Why::Advice | Why::Retired)),
            unmeasured_keys: advice.rows.iter().fold(0, |sum, row| sum.saturating_add(row.unmeasured)),
            one_in: advice.one_in,
            families: advice.rows.iter().map(family).collect(),
            items: advice.items.iter().map(item).collect(),
        }
    }
}

fn family_name(name: &advise::Name) -> FamilyName {
    FamilyName { pattern: Bytes(name.pattern.clone()), name: name.of.clone() }
}

fn family(row: &advise::Row) -> FamilyChange {
    FamilyChange {
        name: family_name(&row.name),
        keys_before: row.keys.before,
        keys_after: row.keys.after,
        bytes_before: row.bytes.before,
        bytes_after: row.bytes.after,
        unmeasured_keys: row.unmeasured,
        why: match row.why {
            Why::Stays => "stays",
            Why::Plan => "plan",
            Why::Retired => "retired",
            Why::Advice => "advice",
        },
    }
}

fn item(item: &advise::Item) -> Item {
    Item {
        kind: item.reason.kind(),
        families: item.about.iter().map(family_name).collect(),
        keys_before: item.keys.before,
        keys_after: item.keys.after,
        bytes_before: item.bytes.before,
        bytes_after: item.bytes.after,
        retired: item.retired,
        title: words::title(item),
        reason: words::reason(item),
        condition: words::condition(item),
        spec: item.lines.clone(),
        spec_place: words::spec_place(item),
    }
}
