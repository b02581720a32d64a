//! The primary that sentinels name: asked of them with each connection, so also after a failover.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::server_error::ErrorKind;
use super::target::{Kind, Place, Target};
use super::{Link, LinkError, Reply};
use crate::replay::link::cluster::reachable;
use crate::replay::look::query::ask;

/// A connection to a primary, which may become a replica.
struct Primary {
    link: Connection,
    /// What was given: the sentinels, and the name that they know it by.
    target: Target,
    name: String,
    at: (String, u16),
    shown: String,
    replicas: u64,
    written: bool,
}

/// How long replicas get to take over what the primary was sent, in milliseconds.
const REPLICAS: &str = "500";
/// How long one that does not is taken for one that may be taking over, before it is taken for one that is down.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to the primary of this name that the first sentinel which knows it names.
pub fn open(target: &Target, name: &str) -> Result<Box<dyn Link + Send>, LinkError> {
    let mut first = None;
    let given = (target.host.clone(), target.port);
    for sentinel in std::iter::once(&given).chain(&target.more) {
        let opened = named_by(target, sentinel, name).and_then(|address| {
            let (host, port) = reachable(address.clone(), &target.node_map);
            let primary = Target { host, port, kind: Kind::Single, more: Vec::new(), ..target.clone() };
            let mut link = Connection::open(&primary)?;
            let shown = primary.to_string();
            // A sentinel may not know yet that it is one no more.
            match ask(&mut link, &["ROLE"])? {
                Reply::Array(role) if role.first().and_then(Reply::as_bytes).is_some_and(|role| role != b"master") => {
                    Err(LinkError::TookOver { target: shown })
                }
                role => {
                    let replicas = match &role {
                        Reply::Array(role) => match role.get(2) {
                            Some(Reply::Array(replicas)) => u64::try_from(replicas.len()).unwrap_or(u64::MAX),
                            _ => 0,
                        },
                        _ => 0,
                    };
                    let (target, name) = (target.clone(), name.to_owned());
                    Ok(Primary { link, target, name, at: address, shown, replicas, written: false })
                }
            }
        });
        match opened {
            Ok(primary) => return Ok(Box::new(primary)),
            Err(error @ (LinkError::PasswordNeeded { .. } | LinkError::Refused { .. })) => return Err(error),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(LinkError::Unusable { target: target.to_string() }))
}

/// Asks one sentinel, without the password unless it wants one: mostly it has none, or another.
fn named_by(target: &Target, (host, port): &(String, u16), name: &str) -> Result<(String, u16), LinkError> {
    let bare = Target {
        host: host.clone(),
        port: *port,
        kind: Kind::Single,
        more: Vec::new(),
        db: 0,
        user: None,
        password: None,
        ..target.clone()
    };
    let mut link = match Connection::open(&bare) {
        Err(LinkError::PasswordNeeded { .. }) if target.password.is_some() => {
            let (user, password) = (target.user.clone(), target.password.clone());
            Connection::open(&Target { user, password, ..bare.clone() })?
        }
        opened => opened?,
    };
    let no_primary = |cause: String| LinkError::NoPrimary { target: Place(host, *port).to_string(), cause };
    match ask(&mut link, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name])? {
        Reply::Nil => Err(no_primary("it watches no primary of that name".into())),
        Reply::Array(parts) => {
            let text =
                |at: usize| parts.get(at).and_then(Reply::as_bytes).and_then(|text| std::str::from_utf8(text).ok());
            let host =
                text(0).filter(|host| host.len() < 256 && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/'));
            let address = host.zip(text(1).and_then(|port| port.parse().ok()).filter(|port| *port != 0));
            let address = address.map(|(host, port)| (host.to_owned(), port));
            address.ok_or_else(|| no_primary("it answered with something that is not an address".into()))
        }
        Reply::Error(error) if error.kind() == ErrorKind::UnknownCommand => {
            Err(no_primary("it is not a sentinel; a server itself is given as redis://HOST:PORT".into()))
        }
        reply => Err(no_primary(reply.to_string())),
    }
}

impl Link for Primary {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        self.written = true;
        self.link.send(commands)
    }

    /// While another server takes over, the old one still answers for a while, and what it answers is lost with it.
    fn settle(&mut self) -> Result<(), LinkError> {
        if self.replicas == 0 || !std::mem::take(&mut self.written) {
            return Ok(());
        }
        let wanted = self.replicas.to_string();
        let given_up = Instant::now().checked_add(PATIENCE);
        loop {
            let have = match ask(&mut self.link, &["WAIT", &wanted, REPLICAS])? {
                Reply::Integer(have) => u64::try_from(have).unwrap_or_default(),
                _ => return Ok(()),
            };
            if have >= self.replicas {
                return Ok(());
            }
            let target = &self.target;
            let given = (target.host.clone(), target.port);
            let mut sentinels = std::iter::once(&given).chain(&target.more);
            let named = sentinels.find_map(|sentinel| named_by(target, sentinel, &self.name).ok());
            if named.is_some_and(|named| named != self.at) {
                return Err(LinkError::TookOver { target: self.shown.clone() });
            }
            if given_up.is_none_or(|end| Instant::now() >= end) {
                // It is down, and is not waited for again.
                self.replicas = have;
                return Ok(());
            }
        }
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        match self.link.receive()? {
            // Another is the primary now: this connection is at its end.
            Reply::Error(error) if error.kind() == ErrorKind::ReadOnly => {
                Err(LinkError::TookOver { target: self.shown.clone() })
            }
            reply => Ok(reply),
        }
    }

    fn may_fail_over(&self) -> bool {
        true
    }
}
