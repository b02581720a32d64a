//! A file that is read front to back, a piece at a time, among hundreds that are read so at once.
//!
//! It is open only while a piece of it is read, so that any number of shards needs one open file. Its SHA-256 is taken of
//! what was read: nobody can change a file between the look at it and its use.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::Error;
use crate::bundle::hex;
use crate::bundle::manifest::FileId;

/// Bytes that are read at once.
const PIECE: usize = 1 << 17;

pub struct Pieces {
    path: PathBuf,
    id: FileId,
    /// Where the next piece begins.
    at: u64,
    hash: Sha256,
    buffer: Vec<u8>,
    /// What is before that in the buffer has been used.
    from: usize,
}

impl Pieces {
    /// Nothing is read yet.
    pub fn new(path: PathBuf, id: FileId) -> Self {
        Self { path, id, at: 0, hash: Sha256::new(), buffer: Vec::new(), from: 0 }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has been read and not used.
    pub fn ready(&self) -> &[u8] {
        self.buffer.get(self.from..).unwrap_or_default()
    }

    /// Bytes that have not been read.
    pub fn left(&self) -> u64 {
        self.id.bytes.saturating_sub(self.at)
    }

    /// The offset of the first byte that is ready.
    pub fn offset(&self) -> u64 {
        self.at.saturating_sub(self.ready().len() as u64)
    }

    /// Uses some of what is ready.
    pub fn take(&mut self, bytes: usize) {
        self.from = self.from.saturating_add(bytes).min(self.buffer.len());
    }

    /// Reads on: as much again as is ready, and a piece at least. Whether there was any.
    pub fn more(&mut self) -> Result<bool, Error> {
        self.buffer.drain(..std::mem::take(&mut self.from));
        if self.buffer.is_empty() && self.buffer.capacity() > 8 * PIECE {
            self.buffer.shrink_to(PIECE);
        }
        let before = self.buffer.len();
        let wanted = self.left().min(before.max(PIECE) as u64);
        let path = &self.path;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound => Error::Changed { path: path.clone() },
            _ => Error::Read { path: path.clone(), source },
        };
        if wanted == 0 {
            return Ok(false);
        }
        let file = File::open(path).map_err(failed)?;
        self.buffer.resize(before.saturating_add(usize::try_from(wanted).unwrap_or(usize::MAX)), 0);
        let piece = self.buffer.get_mut(before..).unwrap_or_default();
        file.read_exact_at(piece, self.at).map_err(failed)?;
        self.hash.update(&*piece);
        self.at = self.at.saturating_add(wanted);
        Ok(true)
    }

    /// Whether all of it was used, and was what the manifest says.
    pub fn end(self) -> Result<(), Error> {
        if !self.ready().is_empty() || self.left() > 0 {
            let what = "it has more than its manifest says".to_owned();
            return Err(Error::Damaged { path: self.path, what });
        }
        let longer = File::open(&self.path).and_then(|file| Ok(file.metadata()?.len() != self.id.bytes));
        let is_same = hex(&self.hash.finalize()) == self.id.sha256 && self.at == self.id.bytes;
        if !is_same || longer.unwrap_or(true) { Err(Error::Changed { path: self.path }) } else { Ok(()) }
    }
}
