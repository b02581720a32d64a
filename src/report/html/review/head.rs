//! The page in a few sentences.

use super::super::escape::{Html, Room, code, text};
use super::words::{done, join, label, list};
use crate::bundle::manifest::Manifest;
use crate::report::inventory::Index;
use crate::report::inventory::verdict::verdict;
use crate::report::plan::as_they_should_be;
use crate::report::plan::replay_cost::{dollars, of_apply, waiting};
use crate::text::{counted, number, size};

/// Indexes that the first sentences name; the rest are counted.
const NAMED: usize = 4;

pub struct Head {
    pub id: Html,
    pub is_empty: bool,
    pub headline: Html,
    /// What is wrong, index by index.
    pub wrong: Vec<Html>,
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
        let not_right: Vec<&Index> = numbers.iter().filter(|index| !index.is_right()).collect();
        let mut wrong: Vec<Html> = not_right.iter().take(NAMED).map(|index| sentence(index)).collect();
        if not_right.len() > NAMED {
            let more = counted(u64::try_from(not_right.len().saturating_sub(NAMED)).unwrap_or(u64::MAX), "more index");
            wrong.push(Html::words(&format!(
                "{} not as they should be; the table below has them all.",
                more.replace("indexs", "indexes")
            )));
        }
        let commands = counted(total.commands, "command");
        let all = of_apply(manifest);
        let trips = counted(all.batches, "round trip");
        let lead = if is_empty {
            Html::words("The plan has no commands. Nothing is to be applied, and nothing can be undone.")
        } else {
            Html::words(&format!(
                "This plan {}, in {commands}. With the look before them that is {} and {trips}: about {} of waiting and \
                 an estimated {}. Every step of it can be undone.",
                done(total),
                counted(all.billed_commands, "command"),
                waiting(all.batches),
                dollars(all.estimated_cost_usd)
            ))
        };
        Self {
            id: code(&manifest.plan_id, Room::LABEL),
            is_empty,
            headline: headline(manifest, numbers),
            wrong,
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

/// The worst in one sentence.
fn headline(manifest: &Manifest, numbers: &[Index]) -> Html {
    let maintained = || numbers.iter().filter(|index| index.policy == "maintain" && !index.is_right());
    if manifest.total.commands == 0 {
        return nothing(manifest, numbers);
    }
    if let Some(worst) = maintained().filter(|index| index.wrong_keys > 0).max_by_key(|index| index.wrong_keys) {
        let keys = counted(worst.keys, "key");
        let claim = if worst.keys == 1 { "claims" } else { "claim" };
        let right = match worst.correct_keys {
            0 => "none of them is right".to_owned(),
            1 => "1 is right".to_owned(),
            n => format!("{} are right", number(n)),
        };
        let words = format!("{keys} {claim} to belong to the index {{}}; {right}.");
        return Html::fill(&words, &[&code(&worst.name, Room::LABEL)]);
    }
    let worst = maintained().max_by_key(|index| index.missing_members.saturating_add(index.stale_members));
    if let Some(worst) = worst {
        let missing =
            (worst.missing_members > 0).then(|| format!("lacks {}", counted(worst.missing_members, "member")));
        let stale = (worst.stale_members > 0).then(|| format!("holds {} too many", number(worst.stale_members)));
        let what = list(&[missing, stale].into_iter().flatten().collect::<Vec<_>>());
        return Html::fill(&format!("The index {{}} {what}."), &[&code(&worst.name, Room::LABEL)]);
    }
    let pruned = || numbers.iter().filter(|index| index.policy == "prune");
    let entries: u64 = pruned().map(|index| index.stale_members).sum();
    let keys: u64 = pruned().map(|index| index.deleted_keys).sum();
    if entries > 0 || keys > 0 {
        let entries = match entries {
            0 => None,
            1 => Some("1 entry names a key that is gone".to_owned()),
            n => Some(format!("{} entries name keys that are gone", number(n))),
        };
        let keys = match keys {
            0 => None,
            1 => Some("1 key has nothing left that it stands for".to_owned()),
            n => Some(format!("{} keys have nothing left that they stand for", number(n))),
        };
        let both: Vec<String> = [entries, keys].into_iter().flatten().collect();
        return Html::words(&format!("{}.", both.join("; ")));
    }
    let retired: u64 = numbers.iter().filter(|index| index.policy == "retire").map(|index| index.deleted_keys).sum();
    Html::words(&format!("{} to delete: the spec retires their indexes.", counted(retired, "key")))
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
        return Html::words("Nothing to do: what can be told of the indexes is as it should be.");
    }
    text(&format!("Nothing to do: {}", as_they_should_be(manifest)), Room::PROSE)
}

/// What is wrong with one index.
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
    add(index.absent_keys, format!("{} absent", counted(index.absent_keys, "key")));
    add(index.missing_members, format!("{} missing", counted(index.missing_members, "member")));
    add(index.stale_members, format!("{} too many", counted(index.stale_members, "member")));
    Html::fill("{}: {}.", &[&name, &join(parts, ", ")])
}
