//! The format, fact by fact: byte vectors spelled from the description of the format, and what they mean.
//!
//! No server here writes all of these. Expected values are worked out by hand from the description; where it gives an
//! example in bytes, that example is used.

mod array;
mod compact;
mod error;
mod frame;
mod hash;
mod list;
mod lzf;
mod module;
mod peer;
mod properties;
mod stream;
mod string;
mod template;
mod write;
mod zset;

use std::fmt::Write;

use rdb_reindex::dump::rdb::{
    Element, ErrorKind, Flow, Item, Json, Scratch, StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta,
    Tail, Visitor, Walker,
};

/// Bytes from a text of hex digits and 'quoted' characters, separated by spaces.
pub fn x(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, part) in text.split('\'').enumerate() {
        if n % 2 == 1 {
            bytes.extend(part.bytes());
        } else {
            bytes.extend(part.split_whitespace().map(|hex| u8::from_str_radix(hex, 16).expect(hex)));
        }
    }
    bytes
}

/// A visitor that writes down what it is told.
#[derive(Default)]
pub struct Told(String);

impl Told {
    fn add(&mut self, text: std::fmt::Arguments<'_>) -> Flow {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.write_fmt(text).unwrap();
        Flow::Continue(())
    }
}

/// The bytes of an element, escaped.
struct E<'b>(Element<'b>);

impl std::fmt::Display for E<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.bytes.escape_ascii())
    }
}

impl Visitor for Told {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.add(format_args!("\"{}\"", E(value)))
    }
    fn list_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.add(format_args!("[{index}]{}", E(value)))
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.add(format_args!("{}", E(member)))
    }
    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.add(format_args!("{}:{score:?}", E(member)))
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.add(format_args!("{}={}", E(field), E(value)))?;
        if let Some(ms) = expire_ms {
            self.0 += &format!("@{ms}");
        }
        Flow::Continue(())
    }
    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        self.add(format_args!("{id}("))?;
        while let Some((field, value)) = fields.next() {
            self.0 += &format!("{}={},", E(field), E(value));
        }
        self.0.push(')');
        Flow::Continue(())
    }
    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        self.add(format_args!("length={} last={}", meta.length, meta.last_id))?;
        if let (Some(first), Some(deleted), Some(added)) = (meta.first_id, meta.max_deleted_id, meta.entries_added) {
            self.0 += &format!(" first={first} deleted={deleted} added={added}");
        }
        self.0 += &format!(" groups={}", meta.groups);
        Flow::Continue(())
    }
    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        let (name, last, read) = (E(group.name), group.last_id, group.entries_read);
        self.add(format_args!("group {name} last={last} read={read:?} pending={}", group.pending))
    }
    fn stream_pending(&mut self, id: StreamId, delivery_time_ms: i64, delivery_count: u64) -> Flow {
        self.add(format_args!("{id}@{delivery_time_ms}x{delivery_count}"))
    }
    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        let (name, seen, active) = (E(consumer.name), consumer.seen_time_ms, consumer.active_time_ms);
        self.add(format_args!("consumer {name} seen={seen} active={active:?} pending={}", consumer.pending))
    }
    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        self.add(format_args!("{id}"))
    }
    fn stream_nacked(&mut self, id: StreamId) -> Flow {
        self.add(format_args!("nacked {id}"))
    }
    fn stream_producer(&mut self, producer: Element<'_>, own_id: Element<'_>, id: StreamId) -> Flow {
        self.add(format_args!("producer {} {} {id}", E(producer), E(own_id)))
    }
    fn array_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.add(format_args!("[{index}]{}", E(value)))
    }
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.add(format_args!("<{}>", E(value)))
    }
    fn json(&mut self, json: Json<'_>) -> Flow {
        let mut room = Vec::new();
        match json {
            Json::Text(text) => self.add(format_args!("text {}", text.decode(&mut room).unwrap().escape_ascii())),
            Json::Cbor(cbor) => self.add(format_args!("cbor {}", cbor.decode(&mut room).unwrap().escape_ascii())),
            Json::Tree(tree) => self.add(format_args!("tree {}", tree.escape_ascii())),
            Json::Unsupported { encver } => self.add(format_args!("unsupported {encver}")),
        }
    }
}

