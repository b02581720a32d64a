//! Lists and sets that are written element by element or in nodes.

use rdb_reindex::dump::rdb::ErrorKind as K;

use super::write::{i, listpack, s, string, ziplist};
use super::{facts, ok, redis, x};

fn nodes(ty: u8, parts: &[&[u8]]) -> Result<String, K> {
    redis(ty, &parts.concat())
}

facts! {
    list: redis(1, &x("03 01 'a' 00 C0 05")) => ok("[0]a [1] [2]5");
    list_empty: redis(1, &x("00")) => ok("");
    list_count: redis(1, &x("40 40 00")) => Err(K::Count { what: "elements", count: 64, left: 10 });
    list_count_huge: redis(1, &x("81 FF FF FF FF FF FF FF FF")) => Err(K::Count { what: "elements", count: u64::MAX, left: 9 });
    set: redis(2, &x("02 01 'a' 01 'b'")) => ok("a b");
    set_count: redis(2, &x("80 00 01 00 00")) => Err(K::Count { what: "elements", count: 65536, left: 9 });

    quicklist: nodes(14, &[&[2], &string(&ziplist(&[s("a"), i(7)])), &string(&ziplist(&[s("b")]))]) => ok("[0]a [1]7 [2]b");
    quicklist_empty_node: nodes(14, &[&[2], &string(&ziplist(&[])), &string(&ziplist(&[s("b")]))]) => ok("[0]b");
    quicklist_no_node: redis(14, &x("01 00")) => Err(K::QuicklistEmptyNode);
    quicklist_count: redis(14, &x("40 40")) => Err(K::Count { what: "list nodes", count: 64, left: 9 });

    quicklist_2: nodes(18, &[&[2, 1], &string(b"plain"), &[2], &string(&listpack(&[s("a"), i(-1)]))]) => ok("[0]plain [1]a [2]-1");
    quicklist_2_plain_integer: redis(18, &x("01 01 C0 05")) => ok("[0]5");
    quicklist_2_container: redis(18, &x("01 03 00")) => Err(K::QuicklistContainer(3));
    quicklist_2_no_node: redis(18, &x("01 02 00")) => Err(K::QuicklistEmptyNode);
    quicklist_2_count: redis(18, &x("06 01")) => Err(K::Count { what: "list nodes", count: 6, left: 10 });
}
