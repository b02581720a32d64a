//! Sorted sets: member by member with a score as text or as a double, or pairs in a compact form.

use std::ops::Range;

use super::*;
use crate::dump::rdb::compact::Entry;
use crate::dump::rdb::error::Snippet;
use crate::dump::rdb::integer::IntText;
use crate::dump::rdb::visitor;

pub(super) fn visit_run<'a, V: Visitor + ?Sized>(
    cursor: &mut Cursor<'a>,
    run: Range<u64>,
    scratch: &mut Scratch,
    visitor: &mut V,
    score: impl Fn(&mut Cursor<'a>) -> Result<f64, Error>,
) -> Visited {
    for _ in run {
        let member = element(cursor, &mut scratch.first)?;
        let at = *cursor;
        let score = score(cursor)?;
        if score.is_nan() {
            return Err(at.fail(ErrorKind::Score(Snippet::of(b"NaN"))).into());
        }
        go(visitor.zset_member(member, score))?;
    }
    Ok(())
}

pub(super) fn visit_packed<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    form: CompactForm,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let pack = open(cursor, form, &mut scratch.pack)?;
    with_entries!(form, pack, entries => visit_pairs(entries, pack.at, visitor))
}

fn visit_pairs<'b, V: Visitor + ?Sized>(mut entries: impl Entries<'b>, string: u64, visitor: &mut V) -> Visited {
    let mut text = IntText::new();
    let mut pairs = 0_u64;
    while let Some(member) = entries.next_entry().map_err(|fault| fault.at(string))? {
        let Some(score) = entries.next_entry().map_err(|fault| fault.at(string))? else {
            return Err(odd(string, pairs, 2, 1));
        };
        let number = match score.entry {
            Entry::Int(n) => Some(double(n)),
            Entry::Text(text) => parse(text),
        };
        let Some(number) = number else {
            let found = Snippet::of(score.entry.text(&mut text));
            let inside = Some(u64::from(score.at));
            return Err(Error { offset: string, inside, record: None, kind: ErrorKind::Score(found) }.into());
        };
        go(visitor.zset_member(visitor::element(string, member, &mut text), number))?;
        pairs = pairs.wrapping_add(1);
    }
    Ok(())
}

/// The error of a compact form that ends after `over` entries of a group of `group`.
#[cold]
pub(super) fn odd(string: u64, groups: u64, group: u64, over: u64) -> Stop {
    let entries = groups.saturating_mul(group).saturating_add(over);
    let kind = ErrorKind::CompactGroups { entries, group };
    Error { offset: string, inside: None, record: None, kind }.into()
}

/// An integer as a score.
#[allow(clippy::as_conversions, reason = "no other conversion rounds; a server rounds in the same way")]
pub(super) fn double(n: i64) -> f64 {
    n as f64
}

/// A score as text. Servers write what `%.17g` gives, `inf` and `-inf`.
fn parse(text: &[u8]) -> Option<f64> {
    let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some(score)
}

impl Cursor<'_> {
    /// A score of type 3: its length in one byte and its text, or one of three numbers that have no text.
    pub(super) fn text_double(&mut self) -> Result<f64, Error> {
        let at = *self;
        match self.byte()? {
            253 => Ok(f64::NAN),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            n => {
                let text = self.take(u64::from(n))?;
                parse(text).ok_or_else(|| at.fail(ErrorKind::Score(Snippet::of(text))))
            }
        }
    }
}
