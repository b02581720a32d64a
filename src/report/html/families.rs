//! Families of keys on the page of an inventory: what takes the space, by prefix.

use super::escape::Html;
use super::icicle::{draw, outline};
use super::prefixes::Prefix;
use crate::report::inventory::Family;
use crate::text::{counted, size};

/// What a family takes. Whatever on the page weighs families by space asks here: map, outline, order of the table.
pub fn space(family: &Family) -> u64 {
    family.memory
}

/// What that is called, in the words of a choice and of a sentence.
const CHOICE: &str = "by memory";
pub const MEASURE: &str = "of the memory";

/// The map of prefixes.
pub struct MapView {
    pub space_words: &'static str,
    pub by_space: Html,
    pub by_keys: Html,
    pub outline: Html,
}

impl MapView {
    pub fn new(families: &[&Family]) -> Self {
        let by_space = Prefix::tree(families, space);
        let by_keys = Prefix::tree(families, |family| family.keys);
        let words = |by: &str| format!("What names begin with, {by}; the list below has the figures");
        Self {
            space_words: CHOICE,
            by_space: draw(&by_space, size, &words(CHOICE)),
            by_keys: draw(&by_keys, |keys| counted(keys, "key"), &words("by number of keys")),
            outline: outline(&by_space, size),
        }
    }
}
