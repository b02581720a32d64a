//! Why there is no plan, and what can be done about it.

use std::io;
use std::path::{Path, PathBuf};

use super::recreate;
use crate::bundle;
use crate::bundle::manifest::{BrakeNote, ROLLBACK};
use crate::dump::rdb;
use crate::text::{self, safe};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    /// The path is that of the file in the folder that was asked for, not in the hidden one it is first written to.
    #[error("cannot write {}: {source}", text::path(path))]
    Write { path: PathBuf, source: io::Error },
    #[error("the checksum of the dump is wrong: it says {stored:016x}, its content has {computed:016x}")]
    Checksum { stored: u64, computed: u64 },
    #[error("commands follow the dump in its file (it is an append-only file), and they change what is in it")]
    AofTail,
    #[error("another dump follows the end of the first one: what is in it would be taken for missing")]
    AnotherDump,
    #[error(
        "{0} bytes follow the end of the dump, whose version (before 5) has no checksum: its version number is damaged, or \
         its end"
    )]
    Trailing(u64),
    #[error(
        "the dump has the key {key} of database {db} twice, at {first} and at {second}; no server would load it, and no plan \
         fits it"
    )]
    Twice { db: u64, key: String, first: String, second: String },
    #[error(
        "a plan by slot is for a cluster, which has database 0 only, and the index {} is in database {db}",
        safe(index)
    )]
    BySlot { index: String, db: u64 },
    #[error("the plan of the shard {} must be a plan by slot", safe(.0))]
    ShardNotBySlot(String),
    #[error("no plan, since something looks like a mistake:\n{}", BrakeList(.0))]
    Braked(Vec<BrakeNote>),
    #[error("interrupted")]
    Interrupted,
}

/// Brakes that refuse a plan, one after the other, each with its examples.
struct BrakeList<'b>(&'b [BrakeNote]);

impl std::fmt::Display for BrakeList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, note) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            match &note.index {
                Some(index) => write!(f, "{end}  {} (index {}): {}", note.brake, safe(index), note.text)?,
                None => write!(f, "{end}  {}: {}", note.brake, note.text)?,
            }
            for example in &note.examples {
                write!(f, "\n    {example}")?;
            }
        }
        Ok(())
    }
}

impl Error {
    /// The same, of a bundle in this folder: where a file is written, only its name there is known.
    pub fn in_folder(self, folder: &Path) -> Self {
        match self {
            Self::Write { path, source } => Self::Write { path: folder.join(path), source },
            other => other,
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bundle(error) => return error.hint(),
            Self::Dump(error) => error.hint(),
            Self::Checksum { .. } | Self::Trailing(_) => "no plan is made of a damaged dump: take it again",
            Self::AofTail => "start a server with that file and let it SAVE: that makes a dump of the whole",
            Self::AnotherDump => "give the dumps as several files: `rdb-reindex plan one.rdb two.rdb`",
            Self::Twice { .. } => "take the dump again; `rdb-reindex check` lists every such key",
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "make room on that disk, or give --out a folder on another one",
                _ => return None,
            },
            Self::BySlot { .. } => "leave out --by-slot, or correct `db` in the spec",
            Self::ShardNotBySlot(_) => "give --by-slot",
            Self::Braked(_) | Self::Interrupted => return None,
        })
    }
}

/// A file of the bundle that cannot be written, by its name there.
pub fn writing(name: &str) -> impl Fn(io::Error) -> Error + use<> {
    let path = PathBuf::from(name);
    move |source| Error::Write { path: path.clone(), source }
}

impl From<recreate::Error> for Error {
    fn from(error: recreate::Error) -> Self {
        match error {
            recreate::Error::Dump(error) => Self::Dump(error),
            recreate::Error::Io(source) => Self::Write { path: PathBuf::from(ROLLBACK), source },
        }
    }
}
