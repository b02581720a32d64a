//! A look at a database before anything is written to it. Only reads.

use super::forecast::{Expectation, State, UNMEASURED, cardinality_command};
use super::link::{Link, Reply};
use super::query::{Difference, Pipeline, QueryError, Tally, ask};
use crate::resp::BatchLimits;
use crate::text::display;

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct LookOptions {
    /// The database that the connection has selected. It is selected again at the end.
    pub db: u32,
    pub limits: BatchLimits,
    /// How many differences of each kind to keep as examples.
    pub examples: usize,
}

impl Default for LookOptions {
    fn default() -> Self {
        Self { db: 0, limits: BatchLimits::default(), examples: 5 }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight {
    /// `master`, `slave` or `sentinel`; `None` where the server does not say.
    pub role: Option<String>,
    /// Replicas that are connected to it.
    pub replicas: u64,
    /// Keys in the selected database.
    pub keys: Option<u64>,
    /// How many keys were looked at.
    pub looked_at: u64,
    pub drift: Drift,
}

impl Preflight {
    /// A replica takes no writes, or loses them.
    pub fn is_replica(&self) -> bool {
        self.role.as_deref().is_some_and(|role| role != "master")
    }
}

/// How the touched keys differ from the dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// In the dump and not there.
    pub missing_keys: Tally,
    /// There and not in the dump.
    pub unexpected_keys: Tally,
    pub wrong_type: Tally,
    pub wrong_cardinality: Tally,
    pub wrong_expiry: Tally,
}

impl Drift {
    /// Whether every key is as it was in the dump, as far as was looked.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Differences of all kinds.
    pub fn count(&self) -> u64 {
        self.kinds().into_iter().fold(0, |sum, (_, tally)| sum.saturating_add(tally.count))
    }

