//! Sets of records, eight bytes per record: some bits of the key's hash and where the key is in the dump.

use rayon::slice::ParallelSliceMut;

use super::hash::Hasher;
use crate::dump::rdb;
use crate::model::view::Dump;

const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

/// Collects record keys on one thread.
#[derive(Debug, Default)]
pub struct RecordList(Vec<u64>);

impl RecordList {
    /// Notes the record that starts at `offset` of the dump.
    pub fn push(&mut self, hash: u64, offset: u64) {
        self.0.push(hash >> OFFSET_BITS << OFFSET_BITS | offset & OFFSET_MASK);
    }
}

/// A set of record keys that can be asked for a key.
#[derive(Debug, Default)]
pub struct RecordSet(Vec<u64>);

impl RecordSet {
    /// Joins what the threads collected.
    pub fn new(parts: impl IntoIterator<Item = RecordList>) -> Self {
        let mut all = Vec::new();
        for part in parts {
            if all.is_empty() {
                all = part.0;
            } else {
                all.extend_from_slice(&part.0);
            }
        }
        all.par_sort_unstable();
        Self(all)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record of this key is in the set. The hash finds candidates, the bytes in the dump decide.
    pub fn contains(&self, dump: &Dump<'_>, key: &[u8], hash: u64, scratch: &mut Vec<u8>) -> Result<bool, rdb::Error> {
        if self.0.is_empty() {
            return Ok(false);
        }
        let bits = hash >> OFFSET_BITS;
        let from = self.0.partition_point(|&packed| packed >> OFFSET_BITS < bits);
        for &packed in self.0.iter().skip(from).take_while(|&&packed| packed >> OFFSET_BITS == bits) {
            if dump.key_is(packed & OFFSET_MASK, key, scratch)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Several sets asked as one.
#[derive(Clone, Debug, Default)]
pub struct AnyOf<'s>(Vec<&'s RecordSet>);

impl<'s> AnyOf<'s> {
    pub fn new(sets: impl Iterator<Item = &'s RecordSet>) -> Self {
        Self(sets.filter(|set| !set.is_empty()).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record of this key is in one of them.
    pub fn contains(
        &self,
        dump: &Dump<'_>,
        key: &[u8],
        hasher: &Hasher,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, rdb::Error> {
        if self.0.is_empty() {
            return Ok(false);
        }
        let hash = hasher.hash(key);
        for set in &self.0 {
            if set.contains(dump, key, hash, scratch)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
