//! What the screen of a terminal shows while the program works and after it: the program runs in a pseudo-terminal (that of
//! `script`), and gets its dump from a pipe that the test fills at its own pace.

use crate::support::judges::SCRIPT;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use unicode_width::UnicodeWidthStr;

/// A program in a terminal, and what it has written there so far.
struct Session {
    child: Child,
    keyboard: ChildStdin,
    output: ChildStdout,
    written: String,
    pipe: Option<File>,
    _folder: tempfile::TempDir,
}

fn fixture() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb")).expect("the fixture")
}

impl Session {
    /// Starts `rdb-reindex ARGS` in a terminal of so many columns; `@` among the arguments is the pipe.
    fn start(columns: u16, args: &str) -> Option<Self> {
        SCRIPT.find()?;
        let folder = tempfile::tempdir().expect("a folder");
        let pipe: PathBuf = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
        let program = assert_cmd::cargo::cargo_bin!("rdb-reindex").display().to_string();
        let args = args.replace('@', &pipe.display().to_string());
        let line = format!("trap : INT; stty rows 24 cols {columns}; {program} {args}; echo status $?");
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("script starts");
        let (keyboard, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        // Waits for the reader.
        let pipe = Some(OpenOptions::new().write(true).open(&pipe).expect("the program opens it"));
        Some(Self { child, keyboard, output, written: String::new(), pipe, _folder: folder })
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.pipe.as_mut().expect("open").write_all(bytes).expect("the program reads");
    }

    /// Reads until the terminal got this text.
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.written.contains(text) {
            let n = self.output.read(&mut buffer).expect("readable");
            assert!(n > 0, "it ended without {text:?}: {:?}", self.written);
            self.written.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    }

    /// Ends the input, and gives all that was written.
    fn end(mut self) -> String {
        self.pipe = None;
        self.wait_for("status ");
        drop(self.keyboard);
        self.output.read_to_string(&mut self.written).expect("UTF-8");
        self.child.wait().expect("it ends");
        self.written
    }
}

/// What is on the screen after all that: a carriage return goes back, `ESC [ K` deletes what is behind.
fn screen(written: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in written.split("\r\n") {
        let mut shown: Vec<char> = Vec::new();
        for (at, part) in line.split('\r').enumerate() {
            let (text, deletes) = match part.split_once("\x1b[K") {
                Some((text, after)) => (format!("{text}{after}"), true),
                None => (part.to_owned(), false),
            };
            let text: Vec<char> = without_colour(&text).chars().collect();
            if deletes {
                shown = text;
            } else if at == 0 || !text.is_empty() {
                let rest = shown.split_off(text.len().min(shown.len()));
                shown = [text, rest].concat();
            }
        }
        lines.push(shown.into_iter().collect());
    }
    lines
}

fn without_colour(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

/// The lines that were drawn in place.
fn drawn(written: &str) -> Vec<&str> {
    written.split('\r').filter_map(|part| part.strip_suffix("\x1b[K")).filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_line_is_drawn_that_fits_and_goes_away() {
    let dump = fixture();
    for columns in [40, 80, 200] {
        let Some(mut session) = Session::start(columns, "check - < @") else { return };
        session.feed(&dump[..4_000_000]);
        session.wait_for("receiving");
        session.feed(&dump[4_000_000..]);
        let written = session.end();
        let lines = drawn(&written);
        assert!(lines.iter().any(|line| line.starts_with("receiving 4.0 MB")), "{lines:?}");
        assert!(lines.iter().all(|line| line.width() < usize::from(columns)), "{lines:?}");
        let shown = screen(&written);
        assert!(shown[0].starts_with("whole: "), "{shown:?}");
        assert!(shown.iter().any(|line| line == "  checksum: verified"), "{shown:?}");
        assert!(shown.iter().any(|line| line == "status 0"), "{shown:?}");
        assert!(shown.iter().all(|line| !line.contains("receiving")), "{shown:?}");
    }
}

#[test]
fn an_error_stands_on_a_line_of_its_own() {
    let Some(mut session) = Session::start(80, "inventory - < @") else { return };
    session.feed(&fixture()[..4_000_000]);
    session.wait_for("receiving");
    let shown = screen(&session.end());
    assert!(shown[0].starts_with("error: standard input: the data ends too early"), "{shown:?}");
    assert!(shown.iter().any(|line| line.starts_with("hint: ")), "{shown:?}");
    assert!(shown.iter().any(|line| line == "status 1"), "{shown:?}");
    assert!(shown.iter().all(|line| !line.contains("receiving")), "{shown:?}");
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let Some(mut session) = Session::start(80, "plan - --out /nowhere/at/all < @") else { return };
    session.feed(&fixture()[..4_000_000]);
    session.wait_for("receiving");
    session.keyboard.write_all(b"\x03").expect("typed");
    session.wait_for("^C");
    // Nothing more comes; the program sees the end of its input or, before that, that it should stop.
    let shown = screen(&session.end());
    assert!(shown.iter().any(|line| line.ends_with("error: interrupted; nothing was written")), "{shown:?}");
    assert!(shown.iter().any(|line| line == "status 130"), "{shown:?}");
    assert!(shown.iter().all(|line| !line.contains("receiving")), "{shown:?}");
}

#[test]
fn quiet_draws_nothing() {
    let Some(mut session) = Session::start(80, "check --quiet - < @") else { return };
    let dump = fixture();
    session.feed(&dump[..4_000_000]);
    // As long as it takes to draw a line, if one were drawn.
    std::thread::sleep(std::time::Duration::from_millis(900));
    session.feed(&dump[4_000_000..]);
    let written = session.end();
    assert!(written.starts_with("whole: "), "{written:?}");
    assert!(!written.contains('\x1b'), "{written:?}");
}

#[test]
fn rows_are_not_mixed_with_progress() {
    let Some(mut session) = Session::start(200, "export --table keys --format ndjson @") else { return };
    let dump = fixture();
    session.feed(&dump[..4_000_000]);
    std::thread::sleep(std::time::Duration::from_millis(900));
    session.feed(&dump[4_000_000..]);
    let written = session.end();
    assert!(written.starts_with("{\"db\":0,"), "{:?}", written.get(..200));
    assert!(!written.contains("\x1b[K"));
    // 29,695 keys, and the status.
    assert_eq!(written.trim_end().split("\r\n").count(), 29_695 + 1);
}
