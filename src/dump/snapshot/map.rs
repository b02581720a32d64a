//! A file in memory, also while somebody cuts it.
//!
//! Reading a page of a map behind the end that its file has by now raises SIGBUS, which ends a process. Here the page, and
//! all behind it, become NUL bytes instead, and it is noted that they did: whoever reads goes on to some error or wrong
//! result, and asks [`Map::change`] before that counts. systemd and others do the same with their journals.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use memmap2::Mmap;

use super::guard::Watched;
use crate::progress::Order;
use crate::text;

/// What happened to a file while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has fewer bytes than it had: now, or for a while.
    Cut {
        /// Bytes it had when it was opened.
        had: u64,
        /// Bytes it has now.
        has: u64,
    },
    /// Somebody wrote to it.
    Written,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut { had, has } if has < had => {
                write!(f, "was cut while it was read: it had {had} bytes, and has {has}")
            }
            Self::Cut { .. } => f.write_str("was cut while it was read, and written again"),
            Self::Written => f.write_str("was written to while it was read"),
        }
    }
}

/// A file that is mapped, and what it was when that was done. It outlives the map: whoever has a result asks it.
#[derive(Debug)]
pub(super) struct Seen {
    watched: Watched,
    file: Arc<Kept>,
    had: u64,
    written: Option<SystemTime>,
}

/// How a file is found again that is mapped. A map needs no open file, and a process may have few of them (macOS: 256). What
/// somebody does to a file that has lost its name is seen only of one that is open, or when a part of it is cut off.
#[derive(Debug)]
enum Kept {
    Open(File),
    /// By its name, and what tells whether that is still the same file.
    Named {
        path: PathBuf,
        file: (u64, u64),
    },
}

/// So many files are kept open, and those that have no name.
const KEPT_OPEN: usize = 32;
static OPEN: AtomicUsize = AtomicUsize::new(0);

impl Kept {
    fn new(file: &File, path: Option<&Path>) -> io::Result<Self> {
        let few = if path.is_some() { KEPT_OPEN } else { usize::MAX };
        let counted = OPEN.fetch_update(Relaxed, Relaxed, |n| (n < few).then_some(n.saturating_add(1)));
        let open = counted.map_err(|_| io::ErrorKind::QuotaExceeded.into()).and_then(|_| {
            file.try_clone().inspect_err(|_| {
                OPEN.fetch_sub(1, Relaxed);
            })
        });
        match (open, path) {
            (Ok(file), _) => Ok(Self::Open(file)),
            (Err(_), Some(path)) => Ok(Self::Named { path: path.to_owned(), file: identity(&file.metadata()?) }),
            (Err(error), None) => Err(error),
        }
    }

    /// What it is now; nothing if its name is by now that of another file, or of none.
    fn metadata(&self) -> Option<Metadata> {
        match self {
            Self::Open(file) => file.metadata().ok(),
            Self::Named { path, file } => std::fs::metadata(path).ok().filter(|now| identity(now) == *file),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Self::Open(_) = self {
            let _ = OPEN.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Seen {
    /// What has happened to the file since it was mapped. A file that was replaced as a whole, by renaming another one, is
    /// still there as it was.
    pub fn change(&self) -> Option<Change> {
        let had = self.had;
        let now = self.file.metadata();
        let has = now.as_ref().map_or(had, Metadata::len);
        if has < had || self.gone().load(Ordering::Acquire) {
            return Some(Change::Cut { had, has });
        }
        let is_written = now.is_some_and(|now| now.modified().ok() != self.written);
        is_written.then_some(Change::Written)
    }

    /// Set when a page could not be read.
    pub fn gone(&self) -> &'static AtomicBool {
        self.watched.flag()
    }

    /// Has the file mapped once more.
    pub fn with_file<T>(&self, map: impl FnOnce(&File, Option<&Path>) -> io::Result<T>) -> io::Result<T> {
        match &*self.file {
            Kept::Open(file) => map(file, None),
            Kept::Named { path, file } => {
                let again = File::open(path)?;
                if identity(&again.metadata()?) != *file || self.change().is_some() {
                    let said = format!("{} is another file now, or was written to", text::path(path));
                    return Err(io::Error::other(said));
                }
                map(&again, Some(path))
            }
        }
    }

    /// The same file, mapped elsewhere; what it was when it was mapped first counts.
    pub fn again(&self, map: &[u8]) -> Arc<Self> {
        let (file, had, written) = (Arc::clone(&self.file), self.had, self.written);
        Arc::new(Self { watched: Watched::new(map), file, had, written })
    }

    /// The map is no more.
    pub fn leave(&self) {
        self.watched.leave();
    }
}

/// A whole file, mapped for reading.
#[derive(Debug)]
pub(super) struct Map {
    map: Mmap,
    seen: Arc<Seen>,
}

impl Map {
    /// Maps a file, and says that it will be read from front to back. By its name, if it has one, it is found again when
    /// many others are open.
    pub fn of(file: &File, path: Option<&Path>) -> io::Result<Self> {
        let kept = Arc::new(Kept::new(file, path)?);
        // Before the map, so that no writing stays unseen.
        let written = file.metadata()?.modified().ok();
        // SAFETY: the map is read-only and lives as long as the slices borrowed from it. It is shared with the file
        // (MAP_SHARED), so that whoever writes to that changes bytes under these slices, which Rust cannot check. The parser
        // checks every length against the slice where it uses it, and so comes to an error or a wrong answer but to no
        // memory unsafety of its own; `change` then tells. Of a file that was cut, the missing pages become NUL bytes (see
        // `guard`); where there are no such signals, `--no-mmap` reads the file instead.
        #[allow(unsafe_code, reason = "there is no other way to map a file")]
        let map = unsafe { Mmap::map(file)? };
        let had = u64::try_from(map.len()).unwrap_or(u64::MAX);
        let seen = Arc::new(Seen { watched: Watched::new(&map), file: kept, had, written });
        let map = Self { map, seen };
        map.advise(Order::FrontToBack);
        Ok(map)
    }

    /// What knows what happens to the file.
    pub fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Tells the kernel how the file will be read. Hints only: where it does not take them, reading is slower and nothing
    /// else.
    pub fn advise(&self, order: Order) {
        use memmap2::Advice;
        let map = &self.map;
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
        // A file that is not in memory yet is read into large pages, which cost a fault each 2 MB instead of each 64 KB. For
        // a few bytes here and there of a file that memory has no room for, that would be to read it hundreds of times.
        #[cfg(target_os = "linux")]
        let _ = map.advise(if order == Order::Jumps { Advice::NoHugePage } else { Advice::HugePage });
    }
}

/// Bytes that are read ahead when it is known which come next: memory may be short.
pub(super) const MOST_AHEAD: usize = 16 << 20;

impl Drop for Map {
    fn drop(&mut self) {
        self.seen.leave();
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
