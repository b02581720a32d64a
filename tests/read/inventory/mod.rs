//! What `inventory` says of the fixture: its numbers against those that `fixtures/README.md` states (and that
//! `tests/dump/fixtures.rs` counts in a real server), and its whole output.

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::support::output;

mod corpus;
mod first_contact;
mod hostile;
mod openmetrics;
mod stock;

use output::{program, shown};

const FIXTURE: &str = "fixtures/discord-analytics.rdb";
/// An hour and a half after the fixture's `ctime`.
const NOW: &str = "2026-11-23T15:06:47Z";

fn inventory(format: &str) -> Command {
    program(&["inventory", FIXTURE, "--format", format, "--now", NOW])
}

fn data() -> Value {
    let output = inventory("json").assert().success().stderr("").get_output().stdout.clone();
    serde_json::from_slice(&output).expect("the output is JSON")
}

fn named<'v>(rows: &'v Value, name: &str) -> &'v Value {
    let rows = rows.as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array().expect("rows").iter().map(|row| row[field].as_u64().expect("a number")).sum()
}

#[test]
fn the_fixture_has_the_numbers_of_its_readme() {
    let data = data();
    assert_eq!(data["format_version"], 1);
    assert_eq!(data["keys"], 29_695);
    // Bytes: `stat -c %s`. The version and the time: `redis-check-rdb`.
    let snapshot = json!({
        "file": FIXTURE, "bytes": 7_908_593, "flavor": "redis", "rdb_version": 10, "checksum": "verified",
        "created_at": "2026-11-23T13:36:47Z", "server_version": "7.0.15",
    });
    assert_eq!(data["snapshot"], snapshot);
    assert_eq!(data["databases"].as_array().map(Vec::len), Some(1));

    let keys = |name| &named(&data["families"], name)["keys"];
    assert_eq!(keys("message"), 19_485);
    assert_eq!(keys("project"), 2_001);
    assert_eq!(keys("user"), 2_040);
    assert_eq!(keys("channel"), 2_008);
    assert_eq!(keys("projects"), 1);
    let records: Vec<&Value> =
        data["families"].as_array().expect("rows").iter().filter(|f| f["kind"] == "record").collect();
    // The record class `project` has the name of an index.
    assert_eq!(records.iter().find(|family| family["name"] == "project").expect("a class")["keys"], 4);
    let of = |pattern: &str| {
        let families = data["families"].as_array().expect("rows");
        families.iter().find(|family| family["pattern"] == pattern).unwrap_or_else(|| panic!("no {pattern}"))["keys"]
            .clone()
    };
    assert_eq!((of("discord:user:*"), of("channel:discord:*")), (json!(2_040), json!(2_008)));
    let others = data["families"].as_array().expect("rows").iter().filter(|family| family["kind"] == "other");
    let others: u64 = others.map(|family| family["keys"].as_u64().expect("a number")).sum();
    assert_eq!(others, 108 + 2_040 + 2_008);
    for rows in ["families", "types", "databases"] {
        assert_eq!(sum(&data[rows], "keys"), 29_695, "{rows}");
    }
    assert_eq!(sum(&data["families"], "bytes"), sum(&data["types"], "bytes"));
    assert_eq!(sum(&data["families"], "elements"), sum(&data["types"], "elements"));
    assert_eq!(sum(&data["families"], "with_expiry"), sum(&data["databases"], "with_expiry"));
    // "25 have an expiry (in the year 2099)"
    assert_eq!(named(&data["families"], "project")["with_expiry"], 25);
}

#[test]
fn the_indexes_of_the_fixture_are_as_wrong_as_its_readme_says() {
    let data = data();
    let index = |name: &str| named(&data["indexes"], name).clone();
    let numbers = |name: &str, fields: &[&str]| -> Vec<u64> {
        let index = index(name);
        fields.iter().map(|field| index[field].as_u64().unwrap_or_else(|| panic!("{field}"))).collect()
    };
    let fields = ["keys", "correct_keys", "wrong_keys", "absent_keys", "missing_members", "stale_members"];
    // 41 + 9 + 1 missing, and as many stale.
    assert_eq!(numbers("project", &fields), [2_001, 3, 1_998, 0, 51, 51]);
    assert_eq!(numbers("projects", &fields), [1, 1, 0, 0, 2, 4]);
    assert_eq!(numbers("user", &fields), [2_040, 0, 2_040, 0, 0, 0]);
    assert_eq!(numbers("channel", &fields), [2_008, 0, 2_008, 0, 0, 0]);
    // 4 projects, of which 2 are not named; 4 others are.
    assert_eq!(index("projects")["members"], 6);
    // A `projectId` that is an object.
    assert_eq!(index("project")["undecidable_records"], 35);
    // "", "undefined", an id without its prefix, one that never had a record, and the deleted project.
    assert_eq!(index("project")["orphan_records"], 866 + 866 + 2_596 + 1_695 + 3);
    for name in ["project", "projects", "user", "channel"] {
        assert_eq!(index(name)["frozen"], Value::Null, "{name}");
        assert_eq!(numbers(name, &["held_members", "contested_keys"]), [0, 0], "{name}");
    }
    let diagnostics = data["diagnostics"].as_array().expect("rows");
    let count =
        |code| diagnostics.iter().find(|row| row["code"] == code).map_or(0, |row| row["count"].as_u64().unwrap_or(0));
    assert_eq!(count("record.undecidable"), 35);
    // 33 strings, 32 each of lists, hashes, sorted sets and documents, and a stream.
    assert_eq!(count("index.wrong_type"), 33 + 4 * 32 + 1);
}

#[test]
fn csv_has_the_same_numbers() {
    let data = data();
    let output = inventory("csv").assert().success().stderr("").get_output().stdout.clone();
    let mut reader = csv::Reader::from_reader(output.as_slice());
    let head = reader.headers().expect("a head").clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("every row has as many cells");
    let cell = |row: &csv::StringRecord, column: &str| {
        let at = head.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"));
        row.get(at).expect("a cell").to_owned()
    };
    for (section, list) in [("family", "families"), ("index", "indexes"), ("type", "types"), ("database", "databases")]
    {
        let expected = data[list].as_array().expect("rows");
        let found: Vec<_> = rows.iter().filter(|row| cell(row, "section") == section).collect();
        assert_eq!(found.len(), expected.len(), "{section}");
        for (row, expected) in found.into_iter().zip(expected) {
            for (field, value) in expected.as_object().expect("an object") {
                if let (Some(number), true) = (value.as_u64(), field != "db") {
                    assert_eq!(cell(row, field), number.to_string(), "{section} {field}");
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_and_either_way_to_read_give_the_same() {
    let one = program(&["inventory", FIXTURE, "--format", "json", "--threads", "1", "--no-mmap"]);
    let eight = program(&["inventory", FIXTURE, "--format", "json", "--threads", "8"]);
    let [one, eight] = [one, eight].map(|mut command| command.assert().success().get_output().stdout.clone());
    assert!(one == eight);
}

#[test]
fn the_whole_output() {
    insta::assert_snapshot!("inventory-table", shown(&mut inventory("table")));
    insta::assert_snapshot!("inventory-json", shown(&mut inventory("json")));
    insta::assert_snapshot!("inventory-csv", shown(&mut inventory("csv")));
    insta::assert_snapshot!("inventory-help", shown(&mut program(&["inventory", "--help"])));
}
