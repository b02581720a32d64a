//! Compact forms: small collections packed into one string.
//!
//! All four are read by iterators over entries that check as they go: an entry inside the bounds, its size told twice and
//! equal, the count of the header met, nothing behind the end.

mod intset;
mod listpack;
mod ziplist;
mod zipmap;

pub(crate) use intset::Intset;
pub(crate) use listpack::Listpack;
pub(crate) use ziplist::Ziplist;
pub(crate) use zipmap::Zipmap;

use super::error::{Error, ErrorKind, Fault, wide};
use super::integer::IntText;
use super::string::RawStr;

/// Which compact form a string holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CompactForm {
    /// Sorted integers of one width.
    Intset,
    /// Entries that know the size of the one before, up to Redis 6.
    Ziplist,
    /// Entries that know their own size, from Redis 7 (streams: 5).
    Listpack,
    /// Fields and values, up to Redis 2.4.
    Zipmap,
}

impl CompactForm {
    /// Name with its article, for messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Intset => "an intset",
            Self::Ziplist => "a ziplist",
            Self::Listpack => "a listpack",
            Self::Zipmap => "a zipmap",
        }
    }
}

/// What an entry holds. An integer stands for its decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'b> {
    Text(&'b [u8]),
    Int(i64),
}

impl<'b> Entry<'b> {
    /// The bytes it stands for.
    #[inline]
    pub fn text<'t>(self, room: &'t mut IntText) -> &'t [u8]
    where
        'b: 't,
    {
        match self {
            Self::Text(bytes) => bytes,
            Self::Int(n) => room.write(n),
        }
    }
}

/// An entry and where it is in the decoded string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed<'b> {
    pub at: u32,
    pub entry: Entry<'b>,
}

/// The entries of a compact form, in order.
pub(crate) trait Entries<'b> {
    /// The next entry; none only when the end is where it must be.
    fn next_entry(&mut self) -> Result<Option<Packed<'b>>, Fault>;
}

/// The decoded string that holds a compact form, and where the string is in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'b> {
    pub bytes: &'b [u8],
    pub at: u64,
}

impl<'b> Container<'b> {
    /// Decodes `string`, which stands at `at`; more than 4 GiB are refused, so that an inner offset has 32 bits.
    pub fn open<'a: 'b>(
        string: RawStr<'a>,
        at: usize,
        form: CompactForm,
        room: &'b mut Vec<u8>,
    ) -> Result<Self, Error> {
        let bytes = string.decode(room).map_err(|kind| Error::at(at, kind))?;
        if bytes.len() >= MOST {
            let len = wide(bytes.len());
            return Err(Error::at(at, ErrorKind::CompactLarge { form: form.noun(), len }));
        }
        Ok(Self { bytes, at: wide(at) })
    }
}

/// Bound on the bytes of a compact form: an offset in it must leave the top bit free (see `zipmap`) if it is a zipmap,
/// and in any case be below [`u32::MAX`], which marks the absence of one.
const MOST: usize = 0xffff_ffff;

/// An inner offset; [`Container::open`] has seen to it that it fits.
#[inline]
pub(crate) fn inner(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A fault at an inner offset.
#[cold]
pub(crate) fn fault(inside: usize, kind: ErrorKind) -> Fault {
    Fault { inside, kind }
}

/// A length read from a compact form as an index.
#[inline]
pub(crate) fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
