//! One value: what it is, how many elements it has, and a visit to each of them.

mod array;
mod hash;
mod list;
mod parts;
mod set;
mod stream;
mod zset;

use std::sync::Arc;

use super::Flavor;
use super::compact::{CompactForm, Container, Entries, Intset, Listpack, Ziplist, Zipmap};
use super::cursor::Cursor;
use super::error::{Error, ErrorKind, wide};
use super::module::{Json, ModuleId, ModuleItem, ModuleReader};
use super::string::RawStr;
use super::template::{Registry, Template};
use super::types::{TypeName, ValueType};
use super::visitor::{Element, Flow, Place, Visitor};
use super::walk::skip::{Cut, Extra, compact_count, stream_version};

pub use parts::{Part, Told};

/// Buffers that visits share, so that no value and no element costs an allocation. One for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A compact form.
    pub(crate) pack: Vec<u8>,
    /// An element.
    pub(crate) first: Vec<u8>,
    /// The value that belongs to it.
    pub(crate) second: Vec<u8>,
}

/// A value as it stands in the dump, not decoded.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    /// How it is written.
    pub ty: ValueType,
    /// Whose dump it is in.
    pub flavor: Flavor,
    /// File offset of its first byte, which is the first after the key.
    pub offset: usize,
    /// Exactly the value.
    pub bytes: &'a [u8],
    pub(crate) extra: Option<Arc<Extra>>,
}

/// Why a visit ends early.
pub(crate) enum Stop {
    /// The visitor has seen enough.
    Break,
    /// The value is damaged.
    Fail(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fail(error)
    }
}

pub(crate) type Visited = Result<(), Stop>;

/// Turns the visitor's answer into something `?` understands.
#[inline]
pub(crate) fn go(flow: Flow) -> Visited {
    match flow {
        Flow::Continue(()) => Ok(()),
        Flow::Break(()) => Err(Stop::Break),
    }
}

impl<'a> Value<'a> {
    /// File offset of the first byte after it.
    pub fn end(&self) -> usize {
        self.offset.saturating_add(self.bytes.len())
    }

    /// Whether [`super::record_at`] can read it: it does not refer to a template.
    pub fn can_be_revisited(&self) -> bool {
        self.registry().is_none()
    }

    /// What `TYPE` answers.
    pub fn type_name(&self) -> TypeName {
        match self.module() {
            Some(id) => TypeName::of_module(id),
            None => TypeName::Kind(self.ty.kind()),
        }
    }

    /// The module and its encoding version, of a module's value.
    pub fn module(&self) -> Option<ModuleId> {
        if self.ty != ValueType::Module2 {
            return None;
        }
        self.cursor().length().ok().map(ModuleId)
    }

