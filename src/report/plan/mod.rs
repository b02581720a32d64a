//! A plan for the person who has to approve it, from the manifest alone.

pub mod json;
pub mod replay_cost;

use super::Style;
use super::brakes::brakes;
use super::grid::{Column, Grid};
use crate::bundle::manifest::{CHANGES, Counts, Example, IndexPlan, Manifest};
use crate::text::{ago, counted, fit, name, number, safe, shell, size, time, width, wrap};

/// Warnings in the short form.
const WARNINGS: usize = 3;
/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 110;

/// What is known of a bundle beside its manifest.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The folder, as the user named it.
    pub folder: &'c str,
    pub state: State,
    /// What was done with it, in a sentence, and what can be typed next, each with what it is for: unless it is new.
    pub story: &'c str,
    pub next: &'c [(String, &'static str)],
    /// When the dump was made, in Unix milliseconds, as far as the manifest says it.
    pub created_ms: Option<i64>,
    pub now_ms: i64,
}

/// What has been done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    New,
    ApplyBegun,
    Applied,
    RollbackBegun,
    RolledBack,
}

/// The whole plan: what `show` prints.
pub fn plan(manifest: &Manifest, context: Context<'_>, style: Style) -> String {
    let mut out = String::new();
    head(manifest, context, style, &mut out);
    brakes(&manifest.brakes, false, style, &mut out);
    if is_empty(manifest) {
        nothing(manifest, style, &mut out);
        return out;
    }
    out.push('\n');
    counts(manifest, style, &mut out);
    left(manifest, style, &mut out);
    gone(manifest, style, &mut out);
    examples(manifest, style, &mut out);
    cost(manifest, style, &mut out);
    warnings(manifest, usize::MAX, style, &mut out);
    next(context, "DUMP", style, &mut out);
    out
}

/// What was written, for the command that wrote it; `dump` is the dump, or the dumps, as words of a command.
pub fn summary(manifest: &Manifest, folder: &str, dump: &str, style: Style) -> String {
    let mut out = String::new();
    let title = format!("Plan {}", safe(&manifest.plan_id));
    out.push_str(&format!("{} in {}\n", style.bold(&title), shell(folder)));
    if is_empty(manifest) {
        nothing(manifest, style, &mut out);
        return out;
    }
    counts(manifest, style, &mut out);
    left(manifest, style, &mut out);
    let mut short = String::from("  ");
    wrap(&replay_cost::in_short(manifest), 2, 2, style.width.min(PROSE), &mut short);
    out.push_str(&format!("{}\n", style.dim(short.trim_end())));
    warnings(manifest, WARNINGS, style, &mut out);
    next(
        Context { folder, state: State::New, story: "", next: &[], created_ms: None, now_ms: 0 },
        dump,
        style,
        &mut out,
    );
    out
}

fn is_empty(manifest: &Manifest) -> bool {
    manifest.total.commands == 0
}

fn nothing(manifest: &Manifest, style: Style, out: &mut String) {
    let what = match (what_is_left(manifest), undecidable(manifest)) {
        (None, 0) => format!("{}: {}", style.right("Nothing to do"), as_they_should_be(manifest)),
        (None, _) => {
            format!("{}: as far as can be told, the indexes are as they should be.", style.right("Nothing to do"))
        }
        (Some(_), _) => format!("{}, but not everything is right.", style.wrong("Nothing is changed")),
    };
    out.push('\n');
    wrap(&what, 0, 0, style.width.min(PROSE), out);
    left(manifest, style, out);
    warnings(manifest, usize::MAX, style, out);
}

