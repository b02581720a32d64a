//! What kind of server answers, and whether it is the database of the dump. Only reads.

use super::query::{LookOptions, QueryError, ask, ask_all};
use crate::bundle::manifest::{Bytes, Witness};
use crate::replay::link::{Link, LinkError, Reply};
use crate::text::display;

/// A server, as far as it says what it is: not every user may ask, and not every service answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub kind: PlaceKind,
    /// `Redis 7.0.15`.
    pub server: Option<String>,
}

/// Whether a plan can be replayed there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PlaceKind {
    /// One server that takes writes, or one that does not say otherwise.
    #[default]
    Single,
    /// It knows where a database is, and has none itself. Names and addresses (`HOST:PORT`) of those it watches.
    Sentinel { primaries: Vec<(String, Option<String>)> },
    /// It takes no writes, or loses them. `HOST:PORT` of its primary.
    Replica { primary: Option<String> },
    /// A node of a cluster that so many primaries share, if it says so.
    Cluster { shards: Option<u64> },
}

/// Asks what is there.
pub fn place(link: &mut dyn Link) -> Result<Place, LinkError> {
    let reply = ask(link, &["INFO"])?;
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let info = Info(&text);
    let mut place = Place { server: info.server(), ..Place::default() };
    let (mut mode, mut role) = (info.get("redis_mode"), info.get("role"));
    if info.get("cluster_enabled") == Some("1") {
        mode = Some("cluster");
    }
    let roles;
    if role.is_none() && mode != Some("sentinel") {
        roles = words(&ask(link, &["ROLE"])?);
        role = roles.first().map(String::as_str);
    }
    if mode.is_none() && role != Some("sentinel") {
        let cluster = ask(link, &["CLUSTER", "INFO"])?;
        let text = cluster.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
        mode = Info(&text).get("cluster_state").map(|_| "cluster");
    }
    place.kind = match (mode, role) {
        (Some("sentinel"), _) | (_, Some("sentinel")) => PlaceKind::Sentinel { primaries: primaries(link, &info)? },
        (Some("cluster"), _) => PlaceKind::Cluster { shards: shards(link)? },
        (_, Some("slave" | "replica")) => PlaceKind::Replica { primary: primary(link, &info)? },
        _ => PlaceKind::Single,
    };
    Ok(place)
}

/// The answer to `INFO`.
struct Info<'t>(&'t str);

impl<'t> Info<'t> {
    fn get(&self, name: &str) -> Option<&'t str> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).filter(|value| !value.is_empty())
    }

    fn server(&self) -> Option<String> {
        let names = [("valkey_version", "Valkey"), ("dragonfly_version", "Dragonfly"), ("redis_version", "Redis")];
        let found = names.into_iter().find_map(|(field, name)| self.get(field).map(|version| (name, version)));
        found.map(|(name, version)| format!("{name} {}", shown(version)))
    }
}

/// A name or an address that a server gives, on one line and of a bearable length.
fn shown(text: &str) -> String {
    display(text.as_bytes())
}

/// The words of an answer that is a list of names and values.
fn words(reply: &Reply) -> Vec<String> {
    let Reply::Array(items) = reply else { return Vec::new() };
    items.iter().map(|item| item.as_bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned()).collect()
}

/// `master0:name=mymaster,status=ok,address=127.0.0.1:6379,…`.
fn primaries(link: &mut dyn Link, info: &Info<'_>) -> Result<Vec<(String, Option<String>)>, LinkError> {
    let listed = info.0.lines().filter_map(|line| {
        let digits = line.strip_prefix("master")?;
        let (number, fields) = digits.split_once(':')?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        let field = |name: &str| fields.trim().split(',').find_map(|field| field.strip_prefix(name));
        Some((shown(field("name=")?), field("address=").and_then(address)))
    });
    let listed: Vec<_> = listed.collect();
    if !listed.is_empty() {
        return Ok(listed);
    }
    // Where INFO is not allowed: `ROLE` answers `sentinel` and the names.
    let names = match ask(link, &["ROLE"])? {
        Reply::Array(items) => items.get(1).map(words).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for name in names.into_iter().take(5) {
        let parts = words(&ask(link, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &name])?);
        let at = parts.first().zip(parts.get(1)).and_then(|(host, port)| address(&format!("{host}:{port}")));
        found.push((shown(&name), at));
    }
    Ok(found)
}

fn primary(link: &mut dyn Link, info: &Info<'_>) -> Result<Option<String>, LinkError> {
    if let (Some(host), Some(port)) = (info.get("master_host"), info.get("master_port")) {
        return Ok(address(&format!("{host}:{port}")));
    }
    let Reply::Array(items) = ask(link, &["ROLE"])? else { return Ok(None) };
    let host = items.get(1).and_then(Reply::as_bytes).map(String::from_utf8_lossy);
    Ok(match (host, items.get(2)) {
        (Some(host), Some(Reply::Integer(port))) => address(&format!("{host}:{port}")),
        _ => None,
    })
}

