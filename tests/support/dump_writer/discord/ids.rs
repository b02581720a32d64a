//! Numbers that look random and are functions of a seed: hashes, ids, permutations, skewed shares.

/// A hash of two numbers (the finalizer of splitmix64).
pub fn mix(seed: u64, n: u64) -> u64 {
    let z =
        seed.wrapping_mul(0xD129_0D3B_3D5C_E54D).wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// An id of 21 characters, as the application makes them.
pub struct Nano([u8; 21]);

impl Nano {
    pub fn new(seed: u64) -> Self {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        let (high, low) = (mix(seed, 1), mix(seed, 2));
        Self(std::array::from_fn(|i| {
            let bits = if i < 10 { high >> (6 * i) } else { low >> (6 * (i - 10)).min(58) };
            ALPHABET[(bits & 63) as usize]
        }))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Writes a number in decimal.
pub fn put_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A permutation of `0..len` that needs no table: a Feistel network over the next power of four, walked until the
/// number is in range.
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    pub fn new(len: u64, seed: u64) -> Self {
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|i| mix(seed, i as u64)) }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Where `n` goes.
    pub fn apply(&self, n: u64) -> u64 {
        self.walk(n, |(left, right), key| (right, left ^ self.round(right, key)), false)
    }

    /// What goes to `n`.
    pub fn invert(&self, n: u64) -> u64 {
        self.walk(n, |(left, right), key| (right ^ self.round(left, key), left), true)
    }

    fn walk(&self, mut n: u64, step: impl Fn((u64, u64), u64) -> (u64, u64), backwards: bool) -> u64 {
        assert!(n < self.len, "{n} is not in 0..{}", self.len);
        loop {
            let mut halves = (n >> self.half_bits, n & ((1 << self.half_bits) - 1));
            for i in 0..4 {
                halves = step(halves, self.keys[if backwards { 3 - i } else { i }]);
            }
            n = halves.0 << self.half_bits | halves.1;
            if n < self.len {
                return n;
            }
        }
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        let x = (half ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> (64 - self.half_bits)
    }
}

/// The first of `total` things that owner `n` of `owners` has, when the shares grow with the cube of the owner's number.
/// Multiplication of doubles rounds the same everywhere, so this is the same on every machine.
pub fn share_start(n: u64, total: u64, owners: u64) -> u64 {
    if n >= owners {
        return total;
    }
    let x = n as f64 / owners as f64;
    ((total as f64 * (x * x * x * x)) as u64).min(total)
}

/// The owner of a thing.
pub fn share_of(thing: u64, total: u64, owners: u64) -> u64 {
    let guess = (owners as f64 * (thing as f64 / total as f64).sqrt().sqrt()) as u64;
    let mut owner = guess.min(owners - 1);
    while share_start(owner, total, owners) > thing {
        owner -= 1;
    }
    while share_start(owner + 1, total, owners) <= thing {
        owner += 1;
    }
    owner
}
