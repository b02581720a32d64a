//! Rows of cells.

use std::io::{self, BufWriter, Write};

use super::Format;
use super::cell::Cell;

/// Few calls, and small enough to stay in the cache.
const BUFFER: usize = 1 << 17;

/// Writes rows whose first cells are often the same: those are written out once.
pub(super) struct Rows<'o> {
    out: BufWriter<&'o mut dyn Write>,
    format: Format,
    columns: &'static [&'static str],
    prefix: Vec<u8>,
    /// Number of cells in `prefix`.
    fixed: usize,
    rows: u64,
}

impl<'o> Rows<'o> {
    pub fn new(out: &'o mut dyn Write, format: Format) -> Self {
        let out = BufWriter::with_capacity(BUFFER, out);
        Self { out, format, columns: &[], prefix: Vec::new(), fixed: 0, rows: 0 }
    }

    /// The columns that all rows have.
    pub fn columns(&mut self, columns: &'static [&'static str]) -> io::Result<()> {
        self.columns = columns;
        if self.format == Format::Csv { writeln!(self.out, "{}", columns.join(",")) } else { Ok(()) }
    }

    /// The first cells of all rows that follow.
    pub fn prefix(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.prefix.clear();
        self.fixed = cells.len();
        for (at, (cell, column)) in cells.iter().zip(self.columns).enumerate() {
            write_cell(self.format, at == 0, column, cell, &mut self.prefix)?;
        }
        Ok(())
    }

    /// A row: the cells after the first ones.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.out.write_all(&self.prefix)?;
        let columns = self.columns.get(self.fixed..).unwrap_or_default();
        for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
            write_cell(self.format, at.saturating_add(self.fixed) == 0, column, cell, &mut self.out)?;
        }
        self.rows = self.rows.saturating_add(1);
        self.out.write_all(if self.format == Format::Ndjson { b"}\n" } else { b"\n" })
    }

    /// Writes what has been kept back; the number of rows.
    pub fn finish(mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.rows)
    }
}

fn write_cell(format: Format, first: bool, column: &str, cell: &Cell<'_>, out: &mut impl Write) -> io::Result<()> {
    match (format, first) {
        (Format::Ndjson, true) => write!(out, "{{\"{column}\":")?,
        (Format::Ndjson, false) => write!(out, ",\"{column}\":")?,
        (Format::Csv, true) => {}
        (Format::Csv, false) => out.write_all(b",")?,
    }
    cell.write(format, out)
}
