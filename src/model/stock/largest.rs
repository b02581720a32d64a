//! The largest keys of a dump.

use std::cmp::Reverse;

use crate::dump::rdb::{Record, TypeName};

/// So many are kept.
pub const LARGEST: usize = 50;

/// A large key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// In the dump, name and expiry included.
    pub bytes: u64,
    /// Where its record starts.
    pub start: u64,
    /// The database.
    pub db: u64,
    /// Members, fields, elements or entries; 1 for a value of another type.
    pub elements: u64,
    /// What the command `TYPE` answers.
    pub type_name: TypeName,
    /// The form in the dump.
    pub encoding: &'static str,
    /// Its expiry as the dump writes it, in milliseconds.
    pub expire_ms: Option<i64>,
}

/// The largest first; of equals the first in the dump, so that the threads do not matter.
#[derive(Clone, Debug, Default)]
pub struct Largest {
    keys: Vec<Large>,
    /// Nothing smaller has a place any more.
    least: u64,
}

impl Largest {
    /// Looks at one key. For nearly all of them that is one comparison.
    pub fn add(&mut self, record: &Record<'_>, bytes: u64, elements: u64) {
        if bytes >= self.least {
            self.keep(Large {
                bytes,
                start: u64::try_from(record.start).unwrap_or(u64::MAX),
                db: record.db,
                elements,
                type_name: record.value.type_name(),
                encoding: record.value.ty.encoding(),
                expire_ms: record.expire_ms,
            });
        }
    }

    fn keep(&mut self, key: Large) {
        let order = |key: &Large| (Reverse(key.bytes), key.start);
        let at = self.keys.partition_point(|known| order(known) < order(&key));
        if at < LARGEST {
            self.keys.insert(at, key);
            self.keys.truncate(LARGEST);
        }
        if let Some(last) = self.keys.get(LARGEST.saturating_sub(1)) {
            self.least = last.bytes;
        }
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        for key in other.keys {
            self.keep(key);
        }
    }

    /// The largest keys, the largest first.
    pub fn iter(&self) -> impl Iterator<Item = &Large> {
        self.keys.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::rdb::Kind;

    fn key(bytes: u64, start: u64) -> Large {
        let type_name = TypeName::Kind(Kind::Set);
        Large { bytes, start, db: 0, elements: 1, type_name, encoding: "x", expire_ms: None }
    }

    #[test]
    fn any_order_and_any_split_give_the_same_keys() {
        // Sizes from 0 to 96, each about ten times.
        let all: Vec<Large> = (0..1000).map(|n| key(n * 7919 % 97, n)).collect();
        let mut expected = all.clone();
        expected.sort_by_key(|key| (Reverse(key.bytes), key.start));
        expected.truncate(LARGEST);
        let found = |parts: Vec<Vec<Large>>| {
            let mut joined = Largest::default();
            for part in parts {
                let mut one = Largest::default();
                for key in part {
                    if key.bytes >= one.least {
                        one.keep(key);
                    }
                }
                joined.merge(one);
            }
            joined.keys
        };
        assert_eq!(found(vec![all.clone()]), expected);
        assert_eq!(found(all.rchunks(77).map(<[Large]>::to_vec).collect()), expected);
        assert_eq!(found(all.chunks(3).map(|part| part.iter().rev().copied().collect()).collect()), expected[..]);
    }
}
