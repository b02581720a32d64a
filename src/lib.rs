//! Offline repair of hand-made secondary indexes in Redis: read a dump, derive the right indexes, replay the difference.
//!
//! `ARCHITECTURE.md` in the repository shows how the modules fit together. The program is the crate's main use; as a library
//! it reads dumps. A [`Snapshot`] is a dump as a byte slice, unpacked if it was compressed; a [`Walker`] goes through it
//! once and decodes nothing that is not asked for; a [`Difference`] is what a [`Spec`] and a dump come to. Nothing panics
//! on a damaged dump, and nothing is allocated by a number that was only read.
//!
//! # Count the keys of a dump by type
//!
//! ```
#![doc = include_str!("../examples/count-types.rs")]
//! ```
//!
//! # Read one key
//!
//! ```
#![doc = include_str!("../examples/read-key.rs")]
//! ```
//!
//! # Compute one index
//!
//! ```
#![doc = include_str!("../examples/compute-index.rs")]
//! ```

pub mod check;
pub mod cli;
pub mod derive;
pub mod diff;
pub mod document;
pub mod export;
pub mod index;
pub mod infer;
pub mod parts;
pub mod plan;
mod private;
pub mod progress;
pub mod rdb;
pub mod rehearse;
pub mod replay;
pub mod report;
pub mod resp;
pub mod scan;
pub mod shards;
pub mod slots;
pub mod snapshot;
pub mod spec;
pub mod stock;
pub mod text;
pub mod time;
pub mod twice;

pub use index::{Difference, Expiry};
pub use progress::Observer;
pub use rdb::Walker;
pub use snapshot::{Options, Snapshot};
pub use spec::Spec;
