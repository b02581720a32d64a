//! `review.html` and `inventory --format html`: what they say, that they stay small, and in a real browser that they work
//! for everybody and that nothing of a dump runs in them.

use crate::support;

mod bounds;
mod browser;
mod content;
mod inventory;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::dump_writer::DumpBuilder;
use tempfile::TempDir;

/// 2025-01-06T17:45:00Z.
const CTIME: u64 = 1_736_185_500;

/// A folder to work in.
struct Work(TempDir);

impl Work {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program in this folder; gives back what it printed.
    fn run(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
        let output = command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).output().expect("it runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// The review page of a plan from this dump.
    fn review(&self, dump: &Path, more: &[&str]) -> String {
        self.run(&[&["plan", dump.to_str().expect("a name"), "--out", "plan"], more].concat());
        std::fs::read_to_string(self.path("plan/review.html")).expect("the page is UTF-8")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }

    fn manifest(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path("plan/plan.json")).expect("plan.json")).expect("JSON")
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb")
}

fn start() -> DumpBuilder {
    let mut dump = DumpBuilder::new(10);
    dump.server_aux(CTIME).select_db(0);
    dump
}

/// Text without tags and character references, its white space as single spaces.
fn plain(html: &str) -> String {
    let body = html.split("<body>").nth(1).expect("a body");
    let body = body.rsplit_once("<script>").map_or(body, |(body, _)| body);
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        if ["/td", "/th", "/li", "/p", "/div", "/h"].iter().any(|end| tag.starts_with(end)) {
            text.push(' ');
        }
        rest = tag.split_once('>').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    for (reference, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        text = text.replace(reference, c);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names that strangers might choose, by what is to be seen of them.
fn hostile_names() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (b"<script>pwned=1</script>".to_vec(), "<script>pwned=1</script>"),
        (b"</script><script>pwned=1</script>".to_vec(), "</script><script>pwned=1</script>"),
        (b"\"><img src=x onerror=pwned=1>".to_vec(), "\"><img src=x onerror=pwned=1>"),
        (b"' onmouseover='pwned=1".to_vec(), "' onmouseover='pwned=1"),
        (b"javascript:pwned=1".to_vec(), "javascript:pwned=1"),
        (b"&lt;b&gt;&#60;".to_vec(), "&lt;b&gt;&#60;"),
        (b"<!--".to_vec(), "<!--"),
        (b"{{ 7*7 }}{% include x %}`${pwned=1}`".to_vec(), "{{ 7*7 }}{% include x %}`${pwned=1}`"),
        ("a\u{202e}gpj.exe\u{2066}\u{2028}".as_bytes().to_vec(), "a\\u{202e}gpj.exe\\u{2066}\\u{2028}"),
        (b"\x00\x1b[31m\r\n\x7f".to_vec(), "\\u{0}\\u{1b}[31m\\u{d}\\u{a}\\u{7f}"),
        (b"\xff\xfe\xc3(".to_vec(), "\\xff\\xfe\\xc3("),
        (b" edge ".to_vec(), "edge\\u{20}"),
        (b"back\\u{202e}slash".to_vec(), "back\\u{5c}u{202e}slash"),
    ]
}

/// A dump, and a spec with an index for each hostile name, which bears it: and so do a wrong key of the index, a stale
/// member, a record and its field, and a key of nobody's. There is also a name of a megabyte.
fn hostile(work: &Work) -> String {
    let mut dump = start();
    let mut spec = String::from(
        "version = 1\naccept = [\"other-type\", \"nested\", \"foreign-members\"]\n[[record]]\nname = \"<b>class\"\nkey = \"r*\"\n",
    );
    for (at, (name, _)) in hostile_names().iter().enumerate() {
        let join = |prefix: &str| [prefix.as_bytes(), at.to_string().as_bytes(), b":", name].concat();
        // A spec with control characters in a name is refused.
        let word: String =
            String::from_utf8_lossy(name).chars().filter(|c| !c.is_control() && *c != '\u{fffd}').collect();
        let text = toml::Value::from(format!("{at}{word}"));
        spec.push_str(&format!(
            "[[index]]\nname = {text}\npolicy = \"maintain\"\nfrom = \"<b>class\"\nkey = \"i{at}:{{f{at}}}\"\nmember = \"{{@key}}\"\n"
        ));
        dump.hash(join("r"), &[(format!("f{at}").as_bytes(), b"ok")]);
        dump.hash(join("rv"), &[(format!("f{at}").as_bytes(), &name[..])]);
        dump.set(format!("i{at}:ok"), &[join("gone")]);
        dump.list([format!("i{at}:").as_bytes(), b"wrong", name].concat(), &["x"]);
        dump.string(join("other"), "x");
    }
    let long = [b"<i>".to_vec(), vec![b'x'; 1 << 20], b"</i>end".to_vec()].concat();
    dump.set([b"i0:".to_vec(), long.clone()].concat(), &[long]);
    work.write("spec.toml", spec);
    work.review(&work.write("dump.rdb", dump.finish()), &["--spec", "spec.toml"])
}
