//! Cells of CSV that are read by spreadsheets, by DuckDB, and by people on a terminal.
//!
//! What [`is_unsafe`] says is escaped, line ends and tabs among it, so that a row is a line; blanks stand as they are. A
//! cell that a spreadsheet would take for a formula gets a `'` in front, its own mark of a text. Both can be undone: a
//! cell which begins with `'` and has a formula behind it had no `'`. Bytes that are not UTF-8 are `{"base64":"…"}`, as in
//! JSON; a text that begins like that has its brace escaped.

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::name::{Role, reads_as_escape};
use super::visible::{Before, is_unsafe};

/// Writes bytes of a stranger as a cell, in quotes where it needs them.
pub fn cell(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    // An empty text is told from no value by its quotes.
    if !bytes.is_empty()
        && !bytes.iter().any(|byte| matches!(byte, b'"' | b','))
        && simdutf8::basic::from_utf8(bytes).is_ok()
    {
        return content(bytes, out);
    }
    out.write_all(b"\"")?;
    content(bytes, &mut Doubling(&mut *out))?;
    out.write_all(b"\"")
}

/// The same for compact JSON: it stays the same JSON, with the escapes of JSON.
pub fn json(json: &[u8], out: &mut impl Write) -> io::Result<()> {
    if json.iter().any(|byte| matches!(byte, b'"' | b',')) {
        out.write_all(b"\"")?;
        json_content(json, &mut super::Json(Doubling(&mut *out)))?;
        return out.write_all(b"\"");
    }
    out.write_all(json)
}

fn json_content(json: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut rest = json;
    // Of all JSON only a string could be taken for a formula: behind its quotation mark, or behind a semicolon in it.
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b';' | b'"')) {
        let Some((plain, [mark, after @ ..])) = rest.split_at_checked(at) else { break };
        let is_first = *mark == b'"' && rest.len() == json.len() && at == 0;
        out.write_all(plain)?;
        let begins = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(is_formula);
        rest = after;
        match mark {
            b';' if begins(after) => out.write_all(b"\\u003b")?,
            b'"' if is_first && begins(after) => {
                let text = std::str::from_utf8(after).unwrap_or_default();
                let blanks = text.len().saturating_sub(text.trim_start_matches(is_skipped).len());
                let (blank, formula) = text.split_at_checked(blanks).unwrap_or_default();
                let Some(c) = formula.chars().next() else { break };
                write!(out, "\"{blank}\\u{:04x}", u32::from(c))?;
                rest = formula.get(c.len_utf8()..).unwrap_or_default().as_bytes();
            }
            mark => out.write_all(&[*mark])?,
        }
    }
    out.write_all(rest)
}

/// What is in a cell, for a writer that quotes: a name or a value.
pub fn field(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    // Writing to a vector cannot fail, and all that is written is UTF-8.
    let _ = content(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The bytes that a cell was made of by [`field`], unquoted; none if it was not.
pub fn undo(cell: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(cell).ok()?;
    let bytes = match text.strip_prefix(BASE64).and_then(|rest| rest.strip_suffix("\"}")) {
        Some(base64) => BASE64_STANDARD.decode(base64).ok()?,
        None => {
            let mut parts = text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text).split("\\u{");
            let mut out = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (number, after) = part.split_once('}')?;
                out.push(u32::from_str_radix(number, 16).ok().and_then(char::from_u32)?);
                out.push_str(after);
            }
            out.into_bytes()
        }
    };
    (field(&bytes).as_bytes() == cell).then_some(bytes)
}

/// The same of words that may hold escapes already.
pub fn words(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let _ = escaped(text, Role::Words, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Whether a cell is what it holds, byte by byte.
pub fn is_plain(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b';');
    let first = bytes.first().is_none_or(|byte| byte.is_ascii_alphanumeric());
    first && bytes.iter().all(plain)
}

/// Bytes are turned into base64 in pieces of this size, which is a multiple of three.
const PIECE: usize = 3 << 12;

/// How bytes that are not UTF-8 begin.
const BASE64: &str = "{\"base64\":\"";

/// Writes what is in a cell.
fn content(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    if is_plain(bytes) {
        return out.write_all(bytes);
    }
    let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
        out.write_all(BASE64.as_bytes())?;
        let mut text = String::new();
        for piece in bytes.chunks(PIECE) {
            text.clear();
            BASE64_STANDARD.encode_string(piece, &mut text);
            out.write_all(text.as_bytes())?;
        }
        return out.write_all(b"\"}");
    };
    escaped(text, Role::Name, out)
}

