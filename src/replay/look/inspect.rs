//! Which of the edits that are to be made are in place already. Only reads.

use std::cell::RefCell;

use super::preflight::There;
use super::query::{LookOptions, Pipeline, QueryError, exist_none, knows};
use crate::bundle::manifest::Reply as Expected;
use crate::replay::link::{Link, Reply};
use crate::replay::script::Verb;
use crate::replay::script::item::Item;
use crate::replay::script::kind::Kind;
use crate::replay::script::was::Was;
use crate::replay::verify::number;

use crate::replay::script::item::Wanted;

/// What of a command is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Open,
    /// All of it.
    Done,
    /// Of each of its parts ([`Item::parts`]), what is there.
    Partly(Vec<Part>),
}

/// What is there in place of a part of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// What must be there for the edit to be made.
    #[default]
    Open,
    /// What the edit leads to.
    Done,
    /// Something else, which somebody else made ([`Item::was`]).
    Theirs,
}

impl Found {
    /// What is there in place of a part.
    pub fn part(&self, at: usize) -> Part {
        match self {
            Self::Open => Part::Open,
            Self::Done => Part::Done,
            Self::Partly(parts) => parts.get(at).copied().unwrap_or_default(),
        }
    }

    /// Whether a part is in place.
    pub fn is_done(&self, at: usize) -> bool {
        self.part(at) == Part::Done
    }
}

/// A command to look at.
#[derive(Clone, Copy)]
pub struct Subject<'i, 'a> {
    pub item: &'i Item<'a>,
    /// It was sent, and it is not known whether it was carried out: then also what makes or deletes a whole key is looked
    /// at. Before anything was sent such a look would mislead: a key that is to be replaced is there.
    pub was_sent: bool,
    /// What is under the name of its key, if that is known already: a key that is not there need not be asked for members.
    pub there: There<'a>,
}

enum Query {
    /// One reply for all parts of a subject.
    All(usize),
    /// One reply for one part.
    Part(usize, usize),
    /// A number that shows whether the subject was carried out.
    Whole(usize),
    /// How many of the keys that a subject deletes are there, from the first to the one after the last.
    Deleted(usize, usize, usize),
}

/// Looks at every subject; the answer has one entry for each, in order.
pub fn inspect(
    link: &mut dyn Link,
    subjects: &[Subject<'_, '_>],
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Found>, QueryError> {
    let mut found: Vec<Found> = subjects.iter().map(|subject| subject.known().unwrap_or(Found::Open)).collect();
    let asked = || subjects.iter().enumerate().filter(|(_, subject)| subject.known().is_none());
    let any = |verbs: [Verb; 2]| asked().any(|(_, subject)| verbs.contains(&subject.item.verb));
    let sets_at_once = any([Verb::SAdd, Verb::SRem]) && knows(link, "SMISMEMBER")?;
    let zsets_at_once = any([Verb::ZAdd, Verb::ZRem]) && knows(link, "ZMSCORE")?;
    // Since 6.0.6. Without it a list would have to be read as a whole; an element that is not there is not removed.
    let finds_elements = any([Verb::LRem; 2]) && knows(link, "LPOS")?;
    // Deletions with some key still there: each key is asked for, to see which.
    let some_left: RefCell<Vec<(usize, usize, usize)>> = RefCell::default();
    let mut looked_at: u64 = 0;
    let mut take = |found: &mut Vec<Found>, query: Query, reply: Reply| {
        let is_other_type = matches!(&reply, Reply::Error(error) if error.is_wrong_type());
        if let reply @ Reply::Error(_) = &reply
            && !is_other_type
        {
            return Err(QueryError::Refused { command: "a look at a key", reply: reply.clone() });
        }
        let (Query::All(at) | Query::Part(at, _) | Query::Whole(at) | Query::Deleted(at, _, _)) = query;
        let (Some(subject), Some(found)) = (subjects.get(at), found.get_mut(at)) else { return Ok(()) };
        let item = subject.item;
        if is_other_type {
            // A key of another type has no such member and no such length. Where a removal was sent, it made room for
            // what is there now.
            if subject.was_sent && removes(item.verb) {
                *found = Found::Done;
            }
            return Ok(());
        }
        let parts = item.parts().count();
        match query {
            Query::Whole(_) if matches!(item.verb, Verb::SetNew | Verb::SetChanged) => {
                *found = summed_up(vec![of_value(item, 0, item.args.get(2).copied(), &reply)]);
            }
            Query::Whole(_) => {
                if is_reached(item, &reply) {
                    *found = Found::Done;
                }
            }
            Query::All(_) => {
                let Reply::Array(replies) = reply else {
                    return Err(QueryError::Refused { command: "SMISMEMBER, ZMSCORE or HMGET", reply });
                };
                let of_part = |(at, ((value, _), reply))| match item.verb {
                    Verb::HEdit | Verb::HDel => of_value(item, at, value, reply),
                    verb => in_place(verb, value, reply),
                };
                *found = summed_up(item.parts().zip(&replies).enumerate().map(of_part).collect());
            }
            Query::Part(_, part) => {
                if let Some((score, _)) = item.parts().nth(part) {
                    set(found, parts, part..part.saturating_add(1), in_place(item.verb, score, &reply));
                }
            }
            Query::Deleted(_, from, to) => match reply {
                Reply::Integer(0) => set(found, parts, from..to, Part::Done),
                _ => some_left.borrow_mut().push((at, from, to)),
            },
        }
        looked_at = looked_at.saturating_add(1);
        progress(looked_at);
        Ok(())
    };
    let mut pipeline = Pipeline::new(link, options.limits, |query, reply| take(&mut found, query, reply));
    for (at, subject) in asked() {
        let item = subject.item;
        let (all, each) = match item.verb {
            Verb::SAdd | Verb::SRem if sets_at_once => (Some("SMISMEMBER"), ""),
            Verb::ZAdd | Verb::ZRem if zsets_at_once => (Some("ZMSCORE"), ""),
            Verb::HEdit | Verb::HDel => (Some("HMGET"), ""),
            Verb::LRem if !finds_elements => continue,
            Verb::LRem => (None, "LPOS"),
            Verb::SAdd | Verb::SRem => (None, "SISMEMBER"),
            Verb::ZAdd | Verb::ZRem => (None, "ZSCORE"),
            _ => (None, ""),
        };
        pipeline.select(item.db)?;
        match (all, item.verb) {
            (Some(name), _) => {
                let head = [name.as_bytes(), item.key()];
                let args: Vec<&[u8]> = head.into_iter().chain(item.parts().map(|(_, member)| member)).collect();
                // Fields come with their values.
                let values = item.parts().enumerate().map(|(part, (value, _))| match item.was(part) {
                    Was::Is(was) | Was::AbsentOr(was) => was.len(),
                    _ => value.map_or(0, <[u8]>::len),
                });
                pipeline.push_expecting(&args, Query::All(at), values.fold(0, usize::saturating_add))?;
            }
            (None, Verb::Unlink | Verb::Del) => {
                let keys: Vec<(u32, &[u8])> = item.keys().iter().map(|key| (item.db, *key)).collect();
                exist_none(&keys, &mut pipeline, |from, to| Query::Deleted(at, from, to))?;
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
                    Verb::SetNew | Verb::SetChanged => "GET",
                    // Doing it twice does no harm.
                    _ => continue,
                };
                pipeline.push(&[name.as_bytes(), item.key()], Query::Whole(at))?;
            }
        }
    }
    pipeline.finish()?;
    let mut pipeline = Pipeline::new(link, options.limits, |query, reply| take(&mut found, query, reply));
    for (at, from, to) in some_left.take() {
        let Some(item) = subjects.get(at).map(|subject| subject.item) else { continue };
        pipeline.select(item.db)?;
        for (part, (_, key)) in item.parts().enumerate().take(to).skip(from) {
            pipeline.push(&[b"EXISTS", key], Query::Part(at, part))?;
        }
    }
    pipeline.finish()?;
    Ok(found)
}

