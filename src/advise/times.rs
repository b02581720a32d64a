//! Sets that are named by a time, which one sorted set would replace.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::sample::{Sample, hash};
use super::{Change, Item, Name, Numbered, Reason, View, dates};
use crate::dump::rdb::{self, Element, Flow, Record, Scratch, Visitor};
use crate::model::memory::{self, Elements};
use crate::model::stock::{Families, Tally};

/// Fewer sets are not worth a word.
const LEAST_SETS: u64 = 8;
/// Longer names are passed over.
const NAME_BYTES: usize = 512;
/// So many groups are told apart, of so many bytes.
const GROUPS: usize = 1 << 16;
const GROUP_BYTES: usize = 8 << 20;
/// What stands for the date in a name.
const DATE: &[u8] = b"{date}";

/// Sets with a date in their names, by what their names are without it.
#[derive(Debug, Default)]
pub struct Dated {
    groups: HashMap<(u64, Vec<u8>), Group>,
    bytes: usize,
    /// There are more groups than can be told apart.
    too_many: bool,
    /// Members of a group, with its hash.
    members: Sample<(u64, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    family: usize,
    sets: u64,
    bytes: u64,
    elements: Elements,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Dated {
    /// Notes a set, if its name has a date.
    pub fn see(
        &mut self,
        record: &Record<'_>,
        key: &[u8],
        family: usize,
        bytes: u64,
        elements: &Elements,
        scratch: &mut Scratch,
    ) -> Result<(), rdb::Error> {
        // Sets that expire one by one are kept so on purpose.
        let wanted = key.len() <= NAME_BYTES && record.expire_ms.is_none() && !self.too_many;
        let Some(at) = dates::find(key).filter(|_| wanted) else { return Ok(()) };
        let date = key.get(at.clone()).unwrap_or_default().to_vec();
        let mut rest = key.get(..at.start).unwrap_or_default().to_vec();
        rest.extend_from_slice(DATE);
        rest.extend_from_slice(key.get(at.end..).unwrap_or_default());
        let mut seen = Members { group: hash(record.db, &rest), members: &mut self.members };
        record.value.visit(scratch, &mut seen).map_err(|error| error.in_record(record.start))?;
        let group = Group { family, sets: 1, bytes, elements: *elements, first: date.clone(), last: date };
        self.put((record.db, rest), group);
        Ok(())
    }

    fn put(&mut self, name: (u64, Vec<u8>), group: Group) {
        if let Some(known) = self.groups.get_mut(&name) {
            known.family = known.family.min(group.family);
            known.sets = known.sets.saturating_add(group.sets);
            known.bytes = known.bytes.saturating_add(group.bytes);
            known.elements.add(&group.elements);
            known.first = std::mem::take(&mut known.first).min(group.first);
            known.last = std::mem::take(&mut known.last).max(group.last);
            return;
        }
        self.bytes = self.bytes.saturating_add(name.1.len());
        if self.groups.len() >= GROUPS || self.bytes > GROUP_BYTES {
            self.too_many = true;
            return;
        }
        self.groups.insert(name, group);
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        self.too_many |= other.too_many;
        other.groups.into_iter().for_each(|(name, group)| self.put(name, group));
        self.members.merge(other.members);
    }
}

struct Members<'m> {
    group: u64,
    members: &'m mut Sample<(u64, u64)>,
}

impl Visitor for Members<'_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.members.add((hash(self.group, member.bytes), self.group));
        ControlFlow::Continue(())
    }
}

/// Groups whose names are alike.
#[derive(Default)]
struct Alike {
    families: Vec<usize>,
    groups: u64,
    sets: u64,
    members: u64,
    bytes: Change,
    first: Vec<u8>,
    last: Vec<u8>,
    looked_at: u64,
    repeated: u64,
}

pub(super) fn items(view: &View<'_>, dated: &Dated) -> Vec<Numbered> {
    if dated.too_many {
        return Vec::new();
    }
    let mut groups: Vec<(&(u64, Vec<u8>), &Group)> = dated.groups.iter().collect();
    groups.retain(|(_, group)| !view.gone.get(group.family).copied().unwrap_or(true));
    groups.sort_unstable_by_key(|(name, _)| *name);
    let mut names = Families::default();
    groups.iter().for_each(|((_, rest), _)| names.add(rest, Tally { keys: 1, ..Tally::default() }));
    let tree = names.tree();
    let (mut all, mut of): (BTreeMap<Vec<u8>, Alike>, HashMap<u64, Vec<u8>>) = Default::default();
    let (mut glob, mut shape) = (Vec::new(), Vec::new());
    for ((db, rest), group) in groups {
        tree.find(rest, &mut glob, &mut shape);
        of.insert(hash(*db, rest), glob.clone());
        let alike = all.entry(glob.clone()).or_default();
        if !alike.families.contains(&group.family) {
            alike.families.push(group.family);
        }
        let sorted = group.elements.timed();
        let name = memory::key(rest.len().saturating_sub(DATE.len()) as u64);
        let after = name.saturating_add(sorted.zset(sorted.default_pairs()));
        alike.groups = alike.groups.saturating_add(1);
        alike.sets = alike.sets.saturating_add(group.sets);
        alike.members = alike.members.saturating_add(group.elements.count);
        alike.bytes.add(Change { before: group.bytes, after });
        alike.first = match alike.groups {
            1 => group.first.clone(),
            _ => std::mem::take(&mut alike.first).min(group.first.clone()),
        };
        alike.last = std::mem::take(&mut alike.last).max(group.last.clone());
    }
    repeated(dated, &of, &mut all);
    let mut items: Vec<Numbered> = all.into_iter().filter_map(|(glob, alike)| item(view, glob, alike)).collect();
    items.sort_by_key(|(about, item)| {
        (std::cmp::Reverse(item.keys.before.saturating_sub(item.keys.after)), about.clone())
    });
    items
}

/// Counts the members that are in two sets of one group.
fn repeated(dated: &Dated, of: &HashMap<u64, Vec<u8>>, all: &mut BTreeMap<Vec<u8>, Alike>) {
    let mut members: Vec<(u64, u64)> = dated.members.items().to_vec();
    members.sort_unstable();
    for same in members.chunk_by(|a, b| a == b) {
        let alike = same.first().and_then(|(_, group)| all.get_mut(of.get(group)?));
        if let Some(alike) = alike {
            let count = same.len() as u64;
            alike.looked_at = alike.looked_at.saturating_add(count);
            alike.repeated = alike.repeated.saturating_add(count.saturating_sub(1));
        }
    }
}

fn item(view: &View<'_>, glob: Vec<u8>, alike: Alike) -> Option<Numbered> {
    let enough = alike.sets >= LEAST_SETS && alike.sets >= alike.groups.saturating_mul(2) && alike.looked_at > 0;
    if !enough || alike.repeated > 0 {
        return None;
    }
    let index = alike.families.iter().filter_map(|at| view.families.all.get(*at)).find(|family| family.is_index());
    let of = index.and_then(|family| family.of.clone());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let item = Item {
        about: vec![Name { pattern: glob, of }],
        reason: Reason::ByTime { first: text(&alike.first), last: text(&alike.last), members: alike.members },
        keys: Change { before: alike.sets, after: alike.groups },
        bytes: alike.bytes,
        lines: None,
        makes: None,
        retired: false,
        overlaps: 0,
        replaces: false,
    };
    Some((alike.families, item))
}
