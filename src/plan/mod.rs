//! From differences to commands, and from commands to a bundle that a person reviews.

mod ahead;
mod apply;
mod build;
pub mod bundle;
mod changes;
pub mod command;
pub mod content;
pub mod digest;
pub mod excerpt;
pub mod manifest;
mod manifest_text;
mod once;
mod others;
pub mod output;
pub mod pattern;
pub mod price;
mod recreate;
mod rollback;
mod unify;
mod warnings;
pub mod why;

pub use build::{Error, Page, build, build_with_page, snapshot_id};
