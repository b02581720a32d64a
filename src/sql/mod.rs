//! The rules of a spec as SQL over the facts of all shards: for DuckDB on one machine, or for Spark on many.
//!
//! There is one text of the rules for both, in the files beside this one; what differs is how a table is kept and how files
//! are read and written. What a spec says is in the tables `ix` (its indexes) and `alts` (its alternatives of `exists`).

mod render;

pub use render::{Dialect, Folders, driver, given, script};
