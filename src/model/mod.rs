//! What a spec says of a dump: classes of records, their fields, and the entries that they imply.

pub mod derive;
pub mod document;
pub mod entry;
pub mod memory;
pub mod spec;
pub mod stock;
pub mod view;
