//! What keys are estimated to take in memory, against what real servers answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rdb_reindex::Walker;
use rdb_reindex::dump::rdb::Kind;
use rdb_reindex::model::memory::Estimate;

use crate::support::server::{Program, Server, query};

mod fill;

/// Keys of one type in one encoding: the estimate and the answer of each.
type Rows = BTreeMap<(&'static str, String), Vec<(String, u64, u64)>>;

/// What each key of a dump is estimated at.
fn estimates(dump: &[u8]) -> Vec<(String, Kind, u64)> {
    let walker = Walker::new(dump).expect("a dump");
    let estimate = Estimate::new(walker.header());
    let mut found = Vec::new();
    for record in walker.records() {
        let record = record.expect("a whole record");
        let key = String::from_utf8(record.key.decode(&mut Vec::new()).expect("a name").to_vec()).expect("text");
        found.push((key, record.value.ty.kind(), estimate.of(&record, record.value.elements().expect("a count"))));
    }
    found
}

/// Asks a server about each key of a dump that it has.
fn compare(dump: &[u8], server: &Server) -> Rows {
    let mut connection = server.connection();
    let mut rows = Rows::new();
    for (key, kind, estimate) in estimates(dump) {
        let answer: u64 = query(&mut connection, &["MEMORY", "USAGE", &key, "SAMPLES", "0"]);
        let encoding: String = query(&mut connection, &["OBJECT", "ENCODING", &key]);
        rows.entry((kind.name(), encoding)).or_default().push((key, estimate, answer));
    }
    rows
}

fn percent(estimate: u64, answer: u64) -> f64 {
    (estimate as f64 - answer as f64) / answer as f64 * 100.0
}

/// Keys, the answers together, by how much the estimates together are off, and the key in the middle.
fn summary(keys: &[(String, u64, u64)]) -> (usize, u64, f64, f64) {
    let sum = |of: fn(&(String, u64, u64)) -> u64| keys.iter().map(of).sum::<u64>();
    let (estimate, answer) = (sum(|key| key.1), sum(|key| key.2));
    let mut off: Vec<f64> = keys.iter().map(|key| percent(key.1, key.2).abs()).collect();
    off.sort_by(f64::total_cmp);
    (keys.len(), answer, percent(estimate, answer), off[off.len() / 2])
}

/// The table of docs/memory.md.
fn table(rows: &Rows) -> String {
    let mut text = String::new();
    let all: Vec<_> = rows.values().flatten().cloned().collect();
    let named = rows.iter().map(|((kind, encoding), keys)| (format!("{kind} | {encoding}"), keys));
    for (name, keys) in named.chain([("all | ".to_owned(), &all)]) {
        let (count, answer, total, median) = summary(keys);
        writeln!(text, "| {name} | {count} | {answer} | {total:+.1} % | {median:.1} % |").expect("a line");
    }
    text
}

fn worst(rows: &Rows) -> String {
    let mut all: Vec<_> = rows.values().flatten().collect();
    all.sort_by(|a, b| percent(b.1, b.2).abs().total_cmp(&percent(a.1, a.2).abs()));
    all.iter().take(25).map(|(key, e, a)| format!("{key}: {e} for {a} ({:+.1} %)\n", percent(*e, *a))).collect()
}

/// Fills a server, and asks another that has loaded its dump, and the first.
fn measure(program: Program) -> Option<[Rows; 2]> {
    let filled = Server::builder().program(program).start()?;
    fill::fill(&filled);
    let dump = filled.dump();
    let loaded = Server::builder().program(program).dump_bytes(dump.clone()).start()?;
    Some([&loaded, &filled].map(|server| compare(&dump, server)))
}

/// Every type and encoding, within the bounds that docs/memory.md states.
#[test]
fn as_redis_7_answers() {
    let Some([loaded, filled]) = measure(Program::Redis70) else { return };
    println!("{}\n{}\nfilled\n{}\n{}", table(&loaded), worst(&loaded), table(&filled), worst(&filled));
    for (name, keys) in &loaded {
        let (_, _, total, median) = summary(keys);
        assert!(total.abs() <= 5.0 && median <= 10.0, "{name:?}: {total} {median}\n{}", table(&loaded));
    }
}

/// Documents of RedisJSON: those of the bundled dump, and made ones.
#[test]
fn documents_of_redisjson() {
    for yes in ["yes", "no"] {
        let builder = Server::builder().rejson().dump_file("fixtures/discord-analytics.rdb");
        let Some(filled) = builder.args(&["--rdbcompression", yes]).start() else { return };
        fill::documents(&filled);
        let dump = filled.dump();
        let Some(loaded) = Server::builder().rejson().dump_bytes(dump.clone()).start() else { return };
        let rows = compare(&dump, &loaded);
        println!("{yes}\n{}\n{}", table(&rows), worst(&rows));
        let mut made = Rows::new();
        for (key, e, a) in rows.values().flatten().filter(|(key, ..)| key.starts_with("doc:")) {
            made.entry(("doc", key.split(':').nth(1).unwrap().to_owned())).or_default().push((key.clone(), *e, *a));
        }
        println!("{}", table(&made));
        let all: Vec<_> = rows.values().flatten().cloned().collect();
        let (_, _, total, median) = summary(&all);
        assert!(total.abs() <= 5.0 && median <= 10.0, "{yes}: {total} {median}");
    }
}

/// Servers that keep keys in other structures.
#[test]
fn other_servers() {
    for program in [Program::Redis62, Program::Redis82, Program::Valkey91] {
        let Some([loaded, _]) = measure(program) else { continue };
        println!("{program:?}\n{}\n{}", table(&loaded), worst(&loaded));
        let all: Vec<_> = loaded.values().flatten().cloned().collect();
        let (_, _, total, median) = summary(&all);
        // As far as docs/memory.md says.
        let most = if program == Program::Valkey91 { 40.0 } else { 15.0 };
        assert!(total.abs() <= most && median <= most, "{program:?}: {total} {median}");
    }
}
