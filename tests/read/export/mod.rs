//! `export`: every row against what the servers that wrote the dumps answered, and the forms of a row against each other.

use crate::support::corpus::collect;
use crate::support::judges::CORPUS;
mod command;
mod damage;
#[cfg(feature = "parquet")]
mod document;
use crate::support::corpus::expected;
mod expiry;
mod filter;
mod memberships;
mod memory;
use crate::support::output;
#[cfg(feature = "parquet")]
mod parquet;
mod rows;
mod servers;
mod skip;
use crate::support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rdb_reindex::dump::rdb::{Item, Record, Scratch, Walker};
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{Format, Table};
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use serde_json::Value as Js;

use collect::Collector;
use rows::{collect, csv, export, ndjson};

/// The dumps, or nothing, loudly, where the corpus is not at hand. Under CI that is an error.
fn corpus() -> Vec<(String, PathBuf, Vec<u8>)> {
    let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let read = |path: PathBuf| (name(&path), path.clone(), std::fs::read(&path).unwrap());
    let dumps: Vec<_> = CORPUS.dumps().into_iter().map(read).collect();
    assert!(dumps.is_empty() || dumps.len() >= 44, "only {} dumps", dumps.len());
    dumps
}

/// Calls `look` with each record of a dump and its name.
fn each(bytes: &[u8], mut look: impl FnMut(&Record<'_>, Vec<u8>)) {
    let mut walker = Walker::new(bytes).unwrap();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            let key = record.key.decode(&mut Vec::new()).unwrap().to_vec();
            look(&record, key);
        }
    }
}

#[test]
fn elements_are_what_the_servers_answered() {
    let mut compared = 0;
    for (name, path, bytes) in corpus() {
        let dump = expected::Dump::read(&path.with_extension("json"));
        let rows = ndjson(&export(&bytes, Table::Elements, Format::Ndjson));
        let mut rest = &rows[..];
        each(&bytes, |record, key| {
            let about = format!("{name}: {:?} in {}", key.escape_ascii().to_string(), record.db);
            let mine = rest.iter().take_while(|row| row.db == record.db && row.key == key).count();
            let (own, after) = rest.split_at(mine);
            rest = after;
            assert!(own.iter().all(|row| row.kind == record.value.type_name().as_str()), "{about}");
            let (mut found, groups) = collect(own);
            // What rows do not tell of a stream has been compared elsewhere; the rest of it is compared below.
            let mut visited = Collector::default();
            record.value.visit(&mut Scratch::default(), &mut visited).unwrap();
            found.meta = visited.meta;
            assert_eq!(groups.len(), visited.groups.len(), "{about}");
            for (row, group) in groups.iter().zip(&visited.groups) {
                assert_eq!(row.name, group.name, "{about}");
                assert_eq!(row.value["last_delivered_id"], group.last_id.to_string(), "{about}");
                assert_eq!(row.value["entries_read"].as_u64(), group.entries_read, "{about}");
                assert_eq!(row.value["pending"], group.pending.len(), "{about}");
                let consumers = row.value["consumers"].as_array().unwrap();
                assert_eq!(consumers.len(), group.consumers.len(), "{about}");
                for (row, consumer) in consumers.iter().zip(&group.consumers) {
                    assert_eq!(rows::bytes(&row["name"]).as_ref(), Some(&consumer.name), "{about}");
                    assert_eq!(row["pending"], consumer.pending.len(), "{about}");
                }
            }
            found.groups = visited.groups;
            expected::check(&about, &dump.keys[&(record.db, key)], record, &found);
            compared += 1;
        });
        assert!(rest.is_empty(), "{name}: rows of no key");
    }
    eprintln!("{compared} keys compared");
}

