//! Offline repair of hand-made secondary indexes in Redis: read a dump, derive the right indexes, replay the difference.
//!
//! `ARCHITECTURE.md` in the repository shows how the modules fit together. The program is the crate's main use; as a library
//! it reads dumps. A [`Snapshot`] is a dump as a byte slice, unpacked if it was compressed; a [`Walker`] goes through it
//! once and decodes nothing that is not asked for; a [`Difference`] is what a [`Spec`] and a dump come to. Nothing panics
//! on a damaged dump, and nothing is allocated by a number that was only read.
//!
//! A library that only reads dumps takes `default-features = false`: the modules [`dump`] and [`model`], [`Difference`], and
//! 60 other crates. The features are `cli` (the program) and `parquet` (its `export --format parquet`).
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

#![warn(missing_docs)]
#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "much of the layers below the program is called by it alone")
)]

#[cfg(not(unix))]
compile_error!("rdb-reindex is for Unix: what it promises of files, signals and file modes is not kept elsewhere");

pub mod dump;
pub mod model;

// The program: hidden, and free to change. They are reachable for the tests, benchmarks and fuzz targets of this repository.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod advise;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod bundle;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod check;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod commands;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod diff;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod export;
#[cfg(feature = "parquet")]
#[doc(hidden)]
pub mod facts;
#[doc(hidden)]
pub mod index;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod infer;
mod owner_only;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod progress;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod rehearse;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod replay;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod report;
#[cfg(feature = "parquet")]
#[doc(hidden)]
pub mod sql;
#[doc(hidden)]
pub mod text;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod ui;

pub use dump::rdb::Walker;
pub use dump::snapshot::{Options, Snapshot};
pub use index::Difference;
pub use model::spec::Spec;
pub use model::view::Expiry;
pub use progress::Observer;
