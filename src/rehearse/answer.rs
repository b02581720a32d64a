//! Answers to commands, whoever gives them.

use crate::bundle::manifest::Reply;
use crate::text::{quoted, safe};

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Integer(i64),
    Status(String),
    /// A value.
    Bulk(Vec<u8>),
    /// That there is none.
    Nothing,
    Array(Vec<i64>),
    Error(String),
    /// Nothing that a plan's command could answer.
    Odd(String),
}

impl Answer {
    /// Whether it is the expected one.
    pub fn is(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (Self::Integer(found), Reply::Integer(due)) => found == due,
            (Self::Array(found), Reply::Integer(due)) => !found.is_empty() && found.iter().all(|found| found == due),
            (Self::Status(found), Reply::Status(due)) => found == due,
            (Self::Bulk(found), Reply::Bulk(due)) => *found == due.0,
            _ => false,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Status(text) | Self::Error(text) | Self::Odd(text) => f.write_str(&safe(text)),
            Self::Bulk(value) => f.write_str(&quoted(value)),
            Self::Nothing => f.write_str("nothing"),
            Self::Array(all) => write!(f, "{all:?}"),
        }
    }
}
