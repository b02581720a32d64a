//! The tables of README.md and docs/format.md: what they say is what happens.

use std::collections::BTreeSet;
use std::path::Path;

use rdb_reindex::dump::rdb::{ErrorKind, Item, Scratch, Visitor, Walker};

/// The rows of the table with this header, cell by cell.
fn table(header: &str) -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = ["README.md", "docs/format.md"].map(|name| std::fs::read_to_string(root.join(name)).unwrap()).concat();
    let lines = text.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = lines.map(cells).collect();
    assert!(!rows.is_empty(), "no table {header}");
    rows
}

const REDIS: &str = "REDIS0015";
const VALKEY: &str = "VALKEY081";

/// The magics that a row is about.
fn magics(cell: &str) -> &'static [&'static str] {
    match cell {
        "both" => &[REDIS, VALKEY],
        "REDIS" => &[REDIS],
        "VALKEY" => &[VALKEY],
        other => panic!("{other} is no magic"),
    }
}

fn hex(cell: &str) -> Vec<u8> {
    let digits: Vec<char> = cell.trim_matches('`').chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

#[test]
fn versions() {
    let mut read = BTreeSet::new();
    for row in table("| magic | versions | written by |") {
        let (from, to) = row[1].split_once('-').unwrap();
        let versions: std::ops::RangeInclusive<u32> = from.parse().unwrap()..=to.parse().unwrap();
        read.extend(versions.map(|version| (row[0].trim_matches('`').to_owned(), version)));
    }
    for version in 0..=999 {
        for (magic, text) in [("REDIS", format!("REDIS{version:04}")), ("VALKEY", format!("VALKEY{version:03}"))] {
            let known = read.contains(&(magic.to_owned(), version));
            assert_eq!(Walker::new(text.as_bytes()).is_ok(), known, "{text}");
        }
    }
}

/// Listens to nothing.
struct Any;

impl Visitor for Any {}

/// Every type of every row, and no other.
#[test]
fn value_types() {
    let mut known = BTreeSet::new();
    for row in table("| byte | type | magic | since | `TYPE` | example |") {
        let [byte, name, magic, since, kind, example] = &row[..] else { panic!("{row:?}") };
        let byte: u8 = byte.parse().unwrap();
        for magic in magics(magic) {
            assert!(known.insert((*magic, byte)), "{name} is there twice");
            let last: u32 = magic[magic.len() - 3..].parse().unwrap();
            assert!(since.parse::<u32>().unwrap() <= last, "{name}");
            // A template for the types that need one; Valkey knows none.
            let before: &[u8] = if *magic == REDIS { b"\xf2\x07\x01\x01f" } else { b"" };
            let value = if example == "not read" { Vec::new() } else { hex(example) };
            let dump = [magic.as_bytes(), before, &[byte, 1, b'k'], &value, b"\xff\0\0\0\0\0\0\0\0"].concat();
            let mut walker = Walker::new(&dump).unwrap();
            let item = loop {
                match walker.next() {
                    Ok(Some(Item::HashTemplate { .. })) => {}
                    other => break other,
                }
            };
            match item {
                Ok(Some(Item::Record(record))) => {
                    assert_ne!(example, "not read", "{name} is read");
                    assert_eq!((record.value.ty.name(), record.value.type_name().as_str()), (&name[..], &kind[..]));
                    assert_eq!(record.value.bytes, value, "{name}");
                    record.value.visit(&mut Scratch::default(), &mut Any).unwrap_or_else(|e| panic!("{name}: {e}"));
                    assert!(matches!(walker.next(), Ok(Some(Item::End(_)))), "{name}");
                }
                Err(error) => {
                    assert_eq!(example, "not read", "{name}: {error}");
                    let ErrorKind::Unsupported { name: told, .. } = error.kind else { panic!("{name}: {error}") };
                    assert_eq!(told, name);
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    for magic in [REDIS, VALKEY] {
        for byte in (0..34).filter(|byte| !known.contains(&(magic, *byte))) {
            let dump = [magic.as_bytes(), &[byte, 1, b'k']].concat();
            let error = Walker::new(&dump).unwrap().next().unwrap_err();
            assert!(matches!(error.kind, ErrorKind::UnknownType { .. }), "{byte}: {error}");
        }
    }
}

/// Every opcode of every row, and no other.
#[test]
fn opcodes() {
    let mut known = BTreeSet::new();
    for row in table("| byte | opcode | magic | what is done |") {
        let [byte, name, magic, done] = &row[..] else { panic!("{row:?}") };
        let byte: u8 = byte.parse().unwrap();
        for magic in magics(magic) {
            assert!(known.insert((*magic, byte)), "{name} is there twice");
            let dump = [magic.as_bytes(), &[byte]].concat();
            let result = Walker::new(&dump).unwrap().next();
            match (&done[..], result.map_err(|error| error.kind)) {
                ("not read", Err(ErrorKind::Unsupported { name: told, .. })) => assert_eq!(told, name),
                (done, Err(ErrorKind::Update)) => assert!(done.starts_with("refused"), "{name}"),
                // Its operands are missing: it is known what they are.
                (done, Err(ErrorKind::UnexpectedEnd { .. } | ErrorKind::MissingEof)) => assert_ne!(done, "not read"),
                (done, other) => panic!("{name}: {done}, and {other:?}"),
            }
        }
    }
    for magic in [REDIS, VALKEY] {
        for byte in (34..=255).filter(|byte| !known.contains(&(magic, *byte))) {
            let dump = [magic.as_bytes(), &[byte]].concat();
            let error = Walker::new(&dump).unwrap().next().unwrap_err();
            assert!(matches!(error.kind, ErrorKind::UnknownType { .. }), "{byte}: {error}");
        }
    }
}
