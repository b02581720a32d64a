//! Values of modules: an id, and a stream of typed items that can be walked without the module.

use std::fmt;

use super::cursor::Cursor;
use super::error::{Error, ErrorKind};
use super::string::RawStr;

/// Name of a module's type and version of its encoding: nine characters of 6 bits, then 10 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u64);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl ModuleId {
    /// `ReJSON-RL` without its encoding version.
    const REJSON: u64 = 0x45e2_5238_df91_2c00;

    /// The nine characters of the name.
    pub fn name(self) -> [u8; 9] {
        let mut name = [0; 9];
        let mut bits = self.0 >> 10;
        for slot in name.iter_mut().rev() {
            // Six bits are an index of the alphabet.
            let six = usize::try_from(bits & 0x3f).unwrap_or_default();
            *slot = ALPHABET.get(six).copied().unwrap_or_default();
            bits >>= 6;
        }
        name
    }

    /// Version of the encoding, 0 to 1023.
    pub fn encver(self) -> u16 {
        u16::try_from(self.0 & 0x3ff).unwrap_or_default()
    }

    /// Whether this is a RedisJSON document, of any version.
    #[inline]
    pub fn is_json(self) -> bool {
        self.0 & !0x3ff == Self::REJSON
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.name()).unwrap_or_default())
    }
}

/// One item of a module's stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ModuleItem<'a> {
    /// Opcode 1 or 2. Modules write signed integers with opcode 2 too, as two's complement.
    Integer(u64),
    /// Opcode 3.
    Float(f32),
    /// Opcode 4.
    Double(f64),
    /// Opcode 5, and the file offset of the string.
    String(RawStr<'a>, u64),
}

/// The items of a module's stream, in order.
#[derive(Debug, Clone, Copy)]
pub struct ModuleReader<'a> {
    cursor: Cursor<'a>,
    ended: bool,
}

impl<'a> ModuleReader<'a> {
    /// Reads the items in `bytes`, which stand at `offset` in the file: a [`Json::Tree`], or what follows a module's id.
    pub fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self::at(Cursor::new(bytes, usize::try_from(offset).unwrap_or(usize::MAX)))
    }

    pub(crate) fn at(cursor: Cursor<'a>) -> Self {
        Self { cursor, ended: false }
    }

    /// File offset of the next item.
    pub fn offset(&self) -> u64 {
        super::error::wide(self.cursor.position())
    }

    /// Bytes that are left: a bound for counts that a module wrote.
    pub fn left(&self) -> usize {
        self.cursor.left()
    }

    /// The next item; none after the EOF opcode.
    #[allow(clippy::should_implement_trait, reason = "it can fail")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<ModuleItem<'a>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let at = self.cursor;
        Ok(Some(match self.cursor.length()? {
            0 => {
                self.ended = true;
                return Ok(None);
            }
            1 | 2 => ModuleItem::Integer(self.cursor.length()?),
            3 => ModuleItem::Float(f32::from_le_bytes(self.cursor.array()?)),
            4 => ModuleItem::Double(self.cursor.f64_le()?),
            5 => {
                let offset = super::error::wide(self.cursor.position());
                ModuleItem::String(self.cursor.string()?, offset)
            }
            opcode => return Err(at.fail(ErrorKind::ModuleOpcode(opcode))),
        }))
    }
}

impl<'a> Cursor<'a> {
    /// Steps over a module's stream, its EOF included.
    #[inline]
    pub fn skip_module(&mut self) -> Result<(), Error> {
        loop {
            let at = *self;
            match self.length()? {
                0 => return Ok(()),
                5 => {
                    self.string()?;
                }
                1 | 2 => {
                    self.length()?;
                }
                3 => {
                    self.array::<4>()?;
                }
                4 => {
                    self.array::<8>()?;
                }
                opcode => return Err(at.fail(ErrorKind::ModuleOpcode(opcode))),
            }
        }
    }
}

/// A RedisJSON document as it stands in the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json<'a> {
    /// JSON text, encoding versions 2 and 3. It may be an integer in disguise, and is not validated.
    Text(RawStr<'a>),
    /// One CBOR item, encoding version 4.
    Cbor(RawStr<'a>),
    /// A tree of nodes, encoding version 0: what a [`ModuleReader`] reads, its EOF included.
    Tree(&'a [u8]),
    /// A version that nobody has described.
    Unsupported {
        /// That version.
        encver: u16,
    },
}

impl<'a> Json<'a> {
    /// The document in `bytes`, a whole value of type 7 at `offset`, when it is one.
    pub(crate) fn of(bytes: &'a [u8], offset: usize) -> Result<Option<Self>, Error> {
        let mut cursor = Cursor::new(bytes, offset);
        let id = ModuleId(cursor.length()?);
        if !id.is_json() {
            return Ok(None);
        }
        let encver = id.encver();
        if encver == 0 {
            return Ok(Some(Self::Tree(cursor.rest)));
        }
        if !(2..=4).contains(&encver) {
            return Ok(Some(Self::Unsupported { encver }));
        }
        let whole = |text| Some(if encver == 4 { Self::Cbor(text) } else { Self::Text(text) });
        // Nearly every document is one string, and then the end: where one byte is left of a whole value, it can be nothing
        // else. That byte is not looked at, for it is hundreds of bytes away.
        let mut short = cursor;
        if encver != 2
            && let (Ok(5), Ok(text)) = (short.byte(), short.string())
            && short.rest.len() == 1
        {
            return Ok(whole(text));
        }
        let shape = || cursor.fail(ErrorKind::JsonShape(encver));
        let mut items = ModuleReader::at(cursor);
        let Some(ModuleItem::String(text, _)) = items.next()? else { return Err(shape()) };
        if encver == 2 {
            // A count of further strings, which is 0 or 2 strings of no use to anybody but the module.
            let Some(ModuleItem::Integer(more)) = items.next()? else { return Err(shape()) };
            if more > 0 {
                for _ in 0..2 {
                    let Some(ModuleItem::String(..)) = items.next()? else { return Err(shape()) };
                }
            }
        }
        if items.next()?.is_some() {
            return Err(shape());
        }
        Ok(whole(text))
    }
}