fn shards(link: &mut dyn Link) -> Result<Option<u64>, LinkError> {
    let reply = ask(link, &["CLUSTER", "INFO"])?;
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let info = Info(&text);
    // A node that was never told of any slots says that there is one.
    let size = info.get("cluster_size").filter(|_| info.get("cluster_slots_assigned") != Some("0"));
    Ok(size.and_then(|size| size.parse().ok()))
}

/// `HOST:PORT` for a URL, if it is one: what a server answers goes into a command that a person types.
fn address(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || host.len() > 255 || !host.bytes().all(good) {
        return None;
    }
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// How many of the records that the dump had are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    Seen {
        there: u64,
        of: u64,
    },
    /// The user may not look, or there is nothing to look for.
    NotKnown,
    /// Keys of several slots are not answered together: a node of a cluster that does not say so.
    Cluster,
}

/// Asks whether records of the dump are there, with one command per database.
pub fn recognise(link: &mut dyn Link, witnesses: &[Witness], options: &LookOptions) -> Result<Recognised, QueryError> {
    let mut questions: Vec<(u32, Vec<&[u8]>)> = Vec::new();
    for Witness { db, key: Bytes(key) } in witnesses {
        let Ok(db) = u32::try_from(*db) else { continue };
        match questions.iter_mut().find(|(in_db, _)| *in_db == db) {
            Some((_, args)) => args.push(key),
            None => questions.push((db, vec![b"EXISTS", key])),
        }
    }
    if questions.is_empty() {
        return Ok(Recognised::NotKnown);
    }
    let of = questions.iter().fold(0u64, |sum, (_, args)| {
        sum.saturating_add(u64::try_from(args.len()).unwrap_or(u64::MAX).saturating_sub(1))
    });
    let mut there: u64 = 0;
    for reply in ask_all(link, options, questions.into_iter())? {
        match reply {
            Reply::Integer(count) => there = there.saturating_add(u64::try_from(count).unwrap_or(0)),
            Reply::Error(error) if error.is_of_a_cluster() => return Ok(Recognised::Cluster),
            _ => return Ok(Recognised::NotKnown),
        }
    }
    Ok(Recognised::Seen { there, of })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers in this order, whatever is asked.
    struct Script(VecDeque<Reply>);

    impl Link for Script {
        fn send(&mut self, _: &[u8]) -> Result<(), LinkError> {
            Ok(())
        }

        fn receive(&mut self) -> Result<Reply, LinkError> {
            Ok(self.0.pop_front().unwrap_or(Reply::Error("ERR unknown command".into())))
        }
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    fn found(replies: &[Reply]) -> Place {
        place(&mut Script(replies.iter().cloned().collect())).unwrap()
    }

    #[test]
    fn what_servers_say_of_themselves() {
        let refused = || Reply::Error("NOPERM this user has no permissions".into());
        let single =
            "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\nrole:master\r\ncluster_enabled:0\r\n";
        let at = found(&[bulk(single)]);
        assert_eq!((at.kind, at.server.as_deref()), (PlaceKind::Single, Some("Redis 7.0.15")));
        // A service that knows none of these commands.
        assert_eq!(found(&[]), Place::default());
        let replica = "redis_mode:standalone\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6380\r\n";
        let primary = Some("10.0.0.1:6380".to_owned());
        assert_eq!(found(&[bulk(replica)]).kind, PlaceKind::Replica { primary: primary.clone() });
        // The same where INFO is not allowed.
        let role = Reply::Array(vec![bulk("slave"), bulk("10.0.0.1"), Reply::Integer(6380), bulk("connected")]);
        assert_eq!(found(&[refused(), role.clone(), refused(), role]).kind, PlaceKind::Replica { primary });
        let master = Reply::Array(vec![bulk("master"), Reply::Integer(0), Reply::Array(Vec::new())]);
        let state = bulk("cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_size:3\r\n");
        let cluster = found(&[refused(), master.clone(), state.clone(), state]);
        assert_eq!(cluster.kind, PlaceKind::Cluster { shards: Some(3) });
        let off = Reply::Error("ERR This instance has cluster support disabled".to_owned().into());
        assert_eq!(found(&[refused(), master, off]).kind, PlaceKind::Single);
        let size = bulk("cluster_state:ok\r\ncluster_size:1\r\n");
        let cluster = found(&[bulk("redis_mode:cluster\r\nrole:master\r\ncluster_enabled:1\r\n"), size]);
        assert_eq!(cluster.kind, PlaceKind::Cluster { shards: Some(1) });
        let sentinel =
            "redis_mode:sentinel\r\nmaster0:name=mymaster,status=ok,address=127.0.0.1:7,slaves=0,sentinels=1\r\n";
        let primaries = vec![("mymaster".to_owned(), Some("127.0.0.1:7".to_owned()))];
        assert_eq!(found(&[bulk(sentinel)]).kind, PlaceKind::Sentinel { primaries });
    }

    #[test]
    fn an_address_that_a_server_gives_is_one() {
        assert_eq!(address("::1:7").as_deref(), Some("[::1]:7"));
        for wrong in ["", ":7", "h", "h:0x7", "h; rm -rf /:7", "a\nb:7", "$(x):7"] {
            assert_eq!(address(wrong), None, "{wrong:?}");
        }
    }
}
