//! Offline repair of hand-made secondary indexes in Redis: read a dump, derive the right indexes, replay the difference.
//!
//! `ARCHITECTURE.md` in the repository shows how the modules fit together.

pub mod check;
pub mod cli;
pub mod derive;
pub mod diff;
pub mod document;
pub mod export;
pub mod index;
pub mod infer;
pub mod plan;
pub mod rdb;
pub mod rehearse;
pub mod replay;
pub mod report;
pub mod resp;
pub mod scan;
pub mod shards;
pub mod snapshot;
pub mod spec;
pub mod stock;
pub mod time;
