//! Which keys are there, of those that a spec asks for by name: 16 bytes each.

use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut;

use super::{Clock, Expires};
use crate::dump::rdb::Record;
use crate::model::spec::{Exists, Form, Spec, Template};

/// The names that a spec asks for: those that `exists` can give, of a rule or of a record class.
#[derive(Debug)]
pub struct Wanted {
    forms: Vec<(u64, Form)>,
    /// Some form takes any name, by database; there are few.
    open: Vec<u64>,
    state: RandomState,
}

/// Keys that are there, as one thread finds them.
#[derive(Debug, Default)]
pub struct ExistingList(Vec<(u64, u64)>);

/// Keys that are there, by the hash of their database and name, with the place where they start.
///
/// A name that has the hash of another one counts as there: what is in doubt is kept.
#[derive(Debug)]
pub struct Existing {
    /// In order; most names that are looked for are not there, and only this is looked at for them.
    hashes: Vec<u64>,
    /// Where each starts.
    starts: Vec<u64>,
    /// Where the hashes begin whose first bits are these.
    index: Vec<u32>,
    shift: u32,
    state: RandomState,
}

impl Wanted {
    /// The names that rules ask for. Those of record classes are asked for before: see [`Wanted::of_records`].
    pub fn of_rules(spec: &Spec) -> Self {
        let rules = spec.indexes.iter().flat_map(|index| index.exists.iter().map(move |exists| (index, exists)));
        Self::new(rules.map(|(index, Exists { key, .. })| (index.db, key, &index.captures)))
    }

    /// The names by which record classes count their records.
    pub fn of_records(spec: &Spec) -> Self {
        let classes = spec.records.iter().filter_map(|class| Some((class, class.exists.as_ref()?)));
        Self::new(classes.map(|(class, exists)| (class.db, exists, &class.key.captures)))
    }

    fn new<'s>(names: impl Iterator<Item = (u64, &'s Template, &'s crate::model::spec::Captures)>) -> Self {
        let mut forms: Vec<(u64, Form)> = Vec::new();
        let mut open = Vec::new();
        for (db, template, captures) in names {
            let form = Form::new(&template.parts, captures, None);
            if form.takes_nearly_all() {
                open.push(db);
            } else if !forms.contains(&(db, form.clone())) {
                forms.push((db, form));
            }
        }
        Self { forms, open, state: RandomState::default() }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty() && self.open.is_empty()
    }

    /// Whether a name is one of them.
    #[inline]
    pub fn has(&self, db: u64, key: &[u8]) -> bool {
        self.open.contains(&db) || self.forms.iter().any(|(own, form)| *own == db && form.has(key))
    }

    /// Notes a key of the dump, if it is asked for and has not expired. Whether it is asked for.
    #[inline]
    pub fn see(&self, record: &Record<'_>, key: &[u8], clock: Clock, out: &mut ExistingList) -> bool {
        let asked = self.has(record.db, key);
        if asked && clock.expires(record.expire_ms) != Expires::Gone {
            out.0.push((hash(&self.state, record.db, key), record.start as u64));
        }
        asked
    }

    /// All that the threads found.
    pub fn join(self, lists: impl IntoIterator<Item = ExistingList>) -> Existing {
        let mut sorted: Vec<(u64, u64)> = Vec::new();
        for list in lists {
            if sorted.is_empty() {
                sorted = list.0;
            } else {
                sorted.extend_from_slice(&list.0);
            }
        }
        sorted.par_sort_unstable();
        // About four to a place of the index.
        let bits = (sorted.len() as u64 / 4).max(1).next_power_of_two().trailing_zeros();
        let shift = 64 - bits;
        let places = 1_usize << bits;
        let mut index = Vec::with_capacity(places + 1);
        let mut at = 0;
        for place in 0..places as u64 {
            while sorted.get(at).is_some_and(|(hash, _)| first_bits(*hash, shift) < place) {
                at += 1;
            }
            index.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        index.push(u32::try_from(sorted.len()).unwrap_or(u32::MAX));
        let hashes = sorted.iter().map(|(hash, _)| *hash).collect();
        let starts = sorted.into_iter().map(|(_, start)| start).collect();
        Existing { hashes, starts, index, shift, state: self.state }
    }
}

fn hash(state: &RandomState, db: u64, key: &[u8]) -> u64 {
    state.hash_one((db, key))
}

fn first_bits(hash: u64, shift: u32) -> u64 {
    hash.checked_shr(shift).unwrap_or(0)
}

impl Existing {
    /// The hash of a name.
    #[inline]
    pub fn hash(&self, db: u64, key: &[u8]) -> u64 {
        hash(&self.state, db, key)
    }

    /// Where the hashes are that begin like this one: the first of two loads that a search waits for.
    #[inline]
    pub fn near(&self, hash: u64) -> Range<usize> {
        let place = first_bits(hash, self.shift) as usize;
        let bound = |at: usize| self.index.get(at).map_or(0, |at| *at as usize);
        bound(place)..bound(place + 1)
    }

    /// Something that stands there, to have it in the cache: the second load.
    #[inline]
    pub fn touch(&self, near: &Range<usize>) -> u64 {
        self.hashes.get(near.start).copied().unwrap_or(0)
    }

    /// Where the keys start that have this hash, which are near there: nearly always one, or none.
    #[inline]
    pub fn starts(&self, hash: u64, near: Range<usize>) -> &[u64] {
        let here = self.hashes.get(near.clone()).unwrap_or_default();
        // About four, in order.
        let from = here.iter().take_while(|own| **own < hash).count();
        let count = here.iter().skip(from).take_while(|own| **own == hash).count();
        let from = near.start + from;
        self.starts.get(from..from + count).unwrap_or_default()
    }

    /// Where the keys start that have the hash of this name.
    pub fn find(&self, db: u64, key: &[u8]) -> &[u64] {
        let hash = self.hash(db, key);
        self.starts(hash, self.near(hash))
    }

    /// Whether a key of this name is there.
    pub fn has(&self, db: u64, key: &[u8]) -> bool {
        !self.find(db, key).is_empty()
    }
}
