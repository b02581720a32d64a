//! Lines between the tables.

use crate::report::Style;
use crate::text::wrap;

/// An indented line, or several, that says what is not shown.
pub(super) fn dim_line(text: &str, style: Style, out: &mut String) {
    let mut lines = String::from("  ");
    wrap(text, 2, 2, style.width, &mut lines);
    out.push_str(&format!("{}\n", style.dim(lines.trim_end())));
}

pub(super) fn heading(text: &str, style: Style, out: &mut String) {
    out.push_str(&format!("\n{}\n", style.bold(text)));
}
