//! The entries of the keys of one pattern.

use super::around::edges;
use super::known::Known;
use super::template::Part;
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
    pub entries: Vec<(usize, Entry)>,
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

    /// Whether most of these keys are named after a key that is there, with more behind it.
    pub fn of_records(&self, known: Known<'_, '_>) -> bool {
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
