//! Which characters show what they are.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters that a terminal or a page obeys or hides in place of showing them. By their Unicode category:
///
/// - Cc: controls, C0 and C1, which move the cursor, set colours and titles, or ring;
/// - Cf: marks of direction, which turn around what stands beside them; joiners, soft hyphens, tags, annotations and byte
///   order marks, which nobody sees. An emoji that is joined of several is shown with its joiners;
/// - Zl, Zp: ends of lines that only some programs take for one;
/// - Co, Cn: private use and unassigned characters, of which nobody can tell what they look like;
/// - and of the others those that leave no mark: fillers, variation selectors, blanks.
///
/// The categories are those of the standard library, which follows Unicode with the compiler.
pub fn is_unsafe(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Most of what people write.
        '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{400}'..='\u{481}' => false,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => false,
        // Combining grapheme joiner, Hangul fillers, Khmer inherent vowels, Mongolian and other variation selectors.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}' => true,
        // Blank braille, blank hieroglyphs, the notehead that is not there.
        '\u{2800}' | '\u{13441}' | '\u{13442}' | '\u{1d159}' => true,
        c => !is_blank(c) && !is_printed(c),
    }
}

/// The above, and blanks that cannot be told from a space, or are wider than one.
pub fn is_unprintable(c: char) -> bool {
    is_unsafe(c) || is_blank(c)
}

/// Zs without the space.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// Whether the standard library prints a character that is not ASCII: it escapes Cc, Cf, Co, Cn, Zl, Zp and Zs. Marks it
/// escapes only at the beginning of a text.
fn is_printed(c: char) -> bool {
    let mut text = [b'a'; 5];
    let [_, room @ ..] = &mut text;
    let len = c.encode_utf8(room).len();
    let text = text.get(..=len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    text.escape_debug().eq(text.chars())
}

/// Marks that may stand upon one character: Thai, Hebrew and Vietnamese need two. More are heaped up to cover lines above.
const MARKS: u8 = 2;

/// What stands before a character, as far as it decides whether that one is seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// None at the beginning and behind an escape.
    last: Option<char>,
    marks: u8,
}

impl Before {
    /// Whether the next character is seen where it stands.
    pub fn shows(&mut self, c: char) -> bool {
        let shown = match c {
            ' '..='~' => true,
            // It makes a picture of a sign; behind anything else nobody sees it.
            '\u{fe0f}' => self.last.is_some_and(is_pictured),
            c if is_unprintable(c) => false,
            c if c.width() == Some(0) => {
                self.marks = self.marks.saturating_add(1);
                self.last.is_some() && self.marks <= MARKS
            }
            _ => true,
        };
        if !shown {
            *self = Self::default();
        } else if c == '\u{fe0f}' || c.width() != Some(0) {
            *self = Self { last: Some(c), marks: 0 };
        }
        shown
    }
}

/// Whether a variation selector changes how a character looks: the picture is wider.
fn is_pictured(c: char) -> bool {
    let mut text = [0; 8];
    let mut len = c.encode_utf8(&mut text).len();
    if let Some(room) = text.get_mut(len..) {
        len = len.saturating_add('\u{fe0f}'.encode_utf8(room).len());
    }
    let text = text.get(..len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    !c.is_ascii() && c.width() == Some(1) && text.width() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Default_Ignorable_Code_Point of DerivedCoreProperties.txt, Unicode 16.
    const IGNORED: [(u32, u32); 17] = [
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfff8),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
    ];
    /// Of DerivedGeneralCategory.txt: the rest of Cf (Arabic, Syriac and Kaithi marks, hieroglyphic joiners, annotation),
    /// Zl and Zp, private use, and what will never be a character.
    const OTHERS: [(u32, u32); 18] = [
        (0x00, 0x1f),
        (0x7f, 0x9f),
        (0x600, 0x605),
        (0x6dd, 0x6dd),
        (0x70f, 0x70f),
        (0x890, 0x891),
        (0x8e2, 0x8e2),
        (0x2028, 0x2029),
        (0x2800, 0x2800),
        (0xe000, 0xf8ff),
        (0xfdd0, 0xfdef),
        (0xfff9, 0xfffb),
        (0xfffe, 0xffff),
        (0x110bd, 0x110bd),
        (0x110cd, 0x110cd),
        (0x13430, 0x1343f),
        (0x40000, 0xdffff),
        (0xf0000, 0x10ffff),
    ];

    #[test]
    fn what_moves_turns_or_hides_is_unsafe() {
        for (first, last) in IGNORED.iter().chain(&OTHERS) {
            for c in (*first..=*last).filter_map(char::from_u32) {
                assert!(is_unsafe(c), "{:x}", u32::from(c));
            }
        }
        for blank in "\u{a0}\u{1680}\u{2000}\u{2007}\u{200a}\u{202f}\u{205f}\u{3000}".chars() {
            assert!(is_unprintable(blank) && !is_unsafe(blank), "{:x}", u32::from(blank));
        }
    }

    #[test]
    fn what_people_write_is_shown() {
        for text in [
            "~! aZ",
            "naïve Straße",
            "Ελληνικά",
            "Русский",
            "עברית",
            "العربية",
            "हिन्दी",
            "ไทย",
            "日本語",
            "한국어",
            "👩🏽",
            "€→…\u{fffd}",
        ] {
            assert!(!text.chars().any(is_unprintable), "{text}");
            let mut before = Before::default();
            assert!(text.chars().all(|c| before.shows(c)), "{text}");
        }
    }

    #[test]
    fn the_quick_ranges_are_what_the_tables_say() {
        for c in ('\u{80}'..=char::MAX).filter(|c| !is_unsafe(*c) && !is_blank(*c)) {
            assert!(is_printed(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn marks_need_something_to_stand_on() {
        let shown = |text: &str| {
            let mut before = Before::default();
            text.chars().map(|c| before.shows(c)).collect::<Vec<_>>()
        };
        assert_eq!(shown("e\u{301}\u{302}\u{303}\u{304}"), [true, true, true, false, false]);
        assert_eq!(shown("\u{301}a"), [false, true]);
        assert_eq!(shown("❤\u{fe0f}\u{fe0f}"), [true, true, false]);
        assert_eq!(
            shown("a\u{fe0f}é\u{fe0f}鍵\u{fe0f}1\u{fe0f}"),
            [true, false, true, false, true, false, true, false]
        );
        assert_eq!(shown("👨\u{200d}👩"), [true, false, true]);
    }
}
