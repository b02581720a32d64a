//! From differences to commands, and from commands to a bundle that a person reviews.

mod apply_file;
mod build;
mod by_slot;
mod changes;
pub mod command;
mod cost;
mod cost_of_scripts;
mod edits;
mod error;
mod figures;
mod identity;
pub mod join;
mod once;
mod others;
pub mod pattern;
mod readahead;
mod recreate;
mod rollback_file;
pub mod summary;
mod unify;
mod warnings;
pub mod why;

pub use build::{Page, build, build_shard, build_with_page};
pub use error::Error;
pub use figures::Figures;
pub use identity::snapshot_id;
pub use warnings::brake_notes;
