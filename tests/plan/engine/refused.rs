//! The commands, and what they refuse: a shard that is missing, there twice, of another spec, of another format.

use std::process::Output;

use super::*;
use crate::support::dump_writer::DumpBuilder;

const SPEC: &str = "version = 1
[[record]]
name = 'r'
key = 'r:*'
[[index]]
name = 'by'
policy = 'maintain'
from = 'r'
key = 'i:{f}'
member = '{@key}'
";

/// Two shards: an index key on one has a record of the other, and lacks one.
fn shard(n: u64) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_764_500_000 + n).select_db(0);
    match n {
        0 => dump.string("r:1", "{\"f\":\"a\"}").string("r:2", "{\"f\":\"b\"}").set("i:b", &["r:1", "r:2", "r:3"]),
        _ => dump.string("r:4", "{\"f\":\"a\"}").set("i:a", &["r:1", "r:9"]),
    };
    dump.finish()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        fs::write(folder.path("spec.toml"), SPEC).unwrap();
        fs::write(folder.path("other.toml"), SPEC.replace("'by'", "'other'")).unwrap();
        fs::write(folder.path("0.rdb"), shard(0)).unwrap();
        fs::write(folder.path("1.rdb"), shard(1)).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
        program.current_dir(self.0.path()).args(command.split_ascii_whitespace()).output().unwrap()
    }

    fn done(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command says that ends with this status.
    fn fails(&self, command: &str, status: i32) -> String {
        let output = self.run(command);
        assert_eq!(output.status.code(), Some(status), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    }

    fn scan(&self) {
        self.done("scan 0.rdb --spec spec.toml --shard a --out facts");
        self.done("scan 1.rdb --spec spec.toml --shard b --out facts");
    }

    /// Runs the engine; what is wrong, if it says that something is.
    fn engine(&self) -> Option<String> {
        let script = self.done("sql --spec spec.toml --dialect duckdb --facts facts --out edits");
        fs::write(self.path("plan.sql"), script).unwrap();
        self.python(&["duckdb_run.py", "plan.sql"])
    }

    fn python(&self, args: &[&str]) -> Option<String> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/engine").join(args[0]);
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", DUCKDB.find().unwrap()).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.current_dir(self.0.path()).arg(program).args(&args[1..]).output().unwrap();
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Rewrites a Parquet file by a query of it.
    fn rewrite(&self, file: &str, query: &str) {
        let script = format!(
            "CREATE TABLE t AS SELECT * FROM read_parquet('{file}', hive_partitioning = false); COPY ({query}) TO '{file}' (FORMAT parquet);"
        );
        fs::write(self.path("rewrite.sql"), script).unwrap();
        assert_eq!(self.python(&["duckdb_run.py", "rewrite.sql"]), None);
    }
}

fn there() -> Option<Folder> {
    DUCKDB.find().map(|_| Folder::new())
}

#[test]
fn from_the_shards_to_their_plans() {
    let Some(folder) = there() else { return };
    folder.scan();
    // Again, and after one that was killed: what it left is taken away.
    fs::write(folder.path("facts/desired/.a.parquet.part"), "half").unwrap();
    folder.scan();
    assert!(!folder.path("facts/desired/.a.parquet.part").exists());
    assert_eq!(folder.engine(), None);
    folder.done("plan 0.rdb --spec spec.toml --edits edits/shard=a --out plans/a");
    folder.done("plan 1.rdb --spec spec.toml --edits edits/shard=b --out plans/b");
    let changes = |name: &str| fs::read_to_string(folder.path(&format!("plans/{name}/changes.csv"))).unwrap();
    let head = "index,key,edit,member,reason\n";
    // r:1 has moved to a key of the other shard, where it is; r:4 is missing there.
    let first = "by,i:b,remove member,r:1,record now belongs to i:a\nby,i:b,remove member,r:3,record missing\n";
    assert_eq!(changes("a"), format!("{head}{first}"));
    let second = "by,i:a,add member,r:4,record not indexed\nby,i:a,remove member,r:9,record missing\n";
    assert_eq!(changes("b"), format!("{head}{second}"));
    // Joined they are the plan of all dumps.
    folder.done("join plans/b plans/a --out joined");
    folder.done("plan 0.rdb 1.rdb --spec spec.toml --by-slot --out whole");
    for file in ["apply.resp", "rollback.resp", "changes.csv"] {
        let read = |plan: &str| fs::read(folder.path(plan).join(file)).unwrap();
        assert_eq!(String::from_utf8(read("joined")), String::from_utf8(read("whole")), "{file}");
    }
    // What a joined plan says of itself is what the plan of all dumps says.
    let manifest = |plan: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.path(plan).join("plan.json")).unwrap()).unwrap()
    };
    let (joined, whole) = (manifest("joined"), manifest("whole"));
    for part in ["total", "indexes", "touched", "expected_replies", "lower_bound", "snapshot", "warnings"] {
        assert_eq!(joined[part], whole[part], "{part}");
    }
    // The edits are there: what would be written over them is told.
    let again = folder.engine().unwrap();
    assert!(again.contains("edits"), "{again}");
}

