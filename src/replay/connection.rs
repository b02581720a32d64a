//! A [`Link`] over TCP or TLS, through the `redis` crate.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisError, TlsCertificates, Value};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::link::{Link, LinkError, Reply};
use super::target::Target;
use crate::resp;
use crate::text;
use crate::text::display;

/// A larger file is not a list of certificates.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// An open connection: authenticated, its database selected, and known to answer.
///
/// The `redis` crate is told host and port only. `AUTH` and `SELECT` are sent from here, so that no error of the crate
/// can hold a password, and the server's own reason for a refusal is not lost.
pub struct Connection {
    inner: redis::Connection,
    target: String,
    timeout: Duration,
    tls: bool,
    /// Set once a reply came: from then on a failure of TLS is not one of its set-up.
    answered: bool,
    /// Nothing may be sent any more.
    failed: bool,
    /// Nothing can be read any more either.
    drained: bool,
}

impl Connection {
    /// Connects, authenticates, selects the database, and asks for a sign of life.
    pub fn open(target: &Target) -> Result<Self, LinkError> {
        let shown = target.to_string();
        let client = client(target)?;
        let inner = client
            .get_connection_with_timeout(target.timeouts.connect)
            .map_err(|error| LinkError::Connect { target: shown.clone(), cause: connect_cause(&error) })?;
        let mut link = Self {
            inner,
            target: shown.clone(),
            timeout: target.timeouts.connect,
            tls: target.tls,
            answered: false,
            failed: false,
            drained: false,
        };
        link.set_timeout(target.timeouts.connect)?;
        // "default" is the user that AUTH with a password alone means, also to servers that know no users.
        let user = target.user.as_deref().filter(|user| *user != "default");
        match (&target.password, user) {
            (Some(password), None) => link.log_in(&[b"AUTH", password.expose()])?,
            (Some(password), Some(user)) => link.log_in(&[b"AUTH", user.as_bytes(), password.expose()])?,
            (None, Some(_)) => return Err(LinkError::PasswordNeeded { target: shown }),
            (None, None) => {}
        }
        match link.ask(&[b"PING"])? {
            Reply::Error(text) if text.starts_with("NOAUTH") => {
                return Err(LinkError::PasswordNeeded { target: shown });
            }
            Reply::Error(text) if text.starts_with("DENIED") => {
                return Err(link.refused("to talk to this host", &text));
            }
            // Another error (a user without PING, a server that loads) is for those who send commands to judge.
            Reply::Status(_) | Reply::Error(_) => {}
            _ => return Err(LinkError::Protocol { target: shown }),
        }
        if target.db != 0
            && let Reply::Error(text) = link.ask(&[b"SELECT", target.db.to_string().as_bytes()])?
        {
            return Err(link.refused("to select the database", &text));
        }
        link.set_timeout(target.timeouts.reply)?;
        Ok(link)
    }

    fn set_timeout(&mut self, timeout: Duration) -> Result<(), LinkError> {
        self.timeout = timeout;
        let set = self.inner.set_read_timeout(Some(timeout)).and_then(|()| self.inner.set_write_timeout(Some(timeout)));
        set.map_err(|error| self.failure(&error))
    }

    fn ask(&mut self, args: &[&[u8]]) -> Result<Reply, LinkError> {
        let mut command = Vec::new();
        resp::encode(args, &mut command);
        self.send(&command)?;
        self.receive()
    }

    /// Some servers repeat the arguments of a command they do not know, so of a refusal only its code is shown.
    fn log_in(&mut self, args: &[&[u8]]) -> Result<(), LinkError> {
        let Reply::Error(text) = self.ask(args)? else { return Ok(()) };
        let cause = if text.starts_with("WRONGPASS") || text.contains("invalid password") {
            "wrong user name or password"
        } else if text.contains("without any password configured") || text.contains("no password is set") {
            "it has no password, but one was given (see also REDISCLI_AUTH)"
        } else if text.contains("wrong number of arguments") {
            "it knows no user names; give the password alone"
        } else if text.starts_with("NOPERM") {
            "this user may not log in from here"
        } else {
            "it answered AUTH with an error"
        };
        Err(LinkError::Refused { target: self.target.clone(), what: "to log in", cause: cause.into() })
    }

    fn refused(&self, what: &'static str, text: &str) -> LinkError {
        LinkError::Refused { target: self.target.clone(), what, cause: display(text.as_bytes()) }
    }

