//! The writer of dumps against real servers: what it wrote is what they hold.

mod support;

use support::dump_writer::DumpBuilder;
use support::server::{Program, Server, query};

/// Texts at the edges of the string forms: integer widths, the 20 bytes below which nothing is compressed, runs and
/// copies of the greatest length, a distance beyond the window, and bytes that do not compress.
fn texts() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> =
        ["", "0", "-0", "007", "127", "128", "-129", "32768", "2147483647", "2147483648", "a b"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    texts.extend([20, 21, 26, 300, 5000].map(|n| vec![b'a'; n]));
    let noise: Vec<u8> = (0..9000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    texts.extend([31, 32, 33, 64, 65, 9000].map(|n| noise[..n].to_vec()));
    texts.extend([263, 264, 265, 266, 529].map(|n| [&noise[..40], &vec![b'z'; n][..], &noise[..40]].concat()));
    texts.push([&noise[..], &noise[..]].concat());
    texts.push([&noise[..50], &noise[..8142], &noise[..50]].concat());
    texts.push(b"message:discord:project:discord:OVPuPOX3_mU4xVSdeqYP-:1382000000000000001".repeat(3));
    texts
}

#[test]
fn strings_read_back() {
    let texts = texts();
    let mut builder = DumpBuilder::new(10);
    builder.server_aux(1_736_000_000).select_db(0).resize_db(texts.len() as u64, 0);
    for (i, text) in texts.iter().enumerate() {
        builder.string(format!("text:{i}"), text);
    }
    let Some(server) = Server::builder().dump_bytes(builder.finish()).start() else { return };
    let mut connection = server.connection();
    for (i, text) in texts.iter().enumerate() {
        let got: Vec<u8> = query(&mut connection, &["GET", &format!("text:{i}")]);
        assert!(got == *text, "text {i} of {} bytes", text.len());
    }
}

/// Builds one key, and says what a server must answer for it.
struct Fact {
    build: fn(&mut DumpBuilder),
    encoding: &'static str,
    ask: &'static [&'static str],
    answer: Vec<String>,
}