/// Of indexes with which nothing is wrong; those that the dump knows nothing of are named.
pub(super) fn as_they_should_be(manifest: &Manifest) -> String {
    // That a retired index has no key is what it is retired for; only if nothing else is known it is worth a word.
    let all = manifest.indexes.iter().all(|index| index.unmatched);
    let unmatched = manifest.indexes.iter().filter(|index| index.unmatched && (all || index.policy != "retire"));
    let unmatched: Vec<String> = unmatched.map(|index| name(index.name.as_bytes())).collect();
    if unmatched.is_empty() {
        return "the indexes in the dump are as they should be.".to_owned();
    }
    let others =
        if unmatched.len() < manifest.indexes.len() { "the other indexes are as they should be; " } else { "" };
    let from_records = manifest.indexes.iter().any(|index| index.unmatched && index.policy != "prune");
    let implied = if from_records { ", and no record implies one" } else { "" };
    format!("{others}the dump has no key of {}{implied}.", unmatched.join(", "))
}

/// What is wrong, or may be, and is not changed.
pub(super) fn what_is_left(manifest: &Manifest) -> Option<String> {
    let sum = |of: fn(&IndexPlan) -> u64| manifest.indexes.iter().map(of).sum::<u64>();
    let (keys, members) = (sum(|index| index.left_keys), sum(|index| index.left_members));
    let parts = [(keys, counted(keys, "key")), (members, counted(members, "member"))];
    let parts: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, text)| text).collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

fn undecidable(manifest: &Manifest) -> u64 {
    manifest.indexes.iter().map(|index| index.undecidable_records).sum()
}

/// What the plan does not mend, in a line or two.
fn left(manifest: &Manifest, style: Style, out: &mut String) {
    let mut line = |text: String| {
        out.push_str("  ");
        wrap(&text, 2, 4, style.width.min(PROSE), out);
    };
    if let Some(left) = what_is_left(manifest) {
        line(format!("left as they are, though wrong or in doubt: {left}"));
    }
    let by_index = manifest.indexes.iter().filter(|index| index.undecidable_records > 0);
    let by_index: Vec<String> =
        by_index.map(|index| format!("{} ({})", number(index.undecidable_records), safe(&index.name))).collect();
    if !by_index.is_empty() {
        line(format!("records of which nothing can be said, by index: {}", by_index.join(", ")));
    }
}

/// How many members name a record that is not in the dump.
fn gone(manifest: &Manifest, style: Style, out: &mut String) {
    let gone = manifest.indexes.iter().filter(|index| index.gone_members > 0);
    let gone: Vec<String> = gone
        .map(|index| {
            let percent = index.gone_members.saturating_mul(100) / index.looked_at_members.max(1);
            let (gone, all) = (number(index.gone_members), number(index.looked_at_members));
            format!("{} {gone} of {all} ({percent}%)", safe(&index.name))
        })
        .collect();
    if !gone.is_empty() {
        let words =
            format!("members whose record is not in the dump, of those that were looked at: {}", gone.join(", "));
        out.push_str("  ");
        wrap(&words, 2, 4, style.width.min(PROSE), out);
    }
}

fn heading(text: &str, style: Style, out: &mut String) {
    out.push_str(&format!("\n{}\n", style.bold(text)));
}

fn head(manifest: &Manifest, context: Context<'_>, style: Style, out: &mut String) {
    let snapshot = &manifest.snapshot;
    out.push_str(&format!("{}\n", style.bold(&format!("Plan {}", safe(&manifest.plan_id)))));
    let server = if snapshot.flavor == "valkey" { "Valkey" } else { "Redis" };
    let version = snapshot.server_version.as_deref().map(|version| format!(" {}", safe(version)));
    let mut line = |text: String| {
        out.push_str("  ");
        wrap(&text, 2, 2, style.width.min(PROSE), out);
    };
    line(format!(
        "for a dump of {} with {}, {server}{}, CRC-64 {}",
        size(snapshot.bytes),
        counted(snapshot.keys, "key"),
        version.unwrap_or_default(),
        safe(&snapshot.crc64),
    ));
    let made = match &snapshot.created_at {
        Some(text) => {
            let age = context.created_ms.map(|ms| ago(ms, context.now_ms));
            format!("made {}{}", time(text), age.map(|age| format!(", {age}")).unwrap_or_default())
        }
        None => "which does not say when it was made".to_owned(),
    };
    line(format!("{made}; what changed since is not in the plan"));
    if let Some(joined) = &manifest.joined {
        let names = joined.shards.iter().map(|shard| safe(&shard.name).to_string());
        line(format!("joined of the plans of {}", of_shards(names)));
    }
    if let Some(shard) = &manifest.shard {
        let all = counted(shard.engine.shards.len() as u64, "shard");
        line(format!("the plan of shard {} alone, of {all}: `rdb-reindex join` makes one of all", safe(&shard.name)));
    }
    let (spec, tool) = (&manifest.spec, safe(&manifest.tool_version));
    let digest: String = spec.sha256.chars().take(12).collect();
    line(format!("spec {} ({}) · rdb-reindex {tool}", safe(&spec.name), safe(&digest)));
    if context.state != State::New {
        let mut text = String::from("  ");
        wrap(&safe(context.story), 2, 2, style.width.min(PROSE), &mut text);
        out.push_str(&format!("{}\n", style.wrong(text.trim_end())));
    }
}

