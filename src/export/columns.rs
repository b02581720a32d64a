//! Rows as columns, for Parquet.

use super::cell::Cell;
use super::column::{Column, Holds};
use super::halt::Halt;

/// Rows are handed over when they take this many bytes …
const BYTES: usize = 1 << 20;
/// … or there are this many of them.
const ROWS: usize = 1 << 14;

/// Some rows, column by column.
#[derive(Debug)]
pub(super) struct Columns {
    columns: &'static [Column],
    pub data: Vec<Data>,
    rows: usize,
    bytes: usize,
    /// The first cells of all rows that follow.
    prefix: Vec<Kept>,
}

/// The cells of a column that has values, in order, and for each row whether it has one.
#[derive(Debug)]
pub(super) enum Data {
    Small(Values<i32>),
    Count(Values<i64>),
    Score(Values<f64>),
    Bytes(Bytes),
}

#[derive(Debug, Default)]
pub(super) struct Values<T> {
    pub values: Vec<T>,
    /// 1 for a row with a value, 0 for one without.
    pub levels: Vec<i16>,
}

/// Byte strings, one after the other.
#[derive(Debug)]
pub(super) struct Bytes {
    pub bytes: Vec<u8>,
    pub ends: Vec<usize>,
    pub levels: Vec<i16>,
    /// All of them are UTF-8.
    pub is_text: bool,
}

impl Default for Bytes {
    fn default() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), levels: Vec::new(), is_text: true }
    }
}

/// A cell of the prefix.
#[derive(Debug)]
enum Kept {
    Unsigned(u64),
    Bytes(Vec<u8>),
}

impl Columns {
    pub fn new(columns: &'static [Column]) -> Self {
        Self { columns, data: data(columns), rows: 0, bytes: 0, prefix: Vec::new() }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About as many as they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES || self.rows >= ROWS
    }

    /// Takes all rows out.
    pub fn take(&mut self) -> Self {
        let prefix = std::mem::take(&mut self.prefix);
        std::mem::replace(self, Self { prefix, ..Self::new(self.columns) })
    }

    /// The first cells of all rows that follow.
    pub fn prefix(&mut self, cells: &[Cell<'_>]) {
        self.prefix.clear();
        self.prefix.extend(cells.iter().map(|cell| match cell {
            Cell::Unsigned(n) => Kept::Unsigned(*n),
            Cell::Bytes(bytes) | Cell::Json(bytes) => Kept::Bytes(bytes.to_vec()),
            Cell::Plain(text) | Cell::Score(_, text) => Kept::Bytes(text.as_bytes().to_vec()),
            // Tables begin with none of these.
            Cell::None | Cell::Time(_) => Kept::Bytes(Vec::new()),
        }));
    }

    /// A row: the cells after the first ones.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Halt> {
        let Self { columns, data, prefix, bytes, .. } = self;
        let prefix = prefix.iter().map(|kept| match kept {
            Kept::Unsigned(n) => Cell::Unsigned(*n),
            Kept::Bytes(bytes) => Cell::Bytes(bytes),
        });
        for ((cell, column), data) in prefix.chain(cells.iter().copied()).zip(*columns).zip(data) {
            *bytes = bytes.saturating_add(data.push(&cell, column)?);
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }
}

fn data(columns: &[Column]) -> Vec<Data> {
    let new = |column: &Column| match column.holds {
        Holds::Small => Data::Small(Values::default()),
        Holds::Count | Holds::Position | Holds::Time => Data::Count(Values::default()),
        Holds::Score => Data::Score(Values::default()),
        Holds::Word | Holds::Repeated | Holds::Bytes | Holds::Binary => Data::Bytes(Bytes::default()),
    };
    columns.iter().map(new).collect()
}

impl Data {
    /// Adds a cell; the bytes that it takes.
    fn push(&mut self, cell: &Cell<'_>, column: &Column) -> Result<usize, Halt> {
        let too_large = |number: u64| Halt::TooLarge { column: column.name, number };
        Ok(match (self, cell) {
            (Self::Small(data), Cell::Unsigned(n)) => data.push(Some(i32::try_from(*n).map_err(|_| too_large(*n))?)),
            (Self::Small(data), _) => data.push(None),
            (Self::Count(data), Cell::Unsigned(n)) if column.holds == Holds::Position => {
                // Parquet keeps unsigned numbers in signed ones of the same bits.
                data.push(Some(n.cast_signed()))
            }
            (Self::Count(data), Cell::Unsigned(n)) => data.push(Some(i64::try_from(*n).map_err(|_| too_large(*n))?)),
            (Self::Count(data), Cell::Time(ms)) => data.push(Some(*ms)),
            (Self::Count(data), _) => data.push(None),
            (Self::Score(data), Cell::Score(score, _)) => data.push(Some(*score)),
            (Self::Score(data), _) => data.push(None),
            (Self::Bytes(data), Cell::Bytes(bytes) | Cell::Json(bytes)) => data.push(Some(bytes)),
            (Self::Bytes(data), Cell::Plain(text)) => data.push(Some(text.as_bytes())),
            (Self::Bytes(data), _) => data.push(None),
        })
    }
}

impl<T> Values<T> {
    fn push(&mut self, value: Option<T>) -> usize {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
        size_of::<T>()
    }
}

impl Bytes {
    fn push(&mut self, value: Option<&[u8]>) -> usize {
        self.levels.push(i16::from(value.is_some()));
        let Some(value) = value else { return 2 };
        self.is_text = self.is_text && simdutf8::basic::from_utf8(value).is_ok();
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        value.len().saturating_add(size_of::<usize>())
    }
}
