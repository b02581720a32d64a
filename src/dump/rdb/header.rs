//! The first nine bytes of a dump.

use std::fmt;

use super::error::{Error, ErrorKind, Snippet};

/// Whose format it is: the magic decides, since the same byte can mean two things in the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flavor {
    /// `REDIS` and four digits; Valkey up to 8 writes it too.
    Redis,
    /// `VALKEY` and three digits, from Valkey 9.
    Valkey,
}

impl Flavor {
    /// `redis` or `valkey`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "REDIS",
            Self::Valkey => "VALKEY",
        })
    }
}

/// Flavor and version of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// From the magic.
    pub flavor: Flavor,
    /// 1 to 15 for Redis, 80 and 81 for Valkey.
    pub version: u32,
}

impl Header {
    /// Bytes of the header.
    pub(crate) const LEN: usize = 9;

    /// Reads it from the start of a file. Versions nobody has described are refused.
    pub(crate) fn read(file: &[u8]) -> Result<Self, Error> {
        let magic = || Error::at(0, ErrorKind::Magic(Snippet::of(file.get(..Self::LEN).unwrap_or(file))));
        let (flavor, digits) = match file {
            [b'R', b'E', b'D', b'I', b'S', rest @ ..] => (Flavor::Redis, rest.get(..4)),
            [b'V', b'A', b'L', b'K', b'E', b'Y', rest @ ..] => (Flavor::Valkey, rest.get(..3)),
            _ => return Err(magic()),
        };
        let digits = digits.ok_or_else(magic)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(magic());
        }
        // At most four digits: 9999.
        let version = digits.iter().fold(0_u32, |n, digit| n.wrapping_mul(10).wrapping_add(u32::from(digit & 0x0f)));
        match (flavor, version) {
            (Flavor::Redis, 1..=15) | (Flavor::Valkey, 80..=81) => Ok(Self { flavor, version }),
            _ => Err(Error::at(0, ErrorKind::Version { flavor, version })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let read = |bytes: &[u8]| Header::read(bytes).map(|h| (h.flavor, h.version)).map_err(|e| e.kind);
        assert_eq!(read(b"REDIS0001"), Ok((Flavor::Redis, 1)));
        assert_eq!(read(b"REDIS0015\xff"), Ok((Flavor::Redis, 15)));
        assert_eq!(read(b"VALKEY080"), Ok((Flavor::Valkey, 80)));
        assert_eq!(read(b"REDIS0016"), Err(ErrorKind::Version { flavor: Flavor::Redis, version: 16 }));
        assert_eq!(read(b"REDIS0000"), Err(ErrorKind::Version { flavor: Flavor::Redis, version: 0 }));
        assert_eq!(read(b"REDIS0080"), Err(ErrorKind::Version { flavor: Flavor::Redis, version: 80 }));
        assert_eq!(read(b"VALKEY011"), Err(ErrorKind::Version { flavor: Flavor::Valkey, version: 11 }));
        assert_eq!(read(b"REDIS001"), Err(ErrorKind::Magic(Snippet::of(b"REDIS001"))));
        assert_eq!(read(b"REDIS00a2"), Err(ErrorKind::Magic(Snippet::of(b"REDIS00a2"))));
        assert_eq!(read(b""), Err(ErrorKind::Magic(Snippet::of(b""))));
    }
}
