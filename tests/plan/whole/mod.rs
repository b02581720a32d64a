//! Whether a dump is the whole database, each key once, all of one moment.

use crate::support;

mod by_slot;
mod slots;
mod times;
mod twice;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::dump_writer::DumpBuilder;

/// Records with two indexes.
const SPEC: &str = "version = 1\n[[record]]\nname = \"message\"\nkey = \"message:*\"\n[[index]]\nname = \"project\"\n\
                    policy = \"maintain\"\nfrom = \"message\"\nkey = \"idx:project:{p}\"\nmember = \"{@key}\"\n[[index]]\n\
                    name = \"user\"\npolicy = \"maintain\"\nfrom = \"message\"\nkey = \"idx:user:{u}\"\nmember = \"{@key}\"\n";

struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Status, standard output, standard error.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_rdb-reindex")).args(args).current_dir(self.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// A plan of these dumps, and what is said, on one line; the folder is removed first.
    fn plan(&self, args: &[&str]) -> (Option<i32>, String) {
        let _ = fs::remove_dir_all(self.path().join("plan"));
        let (status, _, stderr) = self.run(&[&["plan", "--spec", "spec.toml", "--out", "plan"], args].concat());
        assert_eq!(status == Some(0), self.path().join("plan").exists(), "{stderr}");
        (status, flat(&stderr))
    }

    fn inventory(&self, args: &[&str]) -> (serde_json::Value, String) {
        let (status, stdout, stderr) =
            self.run(&[&["inventory", "--spec", "spec.toml", "--format", "json"], args].concat());
        assert_eq!(status, Some(0), "{stderr}");
        (serde_json::from_str(&stdout).unwrap(), flat(&stderr))
    }
}

/// Text as if the terminal had no width.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A dump of 2025 with these keys, each of which writes itself.
fn dump(ctime: u64, keys: impl IntoIterator<Item = Key>) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(ctime).select_db(0);
    keys.into_iter().for_each(|key| key.write(&mut dump));
    dump.finish()
}

const NOW: u64 = 1_736_185_500;

#[derive(Clone)]
enum Key {
    Record(u32),
    Index(String, Vec<String>),
}

impl Key {
    fn name(&self) -> String {
        match self {
            Self::Record(n) => format!("message:{n}"),
            Self::Index(name, _) => name.clone(),
        }
    }

    fn write(&self, dump: &mut DumpBuilder) {
        match self {
            Self::Record(n) => {
                let (p, u) = (format!("{}", n % 40), format!("{}", n % 70));
                dump.hash(self.name(), &[("p", p.as_str()), ("u", u.as_str())])
            }
            Self::Index(name, members) => dump.set(name, members),
        };
    }
}

/// A database whose indexes are right.
fn database(records: u32) -> Vec<Key> {
    let index = |name: &str, of: u32, n: u32| {
        let members = (0..records).filter(|record| record % of == n).map(|record| format!("message:{record}"));
        Key::Index(format!("idx:{name}:{n}"), members.collect())
    };
    let mut keys: Vec<Key> = (0..records).map(Key::Record).collect();
    keys.extend((0..40).map(|n| index("project", 40, n)));
    keys.extend((0..70).map(|n| index("user", 70, n)));
    keys
}
