//! A look at a database before anything is written to it. Only reads.
//!
//! One command per key, as far as that can be: what counts the elements of a type proves the type as well, keys that must
//! not be there are asked for many at a time, and an expiry is asked for only where there should be one. Whether a key
//! has an expiry that should have none is seen by how many keys of its database expire, which the server says at no cost.

use std::collections::HashMap;

use super::forecast::{Expectation, State, UNMEASURED, cardinality_command};
use super::query::{Difference, LookOptions, Pipeline, QueryError, Tally, ask, exist_none};
use crate::replay::link::server_error::ErrorKind;
use crate::replay::link::{Link, Reply};
use crate::text::{display, quoted};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preflight<'a> {
    /// `master`, `slave` or `sentinel`; `None` where the server does not say.
    pub role: Option<String>,
    /// Replicas that are connected to it.
    pub replicas: u64,
    /// How many keys were looked at.
    pub looked_at: u64,
    pub drift: Drift,
    /// What is there under each name, in the order of the expectations.
    pub there: Vec<There<'a>>,
}

/// What is there under a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum There<'a> {
    /// It was not looked at, since nothing was known beforehand of how it should be; or it is not as it should be.
    #[default]
    Unknown,
    Absent,
    /// A key of this type, which is the one that it should have.
    Is(&'a str),
}

impl Preflight<'_> {
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
    /// Strings, and lists that are to be deleted, that are not what they were. These are edited in no case: what they name now may be there.
    pub wrong_value: Tally,
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
    pub fn kinds(&self) -> [(&'static str, &Tally); 6] {
        [
            ("missing keys", &self.missing_keys),
            ("unexpected keys", &self.unexpected_keys),
            ("keys of another type", &self.wrong_type),
            ("keys of another size", &self.wrong_cardinality),
            ("keys with another value", &self.wrong_value),
            ("keys of another expiry", &self.wrong_expiry),
        ]
    }
}

/// Asks who is there, and looks at every key that a plan touches: its type, its number of elements, its expiry.
///
/// `elsewhere` says how many other keys of each database have an expiry in the dump. Where more keys of a database expire
/// than that and the keys that should, every other key is asked, too. A server that does not know `PEXPIRETIME` (before
/// 7.0) is asked with `PTTL`, and only whether there is an expiry.
///
/// `progress` is told after each key how many were looked at.
pub fn preflight<'a>(
    link: &mut dyn Link,
    expectations: &[Expectation<'a>],
    elsewhere: &HashMap<u32, u64>,
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Preflight<'a>, QueryError> {
    if let reply @ Reply::Error(_) = ask(link, &["PING"])? {
        return Err(QueryError::Refused { command: "PING", reply });
    }
    let (role, replicas) = role(link)?;
    let mut found = Preflight { role, replicas, ..Preflight::default() };
    if expectations.is_empty() {
        return Ok(found);
    }
    let expiring = expiring_keys(link)?;
    let mut look = Look::new(expectations, options, progress);
    look.sizes(link)?;
    look.types(link)?;
    look.expiries(link, elsewhere, expiring.as_ref())?;
    look.compare_expiries();
    found.looked_at = look.looked_at;
    found.drift = look.drift;
    found.there = look.there;
    Ok(found)
}

/// One look, in three rounds.
struct Look<'k, 'a> {
    keys: &'k [Expectation<'a>],
    options: &'k LookOptions,
    progress: &'k mut dyn FnMut(u64),
    looked_at: u64,
    drift: Drift,
    there: Vec<There<'a>>,
    /// Keys whose type must be asked for.
    unsure: Vec<usize>,
    /// When keys expire, by their place: a Unix time in milliseconds, or only the time that is left.
    expiry: HashMap<usize, (Option<i64>, Clock)>,
    /// The server does not know `PEXPIRETIME`.
    is_old: bool,
}

/// How a server says when a key expires.
#[derive(Clone, Copy, PartialEq)]
enum Clock {
    Exact,
    /// Only whether it does.
    Whether,
}

/// A string that is longer is only measured.
const MOST_TEXT: usize = 4096;

/// What a key should be, where it is read as a whole.
fn text<'a>(key: &Expectation<'a>) -> Option<&'a [u8]> {
    key.text.filter(|text| text.len() <= MOST_TEXT && matches!(key.state, State::Present { kind: "string", .. }))
}

