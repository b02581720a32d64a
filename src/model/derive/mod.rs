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
use crate::model::entry::hold;
use crate::model::spec::{
    Captured, Condition, Index, IndexType, Part, Path, Pattern, Policy, Reading, RecordClass, Step, Template, Text,
    Texts,
};
use build::Builder;
use join::{Entries, Join};

/// A record that implies more memberships of one index than this is undecidable.
pub const MAX_MEMBERSHIPS: u32 = 1 << 20;

/// Derives the memberships of one index from records of its class. One for each thread; reusable.
#[derive(Clone, Debug)]
pub struct Deriver {
    /// One for each member template.
    ways: Vec<(Join, Builder)>,
    /// What must be true of a record.
    when: Vec<Condition>,
    names: Pattern,
    reading: Reading,
    captured: Captured,
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
    /// The member's score; 0 where there are none.
    pub score: f64,
    /// The value of a hash's field, or the text of a string; nothing where there is none.
    pub value: &'a [u8],
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
    /// `when` compares an object or an array.
    Condition,
}

impl Undecidable {
    /// The reason in words.
    pub fn message(self, class: &RecordClass) -> String {
        match self {
            Undecidable::Composite(slot) => match class.path_of_slot(slot) {
                Some(path) if path.arrays() > 0 => format!("{path} is not an array of single values"),
                Some(path) => format!("{path} is an object or an array"),
                None => "a field is an object or an array".to_owned(),
            },
            Undecidable::Score => "the score is neither a finite number nor an RFC 3339 time".to_owned(),
            Undecidable::Condition => "a field that `when` compares is an object or an array".to_owned(),
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
        let retired = index.policy == Policy::Retire
            || index.templates().any(|template| template.parts.iter().any(|part| matches!(part, Part::Wildcard)));
        let members = std::iter::once(&index.member).chain(&index.more_members);
        let mut ways = Vec::new();
        let mut decided_by = None;
        for member in members {
            let mut parts: Vec<&Part> = Vec::new();
            for part in index.templates_with(member).flat_map(Template::fields) {
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
            let fields: Vec<usize> = parts.iter().filter_map(|part| class.slot(part)).collect();
            let paths: Vec<Path> = parts.iter().filter_map(|part| path(class, part)).collect();
            let paths: Vec<(usize, &Path)> = fields.iter().copied().zip(&paths).collect();
            let by_value = |template: &Template| {
                !template.parts.iter().any(|part| matches!(part, Part::RecordKey | Part::Capture(_)))
            };
            let require = || index.require.iter().map(|require| &require.key);
            let decides = !retired
                && index.kind == IndexType::Set
                && index.member.is_record_key()
                && index.more_members.is_empty()
                && index.when.is_empty()
                && std::iter::once(&index.key).chain(require()).all(by_value);
            decided_by = match paths.as_slice() {
                [(at, path)] if decides && path.arrays() == 0 => Some(*at),
                _ => None,
            };
            ways.push((Join::new(&paths), Builder::new(class, index, member, &fields)));
        }
        Deriver {
            ways,
            when: index.when.clone(),
            names: class.key.clone(),
            reading: Reading::default(),
            captured: Captured::default(),
            retired,
            decided_by,
        }
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
        if !self.when.is_empty() && !self.is_meant(record, slots)? {
            return Ok(0);
        }
        // An undecidable record gives nothing at all: of several members none, where one cannot be said.
        let several = self.ways.len() > 1;
        for (join, builder) in self.ways.iter_mut().filter(|_| several) {
            builder.begin(record);
            match join.start(slots)? {
                Entries::None => {}
                Entries::One => builder.score(record, slots, join.chosen())?,
                Entries::Many => {
                    join.run(slots, &mut |_, chosen| builder.score(record, slots, chosen))?;
                }
            }
        }
        let mut total: u32 = 0;
        for (join, builder) in &mut self.ways {
            builder.begin(record);
            let first = total;
            let count = match join.start(slots)? {
                Entries::None => 0,
                Entries::One => {
                    builder.build(record, slots, join.chosen())?;
                    each(first, builder.implied());
                    1
                }
                Entries::Many => {
                    if !several {
                        // Once to see that every entry can be made, and only then for the caller.
                        join.run(slots, &mut |_, chosen| builder.score(record, slots, chosen))?;
                    }
                    join.run(slots, &mut |number, chosen| {
                        builder.build(record, slots, chosen)?;
                        each(first.saturating_add(number), builder.implied());
                        Ok(())
                    })?
                }
            };
            total = total.saturating_add(count);
        }
        Ok(total)
    }

    /// Whether a record meets what `when` asks for.
    fn is_meant(&mut self, record: &[u8], slots: &Slots<'_>) -> Result<bool, Undecidable> {
        let Deriver { when, names, reading, captured, .. } = self;
        let texts = Texts::of_key(record);
        captured.clear();
        names.form.capture(Text::Key, &texts, reading, captured);
        let mut room = Vec::new();
        let met = hold(when, slots, |template, text| {
            room.clear();
            template.fill(captured, &texts, &mut room) && room == text
        });
        met.ok_or(Undecidable::Condition)
    }

    /// Whether a record meets each condition of `when`, in their order; false where it cannot be said.
    pub fn meets(&mut self, record: &[u8], slots: &Slots<'_>) -> Vec<bool> {
        let all = std::mem::take(&mut self.when);
        let mut out = Vec::new();
        for condition in &all {
            self.when = vec![condition.clone()];
            out.push(self.is_meant(record, slots) == Ok(true));
        }
        self.when = all;
        out
    }
}

/// Where the values of a field stand. Those that a filter makes of one value are like the elements of an array, which is its
/// own.
fn path(class: &RecordClass, part: &Part) -> Option<Path> {
    let (path, filters) = class.field(part)?;
    let mut path = path.clone();
    if let (Part::Filtered(number), Some(filters)) = (part, filters)
        && filters.is_multi()
    {
        path.steps.push(Step::Name(format!("|{number}").into_bytes()));
        path.steps.push(Step::Each);
    }
    Some(path)
}

#[cfg(test)]
mod tests;
