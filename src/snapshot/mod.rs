//! A dump as a byte slice: mapped into memory, or read; unpacked first where it is compressed.
//!
//! This module holds the only `unsafe` of the crate, the `mmap` call.

mod newer;
mod unpack;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::parts::Part;
use crate::private;
use crate::progress::{Nobody, Order, Unit, Watch, Watched};
use crate::text;
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
        Some(match self {
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
}

#[derive(Debug)]
enum Backing {
    Mapped(Arc<Mmap>),
    Read(Vec<u8>),
}

impl Snapshot {
    /// Opens the dump at `path`; `-` is standard input. gzip, zstd, LZ4 and Valkey's envelope are known by their content.
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
        let mut head = [0; HEAD];
        let filled = unpack::read_full(&mut file, &mut head).map_err(read_error)?;
        let head = head.get(..filled).unwrap_or_default();
        let form = Form::of(head);
        match form {
            _ if head.is_empty() => return Err(Error::Empty { path: path.to_owned() }),
            Form::Other(name, help) => return Err(Error::NoDump { path: path.to_owned(), name, help }),
            // A file that somebody else has read a part of is not the whole file.
            Form::Plain if kind.is_file() && start == 0 => {
                file.seek(SeekFrom::Start(0)).map(drop).map_err(read_error)?
            }
            _ => {
                // How much comes out is not known, but how much goes in, if it is a file.
                let total = if kind.is_file() { kind.len().saturating_sub(start) } else { 0 };
                let name = if form == Form::Plain { "receiving" } else { "unpacking" };
                watch.begin(name, Unit::Bytes, total);
                file =
                    spool(form, Watched::new(head.chain(file), watch), path).map_err(|error| stopped(error, watch))?;
            }
        }
        let backing = if options.mmap {
            Backing::Mapped(Arc::new(map(&file).map_err(read_error)?))
        } else {
            let mut bytes = Vec::new();
            watch.begin("reading into memory", Unit::Bytes, file.metadata().map_or(0, |kind| kind.len()));
            let read = Watched::new(file, watch).read_to_end(&mut bytes).map_err(read_error);
            read.map_err(|error| stopped(error, watch))?;
            Backing::Read(bytes)
        };
        Ok(Self { path: path.to_owned(), parts: Vec::new(), newer: newer::beside(path), backing })
    }

    /// A dump in an unnamed temporary file, which is mapped.
    pub fn from_file(name: PathBuf, file: &File) -> io::Result<Self> {
        Ok(Self { path: name, parts: Vec::new(), newer: Vec::new(), backing: Backing::Mapped(Arc::new(map(file)?)) })
    }

    /// A dump that is in memory already.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from("(memory)"), parts: Vec::new(), newer: Vec::new(), backing: Backing::Read(bytes) }
    }

    /// Says which dumps it was put together of, and what those have beside them.
    pub fn with_parts(self, parts: Vec<Part>, newer: Vec<String>) -> Self {
        Self { parts, newer, ..self }
    }

    /// Names of files beside it that have newer writes, if it is the base of an append-only file.
    pub fn newer(&self) -> &[String] {
        &self.newer
    }

    /// The dumps that it was put together of; none if it is a single one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What to call when the order changes in which the dump is read. It keeps the map.
    pub fn adviser(&self) -> impl Fn(Order) + Send + Sync + 'static {
        let map = match &self.backing {
            Backing::Mapped(map) => Some(Arc::clone(map)),
            Backing::Read(_) => None,
        };
        move |order| {
            if let Some(map) = &map {
                advise(map, order);
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
        match &self.backing {
            Backing::Mapped(map) => map,
            Backing::Read(bytes) => bytes,
        }
    }
}

