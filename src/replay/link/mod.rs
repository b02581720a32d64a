//! One pipe to a database: bytes out, replies in. Everything else in `replay` is written against this.

pub mod cluster;
pub mod connection;
pub mod open;
pub mod rest;
pub mod rest_tls;
pub mod secret;
pub mod sentinel;
pub mod server_error;
pub mod session;
pub mod target;
pub mod tls;
pub mod url;
pub mod wire;

use std::fmt;
use std::time::Duration;

use crate::bundle::resp;
use crate::text::{display, quoted};
use server_error::ServerError;

/// A connection on which commands are sent and whose replies come back in order.
///
/// Small, so that a transport of another kind, or one that injects faults, needs nothing else.
pub trait Link {
    /// Sends encoded commands. That it returns says nothing about their execution.
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError>;

    /// The reply to the first command that has not been answered yet.
    ///
    /// An error of the server is a [`Reply`]; only a connection that failed is an `Err`, after which every further call
    /// fails too. After a `send` that failed, what had been answered before can still be received.
    fn receive(&mut self) -> Result<Reply, LinkError>;

    /// Makes `db` the database of what is sent after this. Every reply to what was sent before must have been received.
    ///
    /// It is answered before it returns, so that no command ever runs in another database because this was refused.
    fn select(&mut self, db: u32) -> Result<(), LinkError> {
        let mut command = Vec::new();
        resp::encode(&["SELECT", &db.to_string()], &mut command);
        self.send(&command)?;
        match self.receive()? {
            Reply::Status(text) if text == "OK" => Ok(()),
            reply => Err(LinkError::Database { db, cause: reply.to_string() }),
        }
    }

    /// Waits, for a bounded time, until what was sent is where it survives the loss of a node.
    fn settle(&mut self) -> Result<(), LinkError> {
        Ok(())
    }

    /// Asks every server that there is. Every reply to what was sent before must have been received.
    fn ask_each(&mut self, args: &[&str]) -> Result<Vec<Reply>, LinkError> {
        let mut command = Vec::new();
        resp::encode(args, &mut command);
        self.send(&command)?;
        Ok(vec![self.receive()?])
    }

    /// Whether another server may take the place of the one that answered.
    fn may_fail_over(&self) -> bool {
        false
    }

    /// The nodes of a cluster that these commands go to, as far as is known; none where there is but one server.
    fn nodes(&self, _: &[u8]) -> Vec<String> {
        Vec::new()
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Integer(i64),
    Double(f64),
    /// A simple string, such as `OK` or `PONG`.
    Status(String),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
    Error(ServerError),
}

impl Reply {
    /// The bytes of a status or a bulk string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Status(text) => Some(text.as_bytes()),
            Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// For a message to a person: short, and with nothing in it that a terminal would obey.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Status(text) => f.write_str(&display(text.as_bytes())),
            Self::Bulk(bytes) => f.write_str(&quoted(bytes)),
            Self::Array(items) => write!(f, "an array of {}", items.len()),
            Self::Error(error) => write!(f, "error \"{error}\""),
        }
    }
}

/// Why a connection could not be made, or cannot be used any more. No variant can hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    #[error("cannot connect to {target}: {cause}; check the host, the port and any firewall")]
    Connect { target: String, cause: String },
    #[error("no TLS with {target}: {cause}; {hint}")]
    Tls { target: String, cause: String, hint: &'static str },
    /// It answered a handshake.
    #[error("{target} does not answer in the clear: does it want TLS? try {url}")]
    WantsTls { target: String, url: String },
    #[error("cannot use the {what} in {path}: {cause}; {option} takes a PEM file")]
    Pem { path: String, option: &'static str, what: &'static str, cause: String },
    #[error("{target} refused {what}: {cause}")]
    Refused { target: String, what: &'static str, cause: String },
    /// Nothing more was tried; a person may be asked.
    #[error("{target} needs a token; set UPSTASH_REDIS_REST_TOKEN, or use --password-file")]
    TokenNeeded { target: String },
    /// Nothing more was tried; a person may be asked.
    #[error("{target} needs a password; set RDB_REINDEX_PASSWORD, or use --password-file")]
    PasswordNeeded { target: String },
    #[error("{target} did not answer within {} s; it may be overloaded, or not a Redis", after.as_secs_f64())]
    Timeout { target: String, after: Duration },
    #[error("{target} closed the connection")]
    Closed { target: String },
    #[error("{target} answered with something that is not RESP; is that port a Redis, and is it TLS (rediss://)?")]
    Protocol { target: String },
    #[error("the connection to {target} failed: {cause}")]
    Io { target: String, cause: String },
    /// Ctrl-C, before there was a connection.
    #[error("interrupted")]
    Interrupted,
    #[error("the connection to {target} had failed before")]
    Unusable { target: String },
    #[error("{target} answered with HTTP status {status}{cause}; what was under way may or may not have been done")]
    Http { target: String, status: u16, cause: String },
    /// Nothing was sent.
    #[error("an argument is not UTF-8, and REST carries text only; use the TCP endpoint (rediss://) for this plan")]
    NotText,
    #[error("database {db} of the plan cannot be selected: {cause}")]
    Database { db: u32, cause: String },
    #[error("no database is selected on this connection")]
    NoDatabase,
    #[error(
        "{target} is not a cluster node that says where its slots are: {cause}; one server is given as \
         redis://HOST:PORT"
    )]
    NoCluster { target: String, cause: String },
    #[error("the sentinel at {target} names no primary: {cause}")]
    NoPrimary { target: String, cause: String },
    /// What was acknowledged before must be looked at.
    #[error("another node takes over at {target}")]
    TookOver { target: String },
    /// What was sent on it may still be on its way.
    #[error("the server does not end our broken connection: {cause}")]
    NotEnded { cause: String },
    /// It was started anew in the meantime.
    #[error(
        "the server restarted, and {lost} of {of} edits that it had acknowledged are not there; plan again from a \
         new dump"
    )]
    Lost { lost: u64, of: u64 },
    #[error("the server restarted, and it cannot be told what it lost: {cause}")]
    NotYet { cause: String },
}

impl LinkError {
    /// Whether a new connection may mend it.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Timeout { .. }
                | Self::Closed { .. }
                | Self::Io { .. }
                | Self::Unusable { .. }
                | Self::NotYet { .. }
                | Self::NotEnded { .. }
                | Self::TookOver { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_cannot_steer_a_terminal() {
        assert_eq!(
            Reply::Bulk(b"\x1b[2Ja\r\n\xff\"'".to_vec()).to_string(),
            "\"\\u{1b}[2Ja\\u{d}\\u{a}\\xff\\u{22}'\""
        );
        assert_eq!(Reply::Error("ERR \x07".into()).to_string(), "error \"ERR \\u{7}\"");
        assert!(Reply::Bulk(vec![b'a'; 500]).to_string().ends_with("a\"… (500 bytes)"));
    }
}
