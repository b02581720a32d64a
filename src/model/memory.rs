//! What a set, a sorted set or a hash takes in the memory of a server, estimated: what `MEMORY USAGE key SAMPLES 0` answers
//! on a 64-bit Redis 7.
//!
//! Sizes of structures are those of the sources of Redis 7.0 and 7.2 (`dict.h`, `server.h`, `sds.h`, `intset.c`,
//! `listpack.c`), added up as `objectComputeSize` in `object.c` does. Sizes of allocations are the classes of jemalloc: four
//! for each power of two, and below 64 bytes every 8 in the jemalloc that Redis builds, every 16 in the one that
//! distributions link. Which of them a server has, no dump says: below 64 bytes it is the mean of both, at most 17 % off for
//! one allocation and some 5 % for a key.
//!
//! Not counted, as by the command: the key's share of the table of its database (8 to 16 bytes) and its expiry (some 40).

use crate::dump::rdb::ValueType;

/// A key with an expiry or without: `robj` in `server.h`.
const OBJECT: u64 = 16;
/// `dictEntry` of a database, a set or a hash: key, value, next.
const ENTRY: u64 = 24;
/// `dict` with its two tables.
const DICT: u64 = 56;
const POINTER: u64 = 8;
/// `zset`, and the `zskiplist` in it.
const ZSET: u64 = 16;
const SKIPLIST: u64 = 32;
/// `zskiplistNode` of one level, and each further level.
const NODE: u64 = 40;
const LEVEL: u64 = 16;
/// The head of a skip list has all levels.
const LEVELS: u64 = 32;
/// `intset` before its numbers.
const INTSET: u64 = 8;
/// A listpack before its entries, and the byte behind them.
const LISTPACK: u64 = 7;
/// A table begins with so many slots.
const LEAST_SLOTS: u64 = 4;

/// `set-max-intset-entries`, `…-max-listpack-entries` and `…-max-listpack-value` of sets and sorted sets.
pub const MOST_NUMBERS: u64 = 512;
/// The most elements of a listpack.
pub const MOST_PACKED: u64 = 128;
/// The longest of them.
pub const LONGEST_PACKED: u64 = 64;

/// What the allocator takes for so many bytes.
pub fn allocated(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=8 => 8,
        // The mean of a class every 8 bytes and one every 16.
        9..=64 => round_up(bytes, 8).midpoint(round_up(bytes, 16)),
        _ => {
            let group = (bytes - 1).ilog2();
            round_up(bytes, 1 << group.saturating_sub(2))
        }
    }
}

fn round_up(bytes: u64, to: u64) -> u64 {
    bytes.checked_next_multiple_of(to).unwrap_or(u64::MAX)
}

/// A string of the server's own kind: a header by its length, and a NUL byte.
pub fn sds(len: u64) -> u64 {
    let header = match len {
        0..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        65_536..=0xffff_ffff => 9,
        _ => 17,
    };
    allocated(len.saturating_add(header + 1))
}

/// What a key takes whatever it holds: its entry in the database, and its name.
pub fn key(name: u64) -> u64 {
    sds(name).saturating_add(ENTRY)
}

/// How a server keeps a set, a sorted set or a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Sets of whole numbers.
    Intset,
    /// One run of bytes.
    Listpack,
    /// A table; for a sorted set with a skip list beside it.
    Table,
}

impl Encoding {
    /// How the server that wrote a value in this form keeps it: ziplists become listpacks.
    pub fn of(ty: ValueType) -> Self {
        use ValueType as T;
        match ty {
            T::SetIntset => Self::Intset,
            T::SetListpack | T::ZsetListpack | T::ZsetZiplist | T::HashListpack | T::HashZiplist | T::HashZipmap => {
                Self::Listpack
            }
            _ => Self::Table,
        }
    }
}

