//! What one key takes, from what the dump says of it without decoding anything.
//!
//! Every key of a dump is asked about, so this is lean: where the elements of a collection stand one by one, a few of them
//! are looked at, and more only where there are so many bytes that it does not show.

use super::elements::integer;
use super::json;
use super::radix::Radix;
use super::sizes::{
    CONSUMER, GROUP, LIST_NODE, LISTPACK, OBJECT, PENDING, QUICKLIST, STREAM, allocated, key, sds, skiplist, table,
};
use crate::dump::rdb::{CompactForm, Error, Header, Kind, Part, RawStr, Record, Told, Value, ValueType};

/// So many elements of a collection are looked at, …
const SAMPLE: u64 = 1;
/// … or so many where there are two, or where each has so many bytes in the dump: such strings may be compressed, …
const LARGE_SAMPLE: u64 = 8;
const LARGE_ELEMENT: u64 = 96;
/// … one more for so many bytes, …
const BYTES_PER_SAMPLE: u64 = 1024;
/// … and never more than this; so many nodes of a list are, and items of a module.
const MOST: u64 = 32;
/// So many ids of pending entries of a stream are.
const PENDING_SAMPLE: u64 = 1024;
/// The longest string that stands in one piece with its object.
const EMBEDDED: u64 = 44;
/// The most bytes of a node of a list.
const NODE_BYTES: u64 = 8192;
/// A ziplist has so many bytes more than a listpack of the same entries: its head.
const ZIPLIST_MORE: u64 = 4;
/// What an expiry of a field takes.
const FIELD_EXPIRY: u64 = 24;
/// The version of the format in which lists of one node are listpacks in memory.
const PACKS: u32 = 11;

/// Estimates what keys take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The server keeps small lists as listpacks: Redis 7.2 and later.
    packs: bool,
}

impl Estimate {
    /// For the keys of a dump with this header.
    pub fn new(header: Header) -> Self {
        Self { packs: header.version >= PACKS }
    }

    /// What a key of so many elements takes, its name included.
    #[inline]
    pub fn of(self, record: &Record<'_>, elements: u64) -> u64 {
        // What is damaged takes nothing in a server; it is told elsewhere.
        let value = self.value(&record.value, elements).unwrap_or(0);
        key(record.key.len() as u64).saturating_add(value)
    }

    #[inline]
    fn value(self, value: &Value<'_>, count: u64) -> Result<u64, Error> {
        // What most keys of a dump are, first.
        let bytes = value.bytes.len() as u64;
        match value.ty {
            ValueType::String => return Ok(value.whole().map_or(0, string)),
            // Its fields are of all sizes, so that one says little of the others.
            ValueType::Hash if bytes < BYTES_PER_SAMPLE && !is_few(bytes, count) => {
                return Ok(table(count).saturating_add(unlike(bytes, count.saturating_mul(2))));
            }
            _ => {}
        }
        match (value.ty.kind(), value.ty.form()) {
            (Kind::List, _) => self.list(value),
            (Kind::Stream, _) => stream(value),
            (Kind::Module | Kind::Array | Kind::String, _) => module(value),
            (kind, None) => elements(value, kind, count),
            (_, Some(form)) => Ok(OBJECT.saturating_add(allocated(match value.whole() {
                Some(string) => listpack_of(form, string),
                // A hash with a template: what it takes in the dump.
                None => bytes,
            }))),
        }
    }

    fn list(self, value: &Value<'_>) -> Result<u64, Error> {
        let mut nodes = 0_u64;
        let mut count = 1;
        if let Some(string) = value.whole() {
            nodes = allocated(listpack_of(CompactForm::Ziplist, string));
        } else if value.ty == ValueType::List {
            // Each is a byte longer in a listpack than in the dump; nodes are filled as far as elements fit.
            let mut packed = 0_u64;
            let told = value.parts(MOST, |part| {
                if let Part::String(string) = part {
                    packed = packed.saturating_add(string.len() as u64).saturating_add(2);
                }
            })?;
            let packed = part_of_all(packed, told);
            let full = packed / NODE_BYTES;
            let rest = allocated(packed.saturating_sub(full.saturating_mul(NODE_BYTES)).saturating_add(LISTPACK));
            count = full.saturating_add(1);
            nodes = full.saturating_mul(NODE_BYTES).saturating_add(rest);
        } else {
            let told = value.parts(MOST, |part| match part {
                Part::String(string) => nodes = nodes.saturating_add(allocated(string.len() as u64)),
                Part::Packed(form, string) => nodes = nodes.saturating_add(allocated(listpack_of(form, string))),
                _ => {}
            })?;
            count = told.all;
            nodes = part_of_all(nodes, told);
        }
        if self.packs && count == 1 {
            return Ok(OBJECT.saturating_add(nodes));
        }
        Ok((OBJECT + QUICKLIST).saturating_add(count.saturating_mul(LIST_NODE)).saturating_add(nodes))
    }
}

#[inline]
fn string(string: RawStr<'_>) -> u64 {
    let len = string.len() as u64;
    match string {
        RawStr::Int(_) => OBJECT,
        RawStr::Plain(text) if integer(text).is_some() => OBJECT,
        // A header of three bytes, and a NUL byte.
        _ if len <= EMBEDDED => allocated(OBJECT + 4 + len),
        _ => OBJECT.saturating_add(sds(len)),
    }
}

