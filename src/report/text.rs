//! Pieces of text for people: numbers, sizes, times, and names that are safe to print.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// With a comma between thousands.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 key`, `2,001 keys`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(n), if n == 1 { "" } else { "s" })
}

/// Bytes in the units that disks and services are sold in (1 kB is 1,000 bytes).
pub fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1_u64;
    let mut name = "";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        // 999,950 is where a tenth more would read 1000.0.
        if !name.is_empty() && u128::from(bytes) * 100 < u128::from(unit) * 99_995 {
            break;
        }
        unit = unit.saturating_mul(1000);
        name = next;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A span of time in its largest fitting unit.
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..=89 => counted(seconds, "second"),
        90..=5_399 => counted(seconds / 60, "minute"),
        5_400..=172_799 => counted(seconds / 3_600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

/// How long before `now_ms` a time was.
pub fn ago(at_ms: i64, now_ms: i64) -> String {
    match u64::try_from(now_ms.saturating_sub(at_ms)) {
        Ok(age) => format!("{} ago", span(age)),
        Err(_) => "in the future".to_owned(),
    }
}

/// An RFC 3339 time in UTC, for reading.
pub fn time(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => safe(rfc3339).into_owned(),
    }
}

/// Characters that a terminal obeys or hides instead of showing: controls, line ends, marks of direction, and marks
/// without width that make two names look alike.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text with every unprintable character escaped, in the way of [`crate::index::escape`].
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        if is_unprintable(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// The bytes of a name, with everything that is not printable text escaped.
pub fn name(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&safe(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Columns that text takes on a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Text cut to so many columns, with `…` where something is missing: towards the end, since names begin alike, but not at
/// the end, where they differ most.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let tail = take(text.chars().rev(), room / 3);
    let head = take(text.chars(), room.saturating_sub(width(&tail)));
    let mut out = head;
    out.push('…');
    out.extend(tail.chars().rev());
    Cow::Owned(out)
}

/// As many characters as so many columns hold.
fn take(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| match left.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    chars.take_while(fits).collect()
}

/// Writes words in lines of so many columns; the first line begins in column `at` already, the others at `indent`.
/// What is longer than a line is cut into pieces.
pub fn wrap(words: &str, mut at: usize, indent: usize, columns: usize, out: &mut String) {
    let mut first = true;
    for word in words.split(' ') {
        let wide = width(word);
        let fits = at.saturating_add(usize::from(!first)).saturating_add(wide) <= columns;
        if !first && !fits && at > indent {
            new_line(indent, out);
            at = indent;
        } else if !first {
            out.push(' ');
            at = at.saturating_add(1);
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if at.saturating_add(wide) > columns && at > indent {
                new_line(indent, out);
                at = indent;
            }
            out.push(c);
            at = at.saturating_add(wide);
        }
        first = false;
    }
    out.push('\n');
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// An argument as a POSIX shell takes it.
pub fn shell(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-~".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", safe(argument).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let facts = [(0, "0"), (999, "999"), (1000, "1,000"), (29_695, "29,695"), (1_234_567, "1,234,567")];
        for (n, text) in facts {
            assert_eq!(number(n), text);
        }
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(2001, "key"), "2,001 keys");
        assert_eq!(counted(0, "key"), "0 keys");
    }

    #[test]
    fn sizes() {
        let facts = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (7_908_593, "7.9 MB"),
            (1_300_000_000, "1.3 GB"),
            // 18.446744… EB.
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, text) in facts {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn spans() {
        let facts = [
            (0, "0 seconds"),
            (89_999, "89 seconds"),
            (90_000, "1 minute"),
            (5_399_999, "89 minutes"),
            (5_400_000, "1 hour"),
            (172_799_999, "47 hours"),
            (172_800_000, "2 days"),
        ];
        for (ms, text) in facts {
            assert_eq!(span(ms), text, "{ms}");
        }
        assert_eq!(ago(1_000, 61_000), "60 seconds ago");
        assert_eq!(ago(2, 1), "in the future");
        assert_eq!(time("2025-01-06T17:45:00Z"), "2025-01-06 17:45:00 UTC");
    }

    #[test]
    fn names_are_safe() {
        let facts: [(&[u8], &str); 8] = [
            (b"plain:*", "plain:*"),
            ("naïve 鍵".as_bytes(), "naïve 鍵"),
            (b"\x1b]0;x\x07\x1b[31m", "\\u{1b}]0;x\\u{7}\\u{1b}[31m"),
            (b"a\r\nb\tc\0", "a\\u{d}\\u{a}b\\u{9}c\\u{0}"),
            (b"\xff\xfe", "\\xff\\xfe"),
            // U+202E turns what follows around, U+009B is a one-character CSI, U+2028 ends a line.
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            ("\u{9b}31m\u{7f}".as_bytes(), "\\u{9b}31m\\u{7f}"),
            ("\u{2028}\u{feff}".as_bytes(), "\\u{2028}\\u{feff}"),
        ];
        for (bytes, text) in facts {
            assert_eq!(name(bytes), text);
        }
    }

    #[test]
    fn text_is_cut_to_columns() {
        assert_eq!(fit("abcdefgh", 8), "abcdefgh");
        // Seven columns for text, a third of them, rounded down, at the end.
        assert_eq!(fit("abcdefghi", 8), "abcde…hi");
        assert_eq!(fit("abc", 1), "…");
        // Two columns each.
        assert_eq!(fit("鍵鍵鍵", 6), "鍵鍵鍵");
        assert_eq!(fit("鍵鍵鍵", 5), "鍵鍵…");
        assert_eq!(fit("鍵鍵鍵", 4), "鍵…");
        assert_eq!(fit("鍵鍵鍵x鍵", 8), "鍵鍵…鍵");
    }

    #[test]
    fn words_are_wrapped() {
        let mut out = String::from("x: ");
        wrap("one two three", 3, 3, 10, &mut out);
        assert_eq!(out, "x: one two\n   three\n");
        let mut out = String::new();
        wrap("to be 123456789 x", 0, 2, 6, &mut out);
        assert_eq!(out, "to be\n  1234\n  5678\n  9 x\n");
    }

    #[test]
    fn arguments_are_quoted() {
        assert_eq!(shell("a/b-c.rdb"), "a/b-c.rdb");
        assert_eq!(shell("a b"), "'a b'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("$(x)"), "'$(x)'");
    }
}
