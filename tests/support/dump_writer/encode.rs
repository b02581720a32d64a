//! Lengths, strings and numbers as `rdb.c` writes them.

use super::lzf::Lzf;

/// Writes a length in its shortest form.
pub fn len(out: &mut Vec<u8>, n: u64) {
    if n < 1 << 6 {
        out.push(n as u8);
    } else if n < 1 << 14 {
        out.extend_from_slice(&[0x40 | (n >> 8) as u8, n as u8]);
    } else if let Ok(n) = u32::try_from(n) {
        out.push(0x80);
        out.extend_from_slice(&n.to_be_bytes());
    } else {
        out.push(0x81);
        out.extend_from_slice(&n.to_be_bytes());
    }
}

/// Writes strings; keeps the compressor's table from one to the next.
#[derive(Clone)]
pub struct StringWriter {
    pub compress: bool,
    /// Whether the text of a small integer is written as one.
    pub integers: bool,
    lzf: Lzf,
    compressed: Vec<u8>,
}

impl StringWriter {
    pub fn new() -> Self {
        Self { compress: true, integers: true, lzf: Lzf::new(), compressed: Vec::new() }
    }

    /// An integer if the text is at most 11 bytes and reads as an i32; LZF if it is longer than 20 bytes and that saves
    /// at least 4; else the bytes.
    pub fn put(&mut self, out: &mut Vec<u8>, text: &[u8]) {
        if self.integers
            && text.len() <= 11
            && let Some(n) = canonical_int(text).and_then(|n| i32::try_from(n).ok())
        {
            if let Ok(n) = i8::try_from(n) {
                out.extend_from_slice(&[0xC0, n as u8]);
            } else if let Ok(n) = i16::try_from(n) {
                out.push(0xC1);
                out.extend_from_slice(&n.to_le_bytes());
            } else {
                out.push(0xC2);
                out.extend_from_slice(&n.to_le_bytes());
            }
            return;
        }
        if self.compress && text.len() > 20 {
            self.compressed.clear();
            if self.lzf.compress(text, &mut self.compressed, text.len() - 4) {
                out.push(0xC3);
                len(out, self.compressed.len() as u64);
                len(out, text.len() as u64);
                out.extend_from_slice(&self.compressed);
                return;
            }
        }
        len(out, text.len() as u64);
        out.extend_from_slice(text);
    }
}

/// The integer that this text is the only decimal form of: no sign but a minus, no leading zero, no `-0`.
pub fn canonical_int(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if digits.len() == text.len() => return Some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 && rest.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A score as text that reads back as the same double; the forms of infinity are the server's.
pub fn score_text(score: f64) -> Vec<u8> {
    if score.is_infinite() {
        return if score > 0.0 { b"inf".to_vec() } else { b"-inf".to_vec() };
    }
    score.to_string().into_bytes()
}
