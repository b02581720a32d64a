//! Names that are meant for whoever reads the advice.

use super::Case;
use crate::support::dump_writer::DumpBuilder;

/// Sets of one record each, under names that would do something.
fn case() -> Case {
    let prefixes: [&[u8]; 6] = [
        b"\x1b]0;title\x07\x1b[31mred:",
        "a\u{202e}b:".as_bytes(),
        b"<script>alert(1)</script>:",
        b"=cmd|' /C calc'!A0{x}\\:",
        b"\xff\xfe\n[[index]]\nname = 'x':",
        b"\"\"\"'''`{@id}`:",
    ];
    Case::made(10, |dump: &mut DumpBuilder| {
        for prefix in prefixes {
            for n in 0..40 {
                let id = (70_000 + n).to_string();
                let name = |kind: &[u8]| [prefix, kind, b":", id.as_bytes()].concat();
                dump.string(name(b"record"), "x");
                dump.set(name(b"set"), &[name(b"record")]);
            }
        }
    })
}

#[test]
fn no_name_speaks_to_its_reader() {
    let case = case();
    // What is no text is no literal part of a pattern: the first and the fifth are one family.
    assert_eq!(case.advice()["items"].as_array().expect("items").len(), 5);
    for format in ["table", "csv", "json", "html"] {
        let text = case.inventory(&["--format", format]);
        let bad = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\r' || *c == '\u{202e}');
        assert_eq!(bad, None, "{format}");
    }
    let page = case.inventory(&["--format", "html"]);
    assert_eq!(page.matches("<script").count(), 1);
    let csv = case.inventory(&["--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let cells = reader.records().flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>());
    assert!(!cells.into_iter().any(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
}

/// The lines say what the names are, whatever is in them: a plan by all of them deletes the sets, and nothing else. Of patterns
/// that begin with a star there are none.
#[test]
fn lines_of_hostile_names_are_about_those_names() {
    let case = case();
    let advice = case.advice();
    let tables: Vec<&str> =
        advice["items"].as_array().expect("items").iter().filter_map(|item| item["spec"].as_str()).collect();
    assert_eq!(tables.len(), 3, "{advice:#}");
    assert_eq!(case.plan(&tables.join("\n")), [120, 0, 0]);
}

/// A damaged dump ends it like everything else, and never with advice.
#[test]
fn half_a_dump() {
    let whole = case().dump();
    for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 9] {
        let case = Case::new(&whole[..cut]);
        let output = case.command(&["inventory", "--advise"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{cut}");
        assert!(output.stdout.is_empty());
    }
}
