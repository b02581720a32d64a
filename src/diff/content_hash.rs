//! What a value holds, as 128 bits that do not depend on how it is written; and a name, as 128 bits.
//!
//! Each element is hashed with SipHash under a seed that is drawn afresh in every run, and the hashes are added up: so the
//! order of a set's members, a hash's fields or a sorted set's entries does not matter, and neither does their encoding.
//! Elements whose order is content carry their position or their id. Since only the two values of one name are ever
//! compared, and nobody knows the seed beforehand, equal sums of different values are a matter of one in 2^128. Names are
//! compared with all others: of a thousand million of them, two with one hash are a matter of one in 2^68.

use std::hash::Hasher as _;
use std::ops::ControlFlow;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::dump::rdb::{
    self, Element, Flow, Json, ModuleItem, ModuleReader, Record, Scratch, StreamConsumer, StreamFields, StreamGroup,
    StreamId, StreamMeta, ValueType, Visitor,
};
use crate::model::document;
use crate::model::view::{Clock, Expires};

/// What the hashes of one run depend on; the same for both dumps.
#[derive(Clone, Copy, Debug)]
pub struct Seed(u64, u64);

impl Seed {
    /// A seed that nobody knows.
    pub fn random() -> Self {
        let word = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        Self(word(), word())
    }

    fn hasher(self, tag: u8) -> Hash {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write_u8(tag);
        Hash(hasher)
    }

    /// The hash of some bytes.
    pub fn hash(self, bytes: &[u8]) -> u128 {
        self.hasher(tag::MEMBER).bytes(bytes).finish()
    }

    /// The hash of the name of a key in a database.
    pub(super) fn hash_name(self, db: u64, name: &[u8]) -> u128 {
        self.hasher(tag::NAME).number(db).bytes(name).finish()
    }
}

/// A hash as two numbers, which need no padding in what keeps it.
pub(super) fn halves(hash: u128) -> [u64; 2] {
    [(hash >> 64) as u64, hash as u64]
}

/// A hash of several parts, each told apart from the next by its length.
struct Hash(SipHasher13);

impl Hash {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.push(bytes);
        self
    }

    fn number(mut self, n: u64) -> Self {
        self.0.write_u64(n);
        self
    }

    fn id(self, id: StreamId) -> Self {
        self.number(id.ms).number(id.seq)
    }

    fn wide(self, n: u128) -> Self {
        let [high, low] = halves(n);
        self.number(high).number(low)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.write_u64(bytes.len() as u64);
        self.0.write(bytes);
    }

    fn finish(self) -> u128 {
        self.0.finish128().as_u128()
    }
}

/// What is hashed, so that a part of one kind is never taken for one of another.
mod tag {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const MEMBER: u8 = 2;
    pub const SCORED: u8 = 3;
    pub const FIELD: u8 = 4;
    pub const ENTRY: u8 = 5;
    pub const STREAM: u8 = 6;
    pub const GROUP: u8 = 7;
    pub const PENDING: u8 = 8;
    pub const CONSUMER: u8 = 9;
    pub const DELIVERED: u8 = 10;
    pub const NACKED: u8 = 11;
    pub const PRODUCER: u8 = 12;
    pub const ARRAY: u8 = 13;
    pub const DOCUMENT: u8 = 14;
    pub const UNREADABLE: u8 = 15;
    pub const MODULE: u8 = 16;
    pub const NAME: u8 = 17;
}

/// What was found of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub content: u128,
    /// Elements that are there: a field that had expired is not.
    pub elements: u64,
}

impl Digest {
    fn join(self, other: Self) -> Self {
        Self {
            content: self.content.wrapping_add(other.content),
            elements: self.elements.saturating_add(other.elements),
        }
    }
}

/// Digests values. One for each thread.
#[derive(Debug)]
pub struct Digester {
    seed: Seed,
    clock: Clock,
    scratch: Scratch,
    room: Vec<u8>,
    text: Vec<u8>,
}

impl Digester {
    pub fn new(seed: Seed, clock: Clock) -> Self {
        Self { seed, clock, scratch: Scratch::default(), room: Vec::new(), text: Vec::new() }
    }

    /// Reads a value to its end. A large collection is read by all threads.
    pub fn digest(&mut self, record: &Record<'_>) -> Result<Digest, rdb::Error> {
        let value = &record.value;
        if value.ty == ValueType::Module2 && value.json()?.is_none() {
            return self.module(record);
        }
        let pieces = value.pieces();
        if pieces > 1 {
            let (seed, clock) = (self.seed, self.clock);
            return (0..pieces)
                .into_par_iter()
                .map(|piece| {
                    let mut digester = Self::new(seed, clock);
                    digester.visit(|scratch, sum| value.visit_piece(piece, scratch, sum), value.offset as u64)
                })
                .try_reduce(Digest::default, |a, b| Ok(a.join(b)));
        }
        self.visit(|scratch, sum| value.visit(scratch, sum), value.offset as u64)
    }

