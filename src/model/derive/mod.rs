//! From a record's fields to the memberships they imply.
//!
//! A [`Deriver`] is made once for an index and fills in the index's templates for one record after the other. What it
//! yields, and in which order, follows from the record alone, so that a membership can be named by its number and derived
//! again later instead of being kept.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod build;
mod join;
mod score;

pub use score::{score_text, write_score};

use std::ops::Range;

use crate::model::document::Slots;
use crate::model::spec::{Index, IndexType, Part, Path, Policy, RecordClass, Template};
use build::Builder;
use join::{Entries, Join};

/// A record that implies more memberships of one index than this is undecidable.
pub const MAX_MEMBERSHIPS: u32 = 1 << 20;

/// Derives the memberships of one index from records of its class. One for each thread; reusable.
#[derive(Clone, Debug)]
pub struct Deriver {
    join: Join,
    builder: Builder,
    /// A retired index: no record belongs to it.
    retired: bool,
    decided_by: Option<usize>,
}

/// That a record belongs to an index.
#[derive(Clone, Copy, Debug)]
pub struct Implied<'a> {
    /// The name of the index key.
    pub key: &'a [u8],
    /// What the index key must hold.
    pub member: &'a [u8],
    /// The member's score; 0 in an index that is a set.
    pub score: f64,
    bytes: &'a [u8],
    require: &'a [Range<usize>],
}

/// Why nothing can be said about a record and an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecidable {
    /// The path at this position of the class leads to an object or an array, or to no array where it has `[]`.
    Composite(usize),
    /// The score is no number, no RFC 3339 time, or beyond a double.
    Score,
    /// More than [`MAX_MEMBERSHIPS`], or as much work.
    TooMany,
}

impl Undecidable {
    /// The reason in words.
    pub fn message(self, class: &RecordClass) -> String {
        match self {
            Undecidable::Composite(path) => match class.paths.get(path) {
                Some(path) if path.arrays() > 0 => format!("{path} is not an array of single values"),
                Some(path) => format!("{path} is an object or an array"),
                None => "a field is an object or an array".to_owned(),
            },
            Undecidable::Score => "the score is neither a finite number nor an RFC 3339 time".to_owned(),
            Undecidable::TooMany => format!("it implies more than {MAX_MEMBERSHIPS} memberships"),
        }
    }
}

impl<'a> Implied<'a> {
    /// The keys of the records that must exist, in the order of the index's `require`.
    pub fn require(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let Implied { bytes, require, .. } = *self;
        require.iter().map(|range| bytes.get(range.clone()).unwrap_or(&[]))
    }
}

impl Deriver {
    /// A deriver for an index and the class it is made from.
    pub fn new(class: &RecordClass, index: &Index) -> Deriver {
        let templates = || {
            let require = index.require.iter().map(|require| &require.key);
            [&index.key, &index.member].into_iter().chain(&index.score).chain(require)
        };
        let retired = index.policy == Policy::Retire
            || templates().any(|template| template.parts.iter().any(|part| matches!(part, Part::Wildcard)));
        let mut fields: Vec<usize> = Vec::new();
        for field in templates().flat_map(Template::fields) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let paths: Vec<(usize, &Path)> = fields.iter().filter_map(|at| Some((*at, class.paths.get(*at)?))).collect();
        let by_value = |template: &Template| !template.parts.contains(&Part::RecordKey);
        let require = || index.require.iter().map(|require| &require.key);
        let decides = !retired
            && index.kind == IndexType::Set
            && index.member.is_record_key()
            && std::iter::once(&index.key).chain(require()).all(by_value);
        let decided_by = match paths.as_slice() {
            [(at, path)] if decides && path.arrays() == 0 => Some(*at),
            _ => None,
        };
        Deriver { join: Join::new(&paths), builder: Builder::new(index, &fields), retired, decided_by }
    }

    /// The path whose value alone decides what [`Deriver::derive`] gives, but for the member, which is the record's key; if
    /// there is such a path.
    pub fn decided_by(&self) -> Option<usize> {
        self.decided_by
    }

    /// Gives each membership that the record implies, with its number from 0 on, and says how many there were.
    ///
    /// Null or absent in any field that the index uses (`require` included): none. Several `[]` of the same array take
    /// the same element; those of different arrays are combined, each with each. A membership may come more than once,
    /// if an array holds a value more than once. An undecidable record gives none at all, also where another field is
    /// null: what cannot be read is never a reason to remove something.
    pub fn derive(
        &mut self,
        record: &[u8],
        slots: &Slots<'_>,
        mut each: impl FnMut(u32, Implied<'_>),
    ) -> Result<u32, Undecidable> {
        if self.retired {
            return Ok(0);
        }
        let Deriver { join, builder, .. } = self;
        match join.start(slots)? {
            Entries::None => Ok(0),
            Entries::One => {
                builder.build(record, slots, join.chosen())?;
                each(0, builder.implied());
                Ok(1)
            }
            Entries::Many => {
                // Once to see that every entry can be made, and only then for the caller.
                join.run(slots, &mut |_, chosen| builder.score(record, slots, chosen))?;
                join.run(slots, &mut |number, chosen| {
                    builder.build(record, slots, chosen)?;
                    each(number, builder.implied());
                    Ok(())
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
