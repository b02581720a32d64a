//! Commands that are printed for a person to type: they run as they are printed.

use std::path::Path;

use crate::replay::journal::{Way, With};
use crate::text::{shell, shell_path};

/// `rdb-reindex NAME DIR --to URL OPTIONS…`, quoted for a shell.
pub fn command(name: &str, dir: &Path, to: Option<&str>, options: &[&[String]], last: &[&str]) -> String {
    let mut words = vec!["rdb-reindex".to_owned(), name.to_owned(), folder(dir)];
    words.extend(to.into_iter().flat_map(|to| ["--to".to_owned(), shell(to)]));
    words.extend(options.iter().flat_map(|options| options.iter()).map(|word| shell(word)));
    words.extend(last.iter().map(|word| shell(word)));
    words.join(" ")
}

/// A command below what it is for.
pub fn with_why((line, why): &(String, &'static str)) -> String {
    let colon = if why.ends_with('?') { "" } else { ":" };
    format!("{why}{colon}\n  {line}")
}

/// A file as an argument: never taken for an option. `-` is standard input.
pub fn file(path: &Path) -> String {
    if path == Path::new("-") { "-".to_owned() } else { folder(path) }
}

/// A folder as an argument: never taken for an option.
pub fn folder(dir: &Path) -> String {
    match dir.as_os_str().as_encoded_bytes().first() {
        Some(b'-') => shell_path(&Path::new(".").join(dir)),
        _ => shell_path(dir),
    }
}

/// Going on with what was begun: everything as in the run that was.
pub fn resume(way: Way, dir: &Path, to: &str, with: &With) -> String {
    command(way.name(), dir, Some(to), &[&with.connection, &with.replay, &with.drift], &["--resume"])
}

pub fn apply(dir: &Path, to: &str, with: &With) -> String {
    command("apply", dir, Some(to), &[&with.connection, &with.replay], &[])
}

pub fn verify(dir: &Path, to: &str, with: &With) -> String {
    command("verify", dir, Some(to), &[&with.connection], &[])
}

/// Drift is decided anew on the way back.
pub fn rollback(dir: &Path, to: &str, with: &With) -> String {
    command("rollback", dir, Some(to), &[&with.connection, &with.replay], &[])
}

/// A copy of the plan without its journal, under a name that is free, and what it is for.
pub fn copy(dir: &Path) -> (std::path::PathBuf, String) {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let dir = if dir.file_name().is_some() { dir } else { &whole };
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "plan".into());
    let free = (2..1000).map(|number| dir.with_file_name(format!("{name}-{number}"))).find(|path| !path.exists());
    let copy = free.unwrap_or_else(|| dir.with_file_name(format!("{name}-copy")));
    let journal = copy.join(crate::bundle::manifest::JOURNAL);
    let line = format!("cp -R {} {} && rm {}", folder(dir), folder(&copy), folder(&journal));
    (copy, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        let words = |text: &str| {
            let script = text.replacen("rdb-reindex", r"printf '%s\n'", 1);
            let ran = std::process::Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
            String::from_utf8(ran.stdout).expect("text").lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let with = With {
            connection: vec!["--password-file".into(), "/a b/pass'word".into()],
            replay: vec!["--max-rate".into(), "5".into()],
            drift: vec!["--on-drift".into(), "skip".into()],
        };
        let text = resume(Way::Apply, Path::new("my $plan"), "rediss://u@h:1", &with);
        let wanted =
            ["apply", "my $plan", "--to", "rediss://u@h:1", "--password-file", "/a b/pass'word", "--max-rate", "5"];
        assert_eq!(words(&text), [&wanted[..], &["--on-drift", "skip", "--resume"]].concat());
        let text = rollback(Path::new("~/-x;y"), "redis://[::1]:7", &with);
        let wanted = ["rollback", "~/-x;y", "--to", "redis://[::1]:7", "--password-file", "/a b/pass'word"];
        assert_eq!(words(&text), [&wanted[..], &["--max-rate", "5"]].concat());
        assert_eq!(
            words(&verify(Path::new("-p"), "redis://h", &With::default())),
            ["verify", "./-p", "--to", "redis://h"]
        );
        let files = ["-", "-x.rdb", "it's.rdb"].map(|path| file(Path::new(path))).join(" ");
        assert_eq!(words(&format!("rdb-reindex infer {files}")), ["infer", "-", "./-x.rdb", "it's.rdb"]);
    }
}
