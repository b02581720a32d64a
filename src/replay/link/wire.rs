//! The bytes of a connection: TCP, or TLS over it; and what a port that does not answer as it should might speak instead.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::LinkError;
use super::target::{Kind, Target};
use super::tls;

/// How long a server may say nothing during the handshake before it is asked in the clear.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a port may take to show what it speaks.
const PROBE: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_millis(250);

/// An open stream.
pub enum Wire {
    Plain(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// Connects; with TLS, the handshake is done then.
    pub fn open(target: &Target) -> Result<Self, LinkError> {
        // A file of certificates that cannot be used is reported before anything else.
        let config = if target.tls { Some(tls::config(target.tls_ca.as_deref(), client_of(target))?) } else { None };
        if let Kind::Unix(path) = &target.kind {
            let failed = |error| LinkError::Connect { target: target.to_string(), cause: cause(&error) };
            return UnixStream::connect(path).map(Self::Unix).map_err(failed);
        }
        let tcp = connect(target, target.timeouts.connect)
            .map_err(|error| LinkError::Connect { target: target.to_string(), cause: cause(&error) })?;
        match config {
            None => Ok(Self::Plain(tcp)),
            Some(config) => Ok(Self::Tls(Box::new(handshake(target, tcp, config)?))),
        }
    }

    /// For the next bytes of a reply, and for the server to take bytes.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let tcp = match self {
            Self::Unix(unix) => {
                return unix.set_read_timeout(Some(timeout)).and_then(|()| unix.set_write_timeout(Some(timeout)));
            }
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref(),
        };
        tcp.set_read_timeout(Some(timeout)).and_then(|()| tcp.set_write_timeout(Some(timeout)))
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(out),
            Self::Unix(unix) => unix.read(out),
            Self::Tls(tls) => tls.read(out),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Unix(unix) => unix.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Unix(unix) => unix.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

fn client_of(target: &Target) -> Option<(&Path, &Path)> {
    target.tls_client.as_ref().map(|(certificates, key)| (&**certificates, &**key))
}

/// Whether a wait was in vain: nothing came, or nothing was taken.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Whether the other side has closed the connection.
pub fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// What an error of the system says.
pub fn cause(error: &io::Error) -> String {
    if is_timeout(error) { "no answer in time".into() } else { error.to_string() }
}

/// To the first of the host's addresses that takes it.
fn connect(target: &Target, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    let end = Instant::now().checked_add(patience);
    for address in (&*target.host, target.port).to_socket_addrs()? {
        let left = end.map_or(patience, |end| end.saturating_duration_since(Instant::now()));
        match TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1))) {
            Ok(tcp) => {
                // A batch ends in a segment that is not full; nothing is gained by holding it back.
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn client(target: &Target, config: Arc<ClientConfig>) -> Result<ClientConnection, LinkError> {
    let failed = |cause: &str| LinkError::Tls {
        target: target.to_string(),
        cause: cause.into(),
        hint: "give the host by its name or address",
    };
    let name = ServerName::try_from(target.host.clone()).map_err(|_| failed("that is not the name of a host"))?;
    ClientConnection::new(config, name).map_err(|_| failed("that is not the name of a host"))
}

fn handshake(
    target: &Target,
    mut tcp: TcpStream,
    config: Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, LinkError> {
    let failed = |cause: &str, hint| LinkError::Tls { target: target.to_string(), cause: cause.into(), hint };
    const PLAIN: &str = "a server without TLS wants redis://";
    let mut connection = client(target, config)?;
    let patience = target.timeouts.connect;
    let slice = SLICE.min(patience);
    let set = tcp.set_read_timeout(Some(slice)).and_then(|()| tcp.set_write_timeout(Some(patience)));
    set.map_err(|error| LinkError::Io { target: target.to_string(), cause: cause(&error) })?;
    let began = Instant::now();
    let (mut heard, mut probed) = (false, false);
    while connection.is_handshaking() {
        match connection.complete_io(&mut tcp) {
            Ok((read, _)) => heard |= read > 0,
            Err(error) if is_timeout(&error) => {
                // A Redis without TLS waits for the end of what it believes is a command.
                if !heard && !probed && began.elapsed() >= SILENCE.min(patience.checked_div(2).unwrap_or(patience)) {
                    probed = true;
                    if answers_in_the_clear(target) {
                        return Err(failed("it answers in the clear", PLAIN));
                    }
                }
                if began.elapsed() >= patience {
                    let text = format!("no answer to the handshake within {} s", patience.as_secs_f64());
                    return Err(failed(&text, PLAIN));
                }
            }
            Err(error) => {
                return Err(match tls::error_of(&error) {
                    Some(error) => {
                        let (cause, hint) = tls::words(error);
                        failed(cause, hint)
                    }
                    None if is_closed(&error) => failed("it closed the connection during the handshake", PLAIN),
                    None => LinkError::Io { target: target.to_string(), cause: cause(&error) },
                });
            }
        }
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// Whether a port that was taken for one with TLS answers a command in the clear.
fn answers_in_the_clear(target: &Target) -> bool {
    matches!(first_byte(target, b"PING\r\n"), Some(b'+' | b'-'))
}

/// Whether a port that was taken for one in the clear answers the beginning of a handshake: with the next step of it
/// (22), or with an alert (21).
pub fn speaks_tls(target: &Target) -> bool {
    let mut hello = Vec::new();
    if matches!(target.kind, Kind::Unix(_)) {
        return false;
    }
    let began = tls::config(None, None).and_then(|config| client(target, config));
    let written = began.is_ok_and(|mut client| client.write_tls(&mut hello).is_ok());
    written && matches!(first_byte(target, &hello), Some(21 | 22))
}

fn first_byte(target: &Target, question: &[u8]) -> Option<u8> {
    let patience = PROBE.min(target.timeouts.connect);
    let mut tcp = connect(target, patience).ok()?;
    tcp.set_read_timeout(Some(patience)).and_then(|()| tcp.set_write_timeout(Some(patience))).ok()?;
    tcp.write_all(question).ok()?;
    let mut byte = [0];
    tcp.read_exact(&mut byte).ok()?;
    byte.first().copied()
}
