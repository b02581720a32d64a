//! The parts that the time goes into, one by one, on a small dump of the Discord bot's shape.
//!
//! `cargo bench --bench parts`. `scripts/bench` measures whole commands on a large dump.

#[path = "../tests/support/dump_writer/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod dump_writer;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dump_writer::DumpBuilder;
use dump_writer::discord::{self, Options};
use rdb_reindex::bundle::resp;
use rdb_reindex::dump::rdb::{Element, Flow, Item, Json, RawStr, Record, Scratch, Visitor, Walker};
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::index::Difference;
use rdb_reindex::model::document::Extractor;
use rdb_reindex::model::spec::Spec;
use rdb_reindex::model::view::Expiry;

fn dump(messages: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = Options { messages, wrong_keys: messages / 100, ..Options::default() };
    discord::write(&options, &mut bytes).expect("written to memory");
    bytes
}

fn records(file: &[u8]) -> Vec<Record<'_>> {
    let mut walker = Walker::new(file).expect("a dump");
    let mut records = Vec::new();
    while let Some(item) = walker.next().expect("whole") {
        if let Item::Record(record) = item {
            records.push(record);
        }
    }
    records
}

#[derive(Default)]
struct Count(u64);

impl Visitor for Count {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.0 += member.bytes.len() as u64;
        Flow::Continue(())
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.0 += (field.bytes.len() + value.bytes.len()) as u64;
        Flow::Continue(())
    }
}

fn parts(c: &mut Criterion) {
    let file = dump(20_000);
    let records = records(&file);
    let mut group = c.benchmark_group("parts");

    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("walk", |b| {
        b.iter(|| {
            let mut walker = Walker::new(&file).expect("a dump");
            let mut items = 0_u64;
            while let Some(item) = walker.next().expect("whole") {
                black_box(&item);
                items += 1;
            }
            items
        });
    });
    group.bench_function("checksum", |b| {
        b.iter(|| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &file));
    });

    let texts: Vec<RawStr<'_>> = records
        .iter()
        .filter_map(|record| match record.value.json() {
            Ok(Some(Json::Text(raw))) => Some(raw),
            _ => None,
        })
        .collect();
    let expanded: u64 = texts.iter().map(|raw| raw.len() as u64).sum();
    group.throughput(Throughput::Bytes(expanded));
    group.bench_function("lzf", |b| {
        let mut buffer = Vec::new();
        b.iter(|| texts.iter().map(|raw| raw.decode(&mut buffer).expect("whole").len()).sum::<usize>());
    });

    let spec = Spec::preset("discord-analytics").expect("a preset");
    let class = spec.records.iter().find(|class| class.name == "message").expect("the class of messages");
    let mut buffer = Vec::new();
    let documents: Vec<Vec<u8>> = texts.iter().map(|raw| raw.decode(&mut buffer).expect("whole").to_vec()).collect();
    group.bench_function("fields", |b| {
        let mut extractor = Extractor::of(class);
        b.iter(|| documents.iter().filter(|text| extractor.json(text).is_ok()).count());
    });

    let sets: Vec<&Record<'_>> = records.iter().filter(|record| record.value.ty.name() == "SET").collect();
    group.throughput(Throughput::Elements(sets.iter().map(|set| set.value.elements().unwrap_or(0)).sum()));
    group.bench_function("members", |b| {
        let mut scratch = Scratch::default();
        b.iter(|| {
            let mut count = Count::default();
            for set in &sets {
                set.value.visit(&mut scratch, &mut count).expect("whole");
            }
            count.0
        });
    });

    let mut builder = DumpBuilder::new(10);
    let fields: Vec<(String, String)> = (0..100).map(|n| (format!("field{n}"), format!("value {n}"))).collect();
    builder.compression(false).select_db(0);
    for n in 0..1000 {
        builder.hash(format!("hash:{n}"), &fields);
    }
    let hashes = builder.finish();
    let hashes = self::records(&hashes);
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("listpack", |b| {
        let mut scratch = Scratch::default();
        b.iter(|| {
            let mut count = Count::default();
            for hash in &hashes {
                hash.value.visit(&mut scratch, &mut count).expect("whole");
            }
            count.0
        });
    });

    let members: Vec<String> = (0..998).map(|n| format!("message:discord:project:discord:{n:021}:{n:019}")).collect();
    let args: Vec<&[u8]> =
        [&b"SADD"[..], b"key"].into_iter().chain(members.iter().map(|member| member.as_bytes())).collect();
    group.throughput(Throughput::Bytes(resp::encoded_len(&args) as u64));
    group.bench_function("resp", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            resp::encode(&args, &mut out);
            out.len()
        });
    });

    group.throughput(Throughput::Bytes(file.len() as u64));
    group.sample_size(20);
    group.bench_function("difference", |b| {
        b.iter(|| Difference::take(&file, &spec, Expiry::Careful, &Observer::default()).expect("whole").summaries);
    });
    group.finish();
}

criterion_group!(benches, parts);
criterion_main!(benches);
