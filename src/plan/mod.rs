//! From differences to commands, and from commands to a bundle that a person reviews.

mod ahead;
mod apply;
mod build;
mod changes;
pub mod command;
mod cost;
pub mod digest;
mod once;
mod others;
pub mod pattern;
mod recreate;
mod rollback;
mod unify;
mod warnings;
pub mod why;

pub use build::{Error, Page, build, build_with_page, snapshot_id};
pub use warnings::brake_notes;
