//! One cell of a row, and how it is written in text.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Format;
use crate::model::document;
use crate::text::{self, Json};

/// What a cell holds.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    None,
    Unsigned(u64),
    /// Text that needs no escaping.
    Plain(&'a str),
    /// Bytes of the dump.
    Bytes(&'a [u8]),
    /// JSON that stands in a row as it is.
    Json(&'a [u8]),
    /// A score, and its text: in text it is one, since JSON has no number for the infinities.
    Score(#[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "its text is enough"))] f64, &'a str),
    /// Unix milliseconds.
    Time(i64),
}

/// Bytes are turned into base64 in pieces of this size, which is a multiple of three.
const PIECE: usize = 3 << 12;

impl Cell<'_> {
    pub(super) fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        let csv = format == Format::Csv;
        match self {
            Cell::None if csv => Ok(()),
            Cell::None => out.write_all(b"null"),
            Cell::Unsigned(n) => write!(out, "{n}"),
            Cell::Time(n) => write!(out, "{n}"),
            // Of what spreadsheets compute a score can only be a number.
            Cell::Score(_, text) if csv => out.write_all(text.as_bytes()),
            Cell::Plain(text) if csv => text::csv::cell(text.as_bytes(), out),
            Cell::Plain(text) | Cell::Score(_, text) => write!(out, "\"{text}\""),
            Cell::Bytes(bytes) if csv => text::csv::cell(bytes, out),
            Cell::Bytes(bytes) => json_bytes(bytes, &mut Json(out)),
            Cell::Json(json) if csv => text::csv::json(json, out),
            Cell::Json(json) => Json(out).write_all(json),
        }
    }
}

/// Writes bytes as JSON: a string, or `{"base64":"…"}` where they are not UTF-8.
pub(super) fn json_bytes(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        out.write_all(b"\"")?;
        document::escape(bytes, out)?;
        return out.write_all(b"\"");
    }
    out.write_all(b"{\"base64\":\"")?;
    base64(bytes, out)?;
    out.write_all(b"\"}")
}

fn base64(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut text = String::new();
    for piece in bytes.chunks(PIECE) {
        text.clear();
        BASE64_STANDARD.encode_string(piece, &mut text);
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(cell: Cell<'_>) -> (String, String) {
        let text = |format| {
            let mut out = Vec::new();
            cell.write(format, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        (text(Format::Ndjson), text(Format::Csv))
    }

    #[test]
    fn cells() {
        for (cell, ndjson, csv) in [
            (Cell::None, "null", ""),
            (Cell::Unsigned(u64::MAX), "18446744073709551615", "18446744073709551615"),
            (Cell::Time(-1), "-1", "-1"),
            (Cell::Score(f64::NEG_INFINITY, "-inf"), "\"-inf\"", "-inf"),
            (Cell::Score(0.1, "0.1"), "\"0.1\"", "0.1"),
            (Cell::Plain("set"), "\"set\"", "set"),
            (Cell::Bytes(b""), "\"\"", "\"\""),
            (Cell::Bytes(b"a b"), "\"a b\"", "a b"),
            (Cell::Bytes(b"a,b"), "\"a,b\"", "\"a,b\""),
            (Cell::Bytes(b"\"a\"\n\x01"), r#""\"a\"\n\u0001""#, "\"\"\"a\"\"\\u{a}\\u{1}\""),
            (Cell::Bytes(b"=1+\x7f"), r#""=1+\u007f""#, "'=1+\\u{7f}"),
            (Cell::Bytes("\u{202e}".as_bytes()), r#""\u202e""#, "\\u{202e}"),
            (Cell::Json("[\"\u{9b}\"]".as_bytes()), r#"["\u009b"]"#, r#""[""\u009b""]""#),
            (Cell::Bytes("\u{fc}".as_bytes()), "\"\u{fc}\"", "\u{fc}"),
            // 0xff 0x00 is /wA= in base64 (RFC 4648).
            (Cell::Bytes(b"\xff\x00"), r#"{"base64":"/wA="}"#, r#""{""base64"":""/wA=""}""#),
            (Cell::Json(b"[1,2]"), "[1,2]", "\"[1,2]\""),
        ] {
            assert_eq!(both(cell), (ndjson.to_owned(), csv.to_owned()));
        }
    }

    #[test]
    fn base64_in_pieces_is_base64() {
        let bytes: Vec<u8> = (0..PIECE * 2 + 1).map(|n| (n * 7) as u8).collect();
        let whole = format!("{{\"base64\":\"{}\"}}", BASE64_STANDARD.encode(&bytes));
        assert_eq!(both(Cell::Bytes(&bytes)).0, whole);
    }
}
