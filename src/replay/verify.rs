//! Is the target state there? A look at a database after a plan was applied, from `apply.resp` alone. Only reads.

use std::collections::HashSet;

use super::link::{Link, Reply};
use super::query::{Difference, LookOptions, Pipeline, QueryError, Tally, knows};
use super::script::{Script, Step, Steps, Verb};
use super::touched::{Kind, Touched, TouchedKey};
use crate::plan::manifest::Caps;
use crate::resp;
use crate::text::display;

/// What was looked at, and what is not as the plan left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    pub keys: u64,
    pub members: u64,
    /// Deleted by the plan, and there.
    pub undeleted_keys: Tally,
    /// Written by the plan, and not there.
    pub missing_keys: Tally,
    pub wrong_type: Tally,
    /// Added by the plan, and not there.
    pub missing_members: Tally,
    /// Removed by the plan, and there.
    pub remaining_members: Tally,
    pub wrong_scores: Tally,
}

impl Verification {
    /// Everything that the plan did is there.
    pub fn holds(&self) -> bool {
        self.kinds().into_iter().all(|(_, tally)| tally.is_empty())
    }

    /// Differences of all kinds.
    pub fn differences(&self) -> u64 {
        self.kinds().into_iter().fold(0, |sum, (_, tally)| sum.saturating_add(tally.count))
    }

    /// Takes out the differences that `is_excused`, as far as examples were kept, and gives them.
    pub fn excuse(&mut self, mut is_excused: impl FnMut(&Difference) -> bool) -> Tally {
        let mut excused = Tally::default();
        for tally in self.kinds_mut() {
            for difference in tally.examples.extract_if(.., |difference| is_excused(difference)) {
                tally.count = tally.count.saturating_sub(1);
                excused.add(usize::MAX, || difference);
            }
        }
        excused
    }

    /// The keys that differ, as far as examples were kept.
    pub fn keys_that_differ(&self) -> HashSet<(u32, Vec<u8>)> {
        let differences = self.kinds().into_iter().flat_map(|(_, tally)| &tally.examples);
        differences.map(|difference| (difference.db, difference.key.clone())).collect()
    }

    fn kinds_mut(&mut self) -> [&mut Tally; 6] {
        [
            &mut self.undeleted_keys,
            &mut self.missing_keys,
            &mut self.wrong_type,
            &mut self.missing_members,
            &mut self.remaining_members,
            &mut self.wrong_scores,
        ]
    }

    /// Every kind of difference and what it is called.
    pub fn kinds(&self) -> [(&'static str, &Tally); 6] {
        [
            ("keys that should be deleted", &self.undeleted_keys),
            ("missing keys", &self.missing_keys),
            ("keys of another type", &self.wrong_type),
            ("missing members", &self.missing_members),
            ("members that should be removed", &self.remaining_members),
            ("members of another score", &self.wrong_scores),
        ]
    }
}

/// What a member should be.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    There,
    Gone,
    /// In a sorted set with this score; not a number where the plan's own text is none.
    Score(f64),
}

/// One command's worth of members of one key.
struct Members<'a> {
    db: u32,
    key: &'a [u8],
    kind: Kind,
    members: Vec<(&'a [u8], Wanted)>,
}

