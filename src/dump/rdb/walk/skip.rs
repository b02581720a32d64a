//! Stepping over a value without decoding it: the serial part of everything, and therefore lean.

use std::sync::Arc;

use crate::dump::rdb::compact::{self, Container, Entries};
use crate::dump::rdb::cursor::Cursor;
use crate::dump::rdb::error::{Error, ErrorKind, wide};
use crate::dump::rdb::string::RawStr;
use crate::dump::rdb::template::Registry;
use crate::dump::rdb::{CompactForm, ValueType};

/// What a few values need besides their bytes.
#[derive(Debug)]
pub(crate) enum Extra {
    /// Where a large value can be cut.
    Cuts(Vec<Cut>),
    /// The templates of the file.
    Registry(Registry),
}

/// The start of a piece of a large value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// File offset of its first element.
    pub offset: usize,
    /// Index of that element.
    pub index: u64,
}

/// Steps over a value of type `ty`, noting where it can be cut into pieces of `piece` elements (0: nowhere).
#[inline]
pub(crate) fn skip_value(
    cursor: &mut Cursor<'_>,
    ty: ValueType,
    piece: u64,
    registry: &Arc<Extra>,
) -> Result<Option<Arc<Extra>>, Error> {
    use ValueType as T;
    match ty {
        T::String
        | T::HashZipmap
        | T::ListZiplist
        | T::SetIntset
        | T::ZsetZiplist
        | T::HashZiplist
        | T::HashListpack
        | T::ZsetListpack
        | T::SetListpack
        | T::HashListpackExPreGa => cursor.string().map(|_| None),
        T::Module2 => {
            cursor.length()?;
            cursor.skip_module()?;
            Ok(None)
        }
        _ => skip_large(cursor, ty, piece, registry),
    }
}

#[inline(never)]
fn skip_large(
    cursor: &mut Cursor<'_>,
    ty: ValueType,
    piece: u64,
    registry: &Arc<Extra>,
) -> Result<Option<Arc<Extra>>, Error> {
    use ValueType as T;
    match ty {
        T::List | T::Set => return counted(cursor, "elements", 1, piece, |c| c.string().map(drop)),
        T::Hash => {
            return counted(cursor, "fields", 2, piece, |c| {
                c.string()?;
                c.string().map(drop)
            });
        }
        T::Zset => {
            return counted(cursor, "members", 2, piece, |c| {
                c.string()?;
                c.skip_text_double()
            });
        }
        T::Zset2 => {
            return counted(cursor, "members", 9, piece, |c| {
                c.string()?;
                c.array::<8>().map(drop)
            });
        }
        T::ListQuicklist => {
            counted(cursor, "list nodes", 1, 0, |c| c.string().map(drop))?;
        }
        T::ListQuicklist2 => {
            counted(cursor, "list nodes", 2, 0, |c| {
                let at = *c;
                match c.length()? {
                    1 | 2 => c.string().map(drop),
                    container => Err(at.fail(ErrorKind::QuicklistContainer(container))),
                }
            })?;
        }
        T::HashMetadataPreGa => {
            counted(cursor, "fields", 3, 0, skip_field_with_ttl)?;
        }
        T::HashMetadata => {
            cursor.i64_le()?;
            counted(cursor, "fields", 3, 0, skip_field_with_ttl)?;
        }
        T::HashListpackEx => {
            cursor.i64_le()?;
            cursor.string()?;
        }
        T::Hash2 => {
            counted(cursor, "fields", 10, 0, |c| {
                c.string()?;
                c.string()?;
                c.array::<8>().map(drop)
            })?;
        }
        T::StreamListpacks | T::StreamListpacks2 | T::StreamListpacks3 | T::StreamListpacks4 | T::StreamListpacks5 => {
            skip_stream(cursor, stream_version(ty))?
        }
        T::Array => skip_array(cursor)?,
        T::HashTmplLp => {
            skip_inline_fields(cursor)?;
            cursor.string()?;
        }
        T::HashTmplArray => {
            let n = skip_inline_fields(cursor)?;
            skip_strings(cursor, n)?;
        }
        T::HashTmplLpRef => {
            cursor.string()?;
            return Ok(Some(Arc::clone(registry)));
        }
        T::HashTmplArrayRef => {
            let at = *cursor;
            let id = cursor.length()?;
            let Extra::Registry(templates) = &**registry else {
                return Err(at.fail(ErrorKind::TemplateUnknown(id)));
            };
            let template = templates.get(id, at.position()).ok_or_else(|| at.fail(ErrorKind::TemplateUnknown(id)))?;
            skip_strings(cursor, template.len())?;
            return Ok(Some(Arc::clone(registry)));
        }
        // The types that are one string, or a module's.
        _ => {
            cursor.string()?;
        }
    }
    Ok(None)
}

