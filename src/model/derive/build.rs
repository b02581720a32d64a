//! Filling in an index's templates.

use std::ops::Range;

use crate::model::document::{Slot, Slots};
use crate::model::spec::{Captured, Index, Part, Pattern, Reading, RecordClass, Template, Text, Texts};

use super::score::number_or_time;
use super::{Implied, Undecidable};

/// An index's templates, and one membership as bytes, reused for the next.
#[derive(Clone, Debug)]
pub(super) struct Builder {
    key_pieces: Vec<Piece>,
    member_pieces: Vec<Piece>,
    value_pieces: Vec<Piece>,
    score_pieces: Option<Vec<Piece>>,
    require_pieces: Vec<Vec<Piece>>,
    /// The names that captures are read from, if a template uses some.
    names: Option<Pattern>,
    captured: Captured,
    reading: Reading,
    bytes: Vec<u8>,
    key: Range<usize>,
    member: Range<usize>,
    value: Range<usize>,
    require: Vec<Range<usize>>,
    score: f64,
    /// The score's text, when it is put together from pieces.
    score_text: Vec<u8>,
}

/// A part of a template that knows where its value comes from.
#[derive(Clone, Debug)]
enum Piece {
    Literal(Box<[u8]>),
    RecordKey,
    /// What was captured from the record's key.
    Capture(usize),
    /// A path, and the position among the index's fields of the number that says which of its values.
    Field {
        path: usize,
        field: usize,
    },
}

impl Builder {
    /// `fields` are the paths the index uses, each once.
    pub fn new(class: &RecordClass, index: &Index, member: &Template, fields: &[usize]) -> Builder {
        let pieces =
            |template: &Template| template.parts.iter().filter_map(|part| piece(class, part, fields)).collect();
        let captures = index.templates().any(|template| template.captures().next().is_some());
        Builder {
            names: captures.then(|| class.key.clone()),
            captured: Captured::default(),
            reading: Reading::default(),
            key_pieces: pieces(&index.key),
            member_pieces: pieces(member),
            value_pieces: index.value.as_ref().map(pieces).unwrap_or_default(),
            score_pieces: index.score.as_ref().map(pieces),
            require_pieces: index.require.iter().map(|require| pieces(&require.key)).collect(),
            bytes: Vec::new(),
            key: 0..0,
            member: 0..0,
            value: 0..0,
            require: Vec::new(),
            score: 0.0,
            score_text: Vec::new(),
        }
    }

    /// A new record: what its key captures.
    #[inline]
    pub fn begin(&mut self, record: &[u8]) {
        if let Some(names) = &self.names {
            self.captured.clear();
            names.form.capture(Text::Key, &Texts::of_key(record), &mut self.reading, &mut self.captured);
        }
    }

    /// Fills in every template.
    #[inline]
    pub fn build(&mut self, record: &[u8], slots: &Slots<'_>, chosen: &[usize]) -> Result<(), Undecidable> {
        self.score(record, slots, chosen)?;
        self.bytes.clear();
        let from = (record, &self.captured);
        self.key = fill(&mut self.bytes, &self.key_pieces, from, slots, chosen);
        self.member = fill(&mut self.bytes, &self.member_pieces, from, slots, chosen);
        self.value = fill(&mut self.bytes, &self.value_pieces, from, slots, chosen);
        self.require.clear();
        for pieces in &self.require_pieces {
            self.require.push(fill(&mut self.bytes, pieces, from, slots, chosen));
        }
        Ok(())
    }

    /// Computes the score only: the one part that may fail.
    #[inline]
    pub fn score(&mut self, record: &[u8], slots: &Slots<'_>, chosen: &[usize]) -> Result<(), Undecidable> {
        let Some(pieces) = &self.score_pieces else { return Ok(()) };
        self.score_text.clear();
        fill(&mut self.score_text, pieces, (record, &self.captured), slots, chosen);
        self.score = number_or_time(&self.score_text).ok_or(Undecidable::Score)?;
        Ok(())
    }

    /// What was built last.
    #[inline]
    pub fn implied(&self) -> Implied<'_> {
        let slice = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or(&[]);
        Implied {
            key: slice(&self.key),
            member: slice(&self.member),
            value: slice(&self.value),
            score: self.score,
            bytes: &self.bytes,
            require: &self.require,
        }
    }
}

fn piece(class: &RecordClass, part: &Part, fields: &[usize]) -> Option<Piece> {
    match part {
        Part::Literal(bytes) => Some(Piece::Literal(bytes.as_slice().into())),
        Part::RecordKey => Some(Piece::RecordKey),
        Part::Capture(number) => Some(Piece::Capture(*number)),
        Part::Field(_) | Part::Filtered(_) => {
            let path = class.slot(part)?;
            let field = fields.iter().position(|field| *field == path)?;
            Some(Piece::Field { path, field })
        }
        Part::Wildcard | Part::Wild(_) => None,
    }
}

/// Appends a filled-in template; where it stands.
#[inline]
fn fill(
    bytes: &mut Vec<u8>,
    pieces: &[Piece],
    (record, captured): (&[u8], &Captured),
    slots: &Slots<'_>,
    chosen: &[usize],
) -> Range<usize> {
    let start = bytes.len();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => bytes.extend_from_slice(literal),
            Piece::RecordKey => bytes.extend_from_slice(record),
            Piece::Capture(number) => {
                bytes.extend_from_slice(captured.get(*number, &Texts::of_key(record)).unwrap_or_default());
            }
            Piece::Field { path, field } => {
                let number = chosen.get(*field).copied().unwrap_or(0);
                if let Some((_, Slot::Text(value) | Slot::Literal(value))) = slots.element(*path, number) {
                    bytes.extend_from_slice(value);
                }
            }
        }
    }
    start..bytes.len()
}
