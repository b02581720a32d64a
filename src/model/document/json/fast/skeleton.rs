//! What decides whether a JSON text is well formed, once its strings are known to be: the skeleton.
//!
//! It is the text without what stands in its strings, of each of which the closing quote is left, and with every run of
//! digits cut to a `1`, or to `11` where a number would begin with a zero that another digit follows.
//! `{"a":"x","b":[-20.05,null]}` has the skeleton `{":",":[-1.1,null]}`.
//!
//! Two texts with the same skeleton are both JSON or both not, and have the same objects, arrays and literals around the
//! same strings, counted from the first.

use super::BLOCK;

/// The skeleton of one text after the other, block by block as the quotes are found. Reusable.
#[derive(Clone, Debug, Default)]
pub struct Skeleton {
    bytes: Vec<u8>,
    len: usize,
}

/// How far a skeleton is. It changes with every block and so is kept where the loop is, in registers.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 has skeletons"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    len: usize,
    /// All bits if the last block ended in a string, else none.
    inside: u64,
}

impl Skeleton {
    /// Makes room for the skeleton of a text of this length.
    pub fn begin(&mut self, text: usize) {
        let room = text.saturating_add(BLOCK);
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        self.len = 0;
    }

    /// Adds a block without its first `skip` bytes. `quotes` has a bit for each quote that begins or ends a string, the
    /// lowest for the first byte that is not skipped.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn add(
        &mut self,
        simd: fearless_simd::Avx512,
        progress: &mut Progress,
        block: &[u8; BLOCK],
        skip: u32,
        quotes: u64,
    ) {
        let Some(to) = room_at(&mut self.bytes, progress.len) else { return };
        let strings = x86::parity(simd, quotes) ^ progress.inside;
        progress.inside = (strings.cast_signed() >> 63).cast_unsigned();
        let keep = !strings & (u64::MAX >> skip);
        x86::keep(simd, block, keep << skip, to);
        progress.len = progress.len.wrapping_add(usize::try_from(keep.count_ones()).unwrap_or(0));
    }

    /// Cuts the numbers, when all of the text is there.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn finish(&mut self, simd: fearless_simd::Avx512, progress: Progress) {
        let (mut at, mut len, mut before) = (0, 0, x86::Before::default());
        while at < progress.len
            && let Some(block) = room_at(&mut self.bytes, at)
        {
            let block = *block;
            let some = progress.len.wrapping_sub(at);
            let there = if some < BLOCK { !(u64::MAX << some) } else { u64::MAX };
            // Never ahead of what is still to be read.
            let Some(to) = room_at(&mut self.bytes, len) else { return };
            let more = x86::cut(simd, &block, there, &mut before, to);
            len = len.wrapping_add(usize::try_from(more).unwrap_or(0));
            at = at.wrapping_add(BLOCK);
        }
        self.len = len;
    }

    /// All of it.
    pub fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn room_at(bytes: &mut [u8], at: usize) -> Option<&mut [u8; BLOCK]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use fearless_simd::prelude::*;
    use fearless_simd::{kernel, u8x64};

    use super::BLOCK;

    /// What the last byte before a block was: 1 for a digit, a zero that begins a number, or a point.
    #[derive(Default)]
    pub struct Before {
        digit: u64,
        zero: u64,
        point: u64,
    }

    kernel!(
        /// Each bit is the parity of those up to it: 1 from an opening quote to what stands before the closing one.
        #[inline(always)]
        pub fn parity(simd: Avx512, bits: u64) -> u64 {
            use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8};
            let parity = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits.cast_signed()), _mm_set1_epi8(-1));
            _mm_cvtsi128_si64(parity).cast_unsigned()
        }
    );

    kernel!(
        /// Writes the bytes that have a bit behind each other.
        #[inline(always)]
        pub fn keep(simd: Avx512, block: &[u8; BLOCK], bits: u64, to: &mut [u8; BLOCK]) {
            use std::arch::x86_64::_mm512_maskz_compress_epi8;
            let block = u8x64::simd_from(simd, *block);
            u8x64::simd_from(simd, _mm512_maskz_compress_epi8(bits, block.into())).store_slice(to);
        }
    );

    kernel!(
        /// Writes what is left of a block whose first bytes, as far as they have a bit in `there`, are part of a skeleton,
        /// when its numbers are cut. Tells how many bytes that are.
        #[inline(always)]
        pub fn cut(simd: Avx512, block: &[u8; BLOCK], there: u64, before: &mut Before, to: &mut [u8; BLOCK]) -> u32 {
            use std::arch::x86_64::{_mm512_mask_mov_epi8, _mm512_maskz_compress_epi8, _mm512_set1_epi8};
            let block = u8x64::simd_from(simd, *block);
            let splat = |byte: u8| u8x64::splat(simd, byte);
            let digits = block.simd_ge(splat(b'0')).to_bitmask() & block.simd_le(splat(b'9')).to_bitmask();
            let points = block.simd_eq(splat(b'.')).to_bitmask();
            let follows = digits & (digits << 1 | before.digit);
            // A zero that begins a number must be its only digit before the point.
            let zeros = block.simd_eq(splat(b'0')).to_bitmask() & !follows & !(points << 1 | before.point);
            let keep = (!follows | (zeros << 1 | before.zero)) & there;
            *before = Before { digit: digits >> 63, zero: zeros >> 63, point: points >> 63 };
            let shown = _mm512_mask_mov_epi8(block.into(), digits, _mm512_set1_epi8(0x31));
            u8x64::simd_from(simd, _mm512_maskz_compress_epi8(keep, shown)).store_slice(to);
            keep.count_ones()
        }
    );
}