#[test]
fn a_shard_that_is_not_there() {
    let Some(folder) = there() else { return };
    folder.scan();
    // As a scan leaves it that did not come to its end.
    fs::remove_file(folder.path("facts/shards/b.parquet")).unwrap();
    let said = folder.engine().unwrap();
    assert!(said.contains("did not come to its end: scan it again: b"), "{said}");
    assert!(!folder.path("edits").exists());
    folder.scan();
    assert_eq!(folder.engine(), None);
    let said = folder.fails("plan 1.rdb --spec spec.toml --edits edits/shard=c --out plan", 1);
    assert!(said.contains("edits/shard=c"), "{said}");
}

#[test]
fn a_shard_that_is_there_twice() {
    let Some(folder) = there() else { return };
    folder.scan();
    folder.done("scan 1.rdb --spec spec.toml --shard c --out facts");
    let said = folder.engine().unwrap();
    assert!(said.contains("one dump as two shards: b"), "{said}");
    // An older dump of the same shard is no copy, but has the same keys.
    fs::write(folder.path("1.rdb"), shard(2)).unwrap();
    folder.done("scan 1.rdb --spec spec.toml --shard c --out facts");
    let said = folder.engine().unwrap();
    assert!(said.contains("a key that is in two shards: b and c"), "{said}");
}

#[test]
fn a_shard_of_another_spec_or_format() {
    let Some(folder) = there() else { return };
    folder.scan();
    folder.done("scan 1.rdb --spec other.toml --shard b --out facts");
    let said = folder.engine().unwrap();
    assert!(said.contains("facts of another spec, or scanned with another --only: b"), "{said}");
    folder.scan();
    folder.rewrite("facts/shards/b.parquet", "SELECT * REPLACE (2::INTEGER AS format_version) FROM t");
    let said = folder.engine().unwrap();
    assert!(said.contains("facts of another format: b"), "{said}");
    folder.scan();
    assert_eq!(folder.engine(), None);
    let said = folder.fails("plan 1.rdb --spec other.toml --edits edits/shard=b --out plan", 1);
    assert!(said.contains("edits by another spec"), "{said}");
}

