//! Byte strings kept once, each with a small number, shared by all threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::hash::Hasher;

const SHARD_BITS: u32 = 4;
const SHARDS: usize = 1 << SHARD_BITS;
/// A shard holds at most this many strings, so that a number fits in 31 bits.
const MAX_SHARD: usize = 1 << (31 - SHARD_BITS);

/// More different byte strings than numbers, some two thousand million; or more than 4 GiB of text in a shard.
#[derive(Debug, thiserror::Error)]
#[error("too many different index keys or members: more than {}, or about 64 GiB of them", MAX_SHARD * SHARDS)]
pub struct Full;

/// The length of a longer string follows in four bytes.
const LONG: u8 = u8::MAX;

/// Gives every different byte string a number. The numbers depend on the order of arrival; sort by bytes before use in
/// anything that is written.
#[derive(Debug, Default)]
pub struct Interner {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    /// Where the strings start, by their hash.
    table: HashTable<u32>,
    /// Of each string its number, its length and its text: whoever looks for a string so reads memory in two places, the
    /// table and this.
    bytes: Vec<u8>,
    /// Where the strings start, by their number.
    starts: Vec<u32>,
}

impl Shard {
    fn get(&self, local: usize) -> &[u8] {
        self.starts.get(local).map_or(&[], |&start| string_at(&self.bytes, start).1)
    }

    fn push(&mut self, bytes: &[u8]) -> Option<(u32, u32)> {
        let local = u32::try_from(self.starts.len()).ok().filter(|local| (*local as usize) < MAX_SHARD)?;
        let start = u32::try_from(self.bytes.len()).ok()?;
        let len = u32::try_from(bytes.len()).ok()?;
        self.bytes.extend_from_slice(&local.to_le_bytes());
        match u8::try_from(len) {
            Ok(len) if len != LONG => self.bytes.push(len),
            _ => {
                self.bytes.push(LONG);
                self.bytes.extend_from_slice(&len.to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.starts.push(start);
        Some((local, start))
    }
}

/// The number and the text of the string that starts here.
fn string_at(all: &[u8], start: u32) -> (u32, &[u8]) {
    let read = || {
        let (local, rest) = all.get(start as usize..)?.split_first_chunk()?;
        let (&len, rest) = rest.split_first()?;
        let text = if len == LONG {
            let (len, rest) = rest.split_first_chunk()?;
            rest.get(..u32::from_le_bytes(*len) as usize)?
        } else {
            rest.get(..usize::from(len))?
        };
        Some((u32::from_le_bytes(*local), text))
    };
    // Every start is that of a string.
    read().unwrap_or_default()
}

impl Interner {
    /// The number of `bytes`, whose hash is `hash` by `hasher`.
    pub fn intern(&self, bytes: &[u8], hash: u64, hasher: &Hasher) -> Result<u32, Full> {
        let at = (hash >> (64 - SHARD_BITS)) as usize;
        let mut guard = lock(&self.shards[at]);
        let shard = &mut *guard;
        let mut found = 0;
        let is_it = |&start: &u32| {
            let (local, text) = string_at(&shard.bytes, start);
            found = local;
            text == bytes
        };
        if shard.table.find(hash, is_it).is_some() {
            return Ok(number(found as usize, at));
        }
        let (local, start) = shard.push(bytes).ok_or(Full)?;
        let Shard { table, bytes: all, .. } = shard;
        table.insert_unique(hash, start, |&start| hasher.hash(string_at(all, start).1));
        Ok(number(local as usize, at))
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
        self.shards.iter().map(|shard| shard.starts.len()).max().unwrap_or(0) * SHARDS
    }

    /// All numbers, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.shards
            .iter()
            .enumerate()
            .flat_map(|(at, shard)| (0..shard.starts.len()).map(move |local| number(local, at)))
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

    #[test]
    fn strings_of_every_length() {
        let (interner, hasher) = (Interner::default(), Hasher::default());
        let words: Vec<Vec<u8>> = [0, 1, 254, 255, 256, 257, 65_536].map(|len| vec![b'a'; len]).into();
        let intern = |word: &Vec<u8>| interner.intern(word, hasher.hash(word), &hasher).unwrap();
        let ids: Vec<u32> = words.iter().map(intern).collect();
        assert_eq!(ids, words.iter().map(intern).collect::<Vec<_>>());
        let interned = interner.freeze();
        for (word, id) in words.iter().zip(&ids) {
            assert_eq!(interned.get(*id), word.as_slice());
        }
    }
}
