//! How a replay fails, in words for the person who has to go on from there.

use super::hint;
use super::link::{LinkError, Printable, Reply};
use super::run::Progress;
use super::script::{ScriptError, Verb};
use crate::plan::manifest::Reply as Expected;

/// Why a replay stopped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(
        "the plan has {commands} commands and {replies} expected replies; it was made or copied wrongly; nothing was sent"
    )]
    ReplyCount { commands: u64, replies: u64 },
    #[error("the plan selects its databases itself, so the URL must not name one (it names {db}); nothing was sent")]
    Database { db: u32 },
    #[error(transparent)]
    Unexpected(Box<Unexpected>),
    #[error(transparent)]
    Lost(Box<Lost>),
}

impl ReplayError {
    /// What had been acknowledged, or `None` when nothing was sent.
    pub fn progress(&self) -> Option<&Progress> {
        match self {
            Self::Unexpected(unexpected) => Some(&unexpected.done),
            Self::Lost(lost) => Some(&lost.done),
            _ => None,
        }
    }
}

/// A reply that is not the one the plan promised. The rest of its batch was carried out and read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "command {number} of {of}, {} {}, answered {got} where {} was expected: {}. Commands 1 to {last_sent} were sent, and {} of them answered as expected{}",
    verb.name(), Printable(key), show(expected), hint::for_reply(got), done.commands, also(*others)
)]
pub struct Unexpected {
    /// Counted from 1.
    pub number: u64,
    pub of: u64,
    pub verb: Verb,
    /// The key, or the first of several.
    pub key: Vec<u8>,
    pub expected: Expected,
    pub got: Reply,
    /// The last command of the batch.
    pub last_sent: u64,
    /// Further commands of the batch that were not answered as expected.
    pub others: u64,
    pub done: Progress,
}

/// A connection that broke. What was sent and not answered may or may not have been carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{cause}. Commands {first_unknown} to {last_unknown} of {of} may or may not have been carried out; {} were answered as expected{}; see what is there with `verify`",
    done.commands, before(unexpected.as_ref())
)]
pub struct Lost {
    pub cause: LinkError,
    pub of: u64,
    /// The first command whose reply did not come, counted from 1.
    pub first_unknown: u64,
    /// The last command of the batch that was being sent.
    pub last_unknown: u64,
    /// A reply that was wrong before the connection broke.
    pub unexpected: Option<Unexpected>,
    pub done: Progress,
}

fn show(expected: &Expected) -> String {
    match expected {
        Expected::Integer(number) => number.to_string(),
        Expected::Status(text) => Printable(text.as_bytes()).to_string(),
    }
}

fn also(others: u64) -> String {
    if others == 0 { String::new() } else { format!(" ({others} more were not)") }
}

fn before(unexpected: Option<&Unexpected>) -> String {
    unexpected.map_or_else(String::new, |wrong| format!(" (and command {} answered {})", wrong.number, wrong.got))
}
