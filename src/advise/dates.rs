//! A date in a name, and the name without it.

use std::ops::Range;

/// Finds the one date in a name: a day or a month, perhaps with the hour behind it. `2025-01-06`, `20250106`, `2025/01/06`,
/// `2025:01:06`, `2025-01`, each also with `T17`, `-17`, `:17` or `17` behind the day.
pub fn find(name: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    while at < name.len() {
        let digit_before = at.checked_sub(1).and_then(|before| name.get(before)).is_some_and(u8::is_ascii_alphanumeric);
        if !digit_before && let Some(length) = date(name.get(at..)?) {
            return Some(at..at.saturating_add(length));
        }
        at = at.saturating_add(1);
    }
    None
}

/// How long the date is that a text begins with.
fn date(text: &[u8]) -> Option<usize> {
    let year = number(text, 0, 4)?;
    if !(1990..2100).contains(&year) {
        return None;
    }
    let (separator, mut at) = match text.get(4) {
        Some(b @ (b'-' | b'/' | b':' | b'.' | b'_')) => (Some(*b), 5),
        Some(byte) if byte.is_ascii_digit() => (None, 4),
        _ => return None,
    };
    let month = number(text, at, 2)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    at = at.saturating_add(2);
    let day_at = match separator {
        Some(separator) if text.get(at) == Some(&separator) => at.saturating_add(1),
        Some(_) => return end(text, at),
        None => at,
    };
    let day = number(text, day_at, 2).filter(|day| (1..=31).contains(day));
    let Some(_) = day else {
        // A month alone is told from other numbers by its separator.
        return if separator.is_some() { end(text, at) } else { None };
    };
    at = day_at.saturating_add(2);
    let hour_at = match text.get(at) {
        Some(b'T' | b'-' | b':' | b'_' | b' ' | b'/') => at.saturating_add(1),
        _ => at,
    };
    let hour = number(text, hour_at, 2).filter(|hour| *hour < 24);
    match hour {
        Some(_) if end(text, hour_at.saturating_add(2)).is_some() => end(text, hour_at.saturating_add(2)),
        _ => end(text, at),
    }
}

/// Its length, if no letter or digit goes on there.
fn end(text: &[u8], at: usize) -> Option<usize> {
    (!text.get(at).is_some_and(u8::is_ascii_alphanumeric)).then_some(at)
}

fn number(text: &[u8], at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at.checked_add(digits)?)?;
    digits
        .iter()
        .all(u8::is_ascii_digit)
        .then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_and_other_numbers_are_not() {
        let facts = [
            ("visits:2025-01-06", Some("2025-01-06")),
            ("visits:20250106:shop", Some("20250106")),
            ("visits:2025-01", Some("2025-01")),
            ("v:2025:01:06", Some("2025:01:06")),
            ("v:2025/01/06/x", Some("2025/01/06")),
            ("hits:2025010617", Some("2025010617")),
            ("hits:2025-01-06T17", Some("2025-01-06T17")),
            ("hits:2025-01-06:17", Some("2025-01-06:17")),
            // No hour, but a part of its own.
            ("hits:2025-01-06:177", Some("2025-01-06")),
            ("user:202501", None),
            ("user:20251306", None),
            ("user:12025-01-06", None),
            ("user:17", None),
            ("user:1382010546457157545", None),
            ("order:2025010617555", None),
            ("a2025-01-06", None),
            ("", None),
        ];
        for (name, expected) in facts {
            let found = find(name.as_bytes()).map(|range| &name[range]);
            assert_eq!(found, expected, "{name}");
        }
    }
}
