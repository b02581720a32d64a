//! Byte strings kept once, each with a small number, shared by all threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::entry::Hasher;

const SHARD_BITS: u32 = 4;
const SHARDS: usize = 1 << SHARD_BITS;
/// A shard holds at most this many strings, so that a number fits in 31 bits.
const MAX_SHARD: usize = 1 << (31 - SHARD_BITS);

/// More different byte strings than numbers: some two thousand million.
#[derive(Debug, thiserror::Error)]
#[error("more than {} different index keys or members", MAX_SHARD * SHARDS)]
pub struct Full;

/// Gives every different byte string a number. The numbers depend on the order of arrival; sort by bytes before use in
/// anything that is written.
#[derive(Debug, Default)]
pub struct Interner {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    table: HashTable<u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Shard {
    fn get(&self, local: usize) -> &[u8] {
        let end = self.ends.get(local).copied().unwrap_or(0);
        let start = local.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

impl Interner {
    /// The number of `bytes`, whose hash is `hash` by `hasher`.
    pub fn intern(&self, bytes: &[u8], hash: u64, hasher: &Hasher) -> Result<u32, Full> {
        let at = (hash >> (64 - SHARD_BITS)) as usize;
        let mut guard = lock(&self.shards[at]);
        let shard = &mut *guard;
        if let Some(&local) = shard.table.find(hash, |&local| shard.get(local as usize) == bytes) {
            return Ok(number(local as usize, at));
        }
        let local = shard.ends.len();
        if local >= MAX_SHARD {
            return Err(Full);
        }
        shard.bytes.extend_from_slice(bytes);
        shard.ends.push(shard.bytes.len());
        let Shard { table, bytes: all, ends } = shard;
        let rehash = |&local: &u32| {
            let local = local as usize;
            let start = if local == 0 { 0 } else { ends[local - 1] };
            hasher.hash(&all[start..ends[local]])
        };
        table.insert_unique(hash, local as u32, rehash);
        Ok(number(local, at))
    }

    /// Ends the collecting; from here on no lock is needed.
    pub fn freeze(self) -> Interned {
        Interned { shards: self.shards.map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner)) }
    }
}

/// What an interner holds once it no longer grows.
#[derive(Debug)]
pub struct Interned {
    shards: [Shard; SHARDS],
}

impl Interned {
    /// The bytes of a number that the interner gave.
    pub fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        self.shards[id % SHARDS].get(id / SHARDS)
    }

    /// One more than the largest number.
    pub fn bound(&self) -> usize {
        self.shards.iter().map(|shard| shard.ends.len()).max().unwrap_or(0) * SHARDS
    }

    /// All numbers, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.shards.iter().enumerate().flat_map(|(at, shard)| (0..shard.ends.len()).map(move |local| number(local, at)))
    }
}

fn number(local: usize, shard: usize) -> u32 {
    (local * SHARDS + shard) as u32
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many strings a [`Cache`] remembers.
const SLOTS: usize = 256;
/// Longer strings are not worth a slot.
const MAX_CACHED: usize = 256;

/// A thread's own memory of the strings it met last, so that the few index keys that most records name cost no lock.
#[derive(Debug)]
pub struct Cache {
    slots: Vec<(u32, Vec<u8>)>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { slots: vec![(u32::MAX, Vec::new()); SLOTS] }
    }
}

impl Cache {
    /// Like [`Interner::intern`], asking the interner only when the string is not the last one of its slot.
    pub fn intern(&mut self, interner: &Interner, bytes: &[u8], hasher: &Hasher) -> Result<u32, Full> {
        let hash = hasher.hash(bytes);
        let slot = &mut self.slots[(hash % SLOTS as u64) as usize];
        if slot.0 != u32::MAX && slot.1 == bytes {
            return Ok(slot.0);
        }
        let id = interner.intern(bytes, hash, hasher)?;
        if bytes.len() <= MAX_CACHED {
            slot.0 = id;
            slot.1.clear();
            slot.1.extend_from_slice(bytes);
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_have_the_same_number() {
        let (interner, hasher, mut cache) = (Interner::default(), Hasher::default(), Cache::default());
        let words: Vec<Vec<u8>> = (0..5000u32).map(|n| n.to_le_bytes()[..(n % 5) as usize].to_vec()).collect();
        let ids: Vec<u32> = words.iter().map(|word| cache.intern(&interner, word, &hasher).unwrap()).collect();
        let again: Vec<u32> =
            words.iter().map(|word| interner.intern(word, hasher.hash(word), &hasher).unwrap()).collect();
        assert_eq!(ids, again);
        let interned = interner.freeze();
        for (word, id) in words.iter().zip(&ids) {
            assert_eq!(interned.get(*id), word.as_slice());
        }
        let different: std::collections::BTreeSet<&Vec<u8>> = words.iter().collect();
        assert_eq!(interned.ids().count(), different.len());
    }
}
