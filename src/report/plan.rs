//! A plan for the person who has to approve it, from the manifest alone.

use super::Style;
use super::grid::{Column, Grid};
use super::text::{ago, counted, fit, name, number, safe, shell, size, span, time, width, wrap};
use crate::derive::unix_millis;
use crate::plan::manifest::{CHANGES, Counts, Example, Manifest};

/// A round trip to a database on another continent, or to a busy one near by.
const ROUND_TRIP_MS: u64 = 50;
/// Warnings in the short form.
const WARNINGS: usize = 3;
/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;

/// What is known of a bundle beside its manifest.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The folder, as the user named it.
    pub folder: &'c str,
    /// Somebody has begun to apply it.
    pub applied: bool,
    pub now_ms: i64,
}

/// The whole plan: what `show` prints.
pub fn plan(manifest: &Manifest, context: Context<'_>, style: Style) -> String {
    let mut out = String::new();
    head(manifest, context, style, &mut out);
    if is_empty(manifest) {
        nothing(manifest, style, &mut out);
        return out;
    }
    out.push('\n');
    counts(manifest, style, &mut out);
    examples(manifest, style, &mut out);
    cost(manifest, style, &mut out);
    warnings(manifest, usize::MAX, style, &mut out);
    next(context, "DUMP", style, &mut out);
    out
}

/// What was written, for the command that wrote it; `dump` is what the user called the dump.
pub fn summary(manifest: &Manifest, folder: &str, dump: &str, style: Style) -> String {
    let mut out = String::new();
    let title = format!("Plan {}", safe(&manifest.plan_id));
    out.push_str(&format!("{} in {}\n", style.bold(&title), shell(folder)));
    if is_empty(manifest) {
        nothing(manifest, style, &mut out);
        return out;
    }
    counts(manifest, style, &mut out);
    out.push_str(&format!("  {}\n", style.dim(&in_short(manifest))));
    warnings(manifest, WARNINGS, style, &mut out);
    next(Context { folder, applied: false, now_ms: 0 }, dump, style, &mut out);
    out
}

fn is_empty(manifest: &Manifest) -> bool {
    manifest.total.commands == 0
}

fn nothing(manifest: &Manifest, style: Style, out: &mut String) {
    out.push_str(&format!("\n{}: the indexes in the dump are as they should be.\n", style.right("Nothing to do")));
    warnings(manifest, usize::MAX, style, out);
}

fn heading(text: &str, style: Style, out: &mut String) {
    out.push_str(&format!("\n{}\n", style.bold(text)));
}

fn head(manifest: &Manifest, context: Context<'_>, style: Style, out: &mut String) {
    let snapshot = &manifest.snapshot;
    out.push_str(&format!("{}\n", style.bold(&format!("Plan {}", safe(&manifest.plan_id)))));
    let server = if snapshot.flavor == "valkey" { "Valkey" } else { "Redis" };
    let version = snapshot.server_version.as_deref().map(|version| format!(" {}", safe(version)));
    out.push_str(&format!(
        "  for a dump of {} with {}, {server}{}, CRC-64 {}\n",
        size(snapshot.bytes),
        counted(snapshot.keys, "key"),
        version.unwrap_or_default(),
        safe(&snapshot.crc64),
    ));
    let made = match &snapshot.created_at {
        Some(text) => {
            let age = unix_millis(text.as_bytes()).map(|ms| ago(ms, context.now_ms));
            format!("made {}{}", time(text), age.map(|age| format!(", {age}")).unwrap_or_default())
        }
        None => "which does not say when it was made".to_owned(),
    };
    out.push_str(&format!("  {made} · what changed since is not in the plan\n"));
    let (spec, tool) = (&manifest.spec, safe(&manifest.tool_version));
    let digest: String = spec.sha256.chars().take(12).collect();
    out.push_str(&format!("  spec {} ({}) · rdb-reindex {tool}\n", safe(&spec.name), safe(&digest)));
    if context.applied {
        out.push_str(&format!("  {}\n", style.wrong("This plan was applied, or somebody began to.")));
    }
}

fn counts(manifest: &Manifest, style: Style, out: &mut String) {
    let mut grid = Grid::new([
        ("index", Column::Flexible),
        ("policy", Column::Left),
        ("keys deleted", Column::Right),
        ("members added", Column::Right),
        ("removed", Column::Right),
        ("commands", Column::Right),
        ("bytes", Column::Right),
    ]);
    let cells = |title: String, policy: String, counts: &Counts| {
        [
            title,
            policy,
            number(counts.deleted_keys),
            number(counts.added_members),
            number(counts.removed_members),
            number(counts.commands),
            size(counts.bytes),
        ]
    };
    for index in &manifest.indexes {
        grid.row(cells(name(index.name.as_bytes()), safe(&index.policy).into_owned(), &index.counts));
    }
    grid.total(cells("total".to_owned(), String::new(), &manifest.total));
    grid.render(2, style, out);
}

