//! The largest keys.

use serde::Serialize;

use crate::bundle::manifest::Bytes;
use crate::index::Difference;
use crate::model::stock::Large;
use crate::model::view::Expires;
use crate::text::{Truncated, rfc3339};

/// One of the largest keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LargeKey {
    pub db: u64,
    #[serde(serialize_with = "whole_name")]
    pub key: Truncated,
    #[serde(rename = "type")]
    pub kind: String,
    pub encoding: &'static str,
    pub elements: u64,
    pub bytes: u64,
    pub memory: u64,
    /// RFC 3339, if it expires at a time that can be told.
    #[serde(rename = "expires_at", skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The name is longer than `key`: the middle of it is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key_is_cut: bool,
}

/// The largest keys, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Largest {
    /// Those that take most memory.
    pub by_memory: Vec<LargeKey>,
    /// Those with the most elements.
    pub by_elements: Vec<LargeKey>,
    /// Of each type those that take most memory, in the order of the types' names.
    pub by_type: Vec<OfType>,
}

/// The largest keys of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfType {
    #[serde(rename = "type")]
    pub kind: String,
    pub keys: Vec<LargeKey>,
}

impl Largest {
    pub(super) fn new(difference: &Difference<'_>) -> Self {
        let mut scratch = Vec::new();
        let mut key = |large: &Large| {
            // It was read once already.
            let key = Truncated::new(difference.dump.key(large.start, &mut scratch).ok()?);
            let expires = match difference.clock.expires(large.expire_ms) {
                Expires::At(ms) => rfc3339::write(ms),
                _ => None,
            };
            Some(LargeKey {
                db: large.db,
                key_is_cut: !key.is_whole(),
                key,
                kind: large.type_name.as_str().to_owned(),
                encoding: large.encoding,
                elements: large.elements,
                bytes: large.bytes,
                memory: large.memory,
                expires,
            })
        };
        let largest = &difference.stock.largest;
        let by_memory = largest.by_memory().filter_map(&mut key).collect();
        let by_elements = largest.by_elements().filter_map(&mut key).collect();
        let types = largest.by_type().into_iter();
        let by_type = types.map(|(name, keys)| OfType {
            kind: name.as_str().to_owned(),
            keys: keys.into_iter().filter_map(&mut key).collect(),
        });
        Self { by_memory, by_elements, by_type: by_type.collect() }
    }

    /// Keeps so many of each.
    pub fn keep(&mut self, most: usize) {
        self.by_memory.truncate(most);
        self.by_elements.truncate(most);
        self.by_type.iter_mut().for_each(|of_type| of_type.keys.truncate(most));
    }
}

impl LargeKey {
    /// Its name, or both ends of a very long one.
    pub fn whole_name(&self) -> Vec<u8> {
        joined(&self.key)
    }
}

fn joined(name: &Truncated) -> Vec<u8> {
    let mut bytes = name.head.clone();
    if !name.is_whole() {
        bytes.extend_from_slice("…".as_bytes());
        bytes.extend_from_slice(&name.tail);
    }
    bytes
}

fn whole_name<S: serde::Serializer>(name: &Truncated, serializer: S) -> Result<S::Ok, S::Error> {
    Bytes(joined(name)).serialize(serializer)
}
