//! How a database differs from what a plan expects, in words.

use crate::bundle::manifest::Manifest;
use crate::model::view::Names;
use crate::replay::{Difference, Tally};
use crate::text::{Printable, number};

/// How many differences of a kind are shown.
pub const EXAMPLES: usize = 5;

/// Differences of several kinds, each with its examples, a line each.
pub fn differences<'a>(kinds: impl IntoIterator<Item = (&'static str, &'a Tally)>, manifest: &Manifest) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, tally) in kinds {
        if tally.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}{}", kind(tally.count, name), by_index(tally, manifest));
        for Difference { db, key, member, expected, found } in tally.examples.iter().take(EXAMPLES) {
            let _ = write!(text, "  {}", Printable(key));
            if *db != 0 {
                let _ = write!(text, " (db {db})");
            }
            if let Some(member) = member {
                let _ = write!(text, " member {}", Printable(member));
            }
            let _ = writeln!(text, ": expected {expected}, found {found}");
        }
        let shown = u64::try_from(tally.examples.len().min(EXAMPLES)).unwrap_or(u64::MAX);
        if tally.count > shown {
            let _ = writeln!(text, "  and {} more", number(tally.count - shown));
        }
    }
    text
}

/// So many of a kind, whose name is that of several: its first noun that ends in an s loses it for one.
pub fn kind(count: u64, several: &str) -> String {
    let one =
        match (count, ["keys", "members", "edits", "fields", "lists"].iter().find(|noun| several.contains(**noun))) {
            (1, Some(noun)) => several.replacen(noun, noun.trim_end_matches('s'), 1),
            _ => several.to_owned(),
        };
    format!("{} {one}", number(count))
}

/// How many differences each index has, where all of them are known.
fn by_index(tally: &Tally, manifest: &Manifest) -> String {
    if u64::try_from(tally.examples.len()) != Ok(tally.count) {
        return String::new();
    }
    let Ok(spec) = manifest.read_spec() else { return String::new() };
    let names = Names::new(&spec);
    let mut counts = vec![0u64; spec.indexes.len()];
    for difference in &tally.examples {
        let index = names.most_specific(u64::from(difference.db), &difference.key);
        if let Some(count) = index.and_then(|at| counts.get_mut(at)) {
            *count += 1;
        }
    }
    let named = manifest.indexes.iter().zip(counts).filter(|(_, count)| *count > 0);
    let named: Vec<String> = named.map(|(index, count)| format!("{}: {count}", index.name)).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}
