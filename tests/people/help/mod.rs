//! What `--help` says is true: every example is run, every command has some, and no line is too long for a terminal.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::output;
mod shells;
use crate::support;

use output::program;
use support::server::Server;

const COMMANDS: [&str; 15] = [
    "inventory",
    "plan",
    "join",
    "rehearse",
    "show",
    "apply",
    "verify",
    "rollback",
    "check",
    "export",
    "diff",
    "infer",
    "spec",
    "completions",
    "man",
];

fn help(args: &[&str]) -> String {
    let output = program(args).assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("help is UTF-8")
}

/// The commands among the examples of a command.
fn examples(command: &str) -> Vec<String> {
    let text = help(&[command, "--help"]);
    let (_, examples) = text.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command} has no examples"));
    let lines = examples.lines().take_while(|line| line.starts_with("  "));
    let commands: Vec<String> = lines.map(str::trim).filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert!(!commands.is_empty(), "{command}: {text}");
    for command in &commands {
        assert!(command.contains("rdb-reindex "), "{command}");
    }
    commands
}

/// A dump of version 9 with one string, and no checksum.
fn small(key: &str) -> Vec<u8> {
    let mut dump = b"REDIS0009\xfe\x00\x00".to_vec();
    dump.push(u8::try_from(key.len()).expect("a short name"));
    dump.extend(key.as_bytes());
    dump.extend(b"\x01x\xff\0\0\0\0\0\0\0\0");
    dump
}

/// Makes the files that the examples name, those of `plan` aside.
fn furnish(folder: &Path) {
    let dump = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb"));
    let dump = dump.expect("the fixture");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("written");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&dump).expect("packed");
    write("dump.rdb.gz", &packed.finish().expect("packed"));
    write("dump.rdb", &dump);
    let last_week = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics-last-week.rdb");
    write("monday.rdb", &fs::read(last_week).expect("the fixture"));
    write("today.rdb", &dump);
    write("shard-1.rdb", &small("a"));
    write("shard-2.rdb", &small("b"));
    write("my.toml", help(&["spec"]).as_bytes());
    let shards = [folder.join("dump.rdb")];
    support::shards::plans(&shards, &help(&["spec"]), support::shards::CAPS, &folder.join("plans"));
}

fn run(folder: &Path, line: &str) {
    let program = Path::new(assert_cmd::cargo::cargo_bin!("rdb-reindex"));
    let programs = program.parent().expect("a folder").as_os_str().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(programs.into()).chain(std::env::split_paths(&path));
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", line]).current_dir(folder);
    shell.env("PATH", std::env::join_paths(paths).expect("paths")).env("MANPAGER", "cat");
    let output = shell.output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {:?}\n{said}", output.status);
}

#[test]
fn every_example_is_true() {
    let folder = tempfile::tempdir().expect("a folder");
    furnish(folder.path());
    // `plan` comes before what needs a plan.
    for example in COMMANDS.iter().flat_map(|command| examples(command)) {
        let needs_more = ["--to ", "--server", "after.rdb"].iter().any(|part| example.contains(part));
        let has_man = || Command::new("man").arg("--version").output().is_ok();
        if needs_more || (example.contains("| man ") && !has_man()) {
            continue;
        }
        run(folder.path(), &example);
    }
    for made in ["inventory.json", "plan/plan.json", "my.toml", "_rdb-reindex", "man1/rdb-reindex-plan.1"] {
        let made = fs::metadata(folder.path().join(made)).unwrap_or_else(|error| panic!("{made}: {error}"));
        assert!(made.len() > 0);
    }
}

#[test]
fn a_dump_made_afterwards_verifies_the_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    furnish(folder.path());
    let Some(server) = Server::builder().rejson().dump_file(folder.path().join("dump.rdb")).start() else { return };
    run(folder.path(), &examples("plan").remove(0));
    server.pipe(&folder.path().join("plan/apply.resp"));
    fs::write(folder.path().join("after.rdb"), server.dump()).expect("written");
    let example = examples("verify").into_iter().find(|example| example.contains("after.rdb")).expect("an example");
    run(folder.path(), &example);
}

