//! Bytes of strangers as HTML: nothing of theirs becomes markup, nothing hides, nothing runs on without end.

use std::fmt::{self, Write as _};

use crate::text::{self, Role, Truncated, Unit, number};

/// Text that is HTML already. Made in this module and its neighbours alone, from parts that are escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::FastWritable for Html {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

impl askama::filters::HtmlSafe for Html {}

impl Html {
    /// Markup of this program's own.
    pub fn own(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Markup that was put together here, of parts that are escaped.
    pub(super) fn made(markup: String) -> Self {
        Self(markup)
    }

    /// Words of this program, with nothing of the dump in them but numbers. Backticks enclose code.
    pub fn words(text: &str) -> Self {
        let mut out = Self::default();
        for (at, piece) in text.split('`').enumerate() {
            if at % 2 == 1 {
                out.0.push_str("<code>");
                escape(piece, &mut out.0);
                out.0.push_str("</code>");
            } else {
                escape(piece, &mut out.0);
            }
        }
        out
    }

    /// Words with parts that are HTML: each `{}` is replaced by the next of them.
    pub fn fill(words: &str, parts: &[&Html]) -> Self {
        let mut out = Self::default();
        let mut parts = parts.iter();
        for (at, piece) in words.split("{}").enumerate() {
            if at > 0
                && let Some(part) = parts.next()
            {
                out.0.push_str(&part.0);
            }
            out.0.push_str(&Self::words(piece).0);
        }
        out
    }

    pub fn push(&mut self, other: &Html) {
        self.0.push_str(&other.0);
    }

    #[cfg(test)]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Text as it stands between tags or in a quoted attribute.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        escape_char(c, out);
    }
}

fn escape_char(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

fn escape_unit(unit: Unit, out: &mut String) {
    match unit {
        Unit::Plain(c) => escape_char(c, out),
        // Nothing in it is markup. Writing to a string cannot fail.
        unit => drop(write!(out, "{unit}")),
    }
}

/// How much of a name is shown: characters of its beginning and of its end.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub head: usize,
    pub tail: usize,
}

impl Room {
    /// For keys, members and values.
    pub const NAME: Self = Self { head: 96, tail: 40 };
    /// For names of indexes and the like.
    pub const LABEL: Self = Self { head: 40, tail: 16 };
    /// For sentences.
    pub const PROSE: Self = Self { head: 600, tail: 120 };
}

/// A name from the dump, as code.
pub fn name(text: &Truncated, room: Room) -> Html {
    if text.len == 0 {
        return Html::own("<code class=\"k empty\">(empty)</code>");
    }
    let mut out = String::from("<code class=\"k\" dir=\"ltr\">");
    write(text, room, Role::Name, &mut out);
    out.push_str("</code>");
    Html(out)
}

/// A text, from the spec or a message, without a mark of its own.
///
/// A backslash stands for itself: in messages it belongs to escapes that are there already.
pub fn text(text: &str, room: Room) -> Html {
    let mut out = String::new();
    let text = Truncated { head: text.as_bytes().to_vec(), tail: Vec::new(), len: text.len() };
    write(&text, room, Role::Words, &mut out);
    Html(out)
}

/// A text as code.
pub fn code(text: &str, room: Room) -> Html {
    name(&Truncated { head: text.as_bytes().to_vec(), tail: Vec::new(), len: text.len() }, room)
}

/// A short name where no markup can stand.
pub fn option(text: &str) -> Html {
    let most = Room::LABEL.head;
    let mut out = lines(&text.replace(['\n', '\t'], " "), most).0;
    out.truncate(out.strip_suffix("\n…").map_or(out.len(), str::len));
    Html(out)
}

/// A name from the dump where no markup can stand: up to so many characters of it, and how wide that is.
pub fn label(bytes: &[u8], most: usize) -> (Html, usize) {
    let (mut out, mut columns) = (String::new(), 0_usize);
    for (at, unit) in units(bytes, Role::Name).into_iter().enumerate() {
        if at == most {
            out.push('…');
            columns = columns.saturating_add(1);
            break;
        }
        columns = columns.saturating_add(text::width(&unit.to_string()));
        escape_unit(unit, &mut out);
    }
    (Html(out), columns)
}

/// A text of several lines, as it stands in a `<pre>`: up to so many characters of it.
pub fn lines(text: &str, most: usize) -> Html {
    let mut out = String::new();
    let mut left = most;
    for (at, line) in text.replace('\t', "    ").split('\n').enumerate() {
        let units = units(line.as_bytes(), Role::Words);
        let Some(room) = left.checked_sub(usize::from(at > 0)) else {
            out.push_str("\n…");
            break;
        };
        if at > 0 {
            out.push('\n');
        }
        units.iter().take(room).for_each(|unit| escape_unit(*unit, &mut out));
        if units.len() > room {
            out.push_str("\n…");
            break;
        }
        left = room.saturating_sub(units.len());
    }
    Html(out)
}

