//! A dump as a byte slice: mapped into memory, or read.
//!
//! This module holds the only `unsafe` of the crate, the `mmap` call.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

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
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is a folder, not a dump", path.display())]
    Folder { path: PathBuf },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{} is {name}; unpack it first", path.display())]
    Compressed { path: PathBuf, name: &'static str },
}

/// A dump, held for as long as anything borrows from it.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    backing: Backing,
}

#[derive(Debug)]
enum Backing {
    Mapped(Mmap),
    Read(Vec<u8>),
}

/// The first bytes by which other files are told from a dump.
const OTHER_FILES: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"BZh", "compressed with bzip2"),
    (b"PK\x03\x04", "a zip archive"),
];

impl Snapshot {
    /// Opens the dump at `path`; `-` is standard input.
    ///
    /// What cannot be mapped (a pipe, or standard input) goes into an unnamed temporary file first, so that memory
    /// stays bounded however large the dump is.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_owned(), source };
        let mut file = if path == Path::new("-") {
            spool(&mut io::stdin().lock()).map_err(read_error)?
        } else {
            let mut file = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
            let kind = file.metadata().map_err(read_error)?;
            if kind.is_dir() {
                return Err(Error::Folder { path: path.to_owned() });
            }
            if kind.is_file() { file } else { spool(&mut file).map_err(read_error)? }
        };
        let backing = if options.mmap {
            Backing::Mapped(map(&file).map_err(read_error)?)
        } else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(read_error)?;
            Backing::Read(bytes)
        };
        let snapshot = Self { path: path.to_owned(), backing };
        if snapshot.is_empty() {
            return Err(Error::Empty { path: path.to_owned() });
        }
        for (magic, name) in OTHER_FILES {
            if snapshot.starts_with(magic) {
                return Err(Error::Compressed { path: path.to_owned(), name });
            }
        }
        Ok(snapshot)
    }

    /// A dump that is in memory already.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from("(memory)"), backing: Backing::Read(bytes) }
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

/// Copies a stream into an unnamed temporary file, so that it can be mapped.
fn spool(source: &mut dyn Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(source, &mut file)?;
    file.flush()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Maps a whole file for reading, and says that it will be read from front to back.
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and lives as long as the slices borrowed from it. What Rust cannot
    // check is that nobody else shortens or rewrites the file meanwhile: a shortened file ends the process with
    // SIGBUS, a rewritten one can change bytes under the parser, which re-checks every length it uses against the
    // slice and so gives an error or a wrong answer but no memory unsafety of its own. A dump is written once and
    // renamed into place by the server; who cannot rely on that has `--no-mmap`.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(file)? };
    #[cfg(unix)]
    // A hint only: where the kernel does not take it, reading is slower and nothing else.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(map)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_no_dump_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let open = |path: &Path| Snapshot::open(path, Options::default()).expect_err("refused");
        assert!(matches!(open(&path), Error::Open { .. }));
        assert!(matches!(open(folder.path()), Error::Folder { .. }));
        std::fs::write(&path, b"").expect("written");
        assert!(matches!(open(&path), Error::Empty { .. }));
        std::fs::write(&path, b"\x1f\x8b\x08\x00").expect("written");
        assert!(open(&path).to_string().ends_with("is compressed with gzip; unpack it first"));
    }
}
