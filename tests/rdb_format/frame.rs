//! Header, opcodes, footer.

use rdb_reindex::rdb::{ErrorKind as K, Flavor, Snippet};

use crate::{body, end, facts, file, ok, redis, valkey, x};

fn whole(bytes: &[u8]) -> Result<String, K> {
    file(bytes).map_err(|error| error.kind)
}

fn r(text: &str) -> Result<String, K> {
    body("REDIS0015", &x(text))
}

fn v(text: &str) -> Result<String, K> {
    body("VALKEY080", &x(text))
}

const EXAMPLE: &str = "52 45 44 49 53 30 30 31 31 FE 00 00 01 6B 01 76 FF 1D 20 47 79 FF 06 E4 D1";

facts! {
    smallest_example: whole(&x(EXAMPLE)) => ok("db0 k<\"v\"> end@17 crc=Some(d1e406ff7947201d) +0");
    no_crc_before_5: whole(b"REDIS0004\xff") => ok("end@10 crc=None +0");
    crc_from_5: whole(b"REDIS0005\xff") => end(8, 0);
    cut_crc: whole(b"REDIS0011\xff1234567") => end(8, 7);
    crc_of_zero: whole(b"REDIS0011\xff\0\0\0\0\0\0\0\0") => ok("end@10 crc=Some(0) +0");
    bytes_after_the_footer: whole(b"REDIS0011\xff\0\0\0\0\0\0\0\0xyz") => ok("end@10 crc=Some(0) +3");
    commands_after_the_footer: whole(b"REDIS0011\xff\0\0\0\0\0\0\0\0*2\r\n") => ok("end@10 crc=Some(0) +4 aof");
    a_dump_after_the_footer: whole(b"REDIS0011\xff\0\0\0\0\0\0\0\0REDIS0011\xff\0\0\0\0\0\0\0\0") => ok("end@10 crc=Some(0) +18 dump");
    one_of_valkey: whole(b"REDIS0011\xff\0\0\0\0\0\0\0\0VALKEY080\xff\0\0\0\0\0\0\0\0") => ok("end@10 crc=Some(0) +18 dump");
    the_footer_missing_before_another: whole(b"REDIS0011\xffREDIS0011\xff\0\0\0\0\0\0\0\0") => ok("end@10 crc=Some(3130305349444552) +10");
    no_eof: whole(b"REDIS0011") => Err(K::MissingEof);
    no_eof_after_a_key: whole(b"REDIS0011\0\x01k\x01v") => Err(K::MissingEof);
    no_eof_after_a_prefix: whole(b"REDIS0011\xf9\x05") => Err(K::MissingEof);
    empty_file: whole(b"") => Err(K::Magic(Snippet::of(b"")));
    gzip: whole(&x("1F 8B 08 00")) => Err(K::Magic(Snippet::of(&x("1F 8B 08 00"))));
    too_new: whole(b"REDIS0016\xff") => Err(K::Version { flavor: Flavor::Redis, version: 16 });

    default_database: r("00 01 'k' 01 'v'") => ok("k<\"v\">");
    database: r("FE 05 00 01 'k' 01 'v'") => ok("db5 k<db=5 \"v\">");
    empty_key_and_value: r("00 00 00") => ok("<\"\">");
    seconds: r("FD 01 00 00 00 00 01 'k' 01 'v'") => ok("k<expire=1000 \"v\">");
    seconds_before_1970: r("FD FF FF FF FF 00 01 'k' 01 'v'") => ok("k<expire=-1000 \"v\">");
    milliseconds: r("FC 02 01 00 00 00 00 00 00 00 01 'k' 01 'v'") => ok("k<expire=258 \"v\">");
    idle: r("F8 40 FF 00 01 'k' 01 'v'") => ok("k<idle=255 \"v\">");
    freq: r("F9 FF 00 01 'k' 01 'v'") => ok("k<freq=255 \"v\">");
    last_prefix_wins: r("F9 01 F9 02 00 01 'k' 01 'v'") => ok("k<freq=2 \"v\">");
    prefixes_end_with_the_key: r("F9 01 00 01 'k' 01 'v' 00 01 'l' 01 'v'") => ok("k<freq=1 \"v\"> l<\"v\">");
    prefixes_survive_opcodes: r("F9 01 FE 01 FA 01 'a' 01 'b' 00 01 'k' 01 'v'") => ok("db1 aux a=b k<db=1 freq=1 \"v\">");
    enterprise_prefixes: r("79 05 6B 40 40 00 01 'k' 01 'v'") => ok("k<\"v\">");
    aux: r("FA 05 'ctime' C2 01 00 00 00") => ok("aux ctime=1");
    resize: r("FB 81 00 00 00 00 00 00 00 03 01") => ok("resize 3 1");
    function: r("F5 03 '#!l'") => ok("fn #!l");
    slot_info: r("F4 40 64 02 01") => ok("slot 100 2 1");
    slot_info_of_valkey: v("F4 01 02 00") => ok("slot 1 2 0");
    slot_import: v("F3 03 'job' 02 00 05 40 40 7F FF") => ok("import 3 2");
    slot_import_count: v("F3 00 7F FF 00") => Err(K::Count { what: "ranges of slots", count: 16383, left: 10 });
    key_meta: r("F3 02 'abcd' 02 05 00 'efgh' 05 01 'x' 00 00 01 'k' 01 'v'") => ok("k<\"v\">");
    key_meta_of_none: r("F3 00") => Err(K::KeyMetaCount(0));
    key_meta_of_too_many: r("F3 08") => Err(K::KeyMetaCount(8));
    // scdtype00 version 1, the example of the description.
    module_aux: r("F7 81 B1 C7 6D CA 97 B4 D0 01 02 01 02 03 00") => ok("module scdtype00 v1 when=1 \\x02\\x03\\x00");
    module_aux_opcode: r("F7 01 01") => Err(K::ModuleAuxOpcode(1));
    module_aux_when: r("F7 01 02 03") => Err(K::ModuleAuxWhen(3));
    update: v("F2 '*1'") => Err(K::Update);
    function_pre_ga: r("F6") => Err(K::Unsupported { byte: 246, name: "FUNCTION_PRE_GA" });
    gd_dict: r("64") => Err(K::Unsupported { byte: 100, name: "GD_DICT" });
    gcas: r("65") => Err(K::Unsupported { byte: 101, name: "GCAS" });
    gflags: r("66") => Err(K::Unsupported { byte: 102, name: "GFLAGS" });
    unknown_opcode: r("F1") => Err(K::UnknownType { byte: 241, flavor: Flavor::Redis });
    enterprise_is_not_valkey: v("79 05") => Err(K::UnknownType { byte: 121, flavor: Flavor::Valkey });

    module_pre_ga: redis(6, &[]) => Err(K::Unsupported { byte: 6, name: "MODULE_PRE_GA" });
    type_8: redis(8, &[]) => Err(K::UnknownType { byte: 8, flavor: Flavor::Redis });
    gcra: redis(33, &[]) => Err(K::Unsupported { byte: 33, name: "GCRA" });
    path_hash: valkey(23, &[]) => Err(K::Unsupported { byte: 23, name: "PATH_HASH" });
    type_24_of_valkey: valkey(24, &[]) => Err(K::UnknownType { byte: 24, flavor: Flavor::Valkey });
    type_34: redis(34, &[]) => Err(K::UnknownType { byte: 34, flavor: Flavor::Redis });
}

#[test]
fn a_version_does_not_bound_the_types() {
    // A listpack hash is of version 10.
    let value = crate::write::string(&crate::write::listpack(&[crate::write::s("f"), crate::write::s("v")]));
    assert_eq!(body("REDIS0003", &[&x("10 01 'k'")[..], &value].concat()), ok("k<f=v>"));
}
