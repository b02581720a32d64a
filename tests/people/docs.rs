//! Pages that people follow: the tutorial runs as it stands, and what README shows is what is printed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::output::program;
use crate::support::server::Program;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a page")
}

/// The blocks of a page in one language, in its order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match &mut block {
            None if line == fence => block = Some(String::new()),
            None => {}
            Some(text) if line == "```" => {
                blocks.push(std::mem::take(text));
                block = None;
            }
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    blocks
}

/// Every command of the tutorial, one after the other, in an empty folder; the last look finds nothing wrong.
#[test]
fn the_tutorial_runs_as_it_stands() {
    let (Some(redis), port) = (Program::Redis70.find(), free_port()) else { return };
    let page = page("docs/tutorial.md");
    let all = blocks(&page, "sh");
    assert!(all.len() >= 10, "{} blocks", all.len());
    let script = format!("set -euo pipefail\n{}", all.concat().replace("7001", &port.to_string()));
    let folder = tempfile::tempdir().expect("a folder");
    let bin = Path::new(assert_cmd::cargo::cargo_bin!("rdb-reindex")).parent().expect("its folder").to_owned();
    let redis_bin = redis.parent().expect("its folder").to_owned();
    let path = format!("{}:{}:{}", bin.display(), redis_bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HOME", folder.path())
        .output()
        .expect("bash");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    // Whatever failed, its server does not stay.
    let _ = Command::new(redis_bin.join("redis-cli")).args(["-p", &port.to_string(), "shutdown", "nosave"]).output();
    assert!(output.status.success(), "{told}");
    let proposed = fs::read_to_string(folder.path().join("my.toml")).expect("a proposal");
    assert_eq!(proposed.matches("# recommended: ").count(), 4, "{proposed}");
    for words in ["rdb-reindex infer dump.rdb", "everything is as the plan leaves it"] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    let shown = program(&["show", "plan"]).current_dir(folder.path()).output().expect("it runs").stdout;
    assert!(text(&shown).contains("rolled back"), "{}", text(&shown));
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// What README shows is what the command above it prints.
#[test]
fn the_readme_shows_what_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let readme = page("README.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = program(&["plan", "fixtures/discord-analytics.rdb", "--out"]);
    command.arg(folder.path().join("plan")).current_dir(root);
    let output = command.output().expect("it runs");
    let told = String::from_utf8(output.stderr).expect("text");
    let told = told.replace(&folder.path().join("plan").display().to_string(), "plan");
    let shown = blocks(&readme, "text").remove(0);
    assert!(shown.lines().count() >= 12, "{shown}");
    assert!(told.contains(shown.trim_end()), "README shows\n{shown}\nand this is printed\n{told}");
}

/// What `docs/troubleshooting.md` says that is said, is said somewhere in the program.
#[test]
fn every_message_that_is_explained_can_be_met() {
    let mut code = String::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A text that goes on in the next line of the code.
    let code = plain(&code.replace("\\\n", " "));
    let page = page("docs/troubleshooting.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ").map(|(first, _)| first));
    let mut messages = 0;
    for message in rows.flat_map(|row| row.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()) {
        for part in message.split('…').map(str::trim).filter(|part| part.len() > 3) {
            messages += 1;
            assert!(code.contains(part), "nothing says {part:?}");
        }
    }
    assert!(messages > 15, "{messages}");
}

fn gather(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, out);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            out.push_str(&fs::read_to_string(path).expect("text"));
        }
    }
}
