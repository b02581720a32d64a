//! Who the tests are judged by besides us: servers, dumps of servers, readers of Parquet, a browser, shells.
//!
//! A test asks for its judge with `find` and ends where there is none. So that a checkout without one can still be tested,
//! that is no failure; with `CI` set it is one, for there a test that was skipped would look like one that passed. What is
//! not to be had at all there is named in `RDB_REINDEX_WITHOUT`, apart by commas. The test binary `skipped` says at the end
//! of `cargo test` which judges were missing.

use std::env;
use std::path::{Path, PathBuf};

use super::server::{Program, on_path};

/// One judge.
pub struct Judge {
    /// As it is named in `RDB_REINDEX_WITHOUT`.
    pub name: &'static str,
    /// The tests that are skipped without it.
    pub tests: &'static str,
    /// What to do.
    pub remedy: &'static str,
    path: fn() -> Option<PathBuf>,
}

/// Dumps that real servers wrote, with what those servers answered.
pub const CORPUS: Judge = Judge {
    name: "corpus",
    tests: "dumps of real servers of four generations",
    remedy: "put the corpus into ../shared/corpus",
    path: || beside("corpus"),
};
/// Databases of real applications, with what is right in them.
pub const APPS: Judge = Judge {
    name: "apps",
    tests: "slips in specs of real applications",
    remedy: "put them into ../shared/apps",
    path: || beside("apps"),
};
/// Inputs from public reports.
pub const REPORTED: Judge = Judge {
    name: "reported",
    tests: "slips in specs that were reported",
    remedy: "put them into ../shared/reported",
    path: || beside("reported"),
};
/// The sources of the crate `rdb`, which hold dumps.
pub const RDB_SOURCES: Judge = Judge {
    name: "rdb-sources",
    tests: "our parser against the crate rdb on its dumps",
    remedy: "cargo unpacks them into CARGO_HOME, unless it builds from a vendored folder",
    path: rdb_sources,
};
/// A folder with the Python packages `duckdb` and `pyarrow`.
pub const DUCKDB: Judge = Judge {
    name: "duckdb",
    tests: "Parquet as DuckDB and pyarrow read it, and the queries of docs/duckdb.md",
    remedy: "run scripts/setup",
    path: || installed("RDB_REINDEX_DUCKDB", "duckdb", "duckdb").filter(|_| on_path("python3").is_some()),
};
/// A folder with the Python package `prometheus_client`.
pub const PROMETHEUS: Judge = Judge {
    name: "prometheus",
    tests: "OpenMetrics as the client library of Prometheus reads it",
    remedy: "run scripts/setup",
    path: || {
        installed("RDB_REINDEX_PROMETHEUS", "prometheus", "prometheus_client").filter(|_| on_path("python3").is_some())
    },
};
/// A folder with npm's server for Upstash's REST interface.
pub const UPSTASH_REST: Judge = Judge {
    name: "upstash-rest",
    tests: "apply, verify and rollback over REST",
    remedy: "run scripts/setup; it needs npm",
    path: || {
        let inside = "node_modules/@humanwhocodes/upstash-redis-server";
        installed("RDB_REINDEX_UPSTASH_REST", "upstash-rest", inside).filter(|_| on_path("node").is_some())
    },
};
/// A folder with what drives a browser and judges pages.
pub const BROWSER: Judge = Judge {
    name: "browser",
    tests: "pages in a real browser",
    remedy: "run scripts/setup; it needs npm",
    path: || installed("RDB_REINDEX_BROWSER", "browser", "node_modules").filter(|_| on_path("node").is_some()),
};
/// The browser itself.
pub const CHROMIUM: Judge = Judge {
    name: "chromium",
    tests: "pages in a real browser",
    remedy: "run scripts/setup, or set RDB_REINDEX_CHROMIUM",
    path: || match env::var_os("RDB_REINDEX_CHROMIUM") {
        Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
        None => on_path("chromium"),
    },
};
/// Runs a program in a pseudo-terminal.
pub const SCRIPT: Judge = Judge {
    name: "script",
    tests: "what a terminal shows",
    remedy: "on Debian: apt-get install bsdutils",
    path: || on_path("script"),
};
pub const PYTHON: Judge = Judge {
    name: "python3",
    tests: "the code in docs/text.md",
    remedy: "on Debian: apt-get install python3",
    path: || on_path("python3"),
};
pub const BASH: Judge = Judge {
    name: "bash",
    tests: "completions in bash",
    remedy: "on Debian: apt-get install bash",
    path: || on_path("bash"),
};
pub const FISH: Judge =
    Judge { name: "fish", tests: "completions in fish", remedy: "run scripts/setup", path: || on_path("fish") };
