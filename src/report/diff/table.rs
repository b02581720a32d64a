//! The difference of two dumps for a person at a terminal.

use std::cmp::Reverse;

use super::{Dump, Family, Index, Key, Report};
use crate::report::Style;
use crate::report::grid::{Column, Grid};
use crate::report::inventory::FamilyKind;
use crate::text::{counted, name, number, size, span, time, wrap};

/// Rows shown of each kind; the JSON has more.
const ROWS: usize = 12;
/// Index keys shown of each index.
const INDEX_KEYS: usize = 5;
/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;

/// Sets the report. `command` is the one that made it, for naming the commands that tell more.
pub fn diff_table(report: &Report, command: &str, style: Style) -> String {
    let mut out = String::new();
    dump("old", &report.old, style, &mut out);
    dump("new", &report.new, style, &mut out);
    if let (Some(old), Some(new)) = (report.old.created_ms, report.new.created_ms) {
        let apart = span(old.abs_diff(new));
        let order = if new == old {
            "made at the same time".to_owned()
        } else if new < old {
            format!("made {apart} BEFORE the old one: are they the right way round?")
        } else {
            format!("made {apart} after the old one")
        };
        out.push_str(&format!("     {}\n", style.dim(&order)));
    }
    totals(report, style, &mut out);
    if report.keys.differ() == 0 {
        return out;
    }
    families(&report.families, style, &mut out);
    types(report, style, &mut out);
    indexes(&report.indexes, style, &mut out);
    largest(&report.largest, style, &mut out);
    out.push_str(&format!("\n{}\n", style.bold("More")));
    // Without an index there are no memberships.
    let tables: &[&str] = if report.indexes.is_empty() { &["keys"] } else { &["keys", "memberships"] };
    for table in tables {
        // Not wrapped, so that it can be copied.
        out.push_str(&format!("  {command} --table {table} --format csv\n"));
    }
    out
}

fn dump(which: &str, dump: &Dump, style: Style, out: &mut String) {
    let made = dump.created_at.as_deref().map_or(String::new(), |at| format!(" · made {}", time(at)));
    let keys = counted(dump.keys, "key");
    out.push_str(&format!(
        "{}  {} · {} · {keys}{made}\n",
        style.dim(which),
        style.bold(&name(&dump.file.0)),
        size(dump.bytes)
    ));
    let mut notes = Vec::new();
    for (n, what) in [
        (dump.expired_keys, "had expired when it was made and counts as absent"),
        (dump.empty_keys, "is an empty collection and counts as absent"),
        (dump.repeated_keys, "has the name of an earlier one and is passed over"),
    ] {
        if n > 0 {
            notes.push(format!("{} more: each {what}", counted(n, "key")));
        }
    }
    for note in notes {
        out.push_str("     ");
        wrap(&note, 5, 5, style.width.min(PROSE), out);
    }
}

fn heading(text: &str, style: Style, out: &mut String) {
    out.push_str(&format!("\n{}\n", style.bold(text)));
}

