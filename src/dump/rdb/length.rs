//! The length encoding, which is also how the format writes counts, ids and opcodes of modules.
//!
//! `00xxxxxx` 6 bits, `01xxxxxx b` 14 bits, `80` u32be, `81` u64be. A longer form than needed is legal. `11xxxxxx` is not
//! a length but a special string.

use super::cursor::Cursor;
use super::error::{Error, ErrorKind};

impl Cursor<'_> {
    /// The next length; it may be any 64-bit number.
    #[inline]
    pub fn length(&mut self) -> Result<u64, Error> {
        match *self.rest {
            [first @ 0..=0x3f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            [first @ 0x40..=0x7f, low, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(u16::from_be_bytes([first & 0x3f, low])))
            }
            _ => self.long_length(),
        }
    }

    #[inline(never)]
    fn long_length(&mut self) -> Result<u64, Error> {
        let at = *self;
        match self.byte()? {
            0x80 => self.array().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            0x81 => self.array().map(u64::from_be_bytes),
            byte @ 0x82..=0xbf => Err(at.fail(ErrorKind::LengthByte(byte))),
            byte @ 0xc0..=0xff => Err(at.fail(ErrorKind::StringWhereLength(byte))),
            // A 14-bit length whose second byte is missing; the 6-bit ones never come here.
            0..=0x7f => Err(self.short(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(bytes: &[u8]) -> Result<u64, ErrorKind> {
        Cursor::new(bytes, 0).length().map_err(|error| error.kind)
    }

    #[test]
    fn forms() {
        assert_eq!(length(&[0x00]), Ok(0));
        assert_eq!(length(&[0x3f]), Ok(63));
        assert_eq!(length(&[0x40, 0x00]), Ok(0));
        assert_eq!(length(&[0x7f, 0xff]), Ok(16383));
        assert_eq!(length(&[0x80, 0, 0, 0x40, 0]), Ok(16384));
        assert_eq!(length(&[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(u64::MAX));
    }

    #[test]
    fn errors() {
        assert_eq!(length(&[]), Err(ErrorKind::UnexpectedEnd { needed: 1, left: 0 }));
        assert_eq!(length(&[0x40]), Err(ErrorKind::UnexpectedEnd { needed: 1, left: 0 }));
        assert_eq!(length(&[0x80, 0, 0]), Err(ErrorKind::UnexpectedEnd { needed: 4, left: 2 }));
        assert_eq!(length(&[0x81, 0, 0]), Err(ErrorKind::UnexpectedEnd { needed: 8, left: 2 }));
        assert_eq!(length(&[0x82]), Err(ErrorKind::LengthByte(0x82)));
        assert_eq!(length(&[0xbf]), Err(ErrorKind::LengthByte(0xbf)));
        assert_eq!(length(&[0xc0, 1]), Err(ErrorKind::StringWhereLength(0xc0)));
    }
}
