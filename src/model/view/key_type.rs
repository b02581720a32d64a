//! The type of a key, as far as a spec speaks of types.

use crate::dump::rdb::{Kind, Value};
use crate::model::spec::{IndexType, RecordClass, RecordType};

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A string, JSON or not.
    String,
    /// A hash.
    Hash,
    /// A RedisJSON document.
    Json,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A stream, an array, or a value of another module.
    Other,
}

impl KeyType {
    /// The type of a value.
    #[inline]
    pub fn of(value: &Value<'_>) -> Self {
        match value.ty.kind() {
            Kind::Module if value.module().is_some_and(|module| module.is_json()) => Self::Json,
            kind => Self::of_kind(kind),
        }
    }

    /// The type of a value of this kind, which is not a RedisJSON document.
    pub fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::String => Self::String,
            Kind::Hash => Self::Hash,
            Kind::List => Self::List,
            Kind::Set => Self::Set,
            Kind::Zset => Self::Zset,
            Kind::Stream | Kind::Array | Kind::Module => Self::Other,
        }
    }

    /// Whether a key of this type may be a record of a class. Without a type, a class takes strings, hashes and JSON.
    #[inline]
    pub fn is_record_of(self, class: &RecordClass) -> bool {
        match class.ty {
            None => matches!(self, Self::String | Self::Hash | Self::Json),
            Some(RecordType::String) => self == Self::String,
            Some(RecordType::Hash) => self == Self::Hash,
            Some(RecordType::Json) => self == Self::Json,
            Some(RecordType::Set) => self == Self::Set,
        }
    }

    /// Whether it is the type of an index.
    #[inline]
    pub fn is(self, index: IndexType) -> bool {
        match index {
            IndexType::Set => self == Self::Set,
            IndexType::Zset => self == Self::Zset,
            IndexType::Hash => self == Self::Hash,
            IndexType::List => self == Self::List,
            IndexType::String => self == Self::String,
            IndexType::Any => true,
        }
    }
}
