//! Where the strings of a JSON text begin and end, found ahead of the scan, 64 bytes at a time.
//!
//! A string is then one step for the scan instead of a search whose end no processor can foresee. What is checked here is
//! what stands inside the quotes: escapes, and that there is no control character. What stands outside is the scan's.

use fearless_simd::prelude::*;
#[cfg(target_arch = "x86_64")]
use fearless_simd::{Level, dispatch, u8x64, u32x16};

use super::BLOCK;
use super::skeleton::{Progress, Skeleton};
use crate::model::document::json::tokens::escape;

/// Places that are written together, of which as many count as there are.
const GROUP: usize = 8;
/// A longer text is not worth the memory: four bytes for each of its own.
const MAX_TEXT: usize = 1 << 18;

/// The quotes of a text that no backslash escapes. One for each thread; reusable.
#[derive(Clone, Debug)]
pub struct Quotes {
    at: Vec<u32>,
    skeleton: Skeleton,
    /// The widest vectors that this processor has.
    level: Level,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'q> {
    /// Where quotes are, each string's first and last.
    pub quotes: &'q [u32],
    /// Where the first escape begins, and where the last one ends; both at the start of the text if there is none.
    pub escapes: (usize, usize),
    /// Whether all bytes are below 0x80.
    pub ascii: bool,
    /// What else there is, if that was asked for and this processor has the vectors for it.
    pub skeleton: Option<&'q [u8]>,
}

impl Found<'_> {
    /// The quotes of a string, counted from the first.
    #[inline(always)]
    pub fn string(&self, number: usize) -> Option<(usize, usize)> {
        let at = number.checked_mul(2)?;
        let &[open, close] = self.quotes.get(at..)?.first_chunk()?;
        Some((usize::try_from(open).ok()?, usize::try_from(close).ok()?))
    }

    /// Whether there may be escapes between two places.
    #[inline(always)]
    pub fn may_be_escaped(&self, start: usize, end: usize) -> bool {
        let (first, last) = self.escapes;
        end > first && start < last
    }

    /// The bytes of a string, if there are none in it.
    pub fn plain<'a>(&self, number: usize, text: &'a [u8]) -> Option<&'a [u8]> {
        let (open, close) = self.string(number)?;
        let bytes = text.get(open.checked_add(1)?..close)?;
        (!self.may_be_escaped(open, close) || !bytes.contains(&b'\\')).then_some(bytes)
    }
}

impl Default for Quotes {
    fn default() -> Quotes {
        Quotes { at: Vec::new(), skeleton: Skeleton::default(), level: Level::new() }
    }
}

impl Quotes {
    /// The quotes of a text, and its skeleton if that is wanted and can be had; `None` if what is in a string cannot stand
    /// there, a string does not end, or the text is long.
    #[inline]
    pub fn find(&mut self, text: &[u8], skeleton: bool) -> Option<Found<'_>> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let room = text.len().saturating_add(BLOCK);
        if self.at.len() < room {
            self.at.resize(room, 0);
        }
        let skeleton = skeleton && HAS_OUTLINES && self.level.as_avx512().is_some();
        if skeleton {
            self.skeleton.begin(text.len());
        }
        let mut state =
            State { text, escape_start: 0, escape_end: 0, skeleton: skeleton.then_some(&mut self.skeleton) };
        let (count, ascii) = {
            let (state, at) = (&mut state, &mut self.at);
            dispatch!(self.level, simd => state.blocks(simd, at))?
        };
        let escapes = (state.escape_start, state.escape_end);
        if count & 1 == 1 {
            return None;
        }
        let quotes = self.at.get(..count)?;
        Some(Found { quotes, escapes, ascii, skeleton: skeleton.then(|| self.skeleton.get()) })
    }
}

struct State<'a, 'q> {
    text: &'a [u8],
    skeleton: Option<&'q mut Skeleton>,
    /// Where the first escape begins.
    escape_start: usize,
    /// Where the last escape ends; 0 while there is none.
    escape_end: usize,
}

