//! The progress of a replay on a terminal: it fits, also after somebody made the terminal narrower.

use std::io::Read as _;
use std::process::{Command, Stdio};

use unicode_width::UnicodeWidthStr as _;

use crate::operate::Stage;
use crate::operate::bundle::small;
use crate::proxy::{Fault, Proxy};
use crate::support::judges::SCRIPT;

/// What is written to a terminal of so many columns, which has `then` columns once something was drawn.
fn written(stage: &Stage, columns: usize, then: usize) -> Option<String> {
    SCRIPT.find()?;
    let proxy = Proxy::start(stage.server.port(), Fault::Slow { millis: 300 });
    let tty = stage.folder.path().join(format!("tty{columns}"));
    let line = format!(
        "tty > {}; stty rows 24 cols {columns}; {} apply {} --to redis://127.0.0.1:{} --confirm {} --batch-commands 1; echo status $?",
        tty.display(),
        env!("CARGO_BIN_EXE_rdb-reindex"),
        stage.dir().display(),
        proxy.port,
        stage.plan_id
    );
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script starts");
    let mut screen = child.stdout.take().expect("piped");
    let (mut shown, mut bytes) = (String::new(), [0; 4096]);
    let mut resized = columns == then;
    while !shown.contains("status ") {
        let n = screen.read(&mut bytes).expect("readable");
        assert!(n > 0, "it ended: {shown:?}");
        shown.push_str(&String::from_utf8_lossy(&bytes[..n]));
        if !resized && shown.contains("\x1b[K") {
            resized = true;
            let tty = std::fs::read_to_string(&tty).expect("it was told");
            let set = Command::new("stty").args(["-F", tty.trim(), "cols", &then.to_string()]).status();
            assert!(set.expect("stty runs").success());
            shown.push_str("\rRESIZED\r");
        }
    }
    child.wait().expect("it ends");
    Some(shown)
}

/// The lines that were drawn in place.
fn drawn(written: &str) -> Vec<&str> {
    written.split('\r').filter_map(|part| part.strip_suffix("\x1b[K")).filter(|line| !line.is_empty()).collect()
}

#[test]
fn it_fits_a_terminal_of_any_width_and_a_narrower_one_afterwards() {
    std::thread::scope(|scope| {
        for (columns, then) in [(20, 20), (40, 40), (60, 60), (72, 72), (200, 200), (120, 40)] {
            scope.spawn(move || {
                let Some(stage) = Stage::new(&small()) else { return };
                let Some(written) = written(&stage, columns, then) else { return };
                assert!(written.contains("status 0"), "{columns}: {written:?}");
                let (before, after) = written.split_once("RESIZED").unwrap_or(("", &written));
                assert!(drawn(before).iter().all(|line| line.width() < columns), "{columns}: {before:?}");
                // What was being drawn while the size changed was for the old one.
                let lines = drawn(after);
                let lines = if before.is_empty() { &lines[..] } else { &lines[2..] };
                assert!(lines.iter().all(|line| line.width() < then), "{columns}, then {then}: {lines:?}");
                for what in ["looking", "apply"] {
                    assert!(lines.iter().any(|line| line.starts_with(what)), "{columns}: no {what}: {lines:?}");
                }
                // Nothing of it stays, and nothing is drawn over what was said.
                assert!(after.contains("6 members added, 2 removed, 2 keys deleted"), "{columns}: {after:?}");
            });
        }
    });
}
