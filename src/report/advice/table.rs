//! Advice for a person at a terminal.

use super::words::{caveats, figures, sum};
use super::{Advice, Item};
use crate::report::Style;
use crate::report::grid::{Column, Grid};
use crate::text::{name, number, safe, size, wrap};

/// Families shown; all of them are in the JSON.
const FAMILIES: usize = 20;
/// Suggestions shown.
const ITEMS: usize = 40;
/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;

/// The section of the inventory.
pub fn advice(advice: &Advice, style: Style, out: &mut String) {
    let columns = style.width.min(PROSE);
    out.push_str(&format!("\n{}\n", style.bold("Advice")));
    let prose = |text: &str, indent: usize, out: &mut String| {
        out.push_str(&" ".repeat(indent));
        wrap(text, indent, indent, columns, out);
    };
    prose(&sum(advice), 2, out);
    let mut lines = String::from("  ");
    wrap(&caveats(advice), 2, 2, columns, &mut lines);
    out.push_str(&format!("{}\n", style.dim(lines.trim_end())));
    families(advice, style, out);
    if advice.items.is_empty() {
        out.push('\n');
        prose("Nothing to suggest.", 2, out);
    }
    for (at, item) in advice.items.iter().take(ITEMS).enumerate() {
        one(at.saturating_add(1), item, style, columns, out);
    }
    if let Some(more) = advice.items.len().checked_sub(ITEMS).filter(|more| *more > 0) {
        out.push('\n');
        prose(&format!("and {} more: --format json", number(more as u64)), 2, out);
    }
}

fn families(advice: &Advice, style: Style, out: &mut String) {
    if advice.families.is_empty() {
        return;
    }
    out.push('\n');
    let mut grid = Grid::new([
        ("index keys", Column::Flexible),
        ("keys", Column::Right),
        ("then", Column::Right),
        ("memory", Column::Right),
        ("then", Column::Right),
        ("", Column::Left),
    ]);
    for family in advice.families.iter().take(FAMILIES) {
        let [bytes_before, bytes_after] = family.memory();
        grid.row([
            name(&family.name.pattern.0),
            number(family.keys_before),
            number(family.keys_after),
            bytes_before,
            bytes_after,
            if family.why == "stays" { String::new() } else { family.why.to_owned() },
        ]);
    }
    let sum = [advice.keys_before, advice.keys_after].map(number);
    let [before, after] = sum;
    let bytes = [advice.bytes_before, advice.bytes_after].map(size);
    let [bytes_before, bytes_after] = bytes;
    grid.total(["together".to_owned(), before, after, bytes_before, bytes_after, String::new()]);
    grid.render(2, style, out);
    if let Some(more) = advice.families.len().checked_sub(FAMILIES).filter(|more| *more > 0) {
        out.push_str(&format!(
            "  {}\n",
            style.dim(&format!("and {} more families: --format json", number(more as u64)))
        ));
    }
}

fn one(at: usize, item: &Item, style: Style, columns: usize, out: &mut String) {
    out.push('\n');
    let mut title = format!("  {at}. ");
    let indent = title.chars().count();
    wrap(&safe(&item.title), indent, indent, columns, &mut title);
    out.push_str(&format!("{}\n", style.bold(title.trim_end())));
    for text in [&figures(item), &item.reason, &item.condition] {
        out.push_str(&" ".repeat(indent));
        wrap(&safe(text), indent, indent, columns, out);
    }
    if item.spec.is_some() {
        out.push_str(&" ".repeat(indent));
        wrap(item.spec_place, indent, indent, columns, out);
    }
    // Not wrapped, so that they can be copied.
    for line in item.spec.iter().flat_map(|spec| spec.lines()) {
        let line = format!("{}{}", " ".repeat(indent.saturating_add(2)), safe(line));
        out.push_str(&format!("{}\n", style.dim(line.trim_end())));
    }
}
