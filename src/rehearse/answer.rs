//! Answers to commands, whoever gives them.

use crate::bundle::manifest::Reply;
use crate::text::safe;

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Integer(i64),
    Status(String),
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
            _ => false,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Status(text) | Self::Error(text) | Self::Odd(text) => f.write_str(&safe(text)),
            Self::Array(all) => write!(f, "{all:?}"),
        }
    }
}
