//! RedisJSON encoding version 4: one CBOR item (RFC 8949), with typed arrays (RFC 8746) for homogeneous ones.

use super::sink::Sink;
use crate::model::document::json::number::{self, Half};
use crate::model::document::{MAX_DEPTH, Undecodable};

/// Tells the item in `bytes` to `sink`. Nothing may follow it.
///
/// What JSON has no word for is an error: other tags, bare byte strings, names that are no text, `undefined`. NaN and the
/// infinities are `null`, as RedisJSON prints them. `room` is used for text that comes in pieces, and for numbers.
pub fn decode(bytes: &[u8], room: &mut Vec<u8>, sink: &mut impl Sink) -> Result<(), Undecodable> {
    let mut reader = Reader { len: bytes.len(), rest: bytes };
    let mut open: Vec<Open> = Vec::new();
    loop {
        // The ends of as many containers as are full; then the next value, or the end.
        let Some(top) = open.last_mut() else {
            if reader.rest.len() < reader.len {
                return if reader.rest.is_empty() { Ok(()) } else { reader.fail("something follows the document") };
            }
            value(&mut reader, &mut open, room, sink)?;
            continue;
        };
        let more = match &mut top.left {
            Some(0) => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                true
            }
            None if reader.rest.first() == Some(&BREAK) => {
                reader.byte()?;
                false
            }
            None => true,
        };
        if !more {
            open.pop();
            sink.end();
            continue;
        }
        if top.object {
            let (major, info) = reader.head()?;
            if major != TEXT {
                return reader.fail("a field name that is not text");
            }
            let name = reader.text(info, room)?;
            sink.key(name);
        }
        value(&mut reader, &mut open, room, sink)?;
    }
}

/// Major types.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
/// The additional information of an item whose end is marked by a break.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

#[derive(Debug)]
struct Open {
    object: bool,
    /// How many elements or fields are due; none: until a break.
    left: Option<u64>,
}

fn value(
    reader: &mut Reader<'_>,
    open: &mut Vec<Open>,
    room: &mut Vec<u8>,
    sink: &mut impl Sink,
) -> Result<(), Undecodable> {
    let (major, info) = reader.head()?;
    match major {
        UNSIGNED => {
            let n = reader.argument(info)?;
            literal(sink, room, |out| number::integer(n, out));
        }
        NEGATIVE => {
            let n = reader.argument(info)?;
            let Ok(n) = i64::try_from(n) else { return reader.fail("an integer below 64 bits") };
            // -1 - n, which is the complement.
            literal(sink, room, |out| number::integer(!n, out));
        }
        BYTES => return reader.fail("a byte string without a tag"),
        TEXT => sink.text(reader.text(info, room)?),
        ARRAY | MAP => {
            let object = major == MAP;
            let left = if info == INDEFINITE { None } else { Some(reader.argument(info)?) };
            // Every element takes a byte, every field two: no count is believed that could not be true.
            let available = u64::try_from(reader.rest.len()).unwrap_or(u64::MAX);
            let least = if object { 2 } else { 1 };
            if left.is_some_and(|left| left.saturating_mul(least) > available) {
                return reader.fail("more elements than could fit");
            }
            if u32::try_from(open.len()).is_ok_and(|depth| depth >= MAX_DEPTH) {
                return reader.fail("nested too deeply");
            }
            if object {
                sink.start_object()
            } else {
                sink.start_array()
            }
            open.push(Open { object, left });
        }
        TAG => {
            let tag = reader.argument(info)?;
            let Some(kind) = Typed::of(tag) else { return reader.fail("an unknown tag") };
            if u32::try_from(open.len()).is_ok_and(|depth| depth >= MAX_DEPTH) {
                return reader.fail("nested too deeply");
            }
            let (major, info) = reader.head()?;
            if major != BYTES || info == INDEFINITE {
                return reader.fail("a typed array that is not a byte string");
            }
            let len = reader.argument(info)?;
            let bytes = reader.take(len)?;
            typed_array(reader, kind, bytes, room, sink)?;
        }
        _ => match info {
            20 => sink.literal(b"false"),
            21 => sink.literal(b"true"),
            22 => sink.null(),
            25 => {
                let bits = u16::from_be_bytes(reader.array()?);
                // A float is one whatever its width: it prints as the double it is equal to.
                float(sink, room, |out| number::double(Half::Ieee.value(bits), out));
            }
            26 => {
                let x = f32::from_be_bytes(reader.array()?);
                float(sink, room, |out| number::double(f64::from(x), out));
            }
            27 => {
                let x = f64::from_be_bytes(reader.array()?);
                float(sink, room, |out| number::double(x, out));
            }
            _ => return reader.fail("a simple value that JSON does not have"),
        },
    }
    Ok(())
}

