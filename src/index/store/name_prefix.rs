//! What stands before the number that most names end with.
//!
//! `message:discord:1382` is the prefix `message:discord:` and the number 1382. The names of the records that an index key
//! lists mostly have one prefix, so that there a number stands for a name, whole and exactly, and 61 bits hold it. Members
//! can then be compared without going back to where their records are in the dump: to do that for each of them would be to
//! read a dump that is larger than the memory again and again.

use std::io::Write as _;
use std::sync::OnceLock;

use super::hash::{Hashed, Hasher, NUMBER_BITS};
use crate::model::spec::{Part, Template};

const DIGITS: usize = 19;
/// What is left of a number too large by a digit.
const CUT: u64 = 10_u64.pow(18);

/// The prefix of a name, and its number: no other name has both. None for one that does not end with a digit.
///
/// A number has no leading zeros, up to 19 digits and [`NUMBER_BITS`]. Whatever stands before that is of the prefix.
#[inline]
fn split(name: &[u8]) -> Option<(&[u8], u64)> {
    let (mut digits, mut number) = last_digits(name);
    if digits == 0 {
        return None;
    }
    if number >> NUMBER_BITS != 0 {
        number %= CUT;
        digits = DIGITS - 1;
    }
    let mut at = name.len() - digits;
    while digits > 1 && name[at] == b'0' {
        at += 1;
        digits -= 1;
    }
    Some((&name[..at], number))
}

/// How many digits a name ends with, up to [`DIGITS`], and their number.
fn last_digits(name: &[u8]) -> (usize, u64) {
    let (mut rest, mut digits, mut number, mut weight) = (name, 0, 0, 1);
    loop {
        let (before, last) = match rest.split_last_chunk::<8>() {
            Some((before, last)) => (before, u64::from_le_bytes(*last)),
            None => (&[][..], rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)).swap_bytes()),
        };
        let more = digits_of(last).min(DIGITS - digits);
        number += value_of(last, more) * weight;
        digits += more;
        if more < 8 {
            return (digits, number);
        }
        weight *= 100_000_000;
        rest = before;
    }
}

/// How many digits eight bytes end with; the first of them is the lowest.
#[inline]
fn digits_of(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let word = word ^ (ONES * u64::from(b'0'));
    // A byte of 10 or more comes to have its highest bit, or has it.
    let others = (((word & (ONES * 0x7f)) + ONES * (0x80 - 10)) | word) & (ONES * 0x80);
    (others.leading_zeros() / 8) as usize
}

/// The number that the last ones of eight bytes are, which are digits: first two of them, then four, then eight are
/// taken together.
#[inline]
fn value_of(word: u64, digits: usize) -> u64 {
    if digits == 0 {
        return 0;
    }
    let word = (word >> (64 - 8 * digits) << (64 - 8 * digits)) & 0x0f0f_0f0f_0f0f_0f0f;
    let word = (word.wrapping_mul(10) + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let word = (word.wrapping_mul(100) + (word >> 16)) & 0x0000_ffff_0000_ffff;
    (word.wrapping_mul(10_000) + (word >> 32)) & 0xffff_ffff
}

const CHUNK: usize = 4096;
/// So many groups can have a prefix; where there are more, most are small.
const GROUPS: usize = 64 * CHUNK;
/// A longer one is kept for no group: a name in a dump may be a hundred times as long as what stands there for it. With
/// this, all prefixes take 84 MB at most, and where names are of some 60 bytes, 30 MB.
const LONGEST: usize = 256;

type Chunk = OnceLock<Box<[OnceLock<NamePrefix>]>>;

/// A prefix, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePrefix {
    bytes: Box<[u8]>,
    hash: u64,
}

impl NamePrefix {
    fn new(bytes: &[u8], hasher: &Hasher) -> Self {
        Self { bytes: bytes.into(), hash: hasher.hash(bytes) }
    }

