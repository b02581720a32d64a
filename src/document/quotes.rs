//! Where the strings of a JSON text begin and end, found ahead of the scan, 64 bytes at a time.
//!
//! A string is then one step for the scan instead of a search whose end no processor can foresee. What is checked here is
//! what stands inside the quotes: escapes, and that there is no control character. What stands outside is the scan's.

use wide::u8x16;

use super::scan::escape;

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Places that are written together, of which as many count as there are.
const GROUP: usize = 8;
/// A longer text is not worth the memory: four bytes for each of its own.
const MAX_TEXT: usize = 1 << 18;

/// The quotes of a text that no backslash escapes. One for each thread; reusable.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotes {
    at: Vec<u32>,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'q> {
    /// Where quotes are, each string's first and last.
    pub quotes: &'q [u32],
    /// Whether there is any backslash.
    pub escapes: bool,
    /// Whether all bytes are below 0x80.
    pub ascii: bool,
}

impl Quotes {
    /// The quotes of a text; `None` if what is in a string cannot stand there, a string does not end, or the text is long.
    #[inline]
    pub fn find(&mut self, text: &[u8]) -> Option<Found<'_>> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let room = text.len().saturating_add(BLOCK);
        if self.at.len() < room {
            self.at.resize(room, 0);
        }
        let mut state = State { text, count: 0, escape_end: 0, escapes: false };
        let (mut rest, mut start, mut high) = (text, 0_usize, u8x16::ZERO);
        while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
            high |= state.block(block, start, &mut self.at)?;
            rest = after;
            start = start.wrapping_add(BLOCK);
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            high |= state.block(&block, start, &mut self.at)?;
        }
        if state.count & 1 == 1 {
            return None;
        }
        let quotes = self.at.get(..state.count)?;
        Some(Found { quotes, escapes: state.escapes, ascii: high.to_bitmask() == 0 })
    }
}

struct State<'a> {
    text: &'a [u8],
    /// Quotes so far.
    count: usize,
    /// Where the last escape ends.
    escape_end: usize,
    escapes: bool,
}

impl State<'_> {
    /// Looks at one block; gives back its bytes, joined.
    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], start: usize, at: &mut [u32]) -> Option<u8x16> {
        let (lanes, _) = block.as_chunks::<16>();
        let &[a, b, c, d] = lanes else { return None };
        let [a, b, c, d] = [u8x16::new(a), u8x16::new(b), u8x16::new(c), u8x16::new(d)];
        let lanes = [a, b, c, d];
        let mut quotes = each(lanes, |lane| lane.simd_eq(u8x16::splat(b'"')));
        let slash = |lane: u8x16| lane.simd_eq(u8x16::splat(b'\\'));
        if (slash(a) | slash(b) | slash(c) | slash(d)).to_bitmask() != 0 || self.escape_end > start {
            quotes = self.escapes(start, quotes, each(lanes, slash))?;
        }
        let control = |lane: u8x16| lane.min(u8x16::splat(0x1f)).simd_eq(lane);
        if control(a.min(b).min(c.min(d))).to_bitmask() != 0 {
            let outside = if self.count & 1 == 1 { u64::MAX } else { 0 };
            if each(lanes, control) & (inside(quotes) ^ outside) != 0 {
                return None;
            }
        }
        // A place is below MAX_TEXT.
        let base = u32::try_from(start).ok()?;
        let mut free = at.get_mut(self.count..)?;
        self.count = self.count.wrapping_add(usize::try_from(quotes.count_ones()).ok()?);
        while quotes != 0 {
            let (group, after) = free.split_first_chunk_mut::<GROUP>()?;
            for place in group {
                *place = base.wrapping_add(quotes.trailing_zeros());
                quotes &= quotes.wrapping_sub(1);
            }
            free = after;
        }
        Some(a | b | (c | d))
    }

    /// Checks the escapes that begin in a block, and takes out the quotes that they escape.
    #[inline(never)]
    fn escapes(&mut self, start: usize, mut quotes: u64, mut slashes: u64) -> Option<u64> {
        self.escapes = true;
        let mut take_out = |place: usize| {
            let bit = place.wrapping_sub(start);
            if bit < BLOCK {
                quotes &= !(1_u64 << bit);
            }
        };
        // The escape that began in the block before.
        if self.escape_end > start {
            take_out(self.escape_end.wrapping_sub(1));
        }
        while slashes != 0 {
            let place = start.wrapping_add(usize::try_from(slashes.trailing_zeros()).ok()?);
            slashes &= slashes.wrapping_sub(1);
            if place < self.escape_end {
                continue;
            }
            let (_, after) = escape(self.text.get(place.wrapping_add(1)..)?)?;
            self.escape_end = self.text.len().wrapping_sub(after.len());
            // Only the escape `\"` ends with a quote.
            take_out(self.escape_end.wrapping_sub(1));
        }
        Some(quotes)
    }
}

/// A bit for each byte of the four for which the high bit of what `test` makes of it is set.
#[inline(always)]
fn each([a, b, c, d]: [u8x16; 4], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let bits = |lane: u8x16| u64::from(test(lane).to_bitmask());
    bits(a) | bits(b) << 16 | (bits(c) << 32 | bits(d) << 48)
}

/// From the quotes to what is between an odd one and the next: each bit is the parity of those up to it.
#[inline]
fn inside(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotes(text: &[u8]) -> Option<Vec<u32>> {
        Quotes::default().find(text).map(|found| found.quotes.to_vec())
    }

    #[test]
    fn quotes_that_are_not_escaped() {
        assert_eq!(quotes(br#"{"a":"b"}"#), Some(vec![1, 3, 5, 7]));
        assert_eq!(quotes(br#""a\"b\\""#), Some(vec![0, 7]));
        assert_eq!(quotes(br#""a"#), None, "no end");
        assert_eq!(quotes(br#""\x""#), None, "no escape");
        assert_eq!(quotes(b"\"\n\""), None, "a line break inside");
        assert_eq!(quotes(b"\"\"\n\"\""), Some(vec![0, 1, 3, 4]), "a line break outside");
    }

    /// An escape at every place of a block, so that each part of it also stands in the next one.
    #[test]
    fn escapes_across_blocks() {
        for before in 0..140_u32 {
            for escape in [r#"\""#, r"\\", r"\u0022", r"\ud83d\ude80", r#"\\\""#] {
                let text = format!("\"{}{escape}\"", "x".repeat(before as usize));
                let end = before + 1 + u32::try_from(escape.len()).unwrap();
                assert_eq!(quotes(text.as_bytes()), Some(vec![0, end]), "{text}");
            }
            let text = format!("\"{}\u{1}\"", "x".repeat(before as usize));
            assert_eq!(quotes(text.as_bytes()), None, "{text}");
            let text = format!("{}\n\"é\"\r", "\t".repeat(before as usize));
            assert_eq!(quotes(text.as_bytes()), Some(vec![before + 1, before + 4]), "{text}");
        }
    }
}
