//! Turns SIGBUS in a map into NUL bytes and a note.

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

/// A map whose file may be cut.
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

    /// Set when a page of the map could not be read.
    pub fn flag(&self) -> &'static AtomicBool {
        &self.0.cut
    }

    /// The map is gone, or about to be; what happened to it stays known.
    pub fn leave(&self) {
        self.0.end.store(0, Ordering::Release);
        self.0.start.store(0, Ordering::Release);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.leave();
        self.0.taken.store(false, Ordering::Release);
    }
}

/// Bytes of a page: what is mapped starts at a multiple of it.
pub fn page_size() -> usize {
    // SAFETY: it asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(4096)
}

/// Has the signal come here.
fn install() {
    PAGE.store(page_size(), Ordering::Release);
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
