//! From a bundle's bytes to a database, each reply compared with the expected one.
//!
//! The only code of the crate that opens a connection to a user's database, and the only code that writes to one. What
//! is written is the commands of `apply.resp` or `rollback.resp`, less what must be left out, and on the way back with
//! conditions ([`Item::careful`], [`Guard`]); [`preflight`] and `verify` only read.
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

mod engine;
mod guard;
pub mod journal;
mod link;
pub mod look;
mod script;
mod verify;
mod work;

pub use engine::backoff::Backoff;
pub use engine::event::{Event, Progress, Watcher};
pub use engine::{Ending, OnDrift, Report, Terms, rest, run};
pub use guard::{Entry, Guard, Judge, Level, Membership, Named, Pruned, Repair, Rule, Value};
pub use link::connection::Connection;
pub use link::open::{Remembered, open};
pub use link::rest::RestLink;
pub use link::secret::Secret;
pub use link::session::{Dial, Session};
pub use link::target::{Kind as TargetKind, NodeMap, Source, Target, TargetError, Timeouts};
pub use link::{Link, LinkError, Reply};
pub use look::forecast::{Forecast, State, cardinality_command};
pub use look::place::{Place, PlaceKind, Recognised, place, recognise};
pub use look::preflight::{Drift, preflight, wait_for_replicas};
pub use look::query::{Difference, LookOptions, QueryError, Tally, is_alive};
pub use script::commands::{Commands, Files};
pub use script::item::{Item, read};
pub use script::kind::Kind;
pub use script::{Script, Step, Verb, check};
pub use verify::{Proof, Proven, Verification};
pub use work::expand::{Kept, Part, kept_members, lists_as_left, refused};
pub use work::{Outlook, Work};
