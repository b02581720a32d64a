//! The estimate of memory against what real servers answer.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rdb_reindex::Walker;
use rdb_reindex::dump::rdb::{Element, Flow, Item, Kind, Scratch, Visitor};
use rdb_reindex::model::memory::{self, Elements, Encoding};

use crate::support::server::{Program, Server, query};

#[derive(Default)]
struct Seen(Elements);

impl Visitor for Seen {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.0.member(member.bytes);
        ControlFlow::Continue(())
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.0.scored(member.bytes, score);
        ControlFlow::Continue(())
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.0.field(field.bytes, value.bytes);
        ControlFlow::Continue(())
    }
}

/// What each set, sorted set and hash of a dump is estimated at, and how it is written there.
fn estimates(dump: &[u8]) -> BTreeMap<String, (u64, Encoding)> {
    let mut walker = Walker::new(dump).expect("a dump");
    let mut scratch = Scratch::default();
    let mut found = BTreeMap::new();
    while let Some(item) = walker.next().expect("a whole dump") {
        let Item::Record(record) = item else { continue };
        let key = String::from_utf8(record.key.decode(&mut Vec::new()).expect("a name").to_vec()).expect("text");
        let mut seen = Seen::default();
        record.value.visit(&mut scratch, &mut seen).expect("a whole value");
        let encoding = Encoding::of(record.value.ty);
        let value = match record.value.ty.kind() {
            Kind::Set => seen.0.set(encoding),
            Kind::Zset => seen.0.zset(encoding),
            Kind::Hash => seen.0.hash(encoding),
            _ => continue,
        };
        found.insert(key.clone(), (memory::key(key.len() as u64) + value, encoding));
    }
    found
}

/// Members of so many bytes each, different ones.
fn text(n: u64, len: usize) -> String {
    let number = n.to_string();
    format!("{}{number}", "m".repeat(len.saturating_sub(number.len())))
}

fn fill(server: &Server) {
    let mut connection = server.connection();
    let mut run = |command: &str, key: String, elements: Vec<String>| {
        for some in elements.chunks(1000) {
            let args: Vec<String> = [command.to_owned(), key.clone()].into_iter().chain(some.to_vec()).collect();
            query::<u64>(&mut connection, &args);
        }
    };
    for count in [1, 2, 5, 16, 100, 129, 511, 700, 5000] {
        for (name, step) in [("small", 1), ("middle", 70_001), ("large", 5_000_000_000_u64)] {
            let numbers = (0..count).map(|n| (n * step).to_string()).collect();
            run("SADD", format!("numbers:{name}:{count}"), numbers);
        }
        for len in [4, 8, 20, 30, 36, 50, 64, 73, 130, 500] {
            run("SADD", format!("set:{len}:{count}"), (0..count).map(|n| text(n, len)).collect());
            let scored = |n: u64| [(1_700_000_000_000 + n * 1001).to_string(), text(n, len)];
            run("ZADD", format!("zset:{len}:{count}"), (0..count).flat_map(scored).collect());
            let field = |n: u64| [text(n, len), format!("value-{n}")];
            run("HSET", format!("hash:{len}:{count}"), (0..count).flat_map(field).collect());
        }
        let odd = |n: u64| [format!("{}", n as f64 / 8.0 - 1.0), text(n, 12)];
        run("ZADD", format!("zset:odd:{count}"), (0..count).flat_map(odd).collect());
    }
}

/// How many keys were looked at, and those whose estimate is off by more than a tenth.
fn wrong(program: Program, wanted: impl Fn(&str, Encoding) -> bool) -> Option<(usize, Vec<String>)> {
    let filled = Server::builder().program(program).start()?;
    fill(&filled);
    let dump = filled.dump();
    // A table that has just grown has the old one beside it; one that was loaded has not.
    let server = Server::builder().program(program).dump_bytes(dump.clone()).start()?;
    let found = estimates(&dump);
    let mut connection = server.connection();
    let (mut wrong, mut looked_at) = (Vec::new(), 0);
    for (key, (estimate, encoding)) in found.iter().filter(|(key, (_, encoding))| wanted(key, *encoding)) {
        let answer: u64 = query(&mut connection, &["MEMORY", "USAGE", key, "SAMPLES", "0"]);
        let off = (*estimate as f64 - answer as f64) / answer as f64 * 100.0;
        looked_at += 1;
        if off.abs() > 10.0 {
            wrong.push(format!("{key} {encoding:?}: {estimate} for {answer} ({off:.1} %)"));
        }
    }
    Some((looked_at, wrong))
}

#[test]
fn within_a_tenth_of_what_redis_7_answers() {
    let Some((looked_at, wrong)) = wrong(Program::Redis70, |_, _| true) else { return };
    assert_eq!(looked_at, 9 * (3 + 3 * 10 + 1));
    assert!(wrong.is_empty(), "{} of {looked_at}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A server that keeps text sets as listpacks, and was built with the other classes. Its tables are of another make, and its
/// small keys, too.
#[test]
fn sets_as_listpacks_and_numbers_within_a_tenth_of_what_redis_8_answers() {
    let large = |key: &str| {
        let least = if key.starts_with("numbers") { 500 } else { 100 };
        key.rsplit(':').next().and_then(|count| count.parse().ok()).is_some_and(|n: u64| n >= least)
    };
    let wanted = |key: &str, encoding| encoding != Encoding::Table && large(key);
    let Some((looked_at, wrong)) = wrong(Program::Redis82, wanted) else { return };
    assert!(looked_at >= 15, "{looked_at}");
    assert!(wrong.is_empty(), "{} of {looked_at}:\n{}", wrong.len(), wrong.join("\n"));
}
