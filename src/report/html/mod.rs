//! Pages for a browser: one file each, without a network, whatever is in the dump.
//!
//! A page is small however large the dump is: numbers of examples, lengths of names and rows of tables are bounded, and
//! what is left out is counted. It follows from its arguments alone, without a clock, so that the same dump gives the
//! same bytes. Keys come from strangers: see `escape`.

#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod advice;
mod brakes;
mod escape;
mod families;
mod icicle;
mod inventory;
mod overview;
mod picture;
mod prefixes;
mod review;
mod shell;

pub use inventory::inventory;
pub use review::{review, review_joined};

/// The most bytes of a page.
pub const MOST_BYTES: usize = 2_000_000;
