//! Header, opcodes, footer.

use rdb_reindex::dump::rdb::{ErrorKind as K, Flavor, Item, Snippet, Walker};

use super::{body, end, facts, file, ok, redis, valkey, x};

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
    function_pre_ga: r("F6 03 'lib' 03 'LUA' 00 04 'code'") => ok("fn lib LUA None code");
    function_pre_ga_with_a_description: r("F6 03 'lib' 03 'LUA' 01 04 'what' 04 'code'") => ok("fn lib LUA Some(\"what\") code");
    function_pre_ga_of_neither: r("F6 03 'lib' 03 'LUA' 02 04 'code'") => Err(K::FunctionDescription(2));
    function_pre_ga_of_valkey: v("F6 03 'lib' 03 'LUA' 00 04 'code'") => Err(K::Unsupported { byte: 246, name: "FUNCTION_PRE_GA" });
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

/// Dragonfly uses these bytes for other types; the version says that they are not those of Redis.
#[test]
fn a_type_younger_than_the_version_is_not_guessed_at() {
    let types = [
        (20, "SET_LISTPACK", 11),
        (22, "HASH_METADATA_PRE_GA", 12),
        (23, "HASH_LISTPACK_EX_PRE_GA", 12),
        (24, "HASH_METADATA", 12),
        (25, "HASH_LISTPACK_EX", 12),
        (26, "STREAM_LISTPACKS_4", 13),
        (27, "STREAM_LISTPACKS_5", 14),
        (28, "ARRAY", 14),
        (29, "HASH_TMPL_LP", 15),
        (30, "HASH_TMPL_LP_REF", 15),
        (31, "HASH_TMPL_ARRAY", 15),
        (32, "HASH_TMPL_ARRAY_REF", 15),
        (33, "GCRA", 15),
    ];
    for (byte, name, since) in types {
        for version in 1..=15 {
            let error = body(&format!("REDIS{version:04}"), &[byte, 1, b'k']).expect_err("there is no value");
            let younger = K::Younger { byte, name, since, version };
            assert_eq!(error == younger, version < since, "{name} in version {version}: {error}");
        }
    }
}

#[test]
fn what_is_dragonflys_own_is_named() {
    let dragonfly = [&b"\xfa\x06df-ver\x07v1.25.0\xfe\0"[..]].concat();
    let told = |rest: &[u8]| body("REDIS0009", &[&dragonfly[..], rest].concat()).expect_err("not read");
    for (byte, name) in [(20, "JSON_OLD"), (30, "JSON"), (31, "HASH_WITH_EXPIRY"), (32, "SET_WITH_EXPIRY"), (33, "SBF")]
    {
        assert_eq!(told(&[byte, 1, b'k', 1, b'v']), K::Dragonfly { byte, name });
    }
    for (byte, name) in [
        (200, "FULLSYNC_END"),
        (201, "COMPRESSED_ZSTD_BLOB_START"),
        (202, "COMPRESSED_LZ4_BLOB_START"),
        (203, "COMPRESSED_BLOB_END"),
        (210, "JOURNAL_BLOB"),
        (211, "JOURNAL_OFFSET"),
        (220, "DF_MASK"),
        (240, "without a published name"),
    ] {
        assert_eq!(told(&[byte, 1, 0, 0, 0]), K::Dragonfly { byte, name });
        // Also behind an expiry.
        assert_eq!(told(&[&[253, 1, 2, 3, 4][..], &[byte, 1, 0, 0, 0]].concat()), K::Dragonfly { byte, name });
    }
    // What it shares with Redis is read, though it is of a later version.
    let list = [&dragonfly[..], &x("12 01 'k' 01 01 01 'a'")].concat();
    assert_eq!(body("REDIS0009", &list), ok("aux df-ver=v1.25.0 db0 k<[0]a>"));
    // A byte that is nobody's stays unknown.
    assert_eq!(told(&[36, 1]), K::UnknownType { byte: 36, flavor: Flavor::Redis });
}

