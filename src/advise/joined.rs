//! What the samples say of families together: what members are, and which members two families share.

use std::collections::HashMap;

use super::gather::Found;

/// A member in more families than this says nothing of two of them.
const FAMILIES: usize = 8;
/// Keys of one family in which one member is, at most, for pairs of keys.
const KEYS: usize = 4;
/// Pairs of keys that are told apart, of all families together.
const PAIRS: usize = 1 << 20;

/// The samples, put together.
#[derive(Debug)]
pub struct Joined {
    /// Members were compared by one in so many.
    pub one_in: u64,
    families: Vec<Of>,
    /// Members of the first family that are in the second, too.
    shared: HashMap<(u32, u32), Shared>,
    /// By family of sets and family of values: keys of the first whose part is that of a key of the second.
    carried: HashMap<(u32, u32), u64>,
    /// Keys of each family that were looked at for that.
    parts: Vec<u64>,
    /// Keys that may be records: family, whether it expires, where it starts.
    names: HashMap<u64, (u32, bool, u64)>,
    /// Pairs of keys that there is room for.
    room: usize,
}

/// What is known of the members of a family.
#[derive(Clone, Debug, Default)]
struct Of {
    memberships: u64,
    /// Different ones.
    members: u64,
    keys: u64,
    /// What they are: keys of which family, or their parts; how many, and how many of those expire.
    records: HashMap<u32, (u64, u64)>,
    resolved: u64,
    /// By the whole name of a key.
    by_name: u64,
}

/// What two families share.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Memberships of the first whose member is in the second.
    pub listed: u64,
    /// Different pairs of keys, one of each, with a member in both, and how many members each has.
    pairs: HashMap<(u64, u64), u64>,
    /// There are more, or a member is in too many keys.
    pub too_many: bool,
}

impl Shared {
    /// Different pairs of keys.
    pub fn pairs(&self) -> u64 {
        self.pairs.len() as u64
    }

    /// How many members each of those has.
    pub fn sizes(&self) -> impl Iterator<Item = u64> {
        self.pairs.values().copied()
    }

    /// The most keys of the second that share a member with one of the first.
    pub fn most(&self) -> u64 {
        let mut keys: Vec<u64> = self.pairs.keys().map(|(first, _)| *first).collect();
        keys.sort_unstable();
        keys.chunk_by(|a, b| a == b).map(|same| same.len() as u64).max().unwrap_or(0)
    }
}

impl Joined {
    /// Takes the samples out of what was found.
    pub fn new(found: &mut Found, families: usize) -> Self {
        let mut memberships = std::mem::take(&mut found.memberships);
        let mut names = std::mem::take(&mut found.names);
        let mut value_parts = std::mem::take(&mut found.value_parts);
        let mut key_parts = std::mem::take(&mut found.key_parts);
        // What is looked up in another sample must be in it if it is in the dump.
        let bits = memberships.bits().max(names.bits()).max(value_parts.bits());
        memberships.thin(bits);
        names.thin(bits);
        let part_bits = value_parts.bits().max(key_parts.bits()).max(bits);
        let mut memberships = memberships.into_items();
        memberships.sort_unstable();
        let names: HashMap<u64, (u32, bool, u64)> = names.into_items().into_iter().collect();
        key_parts.thin(part_bits);
        value_parts.thin(bits);
        let mut value_parts = value_parts.into_items();
        value_parts.sort_unstable();
        value_parts.dedup();
        let mut joined = Self {
            one_in: 1_u64.checked_shl(bits).unwrap_or(u64::MAX),
            families: vec![Of::default(); families],
            shared: HashMap::new(),
            carried: HashMap::new(),
            parts: vec![0; families],
            names: HashMap::new(),
            room: PAIRS,
        };
        for same in memberships.chunk_by(|a, b| a.0 == b.0) {
            joined.member(same, &names, &value_parts);
        }
        let mut keys: Vec<(u32, u64)> = memberships.iter().map(|(_, (key, family))| (*family, *key)).collect();
        keys.sort_unstable();
        keys.dedup();
        for (family, _) in keys {
            if let Some(of) = joined.families.get_mut(family as usize) {
                of.keys = of.keys.saturating_add(1);
            }
        }
        for (hash, family) in key_parts.into_items() {
            if let Some(count) = joined.parts.get_mut(family as usize) {
                *count = count.saturating_add(1);
            }
            for value in with_hash(&value_parts, hash) {
                let count = joined.carried.entry((family, value)).or_default();
                *count = count.saturating_add(1);
            }
        }
        joined.names = names;
        joined
    }

    /// Where the key of this name starts, as far as it was sampled; sets and sorted sets were not.
    pub fn start(&self, hash: u64) -> Option<u64> {
        self.names.get(&hash).map(|(.., start)| *start)
    }

