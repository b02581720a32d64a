//! What `inventory` counts in every dump of the corpus is what the server that wrote it answered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::judges::CORPUS;
use crate::support::output;

use output::program;

/// The dumps, or nothing, loudly, where the corpus is not at hand. Under CI that is an error.
fn corpus() -> Vec<PathBuf> {
    CORPUS.dumps()
}

/// Elements of a value as the README of the corpus describes it.
fn elements(key: &Value) -> u64 {
    let value = &key["value"];
    match key["type"].as_str().expect("a type") {
        "list" | "set" | "hash" | "zset" => {
            value["count"].as_u64().unwrap_or_else(|| value.as_array().expect("elements").len() as u64)
        }
        "stream" => value["length"].as_u64().expect("a length"),
        _ => 1,
    }
}

fn by<T: Ord>(rows: &Value, name: impl Fn(&Value) -> T, fields: [&str; 2]) -> BTreeMap<T, (u64, u64)> {
    let mut out = BTreeMap::new();
    for row in rows.as_array().expect("rows") {
        let sum: &mut (u64, u64) = out.entry(name(row)).or_default();
        sum.0 += row[fields[0]].as_u64().expect("a number");
        sum.1 += row[fields[1]].as_u64().expect("a number");
    }
    out
}

#[test]
fn every_dump_has_the_keys_and_elements_its_server_counted() {
    for path in corpus() {
        let about = path.display();
        let mut command = program(&["inventory", "--format", "json"]);
        let output = command.arg(&path).assert().success().get_output().stdout.clone();
        let found: Value = serde_json::from_slice(&output).expect("the output is JSON");
        let text = std::fs::read(path.with_extension("json")).expect("the answers");
        let answers: Value = serde_json::from_slice(&text).expect("the answers are JSON");
        let keys = answers["keys"].as_array().expect("keys");

        assert_eq!(found["keys"], keys.len() as u64, "{about}");
        let mut databases: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let mut types: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for key in keys {
            let of_db = databases.entry(key["db"].as_u64().expect("a number")).or_default();
            of_db.0 += 1;
            of_db.1 += u64::from(!key["expire_at_ms"].is_null());
            let of_type = types.entry(key["type"].as_str().expect("a type").to_owned()).or_default();
            of_type.0 += 1;
            of_type.1 += elements(key);
        }
        let db = |row: &Value| row["db"].as_u64().expect("a number");
        assert_eq!(by(&found["databases"], db, ["keys", "with_expiry"]), databases, "{about}");
        let name = |row: &Value| row["type"].as_str().expect("a type").to_owned();
        assert_eq!(by(&found["types"], name, ["keys", "elements"]), types, "{about}");

        let expiring: u64 = databases.values().map(|(_, expiring)| expiring).sum();
        let elements: u64 = types.values().map(|(_, elements)| elements).sum();
        let all = |_: &Value| ();
        let families = by(&found["families"], all, ["keys", "with_expiry"]).remove(&()).unwrap_or_default();
        assert_eq!(families, (keys.len() as u64, expiring), "{about}");
        let families = by(&found["families"], all, ["elements", "bytes"]).remove(&()).unwrap_or_default();
        assert_eq!(families.0, elements, "{about}");

        let version = answers["rdb_version"].as_u64().expect("a number");
        assert_eq!(found["snapshot"]["rdb_version"], version, "{about}");
        assert_eq!(found["snapshot"]["flavor"], if version >= 80 { "valkey" } else { "redis" }, "{about}");
        let checksum = if about.to_string().contains("nochecksum") { "absent" } else { "verified" };
        assert_eq!(found["snapshot"]["checksum"], checksum, "{about}");
        assert_eq!(found["functions"], answers["functions"].as_array().expect("functions").len() as u64, "{about}");
        assert_eq!(found["snapshot"]["bytes"], std::fs::metadata(&path).expect("the file").len(), "{about}");
    }
}
