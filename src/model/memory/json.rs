//! RedisJSON documents: what the module answers, from the length of their text and some places in it.

use crate::dump::rdb::{Json, RawStr};

/// So many bytes of a text are looked at in one place, …
const CHUNK: usize = 32;
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

/// Counts in 16 columns, which the compiler makes one: a value of each is at most the rows of all chunks.
type Columns = [u8; 16];

impl Signs {
    /// Looks at all of a short text, and at some places of a long one.
    fn of(text: &[u8]) -> Self {
        let mut counts = [Columns::default(); 5];
        let looked_at = match text.len().checked_sub(CHUNK + 1) {
            None => {
                let mut chunk = [0; CHUNK + 1];
                chunk.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
                count(&chunk, &mut counts);
                text.len()
            }
            // Places at a fixed share of the text, the last at its end: no division that depends on it.
            Some(last) if text.len() >= CHUNKS * CHUNK => {
                for at in 0..CHUNKS {
                    look(text, last * at / (CHUNKS - 1), &mut counts);
                }
                CHUNKS * CHUNK
            }
            Some(last) => {
                let chunks = text.len().div_ceil(CHUNK);
                for at in 1..chunks {
                    look(text, (at - 1) * CHUNK, &mut counts);
                }
                look(text, last, &mut counts);
                chunks * CHUNK
            }
        };
        let [quotes, fields, commas, objects, arrays] = counts.map(sum);
        Self { looked_at: looked_at as u64, quotes, fields, commas, objects, arrays }
    }
}

/// Counts in the chunk that begins there.
#[inline]
fn look(text: &[u8], from: usize, counts: &mut [Columns; 5]) {
    if let Some(chunk) = text.get(from..).and_then(|rest| rest.first_chunk()) {
        count(chunk, counts);
    }
}

/// Counts in a chunk; the byte behind it says whether its last quote is that of a field.
#[inline]
fn count(chunk: &[u8; CHUNK + 1], counts: &mut [Columns; 5]) {
    let [quotes, fields, commas, objects, arrays] = counts;
    for row in (0..CHUNK).step_by(16) {
        let (Some(now), Some(next)) = (chunk[row..].first_chunk::<16>(), chunk[row + 1..].first_chunk::<16>()) else {
            return;
        };
        for at in 0..16 {
            let quote = u8::from(now[at] == b'"');
            quotes[at] = quotes[at].wrapping_add(quote);
            fields[at] = fields[at].wrapping_add(quote & u8::from(next[at] == b':'));
            commas[at] = commas[at].wrapping_add(u8::from(now[at] == b','));
            objects[at] = objects[at].wrapping_add(u8::from(now[at] == b'{'));
            arrays[at] = arrays[at].wrapping_add(u8::from(now[at] == b'['));
        }
    }
}

/// All columns together: at most 255.
#[inline]
fn sum(columns: Columns) -> u64 {
    let wide = u128::from_ne_bytes(columns);
    // Both halves, byte by byte: none overflows. Then each byte of a product's highest one.
    let half = (wide as u64).wrapping_add((wide >> 64) as u64);
    half.wrapping_mul(0x0101_0101_0101_0101) >> 56
}

/// What so many objects or arrays take that hold so many values together: their room doubles as they grow.
fn room(count: u64, values: u64, each: u64) -> u64 {
    let per = if count > 1 { values.div_ceil(count) } else { values }.max(1);
    let room = per.next_power_of_two().max(LEAST_ROOM);
    count.saturating_mul(HEAD.saturating_add(room.saturating_mul(each)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RedisJSON 2.8 answers for them.
    #[test]
    fn short_documents() {
        let facts: [(&[u8], u64); 6] = [
            (br#"{"a":1}"#, 129),
            (br#"{"k000":1}"#, 132),
            (br#"{"k000":1,"k001":1}"#, 144),
            (b"[1]", 64),
            (b"[1,2,3,4,5]", 128),
            (b"null", 8),
        ];
        for (text, bytes) in facts {
            let found = document(Json::Text(RawStr::Plain(text)));
            // Digits count as text.
            assert!(found.abs_diff(bytes) <= 8, "{}: {found} for {bytes}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn signs_are_counted_where_chunks_meet() {
        for len in 1..300 {
            let text: Vec<u8> = br#"{"k":1,"#.iter().copied().cycle().take(len * 7).collect();
            let signs = Signs::of(&text);
            let share = |sign: u64| sign as f64 / signs.looked_at as f64 * 7.0;
            for sign in [signs.objects, signs.fields, signs.commas] {
                assert!((share(sign) - 1.0).abs() < 0.2, "{len}: {signs:?}");
            }
            assert!((share(signs.quotes) - 2.0).abs() < 0.3, "{len}: {signs:?}");
        }
    }
}
