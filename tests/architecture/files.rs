//! No file of tests is forgotten: one that no `mod` names is never compiled, and a snapshot that no test names is never
//! compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn all(folder: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all(&path, out);
        } else {
            out.insert(path);
        }
    }
}

/// The file, and those that its `mod` lines name, and theirs.
fn reach(file: PathBuf, out: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let folder = file.parent().expect("a folder");
    let stem = file.file_stem().expect("a name");
    let own = if stem == "mod" || stem == "main" { folder.to_path_buf() } else { folder.join(stem) };
    out.insert(file.clone());
    let mut path = None;
    for line in text.lines() {
        let named = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"));
        path = named.map(|name| folder.join(name)).or(path);
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else { continue };
        let places = [own.join(format!("{name}.rs")), own.join(name).join("mod.rs")];
        let place = path.take().or_else(|| places.into_iter().find(|place| place.is_file()));
        let place = place.unwrap_or_else(|| panic!("{}: mod {name}", file.display()));
        let place = fs::canonicalize(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        if !out.contains(&place) {
            reach(place, out);
        }
    }
}

fn tests() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).expect("the folder of tests")
}

/// The roots of the test binaries, as cargo finds them.
fn binaries() -> Vec<PathBuf> {
    let entries = fs::read_dir(tests()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let roots = entries.map(|path| if path.is_dir() { path.join("main.rs") } else { path });
    roots.filter(|path| path.is_file()).collect()
}

#[test]
fn every_file_is_part_of_a_binary() {
    let mut reached = BTreeSet::new();
    for root in binaries() {
        reach(root, &mut reached);
    }
    let mut there = BTreeSet::new();
    all(&tests(), &mut there);
    there.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(there.len() > 100, "{} files", there.len());
    let forgotten: Vec<_> = there.difference(&reached).collect();
    assert!(forgotten.is_empty(), "no `mod` names {forgotten:?}");
}

/// Every one is linked by itself, which takes seconds.
#[test]
fn there_are_eight_binaries_at_most() {
    let binaries = binaries();
    assert!((3..=8).contains(&binaries.len()), "{binaries:?}");
}

/// insta names a snapshot after the modules of its test, `a::b` being `a__b`, and the name that the test gives.
#[test]
fn every_snapshot_is_compared() {
    let mut there = BTreeSet::new();
    all(&tests(), &mut there);
    there.retain(|path| path.parent().is_some_and(|folder| folder.ends_with("snapshots")));
    assert!(there.len() >= 14, "{} snapshots", there.len());
    for snapshot in there {
        let name = snapshot.file_name().expect("a name").to_str().expect("text");
        let whole = name.strip_suffix(".snap").unwrap_or_else(|| panic!("{name} is left over from a test that failed"));
        let (modules, name) = whole.rsplit_once("__").expect("modules and a name");
        let source = tests().join(modules.replace("__", "/"));
        let source = Some(source.with_extension("rs")).filter(|file| file.is_file()).unwrap_or(source.join("mod.rs"));
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{whole}: {}: {error}", source.display()));
        assert!(text.contains(&format!("assert_snapshot!(\"{name}\"")), "{} has no {name}", source.display());
        let beside = source.parent().expect("a folder").join("snapshots");
        assert_eq!(snapshot.parent(), Some(beside.as_path()));
    }
}

/// Comments and pages name files of the repository in backquotes.
#[test]
fn every_file_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeSet::new();
    for folder in ["src", "tests", "benches", "examples", "docs", "fuzz/fuzz_targets"] {
        all(&root.join(folder), &mut files);
    }
    let pages = ["README.md", "ARCHITECTURE.md", "BENCHMARKS.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md"];
    files.extend(pages.map(|name| root.join(name)));
    files.insert(root.join("fixtures/README.md"));
    let mut named = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs" || kind == "md")) {
        let text = fs::read_to_string(file).expect("text");
        for word in text.split('`').filter(|word| !word.is_empty() && !word.contains(char::is_whitespace)) {
            let below = |folder: &str| word.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
            let path =
                ["src", "tests", "benches", "examples", "fixtures", "fuzz", "scripts", "docs"].into_iter().any(below);
            let rust = word.ends_with(".rs") && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
            if !path && !rust || word.contains(['*', '{', '<', '"', '$']) {
                continue;
            }
            named += 1;
            let there = root.join(word).exists() || rust && files.iter().any(|file| file.ends_with(word));
            assert!(there, "{} names {word}, which is not there", file.display());
        }
    }
    assert!(named > 20, "{named} names");
}
