//! What is known of a shard as a whole: an engine passes it on as it is.

use serde::{Deserialize, Serialize};

/// A dump that was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub name: String,
    /// The file, as it was named.
    pub file: String,
    pub bytes: u64,
    /// Of everything before the footer, in hexadecimal digits.
    pub crc64: String,
    pub ctime_ms: Option<i64>,
    pub flavor: String,
    pub keys: u64,
    /// The spec describes a key of it.
    pub is_described: bool,
    /// It says itself that it is of a cluster.
    pub says_cluster: bool,
    pub databases: Vec<u64>,
    /// The families that its names fall into.
    pub families: Vec<String>,
    /// See [`crate::dump::slots::Gathered::to_text`].
    pub slots: String,
    pub expiry: String,
    pub spec_sha256: String,
}
