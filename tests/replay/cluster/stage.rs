//! A database on a cluster with every kind of error, and the plan that repairs it, made from the dumps of its nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::operate::{Ran, program, ran};
use crate::support::server::Cluster;

/// Records with a set and a sorted set as indexes, and tags that name records.
pub const SPEC: &str = r#"version = 1
[[record]]
name = "message"
key = "message:*"
[[index]]
name = "project"
policy = "maintain"
from = "message"
key = "idx:project:{p}"
member = "{@key}"
[[index]]
name = "time"
policy = "maintain"
type = "zset"
from = "message"
key = "idx:time:{u}"
member = "{@key}"
score = "{t}"
"#;

pub type State = BTreeMap<Vec<u8>, (String, i64)>;

/// A cluster, and what is on it before a plan.
pub struct Stage {
    pub cluster: Cluster,
    pub commands: Vec<Vec<Vec<u8>>>,
    pub spec: String,
}

/// A plan, in a folder of its own.
pub struct Bundle {
    pub folder: TempDir,
    pub plan_id: String,
}

impl Bundle {
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    pub fn manifest(&self) -> serde_json::Value {
        manifest(&self.dir())
    }

    pub fn journal(&self) -> String {
        std::fs::read_to_string(self.dir().join("journal.ndjson")).expect("it was written")
    }
}

fn manifest(dir: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(dir.join("plan.json")).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

pub fn command(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// So many records; half of the index keys are damaged, and there are as many that should not be.
pub fn broken(records: u32) -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    for n in 0..records {
        let (p, u, t) = ((n % 40).to_string(), (n % 30).to_string(), n.to_string());
        commands.push(command(&["HSET", &format!("message:{n}"), "p", &p, "u", &u, "t", &t]));
        // Every third index key lacks members, has stale ones, or members with another score.
        if n % 40 % 3 != 1 || n % 2 == 0 {
            commands.push(command(&["SADD", &format!("idx:project:{p}"), &format!("message:{n}")]));
        }
        let score = if n % 30 % 3 == 1 { (n + 7).to_string() } else { t };
        commands.push(command(&["ZADD", &format!("idx:time:{u}"), &score, &format!("message:{n}")]));
    }
    for n in 0..40 {
        commands.push(command(&["SADD", &format!("idx:project:{n}"), &format!("message:{}", 100_000 + n)]));
        commands.push(command(&["ZADD", &format!("idx:time:{}", n % 30), "5", &format!("message:{}", 200_000 + n)]));
    }
    for n in 0..records / 3 {
        commands.push(command(&["SADD", &format!("idx:project:gone{n}"), "message:1", "message:2"]));
        if n % 5 == 0 {
            commands.push(command(&["ZADD", &format!("idx:time:gone{n}"), "1.5", "message:1"]));
            commands.push(command(&["PEXPIREAT", &format!("idx:time:gone{n}"), "4102444800000"]));
        }
    }
    commands
}

impl Stage {
    pub fn new(records: u32) -> Option<Self> {
        Some(Self::on(Cluster::start(None, false, &[])?, broken(records), SPEC))
    }

    pub fn on(cluster: Cluster, commands: Vec<Vec<Vec<u8>>>, spec: &str) -> Self {
        let stage = Self { cluster, commands, spec: spec.to_owned() };
        stage.cluster.load(&stage.commands);
        stage
    }

    /// Everything as it was.
    pub fn reset(&self) {
        self.cluster.clear();
        self.cluster.load(&self.commands);
    }

    pub fn state(&self) -> State {
        self.cluster.state()
    }

    /// That everything is as it was.
    pub fn is_as(&self, before: &State) {
        let now = self.state();
        let differs = before.keys().chain(now.keys()).filter(|key| before.get(*key) != now.get(*key));
        let differs: std::collections::BTreeSet<String> = differs.map(|key| key.escape_ascii().to_string()).collect();
        assert!(differs.is_empty(), "{} of {} keys differ: {differs:?}", differs.len(), before.len());
    }

    /// A plan from dumps of all primaries.
    pub fn plan(&self) -> Bundle {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = folder.path().join("spec.toml");
        std::fs::write(&spec, &self.spec).expect("writable");
        let mut command = program();
        command.arg("plan").arg("--spec").arg(&spec).arg("--out").arg(folder.path().join("plan"));
        for (n, node) in self.cluster.primaries().into_iter().enumerate() {
            let dump = folder.path().join(format!("{n}.rdb"));
            std::fs::copy(node.save(), &dump).expect("a dump");
            command.arg(dump);
        }
        let planned = ran(&mut command);
        assert_eq!(planned.status, Some(0), "{planned:?}");
        let plan_id = manifest(&folder.path().join("plan"))["plan_id"].as_str().expect("an id").to_owned();
        Bundle { folder, plan_id }
    }

    /// That a new plan would be empty.
    pub fn is_right(&self) {
        let manifest = self.plan().manifest();
        assert_eq!(manifest["total"]["commands"], 0, "{}", manifest["total"]);
    }

    /// `rdb-reindex NAME DIR --to CLUSTER ARGS…`.
    pub fn command(&self, name: &str, bundle: &Bundle, args: &[&str]) -> Command {
        let mut command = program();
        command.arg(name).arg(bundle.dir()).args(["--to", &self.cluster.url()]).args(args);
        command
    }

    pub fn run(&self, name: &str, bundle: &Bundle, args: &[&str]) -> Ran {
        ran(&mut self.command(name, bundle, args))
    }

    /// The same, which must end well.
    pub fn well(&self, name: &str, bundle: &Bundle, args: &[&str]) -> Ran {
        let mut command = self.command(name, bundle, args);
        if name != "verify" && !args.contains(&"--dry-run") {
            command.args(["--confirm", &bundle.plan_id]);
        }
        let ran = ran(&mut command);
        assert_eq!(ran.status, Some(0), "{name} {args:?}: {}\n{}", ran.out, ran.err);
        ran
    }
}
