//! A difference that an engine worked out from the facts of all shards, as far as it is about one of them.
//!
//! The engine says which keys and members; where they stand in the dump, what their keys hold besides, and whether all of it
//! can be so is found here. Brakes are judged here, too, from the numbers of all shards, by what judges them everywhere.

mod build;
mod find;
mod members;
mod numbers;

use crate::dump::parts::Part;
use crate::dump::slots::Finding;

pub use numbers::Numbers;

/// What the engine says of one shard.
#[derive(Debug, Default)]
pub struct Answer {
    pub edits: Vec<Edit>,
    /// By index, of this shard and of all of them.
    pub own: Vec<Numbers>,
    pub total: Vec<Numbers>,
    /// By class, of all shards: records, and those that can be decoded.
    pub classes: Vec<[u64; 2]>,
    /// All shards: their names, and when they were made.
    pub parts: Vec<Part>,
    /// What the slots of all shards say.
    pub slots: Vec<Finding>,
    /// They are those of a cluster.
    pub of_a_cluster: bool,
    /// Some shard has keys, and the spec describes none of any.
    pub describes_nothing: Option<u64>,
    /// The earliest clock of all shards, in Unix milliseconds.
    pub created_ms: Option<i64>,
    /// All keys of all shards are in database 0.
    pub is_one_database: bool,
}

/// One edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The position of the index in the spec.
    pub index: usize,
    pub db: u64,
    pub key: Vec<u8>,
    pub what: What,
}

/// What is done to a key.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It is deleted.
    Delete(super::DeleteReason),
    /// It gets a member, or another score or value for one that it has.
    Add {
        member: Vec<u8>,
        score: f64,
        /// The value of a field, or the text of a string.
        value: Vec<u8>,
        /// The shard and the offset of its record, where the member is its key: by them members are ordered.
        at: Option<(String, u64)>,
        changes: bool,
    },
    /// It loses a member.
    Remove { member: Vec<u8>, why: Why },
}

/// Why a member goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    NotImplied,
    RecordMissing,
    ImpliesNothing,
    Orphan,
    /// Its record belongs to this key now.
    MovedTo(Vec<u8>),
    NamedKeyGone,
}

/// Why an answer is none for this dump.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error(transparent)]
    Index(#[from] super::Error),
    #[error("the edits do not fit the dump: {key}: {what}")]
    Unfit { key: String, what: &'static str },
}

impl From<crate::dump::rdb::Error> for Error {
    fn from(error: crate::dump::rdb::Error) -> Self {
        Self::Index(super::Error::Dump(error))
    }
}

impl From<crate::dump::scan::Error> for Error {
    fn from(error: crate::dump::scan::Error) -> Self {
        Self::Index(error.into())
    }
}
