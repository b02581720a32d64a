//! `redis://`, `rediss://` and `https://` URLs, taken apart without ever quoting them.
//!
//! A URL that does not parse often does so because of its password (a `/` or `#` that was not percent-encoded makes a
//! piece of the password look like a port or a database). No error here repeats any part of what was given.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::secret::Secret;
use crate::text::is_unprintable;

/// What a URL leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One server.
    #[default]
    Single,
    /// One server, by the path of its socket.
    Unix(PathBuf),
    /// A cluster, by any of its nodes.
    Cluster,
    /// The primary of this name, by the sentinels that watch it.
    Sentinel(String),
}

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub kind: Kind,
    /// Of a cluster or of sentinels, further nodes.
    pub more: Vec<(String, u16)>,
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub host: String,
    pub port: u16,
    pub db: u32,
    /// The path below which Upstash's REST commands are, for a URL of that kind: empty, or `/…` without a slash at its end.
    pub rest: Option<String>,
}

/// Why a URL was refused. No variant carries text from the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    #[error("it has no scheme: write redis://HOST:PORT or rediss://HOST:PORT")]
    NoScheme,
    #[error(
        "its scheme is none of redis://, rediss://, https://, redis+unix://, redis+cluster:// and redis+sentinel://"
    )]
    UnknownScheme,
    #[error("a socket is given by its whole path: redis+unix:///PATH")]
    NoPath,
    #[error("a cluster has database 0 only: give no path")]
    ClusterDatabase,
    #[error("the name of the primary is missing: write redis+sentinel://HOST:PORT/NAME")]
    NoMaster,
    #[error("http:// would show the token to everybody on the way; it is for this machine (localhost) only")]
    ClearText,
    #[error("it has no host name")]
    NoHost,
    #[error("its port is not a number from 1 to 65535; in a password, / ? # @ : must be percent-encoded")]
    BadPort,
    #[error("its path is not a database number; in a password, / ? # @ : must be percent-encoded")]
    BadDatabase,
    #[error("it has a query or a fragment, which mean nothing here; in a password, / ? # @ : must be percent-encoded")]
    Extra,
    #[error("a % is not followed by two hexadecimal digits; write a literal % as %25")]
    BadEscape,
    #[error("its user name is not UTF-8")]
    BadUser,
    #[error("it holds a space, or a character that cannot be seen")]
    Unprintable,
}

const DEFAULT_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;
/// Nodes in one URL, at most.
const MOST_NODES: usize = 64;

/// Takes `scheme://[user[:password]@]host[:port][,host[:port]…][/db]` apart.
pub fn parse(url: &str) -> Result<Parts, UrlError> {
    if url.chars().any(|c| is_unprintable(c) || c == ' ') {
        return Err(UrlError::Unprintable);
    }
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
    let scheme = scheme.to_ascii_lowercase();
    let (scheme, of) = scheme.split_once('+').unwrap_or((&scheme, ""));
    if !matches!(of, "" | "unix" | "cluster" | "sentinel") {
        return Err(UrlError::UnknownScheme);
    }
    let (tls, is_rest) = match scheme {
        "redis" | "valkey" => (false, false),
        "rediss" | "valkeys" => (true, false),
        _ if !of.is_empty() => return Err(UrlError::UnknownScheme),
        "https" => (true, true),
        "http" => (false, true),
        _ => return Err(UrlError::UnknownScheme),
    };
    if rest.contains(['?', '#']) {
        return Err(UrlError::Extra);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // The last "@" ends the credentials, so that one "@" too many in a password still means what was meant.
    let (credentials, place) = match authority.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, authority),
    };
    let (user, password) = credentials_of(credentials)?;
    if of == "unix" {
        let path = unescape(path)?;
        if tls || !place.is_empty() || path.is_empty() {
            return Err(if tls { UrlError::UnknownScheme } else { UrlError::NoPath });
        }
        let path = [b"/", &path[..]].concat();
        let kind = Kind::Unix(PathBuf::from(OsString::from_vec(path)));
        return Ok(Parts {
            kind,
            more: Vec::new(),
            tls,
            user,
            password,
            host: String::new(),
            port: 0,
            db: 0,
            rest: None,
        });
    }
    let default = match of {
        _ if is_rest && tls => 443,
        _ if is_rest => 80,
        "sentinel" => SENTINEL_PORT,
        _ => DEFAULT_PORT,
    };
    let several = if of.is_empty() { 1 } else { MOST_NODES };
    let mut nodes = place.splitn(several, ',').map(|place| host_and_port(place, default));
    let (host, port) = nodes.next().ok_or(UrlError::NoHost)??;
    let more: Vec<(String, u16)> = nodes.collect::<Result<_, _>>()?;
    if is_rest && !tls && !is_loopback(&host) {
        return Err(UrlError::ClearText);
    }
    let rest = is_rest.then(|| match path.trim_end_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    });
    let path = if is_rest { "" } else { path.trim_end_matches('/') };
    let (kind, path) = match of {
        "cluster" if !path.is_empty() && path != "0" => return Err(UrlError::ClusterDatabase),
        "cluster" => (Kind::Cluster, ""),
        "sentinel" => {
            let (name, db) = path.split_once('/').unwrap_or((path, ""));
            let name = String::from_utf8(unescape(name)?).map_err(|_| UrlError::NoMaster)?;
            if name.is_empty() || name.chars().any(is_unprintable) {
                return Err(UrlError::NoMaster);
            }
            (Kind::Sentinel(name), db)
        }
        _ => (Kind::Single, path),
    };
    let db = match path {
        "" => 0,
        number => decimal(number).ok_or(UrlError::BadDatabase)?,
    };
    Ok(Parts { kind, more, tls, user, password, host, port, db, rest })
}

