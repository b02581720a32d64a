//! Desired and actual indexes, and their difference.
//!
//! `gather` goes through the dump once: what the records imply goes to `store`, where it is sorted; `compare` streams the
//! index keys past it; `brakes` judges whether the answer may be a mistake. [`Difference::take`] does it all.
//! [`Memberships::take`] does the same, and then tells the state of every membership, one by one.

#![deny(clippy::panic, clippy::string_slice, clippy::unwrap_used)]
#![cfg_attr(test, allow(clippy::panic, clippy::string_slice, clippy::unwrap_used, reason = "a test may stop"))]

pub mod answer;
mod brakes;
mod compare;
mod difference;
mod findings;
mod gather;
mod memberships;
mod prune;
mod store;
mod summary;

pub use brakes::depths::Depths;
pub use brakes::judge::{Braked, Doubtful, Effect, Evidence};
pub use brakes::member_forms::MemberForms;
pub use brakes::whole::{AOF_BASE, NOT_AT_ONCE, SLOTS, not_at_once};
pub use compare::gone::Gone;
pub use compare::json_strings::strings;
pub use compare::stale::{Reason, Stale};
pub use difference::{DeleteReason, Deletion, Difference, Present};
pub use findings::{
    ANOTHER_DUMP, AOF_TAIL, CHECKSUM_MISMATCH, Diagnostic, KEY_TWICE, MEMBER_EXPIRIES, RECORD_MISSING, TRAILING_BYTES,
    diagnostics, many_gone,
};
pub use gather::survey::is_index_type;
pub use gather::witness::Witness;
pub use memberships::{Absent, Each, Listed, Memberships, Missing, Reader, State};
pub use prune::References;
pub use store::buckets::{Edits, Members};
pub use store::entry::Place as SourcePlace;
pub use store::entry::{Entry, Membership, Scored, Source};
pub use store::interner::Interned;
pub use store::keys::Keys;
pub use summary::{Error, Facts, Frozen, Summary};

#[cfg(test)]
mod tests;
