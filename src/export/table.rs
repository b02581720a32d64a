//! Rows of other tables in the same forms, written by one thread as they are made.

use std::io::{self, BufWriter, Write};

use super::Format;
use super::cell::Cell;
use super::column::Column;
#[cfg(feature = "parquet")]
use super::columns::Columns;
#[cfg(feature = "parquet")]
use super::halt::Halt;
#[cfg(feature = "parquet")]
use super::parquet_file::File;
use super::rows;

/// Rows that one thread makes for a Parquet file that several write to.
#[cfg(feature = "parquet")]
#[derive(Debug)]
pub struct Batch(Columns);

#[cfg(feature = "parquet")]
impl Batch {
    /// No rows yet.
    pub fn new(columns: &'static [Column]) -> Self {
        Self(Columns::new(columns))
    }

    /// A row, with a cell for each column. Whether there are enough of them to be written.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<bool> {
        self.0.row(cells).map_err(plain)?;
        Ok(self.0.is_full())
    }
}

#[cfg(feature = "parquet")]
fn plain(halt: Halt) -> io::Error {
    match halt {
        Halt::TooLarge { column, number } => {
            io::Error::other(format!("the column {column} of Parquet has no room for {number}"))
        }
        Halt::Stopped | Halt::Dump(_) => io::ErrorKind::BrokenPipe.into(),
    }
}

/// Writes rows of cells.
pub struct Writer<'o>(Form<'o>);

enum Form<'o> {
    Text {
        out: BufWriter<&'o mut (dyn Write + Send)>,
        format: Format,
        columns: &'static [Column],
    },
    #[cfg(feature = "parquet")]
    Parquet {
        file: Box<File<'o>>,
        rows: Columns,
    },
}

impl<'o> Writer<'o> {
    /// A format that this program was built without is an error: see [`Format::is_built`].
    pub fn new(out: &'o mut (dyn Write + Send), format: Format, columns: &'static [Column]) -> io::Result<Self> {
        if format == Format::Parquet {
            #[cfg(feature = "parquet")]
            return Ok(Self(Form::Parquet { file: Box::new(File::new(out, columns)?), rows: Columns::new(columns) }));
            #[cfg(not(feature = "parquet"))]
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this program was built without Parquet"));
        }
        let mut out = BufWriter::with_capacity(1 << 17, out);
        out.write_all(rows::header(format, columns).as_bytes())?;
        Ok(Self(Form::Text { out, format, columns }))
    }

    /// A row, with a cell for each column.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        match &mut self.0 {
            Form::Text { out, format, columns } => {
                for (at, (cell, column)) in cells.iter().zip(*columns).enumerate() {
                    rows::write_cell(*format, at == 0, column.name, cell, out)?;
                }
                out.write_all(if *format == Format::Csv { b"\n" } else { b"}\n" })
            }
            #[cfg(feature = "parquet")]
            Form::Parquet { file, rows } => {
                rows.row(cells).map_err(plain)?;
                if rows.is_full() { file.write(rows.take()) } else { Ok(()) }
            }
        }
    }

    /// Writes the rows of a batch, which is empty then. Only a Parquet file takes them.
    #[cfg(feature = "parquet")]
    pub fn take(&mut self, batch: &mut Batch) -> io::Result<()> {
        match &mut self.0 {
            Form::Parquet { file, .. } if batch.0.rows() > 0 => file.write(batch.0.take()),
            Form::Parquet { .. } => Ok(()),
            Form::Text { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Writes what has been kept back.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Form::Text { mut out, .. } => out.flush(),
            #[cfg(feature = "parquet")]
            Form::Parquet { mut file, rows } => {
                if rows.rows() > 0 {
                    file.write(rows)?;
                }
                file.finish()
            }
        }
    }
}