impl State<'_, '_> {
    /// Looks at the whole text; gives back how many quotes there are, and whether all of it is below 0x80.
    #[inline(always)]
    fn blocks<S: Simd>(&mut self, simd: S, at: &mut [u32]) -> Option<(usize, bool)> {
        let (mut rest, mut start, mut count, mut all) = (self.text, 0_usize, 0, u8x64::splat(simd, 0));
        let mut skeleton = Progress::default();
        while let Some((bytes, after)) = rest.split_first_chunk::<BLOCK>() {
            let block = u8x64::simd_from(simd, *bytes);
            count = self.block(simd, (bytes, 0), Marks::of(simd, block), start, (count, &mut skeleton), at)?;
            all |= block;
            rest = after;
            start = start.wrapping_add(BLOCK);
        }
        if !rest.is_empty() {
            let mut short = [b' '; BLOCK];
            let skip = BLOCK.wrapping_sub(rest.len());
            let bytes = match self.text.last_chunk::<BLOCK>() {
                Some(last) => last,
                None => {
                    let (_, end) = short.split_at_mut(skip);
                    end.copy_from_slice(rest);
                    &short
                }
            };
            // What stands before the rest was looked at already, or is a space.
            let block = u8x64::simd_from(simd, *bytes);
            let skip = u32::try_from(skip).ok()?;
            let marks = Marks::of(simd, block).from(skip);
            count = self.block(simd, (bytes, skip), marks, start, (count, &mut skeleton), at)?;
            all |= block;
        }
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx512), Some(whole)) = (simd.level().as_avx512(), &mut self.skeleton) {
            whole.finish(avx512, skeleton);
        }
        Some((count, all.simd_lt(u8x64::splat(simd, 0x80)).all_true()))
    }

    /// Looks at one block, but for the bytes that are to be skipped, before which there were `count` quotes; gives back how
    /// many there are up to its end.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "only x86-64 has a way of its own"))]
    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        simd: S,
        (bytes, skip): (&[u8; BLOCK], u32),
        marks: Marks,
        start: usize,
        (count, progress): (usize, &mut Progress),
        at: &mut [u32],
    ) -> Option<usize> {
        let Marks { mut quotes, slashes, control } = marks;
        if slashes != 0 || self.escape_end > start {
            quotes = self.escapes(start, quotes, slashes)?;
        }
        if control != 0 {
            let outside = if count & 1 == 1 { u64::MAX } else { 0 };
            if control & (inside(quotes) ^ outside) != 0 {
                return None;
            }
        }
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx512), Some(skeleton)) = (simd.level().as_avx512(), &mut self.skeleton) {
            skeleton.add(avx512, progress, bytes, skip, quotes);
        }
        // A place is below MAX_TEXT.
        let base = u32::try_from(start).ok()?;
        let free = at.get_mut(count..)?;
        let more = usize::try_from(quotes.count_ones()).ok()?;
        #[cfg(target_arch = "x86_64")]
        match (simd.level().as_avx512(), free.first_chunk_mut::<WIDE_GROUP>()) {
            (Some(avx512), Some(group)) if more <= WIDE_GROUP => write_wide(avx512, quotes, base, group),
            _ => write(quotes, more, base, free)?,
        }
        #[cfg(not(target_arch = "x86_64"))]
        write(quotes, more, base, free)?;
        Some(count.wrapping_add(more))
    }

    /// Checks the escapes that begin in a block, and takes out the quotes that they escape.
    #[inline(never)]
    fn escapes(&mut self, start: usize, mut quotes: u64, mut slashes: u64) -> Option<u64> {
        if self.escape_end == 0 {
            self.escape_start = start.wrapping_add(usize::try_from(slashes.trailing_zeros()).ok()?);
        }
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

/// Writes the places of `count` bits.
#[inline(always)]
fn write(mut bits: u64, count: usize, base: u32, mut free: &mut [u32]) -> Option<()> {
    // The first group is written whether it has any or not: what differs from block to block would be guessed wrong.
    for _ in 0..count.div_ceil(GROUP).max(1) {
        let (group, after) = free.split_first_chunk_mut::<GROUP>()?;
        for place in group {
            *place = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        free = after;
    }
    Some(())
}

/// Whether there is a way to make skeletons.
const HAS_OUTLINES: bool = cfg!(target_arch = "x86_64");

/// Places that [`write_wide`] writes.
#[cfg(target_arch = "x86_64")]
const WIDE_GROUP: usize = 16;

#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    /// Writes the places of the first bits, all in one step.
    #[inline(always)]
    fn write_wide(simd: Avx512, bits: u64, base: u32, to: &mut [u32; WIDE_GROUP]) {
        use std::arch::x86_64::{
            _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_maskz_compress_epi8,
            _mm512_set1_epi32,
        };
        let places = u8x64::from_fn(simd, |place| u8::try_from(place).unwrap_or(0));
        let places = _mm512_maskz_compress_epi8(bits, places.into());
        let places = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places));
        let places = _mm512_add_epi32(places, _mm512_set1_epi32(base.cast_signed()));
        u32x16::simd_from(simd, places).store_slice(to);
    }
);