    /// The document, if the value is one of RedisJSON.
    pub fn json(&self) -> Result<Option<Json<'a>>, Error> {
        if self.ty == ValueType::Module2 { Json::of(self.bytes, self.offset) } else { Ok(None) }
    }

    /// Number of elements: fields of a hash, live entries of a stream; 1 for a string or a module's value.
    ///
    /// It is read from headers. A compact form is walked only when it does not know its count, and a stream as far as its
    /// nodes. A visit may still find that a header lies.
    pub fn elements(&self) -> Result<u64, Error> {
        use ValueType as T;
        let mut cursor = self.cursor();
        match self.ty {
            T::String | T::Module2 => Ok(1),
            T::List | T::Set | T::Zset | T::Zset2 | T::Hash | T::Hash2 | T::HashMetadataPreGa | T::Array => {
                cursor.length()
            }
            T::HashMetadata => {
                cursor.i64_le()?;
                cursor.length()
            }
            T::ListZiplist => self.packed(&mut cursor, CompactForm::Ziplist, 1),
            T::SetIntset => self.packed(&mut cursor, CompactForm::Intset, 1),
            T::SetListpack => self.packed(&mut cursor, CompactForm::Listpack, 1),
            T::ZsetZiplist | T::HashZiplist => self.packed(&mut cursor, CompactForm::Ziplist, 2),
            T::ZsetListpack | T::HashListpack => self.packed(&mut cursor, CompactForm::Listpack, 2),
            T::HashZipmap => self.packed(&mut cursor, CompactForm::Zipmap, 2),
            T::HashListpackExPreGa => self.packed(&mut cursor, CompactForm::Listpack, 3),
            T::HashListpackEx => {
                cursor.i64_le()?;
                self.packed(&mut cursor, CompactForm::Listpack, 3)
            }
            T::ListQuicklist | T::ListQuicklist2 => list::count(cursor, self.ty),
            T::StreamListpacks
            | T::StreamListpacks2
            | T::StreamListpacks3
            | T::StreamListpacks4
            | T::StreamListpacks5 => stream::count(cursor),
            T::HashTmplLp | T::HashTmplLpRef | T::HashTmplArray | T::HashTmplArrayRef => {
                hash::count_template(cursor, self.ty, self.registry())
            }
        }
    }

    /// Number of pieces that can be visited on their own; 1 unless the walker was told to note more.
    pub fn pieces(&self) -> usize {
        self.cuts().map_or(1, <[Cut]>::len)
    }

    /// Tells every element to the visitor, and checks the value while at it: all counts, ends and sizes must agree. That
    /// no element comes twice is not checked.
    pub fn visit<V: Visitor + ?Sized>(&self, scratch: &mut Scratch, visitor: &mut V) -> Result<(), Error> {
        match self.visit_all(scratch, visitor) {
            Ok(()) | Err(Stop::Break) => Ok(()),
            Err(Stop::Fail(error)) => Err(error),
        }
    }

    /// Tells the elements of one piece to the visitor. All pieces in order are the same as the whole.
    pub fn visit_piece<V: Visitor + ?Sized>(
        &self,
        piece: usize,
        scratch: &mut Scratch,
        visitor: &mut V,
    ) -> Result<(), Error> {
        let Some(cuts) = self.cuts() else {
            return if piece == 0 { self.visit(scratch, visitor) } else { Ok(()) };
        };
        let Some(cut) = cuts.get(piece) else { return Ok(()) };
        let mut cursor = self.cursor();
        let skipped = cut.offset.saturating_sub(self.offset);
        cursor.take(wide(skipped))?;
        let mut counted = self.cursor();
        let total = counted.length()?;
        let end = cuts.get(piece.saturating_add(1)).map_or(total, |next| next.index);
        match self.visit_run(&mut cursor, cut.index..end, scratch, visitor) {
            Ok(()) | Err(Stop::Break) => Ok(()),
            Err(Stop::Fail(error)) => Err(error),
        }
    }

    /// Where in the file the bytes of a piece are.
    pub fn piece_span(&self, piece: usize) -> std::ops::Range<usize> {
        let offset = |piece: usize| self.cuts().and_then(|cuts| cuts.get(piece)).map(|cut| cut.offset);
        offset(piece).unwrap_or(self.offset)..offset(piece.saturating_add(1)).unwrap_or(self.end())
    }

    fn cursor(&self) -> Cursor<'a> {
        Cursor::new(self.bytes, self.offset)
    }

    fn cuts(&self) -> Option<&[Cut]> {
        match self.extra.as_deref() {
            Some(Extra::Cuts(cuts)) => Some(cuts),
            _ => None,
        }
    }

    fn registry(&self) -> Option<&Registry> {
        match self.extra.as_deref() {
            Some(Extra::Registry(registry)) => Some(registry),
            _ => None,
        }
    }

    /// Number of groups of `per` entries in the compact form that follows.
    fn packed(&self, cursor: &mut Cursor<'a>, form: CompactForm, per: u64) -> Result<u64, Error> {
        let at = cursor.position();
        let entries = compact_count(cursor.string()?, at, form)?;
        Ok(entries.checked_div(per).unwrap_or(entries))
    }

    fn visit_all<V: Visitor + ?Sized>(&self, scratch: &mut Scratch, visitor: &mut V) -> Visited {
        use ValueType as T;
        let mut cursor = self.cursor();
        let c = &mut cursor;
        match self.ty {
            T::String => {
                let at = c.position();
                let bytes = decode(c.string()?, at, &mut scratch.first)?;
                go(visitor.string(Element { bytes, at: Place::whole(wide(at)) }))
            }
            T::List | T::Set | T::Zset | T::Zset2 | T::Hash => {
                let n = c.length()?;
                self.visit_run(c, 0..n, scratch, visitor)
            }
            T::ListZiplist => list::visit_packed(c, CompactForm::Ziplist, scratch, visitor),
            T::ListQuicklist => list::visit_ziplists(c, scratch, visitor),
            T::ListQuicklist2 => list::visit_nodes(c, scratch, visitor),
            T::SetIntset => set::visit_packed(c, CompactForm::Intset, scratch, visitor),
            T::SetListpack => set::visit_packed(c, CompactForm::Listpack, scratch, visitor),
            T::ZsetZiplist => zset::visit_packed(c, CompactForm::Ziplist, scratch, visitor),
            T::ZsetListpack => zset::visit_packed(c, CompactForm::Listpack, scratch, visitor),
            T::HashZipmap => hash::visit_packed(c, CompactForm::Zipmap, scratch, visitor),
            T::HashZiplist => hash::visit_packed(c, CompactForm::Ziplist, scratch, visitor),
            T::HashListpack => hash::visit_packed(c, CompactForm::Listpack, scratch, visitor),
            T::HashListpackExPreGa => hash::visit_triples(c, scratch, visitor),
            T::HashListpackEx => {
                // The smallest expiry of all, for the server's own use.
                c.i64_le()?;
                hash::visit_triples(c, scratch, visitor)
            }
            T::HashMetadataPreGa => hash::visit_metadata(c, None, scratch, visitor),
            T::HashMetadata => {
                let minimum = c.i64_le()?;
                hash::visit_metadata(c, Some(minimum), scratch, visitor)
            }
            T::Hash2 => hash::visit_hash_2(c, scratch, visitor),
            T::StreamListpacks
            | T::StreamListpacks2
            | T::StreamListpacks3
            | T::StreamListpacks4
            | T::StreamListpacks5 => stream::visit(c, stream_version(self.ty), scratch, visitor),
            T::Array => array::visit(c, scratch, visitor),
            T::HashTmplLp | T::HashTmplLpRef | T::HashTmplArray | T::HashTmplArrayRef => {
                hash::visit_template(c, self.ty, self.registry(), scratch, visitor)
            }
            T::Module2 => self.visit_module(scratch, visitor),
        }
    }

    /// Visits the elements `run` of a collection that is written element by element; the cursor is at the first of them.
    fn visit_run<V: Visitor + ?Sized>(
        &self,
        cursor: &mut Cursor<'a>,
        run: std::ops::Range<u64>,
        scratch: &mut Scratch,
        visitor: &mut V,
    ) -> Visited {
        match self.ty {
            ValueType::List => list::visit_run(cursor, run, scratch, visitor),
            ValueType::Set => set::visit_run(cursor, run, scratch, visitor),
            ValueType::Hash => hash::visit_run(cursor, run, scratch, visitor),
            ValueType::Zset => zset::visit_run(cursor, run, scratch, visitor, Cursor::text_double),
            _ => zset::visit_run(cursor, run, scratch, visitor, Cursor::f64_le),
        }
    }

    fn visit_module<V: Visitor + ?Sized>(&self, scratch: &mut Scratch, visitor: &mut V) -> Visited {
        if let Some(json) = self.json()? {
            return go(visitor.json(json));
        }
        let mut cursor = self.cursor();
        cursor.length()?;
        let mut items = ModuleReader::at(cursor);
        while let Some(item) = items.next()? {
            if let ModuleItem::String(string, at) = item {
                let bytes = string.decode(&mut scratch.first).map_err(|kind| Error {
                    offset: at,
                    inside: None,
                    record: None,
                    kind,
                })?;
                go(visitor.module_string(Element { bytes, at: Place::whole(at) }))?;
            }
        }
        Ok(())
    }
}