#[test]
fn keys_are_what_the_servers_answered() {
    for (name, path, bytes) in corpus() {
        let dump = expected::Dump::read(&path.with_extension("json"));
        let out = export(&bytes, Table::Keys, Format::Ndjson);
        let rows: Vec<Js> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), dump.keys.len(), "{name}");
        let mut rows = rows.into_iter();
        each(&bytes, |record, key| {
            let row = rows.next().unwrap();
            let about = format!("{name}: {row}");
            let facts = &dump.keys[&(record.db, key.clone())].facts;
            assert_eq!(rows::bytes(&row["key"]), Some(key), "{about}");
            assert_eq!(row["db"], record.db, "{about}");
            for same in ["type", "expire_at_ms"] {
                assert_eq!(row[same], facts[same], "{about}");
            }
            assert_eq!((&row["freq"], &row["idle_s"]), (&facts["lfu_freq"], &facts["lru_idle_s"]), "{about}");
            if ["set", "zset", "hash"].contains(&facts["type"].as_str().unwrap()) {
                assert_eq!(row["encoding"], facts["encoding"], "{about}");
            }
            let value = &facts["value"];
            let elements = match facts["type"].as_str().unwrap() {
                "list" | "set" | "zset" | "hash" => match value.as_array() {
                    Some(all) => all.len() as u64,
                    None => value["count"].as_u64().unwrap(),
                },
                "stream" => value["length"].as_u64().unwrap(),
                _ => 1,
            };
            assert_eq!(row["elements"], elements, "{about}");
            assert_eq!(row["bytes"], (record.value.end() - record.start) as u64, "{about}");
        });
    }
}

/// The family of every key is one that the inventory counts, with as many keys.
#[test]
fn families_are_those_of_the_inventory() {
    let mut dumps = corpus();
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    dumps.push(("discord-analytics".to_owned(), fixture.clone(), std::fs::read(fixture).unwrap()));
    for (name, _, bytes) in dumps {
        let spec = Spec::preset(DEFAULT_PRESET).unwrap();
        let difference = Difference::take(&bytes, &spec, Expiry::Careful, &Observer::default()).unwrap();
        let stock = &difference.stock;
        let mut counted: BTreeMap<Vec<u8>, u64> =
            stock.others.list().into_iter().map(|(glob, tally)| (glob, tally.keys)).collect();
        for (class, tally) in spec.records.iter().zip(&stock.records) {
            *counted.entry(class.key.glob().as_bytes().to_vec()).or_default() += tally.keys;
        }
        for (index, tally) in spec.indexes.iter().zip(&stock.indexes) {
            *counted.entry(index.family.glob().as_bytes().to_vec()).or_default() += tally.keys;
        }
        counted.retain(|_, keys| *keys > 0);
        let mut exported: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for line in export(&bytes, Table::Keys, Format::Ndjson).lines() {
            let row: Js = serde_json::from_str(line).unwrap();
            *exported.entry(rows::bytes(&row["family"]).unwrap()).or_default() += 1;
        }
        assert_eq!(exported, counted, "{name}");
    }
}

/// Every cell of the CSV is the cell of the JSON; a cell without a value is empty.
#[test]
fn csv_says_the_same_as_ndjson() {
    for (name, _, bytes) in corpus() {
        for table in [Table::Keys, Table::Elements, Table::Memberships] {
            let json = export(&bytes, table, Format::Ndjson);
            let (header, records) = csv(&export(&bytes, table, Format::Csv));
            assert_eq!(json.lines().count(), records.len(), "{name}");
            for (line, record) in json.lines().zip(&records) {
                let row: serde_json::Map<String, Js> = serde_json::from_str(line).unwrap();
                assert_eq!(row.len(), header.len(), "{name}");
                for (column, cell) in header.iter().zip(record) {
                    let bytes = support::cell::bytes(cell);
                    let text = match &row[column] {
                        Js::Null => String::new(),
                        Js::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    // Objects come in the order of their names from one and of the writer from the other.
                    let same = bytes == text.as_bytes()
                        || Some(&bytes) == rows::bytes(&row[column]).as_ref()
                        || serde_json::from_str::<Js>(cell).is_ok_and(|cell| cell == row[column]);
                    assert!(same, "{name}: {column} is {cell} and {text}");
                }
            }
        }
    }
}
