//! The replay itself: a batch announced in the journal, sent, answered, acknowledged; then the next.
//!
//! Nothing is sent twice blindly. A command that was refused was not carried out and may go again; of a command whose
//! answer was lost the database itself is asked what became of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::class::Class;
use super::event::{Event, Watcher};
use super::guard::{self, Guard, Shape};
use super::hint;
use super::inspect::{Found, Subject, inspect};
use super::item::{Item, Wanted};
use super::journal::{Journal, JournalError, Record, Way, now};
use super::link::{LinkError, Printable, Reply};
use super::pace::Pace;
use super::preflight::LookOptions;
use super::query::{QueryError, is_alive};
use super::run::Progress;
use super::script::Verb;
use super::session::Session;
use crate::plan::manifest::Bytes;
use crate::resp::{self, BatchLimits};

/// The first wait before something is tried again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a record is judged anew because it changed in between.
const MOST_ROUNDS: u32 = 5;
/// How often Ctrl-C and the pause file are looked at while waiting.
const SLICE: Duration = Duration::from_millis(50);
/// A service closes a connection that says nothing for long.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What to do about a database that is not as the plan expects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDrift {
    Stop,
    /// Leave the keys alone that differ.
    Skip,
    /// Edit them all the same.
    Proceed,
}

/// How to replay.
#[derive(Clone, Debug)]
pub struct Terms<'t> {
    pub way: Way,
    pub limits: BatchLimits,
    /// Commands a second.
    pub max_rate: Option<u32>,
    /// Nothing is sent while this file exists.
    pub pause_file: Option<PathBuf>,
    /// How long to try again before giving up (resumably).
    pub retry_for: Duration,
    pub on_drift: OnDrift,
    /// Once it is set, no further batch is sent.
    pub interrupt: &'t AtomicBool,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was done that could be.
    Done,
    Interrupted,
    /// It can be resumed once this is mended.
    Stopped(String),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub ending: Ending,
    pub done: Progress,
    /// Commands given up because of their key.
    pub failed: u64,
    /// Commands that were carried out and answered otherwise than the plan says.
    pub otherwise: u64,
    /// Edits that a guard left alone, because their record has moved.
    pub kept: u64,
    /// Commands that still are to be done.
    pub left: u64,
    /// Whether anything was sent at all.
    pub sent: bool,
}

/// Sends the items, in order, from the first; with a guard, each edit only if it is still right.
pub fn run(
    items: &[Item<'_>],
    session: &mut Session<'_>,
    journal: &mut Journal,
    terms: &Terms<'_>,
    guard: Option<&mut Guard<'_>>,
    watcher: &mut dyn Watcher,
) -> Result<Report, JournalError> {
    let report = Report {
        ending: Ending::Done,
        done: Progress::default(),
        failed: 0,
        otherwise: 0,
        kept: 0,
        left: 0,
        sent: false,
    };
    let pace = Pace::new(terms.limits.commands, terms.max_rate);
    let mut engine = Engine { session, journal, terms, guard, watcher, report, pace, full: None };
    let mut rest = items;
    while !rest.is_empty() {
        if let Err(ending) = engine.wait_for_leave() {
            engine.report.ending = ending;
            break;
        }
        let (batch, after) = rest.split_at(engine.next_batch(rest));
        let goes_on = batch.last().zip(after.first()).is_some_and(|(last, next)| last.number == next.number);
        if let Err(ending) = engine.batch(batch, goes_on)? {
            rest = after;
            engine.report.ending = ending;
            break;
        }
        rest = after;
    }
    let left = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    engine.report.left = engine.report.left.saturating_add(left);
    if let (Ending::Done, Some(text)) = (&engine.report.ending, engine.full.take()) {
        let reason = format!("there is no room for the additions ({text}); the deletions were done. Make room");
        engine.report.ending = Ending::Stopped(reason);
    }
    let (way, at) = (terms.way, now());
    engine.journal.add(&match &engine.report.ending {
        Ending::Done => Record::End { way, at },
        Ending::Interrupted => Record::Stop { way, at, reason: "interrupted".into() },
        Ending::Stopped(reason) => Record::Stop { way, at, reason: reason.clone() },
    });
    engine.journal.sync()?;
    Ok(engine.report)
}

/// Waits in slices. `false` once Ctrl-C was pressed.
pub fn rest(time: Duration, interrupt: &AtomicBool) -> bool {
    let end = Instant::now().checked_add(time);
    while !interrupt.load(Ordering::Relaxed) {
        let left = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(SLICE));
    }
    false
}

