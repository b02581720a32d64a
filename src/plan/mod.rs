//! From differences to commands, and from commands to a bundle that a person reviews.

pub mod bundle;
pub mod command;
pub mod manifest;
pub mod output;
