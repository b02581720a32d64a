//! The hash by which names and members are found.

use std::hash::BuildHasher;

/// Numbers have so many bits: ids of 19 digits that count milliseconds since 2015 in their upper bits have them until 2032.
pub const NUMBER_BITS: u32 = 61;
/// Of these, so many choose a bucket.
pub const BUCKET_BITS: u32 = 7;

/// Bits of a [`Hashed`] that neither a bucket nor an entry's hash has.
pub const REST_BITS: u32 = NUMBER_BITS - u32::BITS - BUCKET_BITS;

/// The hash of a member: [`NUMBER_BITS`] bits. The upper ones choose a bucket, the next ones are in [`super::entry::Entry`], the
/// rest is kept by a [`super::entry::Source`].
///
/// Of two names with the same prefix and different numbers the hashes are different: it is exact. Of others they may be the
/// same, but nobody can choose such names, since he does not know the keys of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed(u64);

impl Hashed {
    pub fn bucket(self) -> usize {
        (self.0 >> (NUMBER_BITS - BUCKET_BITS)) as usize
    }

    pub fn hash(self) -> u32 {
        (self.0 >> REST_BITS & 0xffff_ffff) as u32
    }

    pub fn rest(self) -> u64 {
        self.0 & ((1 << REST_BITS) - 1)
    }

    /// One that differs in its rest alone.
    #[cfg(test)]
    pub fn neighbour(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// The hash of names and members: keyed afresh in every run, so that a dump cannot be made to collide. Nothing that is
/// written depends on it.
#[derive(Clone, Debug)]
pub struct Hasher {
    bytes: foldhash::quality::RandomState,
    factors: [u64; 2],
    #[cfg(test)]
    blind: bool,
}

impl Default for Hasher {
    fn default() -> Self {
        let bytes = foldhash::quality::RandomState::default();
        let factors = [0_u8, 1].map(|at| bytes.hash_one(at) | 1);
        Self {
            bytes,
            factors,
            #[cfg(test)]
            blind: false,
        }
    }
}

impl Hasher {
    const NUMBERS: u64 = (1 << NUMBER_BITS) - 1;

    /// One that sees no difference between byte strings, so that whatever comes of them is not due to luck.
    #[cfg(test)]
    pub fn blind() -> Self {
        Self { blind: true, ..Self::default() }
    }

    /// Hashes a byte string.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        #[cfg(test)]
        if self.blind {
            return 0;
        }
        self.bytes.hash_one(bytes)
    }

    /// Hashes a name without a number.
    pub fn name(&self, name: &[u8]) -> Hashed {
        Hashed(self.hash(name) & Self::NUMBERS)
    }

    /// Hashes a name whose prefix has this hash, and this number. Of names with one prefix no two are hashed alike.
    #[inline]
    pub fn number(&self, prefix: u64, number: u64) -> Hashed {
        Hashed(prefix.wrapping_add(self.mix(number)) & Self::NUMBERS)
    }

    /// A number of [`NUMBER_BITS`] bits for each of them, no two the same: every step can be taken back. To multiply by an
    /// odd number that nobody knows makes it hard to find numbers whose upper bits will be alike.
    #[inline]
    fn mix(&self, number: u64) -> u64 {
        let [first, second] = self.factors;
        let mixed = number.wrapping_mul(first) & Self::NUMBERS;
        (mixed ^ mixed >> 32).wrapping_mul(second) & Self::NUMBERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps back, taken with the inverses of the factors modulo 2^61: what can be taken back, is exact.
    #[test]
    fn no_two_numbers_are_hashed_alike() {
        let hasher = Hasher::default();
        let inverse = |factor: u64| {
            // Newton's iteration: each step doubles the bits that are right.
            (0..6).fold(1_u64, |x, _| x.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(x))))
        };
        let back = |hashed: u64| {
            let mixed = hashed.wrapping_mul(inverse(hasher.factors[1])) & Hasher::NUMBERS;
            (mixed ^ mixed >> 32).wrapping_mul(inverse(hasher.factors[0])) & Hasher::NUMBERS
        };
        let edges = (0..NUMBER_BITS).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        for number in edges.chain(1_228_375_301_573_866_404..1_228_375_301_573_876_404) {
            assert_eq!(back(hasher.mix(number)), number);
        }
    }

    #[test]
    fn members_spread_over_all_buckets() {
        let hasher = Hasher::default();
        let mut buckets = vec![0; 1 << BUCKET_BITS];
        for n in 0..128_000 {
            let hashed = hasher.number(hasher.hash(b"message:"), 1_228_375_301_573_866_404_u64 + n * 4_194_304);
            buckets[hashed.bucket()] += 1;
        }
        assert!(buckets.iter().all(|n| (700..1300).contains(n)), "{buckets:?}");
    }
}
