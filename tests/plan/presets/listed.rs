//! The list of presets, and each as it is printed.

use rdb_reindex::model::spec::{DEFAULT_PRESET, PRESETS};

use super::{dump, run};

#[test]
fn every_preset_is_listed_printed_and_completed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (status, list, _) = run(path, &["spec", "--list"]);
    assert_eq!(status, 0);
    let listed: Vec<&str> = list.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(listed.len(), PRESETS.len());
    assert_eq!(listed.first(), Some(&DEFAULT_PRESET));
    let (_, completions, _) = run(path, &["completions", "bash"]);
    for (name, text) in PRESETS {
        let line = list.lines().find(|line| line.split(' ').next() == Some(name)).expect("a line");
        assert!(line.ends_with('.') && line.len() > name.len() + 20, "{line}");
        let (status, printed, _) = run(path, &["spec", "--preset", name]);
        assert_eq!((status, printed.as_str()), (0, *text));
        assert!(completions.contains(name), "{name}");
        if *name != DEFAULT_PRESET {
            for said in ["# Source: ", "# Covers: ", "# Leaves: "] {
                assert!(text.contains(said), "{name}: {said}");
            }
        }
        // As it is printed it is a spec of somebody's own.
        std::fs::write(path.join("mine.toml"), text).expect("written");
        assert_eq!(run(path, &["spec", "--spec", "mine.toml"]).0, 0);
    }
}

#[test]
fn one_spec_at_a_time_and_none_that_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("dump.rdb"), dump().finish()).expect("written");
    let (status, _, stderr) = run(path, &["inventory", "dump.rdb", "--preset", "rqq"]);
    assert!(status == 2 && stderr.contains("'rq'"), "{status} {stderr}");
    let (status, _, _) = run(path, &["plan", "dump.rdb", "--preset", "rq", "--spec", "x.toml", "--out", "out"]);
    assert_eq!(status, 2);
    let (status, stdout, _) = run(path, &["inventory", "dump.rdb", "--preset", "rq"]);
    assert!(status == 0 && stdout.contains("preset rq"), "{stdout}");
}

/// Names of the right shape alone are no reason to propose a preset.
#[test]
fn what_only_looks_like_an_application_is_not_proposed() {
    let mut dump = dump();
    dump.zset("shop:orders:completed", &[("17", 1.0)]).zset("a~keys", &[("x", 1.0)]).set("conj:x", &["y"]);
    dump.zset("b:tag:c:entries", &[("0a:x", 1.0)]).set("cache:all_ids", &["x"]).string("message:discord:a:b", "{}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("dump.rdb"), dump.finish()).expect("written");
    std::fs::write(path.join("none.toml"), super::NOTHING).expect("written");
    let (status, _, stderr) = run(path, &["plan", "dump.rdb", "--spec", "none.toml", "--out", "out"]);
    assert!(status == 4 && !stderr.contains("of the presets"), "{status} {stderr}");
}
