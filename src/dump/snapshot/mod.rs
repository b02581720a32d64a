//! A dump as a byte slice: mapped into memory, or read; unpacked first where it is compressed.
//!
//! This module holds the only `unsafe` of the crate, in `map`, `guard` and `span`.

mod capture;
mod guard;
mod joined;
mod map;
mod newer;
mod span;
mod stream;
mod unpack;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::dump::parts::Part;
use crate::owner_only;
use crate::progress::{Nobody, Order, Unit, Watch, Watched};
use crate::text;
use capture::{Announced, Found};
use joined::Source;
pub use joined::{Builder, padding};
pub use map::Change;
use map::{Map, Seen};
use span::Span;
use stream::Padding;
use unpack::{Failure, Form, HEAD};

/// How to open a dump.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Map the file (the default) or read it into memory.
    pub mmap: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { mmap: true }
    }
}

/// Why a dump could not be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error("cannot open {}: {source}", shown(path))]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", shown(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot unpack {} ({name}): {source}", shown(path))]
    Unpack { path: PathBuf, name: &'static str, source: io::Error },
    #[error("{} is a folder, not a dump", shown(path))]
    Folder { path: PathBuf },
    #[error("{} is empty", shown(path))]
    Empty { path: PathBuf },
    #[error("{} is {name}", shown(path))]
    NoDump { path: PathBuf, name: &'static str, help: &'static str },
    #[error("{} is compressed, and what is in it is {name}", shown(path))]
    Content { path: PathBuf, name: &'static str },
    #[error("no room to unpack {}: the disk of the temporary folder is full after {written} bytes", shown(path))]
    Full { path: PathBuf, written: u64 },
    #[error("cannot write to the temporary folder while unpacking {}: {source}", shown(path))]
    Spool { path: PathBuf, source: io::Error },
    #[error(
        "{} is a captured replication stream that ends before its dump does: {there} bytes of it are there{}",
        shown(path), of.map_or_else(String::new, |of| format!(", and {of} were announced"))
    )]
    CaptureCut { path: PathBuf, there: usize, of: Option<u64> },
    #[error("interrupted")]
    Interrupted,
}

/// A path as it is named in a message.
fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { text::path(path) }
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        let too_many = |source: &io::Error| source.raw_os_error() == Some(libc::EMFILE);
        Some(match self {
            Self::Open { source, .. } | Self::Read { source, .. } | Self::Spool { source, .. } if too_many(source) => {
                "give fewer dumps, unpack them, or let a process have more open files: `ulimit -n 4096`"
            }
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "is the path right, seen from this folder?",
                io::ErrorKind::PermissionDenied => "read it as a user who may, or have it copied",
                _ => return None,
            },
            Self::Unpack { .. } => "it is damaged or cut off: get it again, and compare its size with the original's",
            Self::Folder { .. } => "give the file in it; a folder that `plan` wrote is for `rdb-reindex show`",
            Self::Empty { .. } => {
                "a dump has a header at least: did the download, or the command before the pipe, fail?"
            }
            Self::NoDump { help, .. } => help,
            Self::Content { .. } => "if it is an archive, unpack it and give the dump that is in it",
            Self::Full { .. } | Self::Spool { .. } => {
                "set TMPDIR to a folder with room for the whole dump, or unpack it yourself"
            }
            Self::CaptureCut { .. } => {
                "capture it until the dump is through, or have the server write a dump with SAVE"
            }
            Self::Read { .. } | Self::Interrupted => return None,
        })
    }
}

/// A dump, held for as long as anything borrows from it.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    parts: Vec<Part>,
    newer: Vec<String>,
    backing: Backing,
    /// Where the dump is in that.
    range: Range<usize>,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Backing {
    Mapped(Arc<Map>),
    Read(Vec<u8>),
    /// Several dumps, and what those of them are that are files.
    Joined(Arc<Span>, Vec<Source>),
}

