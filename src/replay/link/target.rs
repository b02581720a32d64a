//! Which database to talk to, and with which password.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::Secret;
pub use super::url::Kind;
use super::url::{self, UrlError};
use crate::text;

/// A longer file is not a password file; nobody should wait for `/dev/zero`.
const MAX_PASSWORD_FILE: u64 = 64 * 1024;

/// What the user gave, and where from.
pub struct Source<'a> {
    /// `--to URL`.
    pub to: Option<&'a str>,
    /// `--password-file FILE`; its last line end does not count.
    pub password_file: Option<&'a Path>,
    /// `--tls-ca FILE`.
    pub tls_ca: Option<PathBuf>,
    /// `--tls-cert FILE`, and `--tls-key FILE`.
    pub tls_client: Option<(PathBuf, PathBuf)>,
    /// `--node-map ANNOUNCED=REACHABLE`, each as often as it was given.
    pub node_map: &'a [NodeMap],
    /// An environment variable by its name; a parameter so that tests need not touch the process.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A database that a [`Link`](crate::replay::Link) can be opened to. Neither `Display` nor `Debug` shows a password.
#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    /// Of a cluster or of sentinels, further nodes.
    pub more: Vec<(String, u16)>,
    pub node_map: Vec<NodeMap>,
    pub db: u32,
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Certificates (PEM) to trust *instead of* the public roots.
    pub tls_ca: Option<PathBuf>,
    /// What this side shows of itself: its certificates (PEM), and their key.
    pub tls_client: Option<(PathBuf, PathBuf)>,
    pub timeouts: Timeouts,
    /// The path of Upstash's REST interface, where the database is spoken to in that way. The password is its token.
    pub rest: Option<String>,
}

/// How long to wait before giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, its TLS handshake apart.
    pub connect: Duration,
    /// For the next bytes of a reply, and for the server to take bytes. A minute, because a key that a service has moved
    /// to disk takes its time.
    pub reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), reply: Duration::from_secs(60) }
    }
}

/// Why there is no [`Target`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    #[error("no database given: use --to URL, or set REDIS_URL or UPSTASH_REDIS_REST_URL")]
    Missing,
    #[error("the URL in {place} cannot be used: {cause}")]
    Url { place: &'static str, cause: UrlError },
    #[error("the URL in {place} is not UTF-8")]
    NotText { place: &'static str },
    #[error("cannot read the password file {}: {cause}", text::path(path))]
    PasswordFile { path: PathBuf, cause: std::io::Error },
    #[error("the password file {} is empty", text::path(path))]
    PasswordFileEmpty { path: PathBuf },
    #[error("the password file {} is larger than {MAX_PASSWORD_FILE} bytes; is it the right one?", text::path(path))]
    PasswordFileTooLong { path: PathBuf },
    #[error("--tls-ca needs a rediss:// or https:// URL: this connection is not encrypted")]
    CaWithoutTls,
    #[error("--tls-cert and --tls-key need a rediss:// URL: this connection has no use for them")]
    CertificateWithoutTls,
    #[error("--node-map is for a cluster or for sentinels (redis+cluster://, redis+sentinel://)")]
    MapWithoutNodes,
}

impl Target {
    /// Decides from arguments and environment.
    ///
    /// The URL: `--to`, then `REDIS_URL`, then `UPSTASH_REDIS_REST_URL`. The password: `--password-file`, then the URL,
    /// then `REDIS_URL` if that is the same server (a command that is printed has its address without the password), then
    /// (for REST) `UPSTASH_REDIS_REST_TOKEN`, then `RDB_REINDEX_PASSWORD`, then `REDISCLI_AUTH`; an empty variable counts
    /// as not set. Where none is found, [`Target::password`] stays `None`, and the caller may ask a person.
    pub fn resolve(source: &Source<'_>) -> Result<Self, TargetError> {
        let (place, text) = match source.to {
            Some(text) => ("--to", text.to_owned()),
            None => ["REDIS_URL", "UPSTASH_REDIS_REST_URL"]
                .into_iter()
                .find_map(|name| variable(source, name).map(|value| (name, value)))
                .ok_or(TargetError::Missing)
                .and_then(|(name, value)| match value.into_string() {
                    Ok(text) => Ok((name, text)),
                    Err(_) => Err(TargetError::NotText { place: name }),
                })?,
        };
        let parts = url::parse(&text).map_err(|cause| TargetError::Url { place, cause })?;
        if source.tls_ca.is_some() && !parts.tls {
            return Err(TargetError::CaWithoutTls);
        }
        if source.tls_client.is_some() && (!parts.tls || parts.rest.is_some()) {
            return Err(TargetError::CertificateWithoutTls);
        }
        if !source.node_map.is_empty() && !matches!(parts.kind, Kind::Cluster | Kind::Sentinel(_)) {
            return Err(TargetError::MapWithoutNodes);
        }
        let password = match source.password_file {
            Some(path) => Some(read_password(path)?),
            None => parts.password.clone().or_else(|| same_server(source, &parts)).or_else(|| {
                ["UPSTASH_REDIS_REST_TOKEN", "RDB_REINDEX_PASSWORD", "REDISCLI_AUTH"]
                    .into_iter()
                    .skip(usize::from(parts.rest.is_none()))
                    .find_map(|name| variable(source, name))
                    .map(|value| Secret::new(value.into_encoded_bytes()))
            }),
        };
        Ok(Self {
            kind: parts.kind,
            host: parts.host,
            port: parts.port,
            more: parts.more,
            node_map: source.node_map.to_vec(),
            db: parts.db,
            tls: parts.tls,
            user: parts.user,
            password,
            tls_ca: source.tls_ca.clone(),
            tls_client: source.tls_client.clone(),
            timeouts: Timeouts::default(),
            rest: parts.rest,
        })
    }

    /// The URL without its password: all of a target that may appear in an output, and what can be given as `--to`.
    pub fn display(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.rest.is_some(), self.tls) {
            (true, true) => "https",
            (true, false) => "http",
            (false, true) => "rediss",
            (false, false) => "redis",
        })?;
        f.write_str(match self.kind {
            Kind::Single => "://",
            Kind::Unix(_) => "+unix://",
            Kind::Cluster => "+cluster://",
            Kind::Sentinel(_) => "+sentinel://",
        })?;
        if let Some(user) = self.user.as_deref().filter(|user| *user != "default") {
            write!(f, "{}@", url::escape(user))?;
        }
        if let Kind::Unix(path) = &self.kind {
            return f.write_str(&url::escape_path(path.as_os_str().as_bytes()));
        }
        // A parsed URL has no control characters and no spaces, but in its user.
        write!(f, "{}", Place(&self.host, self.port))?;
        for (host, port) in &self.more {
            write!(f, ",{}", Place(host, *port))?;
        }
        if let Kind::Sentinel(name) = &self.kind {
            write!(f, "/{}", url::escape(name))?;
        }
        match &self.rest {
            Some(path) => f.write_str(path),
            None if self.db != 0 => write!(f, "/{}", self.db),
            None => Ok(()),
        }
    }
}

