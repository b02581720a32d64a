//! The table of keys.

use super::Error;
use super::cell::Cell;
use super::rows::Rows;
use crate::index::{Clock, Family, Names};
use crate::rdb::{self, Record};
use crate::scan::{self, Observer, Worker};
use crate::spec::Spec;
use crate::stock::{Families, Tally};

const COLUMNS: &[&str] =
    &["db", "key", "type", "encoding", "elements", "bytes", "expire_at_ms", "idle_s", "freq", "family"];

pub(super) struct Keys<'s, 'o> {
    names: Names<'s>,
    clock: Clock,
    rows: Rows<'o>,
    others: Families,
    pattern: Vec<u8>,
}

impl<'s, 'o> Keys<'s, 'o> {
    /// Families of keys that the spec does not know follow from all names, so those are read first.
    pub fn new(
        file: &[u8],
        spec: &'s Spec,
        clock: Clock,
        mut rows: Rows<'o>,
        observer: &Observer,
    ) -> Result<Self, Error> {
        let names = Names::new(spec);
        let new = || Others { names: &names, families: Families::default(), key: Vec::new() };
        let mut others = Families::default();
        for worker in scan::run(file, observer, new)?.workers {
            others.merge(worker.families);
        }
        rows.columns(COLUMNS)?;
        Ok(Self { names, clock, rows, others, pattern: Vec::new() })
    }

    pub fn record(&mut self, record: &Record<'_>, key: &[u8]) -> Result<(), Error> {
        let value = &record.value;
        let spec = self.names.spec;
        let elements = value.elements().map_err(|error| error.in_record(record.start))?;
        let type_name = value.type_name();
        let pattern = match self.names.family_of(record.db, key, value.ty.kind()) {
            Family::Record(class) => spec.records.get(class).map_or(&[][..], |class| class.key.as_bytes()),
            Family::Index(index) => self.names.families.get(index).map_or(&[][..], |family| family.as_bytes()),
            Family::Other => {
                self.others.find(key, &mut self.pattern);
                &self.pattern
            }
        };
        self.rows.row(&[
            Cell::Unsigned(record.db),
            Cell::Bytes(key),
            Cell::Plain(type_name.as_str()),
            Cell::Plain(value.ty.encoding()),
            Cell::Unsigned(elements),
            Cell::Unsigned(value.end().saturating_sub(record.start) as u64),
            self.clock.unix_ms(record.expire_ms).map_or(Cell::None, Cell::Signed),
            record.idle.map_or(Cell::None, Cell::Unsigned),
            record.freq.map_or(Cell::None, |freq| Cell::Unsigned(freq.into())),
            Cell::Bytes(pattern),
        ])?;
        Ok(())
    }

    pub fn finish(self) -> Result<u64, Error> {
        Ok(self.rows.finish()?)
    }
}

/// Gathers the names that no family of the spec has.
struct Others<'n, 's> {
    names: &'n Names<'s>,
    families: Families,
    key: Vec<u8>,
}

impl<'a> Worker<'a> for Others<'_, '_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let fault = |kind| rdb::Error::in_string(record.start as u64, kind).in_record(record.start);
        let key = record.key.decode(&mut self.key).map_err(fault)?;
        if matches!(self.names.family_of(record.db, key, record.value.ty.kind()), Family::Other) {
            self.families.add(key, Tally { keys: 1, ..Tally::default() });
        }
        Ok(())
    }
}
