//! Names, values and documents that break careless programs.

use super::random::Random;

/// Texts that are legal everywhere and meant nowhere.
pub const TEXTS: &[&str] = &[
    "",
    " ",
    "a\r\nb",
    "\r\n",
    "\0",
    "a\0b",
    "*",
    "?",
    "[a-z]",
    "[",
    "]",
    "[^x]",
    "\\",
    "\\*",
    "^",
    "{",
    "}",
    "{x}",
    "{@key}",
    "{{}}",
    "%s%n",
    "\"",
    "'",
    "\"projectId\":\"x\"",
    "é",
    "🎯",
    "\u{202e}gnirts",
    "undefined",
    "null",
    "[object Object]",
    "42",
    "-0",
    "4.50",
    "1e3",
    "12345678901234567890",
    "007",
    "9223372036854775807",
    "true",
    "$-1\r\n",
    "*3\r\n$4\r\nSADD\r\n",
    "a:b:c",
    "project:discord:",
    "+OK\r\n",
    "\u{feff}",
    "x,y",
    "=1+1",
];

/// Bytes that are no text.
pub const BYTES: &[&[u8]] = &[b"\xff\xfe", b"\xc3", b"a\x80b\r\n", b"\xf0\x9f\x8e", b"\0\xff\0"];

/// A JSON string with some of its characters written as escapes.
pub fn quote(random: &mut Random, text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        let must = c < ' ' || c == '"' || c == '\\';
        if must || random.one_in(6) {
            if c == '/' && random.one_in(2) {
                out += "\\/";
            } else if c == '\n' && random.one_in(2) {
                out += "\\n";
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out += &if random.one_in(2) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                }
            }
        } else {
            out.push(c);
        }
    }
    out + "\""
}

/// An object with these fields (a name and JSON), hidden among decoys.
pub fn object(random: &mut Random, fields: &[(&str, String)]) -> String {
    let mut all: Vec<String> = Vec::new();
    for (name, value) in fields {
        let pad = |random: &mut Random| (*random.pick(&["", "", " ", "\n\t", "\r\n"])).to_owned();
        // Earlier fields of the same name lose, whatever they hold and however they are written.
        for _ in 0..random.below(3) {
            let decoy = *random.pick(&[
                "\"decoy\"",
                "null",
                "{}",
                "[1,[2]]",
                "17",
                "{\"projectId\":\"deep\",\"a\":{}}",
                "true",
            ]);
            all.push(format!("{}{}:{}{decoy}", quote(random, name), pad(random), pad(random)));
        }
        let (before, after) = (pad(random), pad(random));
        all.push(format!("{}{before}:{after}{value}", quote(random, name)));
        // Later fields of another name, with the wanted one inside.
        match random.below(6) {
            0 => all.push(format!("\"meta\":{{\"{name}\":\"nested decoy\",\"list\":[{{\"{name}\":1}}]}}")),
            1 => all.push(format!("\"content\":{}", quote(random, &format!("\"{name}\":\"in a string\"")))),
            2 => all.push(format!("\"{name} \":\"longer\"")),
            3 => all.push(format!("\"{}\":\"upper\"", name.to_uppercase())),
            4 => all.push("\"n\":[-1.5e+10,0,true,false,null,\"\\\"}]{\"]".to_owned()),
            _ => {}
        }
    }
    format!("{{{}}}", all.join(","))
}

/// A document that ends too early.
pub fn cut(random: &mut Random, document: &str) -> Vec<u8> {
    let bytes = document.as_bytes();
    bytes[..random.below(bytes.len())].to_vec()
}
