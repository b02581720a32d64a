//! Results as people and scripts read them: tables, JSON, CSV.
//!
//! Everything here makes text in memory from plain result data; nothing prints. Names from a dump are hostile: none of
//! them gets into a table, a CSV file or JSON with a character that a terminal would obey.

pub mod advice;
pub mod brakes;
pub mod diff;
mod grid;
pub mod html;
pub mod inventory;
mod json;
pub mod plan;

pub use crate::report::diff::csv::diff_csv;
pub use crate::report::diff::table::diff_table;
pub use crate::report::inventory::csv::csv;
pub use crate::report::inventory::findings::words;
pub use crate::report::inventory::table::{brief, table};
pub use json::json;

/// How text for people is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    pub colour: bool,
}

impl Style {
    /// For a file or a pipe.
    pub const PLAIN: Self = Self { width: 80, colour: false };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Headings, and what must not be missed.
    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Labels.
    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is wrong.
    fn wrong(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is right.
    fn right(self, text: &str) -> String {
        self.paint("32", text)
    }
}
