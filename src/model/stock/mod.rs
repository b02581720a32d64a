//! What is in a dump: keys, elements and bytes by database, by type and by family.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dump::rdb::{ModuleId, Record, TypeName, ValueType};

mod expiries;
mod families;
mod family_tallies;
mod largest;

pub use expiries::{Expiries, Expiring, Left, SPANS};
pub use families::{Families, FamilyTree};
pub use family_tallies::FamilyTallies;
pub use largest::{LARGEST, Large, LargestKeys};

/// A count of keys and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Keys that had not expired when the dump was made.
    pub keys: u64,
    /// Elements of collections; a string, a document and a module's value are one each.
    pub elements: u64,
    /// Bytes in the dump, name and expiry included.
    pub bytes: u64,
    /// What they take in the memory of a server, estimated.
    pub memory: u64,
    /// Keys that have an expiry.
    pub with_expiry: u64,
}

impl Tally {
    /// Adds another count to this one.
    pub fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.elements = self.elements.saturating_add(other.elements);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.memory = self.memory.saturating_add(other.memory);
        self.with_expiry = self.with_expiry.saturating_add(other.with_expiry);
    }
}

/// The stock of a dump.
#[derive(Debug)]
pub struct Stock {
    /// All keys.
    pub total: Tally,
    /// By database.
    pub databases: BTreeMap<u64, Tally>,
    /// By what `TYPE` answers and by form in the dump.
    pub types: BTreeMap<(TypeName, &'static str), Tally>,
    /// By record class of the spec.
    pub records: Vec<Tally>,
    /// By index of the spec.
    pub indexes: Vec<Tally>,
    /// Keys that are neither records nor index keys, by what their names have in common.
    pub others: Families,
    /// Keys by how long they have left.
    pub expiries: Expiries,
    /// The keys that take most memory or have most elements.
    pub largest: LargestKeys,
    /// The last database and the last type, so that the maps are not asked for every key.
    current: (u64, Tally),
    current_type: Option<((ValueType, Option<ModuleId>), Tally)>,
}

impl Stock {
    /// An empty stock, for a spec of so many record classes and indexes.
    pub fn new(records: usize, indexes: usize) -> Self {
        Self {
            total: Tally::default(),
            databases: BTreeMap::new(),
            types: BTreeMap::new(),
            records: vec![Tally::default(); records],
            indexes: vec![Tally::default(); indexes],
            others: Families::default(),
            expiries: Expiries::default(),
            largest: LargestKeys::default(),
            current: (0, Tally::default()),
            current_type: None,
        }
    }

    /// Whether the spec describes a key: one is of a class or of a family of it.
    pub fn is_described(&self) -> bool {
        self.records.iter().chain(&self.indexes).any(|tally| tally.keys > 0)
    }

    /// Counts a key, its family aside.
    pub fn add(&mut self, record: &Record<'_>, tally: Tally) {
        self.total.add(tally);
        if self.current.0 != record.db {
            self.settle();
            self.current.0 = record.db;
        }
        self.current.1.add(tally);
        let key = (record.value.ty, record.value.module());
        match &mut self.current_type {
            Some((last, sum)) if *last == key => sum.add(tally),
            _ => {
                self.settle_type();
                self.current_type = Some((key, tally));
                self.largest.turn_to((key.0.kind(), key.1));
            }
        }
        self.largest.add(record, tally);
    }

    /// Counts it in the family of a record class.
    pub fn record_family(&mut self, class: usize, tally: Tally) {
        self.records[class].add(tally);
    }

    /// Counts it in the family of an index.
    pub fn index_family(&mut self, index: usize, tally: Tally) {
        self.indexes[index].add(tally);
    }

    /// Counts it in a family that is found from its name.
    pub fn other_family(&mut self, key: &[u8], tally: Tally) {
        self.others.add(key, tally);
    }

    fn settle(&mut self) {
        let (db, tally) = std::mem::take(&mut self.current);
        if tally.keys > 0 {
            self.databases.entry(db).or_default().add(tally);
        }
    }

    fn settle_type(&mut self) {
        if let Some(((ty, module), tally)) = self.current_type.take() {
            let name = module.map_or(TypeName::Kind(ty.kind()), TypeName::of_module);
            self.types.entry((name, ty.encoding())).or_default().add(tally);
        }
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, mut other: Self) {
        for stock in [&mut *self, &mut other] {
            stock.settle();
            stock.settle_type();
        }
        self.total.add(other.total);
        for (db, tally) in other.databases {
            self.databases.entry(db).or_default().add(tally);
        }
        for (key, tally) in other.types {
            self.types.entry(key).or_default().add(tally);
        }
        for (mine, theirs) in [(&mut self.records, other.records), (&mut self.indexes, other.indexes)] {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                mine.add(theirs);
            }
        }
        self.others.merge(other.others);
        self.expiries.merge(other.expiries);
        self.largest.merge(other.largest);
    }
}
