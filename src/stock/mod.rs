//! What is in a dump: keys, elements and bytes by database, by type and by family.

mod families;

pub use families::Families;

/// A count of keys and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub keys: u64,
    /// Elements of collections; a string, a document and a module's value are one each.
    pub elements: u64,
    /// Bytes in the dump, name and expiry included.
    pub bytes: u64,
    pub with_expiry: u64,
}

impl Tally {
    /// Adds another count to this one.
    pub fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.elements = self.elements.saturating_add(other.elements);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.with_expiry = self.with_expiry.saturating_add(other.with_expiry);
    }
}
