//! The writer of dumps against real servers: what it wrote is what they hold.

use crate::support;

use redis::Connection;
use std::collections::{BTreeMap, BTreeSet};
use support::dump_writer::DumpBuilder;
use support::dump_writer::discord::{self, Item, Options, Records, Shape};
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
            // Redis 6.2 has no PEXPIRETIME: the time left and the server's clock make it up, some seconds aside.
            let (now, left): (i64, i64) = (server.query::<(i64, i64)>(&["TIME"]).0, server.query(&["PTTL", "later"]));
            assert!((now * 1000 + left - 4_102_444_800_000).abs() < 10_000);
        }
    };
}

version!(version_2_loads, Redis70, DumpBuilder::new(2));
version!(version_5_loads, Redis70, DumpBuilder::new(5));
version!(version_9_loads, Redis70, DumpBuilder::new(9));
version!(version_10_loads, Redis70, DumpBuilder::new(10));
version!(version_9_loads_where_it_comes_from, Redis62, DumpBuilder::new(9));
version!(version_11_loads, Redis82, DumpBuilder::new(11));
version!(version_12_loads, Redis82, DumpBuilder::new(12));
version!(the_form_of_upstash_loads, Redis82, *DumpBuilder::new(12).upstash(true));
version!(valkey_80_loads, Valkey91, DumpBuilder::valkey(80));

fn written(options: &Options) -> Vec<u8> {
    let mut dump = Vec::new();
    let summary = discord::write(options, &mut dump).expect("memory can be written to");
    assert_eq!(summary.bytes, dump.len() as u64);
    assert_eq!(summary.keys, Shape::new(options.clone()).keys());
    dump
}

fn small(records: Records) -> Options {
    let base = Options { messages: 3000, records, projects: 4, wrong: 20, wrong_keys: 300, ..Options::default() };
    Options { orphans: 100, tiny: 50, giant_set: 1000, ..base }
}

/// The document as the server has it, whatever the records are; a hash's values are text.
fn served(connection: &mut Connection, records: Records, key: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let text: String = match records {
        Records::Hash => return query(connection, &[b"HGETALL", key]),
        Records::Json => query(connection, &[b"JSON.GET", key]),
        Records::String => query(connection, &[b"GET", key]),
    };
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).expect("a document is JSON");
    let bytes = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes();
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, bytes(value))).collect()
}

fn members(connection: &mut Connection, shape: &Shape, item: Item) -> BTreeSet<Vec<u8>> {
    query(connection, &[b"SMEMBERS", shape.key_of(item).as_slice()])
}

