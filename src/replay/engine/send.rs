//! A batch on its way: sent, answered, and what was refused or lost sent again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use super::super::guard::{self, Level, Shape};
use super::super::journal::{JournalError, Way};
use super::super::link::{LinkError, Reply};
use super::super::script::Verb;
use super::backoff::Backoff;
use super::event::Event;
use super::{Engine, Tally, makes_larger};
use crate::replay::link::server_error::{Class, advice};
use crate::replay::look::exact;
use crate::replay::look::inspect::{Found, Part, Subject, inspect};
use crate::replay::look::preflight::There;
use crate::replay::look::query::{LookOptions, QueryError};
use crate::replay::script::item::Item;
use crate::replay::script::was::Was;
use crate::text::Printable;

impl<'e> Engine<'e, '_, '_> {
    /// Sends a batch until each of its commands has an answer, or until it makes no sense to try again.
    pub(super) fn send(&mut self, mut pending: Vec<Cow<'_, Item<'e>>>, tally: &mut Tally) -> Result<(), JournalError> {
        let mut backoff = Backoff::new(self.terms.retry_for);
        let mut rounds = 0;
        while !pending.is_empty() {
            let sent = Instant::now();
            let commands = pending.len();
            let looked = match self.guard.as_ref().is_some_and(|guard| guard.level() == Level::Records) {
                true => Ok(()),
                false => self.look_again(&mut pending),
            };
            if pending.is_empty() {
                return Ok(());
            }
            let prepared = match looked {
                Ok(()) => self.prepare(&mut pending, rounds)?,
                Err(error) => Err(error),
            };
            if pending.is_empty() {
                return Ok(());
            }
            let mut shapes = Vec::new();
            let (replies, lost) = match prepared {
                Ok(prepared) => {
                    shapes = prepared;
                    self.exchange(&pending, &shapes)
                }
                Err(QueryError::Link(error)) => (Vec::new(), Some(error)),
                Err(error) => {
                    if !error.is_transient(true) || !self.pause(&error.to_string(), &mut backoff) {
                        tally.stop = Some(error.to_string());
                        tally.open.extend(pending.iter().map(|item| item.number));
                        return Ok(());
                    }
                    continue;
                }
            };
            if let Some(size) = self.pace.note(commands, sent, sent.elapsed()) {
                let commands = u64::try_from(size).unwrap_or(u64::MAX);
                self.watcher.event(&Event::Paced { commands, took: sent.elapsed() });
            }
            let mut unanswered = pending.split_off(replies.len().min(pending.len()));
            let (mut again, reason) = self.judge(pending, &shapes, replies, tally);
            if let Some(error) = lost {
                self.session.broken();
                match self.find_out(error, &mut unanswered, backoff.afresh(), tally) {
                    Ok(()) => again.append(&mut unanswered),
                    Err(reason) => {
                        tally.unknown.extend(unanswered.iter().map(|item| item.number));
                        let (first, last) = (tally.unknown.first(), tally.unknown.last());
                        let which = first.zip(last).map(|(first, last)| match first == last {
                            true => format!("; what became of command {first} is not known"),
                            false => format!("; what became of commands {first} to {last} is not known"),
                        });
                        tally.stop.get_or_insert(reason + &which.unwrap_or_default());
                    }
                }
            } else if let Some(reason) = reason.filter(|_| !again.is_empty() && tally.stop.is_none())
                && !self.pause(&reason, &mut backoff)
            {
                tally.stop = Some(reason);
            }
            if tally.stop.is_some() {
                tally.open.extend(again.iter().map(|item| item.number));
                return Ok(());
            }
            rounds = rounds.saturating_add(u32::from(std::mem::take(&mut self.judged_anew)));
            pending = again;
        }
        Ok(())
    }

