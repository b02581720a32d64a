//! From differences to commands, and from commands to a bundle that a person reviews.

mod apply;
mod build;
pub mod bundle;
mod changes;
pub mod command;
pub mod manifest;
pub mod output;
mod recreate;
mod rollback;
mod warnings;

pub use build::{Error, build, snapshot_id};
