//! Hashes, with and without expiries of their fields.

use rdb_reindex::dump::rdb::{ErrorKind as K, Snippet};

use super::write::{i, listpack, s, string, ziplist};
use super::{facts, ok, packed, redis, valkey, x};

fn ex(entries: &[super::write::Entry]) -> Result<String, K> {
    redis(25, &[&[0; 8][..], &string(&listpack(entries))].concat())
}

facts! {
    table: redis(4, &x("02 01 'a' 01 'b' C0 01 00")) => ok("a=b 1=");
    table_count: redis(4, &x("06")) => Err(K::Count { what: "fields", count: 6, left: 9 });
    in_a_ziplist: packed(13, &ziplist(&[s("a"), i(1)])) => ok("a=1");
    in_a_listpack: packed(16, &listpack(&[s("a"), i(1), i(2), i(3)])) => ok("a=1 2=3");
    odd: packed(16, &listpack(&[s("a")])) => Err(K::CompactGroups { entries: 1, group: 2 });

    // Absolute.
    metadata_pre_ga: redis(22, &x("02 00 01 'a' 01 'b' 40 64 01 'c' 01 'd'")) => ok("a=b c=d@100");
    metadata_pre_ga_count: redis(22, &x("04")) => Err(K::Count { what: "fields", count: 4, left: 9 });
    // 256 + 1 - 1, and 256 + 100 - 1.
    metadata: redis(24, &x("00 01 00 00 00 00 00 00 03 00 01 'a' 01 'b' 01 01 'c' 01 'd' 40 64 01 'e' 00")) =>
        ok("a=b c=d@256 e=@355");
    // As Upstash writes it: no minimum, one more than the milliseconds.
    metadata_without_minimum: redis(24, &x("00 00 00 00 00 00 00 00 01 40 65 01 'a' 01 'b'")) => ok("a=b@100");
    metadata_too_late: redis(24, &x("00 00 00 00 00 00 00 00 01 81 00 01 00 00 00 00 00 01 01 'a' 01 'b'")) =>
        Err(K::FieldExpiry { minimum: 0, ttl: (1 << 48) + 1 });
    metadata_last: redis(24, &x("00 00 00 00 00 00 00 00 01 81 00 01 00 00 00 00 00 00 01 'a' 01 'b'")) =>
        ok("a=b@281474976710655");
    metadata_overflow: redis(24, &x("FF FF FF FF FF FF FF 7F 01 02 01 'a' 01 'b'")) =>
        Err(K::FieldExpiry { minimum: i64::MAX, ttl: 2 });
    metadata_negative: redis(24, &x("00 00 00 00 00 00 00 80 01 02 01 'a' 01 'b'")) =>
        Err(K::FieldExpiry { minimum: i64::MIN, ttl: 2 });

    listpack_ex: ex(&[s("a"), s("b"), i(100), i(1), i(2), i(0)]) => ok("a=b@100 1=2");
    listpack_ex_pre_ga: packed(23, &listpack(&[s("a"), s("b"), i(100)])) => ok("a=b@100");
    listpack_ex_two: ex(&[s("a"), s("b")]) => Err(K::CompactGroups { entries: 2, group: 3 });
    listpack_ex_four: ex(&[s("a"), s("b"), i(0), s("c")]) => Err(K::CompactGroups { entries: 4, group: 3 });
    listpack_ex_text: ex(&[s("a"), s("b"), s("c")]) => Err(K::FieldTtl(Snippet::of(b"c")));
    listpack_ex_negative: ex(&[s("a"), s("b"), i(-5)]) => Err(K::FieldTtl(Snippet::of(b"-5")));
    listpack_ex_too_late: ex(&[s("a"), s("b"), i(1 << 48)]) => Err(K::FieldTtl(Snippet::of(b"281474976710656")));

    listpack_ex_alike: ex(&[s("a"), s("b"), i(100), s("c"), s("d"), i(100), s("e"), s("f"), i(0), s("g"), s("h"), i(0)]) =>
        ok("a=b@100 c=d@100 e=f g=h");
    listpack_ex_order: ex(&[s("a"), s("b"), i(101), s("c"), s("d"), i(100)]) => Err(K::FieldTtlOrder { previous: 101, next: 100 });
    listpack_ex_none_first: ex(&[s("a"), s("b"), i(0), s("c"), s("d"), i(100)]) => Err(K::FieldTtlOrder { previous: 0, next: 100 });
    listpack_ex_pre_ga_order: packed(23, &listpack(&[s("a"), s("b"), i(2), s("c"), s("d"), i(1)])) =>
        Err(K::FieldTtlOrder { previous: 2, next: 1 });

    hash_2: valkey(22, &x("02 01 'a' 01 'b' FF FF FF FF FF FF FF FF 01 'c' 01 'd' 64 00 00 00 00 00 00 00")) =>
        ok("a=b c=d@100");
    hash_2_negative: valkey(22, &x("01 01 'a' 01 'b' FE FF FF FF FF FF FF FF")) => Err(K::FieldTtl(Snippet::of(b"-2")));
    hash_2_count: valkey(22, &x("01")) => Err(K::Count { what: "fields", count: 1, left: 9 });
}
