//! What a set, a sorted set or a hash holds, as one number: 128 bits that do not depend on the order of its members.
//!
//! Each member is hashed, with its score where it has one, and the hashes are added up; so those of some members can be
//! taken out again. It tells apart what happens to a database by accident; somebody who means to deceive could find two
//! contents with the same number.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// A sum of hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content(u128);

impl Content {
    /// Of one member.
    pub fn of(member: &[u8], score: Option<f64>) -> Self {
        Self(hash(member, score))
    }

    /// Of one field of a hash, with its value.
    pub fn of_field(field: &[u8], value: &[u8]) -> Self {
        let mut hasher = SipHasher13::new();
        // The length tells where a field ends, and the last byte that it is one.
        hasher.write(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(field);
        hasher.write(value);
        hasher.write_u8(2);
        Self(hasher.finish128().as_u128())
    }

    /// Without what another holds that is a part of it.
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// Of both.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// With one more member.
    pub fn with(self, member: &[u8], score: Option<f64>) -> Self {
        self.plus(Self::of(member, score))
    }

    /// Without one of its members.
    pub fn without(self, member: &[u8], score: Option<f64>) -> Self {
        Self(self.0.wrapping_sub(hash(member, score)))
    }

    /// As 32 hexadecimal digits.
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    /// From what [`Content::to_hex`] gives.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { u128::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

fn hash(member: &[u8], score: Option<f64>) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write(member);
    if let Some(score) = score {
        // Minus zero is the same score as zero. The length tells a score from the end of a member.
        hasher.write(&(score + 0.0).to_bits().to_le_bytes());
        hasher.write_u8(1);
    } else {
        hasher.write_u8(0);
    }
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_as_if_it_had_never_been_there() {
        let all = Content::default().with(b"a", None).with(b"b", None);
        assert_eq!(all, Content::default().with(b"b", None).with(b"a", None));
        assert_eq!(all.without(b"a", None), Content::default().with(b"b", None));
        assert_ne!(all, Content::default().with(b"a", None).with(b"c", None), "swapped");
        let scored = |score| Content::default().with(b"a", Some(score));
        assert_ne!(scored(1.0), scored(2.0));
        assert_eq!(scored(0.0), scored(-0.0));
        let field = Content::of_field(b"a", b"b");
        assert_ne!(field, Content::of_field(b"ab", b""));
        assert_ne!(field, Content::of_field(b"b", b"a"));
        assert_eq!(all.plus(field).minus(field), all);
        assert_eq!(Content::from_hex(&all.to_hex()), Some(all));
        assert_eq!(Content::from_hex("+0000000000000000000000000000000"), None);
    }

    #[test]
    fn it_stays_what_it_is() {
        // SipHash-1-3 with a key of zeros, of the bytes "a" and 0: plans that were written must be understood.
        assert_eq!(Content::default().with(b"a", None).to_hex(), "af01c73d9824440d28223f5545cc18ce");
    }
}
