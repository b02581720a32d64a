//! What can be wrong with a file of commands.

/// A file of commands that cannot be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at offset {offset}")]
pub struct Error {
    /// Offset of the first byte that is wrong, from the start of the input.
    pub offset: usize,
    pub kind: ErrorKind,
}

/// The rule that a command broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    #[error("expected a command (\"*\"), found byte 0x{0:02x}")]
    NotACommand(u8),
    #[error("expected an argument (\"$\"), found byte 0x{0:02x}")]
    NotAnArgument(u8),
    /// Empty, signed, with leading zeros, or not decimal digits.
    #[error("a length that is not a plain decimal number")]
    BadLength,
    #[error("a command without a name")]
    EmptyCommand,
    /// The count is larger than the bytes that are left could hold; nothing was allocated for it.
    #[error("a command of {count} arguments with {left} bytes left (was the file cut?)")]
    TooManyArguments { count: usize, left: usize },
    #[error("an argument of {len} bytes with {left} bytes left (was the file cut?)")]
    ArgumentTooLong { len: usize, left: usize },
    #[error("a line end (CR LF) is missing")]
    MissingLineEnd,
    #[error("the input ends inside a command")]
    Truncated,
}
