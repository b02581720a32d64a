//! Reading rows back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rdb_reindex::dump::rdb::StreamId;
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Format, Options, Table};
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;
use serde_json::Value as Js;

use super::collect::Collector;

/// A row of the table of elements.
#[derive(Debug)]
pub struct Row {
    pub db: u64,
    pub key: Vec<u8>,
    pub kind: String,
    pub js: Js,
}

/// The row of a consumer group.
#[derive(Debug)]
pub struct GroupRow {
    pub name: Vec<u8>,
    pub value: Js,
}

/// The rows of a dump.
pub fn export(bytes: &[u8], table: Table, format: Format) -> String {
    export_as(bytes, table, format, Expiry::Careful)
}

pub fn export_as(bytes: &[u8], table: Table, format: Format, expiry: Expiry) -> String {
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let options = Options { table, format, spec: &spec, expiry };
    let mut out = Vec::new();
    let summary = export::run(bytes, options, &mut out, &Observer::default()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let stored = summary.footer.crc.unwrap();
    assert!(stored == 0 || stored == summary.crc64);
    if format == Format::Ndjson {
        assert_eq!(summary.rows, text.lines().count() as u64);
    }
    text
}

pub fn ndjson(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let js: Js = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let kind = js["type"].as_str().unwrap().to_owned();
        Row { db: js["db"].as_u64().unwrap(), key: bytes(&js["key"]).unwrap(), kind, js }
    };
    text.lines().map(row).collect()
}

pub fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = cells(reader.headers().unwrap());
    (header, reader.records().map(|record| cells(&record.unwrap())).collect())
}

/// The bytes that a row means.
pub fn bytes(js: &Js) -> Option<Vec<u8>> {
    if let Some(text) = js.as_str() {
        return Some(text.as_bytes().to_vec());
    }
    js["base64"].as_str().map(|text| BASE64_STANDARD.decode(text).unwrap())
}

fn id(text: &[u8]) -> StreamId {
    let (ms, seq) = std::str::from_utf8(text).unwrap().split_once('-').unwrap();
    StreamId { ms: ms.parse().unwrap(), seq: seq.parse().unwrap() }
}

/// Puts the rows of one key together.
pub fn collect(rows: &[Row]) -> (Collector, Vec<GroupRow>) {
    let mut found = Collector::default();
    let mut groups = Vec::new();
    for row in rows {
        let cell = |column: &str| bytes(&row.js[column]);
        match row.kind.as_str() {
            "string" => found.string = cell("value"),
            "list" => {
                assert_eq!(row.js["position"], found.list.len());
                found.list.push(cell("value").unwrap());
            }
            "set" => found.set.push(cell("value").unwrap()),
            "zset" => {
                let score = row.js["score"].as_str().unwrap().parse().unwrap();
                found.zset.push((cell("value").unwrap(), score));
            }
            "hash" => {
                let expiry = row.js["expire_at_ms"].as_i64();
                found.hash.push((cell("field").unwrap(), cell("value").unwrap(), expiry));
            }
            "stream" => {
                let field = cell("field").unwrap();
                match field.strip_prefix(b"group:") {
                    Some(name) => groups.push(GroupRow { name: name.to_vec(), value: row.js["value"].clone() }),
                    None => {
                        assert!(groups.is_empty(), "an entry after a group");
                        let items = row.js["value"].as_array().unwrap();
                        found.stream.push((id(&field), items.iter().map(|item| bytes(item).unwrap()).collect()));
                    }
                }
            }
            "ReJSON-RL" => found.json = cell("value"),
            other => panic!("a row of a {other}"),
        }
    }
    (found, groups)
}
