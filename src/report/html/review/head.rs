//! The page in a few sentences.

use super::super::escape::{Html, Room, code, text};
use super::words::{done, join, label};
use crate::bundle::manifest::{Counts, Manifest};
use crate::report::inventory::Index;
use crate::report::inventory::verdict::verdict;
use crate::report::plan::replay_cost::{dollars, of_apply, waiting};
use crate::report::plan::{as_they_should_be, of_shards};
use crate::text::{counted, number, size};

/// Indexes that the first sentences name; the rest are counted.
const NAMED: usize = 4;

pub struct Head {
    pub id: Html,
    pub is_empty: bool,
    pub headline: Html,
    /// What is wrong, index by index.
    pub wrong: Vec<Html>,
    /// What the spec retires.
    pub retired: Vec<Html>,
    /// What is done about it.
    pub lead: Html,
    pub will: String,
    pub commands: String,
    pub duration: String,
    pub price: String,
    pub dump: Html,
    /// RFC 3339, and the same for reading.
    pub created: Option<(String, String)>,
    pub tool: Html,
}

impl Head {
    pub fn new(manifest: &Manifest, numbers: &[Index]) -> Self {
        let total = &manifest.total;
        let is_empty = total.commands == 0;
        let snapshot = &manifest.snapshot;
        let server = if snapshot.flavor == "valkey" { "Valkey" } else { "Redis" };
        let version = snapshot.server_version.as_deref().map(|version| Html::fill(" {}", &[&label(version)]));
        let mut dump = Html::words(&format!("{}, {}, ", size(snapshot.bytes), counted(snapshot.keys, "key")));
        dump.push(&Html::words(server));
        dump.push(&version.unwrap_or_default());
        dump.push(&Html::fill(", CRC-64 {}", &[&code(&snapshot.crc64, Room::LABEL)]));
        if let Some(joined) = &manifest.joined {
            let names = joined.shards.iter().map(|shard| shard.name.clone());
            dump.push(&Html::fill(", {}", &[&text(&of_shards(names), Room::PROSE)]));
        }
        // To retire an index is a decision; that there are keys of it is not wrong.
        let (retired, not_right): (Vec<&Index>, Vec<&Index>) =
            numbers.iter().filter(|index| !index.is_right()).partition(|index| index.policy == "retire");
        let commands = counted(total.commands, "command");
        let all = of_apply(manifest);
        let trips = counted(all.batches, "round trip");
        let lead = if is_empty {
            Html::words("The plan has no commands. Nothing is to be applied, and nothing can be undone.")
        } else {
            let others = done(&Counts { deleted_keys: 0, ..*total });
            let also = if total.deleted_keys == 0 || others.is_empty() {
                String::new()
            } else {
                format!("It also {others}. ")
            };
            Html::words(&format!(
                "{also}That takes {commands}; with the look before them, {} and {trips}: about {} of waiting and an \
                 estimated {}. Every step of it can be undone.",
                counted(all.billed_commands, "command"),
                waiting(all.batches),
                dollars(all.estimated_cost_usd)
            ))
        };
        Self {
            id: code(&manifest.plan_id, Room::LABEL),
            is_empty,
            headline: headline(manifest, numbers),
            wrong: sentences(&not_right, "not as they should be"),
            retired: sentences(&retired, "retired"),
            lead,
            will: done(total),
            commands: format!(
                "{commands} to edit ({}), {} to look before; {trips}",
                size(total.bytes),
                counted(all.look, "command")
            ),
            duration: waiting(all.batches),
            price: dollars(all.estimated_cost_usd),
            dump,
            created: snapshot.created_at.clone().map(|at| (at.clone(), crate::text::time(&at))),
            tool: label(&manifest.tool_version),
        }
    }
}

/// What the plan does in one sentence: what is deleted, and why, before all else.
fn headline(manifest: &Manifest, numbers: &[Index]) -> Html {
    let total = &manifest.total;
    if total.commands == 0 {
        return nothing(manifest, numbers);
    }
    if total.deleted_keys == 0 {
        let (first, rest) =
            done(total).split_at_checked(1).map(|(a, b)| (a.to_uppercase(), b.to_owned())).unwrap_or_default();
        return Html::words(&format!("{first}{rest}, and deletes no key."));
    }
    let mut out =
        Html::words(&format!("Deletes {} of {}: ", number(total.deleted_keys), counted(manifest.snapshot.keys, "key")));
    let parts = ["maintain", "prune", "retire"].iter().filter_map(|policy| deleted(manifest, policy));
    let parts: Vec<Html> = parts.collect();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.iter().enumerate() {
        out.push(&Html::words(if at == 0 {
            ""
        } else if at == last {
            " and "
        } else {
            ", "
        }));
        out.push(part);
    }
    out.push(&Html::words("."));
    out
}

