//! RESP commands as bytes: how a plan is written, and how it is read back. No I/O.
//!
//! A command is an array of bulk strings, `*2\r\n$4\r\nSCARD\r\n…`, and nothing else: no inline commands, no nesting, no
//! nulls, lengths in their only canonical form. [`encode()`] and [`CommandReader`] are therefore exact inverses: what one
//! accepts is byte for byte what the other writes.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod batch;
mod encode;
mod error;
mod reader;

pub use batch::{BatchLimits, BatchMeter};
pub use encode::{argument_len, encode, encoded_len, header_len, push_argument, push_header};
pub use error::{Error, ErrorKind};
pub use reader::{Command, CommandReader};
