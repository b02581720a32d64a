//! What the values of a field led to, where one field decides.

use crate::index::store::hash::Hasher;

/// How many values a [`ValueCache`] remembers.
const SLOTS: usize = 256;
/// Longer ones are not worth a slot.
const MAX_VALUE: usize = 256;

/// What all records with one value of the field come to.
#[derive(Clone, Copy, Debug)]
pub struct Led {
    /// The index key, with the records that are required.
    pub group: u32,
    /// Those records, to count orphans by; none if none are required.
    pub required_set: Option<u32>,
}

/// A thread's own memory of the values it met last in one index, so that the records that share one need not have the
/// templates filled in and looked up for each of them.
#[derive(Debug, Default)]
pub struct ValueCache {
    slots: Vec<Option<(Vec<u8>, Led)>>,
}

impl ValueCache {
    fn slot(value: &[u8], hasher: &Hasher) -> usize {
        (hasher.hash(value) % SLOTS as u64) as usize
    }

    pub fn get(&self, value: &[u8], hasher: &Hasher) -> Option<Led> {
        if self.slots.is_empty() || value.len() > MAX_VALUE {
            return None;
        }
        let (known, led) = self.slots[Self::slot(value, hasher)].as_ref()?;
        (known == value).then_some(*led)
    }

    pub fn set(&mut self, value: &[u8], led: Led, hasher: &Hasher) {
        if value.len() > MAX_VALUE {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let (known, known_led) = self.slots[Self::slot(value, hasher)].get_or_insert_with(|| (Vec::new(), led));
        known.clear();
        known.extend_from_slice(value);
        *known_led = led;
    }
}