enum Query<'a> {
    Type(usize),
    /// A command that answers for all its members at once.
    All(Members<'a>),
    /// A command that answers for one.
    One(Members<'a>),
}

/// Looks at every key and every member that `apply` names.
///
/// Members are asked for with `SMISMEMBER` and `ZMSCORE`, split so that no command exceeds `caps`; a server that does
/// not know these (before 6.2) is asked member by member. `progress` is told how many keys and members were looked at.
pub fn verify(
    link: &mut dyn Link,
    apply: &[u8],
    caps: &Caps,
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Verification, QueryError> {
    verify_some(link, apply, caps, options, &|_, _| true, progress)
}

/// The same for those keys (by database and name) that are `wanted`.
pub fn verify_some(
    link: &mut dyn Link,
    apply: &[u8],
    caps: &Caps,
    options: &LookOptions,
    wanted_key: &dyn Fn(u32, &[u8]) -> bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Verification, QueryError> {
    let touched = Touched::read(apply, Script::Apply, 0)?;
    let mut found = Verification::default();
    let any = |kind| touched.keys().iter().any(|key| key.kind == Some(kind));
    let sets_at_once = Some(any(Kind::Set) && knows(link, "SMISMEMBER")?);
    let zsets_at_once = Some(any(Kind::ZSet) && knows(link, "ZMSCORE")?);

    let keep = options.examples;
    let mut pipeline = Pipeline::new(link, options.limits, |query, reply| {
        match query {
            Query::Type(place) => {
                let Some(key) = touched.keys().get(place) else { return Ok(()) };
                found.keys = found.keys.saturating_add(1);
                progress(found.keys);
                compare_key(&mut found, key, reply, keep)?;
            }
            Query::All(asked) => match reply {
                Reply::Array(replies) if replies.len() == asked.members.len() => {
                    for ((member, wanted), reply) in asked.members.iter().zip(replies) {
                        compare_member(&mut found, &asked, (member, *wanted), reply, keep)?;
                    }
                    progress(found.keys.saturating_add(found.members));
                }
                reply => not_asked(&mut found, &asked, reply, keep)?,
            },
            Query::One(asked) => match (asked.members.first(), reply) {
                (_, reply @ Reply::Error(_)) => not_asked(&mut found, &asked, reply, keep)?,
                (Some((member, wanted)), reply) => {
                    compare_member(&mut found, &asked, (member, *wanted), reply, keep)?;
                    progress(found.keys.saturating_add(found.members));
                }
                (None, _) => {}
            },
        }
        Ok(())
    });
    for (place, key) in touched.keys().iter().enumerate() {
        if !wanted_key(key.db, key.key) {
            continue;
        }
        pipeline.select(key.db)?;
        pipeline.push(&[&b"TYPE"[..], key.key], Query::Type(place))?;
    }
    let mut steps = Steps::new(apply, Script::Apply, 0);
    while let Some(step) = steps.next_step()? {
        let kind = match step.verb {
            Verb::SAdd | Verb::SRem => Kind::Set,
            Verb::ZAdd | Verb::ZRem => Kind::ZSet,
            _ => continue,
        };
        // What was written before a deletion is no part of the target.
        let deleted_at = touched.get(step.db, step.key()).and_then(|key| key.deleted_at);
        if deleted_at.is_some_and(|deleted_at| deleted_at > step.number) || !wanted_key(step.db, step.key()) {
            continue;
        }
        pipeline.select(step.db)?;
        let at_once = match kind {
            Kind::ZSet => zsets_at_once.unwrap_or(true),
            _ => sets_at_once.unwrap_or(true),
        };
        let mut members = wanted(&step);
        while let Some(first) = members.next() {
            let asked = chunk(&step, kind, first, &mut members, if at_once { caps } else { &ONE });
            let name = match (kind, at_once) {
                (Kind::ZSet, true) => "ZMSCORE",
                (Kind::ZSet, false) => "ZSCORE",
                (_, true) => "SMISMEMBER",
                (_, false) => "SISMEMBER",
            };
            let args: Vec<&[u8]> = [name.as_bytes(), asked.key]
                .into_iter()
                .chain(asked.members.iter().map(|(member, _)| *member))
                .collect();
            pipeline.push(&args, if at_once { Query::All(asked) } else { Query::One(asked) })?;
        }
    }
    pipeline.finish()?;
    Ok(found)
}

/// Caps under which a chunk is one member.
const ONE: Caps = Caps { max_args: 3, max_command_bytes: 0 };

/// The members of a command and what they should be after it.
fn wanted<'a>(step: &Step<'_, 'a>) -> std::iter::Peekable<impl Iterator<Item = (&'a [u8], Wanted)>> {
    let (verb, body) = (step.verb, step.body());
    let pair = if verb == Verb::ZAdd { 2 } else { 1 };
    let members = body.chunks_exact(pair).filter_map(move |chunk| match (verb, chunk) {
        (Verb::ZAdd, [score, member]) => Some((*member, Wanted::Score(number(score).unwrap_or(f64::NAN)))),
        (Verb::SAdd, [member]) => Some((*member, Wanted::There)),
        (_, [member]) => Some((*member, Wanted::Gone)),
        _ => None,
    });
    members.peekable()
}

/// `first`, and as many more as `caps` let into one command.
fn chunk<'a>(
    step: &Step<'_, 'a>,
    kind: Kind,
    first: (&'a [u8], Wanted),
    rest: &mut std::iter::Peekable<impl Iterator<Item = (&'a [u8], Wanted)>>,
    caps: &Caps,
) -> Members<'a> {
    let max_args = usize::try_from(caps.max_args).unwrap_or(usize::MAX);
    let max_bytes = usize::try_from(caps.max_command_bytes).unwrap_or(usize::MAX);
    // Ten letters in SMISMEMBER, the longer of the two names.
    let mut bytes = [resp::header_len(max_args), resp::argument_len(10), resp::argument_len(step.key().len())]
        .into_iter()
        .fold(resp::argument_len(first.0.len()), usize::saturating_add);
    let mut members = vec![first];
    while let Some(next) = rest.next_if(|(member, _)| {
        bytes = bytes.saturating_add(resp::argument_len(member.len()));
        bytes <= max_bytes && members.len().saturating_add(2) < max_args
    }) {
        members.push(next);
    }
    Members { db: step.db, key: step.key(), kind, members }
}

pub(super) fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn difference(db: u32, key: &[u8], member: Option<&[u8]>, expected: &str, found: &str) -> Difference {
    Difference {
        db,
        key: key.to_vec(),
        member: member.map(<[u8]>::to_vec),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

fn compare_key(found: &mut Verification, key: &TouchedKey<'_>, reply: Reply, keep: usize) -> Result<(), QueryError> {
    let Some(name) = reply.as_bytes().and_then(|name| std::str::from_utf8(name).ok()) else {
        return Err(QueryError::Refused { command: "TYPE", reply });
    };
    let shown = display(name.as_bytes());
    let expected = key.kind.map_or("a key", Kind::type_name);
    match (key.is_gone(), name) {
        (true, "none") => {}
        (true, _) => found.undeleted_keys.add(keep, || difference(key.db, key.key, None, "no key", &shown)),
        (false, "none") => found.missing_keys.add(keep, || difference(key.db, key.key, None, expected, "no key")),
        (false, name) if name != expected => {
            found.wrong_type.add(keep, || difference(key.db, key.key, None, expected, &shown));
        }
        (false, _) => {}
    }
    Ok(())
}

fn compare_member(
    found: &mut Verification,
    asked: &Members<'_>,
    (member, wanted): (&[u8], Wanted),
    reply: Reply,
    keep: usize,
) -> Result<(), QueryError> {
    let score = match (asked.kind, &reply) {
        (_, Reply::Nil) | (Kind::Set, Reply::Integer(0)) => None,
        (Kind::Set, Reply::Integer(1)) => Some(f64::NAN),
        (Kind::ZSet, Reply::Double(score)) => Some(*score),
        (Kind::ZSet, Reply::Bulk(text)) => Some(number(text).unwrap_or(f64::NAN)),
        _ => return Err(refused(asked, reply)),
    };
    found.members = found.members.saturating_add(1);
    let spell = |expected: &str, found: &str| difference(asked.db, asked.key, Some(member), expected, found);
    match (wanted, score) {
        (Wanted::There, Some(_)) | (Wanted::Gone, None) => {}
        (Wanted::Gone, Some(_)) => found.remaining_members.add(keep, || spell("no member", "a member")),
        (Wanted::There | Wanted::Score(_), None) => {
            found.missing_members.add(keep, || spell("a member", "no member"));
        }
        // Zero and minus zero compare equal, and Redis orders them alike.
        (Wanted::Score(wanted), Some(score)) if wanted == score => {}
        (Wanted::Score(wanted), Some(score)) => {
            found.wrong_scores.add(keep, || spell(&format!("score {wanted}"), &format!("score {score}")));
        }
    }
    Ok(())
}

/// A key of another type has none of the members. That it is of another type was counted with the keys.
fn not_asked(found: &mut Verification, asked: &Members<'_>, reply: Reply, keep: usize) -> Result<(), QueryError> {
    if !matches!(&reply, Reply::Error(error) if error.is_wrong_type()) {
        return Err(refused(asked, reply));
    }
    for (member, wanted) in &asked.members {
        compare_member(found, asked, (member, *wanted), Reply::Nil, keep)?;
    }
    Ok(())
}

fn refused(asked: &Members<'_>, reply: Reply) -> QueryError {
    QueryError::Refused { command: if asked.kind == Kind::ZSet { "ZMSCORE" } else { "SMISMEMBER" }, reply }
}