    /// Every kind of difference and what it is called.
    pub fn kinds(&self) -> [(&'static str, &Tally); 5] {
        [
            ("missing keys", &self.missing_keys),
            ("unexpected keys", &self.unexpected_keys),
            ("keys of another type", &self.wrong_type),
            ("keys of another size", &self.wrong_cardinality),
            ("keys of another expiry", &self.wrong_expiry),
        ]
    }
}

enum Query {
    Select,
    Type(usize),
    Cardinality(usize),
    Expiry(usize),
}

/// Asks who is there, and looks at every key that a plan touches: its type, its number of elements, its expiry.
///
/// A server that does not know `PEXPIRETIME` (before 7.0) is asked with `PTTL`, and only whether there is an expiry.
///
/// `progress` is told after each key how many were looked at.
pub fn preflight(
    link: &mut dyn Link,
    expectations: &[Expectation<'_>],
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Preflight, QueryError> {
    if let reply @ Reply::Error(_) = ask(link, &["PING"])? {
        return Err(QueryError::Refused { command: "PING", reply });
    }
    let (role, replicas) = role(link)?;
    let mut found = Preflight { role, replicas, ..Preflight::default() };
    // Not every user may run DBSIZE, and nothing depends on it.
    found.keys = match ask(link, &["DBSIZE"])? {
        Reply::Integer(keys) => u64::try_from(keys).ok(),
        _ => None,
    };
    let (keep, drift, looked_at) = (options.examples, &mut found.drift, &mut found.looked_at);
    let exact = match expectations.first() {
        Some(first) => matches!(ask(link, &[&b"PEXPIRETIME"[..], first.key])?, Reply::Integer(_)),
        None => false,
    };
    // Whether the last TYPE was as expected: only then does the count that follows it mean anything.
    let mut type_holds = false;
    let mut pipeline = Pipeline::new(link, options.limits, |query, reply| {
        match query {
            Query::Select if matches!(reply, Reply::Status(_)) => {}
            Query::Select => return Err(QueryError::Refused { command: "SELECT", reply }),
            Query::Type(place) => {
                let Some(expectation) = expectations.get(place) else { return Ok(()) };
                type_holds = compare_type(drift, expectation, reply, keep)?;
                *looked_at = looked_at.saturating_add(1);
                progress(*looked_at);
            }
            Query::Cardinality(place) => {
                if let Some(expectation) = expectations.get(place).filter(|_| type_holds) {
                    compare_cardinality(drift, expectation, reply, keep)?;
                }
            }
            Query::Expiry(place) => {
                if let Some(expectation) = expectations.get(place).filter(|_| type_holds) {
                    compare_expiry(drift, expectation, reply, exact, keep)?;
                }
            }
        }
        Ok(())
    });
    let mut db = options.db;
    for (place, expectation) in expectations.iter().enumerate() {
        if expectation.db != db {
            db = expectation.db;
            pipeline.push(&["SELECT", &db.to_string()], Query::Select)?;
        }
        pipeline.push(&[&b"TYPE"[..], expectation.key], Query::Type(place))?;
        if let State::Present { kind, elements, .. } = expectation.state {
            if let Some(command) = cardinality_command(kind).filter(|_| elements != UNMEASURED) {
                pipeline.push(&[command.as_bytes(), expectation.key], Query::Cardinality(place))?;
            }
            let command = if exact { "PEXPIRETIME" } else { "PTTL" };
            pipeline.push(&[command.as_bytes(), expectation.key], Query::Expiry(place))?;
        }
    }
    if db != options.db {
        pipeline.push(&["SELECT", &options.db.to_string()], Query::Select)?;
    }
    pipeline.finish()?;
    Ok(found)
}

/// The role and the number of replicas: by `ROLE`, or by what `INFO` says where `ROLE` is not known or not allowed.
fn role(link: &mut dyn Link) -> Result<(Option<String>, u64), QueryError> {
    if let Reply::Array(items) = ask(link, &["ROLE"])? {
        let role = items.first().and_then(Reply::as_bytes).map(display);
        let replicas = match items.get(2) {
            Some(Reply::Array(replicas)) => u64::try_from(replicas.len()).unwrap_or(u64::MAX),
            _ => 0,
        };
        return Ok((role, replicas));
    }
    let reply = ask(link, &["INFO", "replication"])?;
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let role = field("role:").map(|role| display(role.as_bytes()));
    Ok((role, field("connected_slaves:").and_then(|count| count.parse().ok()).unwrap_or_default()))
}

/// Waits until so many replicas have what this connection wrote, or five seconds. How many do.
pub fn wait_for_replicas(link: &mut dyn Link, replicas: u64) -> Result<Option<u64>, QueryError> {
    Ok(match ask(link, &["WAIT", &replicas.to_string(), "5000"])? {
        Reply::Integer(count) => u64::try_from(count).ok(),
        _ => None,
    })
}

fn difference(expectation: &Expectation<'_>, expected: &str, found: &str) -> Difference {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    Difference { db: expectation.db, key: expectation.key.to_vec(), member: None, expected, found }
}

fn compare_type(
    drift: &mut Drift,
    expectation: &Expectation<'_>,
    reply: Reply,
    keep: usize,
) -> Result<bool, QueryError> {
    // REST does not tell a status from a string.
    let Some(name) = reply.as_bytes().and_then(|name| std::str::from_utf8(name).ok()) else {
        return Err(QueryError::Refused { command: "TYPE", reply });
    };
    let shown = display(name.as_bytes());
    let there = name != "none";
    match expectation.state {
        State::Absent if there => {
            drift.unexpected_keys.add(keep, || difference(expectation, "no key", &shown));
        }
        State::Present { kind, .. } if !there => {
            drift.missing_keys.add(keep, || difference(expectation, kind, "no key"));
        }
        State::Present { kind, .. } if kind != name => {
            drift.wrong_type.add(keep, || difference(expectation, kind, &shown));
        }
        _ => return Ok(true),
    }
    Ok(false)
}

fn compare_cardinality(
    drift: &mut Drift,
    expectation: &Expectation<'_>,
    reply: Reply,
    keep: usize,
) -> Result<(), QueryError> {
    let State::Present { kind, elements: expected, .. } = expectation.state else { return Ok(()) };
    let command = cardinality_command(kind).unwrap_or("SCARD");
    let Reply::Integer(found) = reply else { return Err(QueryError::Refused { command, reply }) };
    if u64::try_from(found) != Ok(expected) {
        let unit = if kind == "string" { "byte" } else { "element" };
        let spell = |count: String| format!("{count} {unit}{}", if count == "1" { "" } else { "s" });
        let (expected, found) = (spell(expected.to_string()), spell(found.to_string()));
        drift.wrong_cardinality.add(keep, || difference(expectation, &expected, &found));
    }
    Ok(())
}

/// `exact` where the number is a Unix time in milliseconds; else it is what was left, and says only whether there is one.
fn compare_expiry(
    drift: &mut Drift,
    expectation: &Expectation<'_>,
    reply: Reply,
    exact: bool,
    keep: usize,
) -> Result<(), QueryError> {
    let State::Present { expire_at_ms: expected, .. } = expectation.state else { return Ok(()) };
    let Reply::Integer(found) = reply else { return Err(QueryError::Refused { command: "PEXPIRETIME", reply }) };
    let found = (found >= 0).then_some(found);
    let same = if exact { found == expected } else { found.is_some() == expected.is_some() };
    if !same {
        let spell = |at: Option<i64>| match at {
            Some(at) if exact => format!("expires at {at}"),
            Some(_) => "an expiry".to_owned(),
            None => "no expiry".to_owned(),
        };
        drift.wrong_expiry.add(keep, || difference(expectation, &spell(expected), &spell(found)));
    }
    Ok(())
}