/// The elements of a set, a sorted set or a hash, as far as their memory goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    /// Members, or fields.
    pub count: u64,
    /// Bytes of the longest.
    pub longest: u64,
    /// All members are whole numbers of 64 bits.
    pub whole: bool,
    /// Bytes of the widest number in an intset.
    width: u64,
    /// What their strings take when each is one of its own.
    strings: u64,
    /// What they take as entries of a listpack.
    packed: u64,
}

impl Default for Elements {
    fn default() -> Self {
        Self { count: 0, longest: 0, whole: true, width: 2, strings: 0, packed: 0 }
    }
}

impl Elements {
    /// One member of a set.
    pub fn member(&mut self, member: &[u8]) {
        self.count = self.count.saturating_add(1);
        self.string(member);
        match integer(member) {
            Some(number) => self.width = self.width.max(width(number)),
            None => self.whole = false,
        }
    }

    /// One member of a sorted set.
    pub fn scored(&mut self, member: &[u8], score: f64) {
        self.member(member);
        self.packed = self.packed.saturating_add(packed_score(score));
    }

    /// One field of a hash.
    pub fn field(&mut self, field: &[u8], value: &[u8]) {
        self.member(field);
        self.string(value);
    }

    /// All elements of another one, too.
    pub fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.longest = self.longest.max(other.longest);
        self.whole &= other.whole;
        self.width = self.width.max(other.width);
        self.strings = self.strings.saturating_add(other.strings);
        self.packed = self.packed.saturating_add(other.packed);
    }

    /// So many elements that are like these in the mean.
    pub fn scaled(&self, count: u64) -> Self {
        let scale = |sum: u64| {
            let sum = u128::from(sum).saturating_mul(u128::from(count)) / u128::from(self.count.max(1));
            u64::try_from(sum).unwrap_or(u64::MAX)
        };
        Self { count, strings: scale(self.strings), packed: scale(self.packed), ..*self }
    }

    /// The members of a set with times in milliseconds as their scores.
    pub fn timed(mut self) -> Self {
        // A number of nine bytes, and its length.
        self.packed = self.packed.saturating_add(self.count.saturating_mul(10));
        self
    }

    /// How a Redis 7.2 with its defaults keeps a set of these members.
    pub fn default_set(&self) -> Encoding {
        match self.whole && self.count <= MOST_NUMBERS {
            true => Encoding::Intset,
            false => self.default_pairs(),
        }
    }

    /// How a Redis 7 with its defaults keeps a sorted set of these members; nearly the same of a hash, whose limit is 512
    /// fields.
    pub fn default_pairs(&self) -> Encoding {
        let small = self.count <= MOST_PACKED && self.longest <= LONGEST_PACKED;
        if small { Encoding::Listpack } else { Encoding::Table }
    }

    fn string(&mut self, bytes: &[u8]) {
        let len = bytes.len() as u64;
        self.longest = self.longest.max(len);
        self.strings = self.strings.saturating_add(sds(len));
        self.packed = self.packed.saturating_add(packed(bytes));
    }

    /// The bytes of a set of these members.
    pub fn set(&self, encoding: Encoding) -> u64 {
        match encoding {
            Encoding::Intset => OBJECT + allocated(INTSET.saturating_add(self.width.saturating_mul(self.count))),
            Encoding::Listpack => self.listpack(),
            Encoding::Table => self.table(),
        }
    }

    /// The bytes of a sorted set of these members.
    pub fn zset(&self, encoding: Encoding) -> u64 {
        match encoding {
            Encoding::Listpack => self.listpack(),
            _ => {
                let list = ZSET + SKIPLIST + allocated(NODE + LEVEL * (LEVELS - 1));
                self.table().saturating_add(list).saturating_add(nodes(self.count))
            }
        }
    }

    /// The bytes of a hash of these fields.
    pub fn hash(&self, encoding: Encoding) -> u64 {
        if encoding == Encoding::Listpack { self.listpack() } else { self.table() }
    }

    fn listpack(&self) -> u64 {
        OBJECT + allocated(LISTPACK.saturating_add(self.packed))
    }

    fn table(&self) -> u64 {
        table(self.count).saturating_add(self.strings)
    }
}

