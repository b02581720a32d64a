//! Parquet as two readers that share no code with the writer see it: pyarrow and DuckDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Format, Options, Table};
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;

use crate::support::dump_writer::DumpBuilder;
use crate::support::dump_writer::encode::len;
use crate::support::judges::DUCKDB;

/// A Python that has DuckDB and pyarrow, or nothing, loudly. Under CI that is an error.
pub fn python() -> Option<Command> {
    let packages = DUCKDB.find()?;
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// Runs it; what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Bytes, numbers and times at their limits.
fn hostile() -> Vec<u8> {
    let mut dump = DumpBuilder::new(12);
    dump.server_aux(1_736_185_500).string("", "").string(b"\xff\xfe", "no text").string("text", b"\x80".repeat(100));
    dump.string("nul\0", "a\0b").string("quotes\"'\\", "{\"base64\":\"AA==\"}").string("\u{1f600}".repeat(40), "long");
    // Four bytes a character: cut at 64 bytes it ends inside none, one byte later it would.
    dump.string("odd", format!("x{}", "\u{1f600}".repeat(40)));
    for (name, at) in [
        ("max", i64::MAX),
        ("min", i64::MIN),
        ("zero", 0),
        ("year 1", -62_135_596_800_000),
        ("year 0", -62_135_596_800_001),
        ("9999", 253_402_300_799_999),
        ("10000", 253_402_300_800_000),
    ] {
        dump.expire_ms(at).string(name, "");
    }
    dump.idle(u64::from(u32::MAX)).string("idle", "").freq(255).string("often", "");
    let scores = [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 0.1];
    let members: Vec<(String, f64)> = scores.into_iter().enumerate().map(|(n, score)| (n.to_string(), score)).collect();
    dump.zset("scores", &members).list("list", &["", "a", "-1"]).set("set", &[&b"\xf0"[..], b"a"]);
    dump.hash("hash", &[(&b"\xc3\x28"[..], &b"1"[..]), (b"b", b"\xff")]).json("doc", r#"{"a": [1, "\u00e9"]}"#);
    dump.select_db(i32::MAX as u64).string("far", "away");
    // Index keys with members and names that are no text.
    dump.select_db(0).set(b"discord:messages:project:\xff", &[&b"\xfe"[..], b"m"]).finish()
}

#[test]
fn two_readers_see_the_rows_of_ndjson() {
    let Some(mut python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = root.join("fixtures/discord-analytics.rdb");
    let mut dumps: Vec<(String, Vec<u8>)> = super::corpus().into_iter().map(|(name, _, bytes)| (name, bytes)).collect();
    dumps.push(("fixture".to_owned(), std::fs::read(fixture).unwrap()));
    dumps.push(("hostile".to_owned(), hostile()));
    dumps.push(("nothing".to_owned(), DumpBuilder::new(12).finish()));
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    for (name, bytes) in &dumps {
        for (table, word) in [(Table::Keys, "keys"), (Table::Elements, "elements"), (Table::Memberships, "memberships")]
        {
            for (format, ending) in [(Format::Ndjson, "ndjson"), (Format::Parquet, "parquet")] {
                let options = Options { table, format, spec: &spec, expiry: Expiry::Careful };
                let mut out = Vec::new();
                export::run(bytes, options, &mut out, &Observer::default()).unwrap();
                let path: PathBuf = folder.path().join(format!("{name}.{word}.{ending}"));
                std::fs::write(path, out).unwrap();
            }
        }
    }
    let said = run(python.arg(root.join("tests/read/export/parquet.py")).arg(folder.path()));
    let rows: u64 = said.split(' ').next().unwrap().parse().unwrap();
    eprint!("{said}");
    assert!(rows > 90_000, "only {rows} rows");
}

/// More rows than one row group has: they come out whole and in order.
#[test]
fn row_groups_follow_each_other() {
    const ROWS: u64 = (1 << 20) + 5_000;
    let Some(mut python) = python() else { return };
    let mut value = Vec::new();
    len(&mut value, ROWS);
    for n in 0..ROWS {
        let text = n.to_string();
        value.push(text.len() as u8);
        value.extend_from_slice(text.as_bytes());
    }
    let dump = DumpBuilder::new(12).raw(1, "list", value).finish();
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let options = Options { table: Table::Elements, format: Format::Parquet, spec: &spec, expiry: Expiry::Careful };
    let mut out = Vec::new();
    export::run(&dump, options, &mut out, &Observer::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.parquet"), out).unwrap();
    let script = "\
import duckdb, pyarrow.parquet
groups = pyarrow.parquet.ParquetFile('list.parquet').metadata.num_row_groups
rows = duckdb.connect().execute(\"SELECT count(*), bool_and(value = position::VARCHAR), bool_and(position = file_row_number) \"
                  \"FROM read_parquet('list.parquet', file_row_number = true)\").fetchone()
print(groups, *rows)";
    let said = run(python.args(["-c", script]).current_dir(folder.path()));
    // A row group ends with the first thousands of rows that make it a million or more.
    assert_eq!(said, format!("2 {ROWS} True True\n"));
}

/// A number that no server writes, and that the column has no room for, is said.
#[test]
fn numbers_that_do_not_fit_are_refused() {
    let dump = DumpBuilder::new(12).select_db(1 << 31).string("k", "v").finish();
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let export = |format| {
        let options = Options { table: Table::Keys, format, spec: &spec, expiry: Expiry::Careful };
        export::run(&dump, options, &mut Vec::new(), &Observer::default()).map(|summary| summary.rows)
    };
    let error = export(Format::Parquet).unwrap_err().to_string();
    assert_eq!(error, "the column db of Parquet has no room for 2147483648");
    assert_eq!(export(Format::Ndjson).unwrap(), 1);
}
