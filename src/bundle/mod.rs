//! The contract between a plan and its replay: a folder with commands and what they are bound to.
//!
//! `plan` writes it, `replay`, `rehearse` and the reports read it, and neither side knows the other. Every file is bound to
//! the manifest by its SHA-256.

mod folder;
mod output;

pub mod content;
pub mod manifest;
pub mod price;
pub mod resp;

pub use folder::{Bundle, Draft, Error, check_destination};
pub use output::{Output, Sink, hex, sha256};
