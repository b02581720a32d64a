//! From differences to commands, and from commands to a bundle that a person reviews.

mod ahead;
mod apply;
mod build;
mod changes;
pub mod command;
pub mod digest;
pub mod excerpt;
mod once;
mod others;
pub mod pattern;
pub mod price;
mod recreate;
mod rollback;
mod unify;
mod warnings;
pub mod why;

pub use build::{Error, Page, build, build_with_page, snapshot_id};
