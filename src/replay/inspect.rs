//! Which of the edits that are to be made are in place already. Only reads.

use super::item::Item;
use super::link::{Link, Reply};
use super::preflight::LookOptions;
use super::query::{Pipeline, QueryError, knows};
use super::script::Verb;
use super::verify::number;
use crate::plan::manifest::Reply as Expected;

use super::item::Wanted;

/// What of a command is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Open,
    /// All of it.
    Done,
    /// Those of its parts ([`Item::parts`]) for which this is true.
    Partly(Vec<bool>),
}

/// A command to look at.
#[derive(Clone, Copy)]
pub struct Subject<'i, 'a> {
    pub item: &'i Item<'a>,
    /// It was sent, and it is not known whether it was carried out: then also what makes or deletes a whole key is looked
    /// at. Before anything was sent such a look would mislead: a key that is to be replaced is there.
    pub was_sent: bool,
}

enum Query {
    Select,
    /// One reply for all parts of a subject.
    All(usize),
    /// One reply for one part.
    Part(usize, usize),
    /// A number that shows whether the subject was carried out.
    Whole(usize),
}

/// Looks at every subject; the answer has one entry for each, in order.
pub fn inspect(
    link: &mut dyn Link,
    subjects: &[Subject<'_, '_>],
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Found>, QueryError> {
    let mut found = vec![Found::Open; subjects.len()];
    let any = |verbs: [Verb; 2]| subjects.iter().any(|subject| verbs.contains(&subject.item.verb));
    let sets_at_once = any([Verb::SAdd, Verb::SRem]) && knows(link, "SMISMEMBER")?;
    let zsets_at_once = any([Verb::ZAdd, Verb::ZRem]) && knows(link, "ZMSCORE")?;
    let mut looked_at: u64 = 0;
    let mut pipeline = Pipeline::new(link, options.limits, |query, reply| {
        let is_other_type = matches!(&reply, Reply::Error(text) if text.starts_with("WRONGTYPE"));
        if let reply @ Reply::Error(_) = &reply
            && !is_other_type
        {
            return Err(QueryError::Refused { command: "a look at a key", reply: reply.clone() });
        }
        let at = match query {
            Query::Select => return Ok(()),
            Query::All(at) | Query::Part(at, _) | Query::Whole(at) => at,
        };
        let (Some(subject), Some(found)) = (subjects.get(at), found.get_mut(at)) else { return Ok(()) };
        let item = subject.item;
        if is_other_type {
            // A key of another type has no such member and no such length. Where a removal was sent, it made room for
            // what is there now.
            if subject.was_sent && matches!(item.verb, Verb::SRem | Verb::ZRem) {
                *found = Found::Done;
            }
            return Ok(());
        }
        match query {
            Query::Select => {}
            Query::Whole(_) => {
                if is_reached(item, &reply) {
                    *found = Found::Done;
                }
            }
            Query::All(_) => {
                let Reply::Array(replies) = reply else {
                    return Err(QueryError::Refused { command: "SMISMEMBER or ZMSCORE", reply });
                };
                let states: Vec<bool> =
                    item.parts().zip(&replies).map(|((score, _), reply)| in_place(item.verb, score, reply)).collect();
                *found = summed_up(states);
            }
            Query::Part(_, part) => {
                let parts = item.parts().count();
                if let Some((score, _)) = item.parts().nth(part) {
                    let state = in_place(item.verb, score, &reply);
                    let mut states = match std::mem::replace(found, Found::Open) {
                        Found::Partly(states) => states,
                        Found::Done => vec![true; parts],
                        Found::Open => vec![false; parts],
                    };
                    if let Some(place) = states.get_mut(part) {
                        *place = state;
                    }
                    *found = summed_up(states);
                }
            }
        }
        looked_at = looked_at.saturating_add(1);
        progress(looked_at);
        Ok(())
    });
    let mut db = options.db;
    for (at, subject) in subjects.iter().enumerate() {
        let item = subject.item;
        if !item.edits_members() && !subject.was_sent {
            continue;
        }
        if item.db != db {
            db = item.db;
            pipeline.push(&["SELECT", &db.to_string()], Query::Select)?;
        }
        let (all, each) = match item.verb {
            Verb::SAdd | Verb::SRem if sets_at_once => (Some("SMISMEMBER"), ""),
            Verb::ZAdd | Verb::ZRem if zsets_at_once => (Some("ZMSCORE"), ""),
            Verb::SAdd | Verb::SRem => (None, "SISMEMBER"),
            Verb::ZAdd | Verb::ZRem => (None, "ZSCORE"),
            _ => (None, ""),
        };
        match (all, item.verb) {
            (Some(name), _) => {
                let head = [name.as_bytes(), item.key()];
                let args: Vec<&[u8]> = head.into_iter().chain(item.parts().map(|(_, member)| member)).collect();
                pipeline.push(&args, Query::All(at))?;
            }
            (None, Verb::Unlink | Verb::Del) => {
                for (part, (_, key)) in item.parts().enumerate() {
                    pipeline.push(&[b"EXISTS", key], Query::Part(at, part))?;
                }
            }
            (None, _) if item.edits_members() => {
                for (part, (_, member)) in item.parts().enumerate() {
                    pipeline.push(&[each.as_bytes(), item.key(), member], Query::Part(at, part))?;
                }
            }
            (None, verb) => {
                let name = match verb {
                    Verb::RPush => "LLEN",
                    Verb::Append => "STRLEN",
                    Verb::Set | Verb::Restore | Verb::JsonSet => "EXISTS",
                    // Doing it twice does no harm.
                    _ => continue,
                };
                pipeline.push(&[name.as_bytes(), item.key()], Query::Whole(at))?;
            }
        }
    }
    if db != options.db {
        pipeline.push(&["SELECT", &options.db.to_string()], Query::Select)?;
    }
    pipeline.finish()?;
    Ok(found)
}

fn summed_up(states: Vec<bool>) -> Found {
    if states.iter().all(|state| *state) {
        Found::Done
    } else if states.iter().any(|state| *state) {
        Found::Partly(states)
    } else {
        Found::Open
    }
}

fn in_place(verb: Verb, score: Option<&[u8]>, reply: &Reply) -> bool {
    let there = !matches!(reply, Reply::Nil | Reply::Integer(0));
    match verb {
        Verb::SAdd => there,
        Verb::ZAdd => {
            let found = match reply {
                Reply::Double(found) => Some(*found),
                Reply::Bulk(text) => number(text),
                _ => None,
            };
            found.is_some() && found == score.and_then(number)
        }
        // Gone is what these want.
        _ => !there,
    }
}

/// `RPUSH` and `APPEND` answer with the length they lead to; the others are seen by there being a key.
fn is_reached(item: &Item<'_>, reply: &Reply) -> bool {
    match (item.verb, &item.wanted, reply) {
        (Verb::RPush | Verb::Append, Wanted::Reply(Expected::Integer(wanted)), Reply::Integer(found)) => {
            found >= wanted
        }
        (Verb::Set | Verb::Restore | Verb::JsonSet, _, Reply::Integer(found)) => *found > 0,
        _ => false,
    }
}
