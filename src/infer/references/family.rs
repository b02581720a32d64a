//! The entries of the keys of one pattern.

use std::collections::BTreeSet;

use super::around::edges;
use super::tried::{Tried, Try};
use super::variant::variants;
use super::words::key_names;
use super::{Known, Part, Reference, Slot};
use crate::dump::rdb::{self, Kind, Scratch};
use crate::infer::entries::{self, Entry};
use crate::infer::patterns::Pattern;
use crate::infer::scatter;

/// Keys of a pattern that are looked at, and entries of all.
const KEYS: usize = 256;
const ALL_ENTRIES: usize = 2_000;
/// To find them, so many are passed over at most.
const PASSED: u64 = 1 << 14;
/// A longer string is a value, and no pointer.
const POINTER_BYTES: usize = 512;

/// Entries of a pattern's keys.
pub struct Family<'p> {
    pub pattern: &'p Pattern,
    /// For each key, what varies in its name.
    values: Vec<Vec<Vec<u8>>>,
    /// With the number of its key.
    entries: Vec<(usize, Entry)>,
}

impl<'p> Family<'p> {
    pub fn read(known: Known<'_, '_>, pattern: &'p Pattern, scratch: &mut Scratch) -> Result<Self, rdb::Error> {
        let Known { survey, sample, .. } = known;
        let mut family = Self { pattern, values: Vec::new(), entries: Vec::new() };
        let keys = pattern.names.len().clamp(1, KEYS);
        let share = (ALL_ENTRIES / keys).max(4);
        for number in scatter::some(&pattern.names, KEYS) {
            let Some(named) = sample.names.get(*number).filter(|named| named.readable) else { continue };
            let Some(spots) = pattern.read(&named.name) else { continue };
            if pattern.kind == Kind::String && survey.dump.record(named.start)?.value.bytes.len() > POINTER_BYTES {
                continue;
            }
            let values = spots.into_iter().map(|spot| named.name.get(spot).unwrap_or_default().to_vec()).collect();
            let key = family.values.len();
            family.values.push(values);
            let some = entries::some(&survey.dump, survey.clock, named.start, (share, PASSED), scratch)?;
            family.entries.extend(some.into_iter().map(|entry| (key, entry)));
        }
        Ok(family)
    }

    /// The rule of these keys, if that part of their entries names keys.
    pub fn reference(&self, known: Known<'_, '_>, slot: Slot) -> Option<Reference> {
        let text = |entry: &'_ Entry| match slot {
            Slot::Member => entry.member.clone(),
            Slot::Value => entry.value.clone(),
        };
        let texts: Vec<(usize, Vec<u8>)> = self.entries.iter().map(|(key, entry)| (*key, text(entry))).collect();
        let is_text = |text: &[u8]| text.is_empty() || matches!(text.first(), Some(b'{' | b'[')) && text.len() > 64;
        if texts.is_empty() || texts.iter().filter(|(_, text)| is_text(text)).count().saturating_mul(2) > texts.len() {
            return None;
        }
        let best = variants(texts.iter().map(|(_, text)| text.as_slice()))
            .into_iter()
            .filter_map(|variant| Try::new(self, known, &texts, variant).run())
            .reduce(|best, other| if other.named > best.named { other } else { best })?;
        Some(self.rule(known, slot, best))
    }

    fn rule(&self, known: Known<'_, '_>, slot: Slot, best: Tried) -> Reference {
        let key_names = key_names(&self.pattern.pieces);
        let mut entry_names = Vec::new();
        for number in 0..best.variant.vars() {
            let base = if number == best.variant.own { "id" } else { "of" };
            let free = std::iter::once(base.to_owned()).chain((2..).map(|n: u32| format!("{base}{n}")));
            let taken = |name: &String| key_names.contains(name) || entry_names.contains(name);
            let name = free.into_iter().find(|name| !taken(name));
            entry_names.push(name.unwrap_or_default());
        }
        // Seconds, or milliseconds, of this century.
        let is_time = |score: f64| (9.0e8..8.0e9).contains(&score) || (9.0e11..8.0e12).contains(&score);
        let timed = self.entries.iter().all(|(_, entry)| entry.score.is_none_or(is_time));
        let of_collections = are_collections(known, self.pattern.db, &best.names);
        let of_pattern = |name: &Vec<u8>| known.of_name.get(&(self.pattern.db, name.clone())).copied();
        let named_patterns: BTreeSet<usize> = best.names.iter().filter_map(of_pattern).collect();
        let size = |at: &usize| known.patterns.get(*at).map_or(0, |pattern| pattern.names.len());
        let all: usize = named_patterns.iter().map(size).fold(0, usize::saturating_add);
        Reference {
            pattern: self.pattern.clone(),
            key_names,
            slot,
            entry: best.variant.pieces,
            entry_names,
            own: best.variant.own,
            exists: best.exists,
            named: best.named,
            timed,
            rival: best.rival,
            strange: best.strange,
            missed: best.missed,
            of_collections,
            of_records: self.of_records(known),
            named_patterns,
            names_all: all > 0 && best.names.len().saturating_mul(100) >= all.saturating_mul(95),
        }
    }

    /// Whether most of these keys are named after a key that is there, with more behind it.
    fn of_records(&self, known: Known<'_, '_>) -> bool {
        let names = || self.pattern.names.iter().filter_map(|at| known.sample.names.get(*at));
        let has = |name: &[u8]| known.survey.has(self.pattern.db, name);
        let is_named_after = |name: &[u8]| edges(name).any(|end| name.get(..end).is_some_and(has));
        let after = names().filter(|named| is_named_after(&named.name)).count();
        after.saturating_mul(2) > names().count()
    }

    /// What varies in the name of a key.
    pub fn values(&self, key: usize) -> &[Vec<u8>] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// The key that an entry of a key names.
    pub fn name(&self, template: &[Part], key: usize, own: &[u8]) -> Vec<u8> {
        let values = self.values(key);
        let mut name = Vec::new();
        for part in template {
            match part {
                Part::Text(text) => name.extend_from_slice(text),
                Part::Key(number) => name.extend_from_slice(values.get(*number).map_or(&[][..], Vec::as_slice)),
                Part::Own => name.extend_from_slice(own),
            }
        }
        name
    }
}

/// Whether most of some keys are sets, sorted sets or lists.
fn are_collections(known: Known<'_, '_>, db: u64, names: &BTreeSet<Vec<u8>>) -> bool {
    let mut room = Vec::new();
    let mut found: Vec<Kind> = Vec::new();
    for name in names.iter().take(64) {
        // What cannot be read is no evidence.
        if let Ok(Some(key)) = known.survey.find_any(db, name, &mut room) {
            found.push(key.kind);
        }
    }
    let collections = found.iter().filter(|kind| matches!(kind, Kind::Set | Kind::Zset | Kind::List)).count();
    collections.saturating_mul(2) > found.len()
}
