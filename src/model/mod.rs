//! TODO

pub mod derive;
pub mod document;
pub mod spec;
pub mod stock;
pub mod view;
