//! The parts of a value as they stand in the dump: what it is made of, and nothing of it decoded.

use super::*;
use crate::dump::rdb::walk::skip::stream_version;

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// A string of its own: an element, a member, a field, the value of a field, a string of a module.
    String(RawStr<'a>),
    /// The score of the member before it.
    Score(f64),
    /// The field before it has an expiry of its own.
    Expiry,
    /// Elements in a compact form: all of them, or a node of a list.
    Packed(CompactForm, RawStr<'a>),
    /// A number of a module, or of an array.
    Number,
    /// A node of a stream: its first id, and its entries.
    Node(RawStr<'a>, RawStr<'a>),
    /// A group of a stream, and how many pending entries it has; the ids of some of them follow.
    Group(u64),
    /// A consumer of that group, and how many of the entries are its own; the ids of some of them follow.
    Consumer(RawStr<'a>, u64),
    /// An id of a pending entry.
    Id([u8; 16]),
}

/// How much of a value was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Elements, nodes of a list or a stream, items of a module.
    pub told: u64,
    /// How many there are; of a module what was told, for that is not known.
    pub all: u64,
    /// What those that were told take in the dump.
    pub told_bytes: u64,
    /// What all of them take.
    pub all_bytes: u64,
}

impl<'a> Value<'a> {
    /// The string that the value is, if it is one: a string, or all of a collection in one compact form.
    #[inline]
    pub fn whole(&self) -> Option<RawStr<'a>> {
        use ValueType as T;
        let mut cursor = self.cursor();
        match self.ty {
            T::HashListpackEx => {
                cursor.i64_le().ok()?;
                cursor.string().ok()
            }
            T::String
            | T::HashZipmap
            | T::ListZiplist
            | T::SetIntset
            | T::ZsetZiplist
            | T::HashZiplist
            | T::HashListpack
            | T::ZsetListpack
            | T::SetListpack
            | T::HashListpackExPreGa => cursor.string().ok(),
            _ => None,
        }
    }

    /// Tells what the value is made of, up to `most` elements, and decodes none of it. All nodes of a stream are told, and
    /// up to `most` ids of the pending entries of each group and consumer. Nothing is told
    /// of what is one string ([`Self::whole`]), and of a hash with a template.
    #[inline]
    pub fn parts(&self, most: u64, mut tell: impl FnMut(Part<'a>)) -> Result<Told, Error> {
        use ValueType as T;
        let mut cursor = self.cursor();
        let (c, tell) = (&mut cursor, &mut tell);
        match self.ty {
            T::List | T::Set => counted(c, most, |c| string(c, tell)),
            T::Hash => counted(c, most, |c| {
                string(c, tell)?;
                string(c, tell)
            }),
            T::Zset => counted(c, most, |c| {
                string(c, tell)?;
                tell(Part::Score(c.text_double()?));
                Ok(())
            }),
            T::Zset2 => counted(c, most, |c| {
                string(c, tell)?;
                tell(Part::Score(c.f64_le()?));
                Ok(())
            }),
            T::HashMetadataPreGa => counted(c, most, |c| field_with_ttl(c, tell)),
            T::HashMetadata => {
                c.i64_le()?;
                counted(c, most, |c| field_with_ttl(c, tell))
            }
            T::Hash2 => counted(c, most, |c| {
                string(c, tell)?;
                string(c, tell)?;
                if c.i64_le()? >= 0 {
                    tell(Part::Expiry);
                }
                Ok(())
            }),
            T::ListQuicklist => counted(c, most, |c| {
                tell(Part::Packed(CompactForm::Ziplist, c.string()?));
                Ok(())
            }),
            T::ListQuicklist2 => counted(c, most, |c| {
                let plain = c.length()? == list::PLAIN;
                let node = c.string()?;
                tell(if plain { Part::String(node) } else { Part::Packed(CompactForm::Listpack, node) });
                Ok(())
            }),
            T::Array => {
                let all = c.array_header()?;
                run(c, all, most, |c| {
                    c.length()?;
                    match c.length()? {
                        0 | 3 => string(c, tell),
                        _ => {
                            tell(Part::Number);
                            c.array::<8>().map(drop)
                        }
                    }
                })
            }
            T::Module2 => {
                c.length()?;
                module(*c, most, tell)
            }
            T::StreamListpacks
            | T::StreamListpacks2
            | T::StreamListpacks3
            | T::StreamListpacks4
            | T::StreamListpacks5 => stream(c, stream_version(self.ty), most, tell),
            _ => Ok(Told::default()),
        }
    }
}

#[inline]
fn string<'a>(cursor: &mut Cursor<'a>, tell: &mut impl FnMut(Part<'a>)) -> Result<(), Error> {
    tell(Part::String(cursor.string()?));
    Ok(())
}

fn field_with_ttl<'a>(cursor: &mut Cursor<'a>, tell: &mut impl FnMut(Part<'a>)) -> Result<(), Error> {
    let ttl = cursor.length()?;
    string(cursor, tell)?;
    string(cursor, tell)?;
    if ttl > 0 {
        tell(Part::Expiry);
    }
    Ok(())
}

/// A count, and the first of that many elements, which are the rest of the value.
fn counted<'a>(
    cursor: &mut Cursor<'a>,
    most: u64,
    one: impl FnMut(&mut Cursor<'a>) -> Result<(), Error>,
) -> Result<Told, Error> {
    let all = cursor.length()?;
    run(cursor, all, most, one)
}

fn run<'a>(
    cursor: &mut Cursor<'a>,
    all: u64,
    most: u64,
    mut one: impl FnMut(&mut Cursor<'a>) -> Result<(), Error>,
) -> Result<Told, Error> {
    let (before, told) = (wide(cursor.left()), all.min(most));
    for _ in 0..told {
        one(cursor)?;
    }
    Ok(Told { told, all, told_bytes: before.saturating_sub(wide(cursor.left())), all_bytes: before })
}

fn module<'a>(cursor: Cursor<'a>, most: u64, tell: &mut impl FnMut(Part<'a>)) -> Result<Told, Error> {
    let mut items = ModuleReader::at(cursor);
    let (before, mut told) = (wide(items.left()), 0_u64);
    while told < most
        && let Some(item) = items.next()?
    {
        tell(if let ModuleItem::String(string, _) = item { Part::String(string) } else { Part::Number });
        told = told.saturating_add(1);
    }
    Ok(Told { told, all: told, told_bytes: before.saturating_sub(wide(items.left())), all_bytes: before })
}

fn stream<'a>(cursor: &mut Cursor<'a>, version: u8, most: u64, tell: &mut impl FnMut(Part<'a>)) -> Result<Told, Error> {
    let before = wide(cursor.left());
    let nodes = cursor.length()?;
    for _ in 0..nodes {
        let first = cursor.string()?;
        tell(Part::Node(first, cursor.string()?));
    }
    for _ in 0..if version >= 2 { 8 } else { 3 } {
        cursor.length()?;
    }
    for _ in 0..cursor.length()? {
        cursor.string()?;
        for _ in 0..if version >= 2 { 3 } else { 2 } {
            cursor.length()?;
        }
        let pending = cursor.length()?;
        tell(Part::Group(pending));
        for at in 0..pending {
            let id = cursor.array()?;
            cursor.array::<8>()?;
            cursor.length()?;
            if at < most {
                tell(Part::Id(id));
            }
        }
        for _ in 0..cursor.length()? {
            consumer(cursor, version, most, tell)?;
        }
        if version >= 5 {
            let ids = cursor.length()?;
            cursor.take(ids.saturating_mul(16))?;
        }
    }
    Ok(Told { told: nodes, all: nodes, told_bytes: before, all_bytes: before })
}

fn consumer<'a>(cursor: &mut Cursor<'a>, version: u8, most: u64, tell: &mut impl FnMut(Part<'a>)) -> Result<(), Error> {
    let name = cursor.string()?;
    cursor.array::<8>()?;
    if version >= 3 {
        cursor.array::<8>()?;
    }
    let pending = cursor.length()?;
    tell(Part::Consumer(name, pending));
    let told = pending.min(most);
    for _ in 0..told {
        tell(Part::Id(cursor.array()?));
    }
    cursor.take(pending.saturating_sub(told).saturating_mul(16)).map(drop)
}
