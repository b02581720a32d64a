//! What records require, as a whole: for counting orphans, each record once however many memberships it implies.

/// Adds what one membership requires to what its record requires as a whole: the index's number, then the required
/// keys, as many for each membership as the index has in `require`, each behind its length.
pub fn add_to_unit<'k>(unit: &mut Vec<u8>, index: u16, require: impl ExactSizeIterator<Item = &'k [u8]>) {
    if require.len() == 0 {
        return;
    }
    if unit.is_empty() {
        unit.extend_from_slice(&index.to_le_bytes());
    }
    let before = unit.len();
    for key in require {
        unit.extend_from_slice(&(key.len() as u32).to_le_bytes());
        unit.extend_from_slice(key);
    }
    // The elements of an array mostly require the same: no need to keep it twice.
    let added = unit.len() - before;
    if before >= added + 2 && unit[before - added..before] == unit[before..] {
        unit.truncate(before);
    }
}

/// The index of a unit, and the keys that its records require.
pub fn read_unit(bytes: &[u8]) -> (u16, impl Iterator<Item = &[u8]>) {
    // A group without a key of its own is written in the same way.
    let (index, first, rest) = super::keys::read_group(bytes);
    (index, std::iter::once(first).chain(rest))
}

pub fn count(units: &mut Vec<u64>, unit: u32) {
    let at = unit as usize;
    if units.len() <= at {
        units.resize(at + 1, 0);
    }
    units[at] += 1;
}

/// By group: the unit of records that are in this one group only, so that it is not looked up for each of them.
#[derive(Debug, Default)]
pub struct UnitOf(Vec<u32>);

impl UnitOf {
    const UNKNOWN: u32 = u32::MAX;

    pub fn get(&self, group: u32) -> Option<u32> {
        self.0.get(group as usize).copied().filter(|unit| *unit != Self::UNKNOWN)
    }

    pub fn set(&mut self, group: u32, unit: u32) {
        let at = group as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, Self::UNKNOWN);
        }
        self.0[at] = unit;
    }
}