/// A table of so many entries, without their strings.
fn table(entries: u64) -> u64 {
    let slots = entries.checked_next_power_of_two().unwrap_or(u64::MAX).max(LEAST_SLOTS);
    let entries = entries.saturating_mul(ENTRY);
    (OBJECT + DICT).saturating_add(slots.saturating_mul(POINTER)).saturating_add(entries)
}

/// What so many nodes of a skip list take: each has another level with a chance of one in four.
fn nodes(count: u64) -> u64 {
    // Of 4,096 nodes, 3,072 have one level, 768 two, and so on; the few with more than six count as having six.
    let with = [3072, 768, 192, 48, 12, 4];
    let of_4096 = with.iter().zip(0_u64..).fold(0, |sum, (nodes, more)| sum + nodes * allocated(NODE + LEVEL * more));
    count.saturating_mul(of_4096) / 4096
}

/// The number that a member is, written as a server would write it.
fn integer(text: &[u8]) -> Option<i64> {
    // The longest is -9223372036854775808.
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = digits == b"0" && text.len() == 1 || digits.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    if !plain {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn width(number: i64) -> u64 {
    match number {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

/// An entry of a listpack: its head and content, and its length once more for the way back.
fn packed(bytes: &[u8]) -> u64 {
    let len = bytes.len() as u64;
    let entry = match integer(bytes) {
        Some(number) => packed_integer(number),
        None => match len {
            0..64 => len + 1,
            64..4096 => len + 2,
            _ => len.saturating_add(5),
        },
    };
    entry.saturating_add(way_back(entry))
}

fn packed_integer(number: i64) -> u64 {
    match number {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

fn way_back(entry: u64) -> u64 {
    match entry {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

fn packed_score(score: f64) -> u64 {
    // A whole number is written as one where a double can hold it exactly.
    let whole = score.fract() == 0.0 && score.abs() < 9_007_199_254_740_992.0;
    let text = if whole { format!("{score:.0}") } else { format!("{score}") };
    packed(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from jemalloc's table of size classes.
    #[test]
    fn classes_of_the_allocator() {
        let facts = [(1, 8), (8, 8), (9, 16), (16, 16), (17, 28), (24, 28), (25, 32), (33, 44), (48, 48), (50, 60)];
        let larger = [(65, 80), (80, 80), (81, 96), (128, 128), (129, 160), (161, 192), (257, 320), (536, 640)];
        let large = [(1025, 1280), (4097, 5120), (16_385, 20_480), (1 << 20, 1 << 20), ((1 << 20) + 1, 1_310_720)];
        for (bytes, class) in facts.into_iter().chain(larger).chain(large) {
            assert_eq!(allocated(bytes), class, "{bytes}");
        }
        assert_eq!(allocated(u64::MAX), u64::MAX);
    }

    #[test]
    fn numbers_are_those_that_a_server_writes() {
        let facts: [(&[u8], Option<i64>); 10] = [
            (b"0", Some(0)),
            (b"-1", Some(-1)),
            (b"9223372036854775807", Some(i64::MAX)),
            (b"-9223372036854775808", Some(i64::MIN)),
            (b"9223372036854775808", None),
            (b"01", None),
            (b"-0", None),
            (b"+1", None),
            (b"", None),
            (b"1.0", None),
        ];
        for (text, number) in facts {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }

    /// A set of "m" and "x" under a name of two bytes: what Redis 7.0.15 answers for it.
    #[test]
    fn a_small_set() {
        let mut two = Elements::default();
        two.member(b"m");
        two.member(b"x");
        assert_eq!(key(2) + two.set(Encoding::Table), 200);
        // 7 + 2 * (1 + 1 + 1) bytes, and the object.
        assert_eq!(two.set(Encoding::Listpack), 16 + 16);
    }
}
