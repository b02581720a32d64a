//! From a bundle's bytes to a database, one reply compared after the other.
//!
//! The only code of the crate that opens a connection to a user's database, and the only code that writes to one. What
//! is written is the commands of `apply.resp` or `rollback.resp`, less what must be left out, and on the way back with
//! conditions ([`Item::careful`], [`Guard`]); [`preflight`] and [`verify`] only read.
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

mod class;
mod connection;
mod engine;
mod error;
mod event;
mod forecast;
mod guard;
mod hint;
mod inspect;
mod item;
pub mod journal;
mod link;
mod lost;
mod pace;
mod pieces;
mod preflight;
mod query;
mod rest;
mod script;
mod secret;
mod session;
mod target;
mod touched;
mod undone;
mod url;
mod verify;
mod work;

pub use connection::Connection;
pub use engine::{Ending, OnDrift, Report, Terms, rest, run};
pub use error::ReplayError;
pub use event::{Event, Progress, Watcher};
pub use forecast::{Expectation, Forecast, State, cardinality_command};
pub use guard::{Guard, Judge, Known, Membership, Rule, Value};
pub use inspect::{Found, Subject, inspect};
pub use item::{Item, Wanted, read};
pub use link::{Link, LinkError, Reply};
pub use pieces::{Part, refused, removals, removed_keys};
pub use preflight::{Drift, LookOptions, Preflight, preflight, wait_for_replicas};
pub use query::{Difference, QueryError, Tally, is_alive};
pub use rest::RestLink;
pub use script::{Script, ScriptError, Step, Steps, Totals, Verb, check};
pub use secret::Secret;
pub use session::{Dial, Session};
pub use target::{Source, Target, TargetError, Timeouts};
pub use touched::{Kind, Touched, TouchedKey};
pub use url::UrlError;
pub use verify::{Verification, verify, verify_some};
pub use work::{Files, Outlook, Work};
