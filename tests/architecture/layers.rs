//! The rules of ARCHITECTURE.md: who may import whom, and what must be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// Module path (`dump::rdb::cursor`) and code of every source file, without comments and without what comes after
/// `#[cfg(test)] mod`.
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("below src");
        let path = inside.with_extension("");
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).filter(|part| part != "mod").collect();
        let module = parts.join("::");
        let is_test =
            inside.file_stem().is_some_and(|stem| stem == "tests") || inside.iter().any(|part| part == "tests");
        if is_test {
            continue;
        }
        let text = fs::read_to_string(&file).expect("source text");
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        all.push((module, file, code.join("\n")));
    }
    assert!(all.len() > 50, "only {} source files found", all.len());
    all
}

/// The table "Who may import whom".
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).expect("the document");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let quoted = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let module = quoted(cells[1]).pop_first().expect("a module's name");
        let mut uses = quoted(cells[3]);
        if cells[3].contains("everything") {
            uses.insert("*".into());
        }
        table.insert(module, uses);
    }
    table
}

/// The row of the table that a module path belongs to: the longest that begins it.
fn row<'t>(table: &'t BTreeMap<String, BTreeSet<String>>, path: &str) -> Option<&'t str> {
    let inside = |row: &&String| {
        path == row.as_str() || path.strip_prefix(row.as_str()).is_some_and(|rest| rest.starts_with("::"))
    };
    table.keys().filter(inside).max_by_key(|row| row.len()).map(String::as_str)
}

/// What a file of `module` uses by `crate::` and `super::`, as module paths from the root. Root re-exports are seen as
/// what they are re-exports of.
fn used(module: &str, code: &str) -> Vec<String> {
    let reexports = reexports();
    let mut all = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        rest = &rest[at + "crate::".len()..];
        for path in paths(rest) {
            let first = path.split("::").next().unwrap_or_default();
            all.push(reexports.get(first).cloned().unwrap_or(path));
        }
    }
    let mut rest = code;
    while let Some(at) = rest.find("super::") {
        rest = &rest[at..];
        let mut base: Vec<&str> = module.split("::").collect();
        while let Some(after) = rest.strip_prefix("super::") {
            base.pop();
            rest = after;
        }
        for path in paths(rest) {
            all.push(base.iter().copied().chain([path.as_str()]).collect::<Vec<_>>().join("::"));
        }
    }
    all
}

/// The path that code begins with, or several where it ends with a group: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn paths(code: &str) -> Vec<String> {
    let path: String = code.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
    let group = code[path.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
    match group {
        None => vec![path],
        Some((items, _)) => items.split(',').map(|item| format!("{path}{}", item.trim())).collect(),
    }
}

/// Names that the root of the crate offers, and the module each is from.
fn reexports() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs");
    let mut all = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("pub use ")) {
        let (path, names) = line.trim_end_matches(';').rsplit_once("::").expect("a path");
        for name in names.trim_matches(['{', '}']).split(", ") {
            all.insert(name.to_owned(), path.trim_start_matches("crate::").to_owned());
        }
    }
    all
}

#[test]
fn imports_run_one_way() {
    let table = table();
    let mut wrong = Vec::new();
    let mut needed: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (module, file, code) in modules() {
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(own) = row(&table, &module) else {
            // A folder of rows has nothing but their declarations.
            let inside = format!("{module}::");
            if !table.keys().any(|row| row.starts_with(&inside)) {
                wrong.push(format!("{}: the module {module} is not in ARCHITECTURE.md", file.display()));
            }
            continue;
        };
        for path in used(&module, &code) {
            let Some(other) = row(&table, &path) else { continue };
            if other == own {
                continue;
            }
            needed.insert((own, other));
            if !table[own].contains(other) && !table[own].contains("*") {
                wrong.push(format!("{}: {own} uses {other}", file.display()));
            }
        }
        assert!(!code.contains("use crate::{"), "{}: grouped imports hide from this test", file.display());
    }
    for (own, allowed) in &table {
        for other in allowed.iter().filter(|other| *other != "*") {
            if !needed.contains(&(own.as_str(), other.as_str())) {
                wrong.push(format!("ARCHITECTURE.md lets {own} use {other}, and it does not"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file does not import one that imports it back, by whatever way round; a `mod.rs` and the files of its folder are one
/// thing.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let all = modules();
    let names: BTreeSet<&str> = all.iter().map(|(module, ..)| module.as_str()).collect();
    let within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"));
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, _, code) in &all {
        for path in used(module, code) {
            let known = |name: &&&str| path == **name || within(&path, name);
            let Some(&other) = names.iter().filter(known).max_by_key(|name| name.len()) else { continue };
            if other != module && !within(other, module) && !within(module, other) {
                uses.entry(module).or_default().insert(other);
            }
        }
    }
    // What can be reached from a file, the file itself perhaps among it.
    let reached = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = uses.get(from).into_iter().flatten().copied().collect();
        while let Some(file) = next.pop() {
            if seen.insert(file) {
                next.extend(uses.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let circular: Vec<&str> = names.iter().copied().filter(|name| reached(name).contains(name)).collect();
    assert!(uses.len() > 200, "only {} files use another", uses.len());
    assert!(circular.is_empty(), "in circles: {circular:?}");
}

/// No file outside `modules` may have any of `words` in it.
fn only_in(words: &[&str], allowed: &[&str]) {
    for (module, file, code) in modules() {
        if allowed.iter().any(|row| module == *row || module.starts_with(&format!("{row}::"))) {
            continue;
        }
        for word in words {
            assert!(!code.contains(word), "{}: has {word}", file.display());
        }
    }
}

#[test]
fn only_the_snapshot_is_unsafe() {
    only_in(&["unsafe {", "unsafe fn", "unsafe impl"], &["dump::snapshot"]);
}

#[test]
fn only_replay_and_rehearse_know_a_network() {
    only_in(&["redis::", "std::net", "TcpStream", "TcpListener", "rustls", "ureq"], &["replay", "rehearse"]);
}

/// What holds keys or values is made by `owner_only`, so that nobody else can read it.
#[test]
fn only_owner_only_makes_files() {
    for (module, file, code) in modules() {
        // The manual holds neither.
        if module == "owner_only" || file.ends_with("commands/generate/mod.rs") {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for word in
            ["File::create", "File::options", "fs::write(", "tempfile::tempfile", "tempfile::Builder", "NamedTemp"]
        {
            assert!(!code.contains(word), "{}: has {word}", file.display());
        }
        let opened = code.contains("OpenOptions::new");
        assert!(!opened || code.contains("owner_only::options"), "{}: has OpenOptions::new", file.display());
    }
}

#[test]
fn only_the_command_line_prints() {
    only_in(&["println!", "eprintln!", "print!", "eprint!", "io::stdout", "io::stderr", "dbg!"], &["ui", "commands"]);
}

#[test]
fn a_rehearsal_and_a_replay_share_nothing_with_what_made_the_plan() {
    for (module, file, code) in modules() {
        if module.starts_with("rehearse") || module.starts_with("replay") {
            for word in ["crate::plan", "crate::index"] {
                assert!(!code.contains(word), "{}: has {word}", file.display());
            }
        }
    }
}