/// `HOST:PORT`.
pub struct Place<'a>(pub &'a str, pub u16);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains(':') {
            true => write!(f, "[{}]:{}", self.0, self.1),
            false => write!(f, "{}:{}", self.0, self.1),
        }
    }
}

/// That an address which a cluster or a sentinel names is reached by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMap {
    pub announced: (String, u16),
    pub reachable: (String, u16),
}

impl std::str::FromStr for NodeMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = |text: &str| url::node(text).map_err(|_| "expected HOST:PORT=HOST:PORT".to_owned());
        let (announced, reachable) = text.split_once('=').ok_or("expected HOST:PORT=HOST:PORT")?;
        Ok(Self { announced: place(announced)?, reachable: place(reachable)? })
    }
}

impl fmt::Display for NodeMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |(host, port): &(String, u16)| Place(host, *port).to_string();
        write!(f, "{}={}", place(&self.announced), place(&self.reachable))
    }
}

/// The password of `REDIS_URL`, where it names the same server and user.
fn same_server(source: &Source<'_>, parts: &url::Parts) -> Option<Secret> {
    let url = variable(source, "REDIS_URL")?.into_string().ok()?;
    let other = url::parse(&url).ok()?;
    let place = |parts: &url::Parts| {
        let user = parts.user.clone().filter(|user| user != "default");
        (parts.kind.clone(), parts.tls, user, parts.host.clone(), parts.port, parts.more.clone(), parts.rest.clone())
    };
    (place(&other) == place(parts)).then_some(other.password)?
}

fn variable(source: &Source<'_>, name: &str) -> Option<OsString> {
    (source.environment)(name).filter(|value| !value.is_empty())
}

