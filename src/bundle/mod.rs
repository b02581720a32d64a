//! TODO

pub mod content;
pub mod folder;
pub mod manifest;
pub mod manifest_text;
pub mod output;
pub mod resp;