/// Where in a block certain bytes are: the lowest bit is the first byte.
#[derive(Clone, Copy)]
struct Marks {
    quotes: u64,
    slashes: u64,
    control: u64,
}

impl Marks {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: u8x64<S>) -> Marks {
        let equal = |byte: u8| block.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
        let control = block.simd_lt(u8x64::splat(simd, 0x20)).to_bitmask();
        Marks { quotes: equal(b'"'), slashes: equal(b'\\'), control }
    }

    /// Without the first bytes.
    #[inline(always)]
    fn from(self, bytes: u32) -> Marks {
        let Marks { quotes, slashes, control } = self;
        Marks { quotes: quotes >> bytes, slashes: slashes >> bytes, control: control >> bytes }
    }
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
        Quotes::default().find(text, false).map(|found| found.quotes.to_vec())
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

    /// Whatever vectors a processor has: the same places.
    #[test]
    fn every_width_finds_the_same() {
        let level = Level::new();
        let narrower = [
            #[cfg(target_arch = "x86_64")]
            level.as_avx2().map(|simd| simd.level()),
            #[cfg(target_arch = "x86_64")]
            level.as_sse4_2().map(|simd| simd.level()),
            #[cfg(target_arch = "x86_64")]
            level.as_sse2().map(|simd| simd.level()),
        ];
        let found = |level: Level, text: &[u8]| {
            let mut quotes = Quotes { level, ..Quotes::default() };
            quotes.find(text, false).map(|found| (found.quotes.to_vec(), found.escapes, found.ascii))
        };
        proptest::proptest!(|(parts in proptest::collection::vec("[\"\\\\n \n,:a-dé]{0,20}|\"[a-z]{0,90}\"|(\"\"){0,50}", 0..12))| {
            let text = parts.concat();
            let widest = found(level, text.as_bytes());
            for level in narrower.iter().flatten() {
                proptest::prop_assert_eq!(&found(*level, text.as_bytes()), &widest);
            }
            // And what a reader of one byte after the other finds.
            if let Some((places, _, ascii)) = widest {
                let mut slow = Vec::new();
                let mut escaped = false;
                for (at, byte) in text.bytes().enumerate() {
                    if byte == b'"' && !escaped {
                        slow.push(u32::try_from(at).unwrap());
                    }
                    escaped = byte == b'\\' && !escaped;
                }
                proptest::prop_assert_eq!(places, slow);
                proptest::prop_assert_eq!(ascii, text.is_ascii());
            }
        });
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
