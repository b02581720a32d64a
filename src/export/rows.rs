//! Rows of cells, put together by one thread and handed over in chunks.

use std::io::{self, Write};

use super::Format;
use super::cell::Cell;
use super::column::Column;
#[cfg(feature = "parquet")]
use super::columns::Columns;
use super::halt::Halt;
use super::ordered::{self, Stopped};

/// Text is handed over in pieces of this size: few calls, and small enough to stay in the cache.
const TEXT: usize = 1 << 18;

/// Some rows in the form that they are written in.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Not always whole rows: a long one is spread over chunks.
    Text(Vec<u8>),
    #[cfg(feature = "parquet")]
    Columns(Box<Columns>),
}

pub(super) type Outlet<'o> = ordered::Outlet<'o, Chunk, super::Report>;

/// Makes rows whose first cells are often the same: those are written out once.
#[derive(Debug)]
pub(super) struct Rows {
    form: Form,
    rows: u64,
}

#[derive(Debug)]
enum Form {
    Text(Text),
    #[cfg(feature = "parquet")]
    Columns(Box<Columns>),
}

#[derive(Debug)]
struct Text {
    format: Format,
    columns: &'static [Column],
    prefix: Vec<u8>,
    /// Number of cells in `prefix`.
    fixed: usize,
    buffer: Vec<u8>,
}

impl Rows {
    pub fn new(format: Format, columns: &'static [Column]) -> Self {
        let text = || Text { format, columns, prefix: Vec::new(), fixed: 0, buffer: Vec::new() };
        let form = match format {
            #[cfg(feature = "parquet")]
            Format::Parquet => Form::Columns(Box::new(Columns::new(columns))),
            _ => Form::Text(text()),
        };
        Self { form, rows: 0 }
    }

    /// The first cells of all rows that follow.
    pub fn prefix(&mut self, cells: &[Cell<'_>]) {
        match &mut self.form {
            Form::Text(text) => {
                text.prefix.clear();
                text.fixed = cells.len();
                for (at, (cell, column)) in cells.iter().zip(text.columns).enumerate() {
                    // Writing to a vector cannot fail.
                    let _ = write_cell(text.format, at == 0, column.name, cell, &mut text.prefix);
                }
            }
            #[cfg(feature = "parquet")]
            Form::Columns(columns) => columns.prefix(cells),
        }
    }

    /// A row: the cells after the first ones.
    pub fn row(&mut self, cells: &[Cell<'_>], outlet: &Outlet<'_>) -> Result<(), Halt> {
        self.rows = self.rows.saturating_add(1);
        match &mut self.form {
            Form::Text(text) => text.row(cells, outlet),
            #[cfg(feature = "parquet")]
            Form::Columns(columns) => {
                columns.row(cells)?;
                if columns.is_full() {
                    let full = columns.take();
                    let bytes = full.bytes();
                    outlet.push(Chunk::Columns(Box::new(full)), bytes)?;
                }
                Ok(())
            }
        }
    }

    /// Hands over what has been kept back; the number of rows since the last time.
    pub fn finish(&mut self, outlet: &Outlet<'_>) -> Result<u64, Halt> {
        let rows = std::mem::take(&mut self.rows);
        match &mut self.form {
            Form::Text(text) if !text.buffer.is_empty() => {
                let bytes = text.buffer.len();
                outlet.push(Chunk::Text(std::mem::take(&mut text.buffer)), bytes)?;
            }
            #[cfg(feature = "parquet")]
            Form::Columns(columns) if rows > 0 => {
                let rest = columns.take();
                let bytes = rest.bytes();
                outlet.push(Chunk::Columns(Box::new(rest)), bytes)?;
            }
            _ => {}
        }
        Ok(rows)
    }
}

impl Text {
    fn row(&mut self, cells: &[Cell<'_>], outlet: &Outlet<'_>) -> Result<(), Halt> {
        let Self { format, columns, prefix, fixed, buffer } = self;
        let mut out = Pour { buffer, outlet };
        let columns = columns.get(*fixed..).unwrap_or_default();
        let mut write = || -> io::Result<()> {
            out.write_all(prefix)?;
            for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
                write_cell(*format, at.saturating_add(*fixed) == 0, column.name, cell, &mut out)?;
            }
            out.write_all(if *format == Format::Csv { b"\n" } else { b"}\n" })
        };
        // The only fault that pouring has.
        write().map_err(|_| Halt::Stopped)
    }
}

/// The line above all rows, where the format has one.
pub(super) fn header(format: Format, columns: &[Column]) -> String {
    match format {
        Format::Csv => {
            let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
            format!("{}\n", names.join(","))
        }
        _ => String::new(),
    }
}

/// Text on its way out: handed over whenever there is enough of it, so that no row need be held as a whole.
struct Pour<'p, 'o> {
    buffer: &'p mut Vec<u8>,
    outlet: &'p Outlet<'o>,
}

impl Write for Pour<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(TEXT);
        }
        let room = TEXT.saturating_sub(self.buffer.len());
        let now = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(now);
        if self.buffer.len() >= TEXT {
            let full = std::mem::take(self.buffer);
            let size = full.len();
            self.outlet.push(Chunk::Text(full), size).map_err(|Stopped| io::ErrorKind::BrokenPipe)?;
        }
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn write_cell(
    format: Format,
    first: bool,
    column: &str,
    cell: &Cell<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    match (format, first) {
        (Format::Csv, true) => {}
        (Format::Csv, false) => out.write_all(b",")?,
        (_, true) => write!(out, "{{\"{column}\":")?,
        (_, false) => write!(out, ",\"{column}\":")?,
    }
    cell.write(format, out)
}
