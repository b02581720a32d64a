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

/// Module and code of every source file, without comments and without what comes after `#[cfg(test)] mod`.
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("below src");
        let first = inside.iter().next().expect("a name").to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
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

#[test]
fn imports_run_one_way() {
    let table = table();
    let mut wrong = Vec::new();
    for (module, file, code) in modules() {
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(allowed) = table.get(&module) else {
            wrong.push(format!("{}: the module {module} is not in ARCHITECTURE.md", file.display()));
            continue;
        };
        let mut rest = code.as_str();
        while let Some(at) = rest.find("crate::") {
            rest = &rest[at + "crate::".len()..];
            let used: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_module = table.contains_key(&used);
            if is_module && used != module && !allowed.contains(&used) && !allowed.contains("*") {
                wrong.push(format!("{}: uses {used}", file.display()));
            }
        }
        assert!(!code.contains("use crate::{"), "{}: grouped imports hide from this test", file.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No file outside `modules` may have any of `words` in it.
fn only_in(words: &[&str], allowed: &[&str]) {
    for (module, file, code) in modules() {
        if allowed.contains(&module.as_str()) {
            continue;
        }
        for word in words {
            assert!(!code.contains(word), "{}: has {word}", file.display());
        }
    }
}

#[test]
fn only_the_snapshot_is_unsafe() {
    only_in(&["unsafe {", "unsafe fn", "unsafe impl"], &["snapshot"]);
}

#[test]
fn only_replay_and_rehearse_know_a_network() {
    only_in(&["redis::", "std::net", "TcpStream", "TcpListener", "rustls", "ureq"], &["replay", "rehearse"]);
}

/// What holds keys or values is made by `private`, so that nobody else can read it.
#[test]
fn only_private_makes_files() {
    for (module, file, code) in modules() {
        // The manual holds neither.
        if module == "private" || file.ends_with("cli/generate.rs") {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for word in
            ["File::create", "File::options", "fs::write(", "tempfile::tempfile", "tempfile::Builder", "NamedTemp"]
        {
            assert!(!code.contains(word), "{}: has {word}", file.display());
        }
        let opened = code.contains("OpenOptions::new");
        assert!(!opened || code.contains("private::options"), "{}: has OpenOptions::new", file.display());
    }
}

#[test]
fn only_the_command_line_prints() {
    only_in(&["println!", "eprintln!", "print!", "eprint!", "io::stdout", "io::stderr", "dbg!"], &["cli"]);
}

#[test]
fn a_rehearsal_shares_nothing_with_what_it_judges() {
    for (module, file, code) in modules() {
        if module == "rehearse" {
            for word in ["plan::build", "plan::command", "plan::changes", "plan::recreate", "crate::index"] {
                assert!(!code.contains(word), "{}: has {word}", file.display());
            }
        }
    }
}
