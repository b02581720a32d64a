//! RedisJSON documents: what the module answers, from the length of their text and some places in it.

use crate::dump::rdb::{Json, RawStr};

/// So many bytes of a text are looked at in one place, …
const CHUNK: usize = 64;
/// … and so many places, spread over it.
const CHUNKS: usize = 4;
/// What a value takes: `IValue`.
const VALUE: u64 = 8;
/// What an object or array takes beside its room: a length and a capacity.
const HEAD: u64 = 16;
/// The least room of an object or array.
const LEAST_ROOM: u64 = 4;
/// What a compressed text takes for each of its bytes, at least and at most.
const COMPRESSED: f64 = 2.0;
const MOST_COMPRESSED: f64 = 4.5;

/// What the module answers for a document.
pub fn document(json: Json<'_>) -> u64 {
    match json {
        Json::Text(RawStr::Plain(text)) | Json::Cbor(RawStr::Plain(text)) => text_of(text),
        Json::Text(RawStr::Lzf { packed, len }) | Json::Cbor(RawStr::Lzf { packed, len }) => {
            // What compresses very well is names of fields that come again and again, with short values.
            let ratio = f64::from(len) / packed.len().max(1) as f64 * 0.9;
            (f64::from(len) * ratio.clamp(COMPRESSED, MOST_COMPRESSED)) as u64
        }
        Json::Text(RawStr::Int(_)) | Json::Cbor(RawStr::Int(_)) => VALUE,
        Json::Tree(bytes) => (bytes.len() as u64).saturating_mul(2),
        Json::Unsupported { .. } => 0,
    }
}

fn text_of(text: &[u8]) -> u64 {
    let len = text.len() as u64;
    let signs = Signs::of(text);
    let values = signs.commas.saturating_add(signs.objects).saturating_add(signs.arrays);
    let fields = signs.fields;
    let elements = if signs.arrays == 0 { 0 } else { values.saturating_sub(fields) };
    // One division, and no more: every document is asked about.
    let ratio = len as f64 / signs.looked_at.max(1) as f64;
    let scale = |n: u64| (n as f64 * ratio) as u64;
    let punctuation = signs.quotes.saturating_add(values).saturating_add(signs.objects).saturating_add(signs.arrays);
    let strings = len.saturating_sub(scale(punctuation.saturating_add(fields)));
    let [fields, elements] = [fields, elements].map(scale);
    // The outermost one is looked at always, and is one.
    let objects = if signs.objects == 0 { 0 } else { 1 + scale(signs.objects - 1) };
    let arrays = if signs.arrays == 0 { 0 } else { scale(signs.arrays).max(1) };
    VALUE
        .saturating_add(fields.saturating_add(elements).saturating_mul(VALUE))
        .saturating_add(room(objects, fields, 3 * VALUE))
        .saturating_add(room(arrays, elements, VALUE))
        .saturating_add(strings)
}

/// How often signs occur in what was looked at of a text.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    looked_at: u64,
    quotes: u64,
    /// A quote and a colon.
    fields: u64,
    commas: u64,
    objects: u64,
    arrays: u64,
}

impl Signs {
    /// Looks at all of a short text, and at some places of a long one.
    fn of(text: &[u8]) -> Self {
        let mut all = Self::default();
        let last = text.len().saturating_sub(CHUNK);
        let chunks = text.len().div_ceil(CHUNK).clamp(1, CHUNKS);
        let step = last.checked_div(chunks.saturating_sub(1)).unwrap_or(0);
        for at in 0..chunks {
            // The last chunk is at the end, and all are whole where the text is long enough.
            let from = step.saturating_mul(at);
            match text.get(from..).and_then(|rest| rest.first_chunk::<CHUNK>()) {
                Some(chunk) => all.count(chunk),
                None => {
                    let mut chunk = [0; CHUNK];
                    chunk.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
                    all.count(&chunk);
                    all.looked_at = text.len() as u64;
                    return all;
                }
            }
        }
        all
    }

    #[inline]
    fn count(&mut self, chunk: &[u8; CHUNK]) {
        // Sums of bytes, so that the compiler can make one instruction of many of them; none is above 64.
        let count =
            |sign: u8| u64::from(chunk.iter().fold(0_u8, |sum, byte| sum.wrapping_add(u8::from(*byte == sign))));
        let pairs = chunk.iter().zip(chunk.iter().skip(1));
        let fields = pairs.fold(0_u8, |sum, (a, b)| sum.wrapping_add(u8::from(*a == b'"') & u8::from(*b == b':')));
        self.looked_at += CHUNK as u64;
        self.quotes += count(b'"');
        self.fields += u64::from(fields);
        self.commas += count(b',');
        self.objects += count(b'{');
        self.arrays += count(b'[');
    }
}

/// What so many objects or arrays take that hold so many values together: their room doubles as they grow.
fn room(count: u64, values: u64, each: u64) -> u64 {
    let per = if count > 1 { values.div_ceil(count) } else { values }.max(1);
    let room = per.next_power_of_two().max(LEAST_ROOM);
    count.saturating_mul(HEAD.saturating_add(room.saturating_mul(each)))
}
