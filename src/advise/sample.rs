//! A sample that is the same whatever the order and however many threads take it.
//!
//! What is kept follows from a hash: at first everything, then, whenever there is too much, what begins with one more zero
//! bit. All that has one hash is kept or left out together, so whatever is asked of a member can be asked of all keys that
//! hold it.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// So many are kept.
pub const MOST: usize = 1 << 17;

/// The hash of a name or a member of a database. No secret: whoever chooses the names may choose the sample, and all that
/// comes of it is advice; in return the same dump gives the same.
pub fn hash(db: u64, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write_u64(db);
    hasher.write(bytes);
    hasher.finish()
}

/// What can be sampled.
pub trait Lot: Copy {
    /// The hash that decides.
    fn lot(&self) -> u64;
}

impl<T: Copy> Lot for (u64, T) {
    fn lot(&self) -> u64 {
        self.0
    }
}

/// What was kept.
#[derive(Debug)]
pub struct Sample<T> {
    /// So many zero bits begin a hash that is kept.
    bits: u32,
    items: Vec<T>,
    most: usize,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self { bits: 0, items: Vec::new(), most: MOST }
    }
}

impl<T: Lot> Sample<T> {
    /// Keeps it, or not.
    pub fn add(&mut self, item: T) {
        if item.lot().leading_zeros() >= self.bits {
            self.items.push(item);
            while self.items.len() > self.most && self.bits < 64 {
                self.thin(self.bits.saturating_add(1));
            }
        }
    }

    /// Leaves out what does not begin with so many zero bits.
    pub fn thin(&mut self, bits: u32) {
        if bits > self.bits {
            self.bits = bits;
            self.items.retain(|item| item.lot().leading_zeros() >= bits);
        }
    }

    /// Adds what another thread kept.
    pub fn merge(&mut self, other: Self) {
        self.thin(other.bits);
        other.items.into_iter().for_each(|item| self.add(item));
    }

    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// What was kept, in no order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_split_and_any_order_keep_the_same() {
        let all: Vec<(u64, u32)> = (0..20_000_u32).map(|n| (hash(0, &(n / 3).to_le_bytes()), n)).collect();
        let taken = |parts: Vec<Vec<(u64, u32)>>| {
            let mut whole = Sample { most: 1000, ..Sample::default() };
            for part in parts {
                let mut some = Sample { most: 1000, ..Sample::default() };
                part.into_iter().for_each(|item| some.add(item));
                whole.merge(some);
            }
            let bits = whole.bits();
            let mut items = whole.into_items();
            items.sort_unstable();
            (bits, items)
        };
        let (bits, items) = taken(vec![all.clone()]);
        // 20,000 in steps of halves: 10,000, 5,000, 2,500, 1,250, and about 625.
        assert!(bits == 5 && items.len() > 500 && items.len() <= 1000, "{bits} {}", items.len());
        assert!(items.chunk_by(|a, b| a.0 == b.0).all(|same| same.len() >= 2), "what has one hash stays together");
        for size in [7, 300, 1500, 19_999] {
            let parts = all.rchunks(size).map(<[_]>::to_vec).collect();
            assert_eq!(taken(parts), (bits, items.clone()), "{size}");
        }
    }
}
