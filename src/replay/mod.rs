//! From a bundle's bytes to a database, one reply compared after the other.
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

mod commands;
mod connection;
mod engine;
mod error;
mod event;
mod forecast;
mod guard;
mod inspect;
mod item;
pub mod journal;
mod kind;
mod link;
mod lost;
mod pace;
mod pieces;
mod place;
mod preflight;
mod query;
mod rest;
mod rest_tls;
mod script;
mod secret;
mod server_error;
mod session;
mod target;
mod tls;
mod undone;
mod url;
mod verify;
mod wire;
mod work;

pub use commands::{Commands, Files};
pub use connection::Connection;
pub use engine::{Ending, OnDrift, Report, Terms, rest, run};
pub use error::ReplayError;
pub use event::{Event, Progress, Watcher};
pub use forecast::{Expectation, Forecast, State, cardinality_command};
pub use guard::{Guard, Judge, Known, Membership, Rule, Value};
pub use inspect::{Found, Subject, inspect};
pub use item::{Item, Wanted, read};
pub use kind::Kind;
pub use link::{Link, LinkError, Reply};
pub use pieces::{Kept, Part, kept_members, refused};
pub use place::{Place, PlaceKind, Recognised, place, recognise};
pub use preflight::{Drift, Preflight, There, preflight, wait_for_replicas};
pub use query::{Difference, LookOptions, QueryError, Tally, is_alive};
pub use rest::RestLink;
pub use script::{Script, ScriptError, Step, Steps, Totals, Verb, check};
pub use secret::Secret;
pub use server_error::{Class, ErrorKind, ServerError};
pub use session::{Dial, Session};
pub use target::{Source, Target, TargetError, Timeouts};
pub use url::UrlError;
pub use verify::{Proof, Proven, Verification};
pub use work::{Outlook, Work, script_of};
