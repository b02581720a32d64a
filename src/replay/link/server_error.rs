//! What a server's error text means: read once, where the reply is read.
//!
//! Codes as servers send them; the texts of quotas are those of Upstash, all `ERR` and told apart by their wording.

use std::fmt;

use super::Reply;
use crate::text::Printable;

/// An error that a server answered with. In every case the command that it answers was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    text: String,
    kind: ErrorKind,
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The server is busy with itself, and will not be after a while.
    Busy,
    /// It cannot save, or lacks replicas, and refuses writes until that is mended.
    Hindered(&'static str),
    /// There is no room.
    Full,
    /// The key has another type than the command is for.
    WrongType,
    /// There is a key of that name already.
    KeyExists,
    /// The key, or what is written to it, is too large for the service.
    TooLarge,
    /// The command is not known: the only error that says so.
    UnknownCommand,
    NoAuth,
    WrongPassword,
    /// A password was given and none is set.
    NoPasswordSet,
    /// This user may not.
    NoPermission,
    /// Protected mode: the server talks only to its own host.
    Denied,
    /// A replica.
    ReadOnly,
    /// A node of a cluster, which has not that key, or not all of several.
    Cluster,
    /// A node of a cluster that is not whole.
    ClusterDown,
    /// A request is too large for the service.
    RequestSize,
    /// A quota is used up.
    Quota,
    Other,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wait, then send the command again.
    Wait,
    /// No more additions, but deletions go on, because they make room.
    Full,
    /// It is about this key alone: count it and go on.
    Key,
    /// Nothing that waiting would mend: stop, in a way that can be resumed.
    Stop,
}

impl ErrorKind {
    fn of(text: &str) -> Self {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        match code {
            "CLUSTERDOWN" => Self::ClusterDown,
            "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" => Self::Busy,
            "MISCONF" => Self::Hindered("the server cannot save to its disk and refuses writes; repair that first"),
            "NOREPLICAS" => Self::Hindered("the server wants replicas that are not there; repair that first"),
            "OOM" => Self::Full,
            "WRONGTYPE" => Self::WrongType,
            "BUSYKEY" => Self::KeyExists,
            "NOAUTH" => Self::NoAuth,
            "WRONGPASS" => Self::WrongPassword,
            "NOPERM" => Self::NoPermission,
            "DENIED" => Self::Denied,
            "READONLY" => Self::ReadOnly,
            "MOVED" | "ASK" | "CROSSSLOT" => Self::Cluster,
            "ERR" => Self::of_wording(rest),
            _ => Self::Other,
        }
    }

    /// Of an error whose code says nothing.
    fn of_wording(text: &str) -> Self {
        // Servers before 7.0 put the error of a command behind that of the script that called it.
        if text.starts_with("Error running script") {
            return match () {
                () if text.contains("WRONGTYPE") => Self::WrongType,
                () if text.contains("OOM command") => Self::Full,
                () => Self::Other,
            };
        }
        // What follows is a name that a client sent, and may say anything.
        if text.starts_with("unknown command") || text.starts_with("Command is not available") {
            return Self::UnknownCommand;
        }
        match () {
            () if text.contains("invalid password") => Self::WrongPassword,
            () if text.contains("without any password configured") || text.contains("no password is set") => {
                Self::NoPasswordSet
            }
            () if text.contains("can't run this command") => Self::NoPermission,
            () if text.contains("capacity quota") => Self::Full,
            () if text.contains("max single record size") || text.contains("max key size") => Self::TooLarge,
            () if text.contains("max request size") => Self::RequestSize,
            () if text.contains("max") && text.contains("limit exceeded") => Self::Quota,
            () => Self::Other,
        }
    }
}

impl ServerError {
    /// The server's text, its code first.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the key has another type than the command is for.
    pub fn is_wrong_type(&self) -> bool {
        self.kind == ErrorKind::WrongType
    }

    /// Whether only a node of a cluster answers so, to whom takes it for a single server.
    pub fn is_of_a_cluster(&self) -> bool {
        self.kind == ErrorKind::Cluster
    }

    /// What to do about it.
    pub fn class(&self) -> Class {
        match self.kind {
            ErrorKind::Busy | ErrorKind::ClusterDown | ErrorKind::Hindered(_) => Class::Wait,
            ErrorKind::Full => Class::Full,
            ErrorKind::WrongType | ErrorKind::KeyExists | ErrorKind::TooLarge => Class::Key,
            _ => Class::Stop,
        }
    }