macro_rules! large_writer {
    ($name:ident, $records:expr) => {
        /// What is in the server is what the writer says; what is wrong with the indexes is what the options ask for.
        #[test]
        fn $name() {
            let options = small($records);
            let shape = Shape::new(options.clone());
            let builder = Server::builder().rejson().args(&["--sanitize-dump-payload", "yes"]);
            let Some(server) = builder.dump_bytes(written(&options)).start() else { return };
            let check = server.check_rdb(&server.folder().join("dump.rdb"));
            assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
            let mut connection = server.connection();
            assert_eq!(query::<u64>(&mut connection, &["DBSIZE"]), shape.keys());

            let mut by_project = BTreeMap::<Vec<u8>, BTreeSet<Vec<u8>>>::new();
            for message in 0..options.messages {
                let key = shape.message_key(message);
                let fields = served(&mut connection, $records, &key);
                assert_eq!(fields["id"], key);
                if message % 97 == 0 && $records == Records::Hash {
                    let said: BTreeMap<_, _> = shape.fields(message).into_iter().collect();
                    assert!(
                        fields.iter().map(|(name, value)| (name.as_str(), value)).eq(said.iter().map(|(n, v)| (*n, v)))
                    );
                } else if message % 97 == 0 {
                    let command: &[u8] = if $records == Records::Json { b"JSON.GET" } else { b"GET" };
                    let text: Vec<u8> = query(&mut connection, &[command, &key]);
                    let parsed =
                        |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("a document is JSON");
                    assert_eq!(parsed(&text), parsed(&shape.document(message)));
                }
                if let Some(project) = fields.get("projectId") {
                    by_project.entry(project.clone()).or_default().insert(key);
                }
            }
            // 3,000 messages, a tenth of them of no project; of the rest, two of a hundred missing and as many stale.
            let live: usize = (0..4).map(|p| by_project[&shape.project_key(p)].len()).sum();
            assert_eq!(live, 2700);
            for project in 0..4 {
                let desired = &by_project[&shape.project_key(project)];
                let actual = members(&mut connection, &shape, Item::ProjectIndex(project));
                assert_eq!(desired.difference(&actual).count(), desired.len() / 50);
                assert_eq!(actual.difference(desired).count(), desired.len() / 50);
                assert_eq!(actual, shape.members_of(Item::ProjectIndex(project)).into_iter().collect());
            }
            // Every message is in exactly one user's and one channel's index; 3,000 / 20 of each.
            for index in [Item::UserIndex as fn(u64) -> Item, Item::ChannelIndex] {
                let mut named = BTreeMap::<Vec<u8>, u32>::new();
                for n in 0..150 {
                    for member in members(&mut connection, &shape, index(n)) {
                        *named.entry(member).or_default() += 1;
                    }
                }
                assert!((0..3000).all(|message| named.get(&shape.message_key(message)) == Some(&1)));
            }
            let info: String = query(&mut connection, &["INFO", "keyspace"]);
            // Of the wrong keys 0 to 299 those that leave 9 when divided by 16 (9, 25, ..., 297: 19), and a heartbeat.
            assert!(info.contains(",expires=20,"), "{info}");
            assert_eq!(query::<u64>(&mut connection, &["SCARD", "giant:set"]), 1000);
            assert_eq!(query::<u64>(&mut connection, &["GET", "tiny:49"]), 49);
        }
    };
}

large_writer!(large_dumps_of_documents, Records::Json);
large_writer!(large_dumps_of_strings, Records::String);
large_writer!(large_dumps_of_hashes, Records::Hash);

/// Compressed or not, compact or not: to a server it is the same.
#[test]
fn large_dumps_in_the_form_of_upstash() {
    let options = Options { upstash: true, ..small(Records::Json) };
    let plain = written(&options);
    assert!(plain.starts_with(b"REDIS0012") && plain.ends_with(&[255, 0, 0, 0, 0, 0, 0, 0, 0]));
    let load = |dump| Server::builder().program(Program::Redis82).rejson().dump_bytes(dump).start();
    let (Some(upstash), Some(redis)) = (load(plain), load(written(&small(Records::Json)))) else { return };
    assert_eq!(upstash.digest(), redis.digest());
    let shape = Shape::new(options);
    for message in (0..3000).step_by(97) {
        // What a digest says of a module's values is the module's affair.
        let document = |server: &Server| server.query::<String>(&[b"JSON.GET".as_slice(), &shape.message_key(message)]);
        assert_eq!(document(&upstash), document(&redis));
    }
}