fn escaped(text: &str, role: Role, out: &mut impl Write) -> io::Result<()> {
    let mut rest = text;
    if is_formula(text) {
        out.write_all(b"'")?;
    } else if text.starts_with(BASE64) {
        out.write_all(b"\\u{7b}")?;
        rest = text.get(1..).unwrap_or_default();
    }
    let suspect = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'\\' | b';');
    let mut before = Before::default();
    while let Some(at) = rest.as_bytes().iter().position(suspect) {
        let (plain, after) = rest.split_at(at);
        out.write_all(plain.as_bytes())?;
        if let Some(c) = plain.chars().next_back() {
            before.shows(c);
        }
        let Some(c) = after.chars().next() else { return Ok(()) };
        rest = after.get(c.len_utf8()..).unwrap_or_default();
        let escaped = match c {
            '\\' => role == Role::Name && reads_as_escape(rest),
            // Where the comma is that of numbers, spreadsheets divide lines here.
            ';' => is_formula(rest),
            '\u{fe0f}' => !before.shows(c),
            c => is_unsafe(c),
        };
        if escaped {
            before = Before::default();
            write!(out, "{}", c.escape_unicode())?;
        } else {
            before.shows(c);
            out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
        }
    }
    out.write_all(rest.as_bytes())
}

/// Whether a spreadsheet would compute it. Some look behind blanks and quotation marks, and take wide signs for narrow
/// ones. A negative number is computed to itself.
fn is_formula(text: &str) -> bool {
    let begins = text.trim_start_matches(is_skipped).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    begins && !is_negative(text)
}

fn is_skipped(c: char) -> bool {
    matches!(c, '"' | '\'' | '‘' | '’' | '“' | '”') || (c.is_whitespace() && !is_unsafe(c))
}

/// A number as JSON has them, below zero.
fn is_negative(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('-') else { return false };
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (number, "0"),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    digits(whole) && digits(fraction) && digits(exponent)
}

/// Doubles quotation marks.
struct Doubling<W>(W);

