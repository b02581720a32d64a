//! LZF.

use rdb_reindex::dump::rdb::{ErrorKind as K, lzf};

use super::{facts, ok, redis, x};

fn expand(text: &str, len: usize) -> Result<String, K> {
    let packed = x(text);
    let mut out = vec![0; len];
    let into = lzf::expand_into(&packed, &mut out);
    let mut room = Vec::new();
    let grown = lzf::expand(&packed, len, &mut room).map(<[u8]>::to_vec);
    assert_eq!(into.map(|()| out), grown);
    grown.map(|bytes| bytes.escape_ascii().to_string())
}

facts! {
    // The example of the description.
    example: redis(0, &x("C3 05 1A 00 61 E0 10 00")) => ok("\"aaaaaaaaaaaaaaaaaaaaaaaaaa\"");
    literals: expand("02 'abc'", 3) => ok("abc");
    // 01100000: 3 + 2 bytes, from a distance of 2 + 1.
    short_copy: expand("02 'abc' 60 02", 8) => ok("abcabcab");
    overlap_of_one: expand("00 'a' 20 00", 4) => ok("aaaa");
    // 11100000 05 01: 5 + 9 bytes, from a distance of 1 + 1.
    long_copy: expand("01 'ab' E0 05 01", 16) => ok("abababababababab");
    nothing: expand("", 0) => ok("");
    literal_past_the_input: expand("02 'ab'", 3) => Err(K::LzfInputEnd);
    copy_without_distance: expand("00 'a' 20", 4) => Err(K::LzfInputEnd);
    long_copy_without_distance: expand("00 'a' E0 01", 11) => Err(K::LzfInputEnd);
    too_far_back: expand("00 'a' 20 01", 4) => Err(K::LzfDistance { distance: 2, written: 1 });
    first_is_no_literal: expand("20 00", 3) => Err(K::LzfDistance { distance: 1, written: 0 });
    literals_too_long: expand("02 'abc'", 2) => Err(K::LzfTooLong(2));
    copy_too_long: expand("00 'a' 20 00", 3) => Err(K::LzfTooLong(3));
    too_short: expand("02 'abc'", 4) => Err(K::LzfTooShort { len: 4, written: 3 });
    in_a_value: redis(0, &x("C3 05 1B 00 61 E0 10 00")) => Err(K::LzfTooShort { len: 27, written: 26 });
    cap: lzf::expand(&[], lzf::MAX_EXPANDED + 1, &mut Vec::new()).map(<[u8]>::len) =>
        Err(K::LzfCap { len: lzf::MAX_EXPANDED as u64 + 1, cap: lzf::MAX_EXPANDED as u64 });
}

#[test]
fn memory_follows_the_output_not_the_claim() {
    // Literals of 100,000 bytes, which claim to expand to all that the ratio allows.
    let packed: Vec<u8> = [&[31][..], &[b'a'; 32]].concat().repeat(3125);
    let len = packed.len() * 88;
    let mut room = Vec::new();
    let expected = K::LzfTooShort { len: len as u64, written: 100_000 };
    assert_eq!(lzf::expand(&packed, len, &mut room), Err(expected));
    assert!(room.len() <= 200_000, "{}", room.len());
}

#[test]
fn all_distances() {
    // A copy from each distance up to 8192, over a text without short repeats.
    let text: Vec<u8> = (0..8192_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut literals = Vec::new();
    for run in text.chunks(32) {
        literals.push(run.len() as u8 - 1);
        literals.extend(run);
    }
    let mut room = Vec::new();
    for distance in 1..=8192_usize {
        for n in [3, 8, 9, 16, 17, 33, 264] {
            let d = distance - 1;
            let mut packed = literals.clone();
            match n {
                3..=8 => packed.extend([((n as u8 - 2) << 5) | (d >> 8) as u8, d as u8]),
                _ => packed.extend([0xe0 | (d >> 8) as u8, (n - 9) as u8, d as u8]),
            }
            let mut expected = text.clone();
            for _ in 0..n {
                expected.push(expected[expected.len() - distance]);
            }
            assert_eq!(lzf::expand(&packed, 8192 + n, &mut room), Ok(&expected[..]), "{distance} {n}");
        }
    }
}
