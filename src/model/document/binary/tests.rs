//! Byte vectors of the format's description, and others spelled by hand from it and from RFC 8949.

use super::*;
use crate::dump::rdb::{Item, Walker};
use crate::model::document::Slot;
use crate::model::spec::{Path, Step};

const TREE: u8 = 0;
const TEXT_2: u8 = 2;
const TEXT_3: u8 = 3;
const CBOR: u8 = 4;

/// A dump with one document: `body` is what follows the module's id, its EOF included.
fn dump(encver: u8, body: &[u8]) -> Vec<u8> {
    let mut dump = b"REDIS0012\x07\x03doc\x81\x45\xe2\x52\x38\xdf\x91\x2c".to_vec();
    dump.push(encver);
    dump.extend_from_slice(body);
    dump.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    dump
}

/// A body of one STRING: the only part of versions 3 and 4.
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut body = vec![5, 0x80];
    body.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(bytes);
    body.push(0);
    body
}

fn with<T>(encver: u8, body: &[u8], look: impl FnOnce(Json<'_>, u64) -> T) -> T {
    let dump = dump(encver, body);
    let mut walker = Walker::new(&dump).unwrap();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            return look(record.value.json().unwrap().unwrap(), record.value.offset as u64);
        }
    }
    panic!("no record");
}

fn text_of(encver: u8, body: &[u8]) -> Result<String, &'static str> {
    with(encver, body, |json, offset| {
        let (mut room, mut out) = (Vec::new(), Vec::new());
        let checked = Extractor::new(&[]).check(json, offset, &mut Vec::new()).unwrap();
        let text = text(json, offset, &mut room, &mut out).unwrap();
        assert_eq!(checked, text.map(|_| ()));
        text.map(|text| String::from_utf8(text.to_vec()).unwrap()).map_err(|error| error.reason)
    })
}

fn cbor_text(bytes: &[u8]) -> Result<String, &'static str> {
    text_of(CBOR, &string(bytes))
}

/// `{"a":1,"b":"1","c":true,"d":[],"e":{},"f":null}`, as the format's description spells it.
const SIMPLE: &[u8] = b"\x02\x20\x02\x06\
    \x02\x40\x80\x05\x01a\x02\x08\x02\x01\
    \x02\x40\x80\x05\x01b\x02\x02\x05\xc0\x01\
    \x02\x40\x80\x05\x01c\x02\x10\x05\xc0\x01\
    \x02\x40\x80\x05\x01d\x02\x40\x40\x02\x00\
    \x02\x40\x80\x05\x01e\x02\x20\x02\x00\
    \x02\x40\x80\x05\x01f\x02\x01\
    \x00";

