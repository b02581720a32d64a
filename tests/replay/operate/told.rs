//! What a person is told: the same of a plan in every command, and commands that run as they are printed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::operate::bundle::{Scene, small};
use crate::operate::{Ran, Stage, program, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::Server;

/// Commands in what was printed: lines that begin with two spaces and the name of a program.
fn commands(ran: &Ran) -> Vec<String> {
    let lines = ran.out.lines().chain(ran.err.lines());
    let lines = lines.filter_map(|line| line.strip_prefix("  "));
    let lines = lines.filter(|line| line.starts_with("rdb-reindex ") || line.starts_with("cp "));
    // `show` says behind a command what it is for.
    lines.map(|line| line.split("  ").next().unwrap_or_default().to_owned()).collect()
}

/// Runs it as it was printed, in a shell that finds the program.
fn typed(line: &str, variables: &[(&str, &str)]) -> Ran {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_rdb-reindex"));
    let path = std::env::var("PATH").expect("there is a path");
    let path = format!("{}:{path}", program.parent().expect("it is in a folder").display());
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", path).stdin(Stdio::null());
    for name in ["REDIS_URL", "UPSTASH_REDIS_REST_URL", "RDB_REINDEX_PASSWORD", "REDISCLI_AUTH"] {
        command.env_remove(name);
    }
    ran(command.envs(variables.iter().copied()))
}

fn one<'c>(commands: &'c [String], start: &str) -> &'c str {
    commands.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start:?} in {commands:?}"))
}

/// A stage whose folder needs quotes.
fn stage(server: Server, scene: &Scene) -> Stage {
    let mut stage = Stage::on(server, scene);
    let folder = tempfile::Builder::new().prefix("it's a $folder ").tempdir().expect("a temporary folder");
    stage.plan_id = scene.write(&folder.path().join("plan"));
    stage.folder = folder;
    stage
}

