//! Bytes in, records out: whatever a dump comes as, in whatever version. Knows no index.

pub mod duplicate_keys;
pub mod parts;
pub mod rdb;
pub mod scan;
pub mod shards;
pub mod slots;
pub mod snapshot;
