//! What the records imply, sorted: memberships of 16 bytes, and the names that they stand for.

pub mod bucket_index;
pub mod buckets;
pub mod entry;
pub mod hash;
pub mod interner;
pub mod keys;
pub mod name_prefix;
pub mod record_set;