/// Walks and visits a whole file and writes down every item; headers' counts must be what a visit finds.
pub fn file(bytes: &[u8]) -> Result<String, rdb_reindex::dump::rdb::Error> {
    let mut walker = Walker::new(bytes)?;
    let mut told = Told::default();
    let mut scratch = Scratch::default();
    let mut room = Vec::new();
    while let Some(item) = walker.next()? {
        let _ = match item {
            Item::Record(record) => {
                let mut value = Told::default();
                record.value.elements().map_err(|error| error.in_record(record.start))?;
                record.value.visit(&mut scratch, &mut value).map_err(|error| error.in_record(record.start))?;
                let key = record.key.decode(&mut room).unwrap().escape_ascii().to_string();
                let _ = told.add(format_args!("{key}<"));
                let facts = [
                    ("db", Some(record.db as i64).filter(|db| *db != 0)),
                    ("expire", record.expire_ms),
                    ("idle", record.idle.map(|idle| idle as i64)),
                    ("freq", record.freq.map(i64::from)),
                ];
                for (name, fact) in facts {
                    if let Some(fact) = fact {
                        told.0 += &format!("{name}={fact} ");
                    }
                }
                told.0 += &value.0;
                told.0.push('>');
                Flow::Continue(())
            }
            Item::Aux { name, value } => {
                let name = name.decode(&mut room).unwrap().escape_ascii().to_string();
                told.add(format_args!("aux {name}={}", value.decode(&mut room).unwrap().escape_ascii()))
            }
            Item::Function(code) => told.add(format_args!("fn {}", code.decode(&mut room).unwrap().escape_ascii())),
            Item::FunctionPreGa { name, engine, description, code } => {
                let text = |text: rdb_reindex::dump::rdb::RawStr<'_>| {
                    text.decode(&mut Vec::new()).unwrap().escape_ascii().to_string()
                };
                let (name, engine, description, code) = (text(name), text(engine), description.map(text), text(code));
                told.add(format_args!("fn {name} {engine} {description:?} {code}"))
            }
            Item::ModuleAux { id, when, offset, bytes: found } => {
                let offset = usize::try_from(offset).unwrap();
                assert_eq!(&bytes[offset..offset + found.len()], found);
                told.add(format_args!("module {id} v{} when={when} {}", id.encver(), found.escape_ascii()))
            }
            Item::SelectDb(db) => told.add(format_args!("db{db}")),
            Item::ResizeDb { keys, expires } => told.add(format_args!("resize {keys} {expires}")),
            Item::SlotInfo { slot, keys, expires } => told.add(format_args!("slot {slot} {keys} {expires}")),
            Item::SlotImport { job, ranges } => told.add(format_args!("import {} {ranges}", job.len())),
            Item::HashTemplate { id, fields } => told.add(format_args!("template {id} {fields}")),
            Item::End(end) => {
                let tail = match end.tail {
                    Tail::Empty | Tail::Unknown => "",
                    Tail::Commands => " aof",
                    Tail::Dump => " dump",
                };
                told.add(format_args!("end@{} crc={:x?} +{}{tail}", end.body_end, end.crc, end.trailing))
            }
        };
    }
    Ok(told.0)
}

/// What the items of `body` are, between a header and a footer.
///
/// When that is a good file, it is damaged in every way too: cut anywhere it is an error, and with any bit flipped it is
/// a result.
pub fn body(magic: &str, body: &[u8]) -> Result<String, ErrorKind> {
    let mut bytes = [magic.as_bytes(), body, &[255], &[0; 8]].concat();
    let told = file(&bytes).map_err(|error| error.kind)?;
    if bytes.len() < 400 {
        // Before version 5 the file may end right after the EOF opcode.
        for end in 0..bytes.len() - 8 {
            file(&bytes[..end]).expect_err("a cut file");
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Err(error) = file(&bytes) {
                assert!(error.offset <= bytes.len() as u64 && error.record.is_none_or(|record| record <= error.offset));
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    Ok(told.rsplit_once("end@").unwrap().0.trim_end().to_owned())
}

fn value_of(magic: &str, ty: u8, value: &[u8]) -> Result<String, ErrorKind> {
    let told = body(magic, &[&[ty, 1, b'k'], value].concat())?;
    Ok(told.strip_prefix("k<").unwrap().strip_suffix('>').unwrap().to_owned())
}

/// What a value of a type is, in a dump of Redis.
pub fn redis(ty: u8, value: &[u8]) -> Result<String, ErrorKind> {
    value_of("REDIS0015", ty, value)
}

/// What a value of a type is, in a dump of Valkey.
pub fn valkey(ty: u8, value: &[u8]) -> Result<String, ErrorKind> {
    value_of("VALKEY081", ty, value)
}

/// What a string is whose bytes these are, in a value of a type that is one string.
pub fn packed(ty: u8, bytes: &[u8]) -> Result<String, ErrorKind> {
    redis(ty, &write::string(bytes))
}

pub fn ok(text: &str) -> Result<String, ErrorKind> {
    Ok(text.to_owned())
}

pub fn end(needed: u64, left: u64) -> Result<String, ErrorKind> {
    Err(ErrorKind::UnexpectedEnd { needed, left })
}

/// One test a line: what is read, and what it is.
macro_rules! facts {
    ($($name:ident: $got:expr => $expected:expr;)*) => {
        $(#[test] fn $name() { assert_eq!($got, $expected); })*
    };
}
pub(crate) use facts;
