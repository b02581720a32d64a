//! The RDB file format, and nothing else: from bytes to records, and from a record's bytes to its elements.
//!
//! Three levels, so that nobody unpacks more than he needs. [`Walker`] finds the boundaries of the records, in order,
//! and decodes nothing. [`Value::elements`] reads counts from headers, [`Value::parts`] lengths. [`Value::visit`] decodes one value and pushes its
//! elements into a [`Visitor`], one at a time and in constant memory.
//!
//! What it never does: panic, recurse, allocate by a number that it read, or guess. A layout without a primary source
//! stops the walk with an [`Error`] that says where.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used,
        reason = "a test may stop"
    )
)]

mod checksum;
mod compact;
mod cursor;
mod error;
mod header;
mod integer;
mod length;
pub mod lzf;
mod module;
pub mod opcode;
mod resolve;
mod string;
mod suspect;
mod template;
mod types;
mod value;
mod visitor;
mod walk;

pub use checksum::Checksum;
pub use compact::CompactForm;
pub use error::{Error, ErrorKind, Snippet};
pub use header::{Flavor, Header};
pub use module::{Json, ModuleId, ModuleItem, ModuleReader};
pub use resolve::Resolver;
pub use string::RawStr;
pub use suspect::Suspicion;
pub use types::{Kind, TypeName, ValueType};
pub use value::{Part, Scratch, Told, Value};
pub use visitor::{Element, Flow, Place, StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta, Visitor};
pub use walk::records::Records;
pub use walk::revisit::{key_at, open_record_at, record_at, string_at};
pub use walk::{Footer, Item, Record, Tail, Walker};
