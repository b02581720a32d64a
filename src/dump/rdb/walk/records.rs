//! The records of a dump alone, for whoever needs nothing else of it.

use super::{Item, Record, Walker};
use crate::dump::rdb::error::Error;

/// The records of a dump in their order; what stands between them is read and passed over.
///
/// After an error there is nothing more.
#[derive(Debug)]
pub struct Records<'a> {
    walker: Walker<'a>,
}

impl<'a> Walker<'a> {
    /// The records that are left.
    pub fn records(self) -> Records<'a> {
        Records { walker: self }
    }

    /// The record of a key, if the dump has it. Reads the names of all records before it.
    pub fn find(self, db: u64, key: &[u8]) -> Result<Option<Record<'a>>, Error> {
        let mut scratch = Vec::new();
        for record in self.records() {
            let record = record?;
            if record.db != db {
                continue;
            }
            match record.key.eq_bytes(key, &mut scratch) {
                Ok(true) => return Ok(Some(record)),
                Ok(false) => {}
                Err(kind) => return Err(Error::at(record.start, kind).in_record(record.start)),
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.walker.next() {
                Ok(Some(Item::Record(record))) => return Some(Ok(record)),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 9: `a` in database 0, an auxiliary field, `a` in database 2.
    const DUMP: &[u8] = b"REDIS0009\x00\x01a\x01x\xfa\x01k\x01v\xfe\x02\x00\x01a\x02yz\xff\0\0\0\0\0\0\0\0";

    #[test]
    fn records_come_without_the_rest() {
        let records: Vec<_> = Walker::new(DUMP).unwrap().records().map(Result::unwrap).collect();
        let facts: Vec<_> = records.iter().map(|record| (record.db, record.value.bytes)).collect();
        assert_eq!(facts, [(0, &b"\x01x"[..]), (2, b"\x02yz")]);
    }

    #[test]
    fn a_key_is_found_in_its_database() {
        let find = |db, key: &[u8]| Walker::new(DUMP).unwrap().find(db, key).unwrap().map(|record| record.value.bytes);
        assert_eq!(find(2, b"a"), Some(&b"\x02yz"[..]));
        assert_eq!(find(1, b"a"), None);
        assert_eq!(find(0, b"b"), None);
    }

    #[test]
    fn after_an_error_there_is_nothing() {
        let mut records = Walker::new(&DUMP[..12]).unwrap().records();
        assert!(records.next().unwrap().is_err());
        assert!(records.next().is_none());
    }
}
