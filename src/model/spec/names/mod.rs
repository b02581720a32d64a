//! Names: what a pattern fits, what a template builds, and how the one reads what the other has built.

pub mod form;
pub mod glob;
pub mod path;
pub mod template;