#[test]
fn every_printed_command_runs_as_it_is_printed() {
    let Some(server) = Server::builder().password("hunter2").start() else { return };
    let stage = stage(server, &small());
    let text = "READONLY You can't write against a read only replica.".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 3, text, times: 1 });
    let file = stage.folder.path().join("pass word");
    std::fs::write(&file, "hunter2\n").expect("writable");
    let to = format!("redis://127.0.0.1:{}", proxy.port);
    let options = ["--max-rate", "5000", "--timeout", "30", "--batch-commands", "2"];
    let stopped = ran(program()
        .arg("apply")
        .arg(stage.dir())
        .args(["--to", &to, "--confirm", &stage.plan_id, "--password-file"])
        .arg(&file)
        .args(options));
    assert_eq!(stopped.status, Some(6), "{stopped:?}");
    let printed = commands(&stopped);
    let resume = one(&printed, "rdb-reindex apply ");
    for part in ["--max-rate 5000", "--timeout 30", "--batch-commands 2", "--resume", &to] {
        assert!(resume.contains(part), "{resume}");
    }
    assert!(!resume.contains("hunter2"), "{resume}");
    // `show` knows it too, from the journal alone.
    let shown = ran(program().arg("show").arg(stage.dir()));
    assert!(commands(&shown).iter().any(|line| line == resume), "{shown:?}");
    let resumed = typed(resume, &[]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    let next = commands(&resumed);
    let verified = typed(one(&next, "rdb-reindex verify "), &[]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
    let asked = typed(one(&next, "rdb-reindex rollback "), &[]);
    assert_eq!(asked.status, Some(2), "nobody can be asked: {asked:?}");
    let line = format!("{} --confirm {}", one(&next, "rdb-reindex rollback "), stage.plan_id);
    let back = typed(&line, &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn an_address_from_the_environment_is_printed_without_its_password() {
    let Some(server) = Server::builder().password("hunter2").start() else { return };
    let stage = stage(server, &small());
    let url = stage.server.url();
    let applied =
        ran(program().arg("apply").arg(stage.dir()).args(["--confirm", &stage.plan_id]).env("REDIS_URL", &url));
    assert_eq!(applied.status, Some(0), "{applied:?}");
    let next = commands(&applied);
    let verify = one(&next, "rdb-reindex verify ");
    assert!(verify.contains(" --to redis://127.0.0.1:") && !verify.contains("hunter2"), "{verify}");
    // The shell that it is typed into is the same, or has the password elsewhere.
    for variables in [("REDIS_URL", &*url), ("RDB_REINDEX_PASSWORD", "hunter2")] {
        assert_eq!(typed(verify, &[variables]).status, Some(0), "{verify}");
    }
}

/// The sentence of a plan, which is the same in each command.
#[test]
fn one_story_in_every_command() {
    let Some(server) = Server::builder().start() else { return };
    let stage = stage(server, &small());
    let dir = stage.dir();
    let tells = |sentence: &str, verify: Option<i32>| {
        for args in [
            &["show"][..],
            &["apply"],
            &["apply", "--dry-run"],
            &["apply", "--resume"],
            &["rollback", "--resume"],
            &["verify", "--settle", "0"],
        ] {
            if verify.is_none() && args[0] == "verify" {
                continue;
            }
            let mut command = program();
            command.arg(args[0]).arg(&dir).args(&args[1..]);
            // Nobody is asked for a password, and nothing is connected to, before that is said.
            match args[0] {
                "show" => {}
                "verify" => drop(command.args(["--to", &stage.server.url()])),
                _ => drop(command.args(["--to", "redis://127.0.0.1:1"])),
            }
            let ran = ran(&mut command);
            let text = format!("{}{}", ran.out, ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(sentence), "{args:?} without {sentence:?}: {ran:?}");
            if args[0] == "verify" {
                assert_eq!(ran.status, verify, "{ran:?}");
            }
        }
    };
    assert_eq!(stage.confirmed("apply", &[]).status, Some(0));
    let to = stage.server.url().trim_end_matches('/').to_owned();
    let applied = format!("plan {} was applied to {to} at 2", stage.plan_id);
    // A rollback would be begun: it is asked only with --resume, which finds nothing to go on with.
    for args in [&["show"][..], &["apply"], &["apply", "--dry-run"], &["apply", "--resume"]] {
        let mut command = program();
        command.arg(args[0]).arg(&dir).args(&args[1..]);
        if args[0] != "show" {
            command.args(["--to", "redis://127.0.0.1:1"]);
        }
        let ran = ran(&mut command);
        let text = format!("{}{}", ran.out, ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&applied), "{args:?}: {ran:?}");
    }
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
    tells(&applied, None);
    tells(", and rolled back at 2", None);
    // And how to apply it again, which runs as it is printed.
    let again = ran(program().arg("apply").arg(&dir).args(["--to", &to, "--confirm", &stage.plan_id]));
    assert_eq!(again.status, Some(4), "{again:?}");
    let lines = commands(&again);
    assert_eq!(typed(one(&lines, "cp "), &[]).status, Some(0), "{lines:?}");
    let line = format!("{} --confirm {}", one(&lines, "rdb-reindex apply "), stage.plan_id);
    let applied = typed(&line, &[]);
    assert_eq!(applied.status, Some(0), "{line}: {applied:?}");
    assert_ne!(stage.server.digest(), stage.before);
}

#[test]
fn the_story_of_a_half_applied_plan() {
    let Some(stage) = Stage::new(&small()) else { return };
    let text = "READONLY You can't write against a read only replica.".into();
    let proxy = Proxy::start(stage.server.port(), Fault::Refuse { write: 3, text, times: 1 });
    let to = format!("redis://127.0.0.1:{}", proxy.port);
    let stopped = ran(program().arg("apply").arg(stage.dir()).args(["--to", &to, "--confirm", &stage.plan_id]));
    assert_eq!(stopped.status, Some(6), "{stopped:?}");
    let sentence = format!("an apply of plan {} to {to} was begun at 2", stage.plan_id);
    for args in [&["show"][..], &["apply"], &["apply", "--dry-run"], &["verify", "--settle", "0"]] {
        let mut command = program();
        command.arg(args[0]).arg(stage.dir()).args(&args[1..]);
        if args[0] != "show" {
            command.args(["--to", &to]);
        }
        let ran = ran(&mut command);
        let text = format!("{}{}", ran.out, ran.err).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&sentence), "{args:?}: {ran:?}");
        assert!(commands(&ran).iter().any(|line| line.ends_with(" --resume")), "{args:?}: {ran:?}");
        assert_ne!(ran.status, Some(1), "{ran:?}");
    }
    // The look of what is left is a dry run of going on.
    let dry = ran(program().arg("apply").arg(stage.dir()).args(["--to", &to, "--dry-run", "--resume"]));
    assert_eq!(dry.status, Some(0), "{dry:?}");
    assert!(dry.err.contains("what is left: ") && dry.out.contains("nothing was written"), "{dry:?}");
}

/// Five lines, before anything is written: which plan, what, where, how long, how much.
#[test]
fn it_looks_and_sums_up_in_five_lines() {
    let Some(server) = Server::builder().password("hunter2").start() else { return };
    let stage = Stage::on(server, &small());
    for args in [&["--dry-run"][..], &["--confirm", &stage.plan_id]] {
        let ran = stage.run("apply", args);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let from = ran.err.find(&format!("apply of plan {}\n", stage.plan_id)).expect("the id is said");
        let lines: Vec<&str> = ran.err[from..].lines().take(5).collect();
        assert!(lines[1].starts_with("  what      6 members added, 2 removed, 2 keys deleted"), "{lines:?}");
        assert!(
            lines[2].starts_with(&format!("  where     redis://127.0.0.1:{} (Redis ", stage.server.port())),
            "{lines:?}"
        );
        assert!(lines[3].starts_with("  how long  less than a second: "), "{lines:?}");
        assert!(
            lines[4].starts_with("  how much  7 commands; ") && lines[4].contains("for the look; about $0.0"),
            "{lines:?}"
        );
        assert!(!ran.err.contains("hunter2"), "{ran:?}");
    }
}
