//! The plans of shards, joined, are the plan of all their dumps.

mod refused;
mod same;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;
use rdb_reindex::dump::slots::slot_of;
use support::dump_writer::DumpBuilder;
use support::shards;

/// Every kind of edit, of records and index keys that share a hash tag.
pub const SPEC: &str = r"version = 1
[[record]]
name = 'message'
key = 'm:{{{@t}}}:{@id}'
type = 'hash'
[[index]]
name = 'project'
policy = 'maintain'
from = 'message'
key = 'p:{{{@t}}}:{g}:{p}'
member = '{@key}'
accept = ['other-type']
[[index]]
name = 'time'
policy = 'maintain'
type = 'zset'
from = 'message'
key = 'z:{{{@t}}}:{g}:{u}'
member = '{@key}'
score = '{s}'
[[index]]
name = 'names'
policy = 'maintain'
type = 'hash'
from = 'message'
key = 'h:{{{@t}}}:{g}'
member = '{n}'
value = '{@id}'
[[index]]
name = 'pointer'
policy = 'maintain'
type = 'string'
from = 'message'
key = 's:{{{@t}}}:{g}:{n}'
value = '{@key}'
[[index]]
name = 'tag'
policy = 'prune'
type = 'zset'
key = 'tag:{{{@t}}}:{@g}:{@tag}'
member = '{@item}'
exists = 'm:{{{@t}}}:{@item}'
[[index]]
name = 'queue'
policy = 'prune'
type = 'list'
key = 'q:{{{@t}}}:{@g}:{@queue}'
member = '{@item}'
exists = 'm:{{{@t}}}:{@item}'
[[index]]
name = 'old'
policy = 'retire'
type = 'any'
key = 'old:{{{t}}}:{g}:{rest}'
";

pub const NOW: u64 = 1_736_185_500;

/// A folder with a spec, the dumps of three shards, and their plans.
pub struct Work {
    folder: tempfile::TempDir,
    pub dumps: Vec<PathBuf>,
}

/// How keys are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divided {
    /// By slot, as in a cluster.
    BySlot,
    /// Each slot has keys on all shards.
    Anyhow,
    /// The second shard has nothing to repair.
    OneRight,
}

impl Work {
    pub fn new(divided: Divided) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spec.toml"), SPEC).unwrap();
        let tags = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let dumps = ["ann", "bob", "cy"].iter().enumerate().map(|(at, shard)| {
            let mut dump = DumpBuilder::new(11);
            dump.server_aux(NOW + at as u64).select_db(0);
            let mine =
                |tag: &&&str| divided == Divided::Anyhow || usize::from(slot_of(tag.as_bytes())) * 3 / 16384 == at;
            let is_right = divided == Divided::OneRight && at == 1;
            for tag in tags.iter().filter(mine) {
                keys(&mut dump, tag, shard, (at, is_right));
            }
            let path = folder.path().join(format!("{shard}.rdb"));
            fs::write(&path, dump.finish()).unwrap();
            path
        });
        let dumps = dumps.collect();
        Self { folder, dumps }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The plans of all shards, in `plans`.
    pub fn plans(&self, max_args: u64) -> Vec<PathBuf> {
        let caps = shards::CAPS;
        shards::plans(&self.dumps, SPEC, rdb_reindex::bundle::manifest::Caps { max_args, ..caps }, &self.path("plans"))
    }

    /// Status, standard output, standard error as one line.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        run(self.folder.path(), args)
    }

    /// Joins these into `plan`.
    pub fn join(&self, plans: &[&str]) -> (Option<i32>, String) {
        let (status, _, said) = self.run(&[&["join", "--out", "plan"], plans].concat());
        (status, said)
    }
}

fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rdb-reindex")).args(args).current_dir(folder).output().unwrap();
    let flat = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code(), flat(&output.stdout), flat(&output.stderr))
}