    /// One member, in all of its keys.
    fn member(&mut self, same: &[(u64, (u64, u32))], names: &HashMap<u64, (u32, bool, u64)>, parts: &[(u64, u32)]) {
        let Some(&(hash, _)) = same.first() else { return };
        let mut by_family: Vec<(u32, u64)> = same.iter().map(|(_, (key, family))| (*family, *key)).collect();
        by_family.sort_unstable();
        let groups: Vec<&[(u32, u64)]> = by_family.chunk_by(|a, b| a.0 == b.0).collect();
        for group in &groups {
            let Some(of) = group.first().and_then(|(family, _)| self.families.get_mut(*family as usize)) else {
                continue;
            };
            let count = group.len() as u64;
            of.memberships = of.memberships.saturating_add(count);
            of.members = of.members.saturating_add(1);
            let mut is = |family: u32, expires: bool| {
                let (all, expiring) = of.records.entry(family).or_default();
                *all = all.saturating_add(count);
                *expiring = expiring.saturating_add(if expires { count } else { 0 });
            };
            let named = match names.get(&hash) {
                Some((family, expires, _)) => {
                    is(*family, *expires);
                    true
                }
                None => {
                    with_hash(parts, hash).for_each(|family| is(family, false));
                    false
                }
            };
            if named || with_hash(parts, hash).next().is_some() {
                of.resolved = of.resolved.saturating_add(count);
            }
            of.by_name = of.by_name.saturating_add(if named { count } else { 0 });
        }
        if groups.len() > FAMILIES {
            return;
        }
        for first in &groups {
            for second in &groups {
                let (Some((a, _)), Some((b, _))) = (first.first(), second.first()) else { continue };
                if a == b {
                    continue;
                }
                let shared = self.shared.entry((*a, *b)).or_default();
                shared.listed = shared.listed.saturating_add(first.len() as u64);
                if first.len() > KEYS || second.len() > KEYS {
                    shared.too_many = true;
                    continue;
                }
                for (_, key) in *first {
                    for (_, other) in *second {
                        match shared.pairs.get_mut(&(*key, *other)) {
                            Some(count) => *count = count.saturating_add(1),
                            None if self.room > 0 => {
                                self.room = self.room.saturating_sub(1);
                                shared.pairs.insert((*key, *other), 1);
                            }
                            None => shared.too_many = true,
                        }
                    }
                }
            }
        }
    }

    fn of(&self, family: usize) -> Option<&Of> {
        self.families.get(family)
    }

    /// Memberships of a family that were looked at, different members of them, and keys they are in.
    pub fn looked_at(&self, family: usize) -> (u64, u64, u64) {
        self.of(family).map_or((0, 0, 0), |of| (of.memberships, of.members, of.keys))
    }

    /// Whether so many in a hundred members are keys of the database, or ids of such.
    pub fn resolves(&self, family: usize, percent: u64) -> bool {
        self.of(family).is_some_and(|of| {
            of.memberships > 0 && of.resolved.saturating_mul(100) >= of.memberships.saturating_mul(percent)
        })
    }

    /// Memberships that were looked at and name nothing that is there.
    pub fn gone(&self, family: usize) -> u64 {
        self.of(family).map_or(0, |of| of.memberships.saturating_sub(of.resolved))
    }

    /// The family that most members are keys of, or ids: how many, and how many of those expire.
    pub fn records(&self, family: usize) -> Option<(usize, u64, u64)> {
        let records = self.of(family)?.records.iter();
        // Of equals the first in the order of the families: the order of the map must not show.
        let most = records.max_by_key(|(family, (all, _))| (*all, std::cmp::Reverse(**family)))?;
        let (family, (all, expiring)) = most;
        Some((*family as usize, *all, *expiring))
    }

    /// Whether most members are whole names of keys.
    pub fn lists_names(&self, family: usize) -> bool {
        self.of(family).is_some_and(|of| of.by_name.saturating_mul(2) > of.resolved)
    }

    /// What a family shares with another.
    pub fn shared(&self, first: usize, second: usize) -> Option<&Shared> {
        self.shared.get(&(u32::try_from(first).ok()?, u32::try_from(second).ok()?))
    }

    /// The family of values whose keys most keys of a family of sets are named after, but for one family: how many are, of
    /// how many.
    pub fn each(&self, family: usize, but: usize) -> Option<(usize, u64, u64)> {
        let own = u32::try_from(family).ok()?;
        let others = self.carried.iter().filter(|((first, second), _)| *first == own && *second as usize != but);
        let most = others.max_by_key(|((_, second), count)| (**count, std::cmp::Reverse(*second)))?;
        let ((_, second), count) = most;
        Some((*second as usize, *count, self.parts.get(family).copied()?))
    }
}

/// The families that have this hash, in a sorted list.
fn with_hash(sorted: &[(u64, u32)], hash: u64) -> impl Iterator<Item = u32> {
    let from = sorted.partition_point(|(own, _)| *own < hash);
    let here = sorted.get(from..).unwrap_or_default().iter().take_while(move |(own, _)| *own == hash);
    here.map(|(_, family)| *family)
}
