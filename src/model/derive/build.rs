//! Filling in an index's templates.

use std::ops::Range;

use crate::model::document::{Slot, Slots};
use crate::model::spec::{Index, Part, Template};

use super::score::number_or_time;
use super::{Implied, Undecidable};

/// An index's templates, and one membership as bytes, reused for the next.
#[derive(Clone, Debug)]
pub(super) struct Builder {
    key_pieces: Vec<Piece>,
    member_pieces: Vec<Piece>,
    score_pieces: Option<Vec<Piece>>,
    require_pieces: Vec<Vec<Piece>>,
    bytes: Vec<u8>,
    key: Range<usize>,
    member: Range<usize>,
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
    /// A path, and the position among the index's fields of the number that says which of its values.
    Field {
        path: usize,
        field: usize,
    },
}

impl Builder {
    /// `fields` are the paths the index uses, each once.
    pub fn new(index: &Index, fields: &[usize]) -> Builder {
        let pieces = |template: &Template| template.parts.iter().filter_map(|part| piece(part, fields)).collect();
        Builder {
            key_pieces: pieces(&index.key),
            member_pieces: pieces(&index.member),
            score_pieces: index.score.as_ref().map(pieces),
            require_pieces: index.require.iter().map(|require| pieces(&require.key)).collect(),
            bytes: Vec::new(),
            key: 0..0,
            member: 0..0,
            require: Vec::new(),
            score: 0.0,
            score_text: Vec::new(),
        }
    }

    /// Fills in every template.
    #[inline]
    pub fn build(&mut self, record: &[u8], slots: &Slots<'_>, chosen: &[usize]) -> Result<(), Undecidable> {
        self.score(record, slots, chosen)?;
        self.bytes.clear();
        self.key = fill(&mut self.bytes, &self.key_pieces, record, slots, chosen);
        self.member = fill(&mut self.bytes, &self.member_pieces, record, slots, chosen);
        self.require.clear();
        for pieces in &self.require_pieces {
            self.require.push(fill(&mut self.bytes, pieces, record, slots, chosen));
        }
        Ok(())
    }

    /// Computes the score only: the one part that may fail.
    #[inline]
    pub fn score(&mut self, record: &[u8], slots: &Slots<'_>, chosen: &[usize]) -> Result<(), Undecidable> {
        let Some(pieces) = &self.score_pieces else { return Ok(()) };
        self.score_text.clear();
        fill(&mut self.score_text, pieces, record, slots, chosen);
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
            score: self.score,
            bytes: &self.bytes,
            require: &self.require,
        }
    }
}

fn piece(part: &Part, fields: &[usize]) -> Option<Piece> {
    match part {
        Part::Literal(bytes) => Some(Piece::Literal(bytes.as_slice().into())),
        Part::RecordKey => Some(Piece::RecordKey),
        Part::Field(path) => {
            let field = fields.iter().position(|field| field == path)?;
            Some(Piece::Field { path: *path, field })
        }
        Part::Wildcard => None,
    }
}

/// Appends a filled-in template; where it stands.
#[inline]
fn fill(bytes: &mut Vec<u8>, pieces: &[Piece], record: &[u8], slots: &Slots<'_>, chosen: &[usize]) -> Range<usize> {
    let start = bytes.len();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => bytes.extend_from_slice(literal),
            Piece::RecordKey => bytes.extend_from_slice(record),
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