fn literal(sink: &mut impl Sink, room: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    room.clear();
    if sink.wanted() {
        write(room);
    }
    sink.literal(room);
}

fn float(sink: &mut impl Sink, room: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) {
    room.clear();
    if !sink.wanted() || write(room) { sink.literal(room) } else { sink.null() }
}

/// The elements of a typed array; all are little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    Bf16,
}

impl Typed {
    fn of(tag: u64) -> Option<Self> {
        Some(match tag {
            64 => Self::U8,
            69 => Self::U16,
            70 => Self::U32,
            71 => Self::U64,
            72 => Self::I8,
            77 => Self::I16,
            78 => Self::I32,
            79 => Self::I64,
            84 => Self::F16,
            85 => Self::F32,
            86 => Self::F64,
            // RFC 8746 has no tag for it; this one is RedisJSON's own.
            0x1_0000 => Self::Bf16,
            _ => return None,
        })
    }
}

fn typed_array(
    reader: &Reader<'_>,
    kind: Typed,
    bytes: &[u8],
    room: &mut Vec<u8>,
    sink: &mut impl Sink,
) -> Result<(), Undecodable> {
    sink.start_array();
    macro_rules! each {
        ($ty:ty, $write:expr) => {{
            let (elements, rest) = bytes.as_chunks::<{ size_of::<$ty>() }>();
            if !rest.is_empty() {
                return reader.fail("a typed array that ends inside an element");
            }
            for element in elements {
                float(sink, room, |out| $write(<$ty>::from_le_bytes(*element), out));
            }
        }};
    }
    macro_rules! integers {
        ($ty:ty) => {
            each!($ty, |n, out: &mut Vec<u8>| {
                number::integer(n, out);
                true
            })
        };
    }
    match kind {
        Typed::U8 => integers!(u8),
        Typed::U16 => integers!(u16),
        Typed::U32 => integers!(u32),
        Typed::U64 => integers!(u64),
        Typed::I8 => integers!(i8),
        Typed::I16 => integers!(i16),
        Typed::I32 => integers!(i32),
        Typed::I64 => integers!(i64),
        Typed::F16 => each!(u16, |bits, out: &mut Vec<u8>| Half::Ieee.write(bits, out)),
        Typed::Bf16 => each!(u16, |bits, out: &mut Vec<u8>| Half::Brain.write(bits, out)),
        Typed::F32 => each!(f32, number::single),
        Typed::F64 => each!(f64, number::double),
    }
    sink.end();
    Ok(())
}

struct Reader<'a> {
    len: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[cold]
    fn fail<T>(&self, reason: &'static str) -> Result<T, Undecodable> {
        Err(Undecodable { at: self.len.saturating_sub(self.rest.len()), reason })
    }

    fn byte(&mut self) -> Result<u8, Undecodable> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => self.fail("the data ends too early"),
        }
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], Undecodable> {
        match usize::try_from(n).ok().and_then(|n| self.rest.split_at_checked(n)) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => self.fail("the data ends too early"),
        }
    }

    /// Major type and additional information of the next item.
    fn head(&mut self) -> Result<(u8, u8), Undecodable> {
        let byte = self.byte()?;
        Ok((byte >> 5, byte & 0x1f))
    }

    /// The number that the additional information stands for, or says the width of.
    fn argument(&mut self, info: u8) -> Result<u64, Undecodable> {
        Ok(match info {
            0..24 => u64::from(info),
            24 => u64::from(self.byte()?),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            _ => return self.fail("a length that does not exist"),
        })
    }

    /// A text; one in pieces is put together in `room`.
    fn text<'t>(&mut self, info: u8, room: &'t mut Vec<u8>) -> Result<&'t [u8], Undecodable>
    where
        'a: 't,
    {
        if info != INDEFINITE {
            let len = self.argument(info)?;
            let bytes = self.take(len)?;
            return self.utf8(bytes);
        }
        room.clear();
        loop {
            let (major, info) = self.head()?;
            match (major, info) {
                (7, INDEFINITE) => return Ok(room),
                (TEXT, 0..INDEFINITE) => {
                    let len = self.argument(info)?;
                    // Each piece has to be UTF-8 of its own.
                    let piece = self.take(len)?;
                    room.extend_from_slice(self.utf8(piece)?);
                }
                _ => return self.fail("a piece of a text that is not text"),
            }
        }
    }

    fn utf8<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], Undecodable> {
        if simdutf8::basic::from_utf8(bytes).is_ok() { Ok(bytes) } else { self.fail("not UTF-8") }
    }
}
