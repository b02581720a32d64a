//! JSON that is safe to look at.

use std::io::{self, Write};

use super::visible::is_unsafe;

/// Takes JSON and passes it on; what a terminal would obey or hide is written as `\u….`: to a reader of JSON that is the
/// same text. Such characters can only stand within strings. It must be given whole characters.
#[derive(Debug)]
pub struct Json<W>(pub W);

impl<W: Write> Write for Json<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let suspect = |byte: &u8| *byte >= 0x7f;
        if !bytes.iter().any(suspect) {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let mut from = 0_usize;
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            let mut rest = text;
            while let Some((at, c)) = rest.char_indices().find(|(_, c)| *c > '~' && is_unsafe(*c)) {
                let (before, after) = rest.split_at(at);
                self.0.write_all(before.as_bytes())?;
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.0, "\\u{unit:04x}")?;
                }
                rest = after.get(c.len_utf8()..).unwrap_or_default();
            }
            self.0.write_all(rest.as_bytes())?;
            from = from.saturating_add(text.len()).saturating_add(chunk.invalid().len());
            self.0.write_all(chunk.invalid())?;
        }
        Ok(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left() {
        let text = "a\u{1b}[0m\u{7f}\u{9b}\u{202e}\u{2028}\u{e0041}é\"\\";
        let mut out = Vec::new();
        serde_json::to_writer_pretty(Json(&mut out), &[text]).unwrap();
        let out = String::from_utf8(out).unwrap();
        // U+E0041 as UTF-16: 0xE0041 − 0x10000 = 0xD0041; the high ten bits are 0x340, the low ten 0x041.
        assert_eq!(out, "[\n  \"a\\u001b[0m\\u007f\\u009b\\u202e\\u2028\\udb40\\udc41é\\\"\\\\\"\n]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&out).unwrap(), [text]);
    }
}
