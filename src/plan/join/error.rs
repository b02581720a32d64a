//! Why plans cannot be joined.

use std::io;
use std::path::PathBuf;

use crate::bundle::{self, resp};
use crate::plan;
use crate::text::{self, safe};

/// Why plans cannot be joined.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error(transparent)]
    Plan(#[from] plan::Error),
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    #[error("{}: {source}", text::path(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no plan to join")]
    Nothing,
    #[error("{} is the plan of a whole database, not that of one shard", text::path(path))]
    Whole { path: PathBuf },
    #[error("{} is a plan that was joined already", text::path(path))]
    Joined { path: PathBuf },
    #[error("{} was made by version {} of this program, which is {}", text::path(path), safe(found), env!("CARGO_PKG_VERSION"))]
    OtherVersion { path: PathBuf, found: String },
    #[error("the plan in {} was applied, or begun, by itself", text::path(path))]
    Applied { path: PathBuf },
    #[error("{} is one of the plans that are to be joined", text::path(path))]
    IntoItself { path: PathBuf },
    #[error(
        "{} (shard {}) has {what} than {} (shard {})",
        text::path(path),
        safe(name),
        text::path(other),
        safe(other_name)
    )]
    Differs { path: PathBuf, name: String, other: PathBuf, other_name: String, what: &'static str },
    #[error("{} is the plan of the shard {}, which the engine did not see", text::path(path), safe(name))]
    NotSeen { path: PathBuf, name: String },
    #[error(
        "{} (shard {}) was made from a dump of {found}; the engine saw one of {seen} under that name",
        text::path(path),
        safe(name)
    )]
    OtherDump { path: PathBuf, name: String, found: String, seen: String },
    #[error("the shard {} is there twice, in {} and in {}", safe(name), text::path(path), text::path(other))]
    Twice { name: String, path: PathBuf, other: PathBuf },
    #[error("{} of {all} shards that the engine saw {}: {}", .names.len(), if .names.len() == 1 { "is missing" } else { "are missing" }, listed(.names))]
    Missing { names: Vec<String>, all: usize },
    #[error("the key {key} is in the plans of two shards: in {} and in {}", text::path(path), text::path(other))]
    KeyTwice { key: String, path: PathBuf, other: PathBuf },
    #[error("{} was edited or damaged: {what}", text::path(path))]
    Damaged { path: PathBuf, what: String },
    #[error("{} changed while it was read", text::path(path))]
    Changed { path: PathBuf },
    #[error("{}: {error}", text::path(path))]
    Commands { path: PathBuf, error: resp::Error },
    #[error("{0}")]
    Apart(String),
    #[error("the spec of the plans has errors:\n{0}")]
    Spec(String),
    #[error("the dumps cannot be one database: {0}")]
    Dumps(String),
    #[error("interrupted")]
    Interrupted,
}

/// Names that are said of those that are missing.
const NAMED: usize = 8;

fn listed(names: &[String]) -> String {
    let mut text: Vec<String> = names.iter().take(NAMED).map(|name| safe(name).to_string()).collect();
    if names.len() > NAMED {
        text.push(format!("and {} more", names.len().saturating_sub(NAMED)));
    }
    text.join(", ")
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Plan(error) => return error.hint(),
            Self::Bundle(error) => return error.hint(),
            Self::Nothing => "name the folders that `plan SHARD.rdb --edits … --out plans/NAME` wrote",
            Self::Whole { .. } => "`apply` takes it as it is; join takes what `plan SHARD.rdb --edits …` writes",
            Self::Joined { .. } => "`apply` takes it; leave it out, or give the plans that it was joined of",
            Self::Applied { .. } => "roll it back, take new dumps, and make the plans again",
            Self::IntoItself { .. } => "give --out another folder",
            Self::OtherVersion { .. } | Self::Differs { .. } | Self::OtherDump { .. } | Self::NotSeen { .. } => {
                "make the plans of all shards anew, with one version of the program, one spec, and the edits of one run"
            }
            Self::Twice { .. } => "leave one of them out",
            Self::Missing { .. } => "make their plans, too: `rdb-reindex plan SHARD.rdb --edits EDITS/shard=NAME …`",
            Self::KeyTwice { .. } => "no key is on two shards: is a dump named twice, or from before a reshard?",
            Self::Damaged { .. } | Self::Changed { .. } | Self::Commands { .. } => {
                "a plan is used as it was made or not at all: copy it again from where it was made, or make it again"
            }
            Self::Apart(_) => "take the dumps at one time, or make the plans with --accept apart",
            Self::Read { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "use a folder that you may read",
                _ => return None,
            },
            Self::Spec(_) | Self::Dumps(_) | Self::Interrupted => return None,
        })
    }
}
