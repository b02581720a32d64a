//! Sparse arrays.

use rdb_reindex::dump::rdb::ErrorKind as K;

use super::{facts, ok, redis, x};

facts! {
    // 2.5 is 4004 0000 0000 0000.
    all_tags: redis(28, &x("04 00 00 00 01 'a' 02 01 FE FF FF FF FF FF FF FF 05 02 00 00 00 00 00 00 04 40 09 03 00")) =>
        ok("[0]a [2]-2 [5]2.5 [9]");
    with_a_next_index: redis(28, &x("01 01 40 64 07 00 01 'a'")) => ok("[7]a");
    whole_double: redis(28, &x("01 00 00 02 00 00 00 00 00 00 F0 3F")) => ok("[0]1");
    largest_index: redis(28, &x("01 00 81 FF FF FF FF FF FF FF FE 00 00")) => ok("[18446744073709551614]");
    no_index: redis(28, &x("01 00 81 FF FF FF FF FF FF FF FF 00 00")) => Err(K::ArrayIndex);
    tag: redis(28, &x("01 00 00 04 00")) => Err(K::ArrayTag(4));
    flag: redis(28, &x("01 02 00 00 00")) => Err(K::ArrayFlag(2));
    count: redis(28, &x("04 00")) => Err(K::Count { what: "elements of an array", count: 4, left: 9 });
}