    fn visit(
        &mut self,
        visit: impl FnOnce(&mut Scratch, &mut Sum<'_>) -> Result<(), rdb::Error>,
        offset: u64,
    ) -> Result<Digest, rdb::Error> {
        let Self { seed, clock, scratch, room, text } = self;
        let digest = Digest::default();
        let mut sum =
            Sum { seed: *seed, clock: *clock, room, text, offset, digest, group: 0, consumer: 0, failure: None };
        visit(scratch, &mut sum)?;
        match sum.failure {
            Some(error) => Err(error),
            None => Ok(sum.digest),
        }
    }

    /// The value of a module that is no document: its items in order, whatever they mean.
    fn module(&mut self, record: &Record<'_>) -> Result<Digest, rdb::Error> {
        let value = &record.value;
        // The module's id is a length, whose first byte says how many bytes it takes.
        let id = match value.bytes.first() {
            Some(0x81) => 9,
            Some(0x80) => 5,
            Some(0x40..=0x7f) => 2,
            _ => 1,
        };
        let offset = value.offset.saturating_add(id) as u64;
        let mut items = ModuleReader::new(value.bytes.get(id..).unwrap_or_default(), offset);
        let mut hash = self.seed.hasher(tag::MODULE).number(value.module().map_or(0, |id| id.0));
        while let Some(item) = items.next()? {
            hash = match item {
                ModuleItem::Integer(n) => hash.number(1).number(n),
                ModuleItem::Float(n) => hash.number(2).number(n.to_bits().into()),
                ModuleItem::Double(n) => hash.number(3).number(n.to_bits()),
                ModuleItem::String(string, at) => {
                    let bytes = string.decode(&mut self.room).map_err(|kind| rdb::Error::in_string(at, kind))?;
                    hash.number(4).bytes(bytes)
                }
            };
        }
        Ok(Digest { content: hash.finish(), elements: 1 })
    }
}

/// Adds up the elements of one value.
struct Sum<'d> {
    seed: Seed,
    clock: Clock,
    room: &'d mut Vec<u8>,
    text: &'d mut Vec<u8>,
    offset: u64,
    digest: Digest,
    /// Of the group, and the consumer in it, that what follows belongs to.
    group: u128,
    consumer: u128,
    failure: Option<rdb::Error>,
}

impl Sum<'_> {
    fn hasher(&self, tag: u8) -> Hash {
        self.seed.hasher(tag)
    }

    /// Something that belongs to the value and is no element of it.
    fn add(&mut self, hash: Hash) -> Flow {
        self.digest.content = self.digest.content.wrapping_add(hash.finish());
        ControlFlow::Continue(())
    }

    fn element(&mut self, hash: Hash) -> Flow {
        self.digest.elements = self.digest.elements.saturating_add(1);
        self.add(hash)
    }
}

impl Visitor for Sum<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.element(self.hasher(tag::STRING).bytes(value.bytes))
    }

    fn list_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.element(self.hasher(tag::LIST).number(index).bytes(value.bytes))
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.element(self.hasher(tag::MEMBER).bytes(member.bytes))
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        // A listpack does not keep the sign of a zero; adding a zero drops it.
        let score = (score + 0.0).to_bits();
        self.element(self.hasher(tag::SCORED).number(score).bytes(member.bytes))
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let hash = self.hasher(tag::FIELD).bytes(field.bytes).bytes(value.bytes);
        match self.clock.expires(expire_ms) {
            Expires::Gone => ControlFlow::Continue(()),
            Expires::At(ms) => self.element(hash.number(ms.cast_unsigned())),
            Expires::Never | Expires::InDoubt => self.element(hash),
        }
    }

    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        let mut hash = self.hasher(tag::ENTRY).id(id);
        while let Some((field, value)) = fields.next() {
            hash.push(field.bytes);
            hash.push(value.bytes);
        }
        self.element(hash)
    }

    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        self.add(self.hasher(tag::STREAM).id(meta.last_id))
    }

    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        self.group = self.seed.hash(group.name.bytes);
        self.add(self.hasher(tag::GROUP).wide(self.group).id(group.last_id))
    }

    fn stream_pending(&mut self, id: StreamId, delivery_time_ms: i64, delivery_count: u64) -> Flow {
        let time = delivery_time_ms.cast_unsigned();
        self.add(self.hasher(tag::PENDING).wide(self.group).id(id).number(time).number(delivery_count))
    }

    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        self.consumer = self.seed.hash(consumer.name.bytes);
        self.add(self.hasher(tag::CONSUMER).wide(self.group).wide(self.consumer))
    }

    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        self.add(self.hasher(tag::DELIVERED).wide(self.group).wide(self.consumer).id(id))
    }

    fn stream_nacked(&mut self, id: StreamId) -> Flow {
        self.add(self.hasher(tag::NACKED).wide(self.group).id(id))
    }

    fn stream_producer(&mut self, producer: Element<'_>, own_id: Element<'_>, id: StreamId) -> Flow {
        self.add(self.hasher(tag::PRODUCER).bytes(producer.bytes).bytes(own_id.bytes).id(id))
    }

    fn array_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.element(self.hasher(tag::ARRAY).number(index).bytes(value.bytes))
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        let document = self.hasher(tag::DOCUMENT);
        let hash = match document::text(json, self.offset, self.room, self.text) {
            Ok(Ok(text)) => document.bytes(text),
            Ok(Err(_)) => {
                let hash = self.hasher(tag::UNREADABLE);
                match json {
                    Json::Text(raw) | Json::Cbor(raw) => hash.bytes(raw.decode(self.room).unwrap_or_default()),
                    Json::Tree(bytes) => hash.bytes(bytes),
                    Json::Unsupported { encver } => hash.number(encver.into()),
                }
            }
            Err(error) => {
                self.failure = Some(error);
                return ControlFlow::Break(());
            }
        };
        self.element(hash)
    }
}