/// A walk, and going back to a record that it found: both must take the same bytes for the same thing.
#[test]
fn what_may_stand_before_a_type_may_stand_there_when_a_record_is_read_again() {
    // Every opcode of Redis that may stand between an expiry and its key.
    let between = [
        "FA 0B 'mvcc-tstamp' 13 '1645954001566433280'",
        "F8 05",
        "F9 07",
        "FE 00",
        "FB 01 01",
        "F4 01 02 03",
        "79 05",
        "6B 05",
        "F5 03 '#!l'",
        "F6 03 'lib' 03 'LUA' 00 04 'code'",
        "F7 81 B1 C7 6D CA 97 B4 D0 01 02 01 02 03 00",
        "F2 07 01 01 'f'",
        "F3 01 'abcd' 02 05 00",
        "FD 01 00 00 00",
    ];
    let expiry = "FC 00 D8 C3 2C BB 03 00 00";
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new(), x(expiry)];
    for (n, one) in between.iter().enumerate() {
        prefixes.push([x(expiry), x(one)].concat());
        prefixes.push([x(one), x(expiry)].concat());
        let other = between[(n * 5 + 3) % between.len()];
        // A template may be defined once.
        if other != *one {
            prefixes.push([x(expiry), x(one), x(other)].concat());
            prefixes.push([x("F8 05"), x(one), x(expiry), x(other)].concat());
        }
    }
    for prefix in prefixes {
        let file = [b"REDIS0015", &prefix[..], b"\x02\x01k\x02\x01a\x01b\xff", &[0; 8]].concat();
        let mut walker = Walker::new(&file).unwrap();
        let header = walker.header();
        let walked = loop {
            match walker.next().unwrap() {
                Some(Item::Record(record)) => break record,
                Some(_) => {}
                None => panic!("no record"),
            }
        };
        let start = walked.start as u64;
        assert_eq!(rdb_reindex::dump::rdb::key_at(&file, header, start), Ok(walked.key), "{prefix:x?}");
        let again = rdb_reindex::dump::rdb::record_at(&file, header, start).unwrap();
        let opened = rdb_reindex::dump::rdb::open_record_at(&file, header, start).unwrap();
        for other in [&again, &opened] {
            assert_eq!((other.start, other.key, other.value.offset), (walked.start, walked.key, walked.value.offset));
            assert_eq!((other.expire_ms, other.idle, other.freq), (walked.expire_ms, walked.idle, walked.freq));
        }
        assert_eq!(again.value.bytes, walked.value.bytes);
        assert!(opened.value.bytes.starts_with(walked.value.bytes));
    }
}

/// A disk that is full, or a crash, leaves a file that goes on with NUL bytes.
#[test]
fn nul_bytes_at_the_end_are_no_records() {
    let records = x("FE 00 00 01 'a' 01 'v' 02 01 's' 02 01 'x' 01 'y' 00 01 'b' C0 07");
    let start = 9;
    for cut in 0..=records.len() {
        for zeros in [3, 4, 5, 6, 8, 9, 40, 5000] {
            let file = [b"REDIS0011", &records[..cut], &vec![0; zeros]].concat();
            let mut walker = Walker::new(&file).unwrap();
            let mut keys = 0;
            let error = loop {
                match walker.next() {
                    Ok(Some(Item::Record(record))) => {
                        assert!(record.value.end() <= start + cut, "{cut} {zeros}");
                        keys += 1;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no end"),
                    Err(error) => break error,
                }
            };
            // Where records end.
            let whole = [7, 15, 20].iter().filter(|end| **end <= cut).count();
            assert_eq!(keys, whole, "{cut} {zeros}");
            assert!(matches!(error.kind, K::NulTail(n) if n >= zeros as u64), "{cut} {zeros}: {error}");
        }
    }
    // Behind the end of a dump they are ignored, as servers do; one or two are no record.
    assert_eq!(whole(&[b"REDIS0011\xff".as_slice(), &[0; 500]].concat()), ok("end@10 crc=Some(0) +492"));
    assert_eq!(whole(b"REDIS0011\0\x01k\x01v\0\0"), end(1, 0));
}

#[test]
fn a_version_does_not_bound_the_types_that_mean_the_same_to_everybody() {
    // A listpack hash is of version 10.
    let value = super::write::string(&super::write::listpack(&[super::write::s("f"), super::write::s("v")]));
    assert_eq!(body("REDIS0003", &[&x("10 01 'k'")[..], &value].concat()), ok("k<f=v>"));
}