fn totals(report: &Report, style: Style, out: &mut String) {
    heading("Keys", style, out);
    let keys = &report.keys;
    if keys.differ() == 0 {
        let same = counted(keys.same, "key");
        out.push_str(&format!(
            "  {}\n",
            style.right(&format!("no difference: {same} with the same type, content and expiry"))
        ));
        return;
    }
    let mut notes = Vec::new();
    if keys.type_changed > 0 {
        notes.push(format!("{} in type", number(keys.type_changed)));
    }
    if keys.expiry_only > 0 {
        notes.push(format!("{} in nothing but expiry", number(keys.expiry_only)));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    let line = format!(
        "{} added, {} removed, {} changed{notes}, {} the same",
        number(keys.added),
        number(keys.removed),
        number(keys.changed),
        number(keys.same)
    );
    out.push_str("  ");
    wrap(&line, 2, 4, style.width.min(PROSE), out);
}

fn families(all: &[Family], style: Style, out: &mut String) {
    let mut order: Vec<&Family> = all.iter().filter(|family| family.counts.differ() > 0).collect();
    heading("Families of keys that changed", style, out);
    // Stable, so that equals stay in the order of the report.
    order.sort_by_key(|family| Reverse(family.counts.differ()));
    let mut grid = Grid::new([
        ("pattern", Column::Flexible),
        ("is", Column::Left),
        ("before", Column::Right),
        ("after", Column::Right),
        ("added", Column::Right),
        ("removed", Column::Right),
        ("changed", Column::Right),
        ("bytes", Column::Right),
    ]);
    for family in order.iter().take(ROWS) {
        let counts = &family.counts;
        let is = if family.kind == FamilyKind::Other { "" } else { family.kind.as_str() };
        let pattern = name(&family.pattern.0);
        grid.row([
            if pattern.is_empty() { "(the empty name)".to_owned() } else { pattern },
            is.to_owned(),
            number(counts.keys_before),
            number(counts.keys_after),
            number(counts.added),
            number(counts.removed),
            number(counts.changed),
            signed(counts.bytes_before, counts.bytes_after),
        ]);
    }
    grid.render(2, style, out);
    more(order.len(), ROWS, style, out);
}

fn types(report: &Report, style: Style, out: &mut String) {
    heading("Types", style, out);
    let mut grid = Grid::new([
        ("type", Column::Flexible),
        ("before", Column::Right),
        ("after", Column::Right),
        ("added", Column::Right),
        ("removed", Column::Right),
        ("changed", Column::Right),
        ("elements", Column::Right),
        ("bytes", Column::Right),
    ]);
    for of in report.types.iter().filter(|of| of.counts.differ() > 0) {
        let counts = &of.counts;
        grid.row([
            name(of.kind.as_bytes()),
            number(counts.keys_before),
            number(counts.keys_after),
            number(counts.added),
            number(counts.removed),
            number(counts.changed),
            difference(counts.elements_before, counts.elements_after),
            signed(counts.bytes_before, counts.bytes_after),
        ]);
    }
    grid.render(2, style, out);
}

fn indexes(all: &[Index], style: Style, out: &mut String) {
    if all.iter().all(|index| index.changed_keys == 0) {
        return;
    }
    heading("Indexes: members gained and lost", style, out);
    let mut grid = Grid::new([
        ("index", Column::Flexible),
        ("keys changed", Column::Right),
        ("gained", Column::Right),
        ("lost", Column::Right),
        ("other score", Column::Right),
    ]);
    let zero = |n: u64| if n == 0 { String::new() } else { number(n) };
    for index in all.iter().filter(|index| index.changed_keys > 0) {
        let counts = &index.memberships;
        let cells = [number(index.changed_keys), zero(counts.gained), zero(counts.lost), zero(counts.rescored)];
        let [changed, gained, lost, rescored] = cells;
        grid.total([name(index.name.as_bytes()), changed, gained, lost, rescored]);
        for key in index.keys.iter().take(INDEX_KEYS) {
            let n = |n: Option<u64>| zero(n.unwrap_or_default());
            grid.row([
                format!("  {}", name(&key.key.0)),
                key.change.to_owned(),
                n(key.gained),
                n(key.lost),
                n(key.rescored),
            ]);
        }
        let hidden = usize::try_from(index.changed_keys).unwrap_or(usize::MAX).saturating_sub(INDEX_KEYS);
        if hidden > 0 {
            grid.row([
                format!("  and {} more", counted(hidden as u64, "key")),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
    }
    grid.render(2, style, out);
}

fn largest(keys: &[Key], style: Style, out: &mut String) {
    heading("Largest changes", style, out);
    let mut grid = Grid::new([
        ("key", Column::Flexible),
        ("change", Column::Left),
        ("type", Column::Left),
        ("elements", Column::Right),
        ("bytes", Column::Right),
    ]);
    for key in keys.iter().take(ROWS) {
        let kind = match (&key.type_before, &key.type_after) {
            (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
            (Some(kind), _) | (None, Some(kind)) => kind.clone(),
            (None, None) => String::new(),
        };
        let zero = |n: Option<u64>| n.unwrap_or_default();
        let db = if key.db == 0 { String::new() } else { format!("db {}: ", key.db) };
        grid.row([
            format!("{db}{}", name(&key.key.0)),
            key.change.to_owned(),
            name(kind.as_bytes()),
            difference(zero(key.elements_before), zero(key.elements_after)),
            signed(zero(key.bytes_before), zero(key.bytes_after)),
        ]);
    }
    grid.render(2, style, out);
}

fn more(all: usize, shown: usize, style: Style, out: &mut String) {
    let hidden = all.saturating_sub(shown);
    if hidden > 0 {
        out.push_str(&format!("  {}\n", style.dim(&format!("and {} more: --format json", number(hidden as u64)))));
    }
}

fn sign(before: u64, after: u64) -> &'static str {
    match before.cmp(&after) {
        std::cmp::Ordering::Less => "+",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "−",
    }
}

/// How many bytes more or less.
fn signed(before: u64, after: u64) -> String {
    format!("{}{}", sign(before, after), size(before.abs_diff(after)))
}

fn difference(before: u64, after: u64) -> String {
    format!("{}{}", sign(before, after), number(before.abs_diff(after)))
}
