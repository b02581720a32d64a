//! From differences to commands, and from commands to a bundle that a person reviews.

mod ahead;
mod apply;
mod build;
pub mod bundle;
mod changes;
pub mod command;
pub mod digest;
pub mod excerpt;
pub mod manifest;
mod manifest_text;
mod once;
pub mod output;
pub mod pattern;
mod recreate;
mod rollback;
mod unify;
mod warnings;
pub mod why;

pub use build::{Error, Page, build, build_with_page, snapshot_id};