#[cfg(test)]
mod tests {
    use super::super::quotes::Quotes;

    /// The skeleton by the letter of its definition, one byte after the other; the text's strings are well formed.
    fn slow(text: &str) -> String {
        let (mut out, mut inside, mut escaped) = (String::new(), false, false);
        let bytes = text.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        for (at, &byte) in bytes.iter().enumerate() {
            if inside {
                inside = escaped || byte != b'"';
                escaped = byte == b'\\' && !escaped;
                if !inside {
                    out.push('"');
                }
                continue;
            }
            let before = at.checked_sub(1);
            let follows = before.is_some_and(digit);
            let alone = |at: usize| {
                let before = at.checked_sub(1);
                bytes[at] == b'0' && !before.is_some_and(digit) && before.is_none_or(|at| bytes[at] != b'.')
            };
            match byte {
                b'"' => inside = true,
                b'0'..=b'9' if follows && !before.is_some_and(alone) => {}
                b'0'..=b'9' => out.push('1'),
                _ => out.push(char::from(byte)),
            }
        }
        out
    }

    fn skeleton(quotes: &mut Quotes, text: &str) -> Option<String> {
        let found = quotes.find(text.as_bytes(), true).expect("the strings are well formed");
        found.skeleton.map(|skeleton| String::from_utf8(skeleton.to_vec()).unwrap())
    }

    #[test]
    fn what_is_left_of_a_text() {
        let cases = [
            (r#"{"a":"x","b":[-20.05,null]}"#, r#"{":",":[-1.1,null]}"#),
            (r#"{"a\"b":"\\"}"#, r#"{":"}"#),
            ("0 00 01 10 0.0 10.10 1e05 1E+50 -0 -00", "1 11 11 1 1.1 1.1 1e11 1E+1 -1 -11"),
            ("[1 2]", "[1 1]"),
            ("12a34", "1a1"),
        ];
        for (text, left) in cases {
            assert_eq!(slow(text), left, "{text}");
            if let Some(found) = skeleton(&mut Quotes::default(), text) {
                assert_eq!(found, left, "{text}");
            }
        }
    }

    #[test]
    fn every_place_of_a_block() {
        let mut quotes = Quotes::default();
        for before in 0..140 {
            for part in ["0123", "00", "100.001", r#""a","b""#, r#""\"0""#, ".5", "1.05e-010", r#"0"1"2"#] {
                for (open, fill) in [("", "7"), ("", "0"), ("", ","), ("\"", "x")] {
                    let text = format!("{open}{}{open}{part}.", fill.repeat(before));
                    if let Some(found) = skeleton(&mut quotes, &text) {
                        assert_eq!(found, slow(&text), "{text}");
                    }
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text(parts in proptest::collection::vec("[0-9.eE+,:{}\\[\\] -]{0,30}|\"[a-z0-9.]{0,90}\"|\"(\\\\\")*\"|null", 0..12)) {
            let text = parts.concat();
            if let Some(found) = skeleton(&mut Quotes::default(), &text) {
                proptest::prop_assert_eq!(found, slow(&text));
            }
        }
    }
}
