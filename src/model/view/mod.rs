//! TODO

pub mod clock;
pub mod diagnostics;
pub mod dump;
pub mod fields;
pub mod names;