fn read_password(path: &Path) -> Result<Secret, TargetError> {
    use std::io::Read as _;
    let failed = |cause| TargetError::PasswordFile { path: path.to_owned(), cause };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_PASSWORD_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_PASSWORD_FILE) {
        return Err(TargetError::PasswordFileTooLong { path: path.to_owned() });
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(TargetError::PasswordFileEmpty { path: path.to_owned() });
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn resolve(
        to: Option<&str>,
        file: Option<&Path>,
        ca: Option<&str>,
        vars: &[(&str, &str)],
    ) -> Result<Target, TargetError> {
        let environment = |name: &str| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| value.into());
        Target::resolve(&Source {
            to,
            password_file: file,
            tls_ca: ca.map(PathBuf::from),
            tls_client: None,
            node_map: &[],
            environment: &environment,
        })
    }

    fn password(target: &Target) -> Option<&[u8]> {
        target.password.as_ref().map(Secret::expose)
    }

    #[test]
    fn the_argument_comes_before_the_environment() {
        let vars = [("REDIS_URL", "redis://from-env:1"), ("UPSTASH_REDIS_REST_URL", "https://rest")];
        assert_eq!(resolve(Some("redis://from-arg"), None, None, &vars).unwrap().to_string(), "redis://from-arg:6379");
        assert_eq!(resolve(None, None, None, &vars).unwrap().to_string(), "redis://from-env:1");
        let rest = resolve(None, None, None, &[("REDIS_URL", ""), vars[1], ("UPSTASH_REDIS_REST_TOKEN", "t")]).unwrap();
        assert_eq!((rest.to_string().as_str(), password(&rest)), ("https://rest:443", Some(&b"t"[..])));
        // The token is not a password for another kind of connection.
        let tcp = resolve(Some("redis://h"), None, None, &[("UPSTASH_REDIS_REST_TOKEN", "t")]).unwrap();
        assert_eq!(password(&tcp), None);
        assert!(matches!(resolve(None, None, None, &[]), Err(TargetError::Missing)));
    }

    #[test]
    fn each_source_of_a_password_in_turn() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"from file\r\n").unwrap();
        let vars = [("REDISCLI_AUTH", "from cli"), ("RDB_REINDEX_PASSWORD", "from env")];
        let with_url = resolve(Some("redis://u:url@h"), Some(file.path()), None, &vars).unwrap();
        assert_eq!(password(&with_url), Some(&b"from file"[..]));
        assert_eq!(password(&resolve(Some("redis://u:url@h"), None, None, &vars).unwrap()), Some(&b"url"[..]));
        assert_eq!(password(&resolve(Some("redis://h"), None, None, &vars).unwrap()), Some(&b"from env"[..]));
        assert_eq!(password(&resolve(Some("redis://h"), None, None, &vars[..1]).unwrap()), Some(&b"from cli"[..]));
        assert_eq!(password(&resolve(Some("redis://h"), None, None, &[]).unwrap()), None);
    }

    #[test]
    fn a_password_file_must_hold_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = resolve(Some("redis://h"), Some(file.path()), None, &[]).unwrap_err();
        assert!(matches!(error, TargetError::PasswordFileEmpty { .. }), "{error}");
        let zeros = Path::new("/dev/zero");
        if zeros.exists() {
            let error = resolve(Some("redis://h"), Some(zeros), None, &[]).unwrap_err();
            assert!(matches!(error, TargetError::PasswordFileTooLong { .. }), "{error}");
        }
    }

    #[test]
    fn nothing_prints_a_password() {
        let target = resolve(Some("rediss://u:hunter2@h:1/2"), None, None, &[]).unwrap();
        for text in [target.display(), format!("{target:?}"), format!("{target:#?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        // A slash in the password makes parts of it look like a port, a database, a host.
        for url in [
            "redis://u:hunter2/x@h",
            "redis://u:1/hunter2@h",
            "redis://u:x#hunter2@h",
            "hunter2@h",
            "redis://u:%hunter2@h",
        ] {
            let error = resolve(Some(url), None, None, &[]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_private_ca_needs_tls() {
        assert!(matches!(resolve(Some("redis://h"), None, Some("ca.pem"), &[]), Err(TargetError::CaWithoutTls)));
        assert!(resolve(Some("rediss://h"), None, Some("ca.pem"), &[]).is_ok());
    }

    #[test]
    fn what_is_shown_can_be_given_again() {
        for url in [
            "redis+unix:///run/a%20b.sock",
            "redis+unix://u@/s",
            "rediss+cluster://u@a:7,[::1]:8",
            "redis+sentinel://s1:1,s2:2/my%20master",
        ] {
            assert_eq!(resolve(Some(url), None, None, &[]).unwrap().display(), url);
        }
    }

    #[test]
    fn a_node_is_mapped_by_two_addresses() {
        let map: NodeMap = "10.0.0.1:7000=[::1]:7".parse().unwrap();
        assert_eq!((&map.announced, &map.reachable), (&("10.0.0.1".into(), 7000), &("::1".into(), 7)));
        assert_eq!(map.to_string(), "10.0.0.1:7000=[::1]:7");
        for wrong in ["", "a:1", "a:1=b", "a=b:1", "a:1=b:0", "a:1=b:1=c:1", "a b:1=c:1"] {
            assert!(wrong.parse::<NodeMap>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        assert_eq!(resolve(Some("redis://[::1]:7/1"), None, None, &[]).unwrap().display(), "redis://[::1]:7/1");
    }
}
