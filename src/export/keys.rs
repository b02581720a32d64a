//! The table of keys.

use super::cell::Cell;
use super::column::{Column, Holds};
use super::halt::Halt;
use super::rows::{Outlet, Rows};
use super::{Damaged, Error};
use crate::dump::duplicate_keys::Twice;
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Record, Walker};
use crate::dump::scan::{self, Observer, Worker};
use crate::model::memory::Estimate;
use crate::model::spec::Spec;
use crate::model::stock::{Families, FamilyTree, Tally};
use crate::model::view::{Clock, Family, KeyType, Names};

pub(super) const COLUMNS: &[Column] = &[
    Column::new("db", Holds::Small),
    Column::new("key", Holds::Bytes),
    Column::new("type", Holds::Word),
    Column::new("encoding", Holds::Word),
    Column::new("elements", Holds::Count),
    Column::new("bytes", Holds::Count),
    Column::new("memory", Holds::Count),
    Column::new("expire_at_ms", Holds::Time),
    Column::new("idle_s", Holds::Count),
    Column::new("freq", Holds::Small),
    Column::new("family", Holds::Repeated),
];

/// What the rows of keys need to know of the whole dump.
#[derive(Debug)]
pub(super) struct Known<'s> {
    names: Names<'s>,
    others: FamilyTree,
    estimate: Estimate,
    /// A key that is in two of the dumps that the dump was put together of.
    pub twice: Option<Twice>,
}

impl<'s> Known<'s> {
    /// Families of keys that the spec does not know follow from all names, so those are read first.
    pub fn read(
        file: &[u8],
        parts: &[Part],
        spec: &'s Spec,
        damaged: Option<&Damaged>,
        observer: &Observer,
    ) -> Result<Self, Error> {
        let names = Names::new(spec);
        let new = || Others { names: &names, damaged, families: Families::default(), key: Vec::new() };
        let (mut others, mut twice) = (Families::default(), None);
        if damaged.is_some_and(|damaged| damaged.end.is_some()) {
            // Only a walk alone keeps what it has when it comes to no end.
            let mut worker = new();
            for record in Walker::new(file)?.records().map_while(Result::ok) {
                if observer.stopped() {
                    return Err(Error::Interrupted);
                }
                worker.record(&record)?;
            }
            others.merge(worker.families);
        } else {
            let (pass, found) = scan::run_parts(file, parts, observer, new)?;
            pass.workers.into_iter().for_each(|worker| others.merge(worker.families));
            twice = found;
        }
        let estimate = Estimate::new(Walker::new(file)?.header());
        Ok(Self { names, others: others.tree(), estimate, twice })
    }
}

/// Makes the rows of keys.
#[derive(Debug)]
pub(super) struct Keys<'k, 's> {
    known: &'k Known<'s>,
    clock: Clock,
    pattern: Vec<u8>,
    label: Vec<u8>,
}

impl<'k, 's> Keys<'k, 's> {
    pub fn new(known: &'k Known<'s>, clock: Clock) -> Self {
        Self { known, clock, pattern: Vec::new(), label: Vec::new() }
    }

    pub fn record(
        &mut self,
        record: &Record<'_>,
        key: &[u8],
        rows: &mut Rows,
        outlet: &Outlet<'_>,
    ) -> Result<(), Halt> {
        let value = &record.value;
        let Known { names, others, .. } = self.known;
        let elements = value.elements().map_err(|error| Halt::Dump(error.in_record(record.start)))?;
        let type_name = value.type_name();
        let pattern = match names.family_of(record.db, key, KeyType::of(value)) {
            Family::Record(class) => names.spec.records.get(class).map_or(&[][..], |class| class.key.glob().as_bytes()),
            Family::Index(index) => {
                names.spec.indexes.get(index).map_or(&[][..], |index| index.family.glob().as_bytes())
            }
            Family::Other => {
                others.find(key, &mut self.pattern, &mut self.label);
                &self.pattern
            }
        };
        let cells = [
            Cell::Unsigned(record.db),
            Cell::Bytes(key),
            Cell::Plain(type_name.as_str()),
            Cell::Plain(value.ty.encoding()),
            Cell::Unsigned(elements),
            Cell::Unsigned(value.end().saturating_sub(record.start) as u64),
            Cell::Unsigned(self.known.estimate.of(record, elements)),
            self.clock.unix_ms(record.expire_ms).map_or(Cell::None, Cell::Time),
            record.idle.map_or(Cell::None, Cell::Unsigned),
            record.freq.map_or(Cell::None, |freq| Cell::Unsigned(freq.into())),
            Cell::Bytes(pattern),
        ];
        rows.row(&cells, outlet)
    }
}

/// Gathers the names that no family of the spec has.
struct Others<'n, 's> {
    names: &'n Names<'s>,
    damaged: Option<&'n Damaged>,
    families: Families,
    key: Vec<u8>,
}

impl<'a> Worker<'a> for Others<'_, '_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        if self.damaged.is_some_and(|damaged| damaged.has(record.start)) {
            return Ok(());
        }
        let fault = |kind| rdb::Error::in_string(record.start as u64, kind).in_record(record.start);
        let key = record.key.decode(&mut self.key).map_err(fault)?;
        if matches!(self.names.family_of(record.db, key, KeyType::of(&record.value)), Family::Other) {
            // As the inventory counts them: both must come to the same families.
            let bytes = record.value.end().saturating_sub(record.start) as u64;
            self.families.add(key, Tally { keys: 1, bytes, ..Tally::default() });
        }
        Ok(())
    }
}
