//! The rule of the keys of one pattern, from what came of their entries.

use std::collections::BTreeSet;

use super::family::Family;
use super::known::Known;
use super::reference::{Reference, Slot};
use super::tried::{Tried, Try};
use super::variant::variants;
use crate::dump::rdb::Kind;
use crate::infer::entries::Entry;
use crate::infer::words::key_names;

/// The rule of these keys, if that part of their entries names keys.
pub fn reference(family: &Family<'_>, known: Known<'_, '_>, slot: Slot) -> Option<Reference> {
    let text = |entry: &'_ Entry| match slot {
        Slot::Member => entry.member.clone(),
        Slot::Value => entry.value.clone(),
    };
    let texts: Vec<(usize, Vec<u8>)> = family.entries.iter().map(|(key, entry)| (*key, text(entry))).collect();
    let is_text = |text: &[u8]| text.is_empty() || matches!(text.first(), Some(b'{' | b'[')) && text.len() > 64;
    if texts.is_empty() || texts.iter().filter(|(_, text)| is_text(text)).count().saturating_mul(2) > texts.len() {
        return None;
    }
    let best = variants(texts.iter().map(|(_, text)| text.as_slice()))
        .into_iter()
        .filter_map(|variant| Try::new(family, known, &texts, variant).run())
        .reduce(|best, other| if other.named > best.named { other } else { best })?;
    Some(rule(family, known, slot, best))
}

fn rule(family: &Family<'_>, known: Known<'_, '_>, slot: Slot, best: Tried) -> Reference {
    let key_names = key_names(&family.pattern.pieces);
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
    let timed = family.entries.iter().all(|(_, entry)| entry.score.is_none_or(is_time));
    let of_collections = are_collections(known, family.pattern.db, &best.names);
    let of_pattern = |name: &Vec<u8>| known.of_name.get(&(family.pattern.db, name.clone())).copied();
    let named_patterns: BTreeSet<usize> = best.names.iter().filter_map(of_pattern).collect();
    let size = |at: &usize| known.patterns.get(*at).map_or(0, |pattern| pattern.names.len());
    let all: usize = named_patterns.iter().map(size).fold(0, usize::saturating_add);
    Reference {
        pattern: family.pattern.clone(),
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
        of_records: family.of_records(known),
        named_patterns,
        names_all: all > 0 && best.names.len().saturating_mul(100) >= all.saturating_mul(95),
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
