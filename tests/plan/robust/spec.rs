//! Specs with errors, as a user meets them: status 1, file, line and column, and no folder.

use super::{Work, small};

const GOOD: &str = r#"version = 1
[[record]]
name = "message"
key  = "message:discord:*"
[[index]]
name   = "project"
policy = "maintain"
from   = "message"
key    = "discord:messages:project:{projectId}"
member = "{@key}"
"#;

#[test]
fn errors_point_at_their_place() {
    let work = Work::new();
    let dump = small().finish();
    work.write("s.toml", GOOD);
    assert_eq!(work.plan(&dump, &["--spec", "s.toml"]).status, Some(0));
    std::fs::remove_dir_all(work.path("plan")).expect("removed");
    // What is replaced, by what, and where the error is; counted by hand in the text above.
    let cases = [
        ("version = 1", "version = 2", "s.toml:1:11"),
        ("\"maintain\"", "\"maintian\"", "s.toml:7:10"),
        ("\"maintain\"", "7", "s.toml:7:10"),
        ("from   = \"message\"", "from   = \"mesage\"", "s.toml:8:10"),
        ("{projectId}", "{projectId", "s.toml:9:36"),
        ("{projectId}", "{}", "s.toml:9:37"),
        ("member =", "mebmer =", "s.toml:10:1"),
        ("\"{@key}\"", "\"{@kee}\"", "s.toml:10:12"),
        ("name   = \"project\"", "name   = \"project", "s.toml:6:18"),
        ("key  = \"message:discord:*\"", "key  = \"message:[discord\"", "s.toml:4:17"),
        ("[[index]]", "[[indexes]]", "s.toml:5:3"),
    ];
    for (from, to, place) in cases {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        work.write("s.toml", GOOD.replace(from, to));
        let ran = work.plan(&dump, &["--spec", "s.toml"]);
        assert_eq!(ran.status, Some(1), "{to}");
        assert!(ran.stderr.contains(place), "{to}: expected {place} in\n{}", ran.stderr);
        assert_eq!(work.names(), ["dump.rdb", "s.toml"]);
    }
}

#[test]
fn specs_that_are_no_text_or_not_there() {
    let work = Work::new();
    let dump = small().finish();
    work.write("s.toml", b"version = 1\nname = \"\xff\"");
    let ran = work.plan(&dump, &["--spec", "s.toml"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stderr.contains("s.toml:2:9"), "{}", ran.stderr);
    for name in ["absent.toml", "."] {
        let ran = work.plan(&dump, &["--spec", name]);
        assert_eq!(ran.status, Some(1));
        assert!(ran.stderr.contains(name), "{}", ran.stderr);
    }
    for text in ["", "#\n".repeat(1 << 20).as_str(), "[".repeat(100_000).as_str()] {
        work.write("s.toml", text);
        assert_eq!(work.plan(&dump, &["--spec", "s.toml"]).status, Some(1));
    }
    assert_eq!(work.names(), ["dump.rdb", "s.toml"]);
}