impl Backing {
    /// The files that are mapped.
    fn seen(&self) -> &[Arc<Seen>] {
        match self {
            Self::Mapped(map) => std::slice::from_ref(map.seen()),
            Self::Read(_) => &[],
            Self::Joined(span, _) => span.seen(),
        }
    }
}

impl Deref for Backing {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
            Self::Joined(span, _) => span,
        }
    }
}

impl Snapshot {
    /// Opens the dump at `path`. The first of a process installs a handler for SIGBUS, which leaves every signal that is
    /// about something else to whoever had it before. `-` is standard input. gzip, zstd, LZ4 and Valkey's envelope are known by their content.
    ///
    /// What cannot be mapped as it is (compressed, or from a pipe) goes into an unnamed temporary file first, so that
    /// memory stays bounded however large the dump is.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::open_watched(path, options, &Nobody)
    }

    /// Opens a dump and lets somebody watch: unpacking takes its time, and reading from a pipe.
    pub fn open_watched(path: &Path, options: Options, watch: &dyn Watch) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        let mut file = if path == Path::new("-") {
            stdin().map_err(read_error)?
        } else {
            File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?
        };
        let kind = file.metadata().map_err(read_error)?;
        if kind.is_dir() {
            return Err(Error::Folder { path: path.to_owned() });
        }
        let start = if kind.is_file() { file.stream_position().map_err(read_error)? } else { 0 };
        let mut head = vec![0; HEAD];
        let mut padding = Padding::default();
        let filled = unpack::read_full(&mut file, &mut head).map_err(read_error)?;
        let head = head.get(..filled).unwrap_or_default();
        let form = Form::of(head);
        let mut by_name = None;
        match form {
            _ if head.is_empty() => return Err(Error::Empty { path: path.to_owned() }),
            Form::Other(name, help) => return Err(Error::NoDump { path: path.to_owned(), name, help }),
            // A file that somebody else has read a part of is not the whole file.
            Form::Plain | Form::Capture if kind.is_file() && start == 0 => {
                by_name = Some(path).filter(|path| *path != Path::new("-"));
                file.seek(SeekFrom::Start(0)).map(drop).map_err(read_error)?
            }
            _ => {
                // How much comes out is not known, but how much goes in, if it is a file.
                let total = if kind.is_file() { kind.len().saturating_sub(start) } else { 0 };
                let name = if form.name().is_some() { "unpacking" } else { "receiving" };
                watch.begin(name, Unit::Bytes, total);
                (file, padding) =
                    spool(form, Watched::new(head.chain(file), watch), path).map_err(|error| stopped(error, watch))?;
            }
        }
        let backing = if options.mmap {
            Backing::Mapped(Arc::new(Map::of(&file, by_name).map_err(read_error)?))
        } else {
            let mut bytes = Vec::new();
            watch.begin("reading into memory", Unit::Bytes, file.metadata().map_or(0, |kind| kind.len()));
            let read = Watched::new(file, watch).read_to_end(&mut bytes).map_err(read_error);
            read.map_err(|error| stopped(error, watch))?;
            Backing::Read(bytes)
        };
        let mut snapshot = Self::of(path.to_owned(), backing);
        if padding.bytes > 0 {
            let (Padding { bytes, other }, name) = (padding, form.name().unwrap_or("packed"));
            let what = if other { "bytes that are none of it" } else { "NUL bytes" };
            snapshot.notes.push(format!("{bytes} {what} follow the {name} data, and are ignored"));
        }
        snapshot.newer = newer::beside(path);
        snapshot.uncover()
    }

    /// A dump that is in memory already.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self::of(PathBuf::from("(memory)"), Backing::Read(bytes))
    }

    /// Names of files beside it that have newer writes, if it is the base of an append-only file.
    pub fn newer(&self) -> &[String] {
        &self.newer
    }

    /// The dumps that it was put together of; none if it is a single one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn of(path: PathBuf, backing: Backing) -> Self {
        let range = 0..backing.len();
        Self { path, backing, range, notes: Vec::new(), parts: Vec::new(), newer: Vec::new() }
    }

    /// Finds the dump in a captured replication.
    fn uncover(mut self) -> Result<Self, Error> {
        let Some(announced) = Announced::read(self.backing.get(..HEAD).unwrap_or(&self.backing)) else {
            return Ok(self);
        };
        match announced.find(&self.backing) {
            Found::Cut { there, of } => return Err(Error::CaptureCut { path: self.path, there, of }),
            Found::In(range) => self.range = range,
            Found::Before(dump, commands) => {
                // They change what is in the dump, and must be found behind it, as in any other file.
                let parts = [dump, commands].map(|range| self.backing.get(range).unwrap_or_default());
                let copied = copy(&parts).map_err(|source| Error::Spool { path: self.path.clone(), source })?;
                self.range = 0..copied.len();
                self.backing = Backing::Mapped(Arc::new(copied));
            }
        }
        self.notes.push("it is a captured replication stream; what is read is the dump in it".to_owned());
        Ok(self)
    }

    /// What is to be said of the file, though the dump in it can be read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Tells what has happened to the file since it was opened. As long as that is nothing, what was read was what it held.
    pub fn witness(&self) -> impl Fn() -> Option<Change> + Send + Sync + 'static {
        let seen = self.backing.seen().to_vec();
        move || seen.iter().find_map(|seen| seen.change())
    }

    /// Set when a part of a mapped file is gone: what is read from then on is NUL. One for each file.
    pub fn gone(&self) -> impl Iterator<Item = &'static AtomicBool> {
        self.backing.seen().iter().map(|seen| seen.gone())
    }

    /// What to call when the order changes in which the dump is read. It keeps the map.
    pub fn adviser(&self) -> impl Fn(Order) + Send + Sync + 'static {
        let (map, span) = match &self.backing {
            Backing::Mapped(map) => (Some(Arc::clone(map)), None),
            Backing::Joined(span, _) => (None, Some(Arc::clone(span))),
            Backing::Read(_) => (None, None),
        };
        move |order| {
            if let Some(map) = &map {
                map.advise(order);
            }
            if let Some(span) = &span {
                span.advise(order);
            }
        }
    }

    /// What the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for Snapshot {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.backing.get(self.range.clone()).unwrap_or_default()
    }
}

