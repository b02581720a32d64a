//! The elements of a set, a sorted set or a hash, and what they take in each encoding.

use super::sizes::{INTSET, LISTPACK, OBJECT, allocated, sds, skiplist, table};
use crate::dump::rdb::ValueType;

/// `set-max-intset-entries`, `…-max-listpack-entries` and `…-max-listpack-value` of sets and sorted sets.
pub const MOST_NUMBERS: u64 = 512;
/// The most elements of a listpack.
pub const MOST_PACKED: u64 = 128;
/// The longest of them.
pub const LONGEST_PACKED: u64 = 64;

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
        self.string(member.len() as u64, integer(member));
    }

    /// One member of a sorted set.
    pub fn scored(&mut self, member: &[u8], score: f64) {
        self.member(member);
        self.packed = self.packed.saturating_add(packed_score(score));
    }

    /// One field of a hash.
    pub fn field(&mut self, field: &[u8], value: &[u8]) {
        self.member(field);
        self.string(value.len() as u64, integer(value));
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

    fn string(&mut self, len: u64, number: Option<i64>) {
        self.longest = self.longest.max(len);
        self.strings = self.strings.saturating_add(sds(len));
        let size = number.map_or_else(|| packed_text(len), packed_integer);
        self.packed = self.packed.saturating_add(size).saturating_add(way_back(size));
        match number {
            Some(number) => self.width = self.width.max(width(number)),
            None => self.whole = false,
        }
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
            _ => self.table().saturating_add(skiplist(self.count)),
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

/// The number that a member is, written as a server would write it.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    // The longest is -9223372036854775808. Most texts are seen to be none by one of their ends.
    let ([.., last], 1..=20) = (text, text.len()) else { return None };
    if !last.is_ascii_digit() {
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

/// A text in a listpack: its head and content. Its length once more for the way back is not in it.
fn packed_text(len: u64) -> u64 {
    match len {
        0..64 => len + 1,
        64..4096 => len + 2,
        _ => len.saturating_add(5),
    }
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
    let entry = match whole(score) {
        Some(number) => packed_integer(number),
        None => packed_text(format!("{score}").len() as u64),
    };
    entry.saturating_add(way_back(entry))
}

/// The whole number that a score is: written as one where a double can hold it exactly.
fn whole(score: f64) -> Option<i64> {
    (score.fract() == 0.0 && score.abs() < 9_007_199_254_740_992.0).then_some(score as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::memory::key;

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