impl Subject<'_, '_> {
    /// What need not be asked.
    fn known(&self) -> Option<Found> {
        match (self.was_sent, self.item.edits_members(), self.there) {
            (true, ..) | (false, true, There::Unknown) => None,
            (false, true, There::Is(kind)) if Kind::written_by(self.item.verb).map(Kind::type_name) == Some(kind) => {
                None
            }
            // Gone is what a removal wants.
            (false, true, There::Absent) if removes(self.item.verb) => Some(Found::Done),
            (false, ..) => Some(Found::Open),
        }
    }
}

/// Whether what the command names is gone once it is done.
fn removes(verb: Verb) -> bool {
    matches!(verb, Verb::SRem | Verb::ZRem | Verb::HDel | Verb::LRem)
}

/// Notes what is there in place of some of the parts.
fn set(found: &mut Found, parts: usize, which: std::ops::Range<usize>, state: Part) {
    let mut states = match std::mem::replace(found, Found::Open) {
        Found::Partly(states) => states,
        Found::Done => vec![Part::Done; parts],
        Found::Open => vec![Part::Open; parts],
    };
    states.get_mut(which).into_iter().flatten().for_each(|place| *place = state);
    *found = summed_up(states);
}

fn summed_up(states: Vec<Part>) -> Found {
    if states.iter().all(|state| *state == Part::Done) {
        Found::Done
    } else if states.iter().all(|state| *state == Part::Open) {
        Found::Open
    } else {
        Found::Partly(states)
    }
}

fn in_place(verb: Verb, score: Option<&[u8]>, reply: &Reply) -> Part {
    // The place of the first element of a list is 0.
    let there = *reply != Reply::Nil && (verb == Verb::LRem || *reply != Reply::Integer(0));
    let is_done = match verb {
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
    };
    if is_done { Part::Done } else { Part::Open }
}

/// Of a field or a string: `value` is what the edit leads to, `reply` what is there.
fn of_value(item: &Item<'_>, at: usize, value: Option<&[u8]>, reply: &Reply) -> Part {
    let found = reply.as_bytes();
    match found == value {
        true => Part::Done,
        false if item.was(at).is(found) => Part::Open,
        false => Part::Theirs,
    }
}

/// `RPUSH` and `APPEND` answer with the length they lead to; the others show in whether there is a key.
fn is_reached(item: &Item<'_>, reply: &Reply) -> bool {
    match (item.verb, &item.wanted, reply) {
        (Verb::RPush | Verb::Append, Wanted::Reply(Expected::Integer(wanted)), Reply::Integer(found)) => {
            found >= wanted
        }
        (Verb::Set | Verb::Restore | Verb::JsonSet, _, Reply::Integer(found)) => *found > 0,
        _ => false,
    }
}