    /// Looks at the keys of deletions once more, as far as it is known what they must be: between the look before and this
    /// a person may have taken their time. What is not as it must be is left alone, and what would follow on it.
    fn look_again(&mut self, pending: &mut Vec<Cow<'_, Item<'_>>>) -> Result<(), QueryError> {
        let is_known = |item: &Item<'_>| item.verb.deletes_keys() && item.before.iter().any(|was| *was != Was::Any);
        if !pending.iter().any(|item| is_known(item)) {
            return Ok(());
        }
        let look = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
        self.connect()?;
        let items: Vec<&Item<'_>> = pending.iter().map(AsRef::as_ref).collect();
        let changed = exact::changed(self.session.link()?, &items, &look)?;
        for (at, item) in pending.iter_mut().enumerate() {
            // Gone, it may be our own doing; and that is all that an apply wants.
            let is_right = item.may_be_done || self.terms.way == Way::Apply;
            let of_item = changed.iter().filter(|found| found.item == at && !(found.is_gone && is_right));
            let parts: Vec<usize> = of_item.map(|found| found.part).collect();
            if parts.is_empty() {
                continue;
            }
            let keys = item.parts().enumerate().filter(|(part, _)| parts.contains(part));
            let keys: Vec<Vec<u8>> = keys.map(|(_, (_, key))| key.to_vec()).collect();
            self.moved_on.extend(keys.iter().map(|key| (item.db, key.clone())));
            self.keep(item, keys);
            if !item.to_mut().retain(|part, _| !parts.contains(&part)) {
                item.to_mut().args.clear();
            }
        }
        pending.retain(|item| !item.args.is_empty());
        Ok(())
    }

    /// Says why, and waits; longer each time. `false` where it is time to give up, or Ctrl-C was pressed.
    pub(super) fn pause(&mut self, reason: &str, backoff: &mut Backoff) -> bool {
        if backoff.is_over() {
            return false;
        }
        let wait = backoff.next_wait();
        self.watcher.event(&Event::Waiting { reason: reason.to_owned(), wait });
        self.sleep(wait)
    }

    /// One round: all commands out, all replies in. Where the database changes, everything before it is answered first.
    fn exchange(&mut self, pending: &[Cow<'_, Item<'_>>], shapes: &[Shape]) -> (Vec<Reply>, Option<LinkError>) {
        let mut replies = Vec::with_capacity(pending.len());
        let link = match self.connect().and_then(|_| self.session.link()) {
            Ok(link) => link,
            Err(error) => return (replies, Some(error)),
        };
        let mut bytes = Vec::new();
        let mut left = shapes;
        for items in pending.chunk_by(|a, b| a.db == b.db) {
            let (of_items, rest) = left.split_at_checked(items.len()).unwrap_or((left, &[]));
            left = rest;
            let db = items.first().map_or(0, |item| item.db);
            if let Err(error) = link.select(db) {
                return (replies, Some(error));
            }
            bytes.clear();
            // How many commands each reply is for.
            let mut answered: Vec<usize> = Vec::new();
            for (item, shape) in items.iter().zip(of_items) {
                match (shape, answered.last_mut()) {
                    (Shape::With, Some(commands)) => {
                        *commands = commands.saturating_add(1);
                        continue;
                    }
                    _ => answered.push(1),
                }
                bytes.extend_from_slice(match shape {
                    Shape::Script(script) | Shape::Whole(script) => script,
                    Shape::Plain | Shape::Nothing | Shape::With => &item.bytes,
                });
            }
            // What had been answered before a send failed is still worth knowing.
            let mut lost = link.send(&bytes).err();
            // But not the reply to the last command: some of the bytes never left.
            let expected = answered.len().saturating_sub(usize::from(lost.is_some()));
            let mut unanswered = items.iter();
            for commands in answered.into_iter().take(expected) {
                match link.receive() {
                    Ok(reply) if commands == 1 => {
                        unanswered.next();
                        replies.push(reply);
                    }
                    Ok(reply) => {
                        let sizes = unanswered.by_ref().take(commands).map(|item| item.parts().count());
                        replies.extend(parts_of(reply, sizes));
                    }
                    Err(error) => {
                        lost.get_or_insert(error);
                        break;
                    }
                }
            }
            if lost.is_some() {
                return (replies, lost);
            }
        }
        (replies, None)
    }

