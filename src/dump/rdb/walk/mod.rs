//! The pass over a dump that finds where each record is, in order.
//!
//! There are no record lengths, marks or index in the format: a boundary is known only by walking to it. This is the
//! serial bottleneck of everything, so it decodes nothing.

pub mod records;
pub mod revisit;
pub mod skip;

use std::sync::Arc;

use super::cursor::Cursor;
use super::error::{Error, ErrorKind, wide};
use super::header::Header;
use super::opcode;
use super::string::RawStr;
use super::template::Registry;
use super::value::Value;
use super::{Flavor, ModuleId, ValueType};
use skip::{Extra, skip_value};

/// One thing in a dump.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly every item is a record, which must not be boxed")]
pub enum Item<'a> {
    /// A key and its value.
    Record(Record<'a>),
    /// A fact about the file. Unknown names are to be ignored.
    Aux {
        /// For example `ctime`.
        name: RawStr<'a>,
        /// Often an integer.
        value: RawStr<'a>,
    },
    /// The code of a library of functions.
    Function(RawStr<'a>),
    /// A library of functions as the release candidates of 7.0 wrote it.
    FunctionPreGa {
        /// Its name.
        name: RawStr<'a>,
        /// What runs it: `LUA`.
        engine: RawStr<'a>,
        /// What it is for, if somebody said so.
        description: Option<RawStr<'a>>,
        /// Its code, without the line that names the library.
        code: RawStr<'a>,
    },
    /// Data of a module that belongs to no key.
    ModuleAux {
        /// The module.
        id: ModuleId,
        /// 1 before the keys, 2 after them.
        when: u64,
        /// File offset of `bytes`.
        offset: u64,
        /// For a [`super::ModuleReader`].
        bytes: &'a [u8],
    },
    /// The database of the records that follow.
    SelectDb(u64),
    /// Hints for the size of tables: not to be believed.
    ResizeDb {
        /// Number of keys.
        keys: u64,
        /// Number of keys with an expiry.
        expires: u64,
    },
    /// Hints about a slot of a cluster: not to be believed.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Number of keys.
        keys: u64,
        /// Number of keys with an expiry.
        expires: u64,
    },
    /// Slots that a Valkey server was importing.
    SlotImport {
        /// Name of the job.
        job: RawStr<'a>,
        /// Number of ranges of slots.
        ranges: u64,
    },
    /// Field names that hashes refer to; the walker keeps them for the values.
    HashTemplate {
        /// What they refer to.
        id: u64,
        /// Number of fields.
        fields: u64,
    },
    /// The end; nothing comes after it.
    End(Footer),
}

/// What stands at the end of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// CRC-64 of everything before it; 0 when the server did not compute it, none before version 5.
    pub crc: Option<u64>,
    /// Number of bytes that the CRC covers, from the start of the file to the EOF opcode inclusive.
    pub body_end: usize,
    /// Number of bytes after the footer.
    pub trailing: usize,
    /// What those are, by how they begin.
    pub tail: Tail,
}

/// What follows the end of a dump in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing, as it should be.
    Empty,
    /// Commands: the file is an AOF, and they change what stands before them.
    Commands,
    /// Another dump: the file has several behind each other, of which servers read the first.
    Dump,
    /// Bytes that servers ignore.
    Unknown,
}

impl Tail {
    fn of(bytes: &[u8]) -> Self {
        let begins = |start: &[u8]| bytes.starts_with(start);
        if bytes.is_empty() {
            Self::Empty
        // A server may be told to put times between its commands.
        } else if begins(b"*") || begins(b"#TS:") {
            Self::Commands
        } else if begins(b"REDIS") || begins(b"VALKEY") {
            Self::Dump
        } else {
            Self::Unknown
        }
    }
}

/// A key: its name, its value, and what the dump says of it, none of it decoded.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// File offset of its first byte, prefixes included.
    pub start: usize,
    /// Its database.
    pub db: u64,
    /// Its expiry in Unix milliseconds (Upstash: milliseconds that were left).
    pub expire_ms: Option<i64>,
    /// Seconds since it was last used, if the server kept that.
    pub idle: Option<u64>,
    /// Its access counter, if the server kept that.
    pub freq: Option<u8>,
    /// Its name.
    pub key: RawStr<'a>,
    /// Its value.
    pub value: Value<'a>,
}

/// What opcodes say of the next key. They may come in any order, and other opcodes may come between; the last one wins.
#[derive(Debug, Clone, Copy, Default)]
struct Prefix {
    start: Option<usize>,
    expire_ms: Option<i64>,
    idle: Option<u64>,
    freq: Option<u8>,
}

