//! A file in memory, also while somebody cuts it.
//!
//! Reading a page of a map behind the end that its file has by now raises SIGBUS, which ends a process. Here the page, and
//! all behind it, become NUL bytes instead, and it is noted that they did: whoever reads goes on to some error or wrong
//! result, and asks [`Map::change`] before that counts. systemd and others do the same with their journals.
//!
//! This file holds the only `unsafe` of the crate.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use memmap2::Mmap;

use crate::progress::Order;

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

/// A whole file, mapped for reading.
#[derive(Debug)]
pub(super) struct Map {
    /// Dropped before the map, whose place it watches.
    watched: guard::Watched,
    map: Mmap,
    file: File,
    written: Option<SystemTime>,
}

impl Map {
    /// Maps a file, and says that it will be read from front to back.
    pub fn of(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        // Before the map, so that no writing stays unseen.
        let written = file.metadata()?.modified().ok();
        // SAFETY: the map is read-only and lives as long as the slices borrowed from it. It is shared with the file
        // (MAP_SHARED), so that whoever writes to that changes bytes under these slices, which Rust cannot check. The parser
        // checks every length against the slice where it uses it, and so comes to an error or a wrong answer but to no
        // memory unsafety of its own; `change` then tells. Of a file that was cut, the missing pages become NUL bytes (see
        // `guard`); where there are no such signals, `--no-mmap` reads the file instead.
        #[allow(unsafe_code, reason = "there is no other way to map a file")]
        let map = unsafe { Mmap::map(&file)? };
        let watched = guard::Watched::new(&map);
        let map = Self { watched, map, file, written };
        map.advise(Order::FrontToBack);
        Ok(map)
    }

    /// What has happened to the file since it was mapped. A file that was replaced as a whole, by renaming another one, is
    /// still there as it was.
    pub fn change(&self) -> Option<Change> {
        let had = u64::try_from(self.map.len()).unwrap_or(u64::MAX);
        let now = self.file.metadata().ok();
        let has = now.as_ref().map_or(had, std::fs::Metadata::len);
        if has < had || self.gone().is_some_and(|gone| gone.load(Ordering::Acquire)) {
            return Some(Change::Cut { had, has });
        }
        let is_written = now.is_some_and(|now| now.modified().ok() != self.written);
        is_written.then_some(Change::Written)
    }

    /// Set when a page could not be read.
    pub fn gone(&self) -> Option<&'static AtomicBool> {
        self.watched.flag()
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
const MOST_AHEAD: usize = 16 << 20;

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// Turns SIGBUS in a map into NUL bytes and a note.
mod guard {
    #![allow(unsafe_code, reason = "signals, and memory that they are about; see each block")]

    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
    use std::sync::{Once, OnceLock};

    /// Where a map is. Once made it stays, since the signal may come at any time; when its map is gone it serves for another.
    #[derive(Debug)]
    struct Place {
        start: AtomicUsize,
        /// 0 as long as it is nobody's.
        end: AtomicUsize,
        taken: AtomicBool,
        cut: AtomicBool,
        next: AtomicPtr<Place>,
    }

    /// All places, the youngest first.
    static PLACES: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    /// What was done about the signal before.
    static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
    static INSTALL: Once = Once::new();

    fn places() -> impl Iterator<Item = &'static Place> {
        let mut next = PLACES.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            // SAFETY: it is null or was leaked by `Watched::new`, and so is there to the end.
            let place: &'static Place = unsafe { next.as_ref()? };
            next = place.next.load(Ordering::Acquire);
            Some(place)
        })
    }

    /// A map that may be cut.
    #[derive(Debug)]
    pub(super) struct Watched(&'static Place);

    impl Watched {
        pub fn new(map: &[u8]) -> Self {
            INSTALL.call_once(install);
            let free = places()
                .find(|place| place.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok());
            let place = free.unwrap_or_else(|| {
                let place: &'static Place = Box::leak(Box::new(Place {
                    start: AtomicUsize::new(0),
                    end: AtomicUsize::new(0),
                    taken: AtomicBool::new(true),
                    cut: AtomicBool::new(false),
                    next: AtomicPtr::new(ptr::null_mut()),
                }));
                let mut head = PLACES.load(Ordering::Acquire);
                loop {
                    place.next.store(head, Ordering::Release);
                    let new = ptr::from_ref(place).cast_mut();
                    match PLACES.compare_exchange(head, new, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => break place,
                        Err(found) => head = found,
                    }
                }
            });
            let start = map.as_ptr().addr();
            place.cut.store(false, Ordering::Release);
            place.start.store(start, Ordering::Release);
            place.end.store(start.saturating_add(map.len()), Ordering::Release);
            Self(place)
        }

        pub fn flag(&self) -> Option<&'static AtomicBool> {
            Some(&self.0.cut)
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.end.store(0, Ordering::Release);
            self.0.start.store(0, Ordering::Release);
            self.0.taken.store(false, Ordering::Release);
        }
    }

    /// Has the signal come here.
    fn install() {
        // SAFETY: it asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::Release);
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        let mut before = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: a `sigaction` of zeros is a valid one, and every field that counts is set; the handler has the form that
        // SA_SIGINFO asks for. It does nothing that a signal handler may not: it reads and writes atomic numbers of static
        // places and calls `mmap` and `sigaction`, and it allocates, locks and unwinds nothing. Linux has `mmap` as a bare
        // system call, which is safe there though POSIX does not list it.
        unsafe {
            let new = action.assume_init_mut();
            new.sa_sigaction = on_bus_error as extern "C" fn(_, _, _) as *const () as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut new.sa_mask);
            if libc::sigaction(libc::SIGBUS, new, before.as_mut_ptr()) == 0 {
                let _ = BEFORE.set(before.assume_init());
            }
        }
    }

    /// A page could not be read: where it is one of a map, the rest of the map becomes NUL bytes, and the reader goes on. Any
    /// other such fault is none of ours: what was done about it before is done again, when the instruction is repeated.
    extern "C" fn on_bus_error(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel hands over a valid `siginfo_t`, and that of SIGBUS has an address.
        let at = unsafe { (*info).si_addr() }.addr();
        for place in places() {
            let (start, end) = (place.start.load(Ordering::Acquire), place.end.load(Ordering::Acquire));
            if at < start || at >= end {
                continue;
            }
            place.cut.store(true, Ordering::Release);
            let page = PAGE.load(Ordering::Acquire).max(1);
            let from = at - at % page;
            // SAFETY: from a page of the map to its end there is nothing but the map, which was made with whole pages; it
            // stays mapped as long as somebody reads there, with the same rights. errno is what the interrupted code may be
            // about to look at, so it is put back.
            let made = unsafe {
                let errno = errno();
                let before = *errno;
                let (prot, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED);
                let made = libc::mmap(ptr::with_exposed_provenance_mut(from), end - from, prot, flags, -1, 0);
                *errno = before;
                made
            };
            if made != libc::MAP_FAILED {
                return;
            }
        }
        match BEFORE.get() {
            // SAFETY: it is what the system gave for this signal.
            Some(before) => unsafe {
                libc::sigaction(libc::SIGBUS, before, ptr::null_mut());
            },
            // SAFETY: to end is always allowed.
            None => unsafe { libc::_exit(128 + libc::SIGBUS) },
        }
    }

    #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "redox"))]
    unsafe fn errno() -> *mut libc::c_int {
        // SAFETY: every thread has one.
        unsafe { libc::__errno_location() }
    }

    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    unsafe fn errno() -> *mut libc::c_int {
        // SAFETY: every thread has one.
        unsafe { libc::__error() }
    }
}