    /// The prefix that all members of an index have which are nothing but a value behind some text, if the value is a number.
    pub fn of_index(member: &Template, hasher: &Hasher) -> Option<Self> {
        match member.parts.as_slice() {
            [Part::Field(_)] => Some(Self::new(b"", hasher)),
            [Part::Literal(text), Part::Field(_)] => Some(Self::new(text, hasher)),
            _ => None,
        }
    }

    /// Hashes the name of a member, and tells its number if it has this prefix. To compare costs less than to hash.
    #[inline]
    pub fn hash(this: Option<&Self>, name: &[u8], hasher: &Hasher) -> (Hashed, Option<u64>) {
        let Some((prefix, number)) = split(name) else { return (hasher.name(name), None) };
        match this {
            Some(this) if *this.bytes == *prefix => (hasher.number(this.hash, number), Some(number)),
            _ => (hasher.number(hasher.hash(prefix), number), None),
        }
    }

    /// The name that it is with a number.
    pub fn write<'b>(&self, number: u64, out: &'b mut Vec<u8>) -> &'b [u8] {
        out.clear();
        out.extend_from_slice(&self.bytes);
        // Writing to a vector cannot fail.
        let _ = write!(out, "{number}");
        out
    }
}

/// By index: the prefix of members that are numbers, where they are not keys of records.
pub type MemberPrefixes = Vec<Option<NamePrefix>>;

/// The prefix of each group: that of the first member that any thread met in it.
///
/// Which one that is differs from run to run. It decides only which members can be compared by their number, not what
/// comes of it.
#[derive(Debug)]
pub struct NamePrefixes {
    chunks: Box<[Chunk]>,
}

impl Default for NamePrefixes {
    fn default() -> Self {
        Self { chunks: (0..GROUPS / CHUNK).map(|_| Chunk::new()).collect() }
    }
}

impl NamePrefixes {
    /// The prefix of a group into which this member comes: its own if it is the first one.
    #[inline]
    pub fn of(&self, group: u32, member: &[u8], hasher: &Hasher) -> Option<&NamePrefix> {
        self.get(group).or_else(|| self.begin(group, member, hasher))
    }

    #[cold]
    fn begin(&self, group: u32, member: &[u8], hasher: &Hasher) -> Option<&NamePrefix> {
        let (prefix, _) = split(member).filter(|(prefix, _)| prefix.len() <= LONGEST)?;
        let chunk = self.chunks.get(group as usize / CHUNK)?;
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        Some(chunk[group as usize % CHUNK].get_or_init(|| NamePrefix::new(prefix, hasher)))
    }

