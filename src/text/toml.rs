//! Strings of TOML.

use std::fmt::Write as _;

use super::visible::is_unprintable;

/// A text as a basic string of TOML, on one line. What would not be seen is escaped in TOML's own way, so that it is the
/// same text to whatever reads it.
pub fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a string cannot fail.
            '\0'..='\u{ffff}' if is_unprintable(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c if is_unprintable(c) => drop(write!(out, "\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings() {
        assert_eq!(toml_string("a\"b\\c'é"), r#""a\"b\\c'é""#);
        assert_eq!(
            toml_string("\n\r\t\x1b\x7f\u{9b}\u{202e}\u{e0041}"),
            r#""\n\r\t\u001b\u007f\u009b\u202e\U000e0041""#
        );
    }

    proptest! {
        #[test]
        fn toml_reads_the_same_text(text in any::<String>()) {
            let string = toml_string(&text);
            prop_assert!(!string.chars().any(is_unprintable));
            let table: toml::Table = toml::from_str(&format!("x = {string}")).expect("TOML");
            prop_assert_eq!(table["x"].as_str(), Some(&*text));
        }
    }
}
