//! A server of our own: started in a temporary folder on a free loopback port, and ended whatever happens.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Connection, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisError};
use tempfile::TempDir;

use super::copy::CopyError;
use crate::text;

/// Another process may take the port between our asking for a free one and the server's binding it.
const PORT_ATTEMPTS: u32 = 10;
const POLL: Duration = Duration::from_millis(10);
/// No command of a rehearsal takes this long on a server that is alive.
const REPLY_LIMIT: Duration = Duration::from_secs(600);

/// Which server to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// A path, or a name to look for in `PATH`.
    pub server: PathBuf,
    pub modules: Vec<PathBuf>,
}

/// What goes wrong with a server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("there is no server {}", text::path(.0))]
    NotFound(PathBuf),
    #[error("there is no module {}", text::path(.0))]
    NoModule(PathBuf),
    #[error("cannot start {}: {source}", text::path(path))]
    Spawn { path: PathBuf, source: io::Error },
    #[error("cannot write the server's files: {0}")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("the server does not load the dump; the end of its log:\n{0}")]
    Exited(String),
    #[error("the server is {0}; a rehearsal needs Redis 7.0 or Valkey, or later")]
    TooOld(String),
    #[error("the server stopped answering: {0}")]
    Redis(#[from] RedisError),
    #[error("the server gave an answer that cannot be read: {0}")]
    Answer(String),
    #[error("interrupted")]
    Interrupted,
}

/// Holds the server's process, so that whoever has a clone can end it: the handler of Ctrl-C, too.
#[derive(Clone, Debug, Default)]
pub struct Leash(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    stopped: AtomicBool,
    child: Mutex<Option<Child>>,
}

impl Leash {
    /// Ends the server, and lets no other one start. Says whether that had been asked for before.
    pub fn stop(&self) -> bool {
        let before = self.0.stopped.swap(true, Ordering::SeqCst);
        self.end();
        before
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        // A panic elsewhere is no reason to leave a server behind.
        self.0.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        if let Some(mut child) = self.child().take() {
            // It may have ended by itself; nothing to do then.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn start(&self, command: &mut Command) -> Result<u32, ServerError> {
        let mut held = self.child();
        if self.is_stopped() {
            return Err(ServerError::Interrupted);
        }
        let path = PathBuf::from(command.get_program());
        let child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ServerError::NotFound(path),
            _ => ServerError::Spawn { path, source },
        })?;
        let id = child.id();
        *held = Some(child);
        Ok(id)
    }

    fn has_exited(&self) -> bool {
        self.child().as_mut().is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }
}

/// A running server. Dropped, it is ended, and its folder removed.
pub struct Server {
    leash: Leash,
    /// Removed when it is dropped, which is after the server was ended.
    _folder: TempDir,
    pub connection: Connection,
    /// As it says itself, say `redis 7.0.15`.
    pub version: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.leash.end();
    }
}

impl Server {
    /// Starts a server of `databases` databases with the dump that `write` writes.
    pub fn start(
        program: &Program,
        databases: u64,
        leash: &Leash,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<(), CopyError>,
    ) -> Result<Self, ServerError> {
        let folder = tempfile::Builder::new().prefix("rdb-reindex-rehearsal-").tempdir()?;
        let mut dump = BufWriter::new(File::create(folder.path().join("dump.rdb"))?);
        write(&mut dump)?;
        dump.flush()?;
        drop(dump);
        let mut last = String::new();
        let mut folder = Some(folder);
        for _ in 0..PORT_ATTEMPTS {
            let Some(own) = folder.take() else { break };
            match Self::launch(program, databases, leash, own) {
                Ok(server) => return Ok(server),
                Err((ServerError::Exited(log), own)) if log.contains("Address already in use") => {
                    last = log;
                    folder = Some(own);
                }
                Err((error, _)) => {
                    leash.end();
                    return Err(error);
                }
            }
        }
        Err(ServerError::Exited(last))
    }

    fn launch(
        program: &Program,
        databases: u64,
        leash: &Leash,
        folder: TempDir,
    ) -> Result<Self, (ServerError, TempDir)> {
        match try_launch(program, databases, leash, folder.path()) {
            Ok((connection, version)) => Ok(Self { leash: leash.clone(), _folder: folder, connection, version }),
            Err(error) => Err((error, folder)),
        }
    }
}

fn try_launch(
    program: &Program,
    databases: u64,
    leash: &Leash,
    folder: &Path,
) -> Result<(Connection, String), ServerError> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let password = password();
    // In a file, because anybody can read the arguments of a process.
    let config = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass {password}\ndaemonize no\nappendonly no\nsave \"\"\n\
         dir ./\ndbfilename dump.rdb\ndatabases {databases}\n"
    );
    fs::write(folder.join("server.conf"), config)?;
    let log = folder.join("server.log");
    let output = File::create(&log)?;
    let mut command = Command::new(absolute(&program.server)?);
    command.current_dir(folder).arg("server.conf");
    for module in &program.modules {
        let path = fs::canonicalize(module).map_err(|_| ServerError::NoModule(module.clone()))?;
        command.arg("--loadmodule").arg(path);
    }
    command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
    let id = leash.start(&mut command)?;

    let settings = RedisConnectionInfo::default().set_password(password);
    let info = ConnectionAddr::Tcp(Ipv4Addr::LOCALHOST.to_string(), port).into_connection_info()?;
    let client = redis::Client::open(info.set_redis_settings(settings))?;
    loop {
        if leash.is_stopped() {
            return Err(ServerError::Interrupted);
        }
        if leash.has_exited() {
            return Err(ServerError::Exited(end_of(&log)));
        }
        if let Ok(mut connection) = client.get_connection_with_timeout(Duration::from_secs(5)) {
            let info: Result<String, _> = redis::cmd("INFO").arg("server").query(&mut connection);
            let line = |name: &str| {
                let lines = info.as_ref().ok()?.lines();
                lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).next().map(str::to_owned)
            };
            // Whoever else answers there is not to be touched.
            let is_ours = line("process_id").is_some_and(|found| found == id.to_string());
            let loaded = || redis::cmd("DBSIZE").query::<u64>(&mut connection).is_ok();
            if is_ours && { loaded }() {
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

/// The server runs in a folder of its own, so a relative path has to become absolute; a bare name is for `PATH`. Links
/// are not followed: in Debian `redis-server` is one, and what the program does depends on the name.
fn absolute(program: &Path) -> Result<PathBuf, ServerError> {
    if program.components().count() < 2 {
        return Ok(program.to_owned());
    }
    std::path::absolute(program).map_err(|_| ServerError::NotFound(program.to_owned()))
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
