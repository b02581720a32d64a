//! From differences to commands, and from commands to a bundle that a person reviews.

pub mod manifest;
