//! `redis://`, `rediss://` and `https://` URLs, taken apart without ever quoting them.
//!
//! A URL that does not parse often does so because of its password (a `/` or `#` that was not percent-encoded makes a
//! piece of the password look like a port or a database). No error here repeats any part of what was given.

use super::secret::Secret;
use crate::text::is_unprintable;

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
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
    #[error("its scheme is none of redis://, rediss:// and https://")]
    UnknownScheme,
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

/// Takes `scheme://[user[:password]@]host[:port][/db]` apart.
pub fn parse(url: &str) -> Result<Parts, UrlError> {
    if url.chars().any(|c| is_unprintable(c) || c == ' ') {
        return Err(UrlError::Unprintable);
    }
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
    let (tls, is_rest) = match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => (false, false),
        "rediss" | "valkeys" => (true, false),
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
    let (host, port) = host_and_port(
        place,
        if is_rest && tls {
            443
        } else if is_rest {
            80
        } else {
            DEFAULT_PORT
        },
    )?;
    if is_rest && !tls && !is_loopback(&host) {
        return Err(UrlError::ClearText);
    }
    let rest = is_rest.then(|| match path.trim_end_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    });
    let db = match if is_rest { "" } else { path }.trim_end_matches('/') {
        "" => 0,
        number => decimal(number).ok_or(UrlError::BadDatabase)?,
    };
    let (user, password) = match credentials {
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
    };
    Ok(Parts { tls, user, password, host, port, db, rest })
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

/// Digits only: `parse` alone would take a sign.
fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A user as it is written in a URL.
pub fn escape(user: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    user.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
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