#[test]
fn edits_that_are_not_of_the_dump() {
    let Some(folder) = there() else { return };
    folder.scan();
    assert_eq!(folder.engine(), None);
    let plan = |dump: &str, edits: &str| format!("plan {dump} --spec spec.toml --edits {edits} --out plan");
    let said = folder.fails(&plan("0.rdb", "edits/shard=b"), 1);
    assert!(said.contains("edits of another dump"), "{said}");
    // Under another name.
    fs::rename(folder.path("edits/shard=b"), folder.path("edits/shard=c")).unwrap();
    let said = folder.fails(&plan("1.rdb", "edits/shard=c"), 1);
    assert!(said.contains("are the edits of shard b, not of shard c"), "{said}");
    let said = folder.fails("plan 0.rdb --spec spec.toml --accept nested --edits edits/shard=a --out plan", 1);
    assert!(said.contains("with other brakes lifted"), "{said}");
    let file = fs::read_dir(folder.path("edits/shard=a")).unwrap().next().unwrap().unwrap().path();
    let file = file.to_str().unwrap();
    let whole = fs::read(file).unwrap();
    let query = |query: &str| {
        fs::write(file, &whole).unwrap();
        folder.rewrite(file, query);
        folder.fails(&plan("0.rdb", "edits/shard=a"), 1)
    };
    let said = query("SELECT * FROM t WHERE what <> 'remove' OR reason <> 'moved'");
    assert!(said.contains("it has 1 edits, and should have 2"), "{said}");
    // What a hand has changed: a record, a key of no family, a member that is not there, a reason that is none.
    let said = query("SELECT * REPLACE (CASE WHEN what = 'remove' THEN 'r:1'::BLOB ELSE key END AS key) FROM t");
    assert!(said.contains("it is not of the family of the index"), "{said}");
    let said = query("SELECT * REPLACE (CASE WHEN reason = 'moved' THEN 'r:8'::BLOB ELSE member END AS member) FROM t");
    assert!(said.contains("i:b: a member that goes is not there"), "{said}");
    let said = query("SELECT * REPLACE (CASE WHEN reason = 'moved' THEN 'why not' ELSE reason END AS reason) FROM t");
    assert!(said.contains("a line of \"remove\" is not whole"), "{said}");
    let said = query("SELECT * FROM t WHERE what <> 'shard'");
    assert!(said.contains("no line that says of which shard it is"), "{said}");
    fs::write(file, "PAR1").unwrap();
    let said = folder.fails(&plan("0.rdb", "edits/shard=a"), 1);
    assert!(said.contains("is no Parquet that can be read"), "{said}");
    assert!(!folder.path("plan").exists());
}

#[test]
fn what_is_asked_in_the_wrong_way() {
    let folder = Folder::new();
    let said = folder.fails("scan 0.rdb 1.rdb --spec spec.toml --shard a --out facts", 2);
    assert!(said.contains("a scan is of one dump"), "{said}");
    let said = folder.fails("scan 0.rdb --spec spec.toml --shard ../a --out facts", 2);
    assert!(said.contains("letters, digits"), "{said}");
    let said = folder.fails("scan 0.rdb --shard a --out facts", 2);
    assert!(said.contains("--spec FILE or --preset NAME is missing"), "{said}");
    let said = folder.fails("sql --dialect duckdb --facts facts --out edits", 2);
    assert!(said.contains("--spec FILE or --preset NAME is missing"), "{said}");
    let said = folder.fails("sql --spec spec.toml --dialect duckdb --driver", 2);
    assert!(said.contains("--driver is for Spark"), "{said}");
    let mut damaged = shard(0);
    let at = damaged.len() - 12;
    damaged[at] ^= 1;
    fs::write(folder.path("0.rdb"), damaged).unwrap();
    let said = folder.fails("scan 0.rdb --spec spec.toml --shard a --out facts", 1);
    assert!(said.contains("the file is damaged") || said.contains("offset"), "{said}");
    assert!(!folder.path("facts/shards/a.parquet").exists());
}

/// A folder of edits is somebody's file: whatever it holds, it is read or refused.
#[test]
fn damaged_edits_are_refused() {
    let Some(folder) = there() else { return };
    folder.scan();
    assert_eq!(folder.engine(), None);
    let edits = folder.path("edits/shard=a");
    let file = fs::read_dir(&edits).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    let spec = Spec::parse(SPEC, "spec.toml").unwrap();
    let (mut random, mut refused) = (Random::new(5), 0);
    for round in 0..3000 {
        let mut bytes = whole.clone();
        if round % 5 == 0 {
            bytes.truncate(random.below(whole.len()));
        } else {
            // The schema and the places of all pages stand at the end.
            let at = if round % 2 == 0 { random.below(whole.len()) } else { whole.len() - 1 - random.below(900) };
            bytes[at] = random.below(256) as u8;
        }
        fs::write(&file, &bytes).unwrap();
        refused += usize::from(Answered::read(&edits, &spec, &sql::given(&spec)).is_err());
    }
    assert!(refused > 1000, "{refused}");
}
