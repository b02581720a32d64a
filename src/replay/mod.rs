//! From a bundle's bytes to a database, one reply compared after the other.
//!
//! The only code of the crate that opens a connection to a user's database, and the only code that writes to one. What
//! is written is exactly the bytes of `apply.resp` or `rollback.resp`; [`preflight`] and [`verify`] only read.
//!
//! Everything but [`Connection`] is written against [`Link`], so that another transport needs no change elsewhere.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod connection;
mod link;
mod secret;
mod target;
mod url;

pub use connection::Connection;
pub use link::{Link, LinkError, Printable, Reply};
pub use secret::Secret;
pub use target::{Source, Target, TargetError, Timeouts};
pub use url::UrlError;
