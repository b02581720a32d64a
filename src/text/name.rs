//! Bytes as text that is safe to print, and text that is made so.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::path::Path;

use unicode_width::UnicodeWidthChar;

use super::visible::Before;

/// A character as it is shown, or what stands for one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Plain(char),
    /// A character that would not be seen, or would do something.
    Char(char),
    /// A byte that is not UTF-8.
    Byte(u8),
}

impl Unit {
    /// Columns that it takes on a terminal.
    fn width(self) -> usize {
        match self {
            // It makes the sign before it a picture, which is one wider.
            Self::Plain('\u{fe0f}') => 1,
            Self::Plain(c) => c.width().unwrap_or(0),
            Self::Char(c) => c.escape_unicode().len(),
            Self::Byte(_) => 4,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(c) => f.write_char(*c),
            Self::Char(c) => write!(f, "{}", c.escape_unicode()),
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
        }
    }
}

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A name or a value: no two look the same. A space is shown only between two other characters.
    Name,
    /// The same between quotation marks.
    Quoted,
    /// Words that may hold escapes already.
    Words,
}

/// Takes bytes apart into what is shown of them.
pub fn units(bytes: &[u8], role: Role, mut each: impl FnMut(Unit)) {
    let mut before = Before::default();
    // An escape is followed by none as far as spaces are concerned.
    let mut after_space = true;
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        // Only the last one has no bytes that are not UTF-8.
        let ends = chunk.invalid().is_empty();
        for (at, c) in text.char_indices() {
            let rest = text.get(at.saturating_add(c.len_utf8())..).unwrap_or_default();
            let mistaken = match (c, role) {
                (_, Role::Words) => false,
                ('\\', _) => reads_as_escape(rest),
                (' ', _) => after_space || (ends && rest.is_empty()),
                ('"', Role::Quoted) => true,
                _ => false,
            };
            let shown = before.shows(c) && !mistaken;
            if !shown {
                before = Before::default();
            }
            after_space = c == ' ';
            each(if shown { Unit::Plain(c) } else { Unit::Char(c) });
        }
        for byte in chunk.invalid() {
            before = Before::default();
            after_space = false;
            each(Unit::Byte(*byte));
        }
    }
}

/// Whether a backslash before this text would be taken for the beginning of an escape.
pub(super) fn reads_as_escape(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'u', b'{', ..] => true,
        [b'x', a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Bytes that need no look at their neighbours.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'\\' && byte != b'"'
}

/// The bytes of a name or a value as text.
pub fn name(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    if bytes.iter().all(|byte| is_plain(*byte)) {
        out.extend(bytes.iter().map(|byte| char::from(*byte)));
    } else {
        units(bytes, Role::Name, |unit| push(unit, &mut out));
    }
    out
}

fn push(unit: Unit, out: &mut String) {
    match unit {
        Unit::Plain(c) => out.push(c),
        // Writing to a string cannot fail.
        escape => drop(write!(out, "{escape}")),
    }
}

/// The name of a file.
pub fn path(path: impl AsRef<Path>) -> String {
    name(path.as_ref().as_os_str().as_encoded_bytes())
}

/// Columns of a name within a message; what is longer is cut.
const MOST: usize = 160;

/// A name or a value for a message: not longer than two lines.
pub fn display(bytes: &[u8]) -> String {
    cut(bytes, Role::Name)
}

/// The same in quotation marks, so that it is seen where it ends.
pub fn quoted(bytes: &[u8]) -> String {
    cut(bytes, Role::Quoted)
}

/// What [`display`] gives, where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display(self.0))
    }
}

fn cut(bytes: &[u8], role: Role) -> String {
    let mark = if role == Role::Quoted { "\"" } else { "" };
    let mut out = String::from(mark);
    let (mut left, mut whole) = (MOST, true);
    // A character has at most four bytes, and an upper bound on marks: this is more than is shown.
    let some = bytes.get(..MOST.saturating_mul(12)).unwrap_or(bytes);
    units(some, role, |unit| match left.checked_sub(unit.width()) {
        Some(rest) if whole => {
            left = rest;
            push(unit, &mut out);
        }
        _ => whole = false,
    });
    out.push_str(mark);
    if !whole || some.len() < bytes.len() {
        // Writing to a string cannot fail.
        let _ = write!(out, "… ({} bytes)", bytes.len());
    }
    out
}

/// Words, in which what is not shown is escaped; escapes that are there already stay as they are.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    units(text.as_bytes(), Role::Words, |unit| push(unit, &mut out));
    Cow::Owned(out)
}

