//! Going back to a record or a string whose place was noted in the walk.

use super::{Item, Record, Walker};
use crate::dump::rdb::cursor::Cursor;
use crate::dump::rdb::error::{Error, ErrorKind};
use crate::dump::rdb::header::Header;
use crate::dump::rdb::string::RawStr;

/// The string that starts at `offset` of `bytes`.
#[inline]
pub fn string_at(bytes: &[u8], offset: u64) -> Result<RawStr<'_>, Error> {
    cursor_at(bytes, offset).string()
}

/// The name of the record that starts at `start`, as [`Record::start`] gave it.
///
/// Nearly all records start with their type or with an expiry; those are read without a walker.
#[inline]
pub fn key_at(file: &[u8], header: Header, start: u64) -> Result<RawStr<'_>, Error> {
    let mut cursor = cursor_at(file, start);
    let mut byte = cursor.byte()?;
    if byte == crate::dump::rdb::opcode::EXPIRETIME_MS {
        cursor.array::<8>()?;
        byte = cursor.byte()?;
    }
    if byte < 34 { cursor.string() } else { Walker::resume(header, cursor_at(file, start)).key() }
}

/// The record that starts at `start`, as [`Record::start`] gave it. Its database is not known, and hashes that refer to
/// templates cannot be read without the ones before them.
pub fn record_at(file: &[u8], header: Header, start: u64) -> Result<Record<'_>, Error> {
    let mut walker = Walker::resume(header, cursor_at(file, start));
    while let Some(item) = walker.next()? {
        if let Item::Record(record) = item {
            return Ok(record);
        }
    }
    Err(cursor_at(file, start).fail(ErrorKind::MissingEof))
}

/// Like [`record_at`], without a search for the end of the value: [`crate::dump::rdb::Value::bytes`] goes on to the end of the file.
/// Number and names of its elements, and a visit to them, do not need to know where it ends, for the walk has seen that it
/// does.
pub fn open_record_at(file: &[u8], header: Header, start: u64) -> Result<Record<'_>, Error> {
    Walker::resume(header, cursor_at(file, start)).open()
}

fn cursor_at(bytes: &[u8], offset: u64) -> Cursor<'_> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    Cursor::new(bytes.get(offset..).unwrap_or_default(), offset.min(bytes.len()))
}