/// User and password.
fn credentials_of(credentials: Option<&str>) -> Result<(Option<String>, Option<Secret>), UrlError> {
    Ok(match credentials {
        None => (None, None),
        Some(credentials) => {
            let (user, password) = match credentials.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (credentials, None),
            };
            let user = String::from_utf8(unescape(user)?).map_err(|_| UrlError::BadUser)?;
            let password = password.map(unescape).transpose()?.map(Secret::new);
            (Some(user).filter(|user| !user.is_empty()), password.filter(|password| !password.is_empty()))
        }
    })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(place: &str, default: u16) -> Result<(String, u16), UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or(UrlError::NoHost)?;
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':').ok_or(UrlError::BadPort)?)),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    let port = match port {
        None | Some("") => default,
        Some(port) => decimal(port).filter(|port| *port != 0).ok_or(UrlError::BadPort)?,
    };
    Ok((host.to_owned(), port))
}

/// `HOST:PORT`, both of which must be there.
pub fn node(text: &str) -> Result<(String, u16), UrlError> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let (host, port) = host_and_port(text, 0)?;
    if port == 0 || !text.chars().all(is_host) {
        return Err(UrlError::BadPort);
    }
    Ok((host, port))
}

/// Digits only: `parse` alone would take a sign.
fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A user, or another name, as it is written in a URL.
pub fn escape(user: &str) -> String {
    escaped(user.as_bytes(), b"-._~")
}

/// The path of a socket as it is written in a URL.
pub fn escape_path(path: &[u8]) -> String {
    escaped(path, b"-._~/")
}

