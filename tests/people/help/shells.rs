//! Words are completed in real shells, as somebody at a prompt has them.

use std::path::Path;
use std::process::Command;

use super::help;
use crate::support::judges::{BASH, FISH, Judge, ZSH};

/// Runs a script in a shell where `rdb-reindex` is a command; nothing, loudly, if there is no such shell.
fn run(shell: &Judge, args: &[&str], script: &str) -> Option<String> {
    shell.find()?;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("completions"), help(&["completions", shell.name])).expect("written");
    std::fs::write(folder.path().join("dump.rdb"), "").expect("written");
    let program = Path::new(assert_cmd::cargo::cargo_bin!("rdb-reindex")).parent().expect("its folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(shell.name);
    command.args(args).arg(script).current_dir(folder.path()).env("PATH", path).env("HOME", folder.path());
    let output = command.env("TERM", "dumb").output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}", shell.name, text(&output.stderr));
    Some(text(&output.stdout))
}

/// What is typed, and what is offered, or is not, for the last word of it.
const TYPED: [(&str, &[&str], &[&str]); 7] = [
    ("rdb-reindex inv", &["inventory"], &["plan"]),
    ("rdb-reindex inventory --f", &["--format"], &["--threads"]),
    ("rdb-reindex inventory dump.rdb --format j", &["json"], &["csv"]),
    ("rdb-reindex inventory --", &["--spec", "--format", "--threads"], &["--now", "--out"]),
    ("rdb-reindex show --", &["--help"], &["--now"]),
    ("rdb-reindex rollback plan --on-d", &["--on-drift"], &["--to"]),
    ("rdb-reindex help pl", &["plan"], &["inventory"]),
];

fn check(shell: &str, typed: &str, offered: &[&str], (due, wrong): (&[&str], &[&str])) {
    for word in due {
        assert!(offered.contains(word), "{shell}: {typed}: no {word} in {offered:?}");
    }
    for word in wrong {
        assert!(!offered.contains(word), "{shell}: {typed}: {word} in {offered:?}");
    }
}

#[test]
fn bash_completes_every_word() {
    for (typed, due, wrong) in TYPED {
        // What bash does when the tabulator is pressed: it asks `complete` for the function, and calls it with the words.
        let script = format!(
            r#"source ./completions
            COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            specification=$(complete -p rdb-reindex); [[ $specification =~ -F\ ([^ ]+) ]]
            "${{BASH_REMATCH[1]}}" rdb-reindex "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
            printf '%s\n' "${{COMPREPLY[@]}}""#
        );
        let Some(told) = run(&BASH, &["--norc", "-c"], &script) else { return };
        let offered: Vec<&str> = told.lines().collect();
        check("bash", typed, &offered, (due, wrong));
    }
}

/// A zsh in a terminal of its own, where the tabulator is pressed, and what is offered is printed instead of shown.
const IN_ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
type() { zpty -w shell "$1"; }
mkdir functions; cp completions functions/_rdb-reindex
type "unset zle_bracketed_paste; fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -u -d $PWD/dump"
type 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
typeset -a hits; builtin compadd -A hits "$@"; local hit; for hit in $hits; do print -r -- "<$hit>"; done; }'
type 'first() { print BEGIN }; last() { print END; exit }; compprefuncs=(first); comppostfuncs=(last)'
type 'bindkey "^I" complete-word; print READY'
while zpty -r shell line; do [[ $line == READY* ]] && break; done
sleep 0.2
zpty -n -w shell "$TYPED"$'\t'
while zpty -r shell line; do print -r -- "$line"; [[ $line == *END* ]] && break; done
"#;

#[test]
fn zsh_completes_every_word() {
    for (typed, due, wrong) in TYPED {
        let script = format!("TYPED='{typed}'{IN_ZSH}");
        let Some(told) = run(&ZSH, &["-f", "-c"], &script) else { return };
        let offered: Vec<&str> = told
            .lines()
            .filter_map(|line| line.trim().strip_prefix('<')?.strip_suffix('>'))
            .map(|word| word.trim_end_matches('='))
            .collect();
        check("zsh", typed, &offered, (due, wrong));
    }
}

#[test]
fn fish_completes_every_word() {
    // Behind `help` clap_complete 4.6 takes `help` itself for what was to be completed.
    for (typed, due, wrong) in TYPED.into_iter().filter(|(typed, ..)| !typed.contains(" help ")) {
        let script = format!("source ./completions; complete --do-complete '{typed}'");
        let Some(told) = run(&FISH, &["--no-config", "-c"], &script) else { return };
        // A description stands behind a tabulator.
        let offered: Vec<&str> = told.lines().filter_map(|line| line.split('\t').next()).collect();
        check("fish", typed, &offered, (due, wrong));
    }
}