    /// The connection is of no use after this: a reply that comes late would be taken for that of the next command.
    fn failure(&mut self, error: &RedisError) -> LinkError {
        self.failed = true;
        let target = self.target.clone();
        let io = io_error(error);
        if let Some(cause) = io.and_then(tls_error) {
            let hint = tls_hint(cause);
            return LinkError::Tls { target, cause: cause.to_string(), hint };
        }
        let (timeout, dropped) = (error.is_timeout(), error.is_connection_dropped());
        if self.tls && !self.answered && (timeout || dropped) {
            // A Redis without TLS waits for the end of what it takes for a command.
            let cause = match timeout {
                true => format!("no answer to the handshake within {} s", self.timeout.as_secs_f64()),
                false => "it closed the connection during the handshake".into(),
            };
            return LinkError::Tls { target, cause, hint: "a server without TLS wants redis://" };
        }
        if timeout {
            return LinkError::Timeout { target, after: self.timeout };
        }
        if dropped {
            return LinkError::Closed { target };
        }
        match io {
            Some(cause) => LinkError::Io { target, cause: cause.to_string() },
            None => LinkError::Protocol { target },
        }
    }
}

impl Link for Connection {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        if self.failed {
            return Err(LinkError::Unusable { target: self.target.clone() });
        }
        self.inner.send_packed_command(commands).map_err(|error| {
            // A server that takes no bytes for so long is not worth the same wait again for its replies.
            self.drained = error.is_timeout();
            self.failure(&error)
        })
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        if self.drained {
            return Err(LinkError::Unusable { target: self.target.clone() });
        }
        let value = self.inner.recv_response().map_err(|error| {
            self.drained = true;
            self.failure(&error)
        })?;
        self.answered = true;
        reply(value).ok_or_else(|| {
            (self.failed, self.drained) = (true, true);
            LinkError::Protocol { target: self.target.clone() }
        })
    }
}

/// `None` for what RESP2 does not have and no command of ours is answered with.
fn reply(value: Value) -> Option<Reply> {
    Some(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::Double(number) => Reply::Double(number),
        Value::Okay => Reply::Status("OK".into()),
        Value::SimpleString(text) => Reply::Status(text),
        Value::BulkString(bytes) => Reply::Bulk(bytes),
        Value::ServerError(error) => Reply::Error(match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        }),
        // The crate bounds the depth of an array at 100.
        Value::Array(items) => Reply::Array(items.into_iter().map(reply).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn client(target: &Target) -> Result<redis::Client, LinkError> {
    let failed = |error: RedisError| LinkError::Connect { target: target.to_string(), cause: connect_cause(&error) };
    let (host, port) = (target.host.clone(), target.port);
    let address = match target.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    let info = address.into_connection_info().map_err(failed)?.set_redis_settings(settings);
    // A batch ends in a segment that is not full; nothing is gained by holding it back.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    if !target.tls {
        return redis::Client::open(info).map_err(failed);
    }
    // Another part of the program may have chosen a provider before; any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root_cert = target.tls_ca.as_deref().map(read_ca).transpose()?;
    redis::Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert }).map_err(|error| match &target
        .tls_ca
    {
        Some(path) => LinkError::Ca { path: text::path(path), cause: connect_cause(&error) },
        None => failed(error),
    })
}

/// The file's bytes, once it is known that there is a certificate in them: without one, every server would be refused
/// for a reason that names the server.
pub(super) fn read_ca(path: &Path) -> Result<Vec<u8>, LinkError> {
    use std::io::Read as _;
    let failed = |cause: String| LinkError::Ca { path: text::path(path), cause };
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(MAX_CA_FILE).read_to_end(&mut pem).map_err(|error| failed(error.to_string()))?;
    let mut certificates = 0usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|error| failed(error.to_string()))?;
        certificates = certificates.saturating_add(1);
    }
    if certificates == 0 { Err(failed("there is no certificate in it".into())) } else { Ok(pem) }
}

fn connect_cause(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    match io_error(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// The crate keeps its cause behind an [`Arc`], which is what `source` hands out.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn StdError + Send + Sync>>();
    source.downcast_ref::<io::Error>().or_else(|| shared?.downcast_ref::<io::Error>())
}

pub(super) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

pub(super) fn tls_hint(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    match error {
        // Two authorities of one name: the issuer is found, its signature does not fit.
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "its certificate comes from no authority that is trusted here; if that is a private one, give it with --tls-ca FILE"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "its certificate is for another name; connect by the name it was made for"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "its certificate has expired, or this machine's clock is wrong"
        }
        rustls::Error::InvalidMessage(_) => {
            "that port does not speak TLS; a server without TLS wants redis:// (or, for REST, another address)"
        }
        rustls::Error::AlertReceived(_) => "the server ended the handshake; it may ask for a client certificate",
        _ => "check the server's TLS settings and its certificate",
    }
}
