//! What an error says.

use rdb_reindex::dump::rdb::Error;

use super::write::{listpack, s, string};
use super::{file, x};

fn error(body: &[u8]) -> Error {
    file(&[b"REDIS0011", body].concat()).unwrap_err()
}

fn text(body: &[u8]) -> String {
    error(body).to_string()
}

#[test]
fn in_a_record_with_a_prefix() {
    // 9 F9 05, 11 type, 12 key, 14 the string.
    assert_eq!(
        text(&x("F9 05 00 01 'k' C7")),
        "byte 0xc7 is not a string encoding, at offset 14 (0xe), in the record that starts at 9"
    );
}

#[test]
fn in_a_cut_string() {
    assert_eq!(
        text(&x("00 01 'k' 05 'ab'")),
        "the data ends too early: 5 bytes are expected and 2 are left; the file is truncated or damaged, at offset 12 (0xc), \
         in the record that starts at 9"
    );
}

#[test]
fn inside_a_compact_form() {
    let mut pack = listpack(&[s("a"), s("b")]);
    // Entries of 3 bytes from 6 on; this is the size at the end of the second.
    pack[11] = 5;
    let error = error(&[&x("14 01 'k'")[..], &string(&pack), &x("FF 00 00 00 00 00 00 00 00")].concat());
    assert_eq!((error.offset, error.inside, error.record), (12, Some(9), Some(9)));
    assert_eq!(
        error.to_string(),
        "a listpack entry of 2 bytes has another size at its end, at offset 12 (0xc), byte 9 of the decoded string there, \
         in the record that starts at 9"
    );
}

#[test]
fn of_the_file() {
    assert_eq!(
        text(b""),
        "the file ends before its EOF opcode: it is truncated, at offset 9 (0x9), in the record that starts at 9"
    );
    assert_eq!(
        file(b"{\"a\":1}").unwrap_err().to_string(),
        r#"not an RDB file: it starts with "{\u{22}a\u{22}:1}", not with REDIS or VALKEY and a version, at offset 0 (0x0)"#
    );
}
