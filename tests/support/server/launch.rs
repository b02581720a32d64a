//! Starting a server, waiting until it has loaded its dump, asking it, stopping it.

use super::programs::companion;
use super::{Monitor, PipeSummary, Program, pipe, tls};
use redis::{Connection, FromRedisValue, ToRedisArgs};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Another process may take a port between our asking for a free one and the server's binding it.
const PORT_ATTEMPTS: u32 = 10;
/// Loading a dump of 1.3 GB on a busy machine takes a while; a hung server should still end the test.
const START_LIMIT: Duration = Duration::from_secs(240);

/// What a server shall be like.
#[derive(Clone, Debug)]
pub struct Builder {
    program: Program,
    modules: Vec<Program>,
    dump: Option<PathBuf>,
    dump_bytes: Option<Vec<u8>>,
    password: Option<String>,
    tls: bool,
    tls_files: Option<PathBuf>,
    args: Vec<String>,
}

impl Builder {
    /// Another server than Debian's Redis 7.0.
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// Loads a module.
    pub fn module(mut self, module: Program) -> Self {
        self.modules.push(module);
        self
    }

    /// Loads RedisJSON.
    pub fn rejson(self) -> Self {
        self.module(Program::ReJson)
    }

    /// Starts with this dump; the file itself is never written to.
    pub fn dump_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.dump = Some(path.into());
        self
    }

    /// Starts with this dump.
    pub fn dump_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.dump_bytes = Some(bytes.into());
        self
    }

    /// Sets `requirepass`. Letters and digits only: it goes into a URL as it is.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Also listens with TLS, with a certificate of an authority of its own (`Server::tls_url`, `Server::tls_ca`).
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same with the certificate in this folder, which [`tls::make`] wrote.
    pub fn tls_from(mut self, folder: &Path) -> Self {
        (self.tls, self.tls_files) = (true, Some(folder.to_owned()));
        self
    }

    /// More of the server's command line, say `["--hash-max-listpack-entries", "0"]`.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Starts it. `None` if the server or a module is not installed; panics with the server's log if it does not come up.
    pub fn start(self) -> Option<Server> {
        Some(self.try_start()?.unwrap_or_else(|log| panic!("the server did not start; its log:\n{log}")))
    }

    /// Starts it, or gives its log: for dumps that it may refuse.
    pub fn try_start(self) -> Option<Result<Server, String>> {
        let program = self.program.find()?;
        let modules = self.modules.iter().map(|module| module.find()).collect::<Option<Vec<_>>>()?;
        let mut last = String::new();
        for _ in 0..PORT_ATTEMPTS {
            match self.launch(&program, &modules) {
                Ok(server) => return Some(Ok(server)),
                Err(log) if log.contains("Address already in use") => last = log,
                Err(log) => return Some(Err(log)),
            }
        }
        Some(Err(last))
    }

    fn launch(&self, program: &Path, modules: &[PathBuf]) -> Result<Server, String> {
        let folder = tempfile::Builder::new().prefix("rdb-reindex-server-").tempdir().expect("a temporary folder");
        let dump = folder.path().join("dump.rdb");
        if let Some(source) = &self.dump {
            // The server replaces dump.rdb and never writes into it, so a link will do and spares copying a gigabyte.
            if fs::hard_link(source, &dump).is_err() {
                fs::copy(source, &dump).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
            }
        }
        if let Some(bytes) = &self.dump_bytes {
            fs::write(&dump, bytes).expect("the test's folder is writable");
        }

        let log = folder.path().join("server.log");
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no", "--appendonly", "no"]);
        command.args(["--save", "", "--dbfilename", "dump.rdb", "--dir"]).arg(folder.path());
        if self.program != Program::Redis62 {
            command.args(["--enable-debug-command", "yes"]);
        }
        for module in modules {
            command.arg("--loadmodule").arg(module);
        }
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        let files = || match &self.tls_files {
            Some(folder) => tls::made(folder),
            None => tls::make(folder.path()),
        };
        let tls = self.tls.then(|| (free_port(), files()));
        if let Some((port, files)) = &tls {
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(&files.cert).arg("--tls-key-file").arg(&files.key);
            command.arg("--tls-ca-cert-file").arg(&files.ca);
        }
        command.args(&self.args);
        let output = File::create(&log).expect("the test's folder is writable");
        command.stdin(Stdio::null()).stderr(output.try_clone().expect("a file handle")).stdout(output);
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let server = Server {
            child,
            program: program.to_owned(),
            folder,
            port,
            password: self.password.clone(),
            tls: tls.map(|(port, files)| (port, files.ca)),
        };
        server.wait_until_ready(&log)
    }
}

/// A running server; dropping it ends the process and removes its folder.
pub struct Server {
    child: Child,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    password: Option<String>,
    tls: Option<(u16, PathBuf)>,
}

