//! A [`Link`] over TCP or TLS. What is answered is read by the parser of the `redis` crate.

use std::error::Error as StdError;
use std::io::{self, Read, Write as _};
use std::sync::Arc;
use std::time::Duration;

use redis::{Parser, RedisError, Value};

use super::server_error::ErrorKind;
use super::target::Target;
use super::tls;
use super::wire::{self, Wire};
use super::{Link, LinkError, Reply};
use crate::bundle::resp;
use crate::text::display;

/// An open connection: authenticated, its database selected, and known to answer.
pub struct Connection {
    wire: Wire,
    parser: Parser,
    target: String,
    timeout: Duration,
    /// Set once a reply came: until then it may be a port of another kind.
    answered: bool,
    /// Nothing may be sent any more.
    failed: bool,
    /// Nothing can be read any more either.
    drained: bool,
}

impl Connection {
    /// Connects, authenticates, selects the database, and asks for a sign of life.
    pub fn open(target: &Target) -> Result<Self, LinkError> {
        let wire = Wire::open(target)?;
        let mut link = Self {
            wire,
            parser: Parser::new(),
            target: target.to_string(),
            timeout: target.timeouts.connect,
            answered: false,
            failed: false,
            drained: false,
        };
        match link.greet(target) {
            Ok(()) => Ok(link),
            // It closed the connection, sent an alert, or waits for the rest of a handshake.
            Err(_) if !target.tls && !link.answered && wire::speaks_tls(target) => {
                let with_tls = Target { tls: true, ..target.clone() };
                Err(LinkError::WantsTls { target: link.target, url: with_tls.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    fn greet(&mut self, target: &Target) -> Result<(), LinkError> {
        let (link, shown) = (self, target.to_string());
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
            Reply::Error(error) if error.kind() == ErrorKind::NoAuth => {
                return Err(LinkError::PasswordNeeded { target: shown });
            }
            Reply::Error(error) if error.kind() == ErrorKind::Denied => {
                return Err(link.refused("to talk to this host", error.text()));
            }
            // Another error (a user without PING, a server that loads) is for those who send commands to judge.
            Reply::Status(_) | Reply::Error(_) => {}
            _ => return Err(LinkError::Protocol { target: shown }),
        }
        if target.db != 0
            && let Reply::Error(error) = link.ask(&[b"SELECT", target.db.to_string().as_bytes()])?
        {
            return Err(link.refused("to select the database", error.text()));
        }
        link.set_timeout(target.timeouts.reply)
    }

    fn set_timeout(&mut self, timeout: Duration) -> Result<(), LinkError> {
        self.timeout = timeout;
        self.wire.set_timeout(timeout).map_err(|error| self.failure(&error))
    }

    fn ask(&mut self, args: &[&[u8]]) -> Result<Reply, LinkError> {
        let mut command = Vec::new();
        resp::encode(args, &mut command);
        self.send(&command)?;
        self.receive()
    }

    /// Some servers repeat the arguments of a command they do not know, so of a refusal only its code is shown.
    fn log_in(&mut self, args: &[&[u8]]) -> Result<(), LinkError> {
        let Reply::Error(error) = self.ask(args)? else { return Ok(()) };
        let cause = match error.kind() {
            ErrorKind::WrongPassword => "wrong user name or password",
            ErrorKind::NoPasswordSet => "it has no password, but one was given (see also REDISCLI_AUTH)",
            ErrorKind::NoPermission => "this user may not log in from here",
            _ if error.text().contains("wrong number of arguments") => {
                "it knows no user names; give the password alone"
            }
            _ => "it answered AUTH with an error",
        };
        Err(LinkError::Refused { target: self.target.clone(), what: "to log in", cause: cause.into() })
    }

    fn refused(&self, what: &'static str, text: &str) -> LinkError {
        LinkError::Refused { target: self.target.clone(), what, cause: display(text.as_bytes()) }
    }

    /// The connection is useless after this: a reply that comes late would be taken for that of the next command.
    fn failure(&mut self, error: &io::Error) -> LinkError {
        self.failed = true;
        let target = self.target.clone();
        match tls::error_of(error) {
            Some(error) => {
                let (cause, hint) = tls::words(error);
                LinkError::Tls { target, cause: cause.into(), hint }
            }
            None if wire::is_timeout(error) => LinkError::Timeout { target, after: self.timeout },
            None if wire::is_closed(error) => LinkError::Closed { target },
            None => LinkError::Io { target, cause: wire::cause(error) },
        }
    }
}

impl Link for Connection {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        if self.failed {
            return Err(LinkError::Unusable { target: self.target.clone() });
        }
        self.wire.write_all(commands).and_then(|()| self.wire.flush()).map_err(|error| {
            // A server that takes no bytes for so long is not worth the same wait again for its replies.
            self.drained = wire::is_timeout(&error);
            self.failure(&error)
        })
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        if self.drained {
            return Err(LinkError::Unusable { target: self.target.clone() });
        }
        let mut failed = None;
        let parsed = self.parser.parse_value(Watched { wire: &mut self.wire, failed: &mut failed });
        let value = parsed.map_err(|error| {
            self.drained = true;
            match failed.as_ref().or_else(|| io_error(&error)) {
                Some(error) => self.failure(error),
                None => {
                    self.failed = true;
                    LinkError::Protocol { target: self.target.clone() }
                }
            }
        })?;
        self.answered = true;
        reply(value).ok_or_else(|| {
            (self.failed, self.drained) = (true, true);
            LinkError::Protocol { target: self.target.clone() }
        })
    }
}

/// Keeps the error of the stream, which the parser puts into words of its own; the end of the stream is one here.
struct Watched<'w> {
    wire: &'w mut Wire,
    failed: &'w mut Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.wire.read(out) {
            Ok(0) if !out.is_empty() => {
                *self.failed = Some(io::ErrorKind::UnexpectedEof.into());
                Ok(0)
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                *self.failed = Some(error);
                Err(kind.into())
            }
            read => read,
        }
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
            Some(details) => format!("{} {details}", error.code()).into(),
            None => error.code().into(),
        }),
        // The crate bounds the depth of an array at 100.
        Value::Array(items) => Reply::Array(items.into_iter().map(reply).collect::<Option<_>>()?),
        _ => return None,
    })
}

/// The crate keeps its cause behind an [`Arc`], which is what `source` hands out.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn StdError + Send + Sync>>();
    source.downcast_ref::<io::Error>().or_else(|| shared?.downcast_ref::<io::Error>())
}
