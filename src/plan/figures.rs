//! What is known of a plan beside its bundle, in bounded numbers: what the review page shows, and what a price follows
//! from. The plan of a shard has it in its manifest, since the plans of all are joined from their bundles alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cost::Sums;
use super::summary::Digest;
use super::warnings::OfDump;
use crate::index::{Diagnostic, Gone, Summary};
use crate::model::stock::FamilyTallies;

/// What is known of a plan. What is by index is in the order of the spec.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    pub digest: Digest,
    pub(super) sums: Sums,
    pub summaries: Vec<Summary>,
    /// By index, members that name a record which is not there: of keys that stay, and of keys that are deleted.
    pub gone: Vec<[Gone; 2]>,
    pub findings: Vec<Diagnostic>,
    #[serde(with = "globs")]
    pub families: FamilyTallies,
    pub(super) of_dump: OfDump,
    /// How many commands each phase has, of `apply.resp` and of `rollback.resp`.
    pub phases: [[u64; 3]; 2],
    /// By index, the commands that delete keys, and their bytes.
    pub unlinks: Vec<(u64, u64)>,
    /// The fewest commands that could delete them.
    pub fewest_unlinks: u64,
    /// Keys that are deleted for their type and made anew.
    pub rebuilt: u64,
}

/// No dump has more of anything; sums of so many numbers stay numbers.
const MOST: u64 = 1 << 44;

impl Figures {
    /// As they stand in a manifest.
    pub fn write(&self) -> Value {
        // No map in it has keys that are not text.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// From a manifest, for a spec of so many indexes and record classes.
    pub fn read(value: &Value, (indexes, records): (usize, usize)) -> Result<Self, String> {
        if !is_possible(value) {
            return Err("a number in it is larger than any dump".to_owned());
        }
        let figures = Self::deserialize(value).map_err(|error| error.to_string())?;
        let of_indexes = [
            figures.digest.indexes.len(),
            figures.sums.indexes.len(),
            figures.summaries.len(),
            figures.gone.len(),
            figures.families.indexes.len(),
            figures.unlinks.len(),
        ];
        if of_indexes != [indexes; 6] || figures.families.records.len() != records {
            return Err("it is not about the indexes and records of the spec".to_owned());
        }
        Ok(figures)
    }
}

fn is_possible(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.as_u64().is_some_and(|number| number <= MOST),
        Value::Array(values) => values.iter().all(is_possible),
        Value::Object(fields) => fields.values().all(is_possible),
    }
}

/// Families with their globs as text, where they are text.
mod globs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::bundle::manifest::Bytes;
    use crate::model::stock::{FamilyTallies, Tally};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Families {
        indexes: Vec<Tally>,
        records: Vec<Tally>,
        others: Vec<(Bytes, Tally)>,
    }

    pub fn serialize<S: Serializer>(families: &FamilyTallies, serializer: S) -> Result<S::Ok, S::Error> {
        let FamilyTallies { indexes, records, others } = families.clone();
        let others = others.into_iter().map(|(glob, tally)| (Bytes(glob), tally)).collect();
        Families { indexes, records, others }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FamilyTallies, D::Error> {
        let Families { indexes, records, others } = Families::deserialize(deserializer)?;
        Ok(FamilyTallies {
            indexes,
            records,
            others: others.into_iter().map(|(glob, tally)| (glob.0, tally)).collect(),
        })
    }
}