struct Engine<'e, 'd, 'g> {
    session: &'e mut Session<'d>,
    journal: &'e mut Journal,
    terms: &'e Terms<'e>,
    guard: Option<&'e mut Guard<'g>>,
    watcher: &'e mut dyn Watcher,
    report: Report,
    pace: Pace,
    /// The server's words when it had no room.
    full: Option<String>,
}

/// What is known of a batch while it is under way.
#[derive(Default)]
struct Tally {
    open: Vec<u64>,
    unknown: Vec<u64>,
    failed: Vec<(u64, String)>,
    otherwise: Vec<(u64, i64)>,
    /// Why nothing more is sent.
    stop: Option<String>,
}

impl Engine<'_, '_, '_> {
    fn interrupted(&self) -> bool {
        self.terms.interrupt.load(Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> bool {
        rest(time, self.terms.interrupt)
    }

    /// Waits until the next batch may go.
    fn wait_for_leave(&mut self) -> Result<(), Ending> {
        let wait = self.pace.wait();
        if !self.sleep(wait) {
            return Err(Ending::Interrupted);
        }
        let Some(path) = self.terms.pause_file.clone() else { return Ok(()) };
        let mut said = false;
        let mut alive = Instant::now();
        while path.exists() {
            if !said {
                said = true;
                let reason = format!("paused: {} exists", path.display());
                self.watcher.event(&Event::Waiting { reason, wait: Duration::ZERO });
            }
            if !self.sleep(SLICE) {
                return Err(Ending::Interrupted);
            }
            if alive.elapsed() > KEEP_ALIVE {
                alive = Instant::now();
                // If it is gone, the next batch makes another.
                if self.session.link().and_then(is_alive).is_err() {
                    self.session.broken();
                }
            }
        }
        Ok(())
    }

    /// How many items go into the next batch: by the limits, and never two whose order matters when one is refused and
    /// sent again: deletions and what follows them, and pieces of one value.
    fn next_batch(&self, items: &[Item<'_>]) -> usize {
        let mut bytes: usize = 0;
        let mut grown: HashSet<(u32, &[u8])> = HashSet::new();
        let deletes = items.first().is_some_and(|first| first.verb.deletes_keys());
        for (at, item) in items.iter().enumerate() {
            // What a script needs besides: each member again as a key, and the state of its record.
            let factor: usize = if self.guard.is_some() { 4 } else { 1 };
            bytes = bytes.saturating_add(item.bytes.len().saturating_mul(factor));
            let grows = matches!(item.verb, Verb::Set | Verb::Append | Verb::RPush);
            if at > 0
                && (at >= self.pace.commands()
                    || bytes > self.terms.limits.bytes
                    || item.verb.deletes_keys() != deletes
                    || grows && grown.contains(&(item.db, item.key())))
            {
                return at;
            }
            if grows {
                grown.insert((item.db, item.key()));
            }
        }
        items.len()
    }

    /// `goes_on` where the next batch has more of the last command of this one.
    fn batch(&mut self, batch: &[Item<'_>], goes_on: bool) -> Result<Result<(), Ending>, JournalError> {
        let way = self.terms.way;
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(Ok(())) };
        let (first, last) = (first.number, last.number);
        let mut tally = Tally::default();
        let mut pending: Vec<Cow<'_, Item<'_>>> = Vec::with_capacity(batch.len());
        for item in batch {
            match self.full {
                Some(_) if makes_larger(item.verb) => tally.open.push(item.number),
                _ => pending.push(Cow::Borrowed(item)),
            }
        }
        if !pending.is_empty() {
            // On the disk, with the acknowledgement of the batch before, before anything leaves.
            self.journal.add(&Record::Intent { way, first, last });
            self.journal.sync()?;
            let bytes = pending.iter().fold(0, |sum: usize, item| sum.saturating_add(item.bytes.len()));
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.watcher.event(&Event::Sending { first, last, bytes });
            self.report.sent = true;
            self.send(pending, &mut tally);
            self.report.done.batches = self.report.done.batches.saturating_add(1);
            self.watcher.event(&Event::Answered(self.report.done));
        }
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        self.report.failed = self.report.failed.saturating_add(count(tally.failed.len()));
        self.report.otherwise = self.report.otherwise.saturating_add(count(tally.otherwise.len()));
        let left = tally.open.len().saturating_add(tally.unknown.len());
        self.report.left = self.report.left.saturating_add(count(left));
        let Tally { open, mut unknown, failed, otherwise, stop } = tally;
        if goes_on {
            unknown.push(last);
        }
        if stop.is_none() && self.terms.on_drift == OnDrift::Stop && !otherwise.is_empty() {
            let reason = "the database has changed since it was looked at (`--on-drift` says what to do about that)";
            self.journal.add(&Record::Ack { way, first, last, open, unknown, failed, otherwise });
            return Ok(Err(Ending::Stopped(reason.into())));
        }
        self.journal.add(&Record::Ack { way, first, last, open, unknown, failed, otherwise });
        Ok(match stop {
            Some(_) if self.interrupted() => Err(Ending::Interrupted),
            Some(reason) => Err(Ending::Stopped(reason)),
            None => Ok(()),
        })
    }

    /// Sends a batch until each of its commands has an answer, or there is no sense in trying again.
    fn send(&mut self, mut pending: Vec<Cow<'_, Item<'_>>>, tally: &mut Tally) {
        let give_up = Instant::now().checked_add(self.terms.retry_for);
        let mut wait = FIRST_WAIT;
        let mut rounds = 0;
        while !pending.is_empty() {
            let sent = Instant::now();
            let commands = pending.len();
            let (shapes, refused) = match self.prepare(&mut pending, rounds) {
                Ok(shapes) => (shapes, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            rounds = rounds.saturating_add(1);
            if pending.is_empty() {
                return;
            }
            let (replies, lost) = match refused {
                None => self.exchange(&pending, &shapes),
                Some(QueryError::Link(error)) => (Vec::new(), Some(error)),
                Some(error) => {
                    let late = give_up.is_none_or(|give_up| Instant::now() >= give_up);
                    if late || !error.is_transient(true) || !self.pause(&error.to_string(), &mut wait) {
                        tally.stop = Some(error.to_string());
                        tally.open.extend(pending.iter().map(|item| item.number));
                        return;
                    }
                    continue;
                }
            };
            if let Some(size) = self.pace.note(commands, sent, sent.elapsed()) {
                let commands = u64::try_from(size).unwrap_or(u64::MAX);
                self.watcher.event(&Event::Paced { commands, took: sent.elapsed() });
            }
            let mut unanswered = pending.split_off(replies.len().min(pending.len()));
            let (mut again, reason) = self.judge(pending, replies, tally);
            if let Some(error) = lost {
                self.session.broken();
                match self.find_out(error, &mut unanswered, give_up, tally) {
                    Ok(()) => again.append(&mut unanswered),
                    Err(reason) => {
                        tally.unknown.extend(unanswered.iter().map(|item| item.number));
                        tally.stop.get_or_insert(reason);
                    }
                }
            } else if let Some(reason) = reason.filter(|_| !again.is_empty() && tally.stop.is_none()) {
                let late = give_up.is_none_or(|give_up| Instant::now() >= give_up);
                if late || !self.pause(&reason, &mut wait) {
                    tally.stop = Some(reason);
                }
            }
            if tally.stop.is_some() {
                tally.open.extend(again.iter().map(|item| item.number));
                return;
            }
            pending = again;
        }
    }

    /// Lets the guard decide about a batch; what it keeps is left out for good. Whatever is judged anew too often is kept
    /// as well: a record that changes all the time is somebody else's.
    fn prepare(&mut self, pending: &mut Vec<Cow<'_, Item<'_>>>, rounds: u32) -> Result<Vec<Shape>, QueryError> {
        let Some(guard) = &mut self.guard else { return Ok(vec![Shape::Plain; pending.len()]) };
        let look = LookOptions { db: self.session.db(), limits: self.terms.limits, ..LookOptions::default() };
        let (mut shapes, mut kept) = guard.prepare(self.session.link()?, pending, &look)?;
        if rounds > MOST_ROUNDS {
            let scripted = shapes.iter_mut().zip(pending.iter()).enumerate();
            for (at, (shape, item)) in scripted.filter(|(_, (shape, _))| matches!(shape, Shape::Script(_))) {
                *shape = Shape::Nothing;
                kept.push((at, item.parts().map(|(_, part)| part.to_vec()).collect()));
            }
        }
        for (at, parts) in kept {
            if let Some(item) = pending.get(at) {
                self.keep(item, parts);
            }
        }
        let mut left = shapes.iter();
        pending.retain(|_| !matches!(left.next(), Some(Shape::Nothing)));
        shapes.retain(|shape| *shape != Shape::Nothing);
        Ok(shapes)
    }

    /// Edits that are not made: noted, so that nothing undoes them.
    fn keep(&mut self, item: &Item<'_>, parts: Vec<Vec<u8>>) {
        let count = u64::try_from(parts.len()).unwrap_or(u64::MAX);
        self.report.kept = self.report.kept.saturating_add(count);
        for part in &parts {
            self.leave(item, part);
        }
        self.watcher.event(&Event::Kept {
            number: item.number,
            command: item.verb.name(),
            key: item.key().to_vec(),
            parts,
        });
    }

    fn leave(&mut self, item: &Item<'_>, part: &[u8]) {
        let (key, member) = match item.verb.deletes_keys() {
            true => (part, None),
            false => (item.key(), Some(Bytes(part.to_vec()))),
        };
        self.journal.add(&Record::Leave { way: self.terms.way, db: item.db, key: Bytes(key.to_vec()), member });
    }

    /// What a script answered: edits that were made, edits that were in place, edits whose record has changed since it
    /// was judged. The last are left in the item; whether there are any.
    fn scripted<'a>(&mut self, item: &mut Cow<'_, Item<'a>>, answers: &[i64]) -> bool {
        let parts: Vec<&'a [u8]> = item.parts().map(|(_, part)| part).collect();
        let was_sent_before = matches!(item.wanted, Wanted::UpTo(_));
        for (part, _) in parts.iter().zip(answers).filter(|(_, answer)| **answer == 0) {
            // Somebody else made that edit. A score that changes is answered with 0 as well, and is ours.
            if !was_sent_before && item.verb != Verb::ZAdd {
                self.leave(item, part);
            }
        }
        let mut done = item.clone();
        if done.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer > 0)) {
            self.count(&done);
        }
        item.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer < 0))
    }

    /// Says why, and waits; longer each time.
    fn pause(&mut self, reason: &str, wait: &mut Duration) -> bool {
        self.watcher.event(&Event::Waiting { reason: reason.to_owned(), wait: *wait });
        let rested = self.sleep(*wait);
        *wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        rested
    }

    /// One round: all commands out, all replies in. Changes of the database are put between, and their replies taken out.
    fn exchange(&mut self, pending: &[Cow<'_, Item<'_>>], shapes: &[Shape]) -> (Vec<Reply>, Option<LinkError>) {
        let mut replies = Vec::with_capacity(pending.len());
        let mut db = match self.session.link() {
            Ok(_) => self.session.db(),
            Err(error) => return (replies, Some(error)),
        };
        let mut bytes = Vec::new();
        let mut selects = Vec::with_capacity(pending.len());
        for (item, shape) in pending.iter().zip(shapes) {
            let select = item.db != db;
            if select {
                db = item.db;
                resp::encode(&["SELECT", &db.to_string()], &mut bytes);
            }
            selects.push(select);
            bytes.extend_from_slice(if let Shape::Script(script) = shape { script } else { &item.bytes });
        }
        self.session.selected(db);
        let link = match self.session.link() {
            Ok(link) => link,
            Err(error) => return (replies, Some(error)),
        };
        // What had been answered before a send failed is still worth knowing.
        let mut lost = link.send(&bytes).err();
        for (at, select) in selects.iter().enumerate() {
            // But not the reply to the last command: some of the bytes never left.
            if lost.is_some() && at.saturating_add(1) == selects.len() {
                break;
            }
            let received = match select {
                true => match link.receive() {
                    Ok(Reply::Error(text)) => {
                        Err(LinkError::Database { cause: Printable(text.as_bytes()).to_string() })
                    }
                    Ok(_) => link.receive(),
                    Err(error) => Err(error),
                },
                false => link.receive(),
            };
            match received {
                Ok(reply) => replies.push(reply),
                Err(error) => {
                    lost.get_or_insert(error);
                    break;
                }
            }
        }
        (replies, lost)
    }

    /// Sorts the answers. Gives what must be sent again, and why.
    fn judge<'i, 'a>(
        &mut self,
        sent: Vec<Cow<'i, Item<'a>>>,
        replies: Vec<Reply>,
        tally: &mut Tally,
    ) -> (Vec<Cow<'i, Item<'a>>>, Option<String>) {
        let mut again: Vec<Cow<'i, Item<'a>>> = Vec::new();
        let mut reason = None;
        // Keys of which a command of this batch was refused: what follows on them may be answered otherwise for it.
        let mut waiting: HashSet<(u32, &'a [u8])> = HashSet::new();
        for (mut item, reply) in sent.into_iter().zip(replies) {
            if self.guard.is_some()
                && let Some(answers) = guard::answers(&reply, item.parts().count())
            {
                if item.verb.deletes_keys() {
                    let changed = item.parts().zip(&answers).filter(|(_, answer)| **answer < 0);
                    let changed: Vec<Vec<u8>> = changed.map(|((_, key), _)| key.to_vec()).collect();
                    for ((_, key), _) in item.parts().zip(&answers).filter(|(_, answer)| **answer == 0) {
                        // Somebody else deleted it, unless we did before the connection was lost.
                        if !matches!(item.wanted, Wanted::UpTo(_)) {
                            self.leave(&item, key);
                        }
                    }
                    if !changed.is_empty() {
                        self.keep(&item, changed);
                        item.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer >= 0));
                    }
                    self.count(&item);
                } else if self.scripted(&mut item, &answers) {
                    again.push(item);
                }
                continue;
            }
            if item.accepts(&reply) {
                self.count(&item);
                continue;
            }
            let after_refusal = waiting.contains(&(item.db, item.key()));
            match &reply {
                Reply::Error(text) => match Class::of(text) {
                    Class::Wait => {
                        reason.get_or_insert_with(|| format!("the server says {}", Printable(text.as_bytes())));
                        waiting.extend(item.keys().iter().map(|key| (item.db, *key)));
                        again.push(item);
                    }
                    Class::Full if makes_larger(item.verb) => {
                        if self.full.is_none() {
                            self.trouble(&item, &reply);
                        }
                        self.full.get_or_insert_with(|| Printable(text.as_bytes()).to_string());
                        tally.open.push(item.number);
                    }
                    Class::Key => {
                        self.trouble(&item, &reply);
                        tally.failed.push((item.number, text.clone()));
                    }
                    Class::Stop | Class::Full => {
                        if tally.stop.is_none() {
                            self.trouble(&item, &reply);
                        }
                        tally.stop.get_or_insert_with(|| complaint(&item, &reply));
                        tally.open.push(item.number);
                    }
                },
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

    fn count(&mut self, item: &Item<'_>) {
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
            advice: hint::for_reply(reply).to_owned(),
        });
    }

    /// Connects anew and looks what became of commands whose answers were lost. What was carried out is counted and
    /// taken out of `unanswered`; what was carried out in part loses that part.
    fn find_out(
        &mut self,
        mut error: LinkError,
        unanswered: &mut Vec<Cow<'_, Item<'_>>>,
        give_up: Option<Instant>,
        tally: &Tally,
    ) -> Result<(), String> {
        let mut wait = FIRST_WAIT;
        loop {
            let reason = error.to_string();
            let late = give_up.is_none_or(|give_up| Instant::now() >= give_up);
            if !error.is_transient() || tally.stop.is_some() || late || !self.pause(&reason, &mut wait) {
                return Err(reason);
            }
            let subjects: Vec<Subject<'_, '_>> =
                unanswered.iter().map(|item| Subject { item, was_sent: true }).collect();
            let look = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
            let looked = match self.session.link() {
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
                Err(QueryError::Refused { reply: Reply::Error(text), .. }) if Class::of(&text) == Class::Wait => {
                    let late = give_up.is_none_or(|give_up| Instant::now() >= give_up);
                    let reason = format!("the server says {}", Printable(text.as_bytes()));
                    if late || !self.pause(&reason, &mut wait) {
                        return Err(reason);
                    }
                    continue;
                }
                Err(other) => return Err(other.to_string()),
            };
            let mut found_done: u64 = 0;
            let mut open = Vec::new();
            for (mut item, found) in unanswered.drain(..).zip(found) {
                match found {
                    Found::Done => {
                        self.count(&item);
                        found_done = found_done.saturating_add(1);
                        continue;
                    }
                    Found::Partly(states) => {
                        item.to_mut().retain(|at, _| !states.get(at).copied().unwrap_or_default());
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

/// Whether a command needs room.
fn makes_larger(verb: Verb) -> bool {
    !matches!(verb, Verb::Unlink | Verb::Del | Verb::SRem | Verb::ZRem | Verb::Select)
}

fn complaint(item: &Item<'_>, reply: &Reply) -> String {
    let (number, name, key) = (item.number, item.verb.name(), Printable(item.key()));
    format!("command {number}, {name} {key}, was answered with {reply}: {}", hint::for_reply(reply))
}

impl Item<'_> {
    /// It may have been sent before, and its bytes may even still be on their way: any number will do, as long as doing
    /// it twice does no harm.
    pub(super) fn loosen(&mut self) {
        if !matches!(
            self.verb,
            Verb::RPush | Verb::Append | Verb::Set | Verb::Restore | Verb::JsonSet | Verb::HPExpireAt
        ) {
            let parts = i64::try_from(self.parts().count()).unwrap_or(i64::MAX);
            self.wanted = Wanted::UpTo(parts.max(1));
        }
    }
}