fn numbers(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Members of every listpack integer width, and strings of the three lengths' forms.
fn mixed() -> Vec<String> {
    let mut mixed: Vec<String> = ["-1", "127", "128", "4095", "-4096", "4096", "32767", "-32769", "8388607", "8388608"]
        .iter()
        .chain(&["2147483648", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "01", "-"])
        .map(|&text| text.to_owned())
        .collect();
    mixed.push("x".repeat(63));
    mixed.push("x".repeat(64));
    mixed
}

fn facts() -> Vec<Fact> {
    let long_list =
        || [mixed(), vec!["y".repeat(4095), "z".repeat(4096), "w".repeat(20_000)], numbers(0..3000)].concat();
    let zset_answer = |n: i32| (0..n).flat_map(|i| [format!("f{i}"), (f64::from(i) / 4.0).to_string()]).collect();
    vec![
        Fact {
            build: |b| _ = b.set("k", &numbers(-300..212)),
            encoding: "intset",
            ask: &["SORT", "k"],
            answer: numbers(-300..212),
        },
        Fact {
            build: |b| _ = b.set("k", &["70000", "-70000", "9000000000"]),
            encoding: "intset",
            ask: &["SORT", "k"],
            answer: vec!["-70000".into(), "70000".into(), "9000000000".into()],
        },
        Fact {
            build: |b| _ = b.set("k", &numbers(0..513)),
            encoding: "hashtable",
            ask: &["SORT", "k"],
            answer: numbers(0..513),
        },
        Fact {
            build: |b| _ = b.set("k", &["b", "a"]),
            encoding: "hashtable",
            ask: &["SORT", "k", "ALPHA"],
            answer: vec!["a".into(), "b".into()],
        },
        Fact {
            build: |b| _ = b.list("k", &mixed()),
            encoding: "quicklist",
            ask: &["LRANGE", "k", "0", "-1"],
            answer: mixed(),
        },
        Fact {
            build: |b| {
                let long = [mixed(), vec!["y".repeat(4095), "z".repeat(4096), "w".repeat(20_000)], numbers(0..3000)];
                b.list("k", &long.concat());
            },
            encoding: "quicklist",
            ask: &["LRANGE", "k", "0", "-1"],
            answer: long_list(),
        },
        Fact {
            build: |b| _ = b.hash("k", &[("f", "1.5"), ("g", "12")]),
            encoding: "listpack",
            ask: &["HMGET", "k", "f", "g"],
            answer: vec!["1.5".into(), "12".into()],
        },
        Fact {
            build: |b| _ = b.hash("k", &[("f", "v".repeat(65)), ("g", "12".into())]),
            encoding: "hashtable",
            ask: &["HMGET", "k", "f", "g"],
            answer: vec!["v".repeat(65), "12".into()],
        },
        Fact {
            build: |b| {
                _ = b.zset("k", &(0..128).rev().map(|i| (format!("f{i}"), f64::from(i) / 4.0)).collect::<Vec<_>>())
            },
            encoding: "listpack",
            ask: &["ZRANGE", "k", "0", "-1", "WITHSCORES"],
            answer: zset_answer(128),
        },
        Fact {
            build: |b| _ = b.zset("k", &(0..129).map(|i| (format!("f{i}"), f64::from(i) / 4.0)).collect::<Vec<_>>()),
            encoding: "skiplist",
            ask: &["ZRANGE", "k", "0", "-1", "WITHSCORES"],
            answer: zset_answer(129),
        },
        Fact {
            build: |b| _ = b.zset("k", &[("a", f64::NEG_INFINITY), ("b", f64::INFINITY), ("c", -3.0)]),
            encoding: "listpack",
            ask: &["ZRANGE", "k", "0", "-1"],
            answer: vec!["a".into(), "c".into(), "b".into()],
        },
    ]
}

/// A database a fact, in one dump: `sanitize-dump-payload yes` makes the server verify every compact encoding deeply.
#[test]
fn collections_read_back_in_the_encoding_of_a_server() {
    let facts = facts();
    let mut builder = DumpBuilder::new(10);
    builder.server_aux(1_736_000_000);
    for (db, fact) in facts.iter().enumerate() {
        builder.select_db(db as u64).resize_db(1, 0);
        (fact.build)(&mut builder);
    }
    let dump = builder.finish();
    let Some(server) = Server::builder().dump_bytes(dump).args(&["--sanitize-dump-payload", "yes"]).start() else {
        return;
    };
    let mut connection = server.connection();
    for (db, fact) in facts.iter().enumerate() {
        query::<()>(&mut connection, &["SELECT", &db.to_string()]);
        let encoding: String = query(&mut connection, &["OBJECT", "ENCODING", "k"]);
        assert_eq!(encoding, fact.encoding, "fact {db}");
        let answer: Vec<String> = query(&mut connection, fact.ask);
        assert_eq!(answer, fact.answer, "fact {db}");
    }
    let check = server.check_rdb(&server.folder().join("dump.rdb"));
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

/// One dump with a key of each kind, as the version of the server writes them.
fn a_key_of_each_kind(builder: &mut DumpBuilder) -> Vec<u8> {
    builder.select_db(0).resize_db(8, 1).string("string", "text").list("list", &["a", "1", "b"]);
    builder.set("set", &["x", "y"]).set("integers", &["1", "2", "70000"]).set("big", &numbers(0..600));
    builder.hash("hash", &[("f", "v")]).zset("zset", &[("m", 1.5), ("n", 2.0)]);
    builder.expire_ms(4_102_444_800_000).string("later", "text");
    builder.finish()
}

/// A server's digest of the same keys set by commands.
fn expected_digest(program: Program) -> Option<String> {
    let server = Server::builder().program(program).start()?;
    let mut connection = server.connection();
    let mut run = |line: &str| query::<redis::Value>(&mut connection, &line.split(' ').collect::<Vec<_>>());
    run("SET string text");
    run("RPUSH list a 1 b");
    run("SADD set x y");
    run("SADD integers 1 2 70000");
    run(&format!("SADD big {}", numbers(0..600).join(" ")));
    run("HSET hash f v");
    run("ZADD zset 1.5 m 2 n");
    run("SET later text PXAT 4102444800000");
    Some(server.digest())
}

macro_rules! version {
    ($name:ident, $program:ident, $builder:expr) => {
        #[test]
        fn $name() {
            let dump = a_key_of_each_kind(&mut $builder);
            let loaded = Server::builder().program(Program::$program).dump_bytes(dump).start();
            let (Some(server), Some(digest)) = (loaded, expected_digest(Program::$program)) else { return };
            assert_eq!(server.digest(), digest);
            assert_eq!(server.query::<i64>(&["PEXPIRETIME", "later"]), 4_102_444_800_000);
        }
    };
}

version!(version_2_loads, Redis70, DumpBuilder::new(2));
version!(version_5_loads, Redis70, DumpBuilder::new(5));
version!(version_9_loads, Redis70, DumpBuilder::new(9));
version!(version_10_loads, Redis70, DumpBuilder::new(10));
