//! Several dumps as one database: the shards of a cluster.
//!
//! They are mapped one behind the other into one range of addresses, so that everything else knows one dump and one kind of
//! offset: nothing is copied, and no temporary space is needed. Between two of them stands what makes the whole a dump as
//! any other (see `together`).

mod known;
mod part;
mod together;

use std::io;
use std::path::{Path, PathBuf};

use crate::dump::duplicate_keys::Twice;
use crate::dump::parts::{self, Part};
use crate::dump::rdb::{self, Checksum, Header, Record};
use crate::dump::scan::{self, Observer, Worker};
use crate::dump::snapshot::Snapshot;
use crate::progress::{Unit, Watch};
use crate::text::{self, display};
pub use known::{Known, together as known_together};
use part::Shard;

/// When dumps are looked at that are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Before: they are whole, their checksums right, and they share no key.
    Now,
    /// By whoever goes over the whole: [`Snapshot::parts`] end where they should, the checksum is right if all of theirs
    /// are, and each key is there once. What cannot be left to that is looked at now.
    Later,
}

/// Why dumps are no one database.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error("{}: {error}", text::path(path))]
    Dump { path: PathBuf, error: rdb::Error },
    #[error("{} is a {one} dump and {} a {other} dump", text::path(path), text::path(other_path))]
    Flavor { path: PathBuf, one: rdb::Flavor, other_path: PathBuf, other: rdb::Flavor },
    #[error(
        "{}: {bytes} bytes follow the end of the dump; a file that is one of several must be a dump alone",
        text::path(path)
    )]
    Trailing { path: PathBuf, bytes: usize },
    #[error("{}: the checksum is {stored:016x}, and should be {computed:016x}: the file is damaged", text::path(path))]
    Checksum { path: PathBuf, stored: u64, computed: u64 },
    #[error(
        "hash template {id} is in {} and in {}; such dumps cannot be read as one",
        text::path(path),
        text::path(other)
    )]
    Template { id: u64, path: PathBuf, other: PathBuf },
    #[error("the key {key} of database {db} is at {first} and at {second}; shards of one database share none")]
    KeyTwice { key: String, db: u64, first: String, second: String },
    #[error("the dumps cannot be put into one range of memory: {0}")]
    Memory(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Dump { error, .. } => error.hint(),
            Self::Flavor { .. } => "the shards of one database are all of one kind of server; look at each alone",
            Self::Trailing { .. } => "cut the bytes off, or take the dump again",
            Self::Checksum { .. } => "take it again; --ignore-checksum shows what is in it all the same",
            Self::KeyTwice { .. } => "is the same dump named twice, or an older one of the same shard?",
            Self::Template { .. } => "look at each dump alone",
            Self::Memory(error) if error.kind() == io::ErrorKind::Other => "run it again when nobody writes to it",
            Self::Memory(_) => "does `ulimit -v` leave room for all the dumps together?",
            Self::Interrupted => return None,
        })
    }

    /// That a key is in two of these parts.
    pub fn twice(parts: &[Part], Twice { db, key, first, second }: &Twice) -> Self {
        let place = |offset: u64| parts::place(parts, offset);
        Self::KeyTwice { key: display(key), db: *db, first: place(*first), second: place(*second) }
    }
}

/// Puts dumps together, in their order, and takes them; they are left where they are if that fails. With
/// `ignore_checksum` one whose checksum is wrong is taken all the same; the whole then has a wrong checksum too.
pub fn join(
    dumps: &mut Vec<Snapshot>,
    look: Look,
    ignore_checksum: bool,
    observer: &Observer,
) -> Result<Snapshot, Error> {
    // What is said of a dump that is no file could not be said once it is taken.
    if !ignore_checksum && dumps.iter().all(Snapshot::is_mapped) {
        let shards: Option<Vec<Shard>> = dumps.iter().map(Shard::glance).collect();
        if let Some(shards) = shards
            && let Ok(header) = part::agree(&shards)
        {
            let joined = together::put(std::mem::take(dumps), &shards, header)?;
            if look == Look::Later {
                return Ok(joined);
            }
            match no_key_twice(&joined, true, observer) {
                // What is wrong is told of the one dump that it is in.
                Err(Error::Dump { .. } | Error::Checksum { .. }) => *dumps = joined.sources()?,
                Err(error) => return Err(error),
                Ok(()) => return Ok(joined),
            }
        }
    }
    let (shards, header) = read(dumps, ignore_checksum, observer)?;
    let joined = together::put(std::mem::take(dumps), &shards, header)?;
    if look == Look::Now {
        no_key_twice(&joined, false, observer)?;
    }
    Ok(joined)
}

