//! A proxy of our own that does harm: one fault at one place, known beforehand.
//!
//! It takes commands one by one and gives each reply back before it takes the next, so that "before the server acted"
//! and "after" mean what they say.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What goes wrong, at which command or byte, all counted from 1 over all connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every reply comes byte by byte.
    Drip,
    /// The n-th write is answered with this error instead of being carried out, and so many after it.
    Refuse {
        write: u64,
        text: String,
        times: u64,
    },
    /// The connection ends before the n-th write reaches the server.
    CutBefore {
        write: u64,
    },
    /// The connection ends after the server acted, so many bytes into the reply to the n-th write.
    CutAfter {
        write: u64,
        bytes: usize,
    },
    /// The n-th write reaches the server, its reply never comes.
    Stall {
        write: u64,
    },
    /// The n-th write is held so long before it reaches the server.
    Hold {
        write: u64,
        millis: u64,
    },
    /// The connection ends before the n-th command of any kind.
    CutAny {
        command: u64,
    },
    /// Every reply comes so late.
    Slow {
        millis: u64,
    },
    /// Like a service that runs only scripts which declare their keys, by the first line: others are refused.
    DeclaredOnly,
    /// No script is run at all.
    NoScripts,
    /// The program is killed as soon as it has sent so many bytes.
    KillSent {
        bytes: u64,
    },
    /// The program is killed as soon as it was sent so many bytes.
    KillReceived {
        bytes: u64,
    },
}

/// A running proxy. It ends with the value.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    server: u16,
    fault: Fault,
    writes: AtomicU64,
    commands: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    over: AtomicBool,
    /// The moment has come to kill the program.
    kill: AtomicBool,
    /// Does its harm once.
    fired: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

/// The names of the commands that a replay writes with.
const WRITES: [&[u8]; 17] = [
    b"UNLINK",
    b"SADD",
    b"SREM",
    b"ZADD",
    b"ZREM",
    b"DEL",
    b"SET",
    b"APPEND",
    b"RPUSH",
    b"HSET",
    b"HDEL",
    b"HPEXPIREAT",
    b"LREM",
    b"PEXPIREAT",
    b"RESTORE",
    b"EVAL",
    b"EVALSHA",
];

impl Proxy {
    pub fn start(server: u16, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State {
            server,
            fault,
            writes: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            over: AtomicBool::new(false),
            kill: AtomicBool::new(false),
            fired: AtomicBool::new(false),
            connections: Mutex::new(Vec::new()),
        });
        let shared = Arc::clone(&state);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = stream else { return };
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(client));
            }
        });
        Self { port, state, accepting: Some(accepting) }
    }

    /// Whether the program is to be killed now.
    pub fn wants_kill(&self) -> bool {
        self.state.kill.load(Ordering::SeqCst)
    }

    /// Whether the fault came to pass.
    pub fn fired(&self) -> bool {
        self.state.fired.load(Ordering::SeqCst)
    }

    /// How much went through: writes, bytes sent, bytes received.
    pub fn traffic(&self) -> (u64, u64, u64) {
        let load = |number: &AtomicU64| number.load(Ordering::SeqCst);
        (load(&self.state.writes), load(&self.state.sent), load(&self.state.received))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for stream in self.state.connections.lock().expect("no thread panicked").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}

/// A side has gone away, or must.
struct Gone;

