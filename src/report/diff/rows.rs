//! The difference of two dumps as rows: a changed key each, or a changed membership each.
//!
//! They are written as they are made: a row is all that is in memory. As in `export`, bytes that are not UTF-8 are
//! `{"base64":"…"}`, and a cell of CSV that has no meaning is empty.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::Key;
use crate::diff::{Diff, Edit};
use crate::dump::rdb::{self, Scratch};
use crate::dump::scan::Observer;
use crate::export::{Cell, Column, Format, Holds, Writer};
use crate::model::derive::score_text;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Keys,
    Memberships,
}

/// What ends the writing of rows. The rows before have been written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

const KEYS: &[Column] = &[
    Column::new("db", Holds::Small),
    Column::new("key", Holds::Bytes),
    Column::new("change", Holds::Word),
    Column::new("type_before", Holds::Word),
    Column::new("type_after", Holds::Word),
    Column::new("elements_before", Holds::Count),
    Column::new("elements_after", Holds::Count),
    Column::new("bytes_before", Holds::Count),
    Column::new("bytes_after", Holds::Count),
    Column::new("expire_at_ms_before", Holds::Count),
    Column::new("expire_at_ms_after", Holds::Count),
    Column::new("index", Holds::Word),
    Column::new("gained", Holds::Count),
    Column::new("lost", Holds::Count),
    Column::new("rescored", Holds::Count),
];
const MEMBERSHIPS: &[Column] = &[
    Column::new("index", Holds::Word),
    Column::new("db", Holds::Small),
    Column::new("key", Holds::Repeated),
    Column::new("edit", Holds::Word),
    Column::new("member", Holds::Bytes),
    Column::new("score_before", Holds::Score),
    Column::new("score_after", Holds::Score),
];

/// Writes all rows of a table.
pub fn diff_rows(
    diff: &Diff<'_, '_>,
    table: Table,
    format: Format,
    out: &mut (dyn Write + Send),
    observer: &Observer,
) -> Result<(), Error> {
    let columns = if table == Table::Keys { KEYS } else { MEMBERSHIPS };
    let mut rows = Writer::new(out, format, columns)?;
    match table {
        Table::Keys => {
            let mut room = Vec::new();
            for at in 0..diff.changes.len() {
                if observer.stopped() {
                    return Err(Error::Interrupted);
                }
                if let Some(key) = Key::new(diff, at, &mut room)? {
                    rows.row(&cells(&key))?;
                }
            }
        }
        Table::Memberships => memberships(diff, &mut rows, observer)?,
    }
    Ok(rows.finish()?)
}

fn cells(key: &Key) -> [Cell<'_>; 15] {
    let number = |n: Option<u64>| n.map_or(Cell::None, Cell::Unsigned);
    let time = |ms: Option<i64>| ms.map_or(Cell::None, Cell::Time);
    [
        Cell::Unsigned(key.db),
        Cell::Bytes(&key.key.0),
        Cell::Plain(key.change),
        text(key.type_before.as_deref()),
        text(key.type_after.as_deref()),
        number(key.elements_before),
        number(key.elements_after),
        number(key.bytes_before),
        number(key.bytes_after),
        time(key.expire_at_ms_before),
        time(key.expire_at_ms_after),
        text(key.index.as_deref()),
        number(key.gained),
        number(key.lost),
        number(key.rescored),
    ]
}

fn memberships(diff: &Diff<'_, '_>, rows: &mut Writer<'_>, observer: &Observer) -> Result<(), Error> {
    let (mut room, mut scratch) = (Vec::new(), Scratch::default());
    for of in diff.index_keys.iter().filter(|key| key.counts.total() > 0) {
        let (Some(change), Some(index)) = (diff.changes.get(of.change), diff.names.spec.indexes.get(of.index)) else {
            continue;
        };
        let (db, key) = diff.key(change, &mut room)?;
        let mut written = Ok(());
        diff.memberships(of, &mut scratch, |membership| {
            if observer.stopped() {
                return ControlFlow::Break(());
            }
            let before = (membership.edit != Edit::Gained).then_some(membership.old_score).flatten();
            let (before, after) = (before.map(scored), membership.new_score.map(scored));
            written = rows.row(&[
                Cell::Bytes(index.name.as_bytes()),
                Cell::Unsigned(db),
                Cell::Bytes(key),
                Cell::Plain(membership.edit.as_str()),
                Cell::Bytes(membership.member),
                score(before.as_ref()),
                score(after.as_ref()),
            ]);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::None, |text| Cell::Bytes(text.as_bytes()))
}

fn score(score: Option<&(f64, String)>) -> Cell<'_> {
    score.map_or(Cell::None, |(score, text)| Cell::Score(*score, text))
}

/// A score with its text.
fn scored(score: f64) -> (f64, String) {
    (score, score_text(score))
}
