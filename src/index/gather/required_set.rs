//! What records require, as a whole: for counting orphans, each record once however many memberships it implies.

/// Adds what one membership requires to what its record requires as a whole: the index's number, then the required
/// keys, as many for each membership as the index has in `require`, each behind its length.
pub fn add_required<'k>(required_set: &mut Vec<u8>, index: u16, require: impl ExactSizeIterator<Item = &'k [u8]>) {
    if require.len() == 0 {
        return;
    }
    if required_set.is_empty() {
        required_set.extend_from_slice(&index.to_le_bytes());
    }
    let before = required_set.len();
    for key in require {
        required_set.extend_from_slice(&(key.len() as u32).to_le_bytes());
        required_set.extend_from_slice(key);
    }
    // The elements of an array mostly require the same: no need to keep it twice.
    let added = required_set.len() - before;
    if before >= added + 2 && required_set[before - added..before] == required_set[before..] {
        required_set.truncate(before);
    }
}

/// The index of a required set, and the keys that its records require.
pub fn read_required(bytes: &[u8]) -> (u16, impl Iterator<Item = &[u8]>) {
    // A group without a key of its own is written in the same way.
    let (index, first, rest) = crate::index::store::keys::read_group(bytes);
    (index, std::iter::once(first).chain(rest))
}

pub fn count(required_sets: &mut Vec<u64>, required_set: u32) {
    let at = required_set as usize;
    if required_sets.len() <= at {
        required_sets.resize(at + 1, 0);
    }
    required_sets[at] += 1;
}

/// By group: the required set of records that are in this one group only, so that it is not looked up for each of them.
#[derive(Debug, Default)]
pub struct RequiredOfGroup(Vec<u32>);

impl RequiredOfGroup {
    const UNKNOWN: u32 = u32::MAX;

    pub fn get(&self, group: u32) -> Option<u32> {
        self.0.get(group as usize).copied().filter(|required_set| *required_set != Self::UNKNOWN)
    }

    pub fn set(&mut self, group: u32, required_set: u32) {
        let at = group as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, Self::UNKNOWN);
        }
        self.0[at] = required_set;
    }
}
