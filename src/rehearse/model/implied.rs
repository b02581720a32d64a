//! The second reading of the dump: what the records imply.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::clock::{Clock, Due};
use super::super::state::Value;
use super::names::{Names, Role};
use super::present::Present;
use super::walk::{bytes, step, text};
use crate::dump::rdb::{Item, Record, Walker};
use crate::model::derive::Deriver;
use crate::model::document::Extractor;
use crate::model::spec::{IndexType, Policy, RecordType, Spec};
use crate::progress::{Unit, Watch};

/// What records imply of a member: its score, or the value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    One(f64),
    Value(Vec<u8>),
    /// Records disagree.
    Several,
}

/// Members that records imply, with their scores.
pub type Members = BTreeMap<Vec<u8>, Score>;

/// What all records say of one index.
#[derive(Debug, Default)]
pub struct Desired {
    pub keys: BTreeMap<Vec<u8>, Members>,
    /// Records of its class of which nothing can be said.
    pub undecidable: BTreeSet<Vec<u8>>,
}

/// What the records say.
#[derive(Debug)]
pub struct Implied {
    /// By index.
    pub desired: Vec<Desired>,
    /// By class.
    pub decodable: Vec<u64>,
    /// By database: records that cannot be decoded. They hold what names them in any index.
    pub undecodable: BTreeMap<u64, BTreeSet<Vec<u8>>>,
}

impl Implied {
    /// Whether records imply a key of this index.
    pub fn implies(&self, index: usize, key: &[u8]) -> bool {
        self.desired.get(index).is_some_and(|desired| desired.keys.contains_key(key))
    }
}

/// Reads the records. A class that only retired indexes are made from, or none, decides nothing by what is in it.
pub fn imply(dump: &[u8], names: &Names<'_>, present: &Present<'_>, watch: &dyn Watch) -> Result<Implied, Error> {
    let spec = names.spec;
    let mut desired: Vec<Desired> = spec.indexes.iter().map(|_| Desired::default()).collect();
    let mut decodable = vec![0_u64; spec.records.len()];
    let mut undecodable: BTreeMap<u64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut extractors: Vec<Extractor> = spec.records.iter().map(Extractor::of).collect();
    let mut derivers: Vec<Option<Deriver>> = spec
        .indexes
        .iter()
        .map(|index| {
            let class = spec.records.get(index.from?)?;
            (index.policy != Policy::Retire).then(|| Deriver::new(class, index))
        })
        .collect();
    let mut walker = Walker::new(dump)?;
    watch.begin("reading for what must be", Unit::Bytes, bytes(dump));
    let mut at = 0;
    while let Some(item) = walker.next()? {
        step(&walker, &mut at, watch)?;
        let Item::Record(record) = item else { continue };
        if present.clock.due(record.expire_ms) == Due::Gone || !Value::is_there(&record.value, &present.clock)? {
            continue;
        }
        let key = text(record.key)?;
        let Role::Record(classes) = names.role(record.db, &key, &record.value, &present.named) else { continue };
        for class in classes {
            let Some(extractor) = extractors.get_mut(class) else { continue };
            let mut json = Vec::new();
            let slots = match content(&record, &present.clock, &mut json)? {
                Content::Json => extractor.json(&json).ok(),
                Content::Hash(fields) => {
                    Some(extractor.hash(fields.iter().map(|(field, value)| (field.as_slice(), value.as_slice()))))
                }
                Content::Members(members) => Some(extractor.members(members.iter().map(Vec::as_slice))),
                Content::Nothing => None,
            };
            // Any string is a record of such a class: only an index that reads a field of it cannot be decided.
            let any_string =
                slots.is_none() && spec.records.get(class).is_some_and(|of| of.ty == Some(RecordType::String));
            let slots = if any_string { Some(extractor.nothing()) } else { slots };
            if let (Some(_), Some(count)) = (&slots, decodable.get_mut(class)) {
                *count = count.saturating_add(1);
            }
            let of_class = spec.indexes.iter().zip(&mut derivers).zip(&mut desired);
            for ((index, deriver), desired) in of_class.filter(|((index, _), _)| index.from == Some(class)) {
                let Some(deriver) = deriver else { continue };
                if slots.is_none() {
                    undecodable.entry(record.db).or_default().insert(key.clone());
                }
                let slots = slots.as_ref().filter(|_| !(any_string && index.reads_fields()));
                let derived = slots.map(|slots| {
                    deriver.derive(&key, slots, |_, implied| {
                        let mut required = index.require.iter().zip(implied.require());
                        let lacks = |class: usize, key: &[u8]| {
                            !present.existing.get(class).is_some_and(|existing| existing.contains(key))
                        };
                        if required.any(|(require, key)| lacks(require.record, key)) {
                            return;
                        }
                        let members = desired.keys.entry(implied.key.to_vec()).or_default();
                        let due = match index.kind {
                            IndexType::Hash | IndexType::String => Score::Value(implied.value.to_vec()),
                            _ => Score::One(implied.score),
                        };
                        let score = members.entry(implied.member.to_vec()).or_insert_with(|| due.clone());
                        if *score != due {
                            *score = Score::Several;
                        }
                    })
                });
                if !matches!(derived, Some(Ok(_))) {
                    desired.undecidable.insert(key.clone());
                }
            }
        }
    }
    join(spec, &mut desired);
    Ok(Implied { desired, decodable, undecodable })
}

/// Several indexes with the same keys are one, the first of them.
fn join(spec: &Spec, desired: &mut [Desired]) {
    for (at, first) in spec.first_of_keys().into_iter().enumerate() {
        if first == at {
            continue;
        }
        let keys = desired.get_mut(at).map(|of| std::mem::take(&mut of.keys)).unwrap_or_default();
        let Some(all) = desired.get_mut(first) else { continue };
        for (key, members) in keys {
            let known = all.keys.entry(key).or_default();
            for (member, score) in members {
                let own = known.entry(member).or_insert_with(|| score.clone());
                if *own != score {
                    *own = Score::Several;
                }
            }
        }
    }
}

/// What a record can be read from.
enum Content {
    Json,
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    Members(BTreeSet<Vec<u8>>),
    Nothing,
}

fn content(record: &Record<'_>, clock: &Clock, json: &mut Vec<u8>) -> Result<Content, Error> {
    Ok(match Value::read(&record.value, clock)? {
        Some(Value::String(text) | Value::Json(text)) => {
            *json = text;
            Content::Json
        }
        Some(Value::Hash(fields)) => {
            Content::Hash(fields.into_iter().map(|(name, field)| (name, field.value)).collect())
        }
        Some(Value::Set(members)) => Content::Members(members),
        _ => Content::Nothing,
    })
}
