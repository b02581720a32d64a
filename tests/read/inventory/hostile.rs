//! `inventory` and `show` on dumps that are damaged, odd, or full of names that are meant for the terminal.

use assert_cmd::Command;
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::output;

use output::program;

/// A dump of strings, written by hand: the head, `SELECTDB 0`, for each key the type 0 and two strings with a length of
/// 14 bits, `EOF`, and the footer.
fn dump(version: u8, keys: &[&[u8]], footer: &[u8]) -> Vec<u8> {
    let mut bytes = format!("REDIS{version:04}").into_bytes();
    bytes.extend([0xfe, 0]);
    for key in keys {
        bytes.push(0);
        for string in [key, b"value".as_slice()] {
            let [high, low] = u16::try_from(string.len()).expect("a short string").to_be_bytes();
            bytes.extend([0x40 | high, low]);
            bytes.extend(string);
        }
    }
    bytes.push(0xff);
    bytes.extend(footer);
    bytes
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn inventory(&self, bytes: &[u8], more: &[&str]) -> Command {
        self.file("a.rdb", bytes);
        let mut command = program(&["inventory", "a.rdb", "--now", "2026-01-01T00:00:00Z"]);
        command.args(more).current_dir(self.0.path());
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is UTF-8")
}

const NO_CHECKSUM: &[u8] = &[0; 8];

#[test]
fn names_cannot_speak_to_the_terminal() {
    let names: [&[u8]; 8] = [
        b"\x1b]0;title\x07\x1b[31mred",
        b"line\r\nend\ttab\0nul\x7f",
        b"\xff\xfe not utf-8 \xc3",
        "a\u{202e}b\u{2066}c\u{200b}d\u{feff}".as_bytes(),
        "\u{9b}31m\u{85}\u{2028}".as_bytes(),
        // Wrong keys of an index: they are examples of a finding.
        b"discord:messages:project:\x1b[2J\xff",
        "discord:messages:project:\u{202e}\u{9d}".as_bytes(),
        b"=cmd|' /C calc'!A0,\"x\"",
    ];
    let folder = Folder::new();
    for format in ["table", "json", "csv"] {
        let mut command = folder.inventory(&dump(10, &names, NO_CHECKSUM), &["--format", format]);
        let output = command.assert().success().stderr("").get_output().clone();
        let text = text(&output.stdout);
        let harmful = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        assert_eq!(text.chars().find(|c| harmful(*c)), None, "{format}: {text}");
        if format == "json" {
            let data: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(data["keys"], names.len());
            let wrong = data["diagnostics"].as_array().expect("rows").iter();
            assert_eq!(wrong.filter(|row| row["code"] == "index.wrong_type" && row["count"] == 2).count(), 1, "{text}");
        } else {
            assert!(text.contains("\\u{1b}[2J\\xff"), "{format}: {text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_base64_in_json() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe.rdb");
    std::fs::write(folder.0.path().join(name), dump(10, &[b"a"], NO_CHECKSUM)).expect("a file");
    let mut command = program(&["inventory", "--format", "json"]);
    let output = command.arg(name).current_dir(folder.0.path()).assert().success().get_output().stdout.clone();
    let data: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
    // FF FE 2E is //4u and 72 64 62 is cmRi.
    assert_eq!(data["snapshot"]["file"], serde_json::json!({"base64": "//4ucmRi"}));
}

#[test]
fn checksums() {
    let folder = Folder::new();
    let found = |bytes: &[u8], more: &[&str]| {
        let mut command = folder.inventory(bytes, &[&["--format", "json"], more].concat());
        let output = command.assert().success().get_output().stdout.clone();
        let data: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
        data["snapshot"]["checksum"].as_str().expect("a word").to_owned()
    };
    assert_eq!(found(&dump(10, &[b"a"], NO_CHECKSUM), &[]), "absent");
    assert_eq!(found(&dump(4, &[b"a"], b""), &[]), "absent");
    let wrong = dump(10, &[b"a"], b"\x01\0\0\0\0\0\0\0");
    assert_eq!(found(&wrong, &["--ignore-checksum"]), "mismatch");
    let output = folder.inventory(&wrong, &[]).assert().code(1).stdout("").get_output().clone();
    let text = text(&output.stderr);
    let error = "error: a.rdb: the checksum is wrong: the footer says 0000000000000001, the content has ";
    assert!(text.starts_with(error), "{text}");
    assert!(text.contains("\nhint: the dump is damaged: take it again; --ignore-checksum"), "{text}");
}

#[test]
fn one_flipped_bit_in_the_fixture_is_noticed() {
    let folder = Folder::new();
    let mut bytes = std::fs::read("fixtures/discord-analytics.rdb").expect("the fixture");
    // The last byte of the last value is text of no importance to the structure; so is the CRC itself.
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let output = folder.inventory(&bytes, &[]).assert().code(1).stdout("").get_output().clone();
    assert!(text(&output.stderr).contains("the checksum is wrong"), "{}", text(&output.stderr));
}

#[test]
fn what_follows_the_dump_is_said_loudly() {
    let folder = Folder::new();
    let aof = [dump(10, &[b"a"], NO_CHECKSUM), b"*1\r\n$4\r\nPING\r\n".to_vec()].concat();
    let output = folder.inventory(&aof, &[]).assert().success().get_output().clone();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(err.starts_with("warning: this is an append-only file: "), "{err}");
    assert!(err.contains("(14 bytes after the footer)"), "{err}");
    assert!(out.contains("this is an append-only file"), "{out}");
    assert!(out.contains("No plan is made of such a dump"), "{out}");
    let output = folder.inventory(&aof, &["--quiet"]).assert().success().stderr("").get_output().clone();
    assert!(text(&output.stdout).contains("this is an append-only file"));

    let trailing = [dump(10, &[b"a"], NO_CHECKSUM), b"xyz".to_vec()].concat();
    let output = folder.inventory(&trailing, &["--format", "json"]).assert().success().get_output().clone();
    assert!(text(&output.stderr).starts_with("warning: there are bytes after the end of the dump"));
    let data: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(data["diagnostics"][0]["code"], "dump.trailing_bytes");
    assert_eq!(data["diagnostics"][0]["examples"][0], "3 bytes after the footer");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for format in ["table", "json", "csv"] {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("rdb-reindex"));
        command.args(["inventory", "fixtures/discord-analytics.rdb", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // Closed before anything is written: every write is refused.
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        assert!(child.wait().expect("it ends").success(), "{format}");
        assert_eq!(stderr, "", "{format}");
    }
}

#[test]
fn a_dump_without_any_key_of_the_spec_says_where_to_go() {
    let folder = Folder::new();
    let preset = ["--preset", "discord-analytics"];
    let output = folder.inventory(&dump(10, &[b"a"], NO_CHECKSUM), &preset).assert().success().get_output().clone();
    let text = text(&output.stdout);
    assert!(text.contains("The dump has none of the keys that the spec is about."), "{text}");
    assert!(text.contains("project   maintain  no keys, and no records for any\n"), "{text}");
}
