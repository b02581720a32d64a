//! Examples by reason, as many as there is room for.

use std::collections::BTreeMap;

use super::super::escape::{Html, Room, name};
use super::bugs::pattern;
use super::words::{About, example, kind, reason, title};
use crate::plan::pattern::Pattern;
use crate::plan::summary::{Class, Group, IndexDigest, Sample};
use crate::text::{counted, number};

/// Examples of one reason; those of wrong keys by what their names look like come in turns.
const EXAMPLES: usize = 12;
/// Names of one pattern.
const NAMES: usize = 4;

/// Bytes that are left for examples.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    pub fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Whether there was room for this.
    fn take(&mut self, html: &Html) -> bool {
        match self.0.checked_sub(html.len()) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// All edits of an index for one reason.
pub struct GroupView {
    pub kind: &'static str,
    pub title: Html,
    pub reason: Html,
    /// Deleted keys by type, where they differ.
    pub types: String,
    pub items: Vec<Html>,
    pub more: String,
    /// Seen at once.
    pub open: bool,
}

/// Wrong keys whose names look alike.
pub struct PatternView {
    pub count: u64,
    pub number: String,
    pub what: Html,
    pub hint: Html,
    pub names: Vec<Html>,
}

/// The edits of an index by reason.
pub fn groups(edits: &IndexDigest, about: &About, budget: &mut Budget) -> Vec<GroupView> {
    let mut by_class: BTreeMap<Class, Vec<&Group>> = BTreeMap::new();
    for ((class, _), group) in &edits.groups {
        by_class.entry(*class).or_default().push(group);
    }
    let view = |(class, groups): (Class, Vec<&Group>)| {
        let count: u64 = groups.iter().map(|group| group.count).sum();
        let mut groups = groups;
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        let most = groups.iter().map(|group| group.samples.len()).max().unwrap_or(0);
        // One of each pattern, then the second of each, …
        let turns = (0..most).flat_map(|turn| groups.iter().filter_map(move |group| group.samples.get(turn)));
        let mut items = Vec::new();
        for sample in turns.take(EXAMPLES) {
            let item = example(class, sample, about);
            if budget.take(&item) {
                items.push(item);
            }
        }
        let more = count.saturating_sub(u64::try_from(items.len()).unwrap_or(0));
        GroupView {
            kind: kind(class.edit()),
            title: title(class, count, about),
            reason: reason(class, about),
            types: types(&groups),
            more: if more == 0 { String::new() } else { format!("{} more", number(more)) },
            items,
            open: false,
        }
    };
    by_class.into_iter().map(view).collect()
}

/// Deleted keys by type, if there is more than one.
fn types(groups: &[&Group]) -> String {
    let mut types: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in groups.iter().flat_map(|group| &group.types) {
        *types.entry(known(name)).or_default() += count;
    }
    if types.len() < 2 {
        return String::new();
    }
    let mut types: Vec<(&str, u64)> = types.into_iter().collect();
    types.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let types: Vec<String> = types.into_iter().map(|(name, count)| counted(count, name)).collect();
    super::words::list(&types).replace("hashs", "hashes")
}

/// Types that servers have; modules name theirs as they like.
fn known(name: &str) -> &'static str {
    match name {
        "set" => "set",
        "zset" => "sorted set",
        "list" => "list",
        "hash" => "hash",
        "string" => "string",
        "stream" => "stream",
        "ReJSON-RL" => "JSON document",
        _ => "module value",
    }
}

/// Wrong keys by what their names look like; the most frequent first.
pub fn patterns(edits: &IndexDigest, budget: &mut Budget) -> Vec<PatternView> {
    let mut all: BTreeMap<Pattern, (u64, Vec<&Sample>)> = BTreeMap::new();
    for ((_, look), group) in &edits.groups {
        if let Some(look) = look {
            let (count, samples) = all.entry(*look).or_default();
            *count = count.saturating_add(group.count);
            samples.extend(&group.samples);
        }
    }
    let mut views: Vec<PatternView> = all
        .into_iter()
        .map(|(look, (count, samples))| {
            let (what, hint) = pattern(look);
            let names = samples.into_iter().map(|sample| name(&sample.key, Room::NAME));
            let names = names.take(NAMES).filter(|name| budget.take(name)).collect();
            PatternView { count, number: number(count), what, hint, names }
        })
        .collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.count));
    views
}