/// Puts pieces of a file into an unnamed temporary file.
fn copy(parts: &[&[u8]]) -> io::Result<Map> {
    let mut file = owner_only::temporary_file()?;
    for part in parts {
        file.write_all(part)?;
    }
    Map::of(&file, None)
}

/// Standard input as a file, which it may be: `rdb-reindex check - < dump.rdb`.
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// An error after work was stopped is that it was stopped.
fn stopped(error: Error, watch: &dyn Watch) -> Error {
    if watch.stopped() { Error::Interrupted } else { error }
}

/// Puts the dump in `source` into an unnamed temporary file; tells what followed it in its archive, too.
fn spool(form: Form, source: impl Read, path: &Path) -> Result<(File, Padding), Error> {
    let path = || path.to_owned();
    let spool_error = |source| Error::Spool { path: path(), source };
    let mut file = owner_only::temporary_file().map_err(spool_error)?;
    let padding = unpack::unpack(form, source, &mut file).map_err(|failure| match failure {
        Failure::Read(source) => match form.name() {
            Some(name) => Error::Unpack { path: path(), name, source },
            None => Error::Read { path: path(), source },
        },
        Failure::Write(source) => Error::Spool { path: path(), source },
        Failure::Full(written) => Error::Full { path: path(), written },
        Failure::Content(Form::Other(name, _)) => Error::Content { path: path(), name },
        Failure::Content(Form::Plain) => Error::Content { path: path(), name: "not a dump" },
        Failure::Content(_) => Error::Content { path: path(), name: "compressed once more" },
    })?;
    file.seek(SeekFrom::Start(0)).map_err(spool_error)?;
    Ok((file, padding))
}

#[cfg(test)]
mod tests;
