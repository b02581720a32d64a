//! The index keys that the records imply, in order.

use std::ops::Range;

use rayon::slice::ParallelSliceMut;

use super::entry::ORPHAN;
use super::interner::Interned;
use super::name_prefix::{NamePrefix, NamePrefixes};
use crate::dump::rdb;

/// A group is what the expansion of the templates of one index gave for one membership, the member aside: the index
/// key, and the keys of the records that must exist. Most memberships share a group with many others.
///
/// It is interned as bytes: the index's number, then key and requirements, each behind its length.
pub fn write_group<'k>(index: u16, key: &'k [u8], require: impl Iterator<Item = &'k [u8]>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&index.to_le_bytes());
    for part in std::iter::once(key).chain(require) {
        // A key is at most 512 MiB on any server.
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
}

/// The index, the index key and the required keys of a group.
pub fn read_group(bytes: &[u8]) -> (u16, &[u8], impl Iterator<Item = &[u8]>) {
    let (index, mut rest) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let mut next = move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        rest = after;
        Some(part)
    };
    let key = next().unwrap_or_default();
    (u16::from_le_bytes(*index), key, std::iter::from_fn(next))
}

/// Index keys that the records imply, ordered by index and name; a key is known by its rank in this order.
#[derive(Debug)]
pub struct Keys {
    groups: Interned,
    ranks: Vec<Rank>,
    /// By group: the rank, with [`ORPHAN`] where a required record does not exist.
    rank_of: Vec<u32>,
    prefixes: NamePrefixes,
    /// Groups that have not the prefix of their key, in order.
    strangers: Vec<u32>,
    /// By index: the one whose keys its own are, too.
    joint: Vec<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Rank {
    index: u16,
    /// Some record implies it and lacks nothing it requires.
    live: bool,
    /// Nothing may be written to it: see [`Keys::block`].
    blocked: bool,
    /// A group of this name.
    group: u32,
}

impl Keys {
    /// Orders the groups, which have these prefixes. `joint` has for each index the first one with the same keys: those are
    /// one. `lacks` tells whether a required record (index, position in its `require`,
    /// key) is missing.
    pub fn new(
        groups: Interned,
        prefixes: NamePrefixes,
        joint: Vec<u16>,
        mut lacks: impl FnMut(u16, usize, &[u8]) -> Result<bool, rdb::Error>,
    ) -> Result<Self, rdb::Error> {
        let mut ids: Vec<u32> = groups.ids().collect();
        let joined = |index: u16| joint.get(usize::from(index)).copied().unwrap_or(index);
        ids.par_sort_unstable_by(|&a, &b| {
            let ((a_index, a_key, _), (b_index, b_key, _)) = (read_group(groups.get(a)), read_group(groups.get(b)));
            (joined(a_index), a_key).cmp(&(joined(b_index), b_key)).then_with(|| groups.get(a).cmp(groups.get(b)))
        });
        let mut ranks: Vec<Rank> = Vec::new();
        let mut rank_of = vec![0; groups.bound()];
        let mut strangers = Vec::new();
        for id in ids {
            let (index, key, require) = read_group(groups.get(id));
            let mut orphan = false;
            for (position, required) in require.enumerate() {
                orphan |= lacks(index, position, required)?;
            }
            let known = ranks.last().is_some_and(|last| {
                let (last_index, last_key, _) = read_group(groups.get(last.group));
                (joined(last_index), last_key) == (joined(index), key)
            });
            if !known {
                ranks.push(Rank { index: joined(index), live: false, blocked: false, group: id });
            }
            if let Some(last) = ranks.last_mut() {
                last.live |= !orphan;
                if prefixes.get(id) != prefixes.get(last.group) {
                    strangers.push(id);
                }
            }
            let rank = ranks.len() as u32 - 1;
            rank_of[id as usize] = if orphan { rank | ORPHAN } else { rank };
        }
        strangers.sort_unstable();
        Ok(Self { groups, ranks, rank_of, prefixes, strangers, joint })
    }