/// Standard input as a file, which it may be: `rdb-reindex check - < dump.rdb`.
#[cfg(unix)]
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn stdin() -> io::Result<File> {
    let mut file = private::temporary_file()?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// An error after work was stopped is that it was stopped.
fn stopped(error: Error, watch: &dyn Watch) -> Error {
    if watch.stopped() { Error::Interrupted } else { error }
}

/// Puts the dump in `source` into an unnamed temporary file.
fn spool(form: Form, source: impl Read, path: &Path) -> Result<File, Error> {
    let path = || path.to_owned();
    let spool_error = |source| Error::Spool { path: path(), source };
    let mut file = private::temporary_file().map_err(spool_error)?;
    unpack::unpack(form, source, &mut file).map_err(|failure| match failure {
        Failure::Read(source) => match form.name() {
            Some(name) => Error::Unpack { path: path(), name, source },
            None => Error::Read { path: path(), source },
        },
        Failure::Write(source) => Error::Spool { path: path(), source },
        Failure::Full(written) => Error::Full { path: path(), written },
        Failure::Content(Form::Other(name, _)) => Error::Content { path: path(), name },
        Failure::Content(Form::Plain) => Error::Content { path: path(), name: "no dump" },
        Failure::Content(_) => Error::Content { path: path(), name: "compressed once more" },
    })?;
    file.seek(SeekFrom::Start(0)).map_err(spool_error)?;
    Ok(file)
}

/// Maps a whole file for reading, and says that it will be read from front to back.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and lives as long as the slices borrowed from it. What Rust cannot
    // check is that nobody else shortens or rewrites the file meanwhile: a shortened file ends the process with
    // SIGBUS, a rewritten one can change bytes under the parser, which re-checks every length it uses against the
    // slice and so gives an error or a wrong answer but no memory unsafety of its own. A dump is written once and
    // renamed into place by the server; who cannot rely on that has `--no-mmap`.
    #[allow(unsafe_code, reason = "the only one of the crate, see above")]
    let map = unsafe { Mmap::map(file)? };
    advise(&map, Order::FrontToBack);
    Ok(map)
}

/// Bytes that are read ahead when it is known which come next: memory may be short.
#[cfg(unix)]
const MOST_AHEAD: usize = 16 << 20;

/// Tells the kernel how the file will be read. Hints only: where it does not take them, reading is slower and nothing else.
#[cfg(unix)]
fn advise(map: &Mmap, order: Order) {
    use memmap2::Advice;
    let advice = match order {
        Order::FrontToBack => Advice::Sequential,
        Order::Jumps => Advice::Random,
        Order::Next { from, to } => {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(map.len());
            let bytes = place(to).saturating_sub(place(from)).min(MOST_AHEAD);
            let _ = map.advise_range(Advice::WillNeed, place(from), bytes);
            return;
        }
    };
    let _ = map.advise(advice);
    // A file that is not in memory yet is read into large pages, which cost a fault each 2 MB instead of each 64 KB. For a
    // few bytes here and there of a file that memory has no room for, that would be to read it hundreds of times.
    #[cfg(target_os = "linux")]
    let _ = map.advise(if order == Order::Jumps { Advice::NoHugePage } else { Advice::HugePage });
}

#[cfg(not(unix))]
fn advise(_: &Mmap, _: Order) {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn both_ways_of_opening_give_the_same_bytes() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"REDIS0011").expect("written");
        let mapped = Snapshot::open(file.path(), Options { mmap: true }).expect("opens");
        let read = Snapshot::open(file.path(), Options { mmap: false }).expect("opens");
        assert_eq!(&*mapped, b"REDIS0011");
        assert_eq!(&*mapped, &*read);
    }

    /// Hints: whatever they say, the bytes stay.
    #[test]
    fn any_order_may_be_told() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let bytes = vec![7; 10_000];
        file.write_all(&bytes).expect("written");
        for mmap in [true, false] {
            let snapshot = Snapshot::open(file.path(), Options { mmap }).expect("opens");
            let adviser = snapshot.adviser();
            let places = [0, 1, 4_096, 9_999, 10_000, 10_001, u64::MAX];
            for (from, to) in places.iter().flat_map(|&from| places.map(|to| (from, to))) {
                adviser(Order::Next { from, to });
            }
            adviser(Order::Jumps);
            adviser(Order::FrontToBack);
            assert_eq!(*snapshot, bytes);
        }
    }

    #[test]
    fn what_is_no_dump_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let open = |path: &Path| Snapshot::open(path, Options::default()).expect_err("refused");
        assert!(matches!(open(&path), Error::Open { .. }));
        assert!(matches!(open(folder.path()), Error::Folder { .. }));
        std::fs::write(&path, b"").expect("written");
        assert!(matches!(open(&path), Error::Empty { .. }));
        std::fs::write(&path, b"\xfd7zXZ\x00").expect("written");
        assert!(open(&path).to_string().ends_with("is compressed with xz"));
        assert_eq!(open(&path).hint(), Some("unpack it first"));
    }
}