/// The command that says how much a key holds, and so of which type it is.
fn counted_by(key: &Expectation<'_>) -> Option<&'static str> {
    match key.state {
        _ if text(key).is_some() => Some("GET"),
        State::Present { kind, elements, .. } if elements != UNMEASURED => cardinality_command(kind),
        _ => None,
    }
}

enum Query {
    Size(usize),
    /// Keys that should not be there, from the first up to, but not including, the second of a list.
    Absent(usize, usize),
    Expiry(usize),
}

impl<'k, 'a> Look<'k, 'a> {
    fn new(keys: &'k [Expectation<'a>], options: &'k LookOptions, progress: &'k mut dyn FnMut(u64)) -> Self {
        let there = vec![There::Unknown; keys.len()];
        let (drift, unsure, expiry) = Default::default();
        Self { keys, options, progress, looked_at: 0, drift, there, unsure, expiry, is_old: false }
    }

    fn is(&mut self, place: usize, there: There<'a>) {
        if let Some(found) = self.there.get_mut(place) {
            *found = there;
        }
        self.looked_at = self.looked_at.saturating_add(1);
        (self.progress)(self.looked_at);
    }

    /// The first round: sizes, which prove types; keys that should not be there; and expiries that should.
    fn sizes(&mut self, link: &mut dyn Link) -> Result<(), QueryError> {
        let keys = self.keys;
        let which = |wanted: fn(&Expectation<'_>) -> bool| {
            let places = keys.iter().enumerate().filter(move |(_, key)| wanted(key));
            places.map(|(place, _)| place).collect::<Vec<usize>>()
        };
        let absent = which(|key| key.state == State::Absent);
        for place in which(|key| key.state == State::Unknown) {
            self.is(place, There::Unknown);
        }
        self.unsure = which(|key| counted_by(key).is_none() && matches!(key.state, State::Present { .. }));
        let mut pipeline = Pipeline::new(link, self.options.limits, |query, reply| self.take(query, &absent, reply));
        for (place, key) in keys.iter().enumerate() {
            if let Some(command) = counted_by(key) {
                let bytes = text(key).map_or(0, <[u8]>::len);
                pipeline.select(key.db)?;
                pipeline.push_expecting(&[command.as_bytes(), key.key], Query::Size(place), bytes)?;
            }
            if matches!(key.state, State::Present { expire_at_ms: Some(_), .. }) {
                pipeline.select(key.db)?;
                pipeline.push(&[&b"PEXPIRETIME"[..], key.key], Query::Expiry(place))?;
            }
        }
        let key = |place: &usize| keys.get(*place).map_or((0, &[][..]), |key| (key.db, key.key));
        let all: Vec<(u32, &[u8])> = absent.iter().map(key).collect();
        exist_none(&all, &mut pipeline, Query::Absent)?;
        pipeline.finish()
    }

    fn take(&mut self, query: Query, absent: &[usize], reply: Reply) -> Result<(), QueryError> {
        match query {
            Query::Size(place) => self.take_size(place, reply),
            Query::Absent(from, to) => {
                let Reply::Integer(count) = reply else {
                    return Err(QueryError::Refused { command: "EXISTS", reply });
                };
                for place in absent.get(from..to).unwrap_or_default() {
                    if count == 0 { self.is(*place, There::Absent) } else { self.unsure.push(*place) }
                }
                Ok(())
            }
            Query::Expiry(place) => self.take_expiry(place, reply, Clock::Exact),
        }
    }

    fn take_size(&mut self, place: usize, reply: Reply) -> Result<(), QueryError> {
        let Some(key) = self.keys.get(place) else { return Ok(()) };
        let State::Present { kind, elements, .. } = key.state else { return Ok(()) };
        if let Some(text) = text(key)
            && !matches!(reply, Reply::Error(_))
        {
            let keep = self.options.examples;
            match reply.as_bytes() {
                None => {
                    self.drift.missing_keys.add(keep, || difference(key, kind, "no key"));
                    self.is(place, There::Absent);
                }
                Some(found) => {
                    if found != text {
                        self.drift.wrong_value.add(keep, || difference(key, &quoted(text), &quoted(found)));
                    }
                    self.is(place, There::Is(kind));
                }
            }
            return Ok(());
        }
        let found = match reply {
            Reply::Integer(found) => u64::try_from(found).ok(),
            Reply::Error(error) if error.is_wrong_type() => None,
            reply => return Err(QueryError::Refused { command: cardinality_command(kind).unwrap_or("SCARD"), reply }),
        };
        match found {
            // An empty string or stream and a missing key give the same answer.
            None => self.unsure.push(place),
            Some(0) if matches!(kind, "string" | "stream") => self.unsure.push(place),
            Some(0) => {
                let keep = self.options.examples;
                self.drift.missing_keys.add(keep, || difference(key, kind, "no key"));
                self.is(place, There::Absent);
            }
            Some(found) => {
                if found != elements {
                    self.other_size(key, kind, elements, found);
                }
                self.is(place, There::Is(kind));
            }
        }
        Ok(())
    }

    fn other_size(&mut self, key: &Expectation<'_>, kind: &str, expected: u64, found: u64) {
        let unit = if kind == "string" { "byte" } else { "element" };
        let spell = |count: u64| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
        let keep = self.options.examples;
        self.drift.wrong_cardinality.add(keep, || difference(key, &spell(expected), &spell(found)));
    }

    /// The second round: the types of keys that are not what they should be, and of those without a size.
    fn types(&mut self, link: &mut dyn Link) -> Result<(), QueryError> {
        let (keys, mut unsure) = (self.keys, std::mem::take(&mut self.unsure));
        unsure.sort_unstable();
        let mut pipeline = Pipeline::new(link, self.options.limits, |place: usize, reply| self.take_type(place, reply));
        for place in unsure {
            let Some(key) = keys.get(place) else { continue };
            pipeline.select(key.db)?;
            pipeline.push(&[&b"TYPE"[..], key.key], place)?;
        }
        pipeline.finish()
    }

    fn take_type(&mut self, place: usize, reply: Reply) -> Result<(), QueryError> {
        let Some(key) = self.keys.get(place) else { return Ok(()) };
        // REST does not tell a status from a string.
        let Some(name) = reply.as_bytes().and_then(|name| std::str::from_utf8(name).ok()) else {
            return Err(QueryError::Refused { command: "TYPE", reply });
        };
        let (keep, shown) = (self.options.examples, display(name.as_bytes()));
        let there = match (key.state, name) {
            (State::Unknown, _) => There::Unknown,
            (State::Absent, "none") => There::Absent,
            (State::Absent, _) => {
                self.drift.unexpected_keys.add(keep, || difference(key, "no key", &shown));
                There::Unknown
            }
            (State::Present { kind, .. }, "none") => {
                self.drift.missing_keys.add(keep, || difference(key, kind, "no key"));
                There::Absent
            }
            (State::Present { kind, .. }, name) if kind != name => {
                self.drift.wrong_type.add(keep, || difference(key, kind, &shown));
                There::Unknown
            }
            // Where it has a size, that was 0.
            (State::Present { kind, elements, .. }, _) => {
                if cardinality_command(kind).is_some() && !matches!(elements, 0 | UNMEASURED) {
                    self.other_size(key, kind, elements, 0);
                }
                There::Is(kind)
            }
        };
        self.is(place, there);
        Ok(())
    }

    fn take_expiry(&mut self, place: usize, reply: Reply, clock: Clock) -> Result<(), QueryError> {
        match reply {
            Reply::Integer(at) => {
                self.expiry.insert(place, ((at >= 0).then_some(at), clock));
                Ok(())
            }
            Reply::Error(error) if clock == Clock::Exact && error.kind() == ErrorKind::UnknownCommand => {
                self.is_old = true;
                Ok(())
            }
            reply => Err(QueryError::Refused { command: "PEXPIRETIME", reply }),
        }
    }

    /// The third round: expiries of keys that should have none, if some may have one; and those that an older server
    /// would not say.
    fn expiries(
        &mut self,
        link: &mut dyn Link,
        elsewhere: &HashMap<u32, u64>,
        expiring: Option<&HashMap<u32, u64>>,
    ) -> Result<(), QueryError> {
        if self.is_old {
            let places = self.places(|_, expire_at_ms| expire_at_ms.is_some());
            self.ask_expiries(link, &places)?;
        }
        let mut known: HashMap<u32, u64> = elsewhere.clone();
        for (place, _) in self.expiry.iter().filter(|(_, (at, _))| at.is_some()) {
            if let Some(key) = self.keys.get(*place) {
                let count = known.entry(key.db).or_default();
                *count = count.saturating_add(1);
            }
        }
        let more = |db: u32| {
            let count = |counts: &HashMap<u32, u64>| counts.get(&db).copied().unwrap_or_default();
            expiring.is_some_and(|expiring| count(expiring) > count(&known))
        };
        let places = self.places(|db, expire_at_ms| expire_at_ms.is_none() && more(db));
        self.ask_expiries(link, &places)
    }

    /// Keys that are there and as they should be, by their database and the expiry that they should have.
    fn places(&self, wanted: impl Fn(u32, Option<i64>) -> bool) -> Vec<usize> {
        let keys = self.keys.iter().zip(&self.there).enumerate();
        let places = keys.filter(|(_, (key, there))| match key.state {
            State::Present { expire_at_ms, .. } => matches!(there, There::Is(_)) && wanted(key.db, expire_at_ms),
            _ => false,
        });
        places.map(|(place, _)| place).collect()
    }

    fn ask_expiries(&mut self, link: &mut dyn Link, places: &[usize]) -> Result<(), QueryError> {
        let keys = self.keys;
        loop {
            let was_old = self.is_old;
            let (command, clock) = if was_old { ("PTTL", Clock::Whether) } else { ("PEXPIRETIME", Clock::Exact) };
            let mut pipeline =
                Pipeline::new(link, self.options.limits, |place, reply| self.take_expiry(place, reply, clock));
            for key in places.iter().filter_map(|place| Some((*place, keys.get(*place)?))) {
                let (place, key) = key;
                pipeline.select(key.db)?;
                pipeline.push(&[command.as_bytes(), key.key], place)?;
            }
            pipeline.finish()?;
            if was_old || !self.is_old {
                return Ok(());
            }
        }
    }

    fn compare_expiries(&mut self) {
        for (place, key) in self.keys.iter().enumerate() {
            let State::Present { expire_at_ms: expected, .. } = key.state else { continue };
            let Some((found, clock)) = self.expiry.get(&place).copied() else { continue };
            let is_there = matches!(self.there.get(place), Some(There::Is(_)));
            let same = match clock {
                Clock::Exact => found == expected,
                Clock::Whether => found.is_some() == expected.is_some(),
            };
            if is_there && !same {
                let spell = |at: Option<i64>| match at {
                    Some(at) if clock == Clock::Exact => format!("expires at {at}"),
                    Some(_) => "an expiry".to_owned(),
                    None => "no expiry".to_owned(),
                };
                let keep = self.options.examples;
                self.drift.wrong_expiry.add(keep, || difference(key, &spell(expected), &spell(found)));
            }
        }
    }
}

