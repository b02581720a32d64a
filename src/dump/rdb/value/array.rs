//! Sparse arrays: indexes, each with a string, an integer or a double.

use std::io::Write;

use super::*;
use crate::dump::rdb::integer::IntText;

pub(super) fn visit<V: Visitor + ?Sized>(cursor: &mut Cursor<'_>, scratch: &mut Scratch, visitor: &mut V) -> Visited {
    let n = cursor.array_header()?;
    let mut text = IntText::new();
    for _ in 0..n {
        let start = *cursor;
        let index = cursor.length()?;
        if index == u64::MAX {
            return Err(start.fail(ErrorKind::ArrayIndex).into());
        }
        let tag = *cursor;
        let value = match cursor.length()? {
            0 | 3 => element(cursor, &mut scratch.first)?,
            1 => {
                let at = Place::whole(wide(cursor.position()));
                Element { bytes: text.write(cursor.i64_le()?), at }
            }
            2 => {
                let at = Place::whole(wide(cursor.position()));
                Element { bytes: double_text(cursor.f64_le()?, &mut scratch.second), at }
            }
            found => return Err(tag.fail(ErrorKind::ArrayTag(found)).into()),
        };
        go(visitor.array_element(index, value))?;
    }
    Ok(())
}

/// The shortest text that reads back as the same double.
fn double_text(number: f64, room: &mut Vec<u8>) -> &[u8] {
    room.clear();
    // Writing to a vector cannot fail. `Debug` takes an exponent where it is shorter, and a fraction always.
    let written = write!(room, "{number:?}");
    let text = written.map_or(&[][..], |()| room.as_slice());
    text.strip_suffix(b".0").unwrap_or(text)
}
