//! The inventory for a person at a terminal.

use super::findings::words;
use super::lines::heading;
use super::next::{Commands, steps};
use super::verdict::{limits, records, verdict};
use super::{Checksum, Diagnostic, Index, Inventory, Shown, Snapshot, stock};
use crate::report::Style;
use crate::report::advice;
use crate::report::brakes::brakes;
use crate::text::{ago, counted, name, number, safe, size, time, width, wrap};

/// Examples shown of each finding.
const EXAMPLES: usize = 3;
/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;

/// The whole inventory, and what to do next.
pub fn table(inventory: &Inventory, shown: Shown, now_ms: i64, commands: &Commands, style: Style) -> String {
    let mut out = String::new();
    headline(inventory, now_ms, style, &mut out);
    brakes(&inventory.brakes, false, style, &mut out);
    if inventory.spec.is_some() {
        indexes(inventory, true, style, &mut out);
    }
    stock::stock(inventory, shown, style, &mut out);
    findings(&inventory.diagnostics, style, &mut out);
    if let Some(advice) = &inventory.advice {
        advice::table::advice(advice, style, &mut out);
    }
    heading("Next", style, &mut out);
    for step in steps(inventory, commands) {
        if !step.words.is_empty() {
            out.push_str("  ");
            wrap(&step.words, 2, 2, style.width.min(PROSE), &mut out);
        }
        if let Some(command) = step.command {
            // Not wrapped, so that it can be copied.
            out.push_str(&format!("  {}\n", safe(&command)));
        }
    }
    out
}

/// The head of the inventory and what is wrong, for a command that goes on to other things.
pub fn brief(inventory: &Inventory, now_ms: i64, style: Style) -> String {
    let mut out = String::new();
    headline(inventory, now_ms, style, &mut out);
    brakes(&inventory.brakes, true, style, &mut out);
    indexes(inventory, false, style, &mut out);
    out
}

fn headline(inventory: &Inventory, now_ms: i64, style: Style, out: &mut String) {
    let snapshot = &inventory.snapshot;
    let file = name(&snapshot.file.0);
    let checksum = match snapshot.checksum {
        Checksum::Mismatch => style.wrong("checksum WRONG"),
        Checksum::Absent => "no checksum".to_owned(),
        Checksum::Verified => "checksum verified".to_owned(),
    };
    out.push_str(&format!("{}\n", style.bold(&file)));
    facts(&format!("{} · {} · {checksum}", size(snapshot.bytes), made_by(snapshot)), style, out);
    let databases = counted(inventory.databases.len() as u64, "database");
    let when = match (&snapshot.created_at, snapshot.created_ms) {
        (Some(text), Some(ms)) => format!("made {}, {}", time(text), ago(ms, now_ms)),
        _ => "it does not say when it was made".to_owned(),
    };
    facts(&format!("{} in {databases} · {when}", counted(inventory.keys, "key")), style, out);
    facts(&format!("about {} in memory, as a Redis 7 would have it", size(inventory.memory)), style, out);
    let judged = match &inventory.spec {
        None => "no spec was used, so no index is judged".to_owned(),
        Some(spec) if spec.preset => format!("indexes judged by the preset {}", safe(&spec.name)),
        Some(spec) => format!("indexes judged by the spec {}", safe(&spec.name)),
    };
    facts(&judged, style, out);
    let mut more = Vec::new();
    if inventory.functions > 0 {
        let libraries = if inventory.functions == 1 { "library" } else { "libraries" };
        more.push(format!("{} {libraries} of functions", number(inventory.functions)));
    }
    if !inventory.modules.is_empty() {
        more.push(format!("data of modules: {}", safe(&inventory.modules.join(", "))));
    }
    if !more.is_empty() {
        facts(&more.join(" · "), style, out);
    }
}

fn made_by(snapshot: &Snapshot) -> String {
    let version = snapshot.server_version.as_ref().map(|version| format!(" {}", name(&version.0)));
    let format = match snapshot.flavor {
        "valkey" => "VALKEY",
        _ => "RDB",
    };
    format!("{}{}, {format} {}", snapshot.server, version.unwrap_or_default(), snapshot.rdb_version)
}

/// Facts of the head, in one line if they fit.
fn facts(text: &str, style: Style, out: &mut String) {
    out.push_str("  ");
    wrap(text, 2, 2, style.width, out);
}

fn indexes(inventory: &Inventory, whole: bool, style: Style, out: &mut String) {
    heading("Indexes", style, out);
    if inventory.indexes.is_empty() {
        out.push_str("  the spec has none\n");
    }
    let names: Vec<String> = inventory.indexes.iter().map(|index| name(index.name.as_bytes())).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or(0).min(24);
    let columns = style.width.min(PROSE);
    for (index, name) in inventory.indexes.iter().zip(&names) {
        let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
        let painted = if index.is_right() { style.right(name) } else { style.wrong(name) };
        let policy = index.policy;
        out.push_str(&format!("  {painted}{}  {}{}  ", pad(name, widest), style.dim(policy), pad(policy, 8)));
        // Two spaces, the name, two, eight for the policy, and two.
        let indent = widest.saturating_add(14);
        wrap(&verdict(index), width(name).max(widest).saturating_add(14), indent, columns, out);
        let mut notes = limits(index);
        if whole {
            notes.extend(records(index));
        }
        for note in notes {
            out.push_str(&" ".repeat(indent));
            wrap(&note, indent, indent, columns, out);
        }
    }
    if whole && inventory.indexes.iter().any(|index: &Index| index.wrong_keys > 0 && index.policy != "retire") {
        let mut legend = String::from("  ");
        wrap(
            "right in name: it should exist, whatever is in it · wrong: it should not exist",
            2,
            2,
            columns,
            &mut legend,
        );
        out.push_str(&format!("{}\n", style.dim(legend.trim_end())));
    }
}

fn findings(diagnostics: &[Diagnostic], style: Style, out: &mut String) {
    if diagnostics.is_empty() {
        return;
    }
    heading("Findings", style, out);
    for diagnostic in diagnostics {
        out.push_str("  ");
        wrap(&words(diagnostic), 2, 4, style.width.min(PROSE), out);
        for example in diagnostic.examples.iter().take(EXAMPLES) {
            let mut lines = String::from("      ");
            wrap(&safe(example), 6, 6, style.width, &mut lines);
            out.push_str(&format!("{}\n", style.dim(lines.trim_end())));
        }
        let shown = diagnostic.examples.len().min(EXAMPLES) as u64;
        let more = diagnostic.count.saturating_sub(shown);
        if shown > 0 && more > 0 && diagnostic.is_listed() {
            out.push_str(&format!("      {}\n", style.dim(&format!("and {} more", number(more)))));
        }
    }
}
