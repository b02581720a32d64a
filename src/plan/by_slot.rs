//! The order of a plan by slot: inside each phase by slot, then by key. Commands of one key stay in theirs.
//!
//! The commands are written as they come, and put into their order when the file is closed: what is added to index keys is
//! told in the order of the indexes, and no list of edits is kept.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::bundle::Output;
use crate::bundle::manifest::{FileId, Reply};
use crate::dump::rdb;
use crate::dump::slots::slot_of;
use crate::index::{Deletion, Difference};

/// A file that is closed: what it is, the replies of its commands, and their lengths.
#[derive(Debug)]
pub struct Finished {
    pub file: FileId,
    pub replies: Vec<Reply>,
    pub lengths: Vec<u64>,
}

/// Where the commands of a file go.
#[derive(Debug, Default)]
pub struct Order {
    /// That of the next command.
    pub phase: u8,
    pub places: Vec<Place>,
}

/// Where a command goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub phase: u8,
    pub slot: u16,
    pub key: Box<[u8]>,
}

impl Order {
    /// Writes the file anew, its commands in their order.
    pub fn apply(self, path: &Path, written: Finished) -> io::Result<Finished> {
        let mut by_place: Vec<usize> = (0..self.places.len()).collect();
        by_place.sort_by(|a, b| self.places[*a].cmp(&self.places[*b]));
        let mut offsets = Vec::with_capacity(written.lengths.len());
        let mut offset = 0;
        for length in &written.lengths {
            offsets.push(offset);
            offset += length;
        }
        // Open, it can still be read when its name is taken away.
        let unsorted = File::open(path)?;
        fs::remove_file(path)?;
        let mut output = Output::create(path)?;
        let mut replies = Vec::with_capacity(written.replies.len());
        let mut lengths = Vec::with_capacity(written.lengths.len());
        let mut bytes = Vec::new();
        for at in by_place {
            bytes.resize(usize::try_from(written.lengths[at]).unwrap_or(usize::MAX), 0);
            unsorted.read_exact_at(&mut bytes, offsets[at])?;
            output.write(&bytes)?;
            replies.push(written.replies[at].clone());
            lengths.push(written.lengths[at]);
        }
        Ok(Finished { file: output.finish()?, replies, lengths })
    }
}

/// The deletions of a plan in the order of their slots and names.
pub fn deletions(d: &Difference<'_>) -> Result<Vec<Deletion>, rdb::Error> {
    let mut scratch = Vec::new();
    let mut named = Vec::with_capacity(d.deletions.len());
    for deletion in &d.deletions {
        let key = d.dump.key(deletion.start, &mut scratch)?;
        named.push((slot_of(key), Box::<[u8]>::from(key), *deletion));
    }
    named.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Ok(named.into_iter().map(|(_, _, deletion)| deletion).collect())
}
