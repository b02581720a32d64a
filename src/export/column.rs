//! Columns of a table, and what they hold.

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "text has no types"))]
    pub holds: Holds,
}

/// What a column holds, where a row has anything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A small number.
    Small,
    /// A count or a size.
    Count,
    /// A position, which may be any number.
    Position,
    Score,
    Time,
    /// One of few words.
    Word,
    /// Bytes of the dump that repeat.
    Repeated,
    /// Bytes of the dump.
    Bytes,
    /// Bytes that stay bytes, whether or not they are text: so that files of different dumps have one schema.
    Binary,
}

impl Column {
    /// A column of this name.
    pub const fn new(name: &'static str, holds: Holds) -> Self {
        Self { name, holds }
    }
}
