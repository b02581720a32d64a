//! Sorted sets.

use rdb_reindex::dump::rdb::{ErrorKind as K, Snippet};

use super::write::{i, listpack, s, ziplist};
use super::{facts, ok, packed, redis, x};

fn score(text: &str) -> Result<String, K> {
    redis(3, &[&x("01 01 'm'")[..], &x(text)].concat())
}

facts! {
    text: score("03 '1.5'") => ok("m:1.5");
    text_integer: score("01 '7'") => ok("m:7.0");
    text_exponent: score("05 '1e-30'") => ok("m:1e-30");
    text_infinite: score("FE") => ok("m:inf");
    text_minus_infinite: score("FF") => ok("m:-inf");
    text_nan: score("FD") => Err(K::Score(Snippet::of(b"NaN")));
    text_spelled_nan: score("03 'nan'") => Err(K::Score(Snippet::of(b"nan")));
    text_empty: score("00") => Err(K::Score(Snippet::of(b"")));
    text_no_number: score("02 '1x'") => Err(K::Score(Snippet::of(b"1x")));
    count: redis(3, &x("06")) => Err(K::Count { what: "members", count: 6, left: 9 });

    // 1.5 is 3FF8 0000 0000 0000, -inf is FFF0 ..., a NaN is 7FF8 ...
    binary: redis(5, &x("02 01 'm' 00 00 00 00 00 00 F8 3F 01 'n' 00 00 00 00 00 00 F0 FF")) => ok("m:1.5 n:-inf");
    binary_nan: redis(5, &x("01 01 'm' 00 00 00 00 00 00 F8 7F")) => Err(K::Score(Snippet::of(b"NaN")));
    // One byte less than two members need.
    binary_count: redis(5, &x("02 00 00 00 00 00 00 00 00")) => Err(K::Count { what: "members", count: 2, left: 17 });

    in_a_ziplist: packed(12, &ziplist(&[s("a"), i(1), s("b"), s("1.5")])) => ok("a:1.0 b:1.5");
    in_a_listpack: packed(17, &listpack(&[s("a"), i(-1), i(5), s("inf"), s("c"), s("-inf")])) => ok("a:-1.0 5:inf c:-inf");
    integer_that_rounds: packed(17, &listpack(&[s("a"), i(9007199254740993)])) => ok("a:9007199254740992.0");
    no_number: packed(17, &listpack(&[s("a"), s("x")])) => Err(K::Score(Snippet::of(b"x")));
    nan: packed(17, &listpack(&[s("a"), s("nan")])) => Err(K::Score(Snippet::of(b"nan")));
    odd: packed(17, &listpack(&[s("a"), i(1), s("b")])) => Err(K::CompactGroups { entries: 3, group: 2 });
    odd_ziplist: packed(12, &ziplist(&[s("a")])) => Err(K::CompactGroups { entries: 1, group: 2 });
}
