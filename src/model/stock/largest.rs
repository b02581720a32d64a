//! The largest keys of a dump.

use std::cmp::Reverse;

use super::Tally;
use crate::dump::rdb::{Kind, ModuleId, Record, TypeName};

/// So many of each kind are kept.
pub const LARGEST: usize = 100;

/// A large key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// In the memory of a server, estimated.
    pub memory: u64,
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

impl Large {
    fn new(record: &Record<'_>, tally: Tally) -> Self {
        Self {
            memory: tally.memory,
            bytes: tally.bytes,
            start: u64::try_from(record.start).unwrap_or(u64::MAX),
            db: record.db,
            elements: tally.elements,
            type_name: record.value.type_name(),
            encoding: record.value.ty.encoding(),
            expire_ms: record.expire_ms,
        }
    }
}

/// The largest by one measure, the largest first; of equals the first in the dump, so that the threads do not matter.
#[derive(Clone, Debug)]
struct Largest {
    keys: Vec<(u64, Large)>,
    /// Size and start of the last that has a place, once all places are taken.
    least: u64,
    last: u64,
}

impl Default for Largest {
    fn default() -> Self {
        Self { keys: Vec::new(), least: 0, last: u64::MAX }
    }
}

impl Largest {
    /// Whether a key would get a place. Many keys are of one size, and of equals only those before the last one do.
    #[inline]
    fn has_place(&self, size: u64, start: usize) -> bool {
        size > self.least || size == self.least && (start as u64) < self.last
    }

    fn keep(&mut self, size: u64, key: Large) {
        let order = |(size, key): &(u64, Large)| (Reverse(*size), key.start);
        let entry = (size, key);
        let at = self.keys.partition_point(|known| order(known) < order(&entry));
        if at < LARGEST {
            self.keys.insert(at, entry);
            self.keys.truncate(LARGEST);
        }
        if let Some((size, key)) = self.keys.get(LARGEST.saturating_sub(1)) {
            (self.least, self.last) = (*size, key.start);
        }
    }

    fn merge(&mut self, other: Self) {
        for (size, key) in other.keys {
            self.keep(size, key);
        }
    }
}

/// The largest keys, by memory and by elements.
#[derive(Clone, Debug, Default)]
pub struct LargestKeys {
    memory: Largest,
    elements: Largest,
    /// By memory, of each type.
    types: Vec<(Type, Largest)>,
    /// The type of the keys that are added, so that the list is not searched for every key.
    current: usize,
}

impl LargestKeys {
    /// The keys that are added next are of this type.
    pub fn turn_to(&mut self, wanted: Type) {
        let known = self.types.iter().position(|(one, _)| *one == wanted);
        self.current = known.unwrap_or_else(|| {
            self.types.push((wanted, Largest::default()));
            self.types.len() - 1
        });
    }

    /// Looks at one key, of the type that was turned to. For nearly all of them that is three comparisons.
    #[inline]
    pub fn add(&mut self, record: &Record<'_>, tally: Tally) {
        // Its value is damaged, or nobody asked what keys take.
        let Some((_, of_type)) = self.types.get_mut(self.current).filter(|_| tally.memory > 0) else { return };
        if of_type.has_place(tally.memory, record.start) {
            let large = Large::new(record, tally);
            of_type.keep(tally.memory, large);
            if self.memory.has_place(tally.memory, record.start) {
                self.memory.keep(tally.memory, large);
            }
        }
        // A value of one element is no collection, or none to speak of.
        if tally.elements > 1 && self.elements.has_place(tally.elements, record.start) {
            self.elements.keep(tally.elements, Large::new(record, tally));
        }
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        self.memory.merge(other.memory);
        self.elements.merge(other.elements);
        for (of, largest) in other.types {
            self.turn_to(of);
            if let Some((_, mine)) = self.types.get_mut(self.current) {
                mine.merge(largest);
            }
        }
    }

    /// Those that take most memory, the largest first.
    pub fn by_memory(&self) -> impl Iterator<Item = &Large> {
        self.memory.keys.iter().map(|(_, key)| key)
    }

    /// Those with the most elements.
    pub fn by_elements(&self) -> impl Iterator<Item = &Large> {
        self.elements.keys.iter().map(|(_, key)| key)
    }

    /// Those of each type that take most memory, in the order of the types' names.
    pub fn by_type(&self) -> Vec<(TypeName, Vec<&Large>)> {
        let name = |(kind, module): Type| module.map_or(TypeName::Kind(kind), TypeName::of_module);
        let mut all: Vec<(TypeName, Vec<&Large>)> = Vec::new();
        for (of, largest) in self.types.iter().filter(|(_, largest)| !largest.keys.is_empty()) {
            all.push((name(*of), largest.keys.iter().map(|(_, key)| key).collect()));
        }
        // Versions of a module's encoding are one type.
        all.sort_by_key(|(name, _)| *name);
        all.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1.append(&mut next.1);
                first.1.sort_by_key(|key| (Reverse(key.memory), key.start));
                first.1.truncate(LARGEST);
            }
            same
        });
        all
    }
}

/// What tells types apart without making their names.
type Type = (Kind, Option<ModuleId>);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(memory: u64, start: u64) -> Large {
        let type_name = TypeName::Kind(Kind::Set);
        Large { memory, bytes: 1, start, db: 0, elements: 1, type_name, encoding: "x", expire_ms: None }
    }

    #[test]
    fn any_order_and_any_split_give_the_same_keys() {
        // Sizes from 0 to 96, each about ten times.
        let all: Vec<Large> = (0..1000).map(|n| key(n * 7919 % 97, n)).collect();
        let mut expected = all.clone();
        expected.sort_by_key(|key| (Reverse(key.memory), key.start));
        expected.truncate(LARGEST);
        let found = |parts: Vec<Vec<Large>>| {
            let mut joined = Largest::default();
            for part in parts {
                let mut one = Largest::default();
                for key in part {
                    if one.has_place(key.memory, usize::try_from(key.start).unwrap()) {
                        one.keep(key.memory, key);
                    }
                }
                joined.merge(one);
            }
            joined.keys.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
        };
        assert_eq!(found(vec![all.clone()]), expected);
        assert_eq!(found(all.rchunks(77).map(<[Large]>::to_vec).collect()), expected);
        assert_eq!(found(all.chunks(3).map(|part| part.iter().rev().copied().collect()).collect()), expected[..]);
    }
}
