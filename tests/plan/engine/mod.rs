//! Plans of single shards from what an engine worked out of the facts of all, against the plan of all dumps.

mod generate;
mod joint;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rdb_reindex::bundle::manifest::Caps;
use rdb_reindex::bundle::resp::CommandReader;
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::dump::shards::{self, Look};
use rdb_reindex::dump::snapshot::{Options, Snapshot};
use rdb_reindex::facts::{self, Answered};
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{Given, Spec};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::plan;
use rdb_reindex::sql::{self, Dialect, Folders};
use tempfile::TempDir;

use crate::judge::random::Random;
use crate::support::judges::DUCKDB;
use generate::{Case, case};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What a plan comes to: its edits with their reasons, and its commands; or why there is none.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    changes: Vec<String>,
    apply: Vec<Vec<Vec<u8>>>,
    rollback: Vec<Vec<Vec<u8>>>,
    refused: Vec<String>,
}

impl Outcome {
    fn of(difference: &Difference<'_>, folder: &Path) -> Self {
        let caps = Caps { max_args: 1000, max_command_bytes: 512 << 10 };
        match plan::build(difference, caps, folder, &Observer::default()) {
            Ok(_) => {}
            Err(plan::Error::Braked(notes)) => {
                let refused = notes.iter().map(|note| format!("{:?} {}: {}", note.index, note.brake, note.text));
                return Self { refused: refused.collect(), ..Self::default() };
            }
            Err(error) => panic!("{error}"),
        }
        let commands = |name: &str| {
            let bytes = fs::read(folder.join(name)).unwrap();
            let mut reader = CommandReader::new(&bytes);
            let mut commands = Vec::new();
            while let Some(command) = reader.next_command().unwrap() {
                commands.push(command.args.iter().map(|arg| arg.to_vec()).collect());
            }
            commands
        };
        let changes = fs::read_to_string(folder.join("changes.csv")).unwrap();
        Self {
            changes: changes.lines().skip(1).map(str::to_owned).collect(),
            apply: commands("apply.resp"),
            rollback: commands("rollback.resp"),
            refused: Vec::new(),
        }
    }

    fn join(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.apply.extend(other.apply);
        self.rollback.extend(other.rollback);
        if self.refused.is_empty() {
            self.refused = other.refused;
        }
    }

    fn sorted(mut self) -> Self {
        self.changes.sort_unstable();
        self.apply.sort_unstable();
        self.rollback.sort_unstable();
        self
    }
}

struct Work {
    folder: PathBuf,
    spec: Spec,
    dumps: Vec<PathBuf>,
}

impl Work {
    fn new(folder: PathBuf, case: &Case) -> Option<Self> {
        let given = Given { only: case.only.clone(), ..Given::default() };
        let spec = Spec::parse_given(&case.spec, "spec.toml", &given).ok()?;
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("spec.toml"), &case.spec).unwrap();
        let write = |(name, bytes): (&&str, &Vec<u8>)| {
            let path = folder.join(format!("{name}.rdb"));
            fs::write(&path, bytes).unwrap();
            path
        };
        let dumps = NAMES.iter().zip(&case.shards).map(write).collect();
        Some(Self { spec, dumps, folder })
    }

    fn scan(&self) {
        for (name, path) in NAMES.iter().zip(&self.dumps) {
            let dump = fs::read(path).unwrap();
            let facts = self.folder.join("facts");
            facts::scan((&dump, name), &self.spec, Expiry::Careful, name, &facts, &Observer::default()).unwrap();
        }
        let at = |name: &str| self.folder.join(name).to_str().unwrap().to_owned();
        let (facts, edits) = (at("facts"), at("edits"));
        let script = sql::script(&self.spec, Dialect::DuckDb, Folders { facts: &facts, edits: &edits });
        fs::write(self.folder.join("plan.sql"), script).unwrap();
    }

    /// The plan of all dumps.
    fn whole(&self) -> Outcome {
        let open = |path: &PathBuf| Snapshot::open(path, Options::default()).unwrap();
        let mut dumps = self.dumps.iter().map(open).collect();
        let joined = shards::join(&mut dumps, Look::Now, false, &Observer::default()).unwrap();
        let observer = Observer::default();
        let taken = Difference::take_parts(&joined, joined.parts(), &self.spec, Expiry::Careful, &observer);
        let mut difference = taken.unwrap();
        difference.by_slot = true;
        Outcome::of(&difference, &self.folder.join("whole"))
    }

    /// The plans of the shards by the edits of the engine.
    fn by_shard(&self) -> Outcome {
        let mut all = Outcome::default();
        for (name, path) in NAMES.iter().zip(&self.dumps) {
            let dump = fs::read(path).unwrap();
            let folder = self.folder.join("edits").join(format!("shard={name}"));
            let answered = Answered::read(&folder, &self.spec, &sql::given(&self.spec));
            let answered = answered.unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
            let observer = Observer::default();
            let difference = Difference::answered(&dump, &self.spec, answered.expiry, &answered.answer, &observer);
            let difference = difference.unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
            answered.is_of(dump.len() as u64, difference.facts.crc64).unwrap();
            all.join(Outcome::of(&difference, &self.folder.join(format!("plan-{name}"))));
        }
        all
    }
}