/// Whether the elements are few, or so long that more of them are looked at.
#[inline]
fn is_few(bytes: u64, count: u64) -> bool {
    count <= 2 || bytes >= count.saturating_mul(LARGE_ELEMENT)
}

/// A table, for a sorted set with a skip list beside it.
fn elements(value: &Value<'_>, kind: Kind, count: u64) -> Result<u64, Error> {
    let (mut strings, mut seen, mut expiries) = (0_u64, 0_u64, 0_u64);
    let bytes = value.bytes.len() as u64;
    let least = if is_few(bytes, count) { LARGE_SAMPLE } else { SAMPLE };
    let most = (least + bytes / BYTES_PER_SAMPLE).min(MOST);
    let told = value.parts(most, |part| match part {
        Part::String(string) => {
            strings = strings.saturating_add(sds(string.len() as u64));
            seen += 1;
        }
        Part::Expiry => expiries += 1,
        _ => {}
    })?;
    let rest = told.all.saturating_sub(told.told);
    if rest > 0 {
        strings = if is_alike(told) {
            part_of_all(strings, told)
        } else {
            let per_element = seen / told.told.max(1);
            let scores = if kind == Kind::Zset { rest.saturating_mul(8) } else { 0 };
            let bytes = told.all_bytes.saturating_sub(told.told_bytes).saturating_sub(scores);
            strings.saturating_add(unlike(bytes, rest.saturating_mul(per_element)))
        };
    }
    if expiries > 0 {
        expiries = expiries.saturating_mul(told.all) / told.told.max(1);
    }
    let list = if kind == Kind::Zset { skiplist(told.all) } else { 0 };
    let bytes = table(told.all).saturating_add(strings).saturating_add(list);
    Ok(bytes.saturating_add(expiries.saturating_mul(FIELD_EXPIRY)))
}

/// Whether the elements that were told are about as large as all of them in the mean: within an eighth.
#[inline]
fn is_alike(told: Told) -> bool {
    let [mean, of_all] = [told.told_bytes as f64 * told.all as f64, told.all_bytes as f64 * told.told as f64];
    (mean - of_all).abs() <= of_all / 8.0
}

/// What so many strings of all sizes take that have so many bytes in the dump: half of a class more than they are long.
#[inline]
fn unlike(bytes: u64, strings: u64) -> u64 {
    let mean = bytes / strings.max(1);
    // A byte for the length in the dump, and one for the end in memory.
    let more = if mean < 128 { 9 } else { mean / 16 };
    strings.saturating_mul(16.max(mean.saturating_add(more)))
}

/// The bytes of a compact form in a server that has no ziplists and zipmaps any more.
fn listpack_of(form: CompactForm, string: RawStr<'_>) -> u64 {
    let len = string.len() as u64;
    match form {
        CompactForm::Ziplist => len.saturating_sub(ZIPLIST_MORE),
        CompactForm::Intset | CompactForm::Listpack | CompactForm::Zipmap => len,
    }
}

fn stream(value: &Value<'_>) -> Result<u64, Error> {
    let (mut entries, mut nodes) = (Radix::default(), 0_u64);
    let (mut groups, mut pending) = (0_u64, Pending::default());
    value.parts(PENDING_SAMPLE, |part| match part {
        Part::Node(first, string) => {
            if let RawStr::Plain(id) = first
                && let Ok(id) = id.try_into()
            {
                entries.add(id);
            }
            nodes = nodes.saturating_add(allocated(string.len() as u64));
        }
        Part::Group(count) => {
            let bytes = GROUP.saturating_add(count.saturating_mul(PENDING));
            groups = groups.saturating_add(bytes).saturating_add(pending.next(Some(count)));
        }
        // The entries themselves are those of the group.
        Part::Consumer(name, count) => {
            let bytes = CONSUMER.saturating_add(name.len() as u64);
            groups = groups.saturating_add(bytes).saturating_add(pending.next(Some(count)));
        }
        Part::Id(id) => pending.ids.add(id),
        _ => {}
    })?;
    groups = groups.saturating_add(pending.next(None));
    Ok((OBJECT + STREAM).saturating_add(entries.bytes(None)).saturating_add(nodes).saturating_add(groups))
}

/// The pending entries of a group or a consumer.
#[derive(Default)]
struct Pending {
    ids: Radix,
    count: Option<u64>,
}

impl Pending {
    /// What the tree takes that ends here; another of so many ids begins.
    fn next(&mut self, count: Option<u64>) -> u64 {
        let before = std::mem::replace(self, Self { ids: Radix::default(), count });
        before.count.map_or(0, |count| before.ids.bytes(Some(count)))
    }
}

/// A document of RedisJSON; what another module answers is not known, so it is what its value holds.
fn module(value: &Value<'_>) -> Result<u64, Error> {
    if let Some(json) = value.json()? {
        return Ok(json::document(json));
    }
    let mut bytes = 0_u64;
    let told = value.parts(MOST, |part| {
        bytes = bytes.saturating_add(match part {
            Part::String(string) => sds(string.len() as u64),
            _ => 8,
        });
    })?;
    Ok(OBJECT.saturating_add(part_of_all(bytes, told)))
}

/// What all of a value takes, if what was told of it takes so much.
#[inline]
fn part_of_all(bytes: u64, told: Told) -> u64 {
    if told.told_bytes == told.all_bytes {
        return bytes;
    }
    // A division of floating point is several times as fast as one of 128 bits.
    (bytes as f64 * told.all_bytes as f64 / told.told_bytes.max(1) as f64) as u64
}
