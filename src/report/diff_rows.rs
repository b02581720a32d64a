//! The difference of two dumps as rows: a changed key each, or a changed membership each.
//!
//! They are written as they are made: a row is all that is in memory. As in `export`, bytes that are no UTF-8 are
//! `{"base64":"…"}`, and a cell of CSV that has no meaning is empty.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use serde::Serialize;

use super::diff::Key;
use crate::derive::score_text;
use crate::diff::{Diff, Edit};
use crate::plan::manifest::Bytes;
use crate::rdb::{self, Scratch};
use crate::scan::Observer;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Keys,
    Memberships,
}

/// How a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ndjson,
    Csv,
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

/// A membership that changed.
#[derive(Serialize)]
struct Membership<'r> {
    index: &'r str,
    db: u64,
    key: &'r Bytes,
    edit: &'static str,
    member: Bytes,
    score_before: Option<String>,
    score_after: Option<String>,
}

const KEY_COLUMNS: &[&str] = &[
    "db",
    "key",
    "change",
    "type_before",
    "type_after",
    "elements_before",
    "elements_after",
    "bytes_before",
    "bytes_after",
    "expire_at_ms_before",
    "expire_at_ms_after",
    "index",
    "gained",
    "lost",
    "rescored",
];
const MEMBERSHIP_COLUMNS: &[&str] = &["index", "db", "key", "edit", "member", "score_before", "score_after"];

/// Writes all rows of a table.
pub fn diff_rows(
    diff: &Diff<'_, '_>,
    table: Table,
    format: Format,
    out: &mut dyn Write,
    observer: &Observer,
) -> Result<u64, Error> {
    let mut rows = Rows { out: BufWriter::with_capacity(1 << 17, out), format, rows: 0 };
    match table {
        Table::Keys => {
            rows.columns(KEY_COLUMNS)?;
            let mut room = Vec::new();
            for at in 0..diff.changes.len() {
                if observer.stopped() {
                    return Err(Error::Interrupted);
                }
                if let Some(key) = Key::new(diff, at, &mut room)? {
                    rows.key(&key)?;
                }
            }
        }
        Table::Memberships => {
            rows.columns(MEMBERSHIP_COLUMNS)?;
            memberships(diff, &mut rows, observer)?;
        }
    }
    rows.out.flush()?;
    Ok(rows.rows)
}

fn memberships(diff: &Diff<'_, '_>, rows: &mut Rows<'_>, observer: &Observer) -> Result<(), Error> {
    let (mut room, mut scratch) = (Vec::new(), Scratch::default());
    for of in diff.index_keys.iter().filter(|key| key.counts.total() > 0) {
        let (Some(change), Some(index)) = (diff.changes.get(of.change), diff.names.spec.indexes.get(of.index)) else {
            continue;
        };
        let (db, key) = diff.key(change, &mut room)?;
        let key = Bytes(key.to_vec());
        let mut written = Ok(());
        diff.memberships(of, &mut scratch, |membership| {
            if observer.stopped() {
                return ControlFlow::Break(());
            }
            written = rows.membership(&Membership {
                index: &index.name,
                db,
                key: &key,
                edit: membership.edit.as_str(),
                member: Bytes(membership.member.to_vec()),
                score_before: (membership.edit != Edit::Gained).then(|| membership.old_score.map(score_text)).flatten(),
                score_after: membership.new_score.map(score_text),
            });
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

struct Rows<'o> {
    out: BufWriter<&'o mut dyn Write>,
    format: Format,
    rows: u64,
}

impl Rows<'_> {
    fn columns(&mut self, columns: &[&str]) -> io::Result<()> {
        if self.format == Format::Csv { writeln!(self.out, "{}", columns.join(",")) } else { Ok(()) }
    }

    fn key(&mut self, key: &Key) -> io::Result<()> {
        if self.format == Format::Ndjson {
            return self.json(key);
        }
        let text = |text: &Option<String>| Cell::Text(text.clone().map(String::into_bytes));
        let number = |n: &Option<u64>| Cell::Plain(n.map(|n| n.to_string()));
        let time = |n: &Option<i64>| Cell::Plain(n.map(|n| n.to_string()));
        self.csv(&[
            Cell::Plain(Some(key.db.to_string())),
            Cell::Text(Some(key.key.0.clone())),
            Cell::Plain(Some(key.change.to_owned())),
            text(&key.type_before),
            text(&key.type_after),
            number(&key.elements_before),
            number(&key.elements_after),
            number(&key.bytes_before),
            number(&key.bytes_after),
            time(&key.expire_at_ms_before),
            time(&key.expire_at_ms_after),
            text(&key.index),
            number(&key.gained),
            number(&key.lost),
            number(&key.rescored),
        ])
    }

    fn membership(&mut self, row: &Membership<'_>) -> io::Result<()> {
        if self.format == Format::Ndjson {
            return self.json(row);
        }
        self.csv(&[
            Cell::Text(Some(row.index.as_bytes().to_vec())),
            Cell::Plain(Some(row.db.to_string())),
            Cell::Text(Some(row.key.0.clone())),
            Cell::Plain(Some(row.edit.to_owned())),
            Cell::Text(Some(row.member.0.clone())),
            Cell::Plain(row.score_before.clone()),
            Cell::Plain(row.score_after.clone()),
        ])
    }

    fn json(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        serde_json::to_writer(&mut self.out, row)?;
        self.out.write_all(b"\n")
    }

    fn csv(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.out.write_all(b",")?;
            }
            match cell {
                Cell::Plain(text) => self.out.write_all(text.as_deref().unwrap_or_default().as_bytes())?,
                Cell::Text(None) => {}
                Cell::Text(Some(bytes)) if std::str::from_utf8(bytes).is_ok() => quoted(bytes, &mut self.out)?,
                Cell::Text(Some(bytes)) => quoted(&serde_json::to_vec(&Bytes(bytes.clone()))?, &mut self.out)?,
            }
        }
        self.out.write_all(b"\n")
    }
}

enum Cell {
    /// Needs no quotes.
    Plain(Option<String>),
    Text(Option<Vec<u8>>),
}

/// Writes a cell, in quotes where it needs them; an empty text is told from no value by its quotes.
fn quoted(text: &[u8], out: &mut impl Write) -> io::Result<()> {
    let needs = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    if !text.is_empty() && !text.iter().any(needs) {
        return out.write_all(text);
    }
    out.write_all(b"\"")?;
    for (at, part) in text.split(|byte| *byte == b'"').enumerate() {
        if at > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells_are_those_of_rfc_4180() {
        for (text, cell) in
            [("a b", "a b"), ("", "\"\""), ("a,b", "\"a,b\""), ("\"a\"", "\"\"\"a\"\"\""), ("a\nb", "\"a\nb\"")]
        {
            let mut out = Vec::new();
            quoted(text.as_bytes(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), cell);
        }
    }
}
