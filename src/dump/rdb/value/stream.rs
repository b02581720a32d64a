//! Streams: nodes of entries, then what the stream says of itself, its groups and their consumers.

use super::*;
use crate::dump::rdb::compact::Entry;
use crate::dump::rdb::error::{Fault, Snippet};
use crate::dump::rdb::integer::IntText;
use crate::dump::rdb::visitor::{StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta};

/// Flag of an entry: it has been deleted.
const DELETED: i64 = 1;
/// Flag of an entry: its fields are those of the master entry.
const SAME_FIELDS: i64 = 2;

pub(super) fn visit<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    version: u8,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let nodes = cursor.length()?;
    let mut entries = 0_u64;
    for _ in 0..cursor.fits("stream nodes", nodes, 10)? {
        let at = *cursor;
        let key = decode(cursor.string()?, at.position(), &mut scratch.first)?;
        let Ok(key) = <[u8; 16]>::try_from(key) else {
            return Err(at.fail(ErrorKind::StreamKey(wide(key.len()))).into());
        };
        let pack = open(cursor, CompactForm::Listpack, &mut scratch.pack)?;
        let live = Node::read(pack, StreamId::from_bytes(key))?.visit(visitor)?;
        entries = entries.saturating_add(live);
    }
    let length = cursor.length()?;
    let last_id = cursor.id()?;
    let late = version >= 2;
    let first_id = if late { Some(cursor.id()?) } else { None };
    let max_deleted_id = if late { Some(cursor.id()?) } else { None };
    let entries_added = if late { Some(cursor.length()?) } else { None };
    let groups = cursor.length()?;
    cursor.fits("groups of a stream", groups, 5)?;
    go(visitor.stream_meta(&StreamMeta { length, entries, last_id, first_id, max_deleted_id, entries_added, groups }))?;
    for _ in 0..groups {
        visit_group(cursor, version, scratch, visitor)?;
    }
    if version >= 4 { visit_producers(cursor, scratch, visitor) } else { Ok(()) }
}

fn visit_group<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    version: u8,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let name = element(cursor, &mut scratch.first)?;
    let last_id = cursor.id()?;
    // All ones: the server does not know.
    let entries_read = if version >= 2 { Some(cursor.length()?).filter(|n| *n != u64::MAX) } else { None };
    let pending = cursor.length()?;
    cursor.fits("pending entries", pending, 25)?;
    go(visitor.stream_group(&StreamGroup { name, last_id, entries_read, pending }))?;
    for _ in 0..pending {
        let id = StreamId::from_bytes(cursor.array()?);
        let time = cursor.i64_le()?;
        go(visitor.stream_pending(id, time, cursor.length()?))?;
    }
    let consumers = cursor.length()?;
    for _ in 0..cursor.fits("consumers", consumers, if version >= 3 { 18 } else { 10 })? {
        let name = element(cursor, &mut scratch.first)?;
        let seen_time_ms = cursor.i64_le()?;
        let active_time_ms = if version >= 3 { Some(cursor.i64_le()?) } else { None };
        let pending = cursor.length()?;
        cursor.fits("pending entries", pending, 16)?;
        go(visitor.stream_consumer(&StreamConsumer { name, seen_time_ms, active_time_ms, pending }))?;
        for _ in 0..pending {
            go(visitor.stream_consumer_pending(StreamId::from_bytes(cursor.array()?)))?;
        }
    }
    if version >= 5 {
        let nacked = cursor.length()?;
        for _ in 0..cursor.fits("pending entries", nacked, 16)? {
            go(visitor.stream_nacked(StreamId::from_bytes(cursor.array()?)))?;
        }
    }
    Ok(())
}

/// Ids that producers gave to entries. The two numbers before and after are settings and statistics.
fn visit_producers<V: Visitor + ?Sized>(cursor: &mut Cursor<'_>, scratch: &mut Scratch, visitor: &mut V) -> Visited {
    cursor.length()?;
    cursor.length()?;
    let producers = cursor.length()?;
    for _ in 0..cursor.fits("producers", producers, 2)? {
        let producer = element(cursor, &mut scratch.first)?;
        let ids = cursor.length()?;
        for _ in 0..cursor.fits("ids of a producer", ids, 3)? {
            let own_id = element(cursor, &mut scratch.second)?;
            let id = cursor.id()?;
            go(visitor.stream_producer(producer, own_id, id))?;
        }
    }
    cursor.length()?;
    cursor.length()?;
    Ok(())
}

impl Cursor<'_> {
    /// An id as two lengths.
    fn id(&mut self) -> Result<StreamId, Error> {
        Ok(StreamId { ms: self.length()?, seq: self.length()? })
    }
}

/// One listpack of entries.
///
/// ```text
/// live deleted nfields field*nfields 0
/// ( flags ms seq [ n (field value)*n | value*nfields ] count )*
/// ```
struct Node<'b> {
    string: u64,
    master: StreamId,
    live: i64,
    deleted: i64,
    nfields: u64,
    names: Listpack<'b>,
    entries: Listpack<'b>,
}

