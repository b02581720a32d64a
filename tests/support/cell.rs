//! The bytes that a cell of our CSV was made of, as docs/duckdb.md says: read by hand, with nothing of the program.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What `cell` says, unquoted as any reader of CSV gives it.
pub fn bytes(cell: &str) -> Vec<u8> {
    if let Some(inner) = cell.strip_prefix("{\"base64\":\"").and_then(|rest| rest.strip_suffix("\"}")) {
        return BASE64_STANDARD.decode(inner).expect("base64");
    }
    // The mark of a text is there only before what would be a formula.
    let rest = cell.strip_prefix('\'').filter(|rest| {
        let blank = |c: char| c.is_whitespace() || "\"'‘’“”".contains(c);
        rest.trim_start_matches(blank).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    });
    let mut parts = rest.unwrap_or(cell).split("\\u{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, after) = part.split_once('}').expect("the end of an escape");
        let number = u32::from_str_radix(number, 16).expect("a number in hex");
        text.push(char::from_u32(number).expect("a character"));
        text.push_str(after);
    }
    text.into_bytes()
}

/// The bytes of a name within a sentence: escapes of bytes stand there, too.
pub fn name(shown: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), shown);
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let character = after.strip_prefix("u{").and_then(|text| text.split_once('}'));
        let byte = after.strip_prefix('x').and_then(|text| text.get(..2)).and_then(hex);
        rest = match (character, byte) {
            (Some((number, after)), _) => {
                let c = hex(number).and_then(char::from_u32).expect("a character");
                out.extend_from_slice(c.to_string().as_bytes());
                after
            }
            (_, Some(byte)) => {
                out.push(byte as u8);
                &after[3..]
            }
            _ => {
                out.push(b'\\');
                after
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