/// Steps over a count and that many elements of at least `size` bytes.
#[inline]
fn counted<'a>(
    cursor: &mut Cursor<'a>,
    what: &'static str,
    size: u64,
    piece: u64,
    mut one: impl FnMut(&mut Cursor<'a>) -> Result<(), Error>,
) -> Result<Option<Arc<Extra>>, Error> {
    let n = cursor.length()?;
    cursor.fits(what, n, size)?;
    if piece == 0 || n <= piece {
        for _ in 0..n {
            one(cursor)?;
        }
        return Ok(None);
    }
    let mut cuts = Vec::new();
    let mut index = 0_u64;
    while index < n {
        cuts.push(Cut { offset: cursor.position(), index });
        let end = index.saturating_add(piece).min(n);
        for _ in index..end {
            one(cursor)?;
        }
        index = end;
    }
    Ok(Some(Arc::new(Extra::Cuts(cuts))))
}

fn skip_field_with_ttl(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    cursor.length()?;
    cursor.string()?;
    cursor.string().map(drop)
}

fn skip_strings(cursor: &mut Cursor<'_>, n: u64) -> Result<(), Error> {
    cursor.fits("values", n, 1)?;
    for _ in 0..n {
        cursor.string()?;
    }
    Ok(())
}

/// Steps over the fields that types 29 and 31 bring along and tells their number.
fn skip_inline_fields(cursor: &mut Cursor<'_>) -> Result<u64, Error> {
    let at = *cursor;
    match cursor.length()? {
        0 => {
            let at = cursor.position();
            compact_count(cursor.string()?, at, CompactForm::Listpack)
        }
        1 => {
            let n = cursor.length()?;
            skip_strings(cursor, n)?;
            Ok(n)
        }
        format => Err(at.fail(ErrorKind::TemplateFormat(format))),
    }
}

fn skip_array(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    let n = cursor.array_header()?;
    for _ in 0..n {
        cursor.length()?;
        let at = *cursor;
        match cursor.length()? {
            0 | 3 => {
                cursor.string()?;
            }
            1 | 2 => {
                cursor.array::<8>()?;
            }
            tag => return Err(at.fail(ErrorKind::ArrayTag(tag))),
        }
    }
    Ok(())
}

/// Version of a stream's layout, 1 to 5.
pub(crate) fn stream_version(ty: ValueType) -> u8 {
    match ty {
        ValueType::StreamListpacks5 => 5,
        ValueType::StreamListpacks4 => 4,
        ValueType::StreamListpacks3 => 3,
        ValueType::StreamListpacks2 => 2,
        _ => 1,
    }
}

