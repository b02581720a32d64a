//! Scores: from text to a double, and back to the shortest text.

use crate::text::rfc3339;

/// A finite number in decimal, or an RFC 3339 time as Unix milliseconds.
///
/// Decimal is what JSON calls a number, and beside it a leading `+` and leading zeros, as people write in strings. No
/// hexadecimal, no `inf`, no white space. A number beyond a double is none; one too small for it is 0.
pub(super) fn number_or_time(text: &[u8]) -> Option<f64> {
    if is_decimal(text) {
        let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        return number.is_finite().then_some(number);
    }
    rfc3339::unix_millis(text).map(exact)
}

/// Milliseconds of four-digit years are far below 2^53, so the double is exact.
#[expect(clippy::as_conversions, reason = "there is no other way from an i64 to a double")]
fn exact(millis: i64) -> f64 {
    millis as f64
}

fn is_decimal(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let Some(mut rest) = digits(text) else { return false };
    if let Some(fraction) = rest.strip_prefix(b".") {
        let Some(after) = digits(fraction) else { return false };
        rest = after;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let Some(after) = digits(exponent) else { return false };
        rest = after;
    }
    rest.is_empty()
}

/// What follows one or more digits.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 { None } else { text.get(count..) }
}

/// The shortest decimal that reads back to the same double: `3`, `0.1`, `-0`, `1e30`, `inf`, `-inf`.
///
/// From 1e21 on, and below 1e-6, with an exponent, as JavaScript has it: no server or client takes offence at either.
pub fn score_text(score: f64) -> String {
    let mut text = Vec::new();
    write_score(score, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends what [`score_text`] gives.
pub fn write_score(score: f64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let size = score.abs();
    let written = if score.is_nan() {
        out.write_all(b"nan")
    } else if size.is_finite() && (size >= 1e21 || (size < 1e-6 && size > 0.0)) {
        write!(out, "{score:e}")
    } else {
        write!(out, "{score}")
    };
    // Writing to a vector cannot fail.
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        for (text, number) in [
            ("0", 0.0),
            ("-0", 0.0),
            ("42", 42.0),
            ("4.50", 4.5),
            ("-1.5e3", -1500.0),
            ("+7", 7.0),
            ("007", 7.0),
            ("1E2", 100.0),
            ("1e-400", 0.0),
            // 2^53 + 1 lies between two doubles; ties go to even.
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("1970-01-01T00:00:01Z", 1000.0),
        ] {
            assert_eq!(number_or_time(text.as_bytes()), Some(number), "{text}");
        }
    }

    #[test]
    fn not_numbers() {
        for text in [
            "", "-", "+-1", ".5", "5.", "1e", "1e+", "0x10", "inf", "nan", "NaN", "true", " 1", "1 ", "1e400",
            "-1e400", "1_0", "1,5",
        ] {
            assert_eq!(number_or_time(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(number_or_time(b"\xff1"), None);
    }

    #[test]
    fn shortest() {
        for (score, text) in [
            (3.0, "3"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (-1.25e30, "-1.25e30"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            // The smallest positive double; 5e-324 is the shortest decimal that rounds to it.
            (f64::from_bits(1), "5e-324"),
            (1_736_185_500_123.0, "1736185500123"),
        ] {
            assert_eq!(score_text(score), text);
        }
    }

    proptest! {
        #[test]
        fn reads_back(bits in any::<u64>()) {
            let score = f64::from_bits(bits);
            prop_assume!(!score.is_nan());
            prop_assert_eq!(score_text(score).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
