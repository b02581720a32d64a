//! A document's text, as `JSON.GET` gives it.

use crate::model::document::binary::sink::Sink;

/// Writes compact JSON.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Closing brackets of what is open.
    open: Vec<u8>,
    /// A comma is due before the next element or name.
    comma: bool,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, open: Vec::new(), comma: false }
    }

    fn element(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn start(&mut self, bracket: u8, close: u8) {
        self.element();
        self.out.push(bracket);
        self.open.push(close);
        self.comma = false;
    }
}

impl Sink for Writer<'_> {
    fn wanted(&self) -> bool {
        true
    }

    fn text(&mut self, bytes: &[u8]) {
        self.element();
        string(bytes, self.out);
    }

    fn literal(&mut self, bytes: &[u8]) {
        self.element();
        self.out.extend_from_slice(bytes);
    }

    fn null(&mut self) {
        self.literal(b"null");
    }

    fn start_object(&mut self) {
        self.start(b'{', b'}');
    }

    fn start_array(&mut self) {
        self.start(b'[', b']');
    }

    fn key(&mut self, name: &[u8]) {
        self.element();
        string(name, self.out);
        self.out.push(b':');
        self.comma = false;
    }

    fn end(&mut self) {
        self.out.extend(self.open.pop());
        self.comma = true;
    }
}

/// Appends a string in quotes; of a character only what JSON demands is escaped.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    // Writing to a vector cannot fail.
    let _ = escape(text, out);
    out.push(b'"');
}

/// Writes UTF-8 as it stands between the quotes of a JSON string.
pub fn escape(text: &[u8], out: &mut impl std::io::Write) -> std::io::Result<()> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    loop {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        let Some(at) = rest.iter().position(special) else { return out.write_all(rest) };
        let Some((plain, [byte, after @ ..])) = rest.split_at_checked(at) else { return Ok(()) };
        out.write_all(plain)?;
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => 0,
        };
        if short == 0 {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
            out.write_all(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0x0f)])?;
        } else {
            out.write_all(&[b'\\', short])?;
        }
        rest = after;
    }
}

/// Valid JSON text without the white space between its tokens: itself if it has none, else a copy in `out`.
pub fn compact<'b>(text: &'b [u8], out: &'b mut Vec<u8>) -> &'b [u8] {
    let mut copied = false;
    // From where the text has neither been copied nor dropped.
    let mut from = 0_usize;
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..) {
        let Some((byte, after)) = rest.split_first() else { break };
        at = at.saturating_add(1);
        match byte {
            b'"' => at = at.saturating_add(string_len(after)),
            b' ' | b'\n' | b'\t' | b'\r' => {
                if !copied {
                    out.clear();
                    copied = true;
                }
                out.extend_from_slice(text.get(from..at.saturating_sub(1)).unwrap_or_default());
                from = at;
            }
            _ => {}
        }
    }
    if !copied {
        return text;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out
}

/// Length of a string from behind its opening quote to behind its closing one.
fn string_len(text: &[u8]) -> usize {
    let mut len = 0_usize;
    loop {
        let rest = text.get(len..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'"', b'\\', rest) else { return text.len() };
        let escaped = rest.get(at) == Some(&b'\\');
        len = len.saturating_add(at).saturating_add(if escaped { 2 } else { 1 });
        if !escaped {
            return len;
        }
    }
}
