//! LZF, the compression of strings in a dump.
//!
//! ```text
//! 000lllll          l + 1 literal bytes follow
//! nnnddddd d        copy n + 2 bytes (n = 1..6) from distance ddddd:d + 1
//! 111ddddd e d      copy e + 9 bytes
//! ```
//!
//! A source may overlap its destination, which repeats a pattern. Three bytes give at most 264, so a string of n bytes
//! cannot expand to more than 88 n.

use super::error::{ErrorKind, wide};

/// Largest string that is expanded. A server accepts strings of 512 MB unless told otherwise.
pub const MAX_EXPANDED: usize = 1 << 30;

/// Bytes of output that one byte of input can give.
pub const MAX_RATIO: u64 = 88;

/// A buffer starts with this much at most, and then doubles as output really comes.
const FIRST_ROOM: usize = 1 << 16;

/// Room past the end of the output, so that a copy of a whole chunk never has to be cut.
const SLACK: usize = 32;

/// Expands `packed` into `out`, which it must fill exactly.
pub fn expand_into(packed: &[u8], out: &mut [u8]) -> Result<(), ErrorKind> {
    let len = out.len();
    let mut state = Expander { packed, written: 0 };
    // There is room for everything that is not too long, so one run is all.
    state.run(out, len)?;
    state.finish(len)
}

/// Expands `packed`, which must give exactly `len` bytes, into `buffer` and returns them.
///
/// The buffer is kept at its largest length so far, since growing a vector means filling it: reused, it costs nothing. It
/// grows by what has really been expanded, not by what `len` claims.
pub fn expand<'b>(packed: &[u8], len: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], ErrorKind> {
    if len > MAX_EXPANDED {
        return Err(ErrorKind::LzfCap { len: wide(len), cap: wide(MAX_EXPANDED) });
    }
    let full = len.saturating_add(SLACK);
    if buffer.len() < full.min(FIRST_ROOM) {
        buffer.resize(full.min(FIRST_ROOM), 0);
    }
    let mut state = Expander { packed, written: 0 };
    while !state.run(buffer, len)? {
        let room = buffer.len().saturating_mul(2).min(full);
        buffer.resize(room, 0);
    }
    state.finish(len)?;
    Ok(buffer.get(..len).unwrap_or_default())
}

/// Expands the first bytes of `packed`: as many as `out` holds, or fewer when there are no more.
pub(crate) fn expand_prefix(packed: &[u8], out: &mut [u8]) -> Result<usize, ErrorKind> {
    // A run stops for want of room with at most 263 bytes of it unused, so what was asked for is there.
    let mut room = [0; 320];
    let mut state = Expander { packed, written: 0 };
    state.run(&mut room, usize::MAX)?;
    let n = state.written.min(out.len()).min(room.len());
    if let (Some(to), Some(from)) = (out.get_mut(..n), room.get(..n)) {
        to.copy_from_slice(from);
    }
    Ok(n)
}

struct Expander<'p> {
    packed: &'p [u8],
    written: usize,
}

