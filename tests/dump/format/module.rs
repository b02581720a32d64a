//! Values of modules, RedisJSON among them.

use rdb_reindex::dump::rdb::{ErrorKind as K, ModuleId, ModuleItem, ModuleReader};

use super::{end, facts, ok, redis, x};

/// A value of type 7 whose module is RedisJSON of this version.
fn json(encver: u8, rest: &str) -> Result<String, K> {
    redis(7, &[&x("81 45 E2 52 38 DF 91 2C")[..], &[encver], &x(rest)].concat())
}

facts! {
    text: json(3, "05 07 7B 22 61 22 3A 31 7D 00") => ok(r#"text {\"a\":1}"#);
    number_in_disguise: json(3, "05 C0 2A 00") => ok("text 42");
    version_2: json(2, "05 02 '{}' 02 00 00") => ok("text {}");
    version_2_with_more: json(2, "05 02 '{}' 02 02 05 01 'a' 05 01 'b' 00") => ok("text {}");
    version_2_cut: json(2, "05 02 '{}' 02 02 05 01 'a' 00") => Err(K::JsonShape(2));
    cbor: json(4, "05 04 A1 61 61 01 00") => ok("cbor \\xa1aa\\x01");
    // -18 in CBOR is 31, which is the text "1".
    cbor_in_disguise: json(4, "05 C0 01 00") => ok("cbor 1");
    tree: json(0, "02 20 02 00 00") => ok("tree \\x02 \\x02\\x00\\x00");
    version_1: json(1, "05 00 00") => ok("unsupported 1");
    version_5: json(5, "02 00 00") => ok("unsupported 5");
    no_string: json(3, "02 01 00") => Err(K::JsonShape(3));
    nothing: json(3, "00") => Err(K::JsonShape(3));
    two_strings: json(3, "05 00 05 00 00") => Err(K::JsonShape(3));

    // A module with the id 0, which is called AAAAAAAAA.
    all_opcodes: redis(7, &x("00 01 05 02 06 03 00 00 80 3F 04 00 00 00 00 00 00 F0 3F 05 01 's' 05 C0 07 00")) => ok("<s> <7>");
    unknown_opcode: redis(7, &x("00 06 00")) => Err(K::ModuleOpcode(6));
    // The EOF opcode of the file starts no length.
    no_end: redis(7, &x("00 02 01")) => Err(K::StringWhereLength(0xff));
    cut_double: super::file(b"REDIS0011\x07\0\0\x04\0").map_err(|error| error.kind) => end(8, 1);
}

#[test]
fn ids() {
    // The examples of the description.
    for (id, name, encver) in [
        (0x45e2_5238_df91_2c03, "ReJSON-RL", 3),
        (0xb1c7_6dca_97b4_d001, "scdtype00", 1),
        (0x7edf_e29d_d7b1_d017, "ft_index0", 23),
    ] {
        let id = ModuleId(id);
        assert_eq!((id.to_string().as_str(), id.encver(), id.is_json()), (name, encver, name == "ReJSON-RL"));
    }
}

#[test]
fn the_tree_of_the_description() {
    // {"a":1,"b":"1"}, the first two of its members.
    let bytes = x("02 20 02 02 02 40 80 05 01 61 02 08 02 01 02 40 80 05 01 62 02 02 05 C0 01 00");
    let mut items = ModuleReader::new(&bytes, 100);
    let mut told = Vec::new();
    let mut room = Vec::new();
    loop {
        let at = items.offset();
        let Some(item) = items.next().unwrap() else { break };
        told.push(match item {
            ModuleItem::Integer(n) => format!("{at}:{n:x}"),
            ModuleItem::String(s, place) => format!("{at}:{place}:{}", s.decode(&mut room).unwrap().escape_ascii()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told.join(" "), "100:20 102:2 104:80 107:108:a 110:8 112:1 114:80 117:118:b 120:2 122:123:1");
    assert_eq!((items.left(), items.next()), (0, Ok(None)));
}