/// Shards that are named.
const SHARDS: usize = 6;

/// How many shards, and which the first ones are.
pub(super) fn of_shards(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = if names.len() > SHARDS { ", …" } else { "" };
    let first: Vec<&str> = names.iter().take(SHARDS).map(String::as_str).collect();
    format!("{}: {}{more}", counted(u64::try_from(names.len()).unwrap_or(u64::MAX), "shard"), first.join(", "))
}

fn counts(manifest: &Manifest, style: Style, out: &mut String) {
    let mut grid = Grid::new([
        ("index", Column::Flexible),
        ("policy", Column::Left),
        ("keys deleted", Column::Right),
        ("members added", Column::Right),
        ("removed", Column::Right),
        ("commands", Column::Spare),
        ("bytes", Column::Spare),
    ]);
    let cells = |title: String, policy: String, counts: &Counts| {
        // A deletion takes keys of several indexes, and is counted where its first key belongs.
        let shared = counts.commands == 0 && counts.deleted_keys > 0;
        [
            title,
            policy,
            number(counts.deleted_keys),
            number(counts.added_members),
            number(counts.removed_members),
            if shared { "shared".to_owned() } else { number(counts.commands) },
            if shared { String::new() } else { size(counts.bytes) },
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
        let mut before: Option<&Example> = None;
        for example in &index.examples {
            let alike = before.filter(|before| before.edit == example.edit && before.reason == example.reason);
            if alike.is_none() {
                out.push_str("    ");
                wrap(&format!("{}: {}", safe(&example.edit), safe(&example.reason)), 4, 8, style.width, out);
            }
            let mut line = |indent: usize, text: &str| {
                let text = fit(text, style.width.saturating_sub(indent));
                out.push_str(&format!("{}{text}\n", " ".repeat(indent)));
            };
            match &example.member {
                None => line(6, &name(&example.key.0)),
                Some(member) => {
                    if alike.is_none_or(|before| before.key != example.key) {
                        line(6, &format!("in {}", name(&example.key.0)));
                    }
                    line(8, &name(&member.0));
                }
            }
            before = Some(example);
        }
    }
    let mut all = String::from("  ");
    wrap(&format!("every edit with its reason is in {CHANGES}"), 2, 2, style.width, &mut all);
    out.push_str(&format!("{}\n", style.dim(all.trim_end())));
}

fn cost(manifest: &Manifest, style: Style, out: &mut String) {
    heading("Cost", style, out);
    let (total, caps) = (&manifest.total, &manifest.caps);
    let mut line = |label: &str, text: String| {
        out.push_str(&format!("  {}", style.dim(&format!("{label:<19}"))));
        wrap(&text, 21, 21, style.width.min(PROSE), out);
    };
    for (label, text) in replay_cost::lines(manifest) {
        line(label, text);
    }
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
        "its commands",
        format!(
            "{} in {}; {least} with at most {} and {limit} a command",
            number(total.commands),
            size(total.bytes),
            counted(caps.max_args, "argument"),
        ),
    );
    if manifest.by_slot {
        line("by slot", "for a cluster: no command has keys of two slots".to_owned());
    }
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
    let mut lines: Vec<(String, &str)> = Vec::new();
    if context.state == State::New {
        lines.push((format!("rdb-reindex rehearse {folder} {dump}"), "prove it, offline"));
        let commands = [("apply", "--to URL --dry-run", "compare, write nothing"), ("apply", "--to URL", "do it")];
        let commands = commands.into_iter();
        lines.extend(commands.map(|(command, rest, why)| (format!("rdb-reindex {command} {folder} {rest}"), why)));
    } else {
        lines.extend(context.next.iter().cloned());
    }
    let widest = lines.iter().map(|(line, _)| width(line)).max().unwrap_or(0);
    let room = lines.iter().map(|(_, why)| width(why)).max().unwrap_or(0).saturating_add(widest).saturating_add(4);
    for (line, why) in lines {
        // A command is never broken, so that it can be copied; what it is for gives way.
        let pad = " ".repeat(widest.saturating_sub(width(&line)));
        let is_too_wide = room > style.width;
        if is_too_wide && context.state != State::New {
            // A comment, to a shell.
            out.push_str(&format!("  {}\n", style.dim(&format!("# {why}"))));
        }
        let why = if is_too_wide { String::new() } else { format!("{pad}  {}", style.dim(why)) };
        out.push_str(&format!("  {line}{why}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::{Bytes, Caps, IndexPlan, Replay, SnapshotId, SpecId};

    fn manifest(total: Counts) -> Manifest {
        Manifest {
            format_version: 1,
            plan_id: "0123456789ab".into(),
            tool_version: "1.2.3".into(),
            snapshot: SnapshotId {
                bytes: 1_300_000_000,
                crc64: "00000000000000ff".into(),
                created_at: Some("2025-01-06T17:45:00Z".into()),
                flavor: "valkey".into(),
                rdb_version: 80,
                server_version: Some("9.1.2\u{1b}[31m".into()),
                keys: 1_500_000,
            },
            spec: SpecId { name: "custom".into(), sha256: "ab".repeat(32), text: String::new() },
            caps: Caps { max_args: 1000, max_command_bytes: 1000 },
            by_slot: false,
            shard: None,
            joined: None,
            expiry: "careful".into(),
            accepted: Vec::new(),
            only: Vec::new(),
            brakes: Vec::new(),
            total,
            indexes: vec![IndexPlan {
                name: "by tag".into(),
                policy: "maintain".into(),
                pattern: "tag:*".into(),
                counts: total,
                left_keys: 0,
                left_members: 0,
                undecidable_records: 0,
                unmatched: false,
                looked_at_members: 0,
                gone_members: 0,
                examples: vec![Example {
                    edit: "add member".into(),
                    key: Bytes(b"tag:\x1b]0;\xff".to_vec()),
                    member: Some(Bytes("x\u{202e}y\r\nz".as_bytes().to_vec())),
                    reason: "record not indexed".into(),
                }],
            }],
            lower_bound: 2,
            batches: 4000,
            billed_commands: 123_456,
            estimated_cost_usd: 0.246_912,
            replay: Replay::default(),
            expiring: Vec::new(),
            expected_replies: Vec::new(),
            rollback_expected_replies: Vec::new(),
            witnesses: Vec::new(),
            touched: Vec::new(),
            warnings: vec!["\u{9b}1m one".into(), "two".into(), "three".into(), "four".into()],
            files: std::collections::BTreeMap::new(),
        }
    }

    const SOME: Counts = Counts { added_members: 1, removed_members: 0, deleted_keys: 0, commands: 5, bytes: 999 };
    // A day and an hour after the dump was made.
    const CONTEXT: Context<'_> = Context {
        folder: "my plan",
        state: State::New,
        story: "",
        next: &[],
        created_ms: Some(1_736_185_500_000),
        now_ms: 1_736_275_500_000,
    };

    #[test]
    fn what_a_person_decides_by_is_there() {
        let text = plan(&manifest(SOME), CONTEXT, Style::PLAIN);
        for part in [
            "Plan 0123456789ab\n",
            "for a dump of 1.3 GB with 1,500,000 keys, Valkey 9.1.2\\u{1b}[31m, CRC-64\n",
            "made 2025-01-06 17:45:00 UTC, 25 hours ago;",
            "spec custom (abababababab) · rdb-reindex 1.2.3\n",
            "    add member: record not indexed\n      in tag:\\u{1b}]0;\\xff\n        x\\u{202e}y\\u{d}\\u{a}z\n",
            "5 in 999 B; the fewest possible are 2 with at most 1,000\n",
            // 4,000 × 50 ms.
            "123,456 commands (0 to look), 4,000 round trips, 3 minutes\n",
            "at 50 ms each, estimated $0.25\n",
            "edits alone        123,456 commands, 4,000 round trips, $0.25\n",
            "  ! \\u{9b}1m one\n  ! two\n  ! three\n  ! four\n",
            "  rdb-reindex rehearse 'my plan' DUMP             prove it, offline\n",
            "  rdb-reindex apply 'my plan' --to URL            do it\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    }

    #[test]
    fn what_was_done_with_a_plan_is_said_and_leads_on() {
        let next = [("rdb-reindex verify 'my plan' --to redis://h:1".to_owned(), "is it there?")];
        let story = "plan 0123456789ab was applied to redis://h:1 at 2026-01-01T00:00:00Z";
        let context = Context { state: State::Applied, story, next: &next, ..CONTEXT };
        let text = plan(&manifest(SOME), context, Style::PLAIN);
        assert!(text.contains("  plan 0123456789ab was applied to redis://h:1 at 2026-01-01T00:00:00Z\n"), "{text}");
        assert!(text.contains("  rdb-reindex verify 'my plan' --to redis://h:1  is it there?\n"), "{text}");
        assert!(!text.contains("rdb-reindex apply"), "{text}");
        // A command is never broken, and what it is for stands before it where there is no room behind it.
        let narrow = plan(&manifest(SOME), context, Style { width: 60, ..Style::PLAIN });
        assert!(narrow.contains("  # is it there?\n  rdb-reindex verify 'my plan' --to redis://h:1\n"), "{narrow}");
    }

    #[test]
    fn a_plan_without_commands_says_so() {
        for text in [
            plan(&manifest(Counts::default()), CONTEXT, Style::PLAIN),
            summary(&manifest(Counts::default()), "my plan", "DUMP", Style::PLAIN),
        ] {
            assert!(text.contains("Nothing to do: the indexes in the dump are as they should be.\n"), "{text}");
            assert!(text.contains("  ! four\n"), "{text}");
            assert!(!text.contains("rdb-reindex apply"), "{text}");
        }
    }

    #[test]
    fn the_summary_is_short() {
        let text = summary(&manifest(SOME), "my plan", "'a dump.rdb'", Style::PLAIN);
        assert!(text.starts_with("Plan 0123456789ab in 'my plan'\n"), "{text}");
        assert!(text.contains("  rdb-reindex rehearse 'my plan' 'a dump.rdb'"), "{text}");
        assert!(text.contains("    and 1 more: `rdb-reindex show` has them all\n"), "{text}");
        assert!(text.lines().count() < 20, "{text}");
    }

    #[test]
    fn colour_comes_from_the_style_alone() {
        let mut text = plan(&manifest(SOME), CONTEXT, Style { width: 100, colour: true });
        assert!(text.contains("\u{1b}[1mPlan 0123456789ab\u{1b}[0m"), "{text:?}");
        for ours in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[33m"] {
            text = text.replace(ours, "");
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}') && !text.contains('\u{202e}'), "{text:?}");
    }
}