impl Expander<'_> {
    /// Runs instructions until the input is used up (true) or the next one needs more room than `out` has (false).
    fn run(&mut self, out: &mut [u8], len: usize) -> Result<bool, ErrorKind> {
        let mut packed = self.packed;
        let mut written = self.written;
        // Sums below are of at most 264 and a length of memory: they cannot wrap.
        while let Some((&control, operands)) = packed.split_first() {
            if control < 0x20 {
                let n = usize::from(control).wrapping_add(1);
                let end = written.wrapping_add(n);
                if end > out.len().min(len) {
                    return if end > len { Err(ErrorKind::LzfTooLong(wide(len))) } else { self.pause(packed, written) };
                }
                let Some(rest) = operands.get(n..) else { return Err(ErrorKind::LzfInputEnd) };
                // A chunk of fixed size is two moves; what it copies too much is overwritten later.
                if let (Some(from), Some(to)) = (operands.first_chunk::<32>(), chunk_mut::<32>(out, written)) {
                    *to = *from;
                } else if let (Some(from), Some(to)) = (operands.get(..n), out.get_mut(written..end)) {
                    to.copy_from_slice(from);
                }
                packed = rest;
                written = end;
            } else {
                let (n, low, rest) = match *operands {
                    [extra, low, ref rest @ ..] if control >= 0xe0 => (usize::from(extra).wrapping_add(9), low, rest),
                    [low, ref rest @ ..] if control < 0xe0 => (usize::from(control >> 5).wrapping_add(2), low, rest),
                    _ => return Err(ErrorKind::LzfInputEnd),
                };
                let end = written.wrapping_add(n);
                if end > out.len().min(len) {
                    return if end > len { Err(ErrorKind::LzfTooLong(wide(len))) } else { self.pause(packed, written) };
                }
                let distance = usize::from(u16::from_be_bytes([control & 0x1f, low])).wrapping_add(1);
                let Some(from) = written.checked_sub(distance) else {
                    return Err(ErrorKind::LzfDistance { distance: wide(distance), written: wide(written) });
                };
                copy(out, from, written, n);
                packed = rest;
                written = end;
            }
        }
        self.packed = packed;
        self.written = written;
        Ok(true)
    }

    #[cold]
    fn pause(&mut self, packed: &[u8], written: usize) -> Result<bool, ErrorKind> {
        let used = self.packed.len().saturating_sub(packed.len());
        self.packed = self.packed.get(used..).unwrap_or_default();
        self.written = written;
        Ok(false)
    }

    fn finish(&self, len: usize) -> Result<(), ErrorKind> {
        if self.written == len {
            Ok(())
        } else {
            Err(ErrorKind::LzfTooShort { len: wide(len), written: wide(self.written) })
        }
    }
}

#[inline]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

#[inline]
fn chunk_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut::<N>()
}

/// Copies `n` bytes inside `out` from `from` to `to`, which is later, byte by byte in effect.
///
/// Whole chunks do the same as long as a chunk is no longer than the distance. The last one may write past the end, as
/// far as there is room; close to the end of the room single bytes remain.
#[inline]
fn copy(out: &mut [u8], from: usize, to: usize, n: usize) {
    let distance = to.wrapping_sub(from);
    let done = if distance >= 16 {
        // Nearly all are this short. Two chunks whatever the length is: then there is no branch to guess wrong.
        if n <= 32 && copy_two(out, from, to).is_some() { n } else { copy_chunks::<16>(out, from, to, n) }
    } else if distance >= 8 {
        copy_chunks::<8>(out, from, to, n)
    } else if distance == 1 && n > 8 {
        let Some(&byte) = out.get(from) else { return };
        let Some(run) = out.get_mut(to..to.wrapping_add(n)) else { return };
        run.fill(byte);
        n
    } else {
        0
    };
    for at in done..n {
        let Some(&byte) = out.get(from.wrapping_add(at)) else { return };
        let Some(slot) = out.get_mut(to.wrapping_add(at)) else { return };
        *slot = byte;
    }
}

/// Copies 32 bytes in two chunks, if there is room.
#[inline]
fn copy_two(out: &mut [u8], from: usize, to: usize) -> Option<()> {
    for chunk_at in [0, 16] {
        let bytes = chunk::<16>(out, from.wrapping_add(chunk_at))?;
        *chunk_mut::<16>(out, to.wrapping_add(chunk_at))? = bytes;
    }
    Some(())
}

/// Copies in chunks of `N` and tells how many of the `n` bytes are done.
#[inline]
fn copy_chunks<const N: usize>(out: &mut [u8], from: usize, to: usize, n: usize) -> usize {
    let mut done = 0_usize;
    while done < n {
        let Some(bytes) = chunk::<N>(out, from.wrapping_add(done)) else { return done };
        let Some(slot) = chunk_mut::<N>(out, to.wrapping_add(done)) else { return done };
        *slot = bytes;
        done = done.wrapping_add(N);
    }
    n
}