    /// Sorts the answers. Gives what must be sent again, and why.
    fn judge<'i>(
        &mut self,
        sent: Vec<Cow<'i, Item<'e>>>,
        shapes: &[Shape],
        replies: Vec<Reply>,
        tally: &mut Tally,
    ) -> (Vec<Cow<'i, Item<'e>>>, Option<String>) {
        let mut again: Vec<Cow<'i, Item<'e>>> = Vec::new();
        let mut reason = None;
        // Keys with a refused command in this batch: because of it, what follows on them may be answered otherwise.
        let mut waiting: HashSet<(u32, &'e [u8])> = HashSet::new();
        for ((mut item, shape), reply) in sent.into_iter().zip(shapes).zip(replies) {
            if *shape != Shape::Plain
                && let Some(answers) = guard::answers(&reply, item.parts().count())
            {
                let prunes = self.guard.as_ref().is_some_and(|guard| guard.prunes(&item));
                if item.verb.deletes_keys() && !prunes {
                    let may_be_done = item.may_be_done;
                    // A list that is gone is not made again, unless it was us before the connection was lost.
                    let goes_back = self.terms.way == Way::Rollback && !may_be_done;
                    let is_list = |was: &Was<'_>| matches!(was, Was::List(_)) && goes_back;
                    let is_kept = |item: &Item<'_>, at: usize| match answers.get(at) {
                        Some(answer) => *answer < 0 || *answer == 0 && is_list(item.was(at)),
                        None => true,
                    };
                    let changed = item.parts().enumerate().filter(|(at, _)| is_kept(&item, *at));
                    let changed: Vec<(usize, Vec<u8>)> = changed.map(|(at, (_, key))| (at, key.to_vec())).collect();
                    for ((_, key), _) in item.parts().zip(&answers).filter(|(_, answer)| **answer == 0) {
                        // Somebody else deleted it, unless we did before the connection was lost.
                        if !may_be_done {
                            self.leave_in_place(&item, key);
                        }
                    }
                    if !changed.is_empty() {
                        let known = changed.iter().filter(|(at, _)| *item.was(*at) != Was::Any);
                        self.moved_on.extend(known.map(|(_, key)| (item.db, key.clone())));
                        let places: HashSet<usize> = changed.iter().map(|(at, _)| *at).collect();
                        self.keep(&item, changed.into_iter().map(|(_, key)| key).collect());
                        item.to_mut().retain(|at, _| !places.contains(&at));
                    }
                    self.count(&item);
                } else if self.scripted(&mut item, &answers) {
                    waiting.insert((item.db, item.key()));
                    again.push(item);
                }
                continue;
            }
            if *shape != Shape::Plain && reply.as_bytes() == Some(guard::KEPT) {
                // What was in the way may be gone once what came before is done.
                let key = (item.db, item.key());
                if tally.holds(&item) {
                    tally.open.push(item.number);
                } else if waiting.contains(&key) {
                    again.push(item);
                } else {
                    self.keep_key(&item);
                }
                continue;
            }
            if item.accepts(&reply) {
                self.count(&item);
                continue;
            }
            let after_refusal = waiting.contains(&(item.db, item.key()));
            let is_held = tally.holds(&item);
            if matches!(&reply, Reply::Error(error) if matches!(error.class(), Class::Stop | Class::Full)) {
                tally.held.extend(item.keys().iter().map(|key| (item.db, key.to_vec())));
            }
            match &reply {
                Reply::Error(error) => match error.class() {
                    Class::Wait => {
                        reason.get_or_insert_with(|| complaint(&item, &reply));
                        waiting.extend(item.keys().iter().map(|key| (item.db, *key)));
                        again.push(item);
                    }
                    Class::Full if makes_larger(item.verb) => {
                        if self.full.is_none() {
                            self.trouble(&item, &reply);
                        }
                        self.full.get_or_insert_with(|| error.to_string());
                        tally.open.push(item.number);
                    }
                    // What is there may be gone once what came before is done.
                    Class::Key if is_held => tally.open.push(item.number),
                    Class::Key if after_refusal => again.push(item),
                    Class::Key => {
                        self.trouble(&item, &reply);
                        if item.makes_key() {
                            self.taken.insert((item.db, item.key().to_vec()));
                        }
                        tally.failed.push((item.number, error.text().to_owned()));
                    }
                    Class::Stop | Class::Full => {
                        if tally.stop.is_none() {
                            self.trouble(&item, &reply);
                        }
                        tally.stop.get_or_insert_with(|| complaint(&item, &reply));
                        tally.open.push(item.number);
                    }
                },
                // There is no key any more that could be changed.
                Reply::Nil if item.verb == Verb::SetChanged => {
                    self.trouble(&item, &reply);
                    tally.failed.push((item.number, "there is no key of that name".into()));
                }
                // It was another value, which is overwritten.
                Reply::Bulk(_) | Reply::Status(_) if item.verb == Verb::SetChanged => {
                    self.trouble(&item, &reply);
                    tally.otherwise.push((item.number, 0));
                    self.count(&item);
                }
                Reply::Nil if matches!(item.verb, Verb::Set | Verb::SetNew | Verb::JsonSet) => {
                    self.trouble(&item, &reply);
                    self.taken.insert((item.db, item.key().to_vec()));
                    tally.failed.push((item.number, "there is a key of that name".into()));
                }
                // An expiry finds no key, say, whose members had no room: both are done when it is resumed.
                Reply::Integer(_) if is_held => tally.open.push(item.number),
                Reply::Integer(_) if after_refusal => again.push(item),
                Reply::Integer(number) => {
                    self.trouble(&item, &reply);
                    tally.otherwise.push((item.number, *number));
                    self.count(&item);
                }
                _ => {
                    self.trouble(&item, &reply);
                    tally.stop.get_or_insert_with(|| complaint(&item, &reply));
                    tally.unknown.push(item.number);
                }
            }
        }
        (again, reason)
    }

    pub(super) fn count(&mut self, item: &Item<'e>) {
        if self.session.may_fail_over() {
            self.recent.push(item.clone());
        }
        for node in self.session.nodes(&item.bytes) {
            let commands = self.report.nodes.entry(node).or_default();
            *commands = commands.saturating_add(1);
        }
        self.watcher.done(item);
        let done = &mut self.report.done;
        done.commands = done.commands.saturating_add(1);
        done.members = done.members.saturating_add(item.members());
        done.deleted_keys = done.deleted_keys.saturating_add(item.deleted_keys());
        done.bytes = done.bytes.saturating_add(u64::try_from(item.bytes.len()).unwrap_or(u64::MAX));
    }

    fn trouble(&mut self, item: &Item<'_>, reply: &Reply) {
        self.watcher.event(&Event::Trouble {
            number: item.number,
            command: item.verb.name(),
            key: item.key().to_vec(),
            wanted: item.wanted.to_string(),
            got: reply.to_string(),
            advice: advice_for(item, reply).to_owned(),
            of_a_cluster: matches!(reply, Reply::Error(error) if error.is_of_a_cluster()),
        });
    }

    /// Connects again and looks up what became of commands whose answers were lost. What was carried out is counted and
    /// taken out of `unanswered`; what was carried out in part loses that part.
    fn find_out(
        &mut self,
        mut error: LinkError,
        unanswered: &mut Vec<Cow<'_, Item<'e>>>,
        mut backoff: Backoff,
        tally: &Tally,
    ) -> Result<(), String> {
        loop {
            let reason = error.to_string();
            if !error.is_transient() || tally.stop.is_some() || !self.pause(&reason, &mut backoff) {
                return Err(reason);
            }
            let connected = self.connect();
            // What a node answered in this batch may be lost with it.
            let answered_before = unanswered.len();
            if let Ok(true) = connected {
                unanswered.extend(self.recent.drain(..).map(Cow::Owned));
            }
            let subjects: Vec<Subject<'_, '_>> =
                unanswered.iter().map(|item| Subject { item, was_sent: true, there: There::Unknown }).collect();
            let look = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
            let looked = match connected.and_then(|_| self.session.link()) {
                Ok(link) => inspect(link, &subjects, &look, &mut |_| {}),
                Err(error) => Err(QueryError::Link(error)),
            };
            let found = match looked {
                Ok(found) => found,
                Err(QueryError::Link(next)) => {
                    self.session.broken();
                    error = next;
                    continue;
                }
                Err(QueryError::Refused { reply: Reply::Error(error), .. }) if error.class() == Class::Wait => {
                    let reason = format!("the server says {error}");
                    if !self.pause(&reason, &mut backoff) {
                        return Err(reason);
                    }
                    continue;
                }
                Err(other) => return Err(other.to_string()),
            };
            let mut found_done: u64 = 0;
            let mut open = Vec::new();
            for (at, (mut item, found)) in unanswered.drain(..).zip(found).enumerate() {
                match found {
                    Found::Done if at >= answered_before => {
                        self.recent.push(item.into_owned());
                        continue;
                    }
                    Found::Done => {
                        self.count(&item);
                        found_done = found_done.saturating_add(1);
                        continue;
                    }
                    Found::Partly(_) => {
                        let theirs = item.parts().enumerate().filter(|(at, _)| found.part(*at) == Part::Theirs);
                        let theirs: Vec<Vec<u8>> = theirs.map(|(_, (_, part))| part.to_vec()).collect();
                        if !theirs.is_empty() {
                            self.keep(&item, theirs);
                        }
                        if !item.to_mut().retain(|at, _| found.part(at) == Part::Open) {
                            continue;
                        }
                    }
                    Found::Open => {}
                }
                item.to_mut().loosen();
                open.push(item);
            }
            *unanswered = open;
            self.watcher.event(&Event::Reconnected { found_done });
            return Ok(());
        }
    }
}

