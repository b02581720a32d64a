//! That no element comes twice, in bounded memory.
//!
//! Hashes are gathered and sorted; equal ones only say where to look, and a second visit compares the bytes. A
//! collection with more elements than are gathered at once is visited several times, each time for a part of the hashes.

use std::hash::BuildHasher;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;

use crate::dump::rdb::{Element, Flow, Scratch, Snippet, Value, Visitor};

/// Hashes that are gathered at once: 16 MB for each thread.
const MOST: u64 = 1 << 21;

/// Equal hashes that are looked at; two are equal by chance less often than bits tip over.
const SUSPECTS: usize = 64;

pub(super) struct Uniqueness<'s> {
    hasher: &'s RandomState,
    hashes: Vec<u64>,
    pass: u64,
    passes: u64,
}

impl<'s> Uniqueness<'s> {
    pub fn new(hasher: &'s RandomState) -> Self {
        Self { hasher, hashes: Vec::new(), pass: 0, passes: 1 }
    }

    /// How many visits it takes to compare so many elements.
    pub fn passes(elements: u64) -> u64 {
        elements.div_ceil(MOST).max(1)
    }

    /// Begins a visit.
    pub fn begin(&mut self, pass: u64, passes: u64) {
        self.hashes.clear();
        self.pass = pass;
        self.passes = passes;
    }

    /// Takes one element of the visit.
    #[inline]
    pub fn add(&mut self, element: &[u8]) {
        let hash = self.hasher.hash_one(element);
        if self.passes == 1 || hash.checked_rem(self.passes) == Some(self.pass) {
            self.hashes.push(hash);
        }
    }

    /// Number of hashes gathered in this visit.
    #[cfg(test)]
    pub fn gathered(&self) -> usize {
        self.hashes.len()
    }

    /// An element that came twice in this visit.
    pub fn find(&mut self, value: &Value<'_>, scratch: &mut Scratch) -> Option<Snippet> {
        self.hashes.sort_unstable();
        let pairs = self.hashes.windows(2).filter_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        });
        let mut suspects: Vec<u64> = pairs.take(SUSPECTS).collect();
        suspects.dedup();
        if suspects.is_empty() {
            return None;
        }
        let mut again = Again { hasher: self.hasher, suspects, seen: Vec::new(), twice: None };
        // It has been visited before without an error.
        let _ = value.visit(scratch, &mut again);
        again.twice
    }
}

/// Compares the elements whose hashes are equal.
struct Again<'s> {
    hasher: &'s RandomState,
    suspects: Vec<u64>,
    seen: Vec<Vec<u8>>,
    twice: Option<Snippet>,
}

impl Again<'_> {
    fn look(&mut self, element: &[u8]) -> Flow {
        if !self.suspects.contains(&self.hasher.hash_one(element)) {
            return ControlFlow::Continue(());
        }
        if self.seen.iter().any(|seen| seen == element) {
            self.twice = Some(Snippet::of(element));
            return ControlFlow::Break(());
        }
        self.seen.push(element.to_vec());
        ControlFlow::Continue(())
    }
}

impl Visitor for Again<'_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.look(member.bytes)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.look(member.bytes)
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
        self.look(field.bytes)
    }

    fn array_element(&mut self, index: u64, _: Element<'_>) -> Flow {
        self.look(index.to_string().as_bytes())
    }
}
