//! Rows as Parquet: what DuckDB reads is what NDJSON says.

use std::process::Command;

use super::Dumps;
use crate::support::dump_writer::DumpBuilder;
use crate::support::judges::DUCKDB;

const COMPARE: &str = r#"
import base64, json, sys
import duckdb

def plain(cell):
    if isinstance(cell, dict):
        return base64.b64decode(cell["base64"])
    return cell.encode() if isinstance(cell, str) else cell

def expected(row):
    for name, cell in row.items():
        yield (None if cell is None else float(cell)) if name.startswith("score") else plain(cell)

table = sys.argv[1]
said = [json.loads(line) for line in open(table + ".ndjson")]
read = duckdb.sql(f"SELECT * FROM '{table}.parquet'")
assert read.columns == list(said[0]), read.columns
rows = [tuple(plain(cell) for cell in row) for row in read.fetchall()]
assert rows == [tuple(expected(row)) for row in said], rows
print(len(rows), " ".join(str(one) for one in read.types))
"#;

#[test]
fn duckdb_reads_what_ndjson_says() {
    let Some(packages) = DUCKDB.find() else { return };
    let mut old = DumpBuilder::new(11);
    old.select_db(0).set(b"discord:messages:project:\xff", &[&b"m"[..]]).string("gone", "x").string("same", "x");
    old.zset("by:time", &[("a", 1.5), ("b", 2.0), ("c", 3.0)]);
    let mut new = DumpBuilder::new(11);
    new.select_db(0).set(b"discord:messages:project:\xff", &[&b"m"[..], b"\x00\xfe"]).string("same", "x");
    new.zset("by:time", &[("a", f64::INFINITY), ("b", 2.0), ("d", -0.5)]);
    new.expire_ms(4_102_444_800_000).string("due", "x").select_db(7).list("list", &["1", "2"]);
    let dumps = Dumps::new(&old.finish(), &new.finish()).spec(
        r#"version = 1
[[record]]
name = "message"
key = "message:*"
[[index]]
name = "project"
policy = "report"
from = "message"
key = "discord:messages:project:{p}"
member = "{@key}"
[[index]]
name = "time"
type = "zset"
policy = "report"
from = "message"
key = "by:{field}"
member = "{@key}"
score = "{t}"
"#,
    );
    // Counted by hand: the two sets and sorted sets, `gone`, `due` and `list`; one member gained by the set, and of the
    // sorted set one gained, one lost, one with another score.
    let keys = "5 INTEGER BLOB VARCHAR VARCHAR VARCHAR BIGINT BIGINT BIGINT BIGINT BIGINT BIGINT VARCHAR BIGINT BIGINT \
                BIGINT\n";
    let members = "4 VARCHAR INTEGER BLOB VARCHAR BLOB DOUBLE DOUBLE\n";
    let folder = dumps.folder.path();
    for (table, said) in [("keys", keys), ("memberships", members)] {
        for format in ["ndjson", "parquet"] {
            let mut command = dumps.command(&["--spec", "spec.toml", "--table", table, "--format", format]);
            let out = command.assert().success().get_output().stdout.clone();
            std::fs::write(folder.join(format!("{table}.{format}")), out).unwrap();
        }
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder);
        let output = python.args(["-c", COMPARE, table]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