impl Server {
    pub fn builder() -> Builder {
        Builder {
            program: Program::Redis70,
            modules: Vec::new(),
            dump: None,
            dump_bytes: None,
            password: None,
            tls: false,
            tls_files: None,
            args: Vec::new(),
        }
    }

    fn wait_until_ready(mut self, log: &Path) -> Result<Self, String> {
        let end = Instant::now() + START_LIMIT;
        loop {
            let exited = self.child.try_wait().expect("the child can be waited for").is_some();
            if exited || Instant::now() > end {
                return Err(fs::read_to_string(log).unwrap_or_default());
            }
            // Another test's server may have taken the port: only our own process's answer counts.
            let info = self.try_connect().and_then(|mut c| redis::cmd("INFO").arg("server").query::<String>(&mut c));
            let ours = format!("process_id:{}\r\n", self.child.id());
            if info.is_ok_and(|text| text.contains(&ours)) {
                let loading = self.try_connect().and_then(|mut c| redis::cmd("DBSIZE").query::<u64>(&mut c));
                if loading.is_ok() {
                    return Ok(self);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_connect(&self) -> redis::RedisResult<Connection> {
        redis::Client::open(self.url())?.get_connection_with_timeout(Duration::from_secs(5))
    }

    /// The port without TLS, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The server's own folder; `dump.rdb` and `server.log` are in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `redis://…`, with the password if there is one.
    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}/", self.credentials(), self.port)
    }

    /// The port with TLS.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.as_ref().map(|(port, _)| *port)
    }

    /// `rediss://localhost…`; only for a server started with [`Builder::tls`].
    pub fn tls_url(&self) -> String {
        let (port, _) = self.tls.as_ref().expect("the server was started with TLS");
        format!("rediss://{}localhost:{port}/", self.credentials())
    }

    /// The PEM file of the authority that signed the server's certificate.
    pub fn tls_ca(&self) -> &Path {
        let (_, ca) = self.tls.as_ref().expect("the server was started with TLS");
        ca
    }

    fn credentials(&self) -> String {
        self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default()
    }

    /// A new connection (without TLS).
    pub fn connection(&self) -> Connection {
        self.try_connect().unwrap_or_else(|e| panic!("no connection to the test's own server: {e}"))
    }

    /// Runs one command on a connection of its own; panics on an error reply.
    pub fn query<T: FromRedisValue>(&self, args: &[impl ToRedisArgs]) -> T {
        query(&mut self.connection(), args)
    }

    /// `SAVE`, then the dump.
    pub fn dump(&self) -> Vec<u8> {
        fs::read(self.save()).expect("the server wrote its dump")
    }

    /// `SAVE`, then the dump's path; the next `SAVE` replaces it.
    pub fn save(&self) -> PathBuf {
        self.query::<()>(&["SAVE"]);
        self.folder.path().join("dump.rdb")
    }

    /// `DEBUG DIGEST`: equal for two servers with the same data, as far as it looks. It knows whether a key has an expiry
    /// but not when, and of a RedisJSON document only that it is one: compare `PEXPIRETIME` and `JSON.GET` besides.
    pub fn digest(&self) -> String {
        self.query(&["DEBUG", "DIGEST"])
    }

    /// `DEBUG DIGEST-VALUE` of each key, in order; zeros for a key that does not exist.
    pub fn digest_values(&self, keys: &[impl ToRedisArgs]) -> Vec<String> {
        redis::cmd("DEBUG")
            .arg("DIGEST-VALUE")
            .arg(keys)
            .query(&mut self.connection())
            .unwrap_or_else(|e| panic!("DEBUG DIGEST-VALUE: {e}"))
    }

    /// Starts recording every command that the server runs from here on.
    pub fn monitor(&self) -> Monitor {
        Monitor::start(self)
    }

    /// Sends a file of commands through `redis-cli --pipe`.
    pub fn pipe(&self, commands: &Path) -> PipeSummary {
        pipe::run(&companion(&self.program, "redis-cli"), self, commands)
    }

    /// What `redis-check-rdb` says of a dump (its exit status is 0 if it is whole).
    pub fn check_rdb(&self, dump: &Path) -> Output {
        let tool = companion(&self.program, "redis-check-rdb");
        Command::new(tool).arg(dump).stdin(Stdio::null()).output().expect("redis-check-rdb runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; nothing to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one command; panics on an error reply.
pub fn query<T: FromRedisValue>(connection: &mut Connection, args: &[impl ToRedisArgs]) -> T {
    let mut command = redis::Cmd::new();
    for arg in args {
        command.arg(arg);
    }
    command.query(connection).unwrap_or_else(|e| {
        let sent = command.get_packed_command();
        panic!("{e}, for {}", String::from_utf8_lossy(&sent).replace("\r\n", " "))
    })
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free loopback port").port()
}
