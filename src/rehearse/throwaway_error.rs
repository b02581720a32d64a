//! What goes wrong with a server of our own.

use std::io;
use std::path::PathBuf;

use redis::RedisError;

use super::copy::CopyError;
use crate::text;

/// What ends a rehearsal in a server before it can find anything.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("there is no server {}", text::path(.0))]
    NotFound(PathBuf),
    #[error("there is no module {}", text::path(.0))]
    NoModule(PathBuf),
    #[error("cannot start {}: {source}", text::path(path))]
    Spawn { path: PathBuf, source: io::Error },
    #[error("the path {} is too long for a socket in it", text::path(.0))]
    LongPath(PathBuf),
    #[error("cannot write the server's files: {0}")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("the server does not load the dump; the end of its log:\n{0}")]
    Exited(String),
    #[error("the server is {0}; a rehearsal needs Redis 7.0 or Valkey, or later")]
    TooOld(String),
    #[error("the server stopped answering: {0}")]
    Redis(#[from] RedisError),
    #[error("the server gave an answer that cannot be read: {0}")]
    Answer(String),
    #[error("interrupted")]
    Interrupted,
}