    /// How many there are, orphaned ones included.
    pub fn len(&self) -> usize {
        self.ranks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// The rank of a group, perhaps with the mark of an orphan.
    pub fn rank_of(&self, group: u32) -> u32 {
        self.rank_of[group as usize]
    }

    /// The prefix that members of a key must have to be known by their numbers.
    pub fn prefix(&self, rank: u32) -> Option<&NamePrefix> {
        self.ranks.get(rank as usize).and_then(|rank| self.prefixes.get(rank.group))
    }

    /// Whether the members of a group cannot be known by their numbers: an index key that several groups belong to has one
    /// prefix, that of the first of them.
    pub fn is_stranger(&self, group: u32) -> bool {
        !self.strangers.is_empty() && self.strangers.binary_search(&group).is_ok()
    }

    /// The name of a key.
    pub fn name(&self, rank: u32) -> &[u8] {
        self.ranks.get(rank as usize).map_or(&[], |rank| read_group(self.groups.get(rank.group)).1)
    }

    /// The index of a key.
    pub fn index(&self, rank: u32) -> usize {
        self.ranks.get(rank as usize).map_or(0, |rank| usize::from(rank.index))
    }

    /// Whether some record that lacks nothing implies the key.
    pub fn is_live(&self, rank: u32) -> bool {
        self.ranks.get(rank as usize).is_some_and(|rank| rank.live)
    }

    /// Whether the key may not be written.
    pub fn is_blocked(&self, rank: u32) -> bool {
        self.ranks.get(rank as usize).is_some_and(|rank| rank.blocked)
    }

    /// Forbids writing to a key: two indexes claim it, or it is the name of a record.
    pub fn block(&mut self, rank: u32) {
        if let Some(rank) = self.ranks.get_mut(rank as usize) {
            rank.blocked = true;
        }
    }

    /// The ranks of an index.
    pub fn of_index(&self, index: usize) -> Range<u32> {
        let from = self.ranks.partition_point(|rank| usize::from(rank.index) < index);
        let to = self.ranks.partition_point(|rank| usize::from(rank.index) <= index);
        from as u32..to as u32
    }

    /// The rank of a key of an index, if a record implies it, lacking something or not.
    pub fn find(&self, index: usize, name: &[u8]) -> Option<u32> {
        let range = self.of_index(self.joint.get(index).map_or(index, |joint| usize::from(*joint)));
        let ranks = self.ranks.get(range.start as usize..range.end as usize)?;
        let at = ranks.partition_point(|rank| read_group(self.groups.get(rank.group)).1 < name);
        let rank = range.start + at as u32;
        (rank < range.end && self.name(rank) == name).then_some(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::store::hash::Hasher;
    use crate::index::store::interner::Interner;

    #[test]
    fn groups_are_ordered_by_index_and_name() {
        let (interner, hasher) = (Interner::default(), Hasher::default());
        let mut ids = Vec::new();
        let mut bytes = Vec::new();
        type Group = (u16, &'static [u8], &'static [&'static [u8]]);
        let groups: [Group; 5] =
            [(1, b"a", &[]), (0, b"b", &[b"p"]), (0, b"a", &[b"q"]), (0, b"b", &[b"q"]), (0, b"", &[])];
        for (index, key, require) in groups {
            write_group(index, key, require.iter().copied(), &mut bytes);
            let (read_index, read_key, read_require) = read_group(&bytes);
            assert_eq!((read_index, read_key), (index, key));
            assert_eq!(read_require.collect::<Vec<_>>(), require);
            ids.push(interner.intern(&bytes, hasher.hash(&bytes), &hasher).unwrap());
        }
        let keys =
            Keys::new(interner.freeze(), NamePrefixes::default(), vec![0, 1], |_, _, required| Ok(required == b"q"))
                .unwrap();
        let ranks: Vec<u32> = ids.iter().map(|&id| keys.rank_of(id)).collect();
        assert_eq!(ranks, [3, 2, 1 | ORPHAN, 2 | ORPHAN, 0]);
        assert_eq!([0, 1, 2, 3].map(|rank| keys.is_live(rank)), [true, false, true, true]);
        assert_eq!(keys.find(0, b"b"), Some(2));
        assert_eq!(keys.find(1, b"b"), None);
        assert_eq!(keys.find(1, b"a"), Some(3));
        assert_eq!(keys.of_index(0), 0..3);
    }
}