/// Sets and sorted sets beyond 16,384 members are written in pieces.
#[test]
fn large_sets_are_whole() {
    let options =
        Options { messages: 60_000, records: Records::String, projects: 2, giant_set: 40_000, ..Options::default() };
    let shape = Shape::new(options.clone());
    let Some(server) = Server::builder().rejson().dump_bytes(written(&options)).start() else { return };
    let mut connection = server.connection();
    assert_eq!(query::<u64>(&mut connection, &["DBSIZE"]), shape.keys());
    // 58,200 messages of projects: two thirds in the first, one third in the second, whose timeline is the only one.
    let sizes = [0, 1].map(|p| shape.messages_of(p).count());
    assert_eq!(sizes, [38_800, 19_400]);
    for (project, size) in sizes.into_iter().enumerate() {
        let item = Item::ProjectIndex(project as u64);
        let actual = members(&mut connection, &shape, item);
        assert_eq!(actual.len(), size, "as many are missing as are stale");
        assert_eq!(actual, shape.members_of(item).into_iter().collect());
    }
    let timeline: Vec<String> =
        query(&mut connection, &[b"ZRANGE", shape.key_of(Item::Timeline(0)).as_slice(), b"0", b"-1"]);
    assert_eq!(timeline.len(), 19_400);
    assert!(timeline.is_sorted(), "ids grow with time");
    let giant: BTreeSet<String> = query(&mut connection, &["SMEMBERS", "giant:set"]);
    assert_eq!(giant, (0..40_000).map(|n| format!("member:{n}")).collect());
}

#[test]
fn the_same_options_give_the_same_bytes_on_any_number_of_threads() {
    let options = small(Records::Json);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
        pool.install(|| written(&options))
    };
    let one = with(1);
    assert!(one == with(4));
    assert!(one != written(&Options { seed: 2, ..options.clone() }));
}

macro_rules! edge {
    ($name:ident, $options:expr) => {
        #[test]
        fn $name() {
            let options: Options = $options;
            let dump = written(&options);
            let Some(server) = Server::builder().rejson().dump_bytes(dump).start() else { return };
            assert_eq!(server.query::<u64>(&["DBSIZE"]), Shape::new(options).keys());
        }
    };
}

edge!(no_message, Options { messages: 0, ..Options::default() });
edge!(one_message, Options { messages: 1, orphans: 0, ..Options::default() });
edge!(fewer_messages_than_projects, Options { messages: 7, wrong_keys: 0, ..Options::default() });
edge!(no_project, Options { messages: 100, projects: 0, ..Options::default() });
edge!(all_wrong, Options { messages: 500, wrong: 500, orphans: 0, ..Options::default() });

#[test]
fn a_server_with_tls_and_a_password_answers_and_is_recorded() {
    let Some(server) = Server::builder().password("secret1").tls().start() else { return };
    let ca = std::fs::read(server.tls_ca()).expect("the authority's certificate is in the server's folder");
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(ca) };
    let client = redis::Client::build_with_tls(server.tls_url(), certificates).expect("the certificate is readable");
    let mut connection = client.get_connection().expect("the server is who its authority says");
    let monitor = server.monitor();
    query::<()>(&mut connection, &["SADD", "k", "a \"quoted\" member"]);
    let commands = monitor.finish(&server);
    assert!(commands.contains(&r#""SADD" "k" "a \"quoted\" member""#.to_owned()), "{commands:?}");

    // Without the authority nobody can tell whose server it is.
    assert!(redis::Client::open(server.tls_url()).expect("the URL is valid").get_connection().is_err());
}

#[test]
fn pipe_reports_replies_and_errors() {
    let Some(server) = Server::builder().start() else { return };
    let commands = server.folder().join("commands.resp");
    let text = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*3\r\n$4\r\nSADD\r\n$1\r\nk\r\n$1\r\nm\r\n";
    std::fs::write(&commands, text).expect("the server's folder is writable");
    let summary = server.pipe(&commands);
    assert_eq!((summary.replies, summary.errors), (2, 1));
    assert!(summary.text.contains("WRONGTYPE"), "{}", summary.text);
}

#[test]
fn a_damaged_dump_is_refused_with_the_servers_own_words() {
    let mut dump = DumpBuilder::new(10).select_db(0).string("k", "v").finish();
    let last = dump.len() - 1;
    dump[last] ^= 1;
    let Some(result) = Server::builder().dump_bytes(dump).try_start() else { return };
    let log = result.err().expect("the checksum is wrong");
    assert!(log.contains("Wrong RDB checksum"), "{log}");
}