/// A Python that has DuckDB, or nothing, loudly. Under CI that is an error.
fn duckdb(scripts: &[PathBuf]) -> Option<()> {
    let packages = DUCKDB.find()?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/engine/duckdb_run.py");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1").arg(program).args(scripts);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn proof(seed: u64, cases: usize) {
    if DUCKDB.find().is_none() {
        return;
    }
    let work_in = TempDir::new().unwrap();
    let kept = std::env::var_os("RDB_REINDEX_ENGINE_KEEP").map(PathBuf::from);
    let folder = kept.as_deref().unwrap_or(work_in.path());
    let mut random = Random::new(seed);
    let mut works = Vec::new();
    while works.len() < cases {
        let case = case(&mut random);
        works.extend(Work::new(folder.join(works.len().to_string()), &case));
    }
    let began = std::time::Instant::now();
    works.iter().for_each(Work::scan);
    println!("scanned: {:?}", began.elapsed());
    let scripts: Vec<PathBuf> = works.iter().map(|work| work.folder.join("plan.sql")).collect();
    duckdb(&scripts);
    println!("engine: {:?}", began.elapsed());
    let (mut edits, mut refused, mut wrong) = (0, 0, Vec::new());
    for (number, work) in works.iter().enumerate() {
        let (whole, by_shard) = (work.whole().sorted(), work.by_shard().sorted());
        edits += whole.changes.len();
        refused += usize::from(!whole.refused.is_empty());
        let is_same = if whole.refused.is_empty() { whole == by_shard } else { whole.refused == by_shard.refused };
        if !is_same {
            wrong.push(number);
            if wrong.len() <= 3 {
                println!("{number}: {}", fs::read_to_string(work.folder.join("spec.toml")).unwrap());
                println!("{:?}\n{:?}", whole.refused, by_shard.refused);
                let lacks = |of: &Outcome, other: &Outcome| {
                    of.changes.iter().filter(|line| !other.changes.contains(line)).cloned().collect::<Vec<_>>()
                };
                println!("only whole: {:#?}\nonly by shard: {:#?}", lacks(&whole, &by_shard), lacks(&by_shard, &whole));
            }
        }
    }
    println!("{cases} databases, {edits} edits, {refused} refused");
    assert!(wrong.is_empty(), "{} of {cases} differ: {wrong:?}", wrong.len());
    assert!(edits > cases * 5 && refused < cases / 2, "{edits} edits, {refused} refused");
}

#[test]
fn the_same_edits_as_of_all_dumps() {
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    proof(number("RDB_REINDEX_ENGINE_SEED", 1), number("RDB_REINDEX_ENGINE_CASES", 150) as usize);
}
