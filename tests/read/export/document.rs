//! What docs/duckdb.md shows is what its commands and queries give.

use std::path::Path;
use std::process::Command;

use super::parquet::{python, run};

#[test]
fn queries_give_what_the_document_shows() {
    let Some(mut python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = root.join("docs/duckdb.md");
    let text = std::fs::read_to_string(&document).unwrap();
    let (_, rest) = text.split_once("```sh\n").unwrap();
    let (commands, _) = rest.split_once("```").unwrap();
    assert_eq!(commands.lines().count(), 4);

    let folder = tempfile::tempdir().unwrap();
    for (name, dump) in [("dump.rdb", "discord-analytics"), ("last-week.rdb", "discord-analytics-last-week")] {
        std::fs::copy(root.join(format!("fixtures/{dump}.rdb")), folder.path().join(name)).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_rdb-reindex")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let made = Command::new("sh").args(["-e", "-c", commands]).env("PATH", path).current_dir(folder.path()).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let queries = run(python.arg(root.join("tests/read/export/document.py")).arg(&document).current_dir(folder.path()));
    assert_eq!(queries.trim(), "10");
}
