//! Where the servers and modules are that `scripts/setup` installs.

use std::env;
use std::path::{Path, PathBuf};

use crate::support::judges;

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
    pub const ALL: [Self; 7] =
        [Self::Redis70, Self::Redis62, Self::Redis82, Self::Valkey91, Self::ReJson, Self::Bloom, Self::TimeSeries];

    /// As it is named in `RDB_REINDEX_WITHOUT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis70 => "redis-7.0",
            Self::Redis62 => "redis-6.2",
            Self::Redis82 => "redis-8.2",
            Self::Valkey91 => "valkey-9.1",
            Self::ReJson => "rejson",
            Self::Bloom => "redisbloom",
            Self::TimeSeries => "redistimeseries",
        }
    }

    /// What to do where it is missing.
    pub fn remedy(self) -> String {
        let all = if self.is_other() { " --all-servers" } else { "" };
        format!("run scripts/setup{all}, or set {}", self.names().0)
    }

    fn is_other(self) -> bool {
        matches!(self, Self::Redis62 | Self::Redis82 | Self::Valkey91)
    }

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
        judges::is_set(if self.is_other() { "RDB_REINDEX_ALL_SERVERS" } else { "CI" })
    }

    /// Its path, or `None` when it is not installed.
    pub fn path(self) -> Option<PathBuf> {
        let (variable, in_cache) = self.names();
        match env::var_os(variable) {
            Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
            None => match in_cache {
                Some(name) => judges::cache_folder().map(|folder| folder.join(name)).filter(|path| path.is_file()),
                None => on_path("redis-server"),
            },
        }
    }

    /// Its path; where it is not installed this is said on standard error, and panics where it is demanded.
    pub fn find(self) -> Option<PathBuf> {
        let found = self.path();
        if found.is_none() {
            let message = format!("{self:?} is not installed: {}", self.remedy());
            judges::missing(self.name(), self.is_demanded(), &message);
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
