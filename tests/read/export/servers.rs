//! Dumps that servers of four generations write now: what each says of its data is what the rows say.

use std::collections::BTreeMap;

use rdb_reindex::export::{Format, Table};
use redis::{Connection, FromRedisValue};

use super::rows::{collect, export, ndjson};
use crate::support::server::{Program, Server, query};

/// Values of every type in the forms that defaults give: small, large, with integers, long texts and odd bytes.
fn fill(connection: &mut Connection, program: Program) {
    let mut run = |args: &[Vec<u8>]| {
        let _: redis::Value = query(connection, args);
    };
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let numbered = |head: &str, count: usize, each: &dyn Fn(usize) -> Vec<Vec<u8>>| {
        words(head).into_iter().chain((0..count).flat_map(each)).collect::<Vec<_>>()
    };
    for (n, text) in ["", "0", "-129", "70000", "2147483648", "x"].iter().enumerate() {
        run(&[b"SET".to_vec(), format!("string:{n}").into_bytes(), text.as_bytes().to_vec()]);
    }
    run(&[b"SET".to_vec(), b"string:bytes".to_vec(), (0..=255).collect()]);
    run(&[b"SET".to_vec(), b"string:long".to_vec(), b"abc".repeat(40_000)]);
    for (name, count) in [("small", 10), ("large", 3_000)] {
        let text = |n: usize| format!("{}{n}", "v".repeat(n % 90)).into_bytes();
        run(&numbered(&format!("RPUSH list:{name}"), count, &|n| vec![text(n)]));
        run(&numbered(&format!("SADD set:{name}"), count, &|n| vec![text(n)]));
        run(&numbered(&format!("SADD intset:{name}"), count, &|n| vec![(n * n * 70_001).to_string().into_bytes()]));
        run(&numbered(&format!("HSET hash:{name}"), count, &|n| vec![text(n), n.to_string().into_bytes()]));
        run(&numbered(&format!("ZADD zset:{name}"), count, &|n| {
            vec![(n as f64 / 8.0).to_string().into_bytes(), text(n)]
        }));
        for n in 0..count.min(300) {
            let id = format!("{}-{}", 1_700_000_000_000_u64 + n as u64, n);
            let fields = if n % 3 == 0 { "f v" } else { "f v g 12345" };
            run(&words(&format!("XADD stream:{name} {id} {fields}")));
        }
        run(&words(&format!("XGROUP CREATE stream:{name} readers 0")));
        run(&words(&format!("XREADGROUP GROUP readers one COUNT 7 STREAMS stream:{name} >")));
        run(&words(&format!("XREADGROUP GROUP readers two COUNT 2 STREAMS stream:{name} >")));
        run(&words(&format!("XDEL stream:{name} 1700000000001-1")));
    }
    run(&words("ZADD zset:ends inf a -inf b 0.1 c 1e300 d 3 e"));
    run(&words("SET expiring v PXAT 4102444800000"));
    if matches!(program, Program::Redis82 | Program::Valkey91) {
        run(&words("HSET hash:expiring a 1 b 2"));
        run(&words("HPEXPIREAT hash:expiring 4102444800000 FIELDS 1 a"));
    }
    run(&words("SELECT 3"));
    run(&words("SET elsewhere v"));
    run(&words("SELECT 0"));
}