impl<'b> Node<'b> {
    /// Reads the master entry.
    fn read(pack: Container<'b>, master: StreamId) -> Result<Self, Error> {
        let string = pack.at;
        let entries = Listpack::new(pack.bytes).map_err(|fault| fault.at(string))?;
        let mut node = Self { string, master, live: 0, deleted: 0, nfields: 0, names: entries, entries };
        node.live = node.count("the number of entries")?;
        node.deleted = node.count("the number of deleted entries")?;
        let nfields = node.count("the number of fields")?;
        node.nfields = u64::try_from(nfields).unwrap_or_default();
        node.names = node.entries;
        for _ in 0..node.nfields {
            node.entry("a field")?;
        }
        // The end of the master entry, which is there to be read backwards.
        match node.integer("the end of the master entry")? {
            0 => {}
            n => return Err(node.range("the end of the master entry", n)),
        }
        Ok(node)
    }

    /// Visits the live entries and tells their number.
    fn visit<V: Visitor + ?Sized>(mut self, visitor: &mut V) -> Result<u64, Stop> {
        let (mut walked_live, mut walked_deleted) = (0_u64, 0_u64);
        while let Some(flags) = self.next()? {
            let flags = self.expect_integer(flags)?;
            if !(0..=3).contains(&flags) {
                return Err(self.range("the flags of an entry", flags).into());
            }
            let ms = self.integer("the milliseconds of an entry")?;
            let seq = self.integer("the sequence number of an entry")?;
            let id =
                StreamId { ms: self.master.ms.wrapping_add_signed(ms), seq: self.master.seq.wrapping_add_signed(seq) };
            let same = flags & SAME_FIELDS != 0;
            let pairs = if same { self.nfields } else { u64::try_from(self.count("the fields")?).unwrap_or_default() };
            let body = self.entries;
            // How many entries these are, so that one can step back over them.
            let (per, more) = if same { (1, 3) } else { (2, 4) };
            let values = pairs.saturating_mul(per);
            for _ in 0..values {
                self.entry("a field or value")?;
            }
            let found = self.integer("the size of an entry")?;
            let due = values.saturating_add(more);
            if u64::try_from(found) != Ok(due) {
                return Err(self.fail(ErrorKind::StreamEntryCount { found, due }).into());
            }
            if flags & DELETED != 0 {
                walked_deleted = walked_deleted.wrapping_add(1);
                continue;
            }
            walked_live = walked_live.wrapping_add(1);
            let mut fields = StreamFields {
                string: self.string,
                names: same.then_some(self.names),
                entries: body,
                left: pairs,
                name_text: IntText::new(),
                value_text: IntText::new(),
            };
            go(visitor.stream_entry(id, &mut fields))?;
        }
        if u64::try_from(self.live) != Ok(walked_live) || u64::try_from(self.deleted) != Ok(walked_deleted) {
            let (live, deleted) = (self.live, self.deleted);
            return Err(self.fail(ErrorKind::StreamCounts { live, deleted, walked_live, walked_deleted }).into());
        }
        Ok(walked_live)
    }

    fn next(&mut self) -> Result<Option<Entry<'b>>, Error> {
        let packed = self.entries.next_entry().map_err(|fault| fault.at(self.string))?;
        Ok(packed.map(|packed| packed.entry))
    }

    fn entry(&mut self, what: &'static str) -> Result<Entry<'b>, Error> {
        self.next()?.ok_or_else(|| self.fail(ErrorKind::StreamNodeEnd(what)))
    }

    fn integer(&mut self, what: &'static str) -> Result<i64, Error> {
        let entry = self.entry(what)?;
        self.expect_integer(entry)
    }

    fn expect_integer(&self, entry: Entry<'b>) -> Result<i64, Error> {
        match entry {
            Entry::Int(n) => Ok(n),
            Entry::Text(text) => Err(self.fail(ErrorKind::StreamInteger(Snippet::of(text)))),
        }
    }

    /// An integer that counts entries of this listpack: not negative, and no more than bytes are left.
    fn count(&mut self, what: &'static str) -> Result<i64, Error> {
        let n = self.integer(what)?;
        match u64::try_from(n) {
            Ok(count) if count <= wide(self.entries.left()) => Ok(n),
            _ => Err(self.range(what, n)),
        }
    }

    #[cold]
    fn range(&self, what: &'static str, value: i64) -> Error {
        self.fail(ErrorKind::StreamRange { what, value })
    }

    #[cold]
    fn fail(&self, kind: ErrorKind) -> Error {
        Fault { inside: self.entries.position(), kind }.at(self.string)
    }
}

/// Number of entries, as the stream tells it after its nodes.
pub(super) fn count(mut cursor: Cursor<'_>) -> Result<u64, Error> {
    let nodes = cursor.length()?;
    for _ in 0..nodes {
        cursor.string()?;
        cursor.string()?;
    }
    cursor.length()
}