/// How many keys of each database expire, where the server says so. A service does not bill that.
fn expiring_keys(link: &mut dyn Link) -> Result<Option<HashMap<u32, u64>>, QueryError> {
    let reply = ask(link, &["INFO", "keyspace"])?;
    let Some(text) = reply.as_bytes().map(String::from_utf8_lossy) else { return Ok(None) };
    let line = |line: &str| {
        let (db, fields) = line.trim().strip_prefix("db")?.split_once(':')?;
        let expires = fields.split(',').find_map(|field| field.strip_prefix("expires="))?;
        Some((db.parse().ok()?, expires.parse().ok()?))
    };
    Ok(Some(text.lines().filter_map(line).collect()))
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

/// Waits until so many replicas have what this connection wrote, or five seconds, or until it is stopped. How many do.
pub fn wait_for_replicas(
    link: &mut dyn Link,
    replicas: u64,
    stopped: &dyn Fn() -> bool,
) -> Result<Option<u64>, QueryError> {
    let mut have = None;
    for _ in 0..10 {
        match ask(link, &["WAIT", &replicas.to_string(), "500"])? {
            Reply::Integer(count) => have = u64::try_from(count).ok(),
            _ => return Ok(None),
        }
        if stopped() || have.is_some_and(|have| have >= replicas) {
            break;
        }
    }
    Ok(have)
}

fn difference(expectation: &Expectation<'_>, expected: &str, found: &str) -> Difference {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    Difference { db: expectation.db, key: expectation.key.to_vec(), member: None, expected, found }
}