    /// Advice for a person.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            ErrorKind::Busy | ErrorKind::ClusterDown => "the server is busy with itself; wait and try again",
            ErrorKind::Hindered(advice) => advice,
            ErrorKind::Full if self.text.contains("capacity") => {
                "the service's data limit is reached; make room, then go on with --resume"
            }
            ErrorKind::Full => "the server is out of memory; make room, then go on with --resume",
            ErrorKind::WrongType => {
                "this key has another type than in the dump; look at it, then plan again from a new dump"
            }
            ErrorKind::KeyExists => "this key is there already; look at it before anything else writes to it",
            ErrorKind::UnknownCommand => {
                "the server does not know this command; is it the kind of server that the dump came from?"
            }
            ErrorKind::NoAuth | ErrorKind::WrongPassword => {
                "give the password (RDB_REINDEX_PASSWORD or --password-file)"
            }
            ErrorKind::NoPermission => "this user may not run the command; use one that may",
            ErrorKind::ReadOnly => "this is a replica; connect to the primary",
            ErrorKind::Cluster => "this is a node of a cluster; give the address of all of it (redis+cluster://)",
            ErrorKind::RequestSize => {
                "the service limits a request's size; use a smaller --batch-bytes, or plan with a smaller --max-command-bytes"
            }
            ErrorKind::Quota => "the service's quota is used up; raise it or wait",
            ErrorKind::TooLarge | ErrorKind::NoPasswordSet | ErrorKind::Denied | ErrorKind::Other => {
                "look at the key on the server"
            }
        }
    }
}

impl From<String> for ServerError {
    fn from(text: String) -> Self {
        let kind = ErrorKind::of(&text);
        Self { text, kind }
    }
}

impl From<&str> for ServerError {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// For a message to a person.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.text.as_bytes()).fmt(f)
    }
}

/// Advice for a person about an answer that was not expected.
pub fn advice(got: &Reply) -> &'static str {
    match got {
        Reply::Nil => "somebody made a key of that name since; it is left as it is",
        Reply::Error(error) => error.advice(),
        _ => {
            "the database is not as it was in the dump; look at the difference with --dry-run, then plan again from a new dump"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_by_its_code_or_wording() {
        for (text, class, part) in [
            ("LOADING Redis is loading the dataset in memory", Class::Wait, "wait"),
            (
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
                Class::Wait,
                "wait",
            ),
            ("MISCONF Redis is configured to save RDB snapshots", Class::Wait, "cannot save"),
            ("NOREPLICAS Not enough good replicas to write.", Class::Wait, "replicas"),
            ("OOM command not allowed when used memory > 'maxmemory'.", Class::Full, "out of memory"),
            ("ERR DB capacity quota exceeded", Class::Full, "make room"),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Class::Key, "another type"),
            ("BUSYKEY Target key name already exists.", Class::Key, "there already"),
            (
                "ERR Error running script (call to f_a): @user_script:1: WRONGTYPE Operation against a key",
                Class::Key,
                "another type",
            ),
            ("ERR max key size exceeded", Class::Key, "look at the key"),
            ("ERR max single record size exceeded", Class::Key, "look at the key"),
            ("ERR max daily request limit exceeded", Class::Stop, "quota"),
            ("ERR max request size exceeded. Limit: 1 bytes, Actual: 2 bytes", Class::Stop, "--batch-bytes"),
            ("READONLY You can't write against a read only replica.", Class::Stop, "replica"),
            ("MOVED 866 127.0.0.1:7001", Class::Stop, "cluster"),
            ("NOPERM this user has no permissions", Class::Stop, "may not run"),
            ("ERR The user executing the script can't run this command or subcommand", Class::Stop, "may not run"),
            ("NOAUTH Authentication required.", Class::Stop, "password"),
            ("ERR unknown command 'JSON.SET', with args beginning with: ", Class::Stop, "does not know"),
            ("ERR Command is not available: 'CONFIG'.", Class::Stop, "does not know"),
            ("", Class::Stop, "look at the key"),
        ] {
            let error = ServerError::from(text);
            assert_eq!(error.class(), class, "{text}");
            assert!(error.advice().contains(part), "{text:?}: {}", error.advice());
        }
        assert!(advice(&Reply::Integer(1)).contains("--dry-run"));
    }

    #[test]
    fn only_an_unknown_command_is_one() {
        for text in [
            "NOPERM this user has no permissions to run the 'smismember' command",
            "ERR wrong number of arguments for 'smismember' command",
            "ERR invalid key: unknown command",
            "LOADING unknown command",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "ERR unknown subcommand 'KILL'",
        ] {
            assert_ne!(ServerError::from(text).kind(), ErrorKind::UnknownCommand, "{text}");
        }
    }
}
