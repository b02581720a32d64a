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

pub mod bundle;
pub mod check;
pub mod cli;
pub mod diff;
pub mod dump;
pub mod export;
pub mod index;
pub mod infer;
pub mod model;
pub mod plan;
mod private;
pub mod progress;
pub mod rehearse;
pub mod replay;
pub mod report;
pub mod text;

pub use crate::dump::rdb::Walker;
pub use crate::dump::snapshot::{Options, Snapshot};
pub use crate::model::spec::Spec;
pub use crate::model::view::Expiry;
pub use index::Difference;
pub use progress::Observer;
