//! Going back to places in the dump that were noted on the way.

use crate::rdb::{self, Header, Record};

/// A dump whose records were walked once already.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    pub file: &'a [u8],
    pub header: Header,
}

impl<'a> Dump<'a> {
    /// The name of the record that starts at `start`.
    pub fn key<'b>(&self, start: u64, scratch: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error>
    where
        'a: 'b,
    {
        let key = rdb::key_at(self.file, self.header, start)?;
        key.decode(scratch).map_err(|kind| rdb::Error::in_string(start, kind))
    }

    /// Whether the record that starts at `start` is named `key`.
    pub fn key_is(&self, start: u64, key: &[u8], scratch: &mut Vec<u8>) -> Result<bool, rdb::Error> {
        let found = rdb::key_at(self.file, self.header, start)?;
        found.eq_bytes(key, scratch).map_err(|kind| rdb::Error::in_string(start, kind))
    }

    /// Loads a byte of a place that will be read soon, so that it is in the cache then.
    pub fn touch(&self, offset: u64) -> u64 {
        let byte = usize::try_from(offset).ok().and_then(|offset| self.file.get(offset));
        byte.copied().map_or(0, u64::from)
    }

    /// The record whose first byte (that of its first prefix) is at `start`. Its database is not known here.
    pub fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        rdb::record_at(self.file, self.header, start)
    }
}
