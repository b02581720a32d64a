//! RedisJSON documents of every encoding version: their fields, their text, and whether they are documents at all.

mod cbor;
pub mod events;
pub mod sink;
#[cfg(test)]
mod tests;
mod tree;

use super::json::text as writer;
use super::{Extractor, Slots, Undecodable, json};
use crate::dump::rdb::{Error, Json, RawStr};
use crate::model::document::capture::Captures;
use crate::model::document::trie::Trie;
use sink::{Nothing, Sink};

/// A document, or why it is none; and outside of that, damage to the dump it stands in.
type Decoded<T> = Result<Result<T, Undecodable>, Error>;

impl Extractor {
    /// The fields of a RedisJSON document, without its text being built. `offset` is where its value stands in the file,
    /// for errors; `room` is used for bytes that do not stand in the file as they are.
    pub fn redis_json<'x, 'a: 'x>(
        &'x mut self,
        json: Json<'a>,
        offset: u64,
        room: &'x mut Vec<u8>,
    ) -> Decoded<Slots<'x>> {
        match json {
            Json::Text(raw) => Ok(self.json(decode(raw, offset, room)?)),
            Json::Unsupported { .. } => Ok(Err(UNSUPPORTED)),
            Json::Cbor(_) | Json::Tree(_) => {
                let mut events = self.events();
                match binary(json, offset, room, &mut events)? {
                    Ok(()) => Ok(events.finish()),
                    Err(error) => Ok(Err(error)),
                }
            }
        }
    }

    /// Whether a value is a document, an object or not; whatever its paths are, it is read to its end.
    pub fn check(&mut self, json: Json<'_>, offset: u64, room: &mut Vec<u8>) -> Decoded<()> {
        match json {
            Json::Text(raw) => Ok(self.read(decode(raw, offset, room)?)),
            Json::Unsupported { .. } => Ok(Err(UNSUPPORTED)),
            Json::Cbor(_) | Json::Tree(_) => binary(json, offset, room, &mut Nothing),
        }
    }
}

/// The text of a document as `JSON.GET` gives it: without white space, its fields in their order, its numbers as they
/// are written. Of fields with the same name, which no server writes, all are kept.
///
/// It is borrowed from the dump where it stands there as it is, else it is in one of the buffers. A binary document of n
/// bytes has at most 12 n bytes of text.
pub fn text<'b, 'a: 'b>(json: Json<'a>, offset: u64, room: &'b mut Vec<u8>, out: &'b mut Vec<u8>) -> Decoded<&'b [u8]> {
    match json {
        Json::Text(raw) => {
            let text = decode(raw, offset, room)?;
            Ok(check_text(text).map(|()| writer::compact(text, out)))
        }
        Json::Unsupported { .. } => Ok(Err(UNSUPPORTED)),
        Json::Cbor(_) | Json::Tree(_) => {
            out.clear();
            let written = binary(json, offset, room, &mut writer::Writer::new(out))?;
            Ok(written.map(|()| out.as_slice()))
        }
    }
}

const UNSUPPORTED: Undecodable = Undecodable { at: 0, reason: "an unknown RedisJSON encoding version" };

fn check_text(text: &[u8]) -> Result<(), Undecodable> {
    // No path is wanted, and none of these allocates when empty.
    json::search(text, &Trie::new(&[]), &mut Captures::new(&[]), &mut Vec::new())
}

fn binary(json: Json<'_>, offset: u64, room: &mut Vec<u8>, sink: &mut impl Sink) -> Decoded<()> {
    match json {
        Json::Cbor(raw) => {
            let mut expanded = Vec::new();
            let bytes = decode(raw, offset, &mut expanded)?;
            Ok(cbor::decode(bytes, room, sink))
        }
        // The tree follows the module's id, which takes nine bytes: it has more than 32 bits.
        Json::Tree(bytes) => match tree::decode(bytes, offset.saturating_add(9), room, sink) {
            Ok(()) => Ok(Ok(())),
            Err(tree::Stop::Undecodable(error)) => Ok(Err(error)),
            Err(tree::Stop::Dump(error)) => Err(error),
        },
        Json::Text(_) | Json::Unsupported { .. } => Ok(Err(UNSUPPORTED)),
    }
}

fn decode<'b, 'a: 'b>(raw: RawStr<'a>, offset: u64, room: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
    raw.decode(room).map_err(|kind| Error::in_string(offset, kind))
}
