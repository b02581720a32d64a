//! What is wrong with a dump, and where.

use std::fmt;

use super::Flavor;
use crate::text::quoted;

/// An error in a dump: what, where, and in which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// File offset of the failure; for a failure inside a compact form the offset of the string that holds it.
    pub offset: u64,
    /// Offset inside that string, decoded, when the failure is inside a compact form.
    pub inside: Option<u64>,
    /// File offset of the first byte of the record, its prefixes included.
    pub record: Option<u64>,
    /// The violation.
    pub kind: ErrorKind,
}

impl Error {
    /// An error at a file offset, its record not yet known.
    #[cold]
    pub(crate) fn at(offset: usize, kind: ErrorKind) -> Self {
        Self { offset: wide(offset), inside: None, record: None, kind }
    }

    /// An error in decoding the string at `offset`.
    #[cold]
    pub fn in_string(offset: u64, kind: ErrorKind) -> Self {
        Self { offset, inside: None, record: None, kind }
    }

    /// The same error, told to be in the record that starts at `start`, unless it knows better. A visit does not know it.
    #[cold]
    #[must_use]
    pub fn in_record(mut self, start: usize) -> Self {
        self.record.get_or_insert(wide(start));
        self
    }
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            ErrorKind::Magic(_) => {
                "a dump is the file that SAVE, BGSAVE or the provider's backup writes, often called dump.rdb"
            }
            ErrorKind::Version { .. } => {
                "have an earlier server write the dump, or use a later version of this program"
            }
            ErrorKind::Unsupported { .. } | ErrorKind::Update => "have the server write a dump without such data",
            ErrorKind::Dragonfly { .. } => {
                "the dump may well be whole: copy its keys from Dragonfly into a Redis or Valkey server, and give that one's \
                 dump"
            }
            ErrorKind::Younger { .. } => {
                "the dump may well be whole: find out what wrote it, copy its keys into a Redis or Valkey server, and give \
                 that one's dump"
            }
            ErrorKind::NulTail(_) => {
                "a disk that was full or a crash leaves such a file: take the dump again, or get it again and compare its \
                 checksum with the original's"
            }
            _ => "the dump is damaged or cut off: `rdb-reindex check` says more; take it again if you can",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at offset {} ({:#x})", self.kind, self.offset, self.offset)?;
        if let Some(inside) = self.inside {
            write!(f, ", byte {inside} of the decoded string there")?;
        }
        if let Some(record) = self.record {
            write!(f, ", in the record that starts at {record}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A failure inside a decoded string, before the file offset of that string is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub inside: usize,
    pub kind: ErrorKind,
}

impl Fault {
    /// The error it is when the string stands at `offset`.
    #[cold]
    pub(crate) fn at(self, offset: u64) -> Error {
        Error { offset, inside: Some(wide(self.inside)), record: None, kind: self.kind }
    }
}

/// A position as the 64 bits it has in every message; no platform has wider ones.
#[inline]
pub(crate) fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The first bytes of something found in a file, for a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    bytes: [u8; 22],
    len: u8,
    more: bool,
}

impl Snippet {
    /// The first 22 bytes of `found`.
    pub fn of(found: &[u8]) -> Self {
        let mut bytes = [0; 22];
        let mut len = 0_u8;
        for (to, from) in bytes.iter_mut().zip(found) {
            *to = *from;
            len = len.saturating_add(1);
        }
        Self { bytes, len, more: found.len() > usize::from(len) }
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        f.write_str(&quoted(shown))?;
        if self.more { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ErrorKind {
    /// Whether the dump is not what somebody wrote. Otherwise it may be whole, and just cannot be read here.
    pub fn is_damage(&self) -> bool {
        !matches!(
            self,
            Self::Version { .. }
                | Self::Unsupported { .. }
                | Self::Update
                | Self::Dragonfly { .. }
                | Self::Younger { .. }
        )
    }
}

/// One violation of the format, with the value that violates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum ErrorKind {
    // The frame of the file.
    #[error("not an RDB file: it starts with {0}, not with REDIS or VALKEY and a version")]
    Magic(Snippet),
    #[error("{flavor} RDB version {version} is not one this program knows (REDIS 1 to 15, VALKEY 80 and 81)")]
    Version { flavor: Flavor, version: u32 },
    #[error("the file ends before its EOF opcode: it is truncated")]
    MissingEof,
    #[error(
        "from here on, {0} bytes to its end, the file holds nothing but NUL bytes, where records and the end of the \
         dump are expected"
    )]
    NulTail(u64),
    #[error(
        "the data ends too early: {needed} bytes are expected and {left} are left; the file is truncated or damaged"
    )]
    UnexpectedEnd { needed: u64, left: u64 },

    // Lengths and strings.
    #[error("byte {0:#04x} starts no length")]
    LengthByte(u8),
    #[error("byte {0:#04x} starts a specially encoded string where a length is expected")]
    StringWhereLength(u8),
    #[error("byte {0:#04x} is not a string encoding")]
    StringEncoding(u8),
    #[error("{count} {what} cannot fit in the {left} bytes that are left")]
    Count { what: &'static str, count: u64, left: u64 },

    // LZF.
    #[error("a compressed string of {packed} bytes cannot expand to {len}")]
    LzfRatio { packed: u64, len: u64 },
    #[error("a compressed string expands to {len} bytes, more than the {cap} this program accepts")]
    LzfCap { len: u64, cap: u64 },
    #[error("a compressed string ends inside an instruction")]
    LzfInputEnd,
    #[error("a compressed string refers {distance} bytes back where {written} have been written")]
    LzfDistance { distance: u64, written: u64 },
    #[error("a compressed string expands to more than the {0} bytes it declares")]
    LzfTooLong(u64),
    #[error("a compressed string expands to {written} bytes, not to the {len} it declares")]
    LzfTooShort { len: u64, written: u64 },

    // Opcodes and types.
    #[error("{byte} ({byte:#04x}) is not an opcode or value type of {flavor}")]
    UnknownType { byte: u8, flavor: Flavor },
    #[error("{name} ({byte}) has no published layout that could be confirmed, so nothing after it can be read")]
    Unsupported { byte: u8, name: &'static str },
    #[error(
        "{byte} ({byte:#04x}) is a type or opcode of Dragonfly's own ({name}), which wrote the dump, and is not read here"
    )]
    Dragonfly { byte: u8, name: &'static str },
    #[error(
        "{byte} ({byte:#04x}) is not a type of version {version}, which the dump says it has: {name} came with \
         version {since}, and \
         other programs (Dragonfly) use the byte for types of their own; which of them this is would be a guess"
    )]
    Younger { byte: u8, name: &'static str, since: u32, version: u32 },
    #[error("a library of functions says {0} for whether it has a description; 0 and 1 are possible")]
    FunctionDescription(u64),
    #[error("UPDATE (242) changes data that stands before it, so the dump is not a state; write a new one with SAVE")]
    Update,
    #[error("a key has {0} classes of metadata; 1 to 7 are possible")]
    KeyMetaCount(u64),

    // Modules.
    #[error("module auxiliary data has the opcode {0} where 2 is expected")]
    ModuleAuxOpcode(u64),
    #[error("module auxiliary data says {0} for when it is to be read; 1 and 2 are possible")]
    ModuleAuxWhen(u64),
    #[error("{0} is not an opcode of a module value")]
    ModuleOpcode(u64),
    #[error("a RedisJSON value of encoding version {0} does not have the parts that version has")]
    JsonShape(u16),

    // Compact forms in general.
    #[error("{form} of {len} bytes is too short to be one")]
    CompactShort { form: &'static str, len: u64 },
    #[error("{form} of {len} bytes is larger than 4 GiB, which no server writes")]
    CompactLarge { form: &'static str, len: u64 },
    #[error("{form} says it has {total} bytes and has {len}")]
    CompactTotal { form: &'static str, total: u64, len: u64 },
    #[error("{form} says it has {header} entries and has {walked}")]
    CompactCount { form: &'static str, header: u64, walked: u64 },
    #[error("{form} has an entry that reaches past its end")]
    CompactEntry { form: &'static str },
    #[error("{form} has no end mark")]
    CompactEnd { form: &'static str },
    #[error("{form} goes on for {left} bytes after its end mark")]
    CompactTrailing { form: &'static str, left: u64 },
    #[error("{form} has an entry of the encoding {byte:#04x}, which does not exist")]
    CompactEncoding { form: &'static str, byte: u8 },
    #[error("{entries} entries are not a whole number of groups of {group}")]
    CompactGroups { entries: u64, group: u64 },

    // Single compact forms.
    #[error("an intset has integers of {0} bytes; 2, 4 and 8 are possible")]
    IntsetWidth(u32),
    #[error("an intset of {len} bytes cannot hold {count} integers of {width} bytes")]
    IntsetSize { width: u32, count: u32, len: u64 },
    #[error("an intset is not in ascending order: {next} follows {previous}")]
    IntsetOrder { previous: i64, next: i64 },
    #[error("a listpack entry of {size} bytes has another size at its end")]
    ListpackBacklen { size: u64 },
    #[error("a ziplist says its last entry is at {header}, and it is at {walked}")]
    ZiplistTail { header: u64, walked: u64 },
    #[error("a ziplist entry says the one before it has {found} bytes; it has {size}")]
    ZiplistPrevious { found: u64, size: u64 },
    #[error("a list node has the container {0}; 1 and 2 are possible")]
    QuicklistContainer(u64),
    #[error("a list node is an empty string")]
    QuicklistEmptyNode,

    // Collections.
    #[error("{0} is not a score")]
    Score(Snippet),
    #[error("the time to live of a hash field is {0}, which is not a time")]
    FieldTtl(Snippet),
    #[error(
        "the expiries of hash fields are not in ascending order, those without one last: {next} follows {previous}"
    )]
    FieldTtlOrder { previous: i64, next: i64 },
    #[error("the expiry of a hash field, {minimum} + {ttl} - 1, is out of range")]
    FieldExpiry { minimum: i64, ttl: u64 },

    // Streams.
    #[error("the key of a stream node has {0} bytes; an ID has 16")]
    StreamKey(u64),
    #[error("a stream node has a text, {0}, where an integer is expected")]
    StreamInteger(Snippet),
    #[error("a stream node says {what} is {value}, which is out of range")]
    StreamRange { what: &'static str, value: i64 },
    #[error("a stream node ends where {0} is expected")]
    StreamNodeEnd(&'static str),
    #[error(
        "a stream node says it has {live} entries and {deleted} deleted ones, and has {walked_live} and {walked_deleted}"
    )]
    StreamCounts { live: i64, deleted: i64, walked_live: u64, walked_deleted: u64 },
    #[error("a stream entry says it takes {found} listpack entries; it takes {due}")]
    StreamEntryCount { found: i64, due: u64 },

    // Arrays.
    #[error("an array has the flag {0}; 0 and 1 are possible")]
    ArrayFlag(u64),
    #[error("an array has an element of the tag {0}; 0 to 3 are possible")]
    ArrayTag(u64),
    #[error("an array has an element at the index 2^64-1, which does not exist")]
    ArrayIndex,

    // Hash templates.
    #[error("hash template {0} is defined twice")]
    TemplateRepeated(u64),
    #[error("hash template {0} is not defined before it is used")]
    TemplateUnknown(u64),
    #[error("a hash template has no fields")]
    TemplateEmpty,
    #[error("a hash template has the field {0} twice")]
    TemplateField(Snippet),
    #[error("a hash template has the field format {0}; 0 and 1 are possible")]
    TemplateFormat(u64),
    #[error("a hash has {values} values for a template of {fields} fields")]
    TemplateCount { values: u64, fields: u64 },
    #[error("a hash that refers to a template starts with {0}, which is not a template id")]
    TemplateId(Snippet),
    #[error("the hash templates of the file take more than {0} bytes")]
    TemplateCap(u64),
}