fn skip_stream(cursor: &mut Cursor<'_>, version: u8) -> Result<(), Error> {
    let nodes = cursor.length()?;
    for _ in 0..cursor.fits("stream nodes", nodes, 10)? {
        cursor.string()?;
        cursor.string()?;
    }
    for _ in 0..if version >= 2 { 8 } else { 3 } {
        cursor.length()?;
    }
    let groups = cursor.length()?;
    for _ in 0..cursor.fits("groups of a stream", groups, 5)? {
        cursor.string()?;
        for _ in 0..if version >= 2 { 3 } else { 2 } {
            cursor.length()?;
        }
        let pending = cursor.length()?;
        for _ in 0..cursor.fits("pending entries", pending, 25)? {
            cursor.array::<24>()?;
            cursor.length()?;
        }
        let consumers = cursor.length()?;
        for _ in 0..cursor.fits("consumers", consumers, if version >= 3 { 18 } else { 10 })? {
            cursor.string()?;
            cursor.array::<8>()?;
            if version >= 3 {
                cursor.array::<8>()?;
            }
            cursor.skip_ids()?;
        }
        if version >= 5 {
            cursor.skip_ids()?;
        }
    }
    if version >= 4 {
        cursor.length()?;
        cursor.length()?;
        let producers = cursor.length()?;
        for _ in 0..cursor.fits("producers", producers, 2)? {
            cursor.string()?;
            let ids = cursor.length()?;
            for _ in 0..cursor.fits("ids of a producer", ids, 3)? {
                cursor.string()?;
                cursor.length()?;
                cursor.length()?;
            }
        }
        cursor.length()?;
        cursor.length()?;
    }
    Ok(())
}

impl Cursor<'_> {
    /// Steps over a count and that many ids of a stream.
    fn skip_ids(&mut self) -> Result<(), Error> {
        let n = self.length()?;
        self.fits("pending entries", n, 16)?;
        self.take(n.saturating_mul(16)).map(drop)
    }

    #[inline]
    fn skip_text_double(&mut self) -> Result<(), Error> {
        match self.byte()? {
            253..=255 => Ok(()),
            n => self.take(u64::from(n)).map(drop),
        }
    }

    /// The header of an array; returns the number of elements.
    pub fn array_header(&mut self) -> Result<u64, Error> {
        let count = self.length()?;
        let at = *self;
        match self.length()? {
            0 => {}
            1 => {
                self.length()?;
            }
            flag => return Err(at.fail(ErrorKind::ArrayFlag(flag))),
        }
        self.fits("elements of an array", count, 3)
    }
}

/// Number of entries of the compact form that `string` holds, from its header; walked only where that does not say.
pub(crate) fn compact_count(string: RawStr<'_>, at: usize, form: CompactForm) -> Result<u64, Error> {
    let mut head = [0; 10];
    let got = string.prefix(&mut head).map_err(|kind| Error::at(at, kind))?;
    let head = head.get(..got).unwrap_or_default();
    let short = || Error::at(at, ErrorKind::CompactShort { form: form.noun(), len: wide(string.len()) });
    let told = match (form, head) {
        (CompactForm::Intset, &[_, _, _, _, a, b, c, d, ..]) => Some(u64::from(u32::from_le_bytes([a, b, c, d]))),
        (CompactForm::Listpack, &[_, _, _, _, a, b, ..]) | (CompactForm::Ziplist, &[_, _, _, _, _, _, _, _, a, b]) => {
            Some(u16::from_le_bytes([a, b])).filter(|n| *n != u16::MAX).map(u64::from)
        }
        (CompactForm::Zipmap, &[n, ..]) => Some(n).filter(|n| *n < 254).map(|n| u64::from(n).saturating_mul(2)),
        _ => return Err(short()),
    };
    if let Some(n) = told {
        return Ok(n);
    }
    let mut room = Vec::new();
    let pack = Container::open(string, at, form, &mut room)?;
    let count = match form {
        CompactForm::Intset => compact::Intset::new(pack.bytes).and_then(count_entries),
        CompactForm::Ziplist => compact::Ziplist::new(pack.bytes).and_then(count_entries),
        CompactForm::Listpack => compact::Listpack::new(pack.bytes).and_then(count_entries),
        CompactForm::Zipmap => compact::Zipmap::new(pack.bytes).and_then(count_entries),
    };
    count.map_err(|fault| fault.at(pack.at))
}

fn count_entries<'b>(mut entries: impl Entries<'b>) -> Result<u64, crate::dump::rdb::error::Fault> {
    let mut n = 0_u64;
    while entries.next_entry()?.is_some() {
        n = n.saturating_add(1);
    }
    Ok(n)
}
