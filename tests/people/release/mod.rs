//! What is handed on with a version: its notes, and the container image.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn notes(args: &[&str]) -> Output {
    Command::new(Path::new(HERE).join("scripts/release-notes")).args(args).output().expect("bash starts")
}

#[test]
fn the_notes_of_a_version_are_its_part_of_the_changelog() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("CHANGELOG.md");
    let text = "# Changelog\n\nWhat changed.\n\n## Unreleased\n\n## 1.10.0 (2026-12-01)\n\n- New: `ten`.\n\n### For scripts\n\n\
                - More.\n\n## [1.1.0] - 2026-11-01\n\n- One.\n## 1.0.0\n\nFirst version.\n";
    fs::write(&path, text).expect("written");
    let path = path.to_str().expect("UTF-8");
    for (version, expected) in [
        ("1.10.0", "- New: `ten`.\n\n### For scripts\n\n- More.\n"),
        ("v1.1.0", "- One.\n"),
        ("1.0.0", "First version.\n"),
    ] {
        let output = notes(&[version, path]);
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{version}");
    }
    // Nothing there, a part of a version, and a pattern.
    for version in ["Unreleased", "1.1", "1.2.0", "1.0.", "...."] {
        let output = notes(&[version, path]);
        assert_eq!(output.status.code(), Some(1), "{version}");
        assert!(output.stdout.is_empty(), "{version}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("says nothing of {version}")), "{said}");
    }
}

#[test]
fn the_changelog_has_notes() {
    let output = notes(&["Unreleased"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("\n- `inventory`") && !text.contains("\n## "), "{text}");
}

/// The script to its end, with what stands in for docker: it knows the instructions of our Dockerfile and no others.
#[test]
fn the_image_holds_the_program_and_plans() {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    fs::copy(Path::new(HERE).join("tests/people/release/docker"), programs.join("docker")).expect("copied");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(programs).chain(std::env::split_paths(&path));
    let images = folder.path().join("images");
    let mut script = Command::new(Path::new(HERE).join("scripts/package"));
    script.arg("image").env("PATH", std::env::join_paths(paths).expect("paths")).env("STAND_IN", &images);
    script.env("CARGO_TARGET_DIR", folder.path().join("target"));
    script.env("IMAGE_PROGRAM", assert_cmd::cargo::cargo_bin!("rdb-reindex"));
    let output = script.output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "rdb-reindex\n");
    assert!(said.contains(concat!("rdb-reindex ", env!("CARGO_PKG_VERSION"))) && said.contains("proven"), "{said}");
    let root = fs::read_dir(images.join("rdb-reindex/root")).expect("a folder");
    let files: Vec<_> = root.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(files, ["rdb-reindex"], "the program and nothing else");
}
