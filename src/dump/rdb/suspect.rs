//! What may have happened to a whole file that is damaged.

use std::fmt;

use super::error::wide;

/// What a transfer as text does to a dump, and how it shows. Of a whole dump none of this is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Every line feed has a carriage return before it: so many.
    ReturnsAdded(u64),
    /// So many line feeds, and not one carriage return.
    ReturnsRemoved(u64),
    /// So many carriage returns, and not one line feed.
    FeedsReplaced(u64),
    /// All of it is UTF-8, with so many marks for what could not be converted.
    Converted(u64),
    /// Not one byte above 127.
    SevenBits,
}

/// So many of one byte and none of the other are no chance.
const MANY: u64 = 16;

/// Bytes of a file too short to tell.
const SHORTEST: usize = 16;

impl Suspicion {
    /// Looks for the traces of a transfer as text in a dump that is damaged.
    pub fn of(file: &[u8]) -> Option<Self> {
        if file.len() < SHORTEST {
            return None;
        }
        // The opcodes from F5 on, of which every dump has at least the last, occur in no UTF-8.
        if let Ok(text) = std::str::from_utf8(file) {
            let marks = wide(text.matches('\u{fffd}').count());
            return Some(if text.is_ascii() { Self::SevenBits } else { Self::Converted(marks) });
        }
        let (mut feeds, mut returns, mut pairs, mut last) = (0_u64, 0_u64, 0_u64, 0_u8);
        for &byte in file {
            feeds = feeds.saturating_add(u64::from(byte == b'\n'));
            returns = returns.saturating_add(u64::from(byte == b'\r'));
            pairs = pairs.saturating_add(u64::from(byte == b'\n' && last == b'\r'));
            last = byte;
        }
        match (feeds, returns) {
            (1.., _) if pairs == feeds => Some(Self::ReturnsAdded(feeds)),
            (MANY.., 0) => Some(Self::ReturnsRemoved(feeds)),
            (0, MANY..) => Some(Self::FeedsReplaced(returns)),
            _ => None,
        }
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = "the file seems to have been transferred in text mode";
        match self {
            Self::ReturnsAdded(1) => {
                write!(f, "{text}: the one line feed in it has a carriage return before it (LF became CRLF)")
            }
            Self::ReturnsAdded(n) => {
                write!(f, "{text}: each of the {n} line feeds in it has a carriage return before it (LF became CRLF)")
            }
            Self::ReturnsRemoved(n) => {
                write!(f, "{text}: it has {n} line feeds and not one carriage return (CRLF became LF)")
            }
            Self::FeedsReplaced(n) => {
                write!(f, "{text}: it has {n} carriage returns and not one line feed (LF became CR)")
            }
            Self::Converted(0) => write!(f, "{text}: all of it is UTF-8, which no dump is"),
            Self::Converted(marks) => write!(
                f,
                "{text}: all of it is UTF-8, which no dump is, and {marks} marks (U+FFFD) stand for bytes that are lost"
            ),
            Self::SevenBits => write!(f, "{text}: not one byte in it is above 127, as some are in every dump"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has an opcode that is no UTF-8, a length of ten, and whatever follows.
    fn dump(values: &[u8]) -> Vec<u8> {
        [&b"REDIS0010\xfa\x0aredis-bits\xc0\x40\xff"[..], values].concat()
    }

    #[test]
    fn traces_of_text() {
        let replace = |from: &[u8], to: &[u8], all: &[u8]| {
            let mut out = Vec::new();
            let mut rest = all;
            while let Some((first, after)) = rest.split_first() {
                if rest.starts_with(from) {
                    out.extend_from_slice(to);
                    rest = &rest[from.len()..];
                } else {
                    out.push(*first);
                    rest = after;
                }
            }
            out
        };
        let plain = dump(&[b'\n', b'x', b'\r', b'\n', b'y', b'\r'].repeat(20));
        assert_eq!(Suspicion::of(&plain), None);
        let added = replace(b"\n", b"\r\n", &plain);
        assert_eq!(Suspicion::of(&added), Some(Suspicion::ReturnsAdded(41)));
        assert_eq!(Suspicion::of(&replace(b"\n", b"\r\n", &added)), Some(Suspicion::ReturnsAdded(41)));
        assert_eq!(Suspicion::of(&replace(b"\n", b"\r\n", &dump(b""))), Some(Suspicion::ReturnsAdded(1)));
        assert_eq!(Suspicion::of(&replace(b"\r", b"", &plain)), Some(Suspicion::ReturnsRemoved(41)));
        assert_eq!(Suspicion::of(&replace(b"\n", b"\r", &plain)), Some(Suspicion::FeedsReplaced(81)));
        let lossy = String::from_utf8_lossy(&plain).into_owned();
        assert_eq!(Suspicion::of(lossy.as_bytes()), Some(Suspicion::Converted(3)));
        let latin: String = plain.iter().map(|&byte| char::from(byte)).collect();
        assert_eq!(Suspicion::of(latin.as_bytes()), Some(Suspicion::Converted(0)));
        let question: Vec<u8> = plain.iter().map(|&byte| if byte > 127 { b'?' } else { byte }).collect();
        assert_eq!(Suspicion::of(&question), Some(Suspicion::SevenBits));
        // Too little to tell anything by.
        assert_eq!(Suspicion::of(b"REDIS0010"), None);
        assert_eq!(Suspicion::of(&dump(b"\n\n")), None);
    }
}
