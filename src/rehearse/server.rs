//! A server of our own: in a temporary folder, behind a socket in it, and ended whatever happens.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{Connection, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};

use super::copy::CopyError;
use super::throwaway_error::ServerError;
use super::watchdog::{self, LOG, Watchdog};
use crate::owner_only;

const CONFIG: &str = "server.conf";
const SOCKET: &str = "server.sock";
const NODES: &str = "nodes.conf";
/// An address of a socket has 108 bytes, 104 in some systems, and ends in a zero.
const LONGEST_SOCKET: usize = 103;
const POLL: Duration = Duration::from_millis(10);
/// No command of a rehearsal takes this long on a server that is alive.
const REPLY_LIMIT: Duration = Duration::from_secs(600);

/// Which server to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// A path, or a name to look for in `PATH`.
    pub server: PathBuf,
    pub modules: Vec<PathBuf>,
    /// A cluster of one node, which refuses commands with keys of two slots.
    pub cluster: bool,
}

/// A running server. Dropped, it is ended, and its folder removed.
pub struct Server {
    watchdog: Watchdog,
    pub connection: Connection,
    /// As it says itself, say `redis 7.0.15`.
    pub version: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.watchdog.end();
    }
}

impl Server {
    /// Starts a server of `databases` databases with the dump that `write` writes.
    pub fn start(
        program: &Program,
        databases: u64,
        watchdog: &Watchdog,
        write: impl FnOnce(&mut BufWriter<Held<'_>>) -> Result<(), CopyError>,
    ) -> Result<Self, ServerError> {
        let server = watchdog::find(&program.server)?;
        let mut args = vec![PathBuf::from(CONFIG)];
        for module in &program.modules {
            args.push("--loadmodule".into());
            args.push(fs::canonicalize(module).map_err(|_| ServerError::NoModule(module.clone()))?);
        }
        let args: Vec<&Path> = args.iter().map(PathBuf::as_path).collect();
        // A name that nobody can know before: the state of such a hasher is drawn by the system.
        let name = format!("rdb-reindex-rehearsal-{:016x}", RandomState::new().hash_one(std::process::id()));
        let folder = std::path::absolute(std::env::temp_dir())?.join(name);
        if folder.join(SOCKET).as_os_str().len() > LONGEST_SOCKET {
            return Err(ServerError::LongPath(folder));
        }
        watchdog.watch(&folder, &server, &args)?;
        match launch((&server, program.cluster), databases, watchdog, &folder, write) {
            Ok((connection, version)) => Ok(Self { watchdog: watchdog.clone(), connection, version }),
            Err(error) => {
                watchdog.end();
                // Whatever went wrong after Ctrl-C went wrong because of it.
                Err(if watchdog.is_stopped() { ServerError::Interrupted } else { error })
            }
        }
    }
}

/// A file that takes no more once the watchdog was pulled: a copy of a large dump takes a while.
pub struct Held<'l> {
    file: File,
    watchdog: &'l Watchdog,
}

impl Write for Held<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not `Interrupted`, which is tried again.
        if self.watchdog.is_stopped() { Err(io::ErrorKind::Other.into()) } else { self.file.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn launch(
    (server, cluster): (&Path, bool),
    databases: u64,
    watchdog: &Watchdog,
    folder: &Path,
    write: impl FnOnce(&mut BufWriter<Held<'_>>) -> Result<(), CopyError>,
) -> Result<(Connection, String), ServerError> {
    let mut dump = BufWriter::new(Held { file: owner_only::create_new(&folder.join("dump.rdb"))?, watchdog });
    write(&mut dump)?;
    dump.flush()?;
    drop(dump);
    let password = password();
    // No port: whoever may not enter the folder cannot reach it. The password is for those who may, by mistake; in a file,
    // because anybody can read the arguments of a process.
    let config = format!(
        "port 0\nunixsocket {SOCKET}\nunixsocketperm 600\nrequirepass {password}\ndaemonize no\nappendonly no\nsave \"\"\n\
         dir ./\ndbfilename dump.rdb\ndatabases {databases}\n"
    );
    let config = if cluster { config + &of_a_cluster(folder)? } else { config };
    owner_only::create_new(&folder.join(CONFIG))?.write_all(config.as_bytes())?;
    watchdog.go()?;

    let settings = RedisConnectionInfo::default().set_password(password);
    let info = ConnectionAddr::Unix(folder.join(SOCKET)).into_connection_info()?;
    let client = redis::Client::open(info.set_redis_settings(settings))?;
    loop {
        if watchdog.is_stopped() {
            return Err(ServerError::Interrupted);
        }
        match watchdog::ended(folder) {
            None => {}
            Some(126 | 127) => {
                let path = server.to_owned();
                return Err(ServerError::Spawn { path, source: io::Error::other(end_of(&folder.join(LOG))) });
            }
            Some(_) => return Err(ServerError::Exited(end_of(&folder.join(LOG)))),
        }
        if let Ok(mut connection) = client.get_connection_with_timeout(Duration::from_secs(5)) {
            let info: Result<String, _> = redis::cmd("INFO").arg("server").query(&mut connection);
            let line = |name: &str| {
                let lines = info.as_ref().ok()?.lines();
                lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).next().map(str::to_owned)
            };
            let mut is_up = || {
                let state: Result<String, _> = redis::cmd("CLUSTER").arg("INFO").query(&mut connection);
                !cluster || state.is_ok_and(|state| state.contains("cluster_state:ok"))
            };
            if is_up() && redis::cmd("DBSIZE").query::<u64>(&mut connection).is_ok() {
                connection.set_read_timeout(Some(REPLY_LIMIT))?;
                let version = match (line("valkey_version"), line("redis_version")) {
                    (Some(version), _) => format!("valkey {version}"),
                    (None, Some(version)) => format!("redis {version}"),
                    (None, None) => "of an unknown version".to_owned(),
                };
                let old = ["redis 6.", "redis 5.", "redis 4.", "redis 3.", "redis 2."];
                if old.iter().any(|old| version.starts_with(old)) {
                    return Err(ServerError::TooOld(version));
                }
                return Ok((connection, version));
            }
        }
        std::thread::sleep(POLL);
    }
}

/// The configuration of a cluster of one node that has all slots. Its bus needs a port: a free one, which nobody else reaches.
fn of_a_cluster(folder: &Path) -> io::Result<String> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let id = format!("{}{:.8}", password(), password());
    let nodes =
        format!("{id} :0@{port} myself,master - 0 0 0 connected 0-16383\nvars currentEpoch 0 lastVoteEpoch 0\n");
    owner_only::create_new(&folder.join(NODES))?.write_all(nodes.as_bytes())?;
    Ok(format!("bind 127.0.0.1\ncluster-enabled yes\ncluster-config-file {NODES}\ncluster-port {port}\n"))
}

/// 128 random bits: each of these states is seeded by the system.
fn password() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The last lines of a log, without the report of the dump's check that a server appends when it cannot load one.
fn end_of(log: &Path) -> String {
    const LINES: usize = 3;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> =
        text.lines().take_while(|line| !line.starts_with("[offset ")).filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(LINES);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
