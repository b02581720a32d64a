//! What a value is told to, element by element.

use std::fmt;
use std::ops::ControlFlow;

use super::Json;
use super::compact::{Entries, Entry, Listpack, Packed};
use super::integer::IntText;

/// Whether to go on; a break ends the visit of this value without an error.
pub type Flow = ControlFlow<()>;

/// The bytes of an element, and where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'b> {
    /// Decoded; an integer is its decimal text. Valid until the next call.
    pub bytes: &'b [u8],
    /// For a [`super::Resolver`].
    pub at: Place,
}

/// Where an element's bytes are, so that it can be found again without having been kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// File offset of the string that it is, or that it is inside.
    pub string: u64,
    /// Offset of its entry inside the expanded compact form; [`Place::WHOLE`]: the string itself is the element.
    pub inner: u32,
}

impl Place {
    /// The inner offset of an element that is no entry of a compact form.
    pub const WHOLE: u32 = u32::MAX;

    #[inline]
    pub(crate) fn whole(string: u64) -> Self {
        Self { string, inner: Self::WHOLE }
    }
}

/// Id of a stream entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StreamId {
    /// Milliseconds since 1970, normally.
    pub ms: u64,
    /// Number within that millisecond.
    pub seq: u64,
}

impl StreamId {
    /// From the 16 bytes of a node's key or of a pending entry.
    #[inline]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        // The halves of 128 bits.
        Self {
            ms: u64::try_from(both >> 64).unwrap_or_default(),
            seq: u64::try_from(both & u128::from(u64::MAX)).unwrap_or_default(),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The fields and values of one stream entry, in order. All of them have been checked before.
#[derive(Debug)]
pub struct StreamFields<'b> {
    pub(crate) string: u64,
    /// Where the names come from: the master entry, or the entry itself.
    pub(crate) names: Option<Listpack<'b>>,
    pub(crate) entries: Listpack<'b>,
    pub(crate) left: u64,
    pub(crate) name_text: IntText,
    pub(crate) value_text: IntText,
}

impl StreamFields<'_> {
    /// Number of pairs that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next pair.
    #[allow(clippy::should_implement_trait, reason = "the pair borrows from here")]
    pub fn next(&mut self) -> Option<(Element<'_>, Element<'_>)> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next_entry(),
            None => self.entries.next_entry(),
        };
        let name = name.ok()??;
        let value = self.entries.next_entry().ok()??;
        Some((element(self.string, name, &mut self.name_text), element(self.string, value, &mut self.value_text)))
    }
}

/// The element that an entry of the compact form in `string` is.
#[inline]
pub(crate) fn element<'t, 'b: 't>(string: u64, packed: Packed<'b>, room: &'t mut IntText) -> Element<'t> {
    let bytes = match packed.entry {
        Entry::Text(bytes) => bytes,
        Entry::Int(n) => room.write(n),
    };
    Element { bytes, at: Place { string, inner: packed.at } }
}

/// What a stream says of itself after its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamMeta {
    /// Number of entries, as it is told; early files are wrong by a few.
    pub length: u64,
    /// Number of entries that have been visited.
    pub entries: u64,
    /// Largest id ever given.
    pub last_id: StreamId,
    /// Smallest id that is left; from version 2 of the type.
    pub first_id: Option<StreamId>,
    /// Largest id ever deleted; from version 2 of the type.
    pub max_deleted_id: Option<StreamId>,
    /// Number of entries ever added; from version 2 of the type.
    pub entries_added: Option<u64>,
    /// Number of groups that follow.
    pub groups: u64,
}

/// A consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamGroup<'b> {
    /// Its name.
    pub name: Element<'b>,
    /// Last id that was delivered.
    pub last_id: StreamId,
    /// Entries read so far, when the type and the server know it.
    pub entries_read: Option<u64>,
    /// Number of pending entries that follow.
    pub pending: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConsumer<'b> {
    /// Its name.
    pub name: Element<'b>,
    /// Last time it tried, Unix milliseconds.
    pub seen_time_ms: i64,
    /// Last time it succeeded, Unix milliseconds, -1 for never; from version 3 of the type.
    pub active_time_ms: Option<i64>,
    /// Number of its pending entries that follow.
    pub pending: u64,
}

/// Takes the elements of a value. Every method goes on unless told otherwise.
///
/// Elements come in the order of the dump; those of a stream as entries, then [`Visitor::stream_meta`], then for each group
/// itself, its pending entries, and its consumers, each followed by the ids that are pending for it.
#[allow(unused_variables, reason = "the defaults use none of what they are given")]
pub trait Visitor {
    /// The value of a string.
    fn string(&mut self, value: Element<'_>) -> Flow {
        Flow::Continue(())
    }

    /// One element of a list.
    fn list_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        Flow::Continue(())
    }

    /// One member of a set.
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        Flow::Continue(())
    }

    /// One member of a sorted set; the score is never NaN.
    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        Flow::Continue(())
    }

    /// Whether [`Visitor::hash_field`] is to be called for this field of a hash. Where not, its value is passed over: that
    /// it has an end is checked, what is inside is not.
    fn wants_value(&mut self, field: Element<'_>) -> bool {
        true
    }

    /// One field of a hash; its own expiry is in Unix milliseconds.
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        Flow::Continue(())
    }

    /// One live entry of a stream.
    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        Flow::Continue(())
    }

    /// The stream itself, after its entries.
    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        Flow::Continue(())
    }

    /// A consumer group.
    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        Flow::Continue(())
    }

    /// A pending entry of the group before. Upstash writes the time in the wrong byte order.
    fn stream_pending(&mut self, id: StreamId, delivery_time_ms: i64, delivery_count: u64) -> Flow {
        Flow::Continue(())
    }

    /// A consumer of the group before.
    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        Flow::Continue(())
    }

    /// An entry that is pending for the consumer before; it is among the group's, too.
    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        Flow::Continue(())
    }

    /// An entry of the group before that was given back and belongs to no consumer.
    fn stream_nacked(&mut self, id: StreamId) -> Flow {
        Flow::Continue(())
    }

    /// An id that a producer of the stream gave to an entry, so that it is not added twice.
    fn stream_producer(&mut self, producer: Element<'_>, own_id: Element<'_>, id: StreamId) -> Flow {
        Flow::Continue(())
    }

    /// One element of an array, in the order of the dump; indexes need be neither dense nor ascending.
    fn array_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        Flow::Continue(())
    }

    /// One string of a module's value; those of RedisJSON go to [`Visitor::json`].
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        Flow::Continue(())
    }

    /// A RedisJSON document.
    fn json(&mut self, json: Json<'_>) -> Flow {
        Flow::Continue(())
    }
}
