//! Strings in their forms.

use rdb_reindex::dump::rdb::{ErrorKind as K, RawStr};

use super::{end, facts, ok, redis, x};

fn s(text: &str) -> Result<String, K> {
    redis(0, &x(text))
}

facts! {
    empty: s("00") => ok("\"\"");
    bytes_6: s("03 00 FF 'a'") => ok("\"\\x00\\xffa\"");
    bytes_14: s("40 02 'ab'") => ok("\"ab\"");
    bytes_32: s("80 00 00 00 02 'ab'") => ok("\"ab\"");
    bytes_64: s("81 00 00 00 00 00 00 00 02 'ab'") => ok("\"ab\"");
    int_8: s("C0 85") => ok("\"-123\"");
    int_16: s("C1 39 30") => ok("\"12345\"");
    int_32: s("C2 00 00 00 80") => ok("\"-2147483648\"");
    zero: s("C0 00") => ok("\"0\"");
    // What is left is the EOF opcode and the footer, 9 bytes.
    too_long: s("0A") => end(10, 9);
    far_too_long: s("81 FF FF FF FF FF FF FF FF") => end(u64::MAX, 9);
    encoding_4: s("C4") => Err(K::StringEncoding(0xc4));
    encoding_63: s("FF 00") => Err(K::StringEncoding(0xff));
    reserved: s("82") => Err(K::LengthByte(0x82));
    string_for_a_length: redis(2, &x("C0 01")) => Err(K::StringWhereLength(0xc0));
    packed_too_long: s("C3 0A 0A") => end(10, 9);
    packed_length_is_a_string: s("C3 C0 01") => Err(K::StringWhereLength(0xc0));
    ratio: s("C3 01 40 59 00") => Err(K::LzfRatio { packed: 1, len: 89 });
    packed_to_nothing: s("C3 01 00 00") => Err(K::LzfRatio { packed: 1, len: 0 });
    nothing_packed: s("C3 00 00") => ok("\"\"");
}

#[test]
fn a_raw_string_is_small() {
    assert!(size_of::<RawStr<'_>>() <= 24);
}

#[test]
fn lengths_and_comparison() {
    let mut room = Vec::new();
    let packed = x("00 61 E0 10 00");
    for (string, text) in [
        (RawStr::Plain(b"abc"), &b"abc"[..]),
        (RawStr::Int(-17), b"-17"),
        (RawStr::Int(0), b"0"),
        (RawStr::Int(i32::MIN), b"-2147483648"),
        (RawStr::Lzf { packed: &packed, len: 26 }, &[b'a'; 26]),
    ] {
        assert_eq!(string.len(), text.len());
        assert_eq!(string.decode(&mut room), Ok(text));
        assert_eq!(string.eq_bytes(text, &mut room), Ok(true));
        assert_eq!(string.eq_bytes(b"other", &mut room), Ok(false));
        assert!(!string.is_empty());
    }
    assert!(RawStr::Plain(b"").is_empty());
}

#[test]
fn plain_bytes_are_borrowed() {
    let file = *b"abc";
    let mut room = Vec::new();
    assert!(std::ptr::eq(RawStr::Plain(&file).decode(&mut room).unwrap(), &file[..]));
    assert!(room.is_empty());
}