/// How often the replicas of a cluster are waited for before it is too much.
const MOST_SETTLING: u32 = 10;

impl<'e> Engine<'e, '_, '_> {
    /// Waits until what was answered is where it survives the loss of a node. If one is lost meanwhile, looks what of it is
    /// there, and sends the rest again.
    pub(super) fn settle(&mut self, tally: &mut Tally) -> Result<(), JournalError> {
        let mut rounds: u32 = 0;
        while let Err(error) = self.session.settle() {
            self.session.broken();
            rounds = rounds.saturating_add(1);
            let mut again: Vec<Cow<'_, Item<'e>>> = Vec::new();
            let found = match tally.stop.is_some() || rounds > MOST_SETTLING {
                true => Err(error.to_string()),
                false => self.find_out(error, &mut again, Backoff::new(self.terms.retry_for), tally),
            };
            if let Err(reason) = found {
                // A later run looks at it.
                tally.unknown.extend(again.iter().map(|item| item.number));
                tally.unknown.extend(self.recent.drain(..).map(|item| item.number));
                tally.stop.get_or_insert(reason);
                return Ok(());
            }
            self.send(again, tally)?;
        }
        self.recent.clear();
        Ok(())
    }
}

/// What a script answered for several commands, for each of them.
fn parts_of(reply: Reply, sizes: impl Iterator<Item = usize>) -> Vec<Reply> {
    match reply {
        Reply::Array(answers) => {
            let mut answers = answers.into_iter();
            sizes.map(|size| Reply::Array(answers.by_ref().take(size).collect())).collect()
        }
        reply => sizes.map(|_| reply.clone()).collect(),
    }
}

fn complaint(item: &Item<'_>, reply: &Reply) -> String {
    let (number, name, key) = (item.number, item.verb.name(), Printable(item.key()));
    format!("command {number}, {name} {key}, was answered with {reply}: {}", advice_for(item, reply))
}

fn advice_for(item: &Item<'_>, reply: &Reply) -> &'static str {
    match (item.verb, reply) {
        (Verb::SetChanged, Reply::Nil) => "somebody deleted it since; nothing was written",
        (Verb::SetChanged, Reply::Bulk(_) | Reply::Status(_)) => {
            "somebody had changed it since it was looked at, and this overwrote what they wrote; is it right now?"
        }
        (Verb::SetChanged, Reply::Error(error)) if error.text().contains("syntax error") => {
            "a server before 6.2 cannot change a value and tell the old one; nothing was written"
        }
        _ => advice(reply),
    }
}