/// The same for dumps that were found whole, each by itself, by the headers and the bytes behind the end of each. With hash
/// templates it takes more; false then.
pub fn fit_together<'a>(dumps: impl Iterator<Item = (&'a Path, Header, usize)> + Clone) -> Result<bool, Error> {
    if let Some((path, _, bytes)) = dumps.clone().find(|(.., bytes)| *bytes > 0) {
        return Err(Error::Trailing { path: path.to_owned(), bytes });
    }
    let first = dumps.clone().next();
    let other = first.and_then(|(_, one, _)| dumps.clone().find(|(_, header, _)| header.flavor != one.flavor));
    if let (Some((path, one, _)), Some((other_path, other, _))) = (first, other) {
        let (path, other_path) = (path.to_owned(), other_path.to_owned());
        return Err(Error::Flavor { path, one: one.flavor, other_path, other: other.flavor });
    }
    Ok(!dumps.clone().any(|(_, header, _)| part::may_have_templates(header)))
}

/// Looks for what keeps dumps from being one database, apart from keys that they share.
pub fn examine(dumps: &[Snapshot], ignore_checksum: bool, observer: &Observer) -> Result<(), Error> {
    read(dumps, ignore_checksum, observer).map(drop)
}

/// Walks each dump to its end.
fn read(dumps: &[Snapshot], ignore_checksum: bool, observer: &Observer) -> Result<(Vec<Shard>, Header), Error> {
    let total = dumps.iter().map(|dump| dump.len() as u64).sum();
    observer.begin("reading the shards", Unit::Bytes, total);
    let shards =
        dumps.iter().map(|dump| Shard::read(dump, ignore_checksum, observer)).collect::<Result<Vec<_>, _>>()?;
    let header = part::agree(&shards)?;
    Ok((shards, header))
}

/// Of an error in a dump that was put together of several: the name of the one that it is in, and the error with the
/// offsets there.
pub fn own_error(parts: &[Part], error: &rdb::Error) -> Option<(PathBuf, rdb::Error)> {
    let (part, offset) = parts::find(parts, error.record.unwrap_or(error.offset))?;
    let own = |of: u64| of.saturating_sub(part.from).saturating_add(part.cut);
    let record = error.record.map(|_| offset);
    Some((PathBuf::from(&part.name), rdb::Error { offset: own(error.offset), record, ..*error }))
}

/// Looks at nothing but what every pass finds.
struct Nothing;

impl<'a> Worker<'a> for Nothing {
    fn record(&mut self, _: &Record<'a>) -> Result<(), rdb::Error> {
        Ok(())
    }
}

/// Finds a key that is in two of the parts of a dump. What is wrong with the dump itself is found on the way; of its
/// checksum that is only said where it `counts`.
pub fn no_key_twice(joined: &Snapshot, counts: bool, observer: &Observer) -> Result<(), Error> {
    observer.begin("looking for keys that are there twice", Unit::Bytes, joined.len() as u64);
    let (file, parts): (&[u8], _) = (joined, joined.parts());
    let wrong = |error: rdb::Error| {
        let own = own_error(parts, &error);
        let (path, error) = own.unwrap_or_else(|| (joined.path().to_owned(), error));
        Error::Dump { path, error }
    };
    let (pass, twice) = scan::run_parts(file, parts, observer, || Nothing).map_err(|error| match error {
        scan::Error::Dump(error) => wrong(error),
        scan::Error::Interrupted => Error::Interrupted,
    })?;
    match (pass.footer.checksum(|| pass.crc64), twice) {
        (Checksum::Wrong { stored, computed }, _) if counts => {
            Err(Error::Checksum { path: joined.path().to_owned(), stored, computed })
        }
        (_, Some(twice)) => Err(Error::twice(parts, &twice)),
        (_, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
