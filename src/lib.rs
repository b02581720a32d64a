//! Offline repair of hand-made secondary indexes in Redis: read a dump, derive the right indexes, replay the difference.
//!
//! `ARCHITECTURE.md` in the repository shows how the modules fit together.

pub mod derive;
pub mod document;
pub mod plan;
pub mod stock;
pub mod spec;
pub mod replay;
pub mod resp;
pub mod rdb;