fn examples(manifest: &Manifest, style: Style, out: &mut String) {
    heading("Examples", style, out);
    for index in manifest.indexes.iter().filter(|index| !index.examples.is_empty()) {
        let title = name(index.name.as_bytes());
        out.push_str(&format!("  {title}  {}\n", style.dim(&safe(&index.pattern))));
        for example in &index.examples {
            example_lines(example, style, out);
        }
    }
    out.push_str(&style.dim(&format!("  every edit with its reason is in {CHANGES}\n")));
}

fn example_lines(example: &Example, style: Style, out: &mut String) {
    let columns = style.width;
    let reason = safe(&example.reason);
    let label = format!("    {:<13} ", safe(&example.edit));
    let key = name(&example.key.0);
    let subject = match &example.member {
        Some(member) => name(&member.0),
        None => key.clone(),
    };
    let first = fit(&subject, columns.saturating_sub(width(&label))).into_owned();
    out.push_str(&format!("{label}{first}\n"));
    let indent = " ".repeat(width(&label));
    let second = match &example.member {
        Some(_) => format!("{reason}; in {key}"),
        None => reason.into_owned(),
    };
    let second = fit(&second, columns.saturating_sub(indent.len()));
    out.push_str(&format!("{indent}{}\n", style.dim(&second)));
}

fn price(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "less than a cent".to_owned() } else { format!("${usd:.2}") }
}

fn waiting(manifest: &Manifest) -> String {
    let ms = manifest.batches.saturating_mul(ROUND_TRIP_MS);
    if ms < 10_000 { format!("{}.{:02} s", ms / 1000, ms % 1000 / 10) } else { span(ms) }
}

fn in_short(manifest: &Manifest) -> String {
    format!(
        "{}, {} at {ROUND_TRIP_MS} ms each; estimated price {}",
        counted(manifest.batches, "round trip"),
        waiting(manifest),
        price(manifest.estimated_cost_usd),
    )
}

fn cost(manifest: &Manifest, style: Style, out: &mut String) {
    heading("Cost", style, out);
    let (total, caps) = (&manifest.total, &manifest.caps);
    let mut line = |label: &str, text: String| {
        out.push_str(&format!("  {}", style.dim(&format!("{label:<12}"))));
        wrap(&text, 14, 14, style.width.min(PROSE), out);
    };
    let least = if manifest.lower_bound >= total.commands {
        "the fewest possible".to_owned()
    } else {
        format!("the fewest possible are {}", number(manifest.lower_bound))
    };
    let limit = if caps.max_command_bytes.is_multiple_of(1024) {
        format!("{} KiB", number(caps.max_command_bytes / 1024))
    } else {
        counted(caps.max_command_bytes, "byte")
    };
    line(
        "commands",
        format!(
            "{} in {}; {least} with at most {} and {limit} a command",
            number(total.commands),
            size(total.bytes),
            counted(caps.max_args, "argument"),
        ),
    );
    line("round trips", format!("{}: {} at {ROUND_TRIP_MS} ms each", number(manifest.batches), waiting(manifest)));
    let billed = counted(manifest.billed_commands, "command");
    line("billed", format!("{billed}, estimated {}", price(manifest.estimated_cost_usd)));
    line("keys touched", number(manifest.touched.len() as u64));
}

fn warnings(manifest: &Manifest, most: usize, style: Style, out: &mut String) {
    if manifest.warnings.is_empty() {
        return;
    }
    heading("Warnings", style, out);
    for warning in manifest.warnings.iter().take(most) {
        out.push_str(&format!("  {} ", style.wrong("!")));
        wrap(&safe(warning), 4, 4, style.width.min(PROSE), out);
    }
    let hidden = manifest.warnings.len().saturating_sub(most);
    if hidden > 0 {
        out.push_str(&format!("    and {} more: `rdb-reindex show` has them all\n", number(hidden as u64)));
    }
}

fn next(context: Context<'_>, dump: &str, style: Style, out: &mut String) {
    heading("Next", style, out);
    let folder = shell(context.folder);
    let dump = if dump == "DUMP" { dump.to_owned() } else { shell(dump) };
    let commands = if context.applied {
        [
            ("verify", " --to URL", "is the database as it should be?"),
            ("rollback", " --to URL", "undo it"),
            ("", "", ""),
        ]
    } else {
        [
            ("rehearse", dump.as_str(), "prove it, without a database"),
            ("apply", " --to URL --dry-run", "compare with the database, change nothing"),
            ("apply", " --to URL", "do it"),
        ]
    };
    let lines: Vec<(String, &str)> = commands
        .iter()
        .filter(|(command, ..)| !command.is_empty())
        .map(|(command, rest, why)| (format!("rdb-reindex {command} {folder} {}", rest.trim_start()), *why))
        .collect();
    let widest = lines.iter().map(|(line, _)| width(line)).max().unwrap_or(0);
    for (line, why) in lines {
        let pad = " ".repeat(widest.saturating_sub(width(&line)));
        out.push_str(&format!("  {line}{pad}  {}\n", style.dim(why)));
    }
}