impl<W: Write> Write for Doubling<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut parts = bytes.split(|byte| *byte == b'"');
        self.0.write_all(parts.next().unwrap_or_default())?;
        for part in parts {
            self.0.write_all(b"\"\"")?;
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        cell(bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells() {
        let facts: [(&[u8], &str); 31] = [
            (b"", "\"\""),
            (b"plain:*", "plain:*"),
            (b"a b", "a b"),
            (b"a,b", "\"a,b\""),
            (b"say \"x\"", "\"say \"\"x\"\"\""),
            ("\u{fc}\u{a0}\u{3000}❤\u{fe0f}".as_bytes(), "\u{fc}\u{a0}\u{3000}❤\u{fe0f}"),
            (b"=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            (b"=HYPERLINK(\"http://x\",1)", "\"'=HYPERLINK(\"\"http://x\"\",1)\""),
            (b"+1", "'+1"),
            (b"-2+3", "'-2+3"),
            (b"@SUM(A1)", "'@SUM(A1)"),
            ("＝1".as_bytes(), "'＝1"),
            // Numbers stay numbers.
            (b"-5", "-5"),
            (b"-1.5e-7", "-1.5e-7"),
            (b"-", "'-"),
            (b"-1.", "'-1."),
            (b"-inf", "'-inf"),
            // Behind blanks, quotes and marks of text.
            (b"  =1", "'  =1"),
            ("\u{a0}=1".as_bytes(), "'\u{a0}=1"),
            (b"\"=1", "\"'\"\"=1\""),
            (b"'=1", "''=1"),
            (b"' -5", "'' -5"),
            (b"'a", "'a"),
            // A control character is no blank once it is escaped.
            (b"\t=1", "\\u{9}=1"),
            (b"\r\n=1", "\\u{d}\\u{a}=1"),
            // Spreadsheets that divide lines at semicolons.
            (b"a;=1;b; +2;", "a\\u{3b}=1;b\\u{3b} +2;"),
            ("a\u{202e}\x1b[2J\u{200b}\u{2028}".as_bytes(), "a\\u{202e}\\u{1b}[2J\\u{200b}\\u{2028}"),
            (br"C:\xff \u{41} App\Models", r"C:\u{5c}xff \u{5c}u{41} App\Models"),
            // 0xff 0x00 is /wA= in base64 (RFC 4648).
            (b"\xff\x00", "\"{\"\"base64\"\":\"\"/wA=\"\"}\""),
            (b"{\"base64\":\"/wA=\"}", "\"\\u{7b}\"\"base64\"\":\"\"/wA=\"\"}\""),
            (b"{\"a\":\"\\n\\u00e9\"}", "\"{\"\"a\"\":\"\"\\n\\u00e9\"\"}\""),
        ];
        for (bytes, text) in facts {
            assert_eq!(written(bytes), text, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(words("=a \\u{1b}\n;=2"), "'=a \\u{1b}\\u{a}\\u{3b}=2");
    }

    #[test]
    fn json_stays_json() {
        for (text, cell) in [
            ("-5", "-5"),
            ("[]", "[]"),
            ("[-1,2]", "\"[-1,2]\""),
            ("{\"a\":\"\u{202e}\\n\"}", "\"{\"\"a\"\":\"\"\\u202e\\n\"\"}\""),
            ("\"=1+1\"", "\"\"\"\\u003d1+1\"\"\""),
            ("\" @x\"", "\"\"\" \\u0040x\"\"\""),
            ("[\"a;=1;b\"]", "\"[\"\"a\\u003b=1;b\"\"]\""),
        ] {
            let mut out = Vec::new();
            json(text.as_bytes(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), cell);
        }
    }

    #[test]
    fn base64_in_pieces_is_base64() {
        let bytes: Vec<u8> = (0..PIECE * 2 + 1).map(|n| (n * 7) as u8).collect();
        assert_eq!(field(&bytes), format!("{{\"base64\":\"{}\"}}", BASE64_STANDARD.encode(&bytes)));
    }

    /// The bytes that a field was made of.
    fn read(text: &str) -> Vec<u8> {
        if let Some(inner) = text.strip_prefix(BASE64).and_then(|text| text.strip_suffix("\"}")) {
            return BASE64_STANDARD.decode(inner).expect("base64");
        }
        let mut rest = if is_formula(text) { text.strip_prefix('\'').expect("its mark") } else { text };
        let mut out = String::new();
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if let Some(after) = rest.strip_prefix("u{").filter(|_| c == '\\') {
                let (hex, after) = after.split_once('}').expect("the end of an escape");
                out.push(char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character"));
                rest = after;
            } else {
                out.push(c);
            }
        }
        out.into_bytes()
    }

    fn nasty() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            prop::sample::select(vec![
                "=",
                "+",
                "-",
                "@",
                "'",
                "\"",
                " ",
                "\t",
                "\r",
                "\n",
                ",",
                ";",
                "\\",
                "\\u{",
                "\\xff",
                "1",
                "e",
                ".",
                "＝",
                "{\"base64\":\"",
                "\u{202e}",
                "❤",
                "\u{fe0f}",
                "\u{301}",
                "\u{a0}"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        let text = prop::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat());
        prop_oneof![4 => text, 1 => prop::collection::vec(any::<u8>(), 0..8)]
    }

    proptest! {
        #[test]
        fn a_cell_is_safe_says_what_it_was_made_of_and_is_read_by_others(bytes in nasty()) {
            let field = field(&bytes);
            prop_assert!(!field.chars().any(|c| is_unsafe(c) && c != '\u{fe0f}'), "{field:?}");
            let first = field.trim_start().chars().next();
            prop_assert!(!matches!(first, Some('=' | '+' | '@')), "{field:?}");
            prop_assert!(first != Some('-') || field.parse::<f64>().is_ok(), "{field:?}");
            prop_assert_eq!(read(&field), &*bytes, "{:?}", field);
            prop_assert_eq!(undo(field.as_bytes()), Some(bytes.clone()));
            // The crate `csv` is another reader.
            let line = format!("{},x\n", written(&bytes));
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let row = reader.records().next().expect("a row").expect("CSV");
            prop_assert_eq!((row.len(), &row[0]), (2, &*field));
            prop_assert_eq!(line.matches('\n').count(), 1);
        }
    }
}