#[test]
fn the_examples_that_need_a_database_are_right_in_form() {
    let folder = tempfile::tempdir().expect("a folder");
    for example in ["apply", "verify", "rollback"].iter().flat_map(|command| examples(command)) {
        // No such folder: an error, where a wrong option would be wrong use.
        let args: Vec<&str> = example.split(' ').skip(1).collect();
        let mut command = program(&args);
        let output = command.current_dir(folder.path()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn help_fits_a_terminal() {
    for command in COMMANDS {
        for line in help(&[command, "--help"]).lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
        let text = help(&[command, "--help"]);
        for line in text.split_once("\nExamples:\n").map(|(_, examples)| examples.lines()).into_iter().flatten() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        let short = help(&[command, "-h"]);
        assert!(!short.contains("Examples:"), "{command}: -h is the short one");
        assert!(short.lines().count() <= 60, "{command}: {} lines", short.lines().count());
    }
}

#[test]
fn the_manual_has_a_page_a_command_with_its_examples() {
    let manual = help(&["man"]);
    for command in COMMANDS {
        let title = format!(".TH rdb-reindex-{command} 1");
        let (_, page) = manual.split_once(&title).unwrap_or_else(|| panic!("no page {command}"));
        let page = page.split(".TH ").next().unwrap_or_default();
        for section in ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{command}: {section}");
        }
        assert!(!page.contains(".SH EXTRA"), "{command}");
        let has_plan = ["plan", "join", "show", "rehearse", "apply", "verify", "rollback"].contains(&command);
        assert_eq!(page.contains("\n.SH FILES\n"), has_plan, "{command}");
        let is_connected = ["apply", "verify", "rollback"].contains(&command);
        assert_eq!(page.contains("UPSTASH_REDIS_REST_TOKEN"), is_connected, "{command}");
        // roff writes a hyphen that is one as \-.
        let first = examples(command).remove(0).replace('-', "\\-");
        let plain = |text: &str| text.replace("\\(aq", "'").replace("\\*(Aq", "'");
        assert!(plain(page).contains(&plain(&first)), "{command}: {first}\n{page}");
    }
}

/// What the program reads from its environment, and nothing else, is in the manual: the names are found in the source, in the
/// files that read it.
#[test]
fn the_manual_names_every_variable_that_is_read() {
    let is_name = |word: &&str| {
        word.len() > 3
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let mut read = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if text.contains("env::temp_dir(") {
                read.insert("TMPDIR".to_owned());
            }
            let calls = ["env::var(", "env::var_os(", "variable(", "said("];
            for statement in text.split([';', '{', '}']).filter(|part| calls.iter().any(|call| part.contains(call))) {
                // Every second piece between quotation marks is a text; other names in capitals are constants.
                let (bare, quoted) = (statement.split('"').step_by(2), statement.split('"').skip(1).step_by(2));
                read.extend(quoted.filter(is_name).map(str::to_owned));
                for constant in
                    bare.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_')).filter(is_name)
                {
                    let value = text
                        .split_once(&format!("const {constant}: &str = \""))
                        .and_then(|(_, rest)| rest.split_once('"'));
                    read.extend(value.map(|(value, _)| value.to_owned()));
                }
            }
        }
    }
    assert!(read.contains("REDIS_URL") && read.contains("COLUMNS") && read.contains("TMPDIR"), "{read:?}");
    let manual = help(&["man"]).replace("\\-", "-");
    let page = manual.split(".TH rdb-reindex-").next().expect("the page of the program");
    let (_, environment) = page.split_once(".SH ENVIRONMENT\n").expect("a section");
    let environment = environment.split("\n.SH ").next().expect("its text");
    let terms = environment.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    let told: BTreeSet<String> = terms.flat_map(|term| term.split(", ")).map(str::to_owned).collect();
    assert_eq!(told, read);
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = help(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}