/// The keys of one tag and one shard: records, and indexes that are wrong in every way.
fn keys(dump: &mut DumpBuilder, tag: &str, g: &str, (salt, is_right): (usize, bool)) {
    let number = |n: usize| (n.wrapping_mul(2_654_435_761).wrapping_add(salt * 97) >> 5) % 1000;
    let id = |n: usize| format!("{g}{n}");
    let record = |n: usize| format!("m:{{{tag}}}:{}", id(n));
    const RECORDS: usize = 60;
    let all = || 0..RECORDS;
    for n in all() {
        let (p, u, s) = ((n % 7).to_string(), (n % 5).to_string(), n.to_string());
        let name = format!("name-{n}");
        dump.hash(record(n), &[("p", &*p), ("u", &u), ("s", &s), ("n", &name), ("g", g)]);
    }
    for p in 0..9 {
        let key = format!("p:{{{tag}}}:{g}:{p}");
        let right = all().filter(|n| n % 7 == p);
        if is_right {
            if p < 7 {
                dump.set(key, &right.map(record).collect::<Vec<_>>());
            }
        } else if p == 2 {
            // Of another type.
            dump.string(key, "a text");
        } else if p != 3 {
            let mut members: Vec<String> = right.filter(|n| number(*n) % 4 > 0).map(record).collect();
            members.extend((0..p + 1).map(|n| record(900 + n)));
            if p == 5 {
                dump.expire_ms(4_102_444_800_000);
            }
            dump.set(key, &members);
        }
    }
    for u in 0..6 {
        let right = all().filter(|n| n % 5 == u);
        let score = |n: usize| if is_right || number(n) % 3 > 0 { n as f64 } else { 0.5 };
        let mut members: Vec<(String, f64)> = right.map(|n| (record(n), score(n))).collect();
        if !is_right {
            members.retain(|(_, score)| *score as usize % 11 != 3);
            members.push((record(800 + u), 7.0));
        }
        if !members.is_empty() && (is_right || u != 1) {
            dump.zset(format!("z:{{{tag}}}:{g}:{u}"), &members);
        }
    }
    let value = |n: usize| if is_right || number(n) % 5 > 0 { id(n) } else { "0".to_owned() };
    let fields: Vec<(String, String)> = all()
        .filter(|n| is_right || number(*n) % 6 > 0)
        .map(|n| (format!("name-{n}"), value(n)))
        .chain((0..3).filter(|_| !is_right).map(|n| (format!("name-{}", 700 + n), "x".to_owned())))
        .collect();
    dump.hash(format!("h:{{{tag}}}:{g}"), &fields);
    for n in all().filter(|n| is_right || number(*n) % 3 > 0) {
        let text = if is_right || number(n) % 5 > 0 { record(n) } else { "nobody".to_owned() };
        dump.string(format!("s:{{{tag}}}:{g}:name-{n}"), text);
    }
    for t in 0..3 {
        let there = (t * 3..t * 3 + 5).map(|n| (id(n), n as f64));
        let gone = (0..t + 1).filter(|_| !is_right).map(|n| (id(600 + n), 1.0));
        dump.zset(format!("tag:{{{tag}}}:{g}:{t}"), &there.chain(gone).collect::<Vec<_>>());
        let gone = (0..3).filter(|_| !is_right).map(|n| id(600 + n % 2));
        dump.list(format!("q:{{{tag}}}:{g}:{t}"), &gone.chain((0..t + 1).map(id)).collect::<Vec<_>>());
    }
    if !is_right {
        // Nothing that these name is there.
        dump.list(format!("q:{{{tag}}}:{g}:gone"), &[id(601), id(602)]);
        // Formulas, bytes and escapes in a name: it stands otherwise in changes.csv.
        let rest: [&[u8]; 4] = [b"=1,\"2\"", b"\xff\xfe", b"a\nb", b"\\u{41}"];
        for rest in rest {
            let key = [format!("old:{{{tag}}}:{g}:").as_bytes(), rest].concat();
            dump.set(key, &["x", "y"]);
        }
        dump.set(format!("p:{{{tag}}}:{g}:undefined"), &[record(1)]);
        dump.set(format!("p:{{{tag}}}:{g}:\u{fc},;=\u{200b}"), &[record(2)]);
    }
}
