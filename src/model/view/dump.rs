//! Going back to places in the dump that were noted on the way.

use crate::dump::rdb::{self, Header, Record};

/// A dump whose records were walked once already.
#[derive(Clone, Copy, Debug)]
pub struct Dump<'a> {
    /// All of its bytes.
    pub file: &'a [u8],
    /// Its flavor and version.
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

    /// Whether the record that starts at `start` is named like the element at `place`, as far as that is seen without
    /// expanding anything: both are written the same way.
    pub fn key_stands_at(&self, start: u64, place: rdb::Place) -> bool {
        let whole = place.inner == rdb::Place::WHOLE;
        whole
            && rdb::key_at(self.file, self.header, start)
                .is_ok_and(|key| rdb::string_at(self.file, place.string) == Ok(key))
    }

    /// Loads bytes of a record's name that will be read soon, so that they are in the cache then: names are mostly longer
    /// than one cache line.
    pub fn touch(&self, start: u64) -> u64 {
        let byte = |at: usize| self.file.get(at).copied().map_or(0, u64::from);
        usize::try_from(start).map_or(0, |at| byte(at) ^ byte(at.saturating_add(64)))
    }

    /// The record whose first byte (that of its first prefix) is at `start`. Its database is not known here.
    pub fn record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        rdb::record_at(self.file, self.header, start)
    }

    /// The same, but the bytes of its value go on to the end of the file.
    pub fn open_record(&self, start: u64) -> Result<Record<'a>, rdb::Error> {
        rdb::open_record_at(self.file, self.header, start)
    }
}
