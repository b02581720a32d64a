//! The types of value that a plan can write.

use super::Verb;

/// A type of value, as far as a plan can write one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Set,
    ZSet,
    Hash,
    Json,
}

impl Kind {
    /// What the command `TYPE` answers.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::ZSet => "zset",
            Self::Hash => "hash",
            Self::Json => "ReJSON-RL",
        }
    }

    pub fn written_by(verb: Verb) -> Option<Self> {
        match verb {
            Verb::SAdd | Verb::SRem => Some(Self::Set),
            Verb::ZAdd | Verb::ZRem => Some(Self::ZSet),
            Verb::Set | Verb::SetNew | Verb::SetChanged | Verb::Append => Some(Self::String),
            Verb::RPush | Verb::LRem => Some(Self::List),
            Verb::HSet | Verb::HEdit | Verb::HDel | Verb::HPExpireAt => Some(Self::Hash),
            Verb::JsonSet => Some(Self::Json),
            // RESTORE does not say; PEXPIREAT takes any type.
            Verb::Restore | Verb::PExpireAt | Verb::Select | Verb::Unlink | Verb::Del => None,
        }
    }
}
