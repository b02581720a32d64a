//! TODO

pub mod parts;
pub mod rdb;
pub mod scan;
pub mod shards;
pub mod slots;
pub mod snapshot;
pub mod twice;
