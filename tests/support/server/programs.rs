//! Where the servers and modules are that `scripts/setup` installs.

use std::env;
use std::path::{Path, PathBuf};

/// A server or module of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Debian's Redis, RDB 10. The server used when a test asks for none.
    Redis70,
    /// RDB 9, ziplists (`scripts/setup --all-servers`).
    Redis62,
    /// RDB 12, hash-field expiries (`scripts/setup --all-servers`).
    Redis82,
    /// `VALKEY080`, HASH_2 (`scripts/setup --all-servers`).
    Valkey91,
    /// The module RedisJSON 2.8, encver 3.
    ReJson,
    /// The module RedisBloom 2.8.
    Bloom,
    /// The module RedisTimeSeries 1.12.
    TimeSeries,
}

impl Program {
    /// The variable that `scripts/test` sets, and the place in the cache folder when nobody has set it.
    fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Redis70 => ("RDB_REINDEX_REDIS_SERVER", None),
            Self::Redis62 => ("RDB_REINDEX_REDIS_6_2", Some("redis-6.2/redis-server")),
            Self::Redis82 => ("RDB_REINDEX_REDIS_8_2", Some("redis-8.2/redis-server")),
            Self::Valkey91 => ("RDB_REINDEX_VALKEY_9_1", Some("valkey-9.1/valkey-server")),
            Self::ReJson => ("RDB_REINDEX_REJSON", Some("redis-stack/rejson.so")),
            Self::Bloom => ("RDB_REINDEX_BLOOM", Some("redis-stack/redisbloom.so")),
            Self::TimeSeries => ("RDB_REINDEX_TIMESERIES", Some("redis-stack/redistimeseries.so")),
        }
    }

    /// Whether a run without it must fail: in CI, for what `scripts/test` always installs; the other servers only where
    /// they were asked for.
    fn is_demanded(self) -> bool {
        let variable = match self {
            Self::Redis62 | Self::Redis82 | Self::Valkey91 => "RDB_REINDEX_ALL_SERVERS",
            Self::Redis70 | Self::ReJson | Self::Bloom | Self::TimeSeries => "CI",
        };
        env::var_os(variable).is_some()
    }

    /// Its path, or `None` when it is not installed; then says so on standard error, and panics where it is demanded.
    pub fn find(self) -> Option<PathBuf> {
        let (variable, in_cache) = self.names();
        let found = match env::var_os(variable) {
            Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
            None => match in_cache {
                Some(name) => cache_folder().map(|folder| folder.join(name)).filter(|path| path.is_file()),
                None => on_path("redis-server"),
            },
        };
        if found.is_none() {
            let message = format!("{self:?} is not installed: run scripts/setup --all-servers, or set {variable}");
            assert!(!self.is_demanded(), "{message}");
            eprintln!("\n*** SKIPPED, NOTHING TESTED: {message} ***\n");
        }
        found
    }
}

/// The first executable of that name in `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A tool that comes with a server (`redis-cli`, `redis-check-rdb`): beside it, else in `PATH`.
pub fn companion(server: &Path, name: &str) -> PathBuf {
    let beside = server.with_file_name(name);
    if beside.is_file() {
        return beside;
    }
    on_path(name).unwrap_or_else(|| panic!("{name} is neither beside {} nor in PATH", server.display()))
}

fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    folder("RDB_REINDEX_CACHE").or_else(|| {
        Some(folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?.join("rdb-reindex"))
    })
}