fn write(text: &Truncated, room: Room, role: Role, out: &mut String) {
    let mut head = units(&text.head, role);
    let mut end = units(&text.tail, role);
    let cut = !text.is_whole();
    if !cut {
        let whole = head.len();
        if whole > room.head.saturating_add(room.tail).saturating_add(8) {
            end = head.split_off(whole.saturating_sub(room.tail));
        }
    }
    if end.is_empty() && !cut {
        write_units(&head, out);
        return;
    }
    head.truncate(room.head);
    let skip = end.len().saturating_sub(room.tail);
    write_units(&head, out);
    let _ = write!(
        out,
        "<span class=\"cut\"> … {} bytes in all … </span>",
        number(u64::try_from(text.len).unwrap_or(u64::MAX))
    );
    write_units(end.get(skip..).unwrap_or_default(), out);
}

fn write_units(units: &[Unit], out: &mut String) {
    let mut escaped = false;
    for unit in units {
        let is_escape = !matches!(unit, Unit::Plain(_));
        if is_escape != escaped {
            out.push_str(if is_escape { "<span class=\"esc\">" } else { "</span>" });
            escaped = is_escape;
        }
        escape_unit(*unit, out);
    }
    if escaped {
        out.push_str("</span>");
    }
}

fn units(bytes: &[u8], role: Role) -> Vec<Unit> {
    let mut units = Vec::new();
    text::units(bytes, role, |unit| units.push(unit));
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let html = name(&Truncated::new(bytes), Room::NAME);
        let inner = html.as_str().strip_prefix("<code class=\"k\" dir=\"ltr\">").expect("code");
        inner.strip_suffix("</code>").expect("code").replace("<span class=\"esc\">", "⟨").replace("</span>", "⟩")
    }

    #[test]
    fn nothing_in_a_name_is_markup_and_nothing_hides() {
        let facts: [(&[u8], &str); 14] = [
            (b"plain:1", "plain:1"),
            (b"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            (b"\" onmouseover='x' &amp;", "&quot; onmouseover=&#39;x&#39; &amp;amp;"),
            (b"a\r\nb\0", "a⟨\\u{d}\\u{a}⟩b⟨\\u{0}⟩"),
            (b"\xff\xfex", "⟨\\xff\\xfe⟩x"),
            ("a\u{202e}b".as_bytes(), "a⟨\\u{202e}⟩b"),
            ("\u{2066}\u{2028}".as_bytes(), "⟨\\u{2066}\\u{2028}⟩"),
            (b" a  b ", "⟨\\u{20}⟩a ⟨\\u{20}⟩b⟨\\u{20}⟩"),
            ("\u{a0}\u{3000}\u{3164}".as_bytes(), "⟨\\u{a0}\\u{3000}\\u{3164}⟩"),
            ("e\u{301}\u{301}\u{301}".as_bytes(), "e\u{301}\u{301}⟨\\u{301}⟩"),
            ("a\u{fe0f}".as_bytes(), "a⟨\\u{fe0f}⟩"),
            ("❤\u{fe0f} 鍵 é".as_bytes(), "❤\u{fe0f} 鍵 é"),
            (b"C:\\u{202e}", "C:⟨\\u{5c}⟩u{202e}"),
            (b"`{}`", "`{}`"),
        ];
        for (bytes, expected) in facts {
            assert_eq!(shown(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(name(&Truncated::new(b""), Room::NAME).as_str(), "<code class=\"k empty\">(empty)</code>");
    }

    #[test]
    fn a_long_name_loses_its_middle_and_tells_its_length() {
        let mut bytes = vec![b'a'; 1 << 20];
        bytes.extend_from_slice(b"the end");
        let text = shown(&bytes);
        // 96 characters of the beginning, 40 of the end.
        let end = format!("{}the end", "a".repeat(33));
        assert_eq!(text, format!("{}<span class=\"cut\"> … 1,048,583 bytes in all … ⟩{end}", "a".repeat(96)));
        // 144 are shown as they are, 145 are not.
        assert_eq!(shown(&[b'x'; 144]), "x".repeat(144));
        assert!(shown(&[b'x'; 145]).contains("145 bytes in all"));
        // What is cut in an text may be half a character, and is escaped like it.
        let wide = "鍵".repeat(100);
        assert!(shown(wide.as_bytes()).contains("300 bytes in all"));
        // The most that a name can come to: an escape and a character to be escaped in turns.
        let worst: Vec<u8> = b"\"\x00".repeat(5000);
        assert!(name(&Truncated::new(&worst), Room::NAME).len() < 4_000);
    }

    #[test]
    fn words_have_code_and_parts() {
        let key = name(&Truncated::new(b"<k>"), Room::NAME);
        let html = Html::fill("`a<b` & {} has {}.", &[&key, &Html::words("x")]);
        let expected = "<code>a&lt;b</code> &amp; <code class=\"k\" dir=\"ltr\">&lt;k&gt;</code> has x.";
        assert_eq!(html.as_str(), expected);
    }
}
