//! Files one behind the other in one range of addresses, with bytes of ours between them: several dumps as one slice.
//!
//! A range is reserved, and each file is mapped into it at the start of a page. Nothing of a file is copied but what is
//! left of its last page.

#![allow(unsafe_code, reason = "maps at places that are chosen; see each block")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::guard::page_size;
use super::map::{MOST_AHEAD, Map, Seen};
use crate::progress::Order;

/// What comes next in a [`Span`]. Only the last one may have a length that is no multiple of a page.
pub(super) enum Piece {
    /// Bytes, which are copied.
    Bytes(Vec<u8>),
    /// So many bytes of a mapped file from its start, which are mapped once more.
    File(Arc<Map>, usize),
    /// So many bytes of a dump that is in memory, from its start; they are moved there.
    Memory(Vec<u8>, usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(_, len) | Self::Memory(_, len) => *len,
        }
    }
}

/// Pieces in one range of addresses.
#[derive(Debug)]
pub(super) struct Span {
    start: NonNull<u8>,
    len: usize,
    reserved: usize,
    seen: Vec<Arc<Seen>>,
}

// SAFETY: it is memory that nobody writes to once it is made, and is given back when it is dropped.
unsafe impl Send for Span {}
// SAFETY: the same.
unsafe impl Sync for Span {}

impl Span {
    /// Puts the pieces one behind the other.
    pub fn of(pieces: Vec<Piece>) -> io::Result<Self> {
        let page = page_size();
        let len = pieces.iter().try_fold(0_usize, |len, piece| len.checked_add(piece.len()));
        let reserved = len.and_then(|len| len.checked_next_multiple_of(page)).ok_or(io::ErrorKind::OutOfMemory)?;
        let last = pieces.len().saturating_sub(1);
        if reserved == 0 || pieces.iter().take(last).any(|piece| piece.len() % page != 0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: it asks for addresses that are nobody's.
        let start = unsafe { libc::mmap(ptr::null_mut(), reserved, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // From here on it is given back whatever happens.
        let mut span = Self { start, len: len.unwrap_or_default(), reserved, seen: Vec::new() };
        let mut at = 0;
        for piece in pieces {
            let len = piece.len();
            match piece {
                Piece::Bytes(bytes) => span.copy(at, &bytes)?,
                Piece::Memory(bytes, len) => span.copy(at, bytes.get(..len).ok_or(io::ErrorKind::InvalidInput)?)?,
                Piece::File(map, len) => span.map(at, len, &map)?,
            }
            at += len;
        }
        span.advise(Order::FrontToBack);
        Ok(span)
    }

    /// Makes what is reserved from `at` on memory with these bytes.
    fn copy(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
        let place = self.place(at, bytes.len(), libc::PROT_READ | libc::PROT_WRITE, flags, None)?;
        // SAFETY: so many bytes were just made there to be written; nobody else knows of them yet. They are then made
        // read-only, as all of it.
        let done = unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast::<u8>(), bytes.len());
            libc::mprotect(place, bytes.len(), libc::PROT_READ)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Maps the first bytes of a file to `at`.
    fn map(&mut self, at: usize, len: usize, map: &Map) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        if len > map.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let seen = map.seen();
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let place = seen.with_file(|file, _| self.place(at, len, libc::PROT_READ, flags, Some(file)))?;
        // SAFETY: it was just mapped, to be read, for as long as the span is there. What was said of `Map::of` about a file
        // that somebody writes to or cuts is so here.
        let mapped = unsafe { std::slice::from_raw_parts(place.cast::<u8>(), len) };
        self.seen.push(seen.again(mapped));
        Ok(())
    }

    /// Maps something over what is reserved from `at` on.
    fn place(
        &self,
        at: usize,
        len: usize,
        rights: libc::c_int,
        flags: libc::c_int,
        file: Option<&File>,
    ) -> io::Result<*mut libc::c_void> {
        if at.checked_add(len).is_none_or(|end| end > self.reserved) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: from `at` on so many bytes are of the range that was reserved, and nobody has looked at them yet.
        let place = unsafe {
            let wanted = self.start.as_ptr().add(at).cast();
            libc::mmap(wanted, len, rights, flags, file.map_or(-1, AsRawFd::as_raw_fd), 0)
        };
        if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place) }
    }

    /// The files in it.
    pub fn seen(&self) -> &[Arc<Seen>] {
        &self.seen
    }

    /// Tells the kernel how it will be read. Hints only, as [`Map::advise`].
    pub fn advise(&self, order: Order) {
        let tell = |at: usize, len: usize, advice: libc::c_int| {
            // SAFETY: it is a part of the range, which is there as long as the span; none of these changes what is in it.
            let _ = unsafe { libc::madvise(self.start.as_ptr().add(at).cast(), len, advice) };
        };
        let advice = match order {
            Order::FrontToBack => libc::MADV_SEQUENTIAL,
            Order::Jumps => libc::MADV_RANDOM,
            Order::Next { from, to } => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.len);
                let start = place(from) - place(from) % page_size();
                tell(start, place(to).saturating_sub(start).min(MOST_AHEAD), libc::MADV_WILLNEED);
                return;
            }
        };
        tell(0, self.reserved, advice);
        #[cfg(target_os = "linux")]
        tell(0, self.reserved, if order == Order::Jumps { libc::MADV_NOHUGEPAGE } else { libc::MADV_HUGEPAGE });
    }
}

impl Deref for Span {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: all of it was mapped to be read, and stays so as long as the span is there.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.seen.iter().for_each(|seen| seen.leave());
        // SAFETY: it was reserved for this, and whoever borrowed from it is gone.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.reserved) };
    }
}
