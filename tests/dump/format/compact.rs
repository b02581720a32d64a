//! Intset, ziplist, zipmap, listpack: every encoding of an entry, and every error.

use rdb_reindex::dump::rdb::ErrorKind as K;

use super::write::{Entry, i, intset, listpack, s, ziplist, zipmap};
use super::{facts, ok, packed, x};

/// A set in a listpack whose header is made to fit `entries`.
fn lp(count: u16, entries: &str) -> Result<String, K> {
    let body = x(entries);
    packed(20, &[&(body.len() as u32 + 6).to_le_bytes()[..], &count.to_le_bytes(), &body].concat())
}

/// A list in a ziplist whose header is made to fit `entries`.
fn zl(count: u16, tail: u32, entries: &str) -> Result<String, K> {
    let body = x(entries);
    let total = (body.len() as u32 + 10).to_le_bytes();
    packed(10, &[&total[..], &tail.to_le_bytes(), &count.to_le_bytes(), &body].concat())
}

fn many(n: usize) -> Vec<Entry> {
    (0..n).map(|n| i(n as i64)).collect()
}

fn count_of(value: Result<String, K>) -> usize {
    value.unwrap().split(' ').count()
}

const LP: &str = "a listpack";
const ZL: &str = "a ziplist";

facts! {
    intset_16: packed(11, &x("02 00 00 00 03 00 00 00 FE FF 00 00 01 01")) => ok("-2 0 257");
    intset_32: packed(11, &intset(4, &[-2147483648, 2147483647])) => ok("-2147483648 2147483647");
    intset_64: packed(11, &intset(8, &[i64::MIN, i64::MAX])) => ok("-9223372036854775808 9223372036854775807");
    intset_empty: packed(11, &intset(2, &[])) => ok("");
    intset_width: packed(11, &x("03 00 00 00 00 00 00 00")) => Err(K::IntsetWidth(3));
    intset_size: packed(11, &x("02 00 00 00 02 00 00 00 01 00")) => Err(K::IntsetSize { width: 2, count: 2, len: 10 });
    intset_huge: packed(11, &x("08 00 00 00 FF FF FF FF")) => Err(K::IntsetSize { width: 8, count: u32::MAX, len: 8 });
    intset_order: packed(11, &intset(2, &[5, 4])) => Err(K::IntsetOrder { previous: 5, next: 4 });
    intset_twice: packed(11, &intset(2, &[5, 5])) => Err(K::IntsetOrder { previous: 5, next: 5 });
    intset_short: packed(11, &x("02 00 00 00")) => Err(K::CompactShort { form: "an intset", len: 4 });

    lp_empty: packed(20, &x("07 00 00 00 00 00 FF")) => ok("");
    lp_uint_7: lp(2, "00 01 7F 01 FF") => ok("0 127");
    lp_string_6: lp(2, "82 'ab' 03 80 01 FF") => ok("ab ");
    lp_int_13: lp(4, "C0 80 02 CF FF 02 D0 00 02 DF FF 02 FF") => ok("128 4095 -4096 -1");
    lp_string_12: lp(1, "E0 02 'ab' 04 FF") => ok("ab");
    lp_string_32: lp(1, "F0 02 00 00 00 'ab' 07 FF") => ok("ab");
    lp_int_16: lp(2, "F1 00 80 03 F1 05 00 03 FF") => ok("-32768 5");
    lp_int_24: lp(2, "F2 00 00 80 04 F2 FF FF 7F 04 FF") => ok("-8388608 8388607");
    lp_int_32: lp(1, "F3 00 00 00 80 05 FF") => ok("-2147483648");
    lp_int_64: lp(1, "F4 00 00 00 00 00 00 00 80 09 FF") => ok("-9223372036854775808");
    lp_count_unknown: lp(0xffff, "01 01 02 01 FF") => ok("1 2");
    lp_count_of_many: count_of(packed(20, &listpack(&many(70_000)))) => 70_000;
    lp_short: packed(20, &x("06 00 00 00 00 00")) => Err(K::CompactShort { form: LP, len: 6 });
    lp_no_header: packed(20, &x("06 00 00")) => Err(K::CompactShort { form: LP, len: 3 });
    lp_total: packed(20, &x("08 00 00 00 00 00 FF")) => Err(K::CompactTotal { form: LP, total: 8, len: 7 });
    lp_count: lp(3, "01 01 02 01 FF") => Err(K::CompactCount { form: LP, header: 3, walked: 2 });
    lp_no_end: lp(1, "01 01") => Err(K::CompactEnd { form: LP });
    lp_after_the_end: lp(0, "FF FF") => Err(K::CompactTrailing { form: LP, left: 1 });
    lp_encoding_f5: lp(1, "F5 01 FF") => Err(K::CompactEncoding { form: LP, byte: 0xf5 });
    lp_encoding_fe: lp(1, "FE 01 FF") => Err(K::CompactEncoding { form: LP, byte: 0xfe });
    lp_backlen: lp(1, "01 02 FF") => Err(K::ListpackBacklen { size: 1 });
    lp_past_the_end: lp(1, "84 'a' FF") => Err(K::CompactEntry { form: LP });
    lp_huge_string: lp(1, "F0 FF FF FF FF FF") => Err(K::CompactEntry { form: LP });
    lp_cut_integer: lp(1, "F4 00 00 FF") => Err(K::CompactEntry { form: LP });
    lp_cut_backlen: lp(1, "01") => Err(K::CompactEntry { form: LP });

    zl_empty: packed(10, &x("0B 00 00 00 0A 00 00 00 00 00 FF")) => ok("");
    zl_immediate: zl(2, 12, "00 F1 02 FD FF") => ok("[0]0 [1]12");
    zl_string_6: zl(1, 10, "00 02 'ab' FF") => ok("[0]ab");
    zl_string_14: zl(1, 10, "00 40 02 'ab' FF") => ok("[0]ab");
    zl_string_32: zl(1, 10, "00 80 00 00 00 02 'ab' FF") => ok("[0]ab");
    zl_string_32_low_bits: zl(1, 10, "00 BF 00 00 00 02 'ab' FF") => ok("[0]ab");
    zl_int_8: zl(1, 10, "00 FE 80 FF") => ok("[0]-128");
    zl_int_16: zl(1, 10, "00 C0 00 80 FF") => ok("[0]-32768");
    zl_int_24: zl(1, 10, "00 F0 00 00 80 FF") => ok("[0]-8388608");
    zl_int_32: zl(1, 10, "00 D0 00 00 00 80 FF") => ok("[0]-2147483648");
    zl_int_64: zl(1, 10, "00 E0 00 00 00 00 00 00 00 80 FF") => ok("[0]-9223372036854775808");
    zl_long_previous: zl(2, 12, "00 F1 FE 02 00 00 00 F2 FF") => ok("[0]0 [1]1");
    zl_count_unknown: zl(0xffff, 12, "00 F1 02 F2 FF") => ok("[0]0 [1]1");
    zl_long_entries: packed(10, &ziplist(&[s(&"a".repeat(300)), s("b")])) => ok(&format!("[0]{} [1]b", "a".repeat(300)));
    zl_short: packed(10, &x("0A 00 00 00 0A 00 00 00 00 00")) => Err(K::CompactShort { form: ZL, len: 10 });
    zl_total: packed(10, &x("0C 00 00 00 0A 00 00 00 00 00 FF")) => Err(K::CompactTotal { form: ZL, total: 12, len: 11 });
    zl_tail: zl(2, 10, "00 F1 02 F2 FF") => Err(K::ZiplistTail { header: 10, walked: 12 });
    zl_previous: zl(2, 12, "00 F1 03 F2 FF") => Err(K::ZiplistPrevious { found: 3, size: 2 });
    zl_previous_of_the_first: zl(1, 10, "01 F1 FF") => Err(K::ZiplistPrevious { found: 1, size: 0 });
    zl_count: zl(1, 12, "00 F1 02 F2 FF") => Err(K::CompactCount { form: ZL, header: 1, walked: 2 });
    zl_encoding: zl(1, 10, "00 C1 00 FF") => Err(K::CompactEncoding { form: ZL, byte: 0xc1 });
    zl_encoding_ff: zl(1, 10, "00 FF FF") => Err(K::CompactEncoding { form: ZL, byte: 0xff });
    zl_no_end: zl(1, 10, "00 F1") => Err(K::CompactEnd { form: ZL });
    zl_after_the_end: zl(0, 10, "FF 00") => Err(K::CompactTrailing { form: ZL, left: 1 });
    zl_past_the_end: zl(1, 10, "00 05 'ab' FF") => Err(K::CompactEntry { form: ZL });
    zl_cut_integer: zl(1, 10, "00 E0 00 FF") => Err(K::CompactEntry { form: ZL });
    zl_cut_previous: zl(1, 10, "FE 00 00") => Err(K::CompactEntry { form: ZL });

    zm_empty: packed(9, &x("00 FF")) => ok("");
    zm_pairs: packed(9, &x("02 01 'a' 01 00 'b' 02 'cd' 00 03 'xyz' FF")) => ok("a=b cd=");
    zm_long_length: packed(9, &x("01 FE 01 00 00 00 'a' FE 01 00 00 00 01 'b#' FF")) => ok("a=b");
    zm_count_unknown: packed(9, &x("FE 01 'a' 01 00 'b' FF")) => ok("a=b");
    zm_written: packed(9, &zipmap(&[(vec![b'f'; 254], b"v".to_vec())], 7)) => ok(&format!("{}=v", "f".repeat(254)));
    zm_short: packed(9, &x("00")) => Err(K::CompactShort { form: "a zipmap", len: 1 });
    zm_count: packed(9, &x("02 01 'a' 01 00 'b' FF")) => Err(K::CompactCount { form: "a zipmap", header: 2, walked: 1 });
    // 254 is "not known"; 255 is a count like any other, and never one of a server.
    zm_unknown_count: packed(9, &x("FE 01 'a' 01 00 'b' FF")) => ok("a=b");
    zm_count_of_255: packed(9, &x("FF 01 'a' 01 00 'b' FF")) => Err(K::CompactCount { form: "a zipmap", header: 255, walked: 1 });
    zm_value_length_of_255: packed(9, &x("01 01 'a' FF 01 00 00 00 00 'b' FF")) => Err(K::CompactEncoding { form: "a zipmap", byte: 0xff });
    zm_no_end: packed(9, &x("01 01 'a' 01 00 'b'")) => Err(K::CompactEnd { form: "a zipmap" });
    zm_no_value: packed(9, &x("01 01 'a' FF")) => Err(K::CompactEncoding { form: "a zipmap", byte: 0xff });
    zm_after_the_end: packed(9, &x("00 FF 00")) => Err(K::CompactTrailing { form: "a zipmap", left: 1 });
    zm_free_past_the_end: packed(9, &x("01 01 'a' 01 05 'b' FF")) => Err(K::CompactEntry { form: "a zipmap" });
    zm_value_past_the_end: packed(9, &x("01 01 'a' 05 00 'b' FF")) => Err(K::CompactEntry { form: "a zipmap" });
}

/// The widths of a backlen change where the description says they do.
#[test]
fn lp_widths_of_the_backlen() {
    // The size of an entry with a 12-bit length is 2 + n, with a 32-bit length 5 + n.
    for size in [125, 126, 127, 128, 129, 4097, 16381, 16382, 16383, 16384, 2_097_150, 2_097_151] {
        let n = if size < 4098 { size - 2 } else { size - 5 };
        let text = "a".repeat(n);
        let pack = listpack(&[s(&text), s("b")]);
        let width = pack.len() - 7 - size - 3;
        assert_eq!(
            width,
            match size {
                0..=127 => 1,
                128..=16382 => 2,
                16383..=2097150 => 3,
                _ => 4,
            },
            "{size}"
        );
        assert_eq!(packed(20, &pack), ok(&format!("{text} b")), "{size}");
        // Damaged in its last byte, which is where it starts when read backwards.
        let mut bad = pack.clone();
        bad[6 + size + width - 1] ^= 1;
        assert_eq!(packed(20, &bad), Err(K::ListpackBacklen { size: size as u64 }));
    }
}