/// Words of several lines: a line feed ends one.
pub fn lines(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(safe).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::visible::is_unprintable;
    use super::*;

    #[test]
    fn names_are_safe() {
        let facts: [(&[u8], &str); 20] = [
            (b"plain:*", "plain:*"),
            ("naïve 鍵".as_bytes(), "naïve 鍵"),
            (b"\x1b]0;x\x07\x1b[31m", "\\u{1b}]0;x\\u{7}\\u{1b}[31m"),
            (b"a\r\nb\tc\0", "a\\u{d}\\u{a}b\\u{9}c\\u{0}"),
            (b"\xff\xfe", "\\xff\\xfe"),
            // U+202E turns what follows around, U+009B is a one-character CSI, U+2028 ends a line.
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            ("\u{9b}31m\u{7f}".as_bytes(), "\\u{9b}31m\\u{7f}"),
            ("\u{2028}\u{feff}".as_bytes(), "\\u{2028}\\u{feff}"),
            ("x\u{e0041}\u{200b}\u{ad}".as_bytes(), "x\\u{e0041}\\u{200b}\\u{ad}"),
            ("a\u{3164}\u{2800}\u{e000}\u{378}".as_bytes(), "a\\u{3164}\\u{2800}\\u{e000}\\u{378}"),
            // What looks like an escape is none.
            (b"\\u{1b}", "\\u{5c}u{1b}"),
            (b"\\xff", "\\u{5c}xff"),
            (b"\\\\u{", "\\\\u{5c}u{"),
            // No backslash of PHP, JSON or Windows does.
            (br"App\Models\User", r"App\Models\User"),
            (br#"{"a":"\u00e9\n"}"#, r#"{"a":"\u00e9\n"}"#),
            (br"C:\xampp", r"C:\xampp"),
            // Spaces that would not be seen, and one that is wider.
            (b" a b  c ", "\\u{20}a b \\u{20}c\\u{20}"),
            ("a\u{a0}b\u{3000}".as_bytes(), "a\\u{a0}b\\u{3000}"),
            // The end of what looks like one is not taken for one.
            (b"\\\x1b", "\\\\u{1b}"),
            ("e\u{301}\u{301}\u{301}".as_bytes(), "e\u{301}\u{301}\\u{301}"),
        ];
        for (bytes, text) in facts {
            assert_eq!(name(bytes), text);
        }
        assert_eq!(path("a\nb/\u{202e}c"), "a\\u{a}b/\\u{202e}c");
        assert_eq!(quoted(b"a\" is \"b"), "\"a\\u{22} is \\u{22}b\"");
    }

    #[test]
    fn words_keep_the_escapes_that_they_have() {
        assert_eq!(safe("key a\\u{1b}: \x1b[0m  \u{202e}"), "key a\\u{1b}: \\u{1b}[0m  \\u{202e}");
        assert_eq!(safe("a\nb"), "a\\u{a}b");
        assert_eq!(lines("a\nb\r\n\tc\n"), "a\nb\\u{d}\n\\u{9}c\n");
    }

    #[test]
    fn what_is_long_is_cut_by_columns() {
        assert_eq!(display(&[b'x'; 160]), "x".repeat(160));
        assert_eq!(display(&[b'x'; 161]), format!("{}… (161 bytes)", "x".repeat(160)));
        assert_eq!(quoted(&[b'x'; 161]), format!("\"{}\"… (161 bytes)", "x".repeat(160)));
        // Two columns each.
        assert_eq!(display("鍵".repeat(81).as_bytes()), format!("{}… (243 bytes)", "鍵".repeat(80)));
        // An escape is whole or not there: 6 columns each.
        assert_eq!(display(&[0x1b; 30]), format!("{}… (30 bytes)", "\\u{1b}".repeat(26)));
        assert_eq!(Printable(&[0; 1 << 20]).to_string(), format!("{}… (1048576 bytes)", "\\u{0}".repeat(32)));
    }

    /// The bytes that a name was made of.
    fn read(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c == '\\' && reads_as_escape(rest) {
                if let Some(after) = rest.strip_prefix("u{") {
                    let (hex, after) = after.split_once('}').expect("the end of an escape");
                    let c = char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character");
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after;
                } else {
                    out.push(u8::from_str_radix(&rest[1..3], 16).expect("hex"));
                    rest = &rest[3..];
                }
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        out
    }

    /// Bytes of all sorts, most of them nasty.
    fn nasty() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec![
                "\\", "\\u{", "\\u{1b}", "\\xff", "}", " ", "\"", "x41", "u{41}", "\u{202e}", "\u{200b}", "\u{301}",
                "❤", "\u{fe0f}", "\u{200d}", "\u{9b}", "=", "\r", "\n", "鍵"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_name_says_what_it_was_made_of_and_nothing_in_it_is_unsafe(bytes in nasty()) {
            let mut texts = vec![name(&bytes)];
            let quoted = quoted(&bytes);
            prop_assert_eq!(quoted.matches('"').count(), 2);
            if let Some(text) = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                texts.push(text.to_owned());
            }
            for text in texts {
                prop_assert!(!text.chars().any(|c| is_unprintable(c) && c != '\u{fe0f}'), "{text:?}");
                prop_assert_eq!(read(&text), &*bytes, "{:?}", text);
            }
        }

        #[test]
        fn nothing_in_words_is_unsafe(bytes in nasty()) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let hides = |text: &str, but: &str| text.chars().any(|c| is_unprintable(c) && !but.contains(c));
            prop_assert!(!hides(&safe(&text), "\u{fe0f}"), "{text:?}");
            prop_assert!(!hides(&lines(&text), "\u{fe0f}\n"), "{text:?}");
            let once = safe(&text);
            prop_assert_eq!(&safe(&once), &once);
        }
    }
}
