//! RedisJSON encoding version 0: a tree of nodes as items of the module's stream.
//!
//! ```text
//! node := UINT 1                              null
//!       | UINT 2, STRING                      string
//!       | UINT 4, DOUBLE                      number
//!       | UINT 8, integer                     integer
//!       | UINT 10h, STRING "1" or "0"         boolean
//!       | UINT 20h, UINT n, n x (UINT 80h, STRING name, node)
//!       | UINT 40h, UINT n, node*n
//! ```

use super::sink::Sink;
use crate::dump::rdb::{Error, ModuleItem, ModuleReader, RawStr};
use crate::model::document::json::number;
use crate::model::document::{MAX_DEPTH, Undecodable};

const NULL: u64 = 1;
const STRING: u64 = 2;
const NUMBER: u64 = 4;
const INTEGER: u64 = 8;
const BOOLEAN: u64 = 0x10;
const DICT: u64 = 0x20;
const ARRAY: u64 = 0x40;
const ENTRY: u64 = 0x80;

/// Why a tree cannot be read.
#[derive(Debug)]
pub enum Stop {
    /// The dump is damaged.
    Dump(Error),
    /// The dump is whole, and this is no document.
    Undecodable(Undecodable),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Dump(error)
    }
}

/// Tells the tree in `bytes`, which stand at `offset` in the file, to `sink`. An [`Undecodable`] counts items.
pub fn decode(bytes: &[u8], offset: u64, room: &mut Vec<u8>, sink: &mut impl Sink) -> Result<(), Stop> {
    let mut reader = Reader { items: ModuleReader::new(bytes, offset), count: 0 };
    let mut open: Vec<Open> = Vec::new();
    loop {
        match open.last_mut() {
            None if reader.count > 0 => {
                return match reader.items.next()? {
                    None => Ok(()),
                    Some(_) => reader.fail("something follows the document"),
                };
            }
            None => {}
            Some(Open { left: 0, .. }) => {
                open.pop();
                sink.end();
                continue;
            }
            Some(top) => {
                top.left = top.left.saturating_sub(1);
                if top.object {
                    if reader.integer()? != ENTRY {
                        return reader.fail("no field of an object where one is expected");
                    }
                    let name = reader.text(room)?;
                    sink.key(name);
                }
            }
        }
        if let Some(next) = value(&mut reader, room, sink)? {
            if u32::try_from(open.len()).is_ok_and(|depth| depth >= MAX_DEPTH) {
                return reader.fail("nested too deeply");
            }
            if next.object {
                sink.start_object()
            } else {
                sink.start_array()
            }
            open.push(next);
        }
    }
}

#[derive(Debug)]
struct Open {
    object: bool,
    /// How many elements or fields are due.
    left: u64,
}

/// One node; for an object or an array what is to be opened.
fn value(reader: &mut Reader<'_>, room: &mut Vec<u8>, sink: &mut impl Sink) -> Result<Option<Open>, Stop> {
    match reader.integer()? {
        NULL => sink.null(),
        STRING => {
            let text = reader.text(room)?;
            sink.text(text);
        }
        NUMBER => {
            let Some(ModuleItem::Double(x)) = reader.next()? else { return reader.fail("a number that is not one") };
            room.clear();
            if !number::double(x, room) {
                return reader.fail("a number that is not finite");
            }
            sink.literal(room);
        }
        INTEGER => {
            let n = reader.integer()?;
            room.clear();
            if sink.wanted() {
                number::integer(i64::from_ne_bytes(n.to_ne_bytes()), room);
            }
            sink.literal(room);
        }
        BOOLEAN => match reader.text(room)? {
            b"1" => sink.literal(b"true"),
            b"0" => sink.literal(b"false"),
            _ => return reader.fail("a truth value that is neither 1 nor 0"),
        },
        kind @ (DICT | ARRAY) => {
            let object = kind == DICT;
            let left = reader.integer()?;
            // A field takes seven bytes at least, an element two.
            let available = u64::try_from(reader.items.left()).unwrap_or(u64::MAX);
            if left.saturating_mul(if object { 7 } else { 2 }) > available {
                return reader.fail("more elements than could fit");
            }
            return Ok(Some(Open { object, left }));
        }
        _ => return reader.fail("a node of an unknown type"),
    }
    Ok(None)
}

struct Reader<'a> {
    items: ModuleReader<'a>,
    count: usize,
}

impl<'a> Reader<'a> {
    #[cold]
    fn fail<T>(&self, reason: &'static str) -> Result<T, Stop> {
        Err(Stop::Undecodable(Undecodable { at: self.count, reason }))
    }

    fn next(&mut self) -> Result<Option<ModuleItem<'a>>, Stop> {
        self.count = self.count.saturating_add(1);
        Ok(self.items.next()?)
    }

    fn integer(&mut self) -> Result<u64, Stop> {
        match self.next()? {
            Some(ModuleItem::Integer(n)) => Ok(n),
            _ => self.fail("no integer where one is expected"),
        }
    }

    fn text<'t>(&mut self, room: &'t mut Vec<u8>) -> Result<&'t [u8], Stop>
    where
        'a: 't,
    {
        let (string, at): (RawStr<'a>, u64) = match self.next()? {
            Some(ModuleItem::String(string, at)) => (string, at),
            _ => return self.fail("no string where one is expected"),
        };
        let bytes = string.decode(room).map_err(|kind| Error::in_string(at, kind))?;
        if simdutf8::basic::from_utf8(bytes).is_ok() { Ok(bytes) } else { self.fail("not UTF-8") }
    }
}