impl State {
    fn serve(&self, client: TcpStream) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else { return };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
            let clone = stream.try_clone().expect("a second handle");
            self.connections.lock().expect("no thread panicked").push(clone);
        }
        let mut client = Side { stream: client, buffer: Vec::new(), count: Some(&self.sent) };
        let mut server = Side { stream: server, buffer: Vec::new(), count: None };
        while self.pass(&mut client, &mut server).is_ok() {}
        let _ = client.stream.shutdown(Shutdown::Both);
        let _ = server.stream.shutdown(Shutdown::Both);
    }

    /// One command there, its reply back.
    fn pass(&self, client: &mut Side<'_>, server: &mut Side<'_>) -> Result<(), Gone> {
        let mut command = self.command(client)?;
        let number = self.commands.fetch_add(1, Ordering::SeqCst) + 1;
        let name = command.split(|byte| *byte == b'\n').nth(2).map(|line| line.trim_ascii_end().to_vec());
        let is_script = name.as_deref() == Some(b"EVAL");
        let is_write = name.is_some_and(|name| WRITES.contains(&&name[..]));
        let write = if is_write { self.writes.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let at = |number: u64| is_write && write == number && !self.fired.swap(true, Ordering::SeqCst);
        match &self.fault {
            Fault::CutBefore { write } if at(*write) => return Err(Gone),
            Fault::CutAny { command } if number == *command && !self.fired.swap(true, Ordering::SeqCst) => {
                return Err(Gone);
            }
            Fault::Hold { write, millis } if at(*write) => std::thread::sleep(Duration::from_millis(*millis)),
            Fault::Slow { millis } => std::thread::sleep(Duration::from_millis(*millis)),
            Fault::NoScripts if is_script => {
                let text = b"-NOPERM this user has no permissions to run the 'eval' command\r\n";
                return client.stream.write_all(text).map_err(|_| Gone);
            }
            Fault::DeclaredOnly if is_script => match without_header(&command) {
                Some(script) => command = script,
                None => {
                    self.fired.store(true, Ordering::SeqCst);
                    let text = b"-ERR a script must declare its keys\r\n";
                    return client.stream.write_all(text).map_err(|_| Gone);
                }
            },
            Fault::Refuse { write: first, text, times } if is_write && (*first..first + times).contains(&write) => {
                self.fired.store(true, Ordering::SeqCst);
                return client.stream.write_all(format!("-{text}\r\n").as_bytes()).map_err(|_| Gone);
            }
            _ => {}
        }
        server.stream.write_all(&command).map_err(|_| Gone)?;
        let reply = server.value()?;
        match &self.fault {
            Fault::CutAfter { write, bytes } if at(*write) => {
                let _ = client.stream.write_all(&reply[..(*bytes).min(reply.len())]);
                return Err(Gone);
            }
            Fault::Stall { write } if at(*write) => {
                // Until the other side has had enough.
                let _ = client.stream.read(&mut [0; 1]);
                return Err(Gone);
            }
            Fault::Drip => {
                self.fired.store(true, Ordering::SeqCst);
                for byte in reply {
                    client.stream.write_all(&[byte]).map_err(|_| Gone)?;
                }
                return Ok(());
            }
            Fault::KillReceived { bytes } => {
                let before = self.received.fetch_add(reply.len() as u64, Ordering::SeqCst);
                if before + reply.len() as u64 >= *bytes {
                    let part = usize::try_from(bytes.saturating_sub(before)).expect("a reply fits");
                    let _ = client.stream.write_all(&reply[..part]);
                    return self.murder(client);
                }
            }
            _ => {
                self.received.fetch_add(reply.len() as u64, Ordering::SeqCst);
            }
        }
        client.stream.write_all(&reply).map_err(|_| Gone)
    }

    /// A whole command, unless its end is beyond what the program may still send.
    fn command(&self, client: &mut Side<'_>) -> Result<Vec<u8>, Gone> {
        match client.value() {
            Ok(command) => {
                if let Fault::KillSent { bytes } = &self.fault
                    && self.sent.load(Ordering::SeqCst) >= *bytes
                {
                    self.murder(client)?;
                }
                Ok(command)
            }
            Err(gone) => Err(gone),
        }
    }

    fn murder(&self, client: &mut Side<'_>) -> Result<(), Gone> {
        self.fired.store(true, Ordering::SeqCst);
        self.kill.store(true, Ordering::SeqCst);
        // The connection stays until there is nobody any more.
        while matches!(client.stream.read(&mut [0; 4096]), Ok(read) if read > 0) {}
        Err(Gone)
    }
}

struct Side<'a> {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where to count what is read.
    count: Option<&'a AtomicU64>,
}

impl Side<'_> {
    /// The bytes of one whole RESP value.
    fn value(&mut self) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(end) = value_end(&self.buffer, 0) {
                if let Some(count) = self.count {
                    count.fetch_add(end as u64, Ordering::SeqCst);
                }
                return Ok(self.buffer.drain(..end).collect());
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Gone),
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }
}

/// The same `EVAL` for a server that knows no flags, if its script has the one of the service.
fn without_header(command: &[u8]) -> Option<Vec<u8>> {
    let mut reader = rdb_reindex::bundle::resp::CommandReader::new(command);
    let mut args: Vec<&[u8]> = reader.next_command().ok()??.args.to_vec();
    args[1] = args[1].strip_prefix(b"#!lua flags=allow-key-locking\n")?;
    let mut bytes = Vec::new();
    rdb_reindex::bundle::resp::encode(&args, &mut bytes);
    Some(bytes)
}

/// Where the value that starts at `at` ends, if all of it is there.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let line = at + bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")?;
    let number = || std::str::from_utf8(&bytes[at + 1..line]).ok()?.parse::<i64>().ok();
    match bytes[at] {
        b'$' => match number()? {
            -1 => Some(line + 2),
            len => Some(line + 2 + usize::try_from(len).ok()? + 2).filter(|end| *end <= bytes.len()),
        },
        b'*' => (0..number()?.max(0)).try_fold(line + 2, |at, _| value_end(bytes, at)),
        _ => Some(line + 2),
    }
}

/// Runs the program and kills it when the proxy says so. Its exit status, none if it was killed.
pub fn run(command: &mut std::process::Command, proxy: &Proxy) -> (Option<i32>, String) {
    use std::process::Stdio;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut err = child.stderr.take().expect("it is piped");
    let mut out = child.stdout.take().expect("it is piped");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = err.read_to_string(&mut text);
        text
    });
    let also_reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let status = loop {
        if proxy.wants_kill() {
            let _ = child.kill();
        }
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = reading.join().expect("it only reads") + &also_reading.join().expect("it only reads");
    (status.code(), text)
}
