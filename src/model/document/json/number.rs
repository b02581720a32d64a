//! Numbers as RedisJSON writes them.

use std::io::Write;

/// Appends an integer.
pub fn integer(n: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{n}");
}

/// Appends the shortest text that reads back to the same double, always with a fraction or an exponent; false, and
/// nothing, for what JSON cannot write.
pub fn double(x: f64, out: &mut Vec<u8>) -> bool {
    x.is_finite() && serde_json::to_writer(out, &x).is_ok()
}

/// The same for a float: its own shortest text, not that of the double it is equal to.
pub fn single(x: f32, out: &mut Vec<u8>) -> bool {
    x.is_finite() && serde_json::to_writer(out, &x).is_ok()
}

/// A float of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// IEEE 754 binary16.
    Ieee,
    /// The upper half of a float of 32 bits.
    Brain,
}

impl Half {
    /// The double it is equal to: every one has one.
    pub fn value(self, bits: u16) -> f64 {
        match self {
            Self::Brain => f64::from(f32::from_bits(u32::from(bits) << 16)),
            Self::Ieee => {
                let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
                let exponent = i32::from((bits >> 10) & 0x1f);
                let fraction = f64::from(bits & 0x3ff);
                sign * match exponent {
                    0 => fraction * 2_f64.powi(-24),
                    0x1f if fraction == 0.0 => f64::INFINITY,
                    0x1f => f64::NAN,
                    _ => (1024.0 + fraction) * 2_f64.powi(exponent.wrapping_sub(25)),
                }
            }
        }
    }

    /// Appends the text with the fewest significant digits that reads back to the same bits.
    pub fn write(self, bits: u16, out: &mut Vec<u8>) -> bool {
        let x = self.value(bits);
        if !x.is_finite() {
            return false;
        }
        let short = (0..5_usize).find_map(|digits| {
            let text = format!("{x:.digits$e}");
            text.parse::<f64>().ok().filter(|short| self.rounds_to(*short, bits))
        });
        // Five digits are enough for eleven bits.
        double(short.unwrap_or(x), out)
    }

    /// Whether `bits` is the nearest of its kind to `x`; of two that are as near, the even one is.
    fn rounds_to(self, x: f64, bits: u16) -> bool {
        let (x, magnitude) = (x.abs(), bits & 0x7fff);
        let here = self.value(magnitude);
        let even = magnitude & 1 == 0;
        let inside = |distance: f64, half_step: f64| distance < half_step || (even && distance == half_step);
        if x < here {
            // Not reached from 0, which has nothing below it.
            let below = self.value(magnitude.saturating_sub(1));
            inside(here - x, (here - below) / 2.0)
        } else {
            let above = self.value(magnitude.saturating_add(1));
            let step = if above.is_finite() { above - here } else { here - self.value(magnitude.saturating_sub(1)) };
            inside(x - here, step / 2.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(kind: Half, bits: u16) -> String {
        let mut out = Vec::new();
        if kind.write(bits, &mut out) { String::from_utf8(out).unwrap() } else { "none".to_owned() }
    }

    #[test]
    fn doubles_and_floats() {
        let text = |x: f64| {
            let mut out = Vec::new();
            if double(x, &mut out) { String::from_utf8(out).unwrap() } else { "none".to_owned() }
        };
        for (x, expected) in
            [(1.0, "1.0"), (-0.5, "-0.5"), (0.1, "0.1"), (f64::NAN, "none"), (f64::NEG_INFINITY, "none")]
        {
            assert_eq!(text(x), expected);
        }
        let mut out = Vec::new();
        assert!(single(0.1, &mut out));
        // As a double it would be 0.10000000149011612.
        assert_eq!(out, b"0.1");
    }

    /// Bit patterns from the tables of IEEE 754 binary16 and of bfloat16.
    #[test]
    fn halves() {
        for (bits, expected) in [
            (0x0000, "0.0"),
            (0x8000, "-0.0"),
            (0x3c00, "1.0"),
            (0xc000, "-2.0"),
            (0x3555, "0.3333"),
            (0x2e66, "0.1"),
            (0x7bff, "65500.0"),
            (0x7c00, "none"),
            (0x7e00, "none"),
        ] {
            assert_eq!(half(Half::Ieee, bits), expected, "{bits:#06x}");
        }
        assert_eq!(half(Half::Ieee, 0x0001).parse::<f64>(), Ok(6e-8));
        for (bits, expected) in [(0x3f80, "1.0"), (0x4049, "3.14"), (0x3dcd, "0.1"), (0x7f80, "none")] {
            assert_eq!(half(Half::Brain, bits), expected, "{bits:#06x}");
        }
    }

    /// Every one of the 65,536 reads back to itself, by a search for the nearest that knows nothing of the writer.
    #[test]
    fn every_half_reads_back() {
        for kind in [Half::Ieee, Half::Brain] {
            let mut all: Vec<(f64, u16)> =
                (0..0x8000_u16).map(|bits| (kind.value(bits), bits)).filter(|(x, _)| x.is_finite()).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            for &(_, bits) in &all {
                let x: f64 = half(kind, bits).parse().unwrap();
                let at = all.partition_point(|(other, _)| *other < x);
                let near = all[at.saturating_sub(1)..all.len().min(at + 2)].iter();
                let best =
                    near.min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()).then((a.1 & 1).cmp(&(b.1 & 1))));
                assert_eq!(best.map(|best| best.1), Some(bits), "{x}");
            }
        }
    }
}
