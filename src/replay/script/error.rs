//! Why a file of commands is not replayed.

use super::ScriptError;

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(
        "the plan has {commands} commands and {replies} expected replies; it was made or copied wrongly; nothing was sent"
    )]
    ReplyCount { commands: u64, replies: u64 },
}
