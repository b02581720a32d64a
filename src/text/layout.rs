//! Text in columns of a terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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

/// Columns that one more character takes. A variation selector makes the sign before it a picture, which is one wider.
fn columns_of(c: char) -> usize {
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

/// As many characters as so many columns hold.
fn take(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| match left.checked_sub(columns_of(*c)) {
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
            let wide = columns_of(c);
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

#[cfg(test)]
mod tests {
    use super::*;

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
        // A heart has one column, its picture two.
        assert_eq!(fit("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", 6), "❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}");
        assert!(width(&fit("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", 6)) <= 6);
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
}