/// Decodes a string that stands at `at`.
#[inline(always)]
fn decode<'b, 'a: 'b>(string: RawStr<'a>, at: usize, room: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
    match string {
        RawStr::Plain(bytes) => Ok(bytes),
        _ => decode_other(string, at, room),
    }
}

#[inline(never)]
fn decode_other<'b, 'a: 'b>(string: RawStr<'a>, at: usize, room: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
    string.decode(room).map_err(|kind| Error::at(at, kind))
}

/// The next string as an element.
#[inline(always)]
fn element<'b, 'a: 'b>(cursor: &mut Cursor<'a>, room: &'b mut Vec<u8>) -> Result<Element<'b>, Error> {
    let at = cursor.position();
    let bytes = decode(cursor.string()?, at, room)?;
    Ok(Element { bytes, at: Place::whole(wide(at)) })
}

/// Runs `$body` with `$entries` as the iterator over the entries of `$pack`, a [`Container`] of the form `$form`.
macro_rules! with_entries {
    ($form:expr, $pack:expr, $entries:ident => $body:expr) => {{
        let pack: Container<'_> = $pack;
        let at = |fault: crate::dump::rdb::error::Fault| fault.at(pack.at);
        match $form {
            CompactForm::Intset => {
                let $entries = Intset::new(pack.bytes).map_err(at)?;
                $body
            }
            CompactForm::Ziplist => {
                let $entries = Ziplist::new(pack.bytes).map_err(at)?;
                $body
            }
            CompactForm::Listpack => {
                let $entries = Listpack::new(pack.bytes).map_err(at)?;
                $body
            }
            CompactForm::Zipmap => {
                let $entries = Zipmap::new(pack.bytes).map_err(at)?;
                $body
            }
        }
    }};
}
use with_entries;

/// Opens the compact form in the next string.
fn open<'b, 'a: 'b>(cursor: &mut Cursor<'a>, form: CompactForm, room: &'b mut Vec<u8>) -> Result<Container<'b>, Error> {
    let at = cursor.position();
    Container::open(cursor.string()?, at, form, room)
}