fn same_as_the_server(program: Program) {
    let Some(server) = Server::builder().program(program).start() else { return };
    let mut connection = server.connection();
    fill(&mut connection, program);
    let dump = server.dump();
    let rows = ndjson(&export(&dump, Table::Elements, Format::Ndjson));
    let mut by_key: BTreeMap<(u64, Vec<u8>), Vec<_>> = BTreeMap::new();
    for row in rows {
        by_key.entry((row.db, row.key.clone())).or_default().push(row);
    }
    let keys: Vec<_> = by_key.keys().filter(|(db, _)| *db == 0).map(|(_, key)| key.clone()).collect();
    assert_eq!(keys.len() as u64, query::<u64>(&mut connection, &["DBSIZE"]));
    assert!(by_key.contains_key(&(3, b"elsewhere".to_vec())));
    let mut compared = 0;
    for ((db, key), rows) in &by_key {
        if *db != 0 {
            continue;
        }
        let about = String::from_utf8_lossy(key);
        let (mut found, groups) = collect(rows);
        let kind: String = query(&mut connection, &[b"TYPE", &key[..]]);
        assert_eq!(kind, rows[0].kind, "{about}");
        match kind.as_str() {
            "string" => assert_eq!(found.string, query(&mut connection, &[b"GET", &key[..]]), "{about}"),
            "list" => {
                let all: Vec<Vec<u8>> = query(&mut connection, &[b"LRANGE", &key[..], b"0", b"-1"]);
                assert_eq!(found.list, all, "{about}");
            }
            "set" => {
                let mut all: Vec<Vec<u8>> = query(&mut connection, &[b"SMEMBERS", &key[..]]);
                all.sort();
                found.set.sort();
                assert_eq!(found.set, all, "{about}");
            }
            "zset" => {
                let all: Vec<(Vec<u8>, f64)> =
                    query(&mut connection, &[b"ZRANGE", &key[..], b"0", b"-1", b"WITHSCORES"]);
                found.zset.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                assert_eq!(found.zset, all, "{about}");
            }
            "hash" => {
                let mut all: Vec<(Vec<u8>, Vec<u8>)> = query(&mut connection, &[b"HGETALL", &key[..]]);
                all.sort();
                found.hash.sort();
                let expiries: Vec<_> = found.hash.iter().map(|field| field.2).collect();
                let expected = if about == "hash:expiring" { Some(4_102_444_800_000) } else { None };
                assert_eq!(expiries[0], expected, "{about}");
                assert!(expiries[1..].iter().all(Option::is_none), "{about}");
                assert_eq!(found.hash.into_iter().map(|(f, v, _)| (f, v)).collect::<Vec<_>>(), all, "{about}");
            }
            "stream" => {
                let all: Vec<(String, Vec<Vec<u8>>)> = query(&mut connection, &[b"XRANGE", &key[..], b"-", b"+"]);
                let ours: Vec<_> = found.stream.into_iter().map(|(id, items)| (id.to_string(), items)).collect();
                assert_eq!(ours, all, "{about}");
                let info: Vec<BTreeMap<String, redis::Value>> =
                    query(&mut connection, &[&b"XINFO"[..], b"GROUPS", &key[..]]);
                assert_eq!(info.len(), groups.len(), "{about}");
                for (theirs, ours) in info.iter().zip(&groups) {
                    let text = |name: &str| String::from_redis_value(theirs[name].clone()).unwrap();
                    assert_eq!(text("name").as_bytes(), ours.name, "{about}");
                    assert_eq!(ours.value["pending"].to_string(), text("pending"), "{about}");
                    let consumers = ours.value["consumers"].as_array().unwrap();
                    assert_eq!(consumers.len().to_string(), text("consumers"), "{about}");
                    assert_eq!(ours.value["last_delivered_id"], text("last-delivered-id"), "{about}");
                }
            }
            other => panic!("{about} is a {other}"),
        }
        compared += 1;
    }
    assert!(compared >= 20, "only {compared} keys");
    let observer = rdb_reindex::dump::scan::Observer::default();
    assert!(rdb_reindex::check::run(&dump, &observer).unwrap().is_whole());
}

#[test]
fn redis_6_2() {
    same_as_the_server(Program::Redis62);
}

#[test]
fn redis_7_0() {
    same_as_the_server(Program::Redis70);
}

#[test]
fn redis_8_2() {
    same_as_the_server(Program::Redis82);
}

#[test]
fn valkey_9_1() {
    same_as_the_server(Program::Valkey91);
}
