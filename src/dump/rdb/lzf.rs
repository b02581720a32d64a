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

use std::cmp::Ordering;

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
    ///
    /// Most instructions are short, and become one copy of a fixed size: what it copies too much, whatever that is, is
    /// overwritten later, or stands behind the end. An instruction that goes past `len` by less than a chunk may so be found
    /// only afterwards.
    fn run(&mut self, out: &mut [u8], len: usize) -> Result<bool, ErrorKind> {
        let room = out.len().min(len.saturating_add(SLACK));
        let Some(out) = out.get_mut(..room) else { return Ok(false) };
        let mut packed = self.packed;
        let mut written = self.written;
        // Sums below are of at most 264 and a length of memory: they cannot wrap.
        while let Some((&control, operands)) = packed.split_first() {
            if written > out.len() {
                return Ok(false);
            }
            let (n, distance, rest) = if control < 0x20 {
                let n = usize::from(control).wrapping_add(1);
                let rest = operands.get(n..);
                if let (Some(from), Some(to)) = (operands.first_chunk::<32>(), chunk_mut::<32>(out, written)) {
                    *to = *from;
                    packed = rest.unwrap_or_default();
                    written = written.wrapping_add(n);
                    continue;
                }
                (n, 0, rest)
            } else if control < 0xe0 {
                let Some((&low, rest)) = operands.split_first() else { return Err(ErrorKind::LzfInputEnd) };
                let n = usize::from(control >> 5).wrapping_add(2);
                let distance = distance(control, low);
                // A distance that goes back too far wraps around, and is out of bounds.
                if distance >= n
                    && let Some(from) = chunk::<8>(out, written.wrapping_sub(distance))
                    && let Some(to) = chunk_mut::<8>(out, written)
                {
                    *to = from;
                    packed = rest;
                    written = written.wrapping_add(n);
                    continue;
                }
                (n, distance, Some(rest))
            } else {
                let [extra, low, rest @ ..] = operands else { return Err(ErrorKind::LzfInputEnd) };
                let n = usize::from(*extra).wrapping_add(9);
                let distance = distance(control, *low);
                if n <= 32
                    && distance >= n
                    && let Some(from) = chunk::<32>(out, written.wrapping_sub(distance))
                    && let Some(to) = chunk_mut::<32>(out, written)
                {
                    *to = from;
                    packed = rest;
                    written = written.wrapping_add(n);
                    continue;
                }
                (n, distance, Some(rest))
            };
            let end = written.wrapping_add(n);
            if end > room.min(len) {
                return if end > len { Err(ErrorKind::LzfTooLong(wide(len))) } else { self.pause(packed, written) };
            }
            let Some(rest) = rest else { return Err(ErrorKind::LzfInputEnd) };
            if distance == 0 {
                if let (Some(from), Some(to)) = (operands.get(..n), out.get_mut(written..end)) {
                    copy_short(from, to);
                }
            } else if distance <= written {
                copy(out, written, distance, n);
            } else {
                return Err(ErrorKind::LzfDistance { distance: wide(distance), written: wide(written) });
            }
            packed = rest;
            written = end;
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
        match self.written.cmp(&len) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(ErrorKind::LzfTooShort { len: wide(len), written: wide(self.written) }),
            Ordering::Greater => Err(ErrorKind::LzfTooLong(wide(len))),
        }
    }
}

#[inline(always)]
fn distance(control: u8, low: u8) -> usize {
    (usize::from(control & 0x1f) << 8 | usize::from(low)).wrapping_add(1)
}

/// The `N` bytes at a place.
#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// Room for `N` bytes at a place.
#[inline(always)]
fn chunk_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut::<N>()
}

/// Copies a few literal bytes to a place of the same length.
#[inline(always)]
fn copy_short(from: &[u8], to: &mut [u8]) {
    // The first bytes and the last ones, which may overlap.
    fn two<const N: usize>(from: &[u8], to: &mut [u8]) -> Option<()> {
        let (first, last) = (from.first_chunk::<N>()?, from.last_chunk::<N>()?);
        *to.first_chunk_mut::<N>()? = *first;
        *to.last_chunk_mut::<N>()? = *last;
        Some(())
    }
    if two::<16>(from, to).or_else(|| two::<8>(from, to)).or_else(|| two::<4>(from, to)).is_none() {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// Copies `n` bytes inside `out` to `at` from `distance` before it, byte by byte in effect.
///
/// Whole chunks do the same as long as a chunk is no longer than the distance. The last one may write past the end, as
/// far as there is room; close to the end of the room single bytes remain.
#[inline(never)]
fn copy(out: &mut [u8], at: usize, distance: usize, n: usize) {
    let done = match distance {
        32.. => copy_chunks::<32>(out, at, distance, n),
        16.. => copy_chunks::<16>(out, at, distance, n),
        8.. => copy_chunks::<8>(out, at, distance, n),
        1 => repeat(out, at, n).map_or(0, |()| n),
        _ => 0,
    };
    for at in at.wrapping_add(done)..at.wrapping_add(n) {
        let Some(&byte) = out.get(at.wrapping_sub(distance)) else { return };
        let Some(slot) = out.get_mut(at) else { return };
        *slot = byte;
    }
}

/// Copies in chunks of `N` and tells how many of the `n` bytes are done.
#[inline(always)]
fn copy_chunks<const N: usize>(out: &mut [u8], at: usize, distance: usize, n: usize) -> usize {
    let mut done = 0_usize;
    while done < n {
        let to = at.wrapping_add(done);
        let Some(from) = chunk::<N>(out, to.wrapping_sub(distance)) else { return done };
        let Some(to) = chunk_mut::<N>(out, to) else { return done };
        *to = from;
        done = done.wrapping_add(N);
    }
    n
}

/// Repeats the byte before `at`.
#[inline(always)]
fn repeat(out: &mut [u8], at: usize, n: usize) -> Option<()> {
    let byte = *out.get(at.checked_sub(1)?)?;
    let run = out.get_mut(at..)?;
    match run.first_chunk_mut::<32>() {
        Some(run) if n <= 32 => *run = [byte; 32],
        _ => run.get_mut(..n)?.fill(byte),
    }
    Some(())
}