fn escaped(bytes: &[u8], others: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    bytes
        .iter()
        .copied()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn unescape(text: &str) -> Result<Vec<u8>, UrlError> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        let value = high.zip(low).and_then(|(high, low)| u8::try_from((high << 4) | low).ok());
        out.push(value.ok_or(UrlError::BadEscape)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(tls: bool, user: Option<&str>, password: Option<&str>, host: &str, port: u16, db: u32) -> Parts {
        Parts {
            kind: Kind::Single,
            more: Vec::new(),
            tls,
            user: user.map(Into::into),
            password: password.map(Secret::new),
            host: host.into(),
            port,
            db,
            rest: None,
        }
    }

    macro_rules! urls {
        ($($name:ident: $url:expr => $expected:expr;)*) => {$(
            #[test]
            fn $name() {
                assert_eq!(parse($url), $expected);
            }
        )*};
    }

    urls! {
        host_only: "redis://localhost" => Ok(parts(false, None, None, "localhost", 6379, 0));
        port_and_db: "redis://10.0.0.1:6380/3" => Ok(parts(false, None, None, "10.0.0.1", 6380, 3));
        trailing_slash: "redis://h/" => Ok(parts(false, None, None, "h", 6379, 0));
        upstash: "rediss://default:AbC@eu.example.com:6379" => Ok(parts(true, Some("default"), Some("AbC"), "eu.example.com", 6379, 0));
        password_only: "redis://:s3@h" => Ok(parts(false, None, Some("s3"), "h", 6379, 0));
        user_only: "redis://u@h" => Ok(parts(false, Some("u"), None, "h", 6379, 0));
        escapes: "redis://u:%2F%40%3a%25@h" => Ok(parts(false, Some("u"), Some("/@:%"), "h", 6379, 0));
        colon_in_password: "redis://u:a:b@h" => Ok(parts(false, Some("u"), Some("a:b"), "h", 6379, 0));
        at_in_password: "redis://u:a@b@h" => Ok(parts(false, Some("u"), Some("a@b"), "h", 6379, 0));
        ipv6: "redis://[::1]:7000/1" => Ok(parts(false, None, None, "::1", 7000, 1));
        ipv6_default_port: "REDIS://[::1]" => Ok(parts(false, None, None, "::1", 6379, 0));
        rest: "https://eu.example.com" => Ok(Parts { rest: Some(String::new()), ..parts(true, None, None, "eu.example.com", 443, 0) });
        rest_with_path: "https://h:8/a/b/" => Ok(Parts { rest: Some("/a/b".into()), ..parts(true, None, None, "h", 8, 0) });
        rest_on_this_machine: "http://127.0.0.1:8" => Ok(Parts { rest: Some(String::new()), ..parts(false, None, None, "127.0.0.1", 8, 0) });
        unix: "redis+unix:///run/redis/server%20a.sock" => Ok(Parts { kind: Kind::Unix("/run/redis/server a.sock".into()), ..parts(false, None, None, "", 0, 0) });
        unix_with_password: "redis+unix://u:p@/s" => Ok(Parts { kind: Kind::Unix("/s".into()), ..parts(false, Some("u"), Some("p"), "", 0, 0) });
        unix_without_path: "redis+unix://" => Err(UrlError::NoPath);
        unix_with_host: "redis+unix://run/s.sock" => Err(UrlError::NoPath);
        unix_with_tls: "rediss+unix:///s" => Err(UrlError::UnknownScheme);
        cluster: "redis+cluster://:p@a:7000,b,[::1]:7" => Ok(Parts {
            kind: Kind::Cluster,
            more: vec![("b".into(), 6379), ("::1".into(), 7)],
            ..parts(false, None, Some("p"), "a", 7000, 0)
        });
        cluster_with_tls: "rediss+cluster://a/0" => Ok(Parts { kind: Kind::Cluster, ..parts(true, None, None, "a", 6379, 0) });
        cluster_with_database: "redis+cluster://a/1" => Err(UrlError::ClusterDatabase);
        cluster_without_a_node: "redis+cluster://a,,b" => Err(UrlError::NoHost);
        one_server_is_not_two: "redis://a,b" => Ok(parts(false, None, None, "a,b", 6379, 0));
        sentinel: "redis+sentinel://u:p@s1,s2:7/my%20master/3" => Ok(Parts {
            kind: Kind::Sentinel("my master".into()),
            more: vec![("s2".into(), 7)],
            ..parts(false, Some("u"), Some("p"), "s1", 26379, 3)
        });
        sentinel_without_a_name: "redis+sentinel://s1" => Err(UrlError::NoMaster);
        unknown_place: "redis+socket://s1" => Err(UrlError::UnknownScheme);
        rest_is_no_cluster: "https+cluster://h" => Err(UrlError::UnknownScheme);
        rest_in_clear_text: "http://h" => Err(UrlError::ClearText);
        no_scheme: "localhost:6379" => Err(UrlError::NoScheme);
        other_scheme: "ftp://h" => Err(UrlError::UnknownScheme);
        no_host: "redis://:6379" => Err(UrlError::NoHost);
        no_host_after_credentials: "redis://u:p@" => Err(UrlError::NoHost);
        port_zero: "redis://h:0" => Err(UrlError::BadPort);
        port_signed: "redis://h:+1" => Err(UrlError::BadPort);
        port_too_large: "redis://h:65536" => Err(UrlError::BadPort);
        slash_in_password: "redis://u:pa/ss@h" => Err(UrlError::BadPort);
        slash_after_digits: "redis://u:12/ss@h" => Err(UrlError::BadDatabase);
        hash_in_password: "redis://u:pa#ss@h" => Err(UrlError::Extra);
        insecure: "rediss://h/#insecure" => Err(UrlError::Extra);
        bad_escape: "redis://u:%zz@h" => Err(UrlError::BadEscape);
        cut_escape: "redis://u:%4@h" => Err(UrlError::BadEscape);
        line_feed: "redis://h\n" => Err(UrlError::Unprintable);
    }
}