#[test]
fn a_tree() {
    assert_eq!(text_of(TREE, SIMPLE).unwrap(), r#"{"a":1,"b":"1","c":true,"d":[],"e":{},"f":null}"#);
}

#[test]
fn nodes_of_a_tree() {
    for (body, expected) in [
        (&b"\x02\x01\x00"[..], Ok("null")),
        (b"\x02\x08\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00", Ok("-1")),
        // Signed integers may come with either opcode.
        (b"\x02\x08\x01\x05\x00", Ok("5")),
        (b"\x02\x04\x04\x00\x00\x00\x00\x00\x00\xf8\x3f\x00", Ok("1.5")),
        (b"\x02\x04\x04\x00\x00\x00\x00\x00\x00\xf0\x3f\x00", Ok("1.0")),
        (b"\x02\x04\x04\x00\x00\x00\x00\x00\x00\xf0\x7f\x00", Err("a number that is not finite")),
        (b"\x02\x10\x05\xc0\x00\x00", Ok("false")),
        (b"\x02\x10\x05\x011\x00", Ok("true")),
        (b"\x02\x10\x05\xc0\x02\x00", Err("a truth value that is neither 1 nor 0")),
        (b"\x02\x02\x05\x05a\"\\\n\x01\x00", Ok(r#""a\"\\\n\u0001""#)),
        (b"\x02\x02\x05\x01\xff\x00", Err("not UTF-8")),
        (b"\x02\x40\x40\x02\x02\x02\x01\x02\x01\x00", Ok("[null,null]")),
        (b"\x02\x03\x00", Err("a node of an unknown type")),
        (b"\x02\x40\x80\x00", Err("a node of an unknown type")),
        (b"\x02\x01\x02\x01\x00", Err("something follows the document")),
        (b"\x00", Err("no integer where one is expected")),
        (b"\x02\x40\x40\x02\x02\x02\x01\x00", Err("more elements than could fit")),
        (b"\x02\x20\x02\x01\x02\x01\x05\x00\x02\x01\x00", Err("no field of an object where one is expected")),
    ] {
        assert_eq!(text_of(TREE, body), expected.map(str::to_owned), "{}", body.escape_ascii());
    }
}

#[test]
fn text_of_versions_2_and_3() {
    assert_eq!(text_of(TEXT_3, b"\x05\x07{\"a\":1}\x00").unwrap(), r#"{"a":1}"#);
    // 42, which a server writes as an integer.
    assert_eq!(text_of(TEXT_3, b"\x05\xc0\x2a\x00").unwrap(), "42");
    assert_eq!(text_of(TEXT_2, b"\x05\x07{\"a\":1}\x02\x00\x00").unwrap(), r#"{"a":1}"#);
    assert_eq!(text_of(TEXT_2, b"\x05\xc0\x2a\x02\x01\x05\x01x\x05\x01y\x00").unwrap(), "42");
    assert_eq!(text_of(TEXT_3, &string(b"{}}")), Err("something follows the document"));
    assert_eq!(text_of(7, b"\x05\xc0\x2a\x00"), Err("an unknown RedisJSON encoding version"));
}

#[test]
fn white_space_between_tokens_goes() {
    let text = |text: &[u8]| text_of(TEXT_3, &string(text)).unwrap();
    assert_eq!(text(b" { \"a b\" :\t[1,\r\n2 , \" \\\" \" ] } "), r#"{"a b":[1,2," \" "]}"#);
    assert_eq!(text(br#"{"a b":" x "}"#), r#"{"a b":" x "}"#);
    assert_eq!(text(br#"["\\", 1]"#), r#"["\\",1]"#);
}

/// Vectors of RFC 8949, appendix A, where JSON has a word for them; floats as RedisJSON prints them.
#[test]
fn cbor_items() {
    for (bytes, expected) in [
        (&b"\xa1\x61\x61\x01"[..], r#"{"a":1}"#),
        (b"\x00", "0"),
        (b"\x17", "23"),
        (b"\x18\x18", "24"),
        (b"\x19\x03\xe8", "1000"),
        (b"\x1a\x00\x0f\x42\x40", "1000000"),
        (b"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00", "1000000000000"),
        (b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
        (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", "-9223372036854775808"),
        (b"\x20", "-1"),
        (b"\x39\x03\xe7", "-1000"),
        (b"\xf9\x00\x00", "0.0"),
        (b"\xf9\x80\x00", "-0.0"),
        (b"\xf9\x3c\x00", "1.0"),
        (b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", "1.1"),
        (b"\xf9\x3e\x00", "1.5"),
        (b"\xf9\x7b\xff", "65504.0"),
        (b"\xfa\x47\xc3\x50\x00", "100000.0"),
        (b"\xfb\xc0\x10\x66\x66\x66\x66\x66\x66", "-4.1"),
        (b"\xf9\x7c\x00", "null"),
        (b"\xf9\x7e\x00", "null"),
        (b"\xfb\xff\xf0\x00\x00\x00\x00\x00\x00", "null"),
        (b"\xf4", "false"),
        (b"\xf5", "true"),
        (b"\xf6", "null"),
        (b"\x60", "\"\""),
        (b"\x64\x49\x45\x54\x46", "\"IETF\""),
        (b"\x62\x22\x5c", r#""\"\\""#),
        (b"\x62\xc3\xbc", "\"\u{fc}\""),
        (b"\x80", "[]"),
        (b"\x83\x01\x82\x02\x03\x82\x04\x05", "[1,[2,3],[4,5]]"),
        (b"\xa0", "{}"),
        (b"\xa2\x61\x61\x01\x61\x62\x82\x02\x03", r#"{"a":1,"b":[2,3]}"#),
        (b"\x7f\x65\x73\x74\x72\x65\x61\x64\x6d\x69\x6e\x67\xff", "\"streaming\""),
        (b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff", "[1,[2,3],[4,5]]"),
        (b"\xbf\x61\x61\x01\x61\x62\x9f\x02\x03\xff\xff", r#"{"a":1,"b":[2,3]}"#),
    ] {
        assert_eq!(cbor_text(bytes).as_deref(), Ok(expected), "{}", bytes.escape_ascii());
    }
}

/// A byte string of the tag of each element type; the elements are little endian.
#[test]
fn typed_arrays_of_cbor() {
    for (bytes, expected) in [
        (&b"\xd8\x40\x43\x00\x01\xff"[..], "[0,1,255]"),
        (b"\xd8\x45\x44\x01\x00\x00\x01", "[1,256]"),
        (b"\xd8\x46\x44\x01\x00\x00\x80", "[2147483649]"),
        (b"\xd8\x47\x48\x01\x00\x00\x00\x00\x00\x00\x80", "[9223372036854775809]"),
        (b"\xd8\x48\x42\x01\xff", "[1,-1]"),
        (b"\xd8\x4d\x44\x01\x00\xfe\xff", "[1,-2]"),
        (b"\xd8\x4e\x44\xfd\xff\xff\xff", "[-3]"),
        (b"\xd8\x4f\x48\xfc\xff\xff\xff\xff\xff\xff\xff", "[-4]"),
        (b"\xd8\x54\x44\x00\x3c\x66\x2e", "[1.0,0.1]"),
        (b"\xd8\x55\x44\xcd\xcc\xcc\x3d", "[0.1]"),
        (b"\xd8\x56\x48\x9a\x99\x99\x99\x99\x99\xb9\x3f", "[0.1]"),
        (b"\xda\x00\x01\x00\x00\x42\xcd\x3d", "[0.1]"),
        (b"\xd8\x55\x44\x00\x00\x80\x7f", "[null]"),
        (b"\xd8\x40\x40", "[]"),
    ] {
        assert_eq!(cbor_text(bytes).as_deref(), Ok(expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_cbor_has_and_json_has_not() {
    for (bytes, reason) in [
        (&b"\x41\x00"[..], "a byte string without a tag"),
        (b"\xc0\x60", "an unknown tag"),
        (b"\xd8\x40\x61\x61", "a typed array that is not a byte string"),
        (b"\xd8\x45\x43\x00\x00\x00", "a typed array that ends inside an element"),
        (b"\xa1\x01\x02", "a field name that is not text"),
        (b"\xf7", "a simple value that JSON does not have"),
        (b"\x3b\x80\x00\x00\x00\x00\x00\x00\x00", "an integer below 64 bits"),
        (b"\x82\x01", "more elements than could fit"),
        (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "more elements than could fit"),
        (b"\x62\x61", "the data ends too early"),
        (b"\x61\xff", "not UTF-8"),
        (b"\x00\x00", "something follows the document"),
        (b"", "the data ends too early"),
        (b"\x1c", "a length that does not exist"),
        (b"\xff", "a simple value that JSON does not have"),
        (b"\x7f\x41\x00\xff", "a piece of a text that is not text"),
    ] {
        assert_eq!(cbor_text(bytes), Err(reason), "{}", bytes.escape_ascii());
    }
}

/// -17 to -24, single bytes of CBOR, are the characters `0` to `7`, which a server writes as integers.
#[test]
fn cbor_in_disguise() {
    assert_eq!(text_of(CBOR, b"\x05\xc0\x00\x00").unwrap(), "-17");
    assert_eq!(text_of(CBOR, b"\x05\xc0\x07\x00").unwrap(), "-24");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        let mut bytes = vec![0x81; depth];
        bytes.push(0xf6);
        bytes
    };
    assert!(cbor_text(&nested(128)).is_ok());
    assert_eq!(cbor_text(&nested(129)), Err("nested too deeply"));
    assert_eq!(cbor_text(&nested(1_000_000)), Err("nested too deeply"));
    let tree = |depth: usize| [&b"\x02\x40\x40\x02\x01".repeat(depth)[..], b"\x02\x01\x00"].concat();
    assert!(text_of(TREE, &tree(128)).is_ok());
    assert_eq!(text_of(TREE, &tree(129)), Err("nested too deeply"));
    assert_eq!(text_of(TREE, &tree(1_000_000)), Err("nested too deeply"));
}

/// The same fields come out of every encoding of the same document.
#[test]
fn fields_without_text() {
    let name = |name: &str| Step::Name(name.as_bytes().to_vec());
    let path = |steps: &[Step]| Path { steps: steps.to_vec() };
    let paths = [path(&[name("a")]), path(&[name("b")]), path(&[name("d"), Step::Each]), path(&[name("z")])];
    let text = br#"{"a":1,"b":"1","c":true,"d":[2,"x"],"e":{},"f":null}"#;
    let tree = b"\x02\x20\x02\x06\
        \x02\x40\x80\x05\x01a\x02\x08\x02\x01\
        \x02\x40\x80\x05\x01b\x02\x02\x05\xc0\x01\
        \x02\x40\x80\x05\x01c\x02\x10\x05\xc0\x01\
        \x02\x40\x80\x05\x01d\x02\x40\x40\x02\x02\x02\x08\x02\x02\x02\x02\x05\x01x\
        \x02\x40\x80\x05\x01e\x02\x20\x02\x00\
        \x02\x40\x80\x05\x01f\x02\x01\
        \x00";
    let cbor = b"\xa6\x61a\x01\x61b\x611\x61c\xf5\x61d\x82\x02\x61x\x61e\xa0\x61f\xf6";
    for (encver, body) in [(TEXT_3, string(text)), (TREE, tree.to_vec()), (CBOR, string(cbor))] {
        assert_eq!(text_of(encver, &body).unwrap().as_bytes(), text);
        with(encver, &body, |json, offset| {
            let (mut extractor, mut room) = (Extractor::new(&paths), Vec::new());
            let slots = extractor.redis_json(json, offset, &mut room).unwrap().unwrap();
            assert_eq!(slots.get(0), Slot::Literal(b"1"));
            assert_eq!(slots.get(1), Slot::Text(b"1"));
            assert_eq!(slots.get(3), Slot::Absent);
            let elements: Vec<_> = slots.elements(2).map(|(_, slot)| slot).collect();
            assert_eq!(elements, [Slot::Literal(b"2"), Slot::Text(b"x")]);
        });
    }
}