/// Walks a dump from record to record.
#[derive(Debug)]
pub struct Walker<'a> {
    header: Header,
    cursor: Cursor<'a>,
    db: u64,
    prefix: Prefix,
    item_start: usize,
    piece: u64,
    registry: Arc<Extra>,
    registry_bytes: usize,
    ended: bool,
    /// No record ends behind this place: from here to the end of the file there is nothing but NUL.
    limit: usize,
    /// Dragonfly has said that it wrote the dump.
    dragonfly: bool,
}

/// Fewer NUL bytes than this at the end of a file cannot be taken for a record.
const SHORTEST_TAIL: usize = 3;
/// Bytes of a checksum.
const CHECKSUM: usize = 8;

impl<'a> Walker<'a> {
    /// Reads the header.
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        let header = Header::read(file)?;
        let body = file.get(Header::LEN..).unwrap_or_default();
        // Records end before the EOF opcode, which is not NUL: a dump that has one has none of them in such a tail.
        let filled = without_tail(file);
        let is_tail = file.len().saturating_sub(filled) >= SHORTEST_TAIL;
        let limit = if is_tail { filled } else { file.len() };
        Ok(Self { limit, ..Self::resume(header, Cursor::new(body, Header::LEN)) })
    }

    /// Up to here there may be records: the length of the file, without the NUL bytes that it ends with.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A walker that starts anywhere in a file with that header. What stands before is unknown to it.
    pub(super) fn resume(header: Header, cursor: Cursor<'a>) -> Self {
        Self {
            header,
            cursor,
            db: 0,
            prefix: Prefix::default(),
            item_start: 0,
            piece: 0,
            registry: Arc::new(Extra::Registry(Registry::default())),
            registry_bytes: 0,
            ended: false,
            limit: usize::MAX,
            dragonfly: false,
        }
    }

    /// A walker in the midst of a file with that header, at a place where a record of database `db` begins. It knows none of
    /// the templates that stand before.
    pub fn at(file: &'a [u8], header: Header, position: usize, db: u64) -> Self {
        let rest = file.get(position..).unwrap_or_default();
        Self { db, ..Self::resume(header, Cursor::new(rest, position.min(file.len()))) }
    }

    /// The database of the next record, unless something was said already of that record.
    pub fn between_records(&self) -> Option<u64> {
        self.prefix.start.is_none().then_some(self.db)
    }

    /// Goes on at `position`, where another walker came to from here and met nothing but records.
    pub fn go_on_at(&mut self, position: usize) -> Result<(), Error> {
        self.cursor.take(wide(position.saturating_sub(self.position()))).map(drop)
    }

    /// Notes in large values where they can be cut into pieces of `elements`, for lists, sets, sorted sets and hashes that
    /// are written element by element. 0, as before this call: nowhere.
    pub fn with_pieces(mut self, elements: usize) -> Self {
        self.piece = wide(elements);
        self
    }

    /// Flavor and version.
    pub fn header(&self) -> Header {
        self.header
    }

    /// File offset of the next item.
    pub fn position(&self) -> usize {
        self.cursor.position()
    }

    /// File offset of the opcode of the last item that was no record: what was said of the next key may stand before it.
    pub fn item_start(&self) -> usize {
        self.item_start
    }

    /// The next item; none after the end. After an error there is nothing to go on with.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Item<'a>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let start = self.cursor.position();
        let item = self.item(start);
        match item {
            Ok(item) => Ok(Some(item)),
            Err(error) => {
                self.ended = true;
                Err(self.cause(error, self.prefix.start.unwrap_or(start)))
            }
        }
    }

    /// What an error comes of: that the data ends where NUL bytes follow, or that another program wrote them.
    #[cold]
    fn cause(&self, error: Error, start: usize) -> Error {
        let tail = self.cursor.end().saturating_sub(self.limit);
        let is_there = match error.kind {
            ErrorKind::MissingEof | ErrorKind::NulTail(_) => true,
            // A dump without a checksum ends with eight of them, and may be damaged before that.
            ErrorKind::UnexpectedEnd { .. } | ErrorKind::Count { .. } if tail > CHECKSUM => true,
            _ => error.offset >= wide(self.limit),
        };
        if tail > 0 && is_there {
            let at = Error::at(self.limit, ErrorKind::NulTail(wide(tail)));
            return at.in_record(start.min(self.limit));
        }
        let error = error.in_record(start);
        match error.kind {
            ErrorKind::UnknownType { byte, .. }
            | ErrorKind::Unsupported { byte, .. }
            | ErrorKind::Younger { byte, .. }
                if self.dragonfly =>
            {
                let name = opcode::of_dragonfly(byte).or_else(|| ValueType::of_dragonfly(byte));
                name.map_or(error, |name| Error { kind: ErrorKind::Dragonfly { byte, name }, ..error })
            }
            _ => error,
        }
    }

    fn item(&mut self, start: usize) -> Result<Item<'a>, Error> {
        let (start, byte) = self.lead(start)?;
        if byte < 34 { self.record(start, byte) } else { self.opcode(start, byte) }
    }

    /// Reads what is said of the next key, up to the type of its value or an opcode that is an item of its own: that one,
    /// and where it stands. This and [`Self::opcode`] are all that may stand before a type, for the walk as for whoever
    /// goes back to a record.
    #[inline]
    fn lead(&mut self, mut start: usize) -> Result<(usize, u8), Error> {
        loop {
            let byte = match self.cursor.byte() {
                Ok(byte) => byte,
                Err(_) => return Err(self.cursor.fail(ErrorKind::MissingEof)),
            };
            if byte < 34 || !self.prefix(start, byte)? {
                return Ok((start, byte));
            }
            start = self.cursor.position();
        }
    }

    /// The name of the record that starts here. Its value is not looked at, and may be damaged.
    pub(super) fn key(&mut self) -> Result<RawStr<'a>, Error> {
        self.type_byte()?;
        self.cursor.string()
    }

    /// The record that starts here, without a look for the end of its value: that has all the bytes that follow.
    pub(super) fn open(&mut self) -> Result<Record<'a>, Error> {
        let (start, byte) = self.type_byte()?;
        let flavor = self.header.flavor;
        let ty = ValueType::from_byte(self.header, byte).map_err(|kind| Error::at(start, kind))?;
        let key = self.cursor.string()?;
        let value = Value { ty, flavor, offset: self.cursor.position(), bytes: self.cursor.rest, extra: None };
        Ok(self.with_prefix(start, key, value))
    }

    /// Reads what stands before the type of the record that starts here, and the type. Tells where that is, too.
    fn type_byte(&mut self) -> Result<(usize, u8), Error> {
        loop {
            let (start, byte) = self.lead(self.cursor.position())?;
            if byte < 34 {
                return Ok((start, byte));
            }
            if let Item::End(_) = self.opcode(start, byte)? {
                return Err(Error::at(start, ErrorKind::MissingEof));
            }
        }
    }

    fn record(&mut self, start: usize, byte: u8) -> Result<Item<'a>, Error> {
        let flavor = self.header.flavor;
        let ty = ValueType::from_byte(self.header, byte).map_err(|kind| Error::at(start, kind))?;
        let key = self.cursor.string()?;
        let value = self.cursor;
        let extra = skip_value(&mut self.cursor, ty, self.piece, &self.registry)?;
        if self.cursor.position() > self.limit {
            return Err(self.cursor.fail(ErrorKind::NulTail(0)));
        }
        let (offset, bytes) = (value.position(), self.cursor.since(&value));
        Ok(Item::Record(self.with_prefix(start, key, Value { ty, flavor, offset, bytes, extra })))
    }

    /// A record whose type stands at `start`, with what was said of it before that.
    #[inline]
    fn with_prefix(&mut self, start: usize, key: RawStr<'a>, value: Value<'a>) -> Record<'a> {
        let Prefix { start: first, expire_ms, idle, freq } = std::mem::take(&mut self.prefix);
        Record { start: first.unwrap_or(start), db: self.db, expire_ms, idle, freq, key, value }
    }

    /// Reads an opcode that says something of the next key, if `byte` is one.
    fn prefix(&mut self, start: usize, byte: u8) -> Result<bool, Error> {
        let cursor = &mut self.cursor;
        let first = Some(self.prefix.start.unwrap_or(start));
        match byte {
            opcode::EXPIRETIME_MS => {
                self.prefix.start = first;
                self.prefix.expire_ms = Some(cursor.i64_le()?);
            }
            opcode::EXPIRETIME => {
                self.prefix.start = first;
                let seconds = i32::from_le_bytes(cursor.array()?);
                // 32 bits of seconds are far from overflowing 64 bits of milliseconds.
                self.prefix.expire_ms = Some(i64::from(seconds).saturating_mul(1000));
            }
            opcode::IDLE => {
                self.prefix.start = first;
                self.prefix.idle = Some(cursor.length()?);
            }
            opcode::FREQ => {
                self.prefix.start = first;
                self.prefix.freq = Some(cursor.byte()?);
            }
            opcode::KEY_META if self.header.flavor == Flavor::Redis => {
                self.prefix.start = first;
                let at = *cursor;
                let n = cursor.length()?;
                if !(1..=7).contains(&n) {
                    return Err(at.fail(ErrorKind::KeyMetaCount(n)));
                }
                for _ in 0..n {
                    cursor.array::<4>()?;
                    cursor.skip_module()?;
                }
            }
            opcode::SLOT_NUM | opcode::RAM_LRU if self.header.flavor == Flavor::Redis => {
                self.prefix.start = first;
                cursor.length()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    #[inline(never)]
    fn opcode(&mut self, start: usize, byte: u8) -> Result<Item<'a>, Error> {
        self.item_start = start;
        let flavor = self.header.flavor;
        let cursor = &mut self.cursor;
        let unsupported = |name| Err(Error::at(start, ErrorKind::Unsupported { byte, name }));
        Ok(match (byte, flavor) {
            (opcode::EOF, _) => return self.end(),
            (opcode::SELECTDB, _) => {
                self.db = cursor.length()?;
                Item::SelectDb(self.db)
            }
            (opcode::RESIZEDB, _) => Item::ResizeDb { keys: cursor.length()?, expires: cursor.length()? },
            (opcode::AUX, _) => {
                let (name, value) = (cursor.string()?, cursor.string()?);
                self.dragonfly |= matches!(name, RawStr::Plain(b"df-ver"));
                if matches!(name, RawStr::Plain(opcode::SEAM)) {
                    self.prefix = Prefix::default();
                }
                Item::Aux { name, value }
            }
            (opcode::FUNCTION2, _) => Item::Function(cursor.string()?),
            (opcode::SLOT_INFO, _) => {
                Item::SlotInfo { slot: cursor.length()?, keys: cursor.length()?, expires: cursor.length()? }
            }
            (opcode::MODULE_AUX, _) => module_aux(cursor)?,
            (opcode::SLOT_IMPORT, Flavor::Valkey) => {
                let job = cursor.string()?;
                let ranges = cursor.length()?;
                for _ in 0..cursor.fits("ranges of slots", ranges, 2)? {
                    cursor.length()?;
                    cursor.length()?;
                }
                Item::SlotImport { job, ranges }
            }
            (opcode::HASH_TEMPLATE, Flavor::Redis) => {
                let Extra::Registry(registry) = &*self.registry else { return unsupported("HASH_TEMPLATE") };
                let (id, fields) = registry.define(cursor, &mut self.registry_bytes)?;
                Item::HashTemplate { id, fields }
            }
            (opcode::UPDATE, Flavor::Valkey) => return Err(Error::at(start, ErrorKind::Update)),
            (opcode::FUNCTION_PRE_GA, Flavor::Redis) => {
                let (name, engine) = (cursor.string()?, cursor.string()?);
                let at = *cursor;
                let description = match cursor.length()? {
                    0 => None,
                    1 => Some(cursor.string()?),
                    other => return Err(at.fail(ErrorKind::FunctionDescription(other))),
                };
                Item::FunctionPreGa { name, engine, description, code: cursor.string()? }
            }
            (opcode::FUNCTION_PRE_GA, Flavor::Valkey) => return unsupported("FUNCTION_PRE_GA"),
            (opcode::GD_DICT, Flavor::Redis) => return unsupported("GD_DICT"),
            (opcode::GCAS, Flavor::Redis) => return unsupported("GCAS"),
            (opcode::GFLAGS, Flavor::Redis) => return unsupported("GFLAGS"),
            _ => return Err(Error::at(start, ErrorKind::UnknownType { byte, flavor })),
        })
    }

    fn end(&mut self) -> Result<Item<'a>, Error> {
        let body_end = self.cursor.position();
        let crc = if self.header.version >= 5 { Some(u64::from_le_bytes(self.cursor.array()?)) } else { None };
        self.ended = true;
        Ok(Item::End(Footer { crc, body_end, trailing: self.cursor.left(), tail: Tail::of(self.cursor.rest) }))
    }
}

/// The length of a file without the NUL bytes that it ends with.
fn without_tail(file: &[u8]) -> usize {
    let mut length = file.len();
    // Many bytes at a time: such a tail may be as long as a disk.
    for chunk in file.rchunks(1 << 12) {
        if chunk.iter().fold(0, |all, byte| all | byte) != 0 {
            let tail = chunk.iter().rev().take_while(|byte| **byte == 0).count();
            return length.saturating_sub(tail);
        }
        length = length.saturating_sub(chunk.len());
    }
    0
}

fn module_aux<'a>(cursor: &mut Cursor<'a>) -> Result<Item<'a>, Error> {
    let id = ModuleId(cursor.length()?);
    let at = *cursor;
    let opcode = cursor.length()?;
    if opcode != 2 {
        return Err(at.fail(ErrorKind::ModuleAuxOpcode(opcode)));
    }
    let at = *cursor;
    let when = cursor.length()?;
    if !matches!(when, 1 | 2) {
        return Err(at.fail(ErrorKind::ModuleAuxWhen(when)));
    }
    let body = *cursor;
    cursor.skip_module()?;
    Ok(Item::ModuleAux { id, when, offset: wide(body.position()), bytes: cursor.since(&body) })
}