/// The keys that a plan deletes from indexes of a policy, and why.
fn deleted(manifest: &Manifest, policy: &str) -> Option<Html> {
    let some = manifest.indexes.iter().filter(|index| index.policy == policy && index.counts.deleted_keys > 0);
    let some: Vec<_> = some.collect();
    let keys = some.iter().fold(0, |sum: u64, index| sum.saturating_add(index.counts.deleted_keys));
    let first = some.first()?;
    let (n, s) = (number(keys), if keys == 1 { "" } else { "s" });
    let words = match (policy, some.len()) {
        ("maintain", 1) => format!("{n} wrong {{}} key{s}"),
        ("maintain", many) => format!("{n} wrong key{s} of {} indexes", few(many)),
        ("prune", 1) => format!("{n} {{}} key{s} that name only keys which are gone"),
        ("prune", _) => format!("{n} key{s} that name only keys which are gone"),
        (_, 1) => format!("{n} key{s} of the retired index {{}}"),
        (_, many) => format!("{n} key{s} of {} retired indexes", few(many)),
    };
    Some(Html::fill(&words, &[&code(&first.name, Room::LABEL)]))
}

/// Small numbers as words.
fn few(n: usize) -> String {
    let words = ["two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let word = n.checked_sub(2).and_then(|at| words.get(at));
    word.map_or_else(|| number(u64::try_from(n).unwrap_or(u64::MAX)), |word| (*word).to_owned())
}

/// Of a plan without commands.
fn nothing(manifest: &Manifest, numbers: &[Index]) -> Html {
    if numbers.iter().any(|index| !index.is_right() && index.policy != "report") {
        return Html::words("Nothing is changed, but not everything is right: what is wrong stays as it is.");
    }
    if numbers.iter().any(|index| !index.is_right()) {
        return Html::words("Nothing is changed: what is wrong is in indexes that are only reported.");
    }
    if numbers.iter().any(|index| index.undecidable_records > 0 || index.held_members > 0) {
        return Html::words("Nothing to do: as far as can be told, the indexes are as they should be.");
    }
    text(&format!("Nothing to do: {}", as_they_should_be(manifest)), Room::PROSE)
}

/// The first few indexes, each in a sentence, and how many more there are.
fn sentences(indexes: &[&Index], what: &str) -> Vec<Html> {
    let mut out: Vec<Html> = indexes.iter().take(NAMED).map(|index| sentence(index)).collect();
    match indexes.len().saturating_sub(NAMED) {
        0 => {}
        1 => out.push(Html::words(&format!("1 more index is {what}; the table below has them all."))),
        n => {
            let n = number(u64::try_from(n).unwrap_or(u64::MAX));
            out.push(Html::words(&format!("{n} more indexes are {what}; the table below has them all.")));
        }
    }
    out
}

/// One index: what is wrong with it, or that the spec retires it.
fn sentence(index: &Index) -> Html {
    let name = code(&index.name, Room::LABEL);
    if index.policy == "retire" {
        let (keys, deleted) = (counted(index.keys, "key"), index.deleted_keys);
        let some = if deleted == index.keys { "all".to_owned() } else { number(deleted) };
        let words = format!("{{}}: {keys}, {some} to be deleted, because the spec retires the index.");
        return Html::fill(&words, &[&name]);
    }
    if index.prunes {
        return Html::fill(&format!("{{}}: {}.", verdict(index)), &[&name]);
    }
    let (right, keys) = (number(index.correct_keys), counted(index.keys, "key"));
    let names = if index.keys == 0 { "no keys".to_owned() } else { format!("{right} of {keys} right in name") };
    let mut parts = vec![Html::words(&names)];
    let mut add = |n: u64, words: String| {
        if n > 0 {
            parts.push(Html::words(&words));
        }
    };
    add(index.absent_keys, counted(index.absent_keys, "absent key"));
    add(index.missing_members, counted(index.missing_members, "missing member"));
    add(index.stale_members, counted(index.stale_members, "stale member"));
    Html::fill("{}: {}.", &[&name, &join(parts, ", ")])
}