    /// The prefix of a group.
    #[inline]
    pub fn get(&self, group: u32) -> Option<&NamePrefix> {
        let chunk = self.chunks.get(group as usize / CHUNK)?.get()?;
        chunk[group as usize % CHUNK].get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Option<(&str, u64)> {
        split(name.as_bytes()).map(|(prefix, number)| (std::str::from_utf8(prefix).unwrap(), number))
    }

    #[test]
    fn stems_and_numbers() {
        assert_eq!(text(""), None);
        assert_eq!(text("a"), None);
        assert_eq!(text("1a"), None);
        assert_eq!(text("1"), Some(("", 1)));
        assert_eq!(text("0"), Some(("", 0)));
        assert_eq!(text("a:0"), Some(("a:", 0)));
        assert_eq!(text("a:00"), Some(("a:0", 0)));
        assert_eq!(text("a:007"), Some(("a:00", 7)));
        assert_eq!(text("a:70"), Some(("a:", 70)));
        assert_eq!(text("a:1-2"), Some(("a:1-", 2)));
        assert_eq!(text("12345678"), Some(("", 12_345_678)));
        assert_eq!(text("a12345678"), Some(("a", 12_345_678)));
        assert_eq!(text("message:discord:1228375301573866404"), Some(("message:discord:", 1_228_375_301_573_866_404)));
        // The last number of 61 bits, and one more; then one of 20 digits.
        assert_eq!(text("m2305843009213693951"), Some(("m", 2_305_843_009_213_693_951)));
        assert_eq!(text("m2305843009213693952"), Some(("m2", 305_843_009_213_693_952)));
        assert_eq!(text("m9999999999999999999"), Some(("m9", 999_999_999_999_999_999)));
        assert_eq!(text("m12305843009213693951"), Some(("m1", 2_305_843_009_213_693_951)));
        assert_eq!(text("m3000000000000000001"), Some(("m300000000000000000", 1)));
        assert_eq!(split(b"\xff\x8057"), Some((&b"\xff\x80"[..], 57)));
        // What stands beside the digits in ASCII.
        assert_eq!(text("a/9"), Some(("a/", 9)));
        assert_eq!(text("a:9"), Some(("a:", 9)));
    }

    proptest::proptest! {
        /// Together they are the name, and no other way to write them is.
        #[test]
        fn a_name_is_its_stem_and_its_number(name in "[a-z0-9:/]{0,12}[0-9]{0,30}") {
            match text(&name) {
                Some((prefix, number)) => {
                    proptest::prop_assert_eq!(format!("{prefix}{number}"), name);
                    proptest::prop_assert_eq!(number >> NUMBER_BITS, 0);
                }
                None => proptest::prop_assert!(!name.ends_with(|c: char| c.is_ascii_digit())),
            }
        }

        #[test]
        fn any_bytes(name: Vec<u8>) {
            if let Some((prefix, number)) = split(&name) {
                let mut again = prefix.to_vec();
                again.extend_from_slice(number.to_string().as_bytes());
                proptest::prop_assert_eq!(again, name);
            } else {
                proptest::prop_assert!(!name.last().is_some_and(u8::is_ascii_digit));
            }
        }
    }

    #[test]
    fn the_first_stem_of_a_group_stays() {
        let (prefixes, hasher) = (NamePrefixes::default(), Hasher::default());
        let of = |group: u32, name: &str| prefixes.of(group, name.as_bytes(), &hasher).map(|prefix| &*prefix.bytes);
        assert_eq!(prefixes.get(5), None);
        assert_eq!(of(5, "no number"), None);
        assert_eq!(of(5, "a:1"), Some(&b"a:"[..]));
        assert_eq!(of(5, "b:1"), Some(&b"a:"[..]));
        assert_eq!(of(5, "no number"), Some(&b"a:"[..]));
        assert_eq!(of(6, "1"), Some(&b""[..]));
        let (most, more) = ("a".repeat(LONGEST), "a".repeat(LONGEST + 1));
        assert_eq!(of(7, &format!("{more}1")), None);
        assert_eq!(prefixes.get(7), None);
        assert_eq!(of(7, &format!("{most}1")), Some(most.as_bytes()));
        let last = GROUPS as u32;
        assert_eq!((of(last - 1, "a:1"), of(last, "a:1"), of(u32::MAX, "a:1")), (Some(&b"a:"[..]), None, None));
    }

    #[test]
    fn a_stem_changes_no_hash() {
        let (prefixes, hasher) = (NamePrefixes::default(), Hasher::default());
        let prefix = prefixes.of(0, b"a:1", &hasher);
        let cases = [("a:1", Some(1)), ("a:2", Some(2)), ("a:02", None), ("b:1", None), ("a:", None), ("1", None)];
        for (name, number) in cases {
            let (without, with) =
                (NamePrefix::hash(None, name.as_bytes(), &hasher), NamePrefix::hash(prefix, name.as_bytes(), &hasher));
            assert_eq!((without.0, with.0, without.1, with.1), (with.0, without.0, None, number), "{name}");
            if let (Some(prefix), Some(number)) = (prefix, number) {
                assert_eq!(prefix.write(number, &mut b"old".to_vec()), name.as_bytes());
            }
        }
    }
}
