//! Entries that stay because they name a record of which nothing can be said.

use crate::dump::rdb;
use crate::index::store::hash::Hasher;
use crate::index::store::record_set::AnyOf;
use crate::model::entry::Entries;
use crate::model::spec::Pattern;
use crate::model::view::Dump;

/// Such records, and how an entry of one index key names its own.
#[derive(Clone, Debug, Default)]
pub struct Held<'h> {
    any: AnyOf<'h>,
    /// For each index whose entries make up the name of their record: how they are read, and what records are named like.
    readers: Vec<(Entries<'h>, &'h Pattern)>,
    name: Vec<u8>,
}

impl<'h> Held<'h> {
    pub fn new(any: AnyOf<'h>, readers: Vec<(Entries<'h>, &'h Pattern)>) -> Self {
        Self { any, readers, name: Vec::new() }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.any.is_empty()
    }

    /// Whether an entry is held: a member, or a field and its value, or the text of a string, names such a record as it is,
    /// or the two make up the name of one.
    pub fn holds(
        &mut self,
        dump: &Dump<'_>,
        (member, value): (&[u8], &[u8]),
        hasher: &Hasher,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, rdb::Error> {
        if self.any.is_empty() {
            return Ok(false);
        }
        if self.any.contains(dump, member, hasher, scratch)?
            || (!value.is_empty() && self.any.contains(dump, value, hasher, scratch)?)
        {
            return Ok(true);
        }
        let Self { any, readers, name } = self;
        for (entries, records) in readers {
            name.clear();
            if entries.read(member, value)
                && entries.fill_parts(&records.parts, member, value, name)
                && any.contains(dump, name, hasher, scratch)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