pub const ZSH: Judge =
    Judge { name: "zsh", tests: "completions in zsh", remedy: "run scripts/setup", path: || on_path("zsh") };

/// All of them, the servers aside.
const OTHERS: [&Judge; 14] = [
    &CORPUS,
    &APPS,
    &REPORTED,
    &RDB_SOURCES,
    &DUCKDB,
    &PROMETHEUS,
    &UPSTASH_REST,
    &BROWSER,
    &CHROMIUM,
    &SCRIPT,
    &PYTHON,
    &BASH,
    &FISH,
    &ZSH,
];

impl Judge {
    /// Where it is, or `None` when it is not here; then says so on standard error, and panics where it is demanded.
    pub fn find(&self) -> Option<PathBuf> {
        let found = (self.path)();
        if found.is_none() {
            let message = format!("there is no {}: {}", self.name, self.remedy);
            missing(self.name, is_set("CI"), &message);
        }
        found
    }

    /// The dumps in it, in the order of their names; none where it is not here.
    pub fn dumps(&self) -> Vec<PathBuf> {
        let Some(folder) = self.find() else { return Vec::new() };
        let entries = std::fs::read_dir(&folder).expect("a folder");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
        paths.sort();
        paths
    }
}

/// Panics if a run without this judge must fail, else says loudly that a test was skipped.
pub fn missing(name: &str, demanded: bool, message: &str) {
    let without = env::var("RDB_REINDEX_WITHOUT").unwrap_or_default();
    assert!(!demanded || without.split(',').any(|one| one.trim() == name), "{message}");
    eprintln!("\n*** SKIPPED, NOTHING TESTED: {message} ***\n");
}

/// A line for each judge that is not here: its name, what is skipped, and what to do.
pub fn absent() -> Vec<String> {
    let servers = Program::ALL.into_iter().filter(|program| program.path().is_none());
    let servers = servers.map(|program| format!("{}: the tests that need it; {}", program.name(), program.remedy()));
    let others = OTHERS.into_iter().filter(|judge| (judge.path)().is_none());
    servers.chain(others.map(|judge| format!("{}: {}; {}", judge.name, judge.tests, judge.remedy))).collect()
}

/// How many there are.
pub fn count() -> usize {
    Program::ALL.len() + OTHERS.len()
}

pub fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some()
}

/// The folder that `scripts/setup` fills.
pub fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    folder("RDB_REINDEX_CACHE").or_else(|| {
        Some(folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?.join("rdb-reindex"))
    })
}

/// A folder that a variable names, else the one of the cache; it must hold `inside`.
fn installed(variable: &str, folder: &str, inside: &str) -> Option<PathBuf> {
    let found = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => cache_folder()?.join(folder),
    };
    found.join(inside).is_dir().then_some(found)
}

/// A folder beside the repository.
fn beside(name: &str) -> Option<PathBuf> {
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name)).filter(|folder| folder.is_dir())
}

fn rdb_sources() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let sources = std::fs::read_dir(home.join("registry/src")).ok()?.flatten();
    let packages = sources.filter_map(|source| std::fs::read_dir(source.path()).ok()).flatten().flatten();
    let mut ours = packages.filter(|package| package.file_name().to_string_lossy().starts_with("rdb-0.4."));
    ours.find_map(|package| Some(package.path().join("tests/dumps")).filter(|folder| folder.is_dir()))
}
