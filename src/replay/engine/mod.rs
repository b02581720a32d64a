//! The replay itself: a batch announced in the journal, sent, answered, acknowledged; then the next.
//!
//! Nothing is sent twice blindly. A command that was refused was not carried out and may go again; what became of a
//! command whose answer was lost, the database itself is asked.

pub mod backoff;
pub mod event;
mod guarded;
mod lag;
mod second_look;
mod send;
pub mod throttle;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::journal::{Journal, JournalError, Record, Way, now};
use super::link::LinkError;
use super::link::session::Session;
use super::look::query::{LookOptions, QueryError, is_alive};
use super::script::Verb;
use super::script::item::Item;
use super::work::acked_but_gone;
use crate::bundle::resp::BatchLimits;
use crate::text;
use event::{Event, Progress, Watcher};
use lag::Lag;
use throttle::Pace;

/// How often Ctrl-C and the pause file are looked at while waiting.
const SLICE: Duration = Duration::from_millis(50);
/// How often replicas are looked at while they are waited for.
const LAG: Duration = Duration::from_millis(200);
/// A service closes a connection that says nothing for long.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// About as many bytes as the text of a guard's script has.
const SCRIPT: usize = 2_500;

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
    /// Commands per second.
    pub max_rate: Option<u32>,
    /// Nothing is sent while a replica is further behind than this.
    pub max_lag: Option<Duration>,
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
    /// Commands that are still to be done.
    pub left: u64,
    /// Whether anything was sent at all.
    pub sent: bool,
    /// Commands that were carried out, by node of a cluster.
    pub nodes: BTreeMap<String, u64>,
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
        nodes: BTreeMap::new(),
    };
    let pace = Pace::new(terms.limits.commands, terms.max_rate);
    let mut engine = Engine {
        session,
        journal,
        terms,
        guard,
        watcher,
        report,
        pace,
        lag: Lag::default(),
        full: None,
        judged_anew: false,
        recent: Vec::new(),
        taken: HashSet::new(),
        moved_on: HashSet::new(),
        items,
        before: 0,
        given_up: HashSet::new(),
        to_come: HashMap::new(),
    };
    if engine.guard.is_some() {
        for item in items {
            let pieces = engine.to_come.entry(item.number).or_default();
            *pieces = pieces.saturating_add(1);
        }
    }
    let stopped = engine.look_again_at_earlier();
    let mut rest = items;
    if let Some(reason) = stopped {
        engine.report.ending = Ending::Stopped(reason);
    }
    while !rest.is_empty() && engine.report.ending == Ending::Done {
        engine.before = items.len().saturating_sub(rest.len());
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
    lag: Lag,
    /// The server's words when it had no room.
    full: Option<String>,
    /// A record of the last round had changed after it was judged.
    judged_anew: bool,
    /// What was carried out in this batch, and could be lost with a node that fails.
    recent: Vec<Item<'e>>,
    /// Keys that are not made again, because somebody else made them: what follows on them is not sent.
    taken: HashSet<(u32, Vec<u8>)>,
    /// Keys that were not as they must be when they were looked at again: nothing is done about them.
    moved_on: HashSet<(u32, Vec<u8>)>,
    items: &'e [Item<'e>],
    /// So many of them were answered in batches before.
    before: usize,
    /// Commands of these that were not carried out.
    given_up: HashSet<u64>,
    /// For a guard, which makes several of one command and may change their order: how many pieces of each are still to
    /// come.
    to_come: HashMap<u64, u32>,
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
    /// Keys of which a command was refused and is not sent again in this run.
    held: HashSet<(u32, Vec<u8>)>,
}

impl Tally {
    fn holds(&self, item: &Item<'_>) -> bool {
        !self.held.is_empty() && self.held.contains(&(item.db, item.key().to_vec()))
    }
}

impl<'e> Engine<'e, '_, '_> {
    fn interrupted(&self) -> bool {
        self.terms.interrupt.load(Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> bool {
        rest(time, self.terms.interrupt)
    }

    /// A connection. If the server restarted since the last one, or another took its place, first checks that what
    /// it acknowledged is still there, up to the batch that is under way. Whether that was so.
    fn connect(&mut self) -> Result<bool, LinkError> {
        self.session.link()?;
        if !self.session.was_restarted() {
            return Ok(false);
        }
        let before = self.items.get(..self.before).unwrap_or_default();
        let is_kept = |item: &&Item<'_>| {
            let key = (item.db, item.key().to_vec());
            !self.given_up.contains(&item.number) && !self.taken.contains(&key) && !self.moved_on.contains(&key)
        };
        let done = before.iter().filter(is_kept).cloned().collect();
        let done = acked_but_gone::lasting(done, &self.items.iter().collect::<Vec<_>>());
        let options = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
        match acked_but_gone::look(self.session.link()?, &done, &options, &mut |_| {}) {
            // A guard leaves edits out, and other writers work on.
            Ok(found) if found.is_believable(self.guard.is_some()) => {
                self.session.trust();
                Ok(true)
            }
            Ok(found) => Err(LinkError::Lost { lost: found.edits.count, of: found.of }),
            Err(QueryError::Link(error)) => Err(error),
            Err(error) => Err(LinkError::NotYet { cause: error.to_string() }),
        }
    }

    /// The nodes of a cluster that these go to.
    fn nodes_of(&self, pending: &[Cow<'_, Item<'_>>]) -> Vec<String> {
        let mut nodes: Vec<String> = pending.iter().flat_map(|item| self.session.nodes(&item.bytes)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Waits until the next batch may go.
    fn wait_for_leave(&mut self) -> Result<(), Ending> {
        let wait = self.pace.wait();
        if !self.sleep(wait) {
            return Err(Ending::Interrupted);
        }
        self.wait_for_replicas()?;
        let Some(path) = self.terms.pause_file.clone() else { return Ok(()) };
        let mut said = false;
        let mut alive = Instant::now();
        while path.exists() {
            if !said {
                said = true;
                let reason = format!("paused: {} exists", text::path(&path));
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

    /// Waits until no replica is too far behind. A server that does not say how far they are is not waited for.
    fn wait_for_replicas(&mut self) -> Result<(), Ending> {
        let Some(most) = self.terms.max_lag else { return Ok(()) };
        let mut said = false;
        loop {
            let behind = match self.session.link().and_then(|link| self.lag.look(link)) {
                Ok(behind) => behind,
                Err(_) => {
                    // The next batch makes another connection, and says why.
                    self.session.broken();
                    return Ok(());
                }
            };
            let Some(behind) = behind.filter(|behind| *behind > most) else { return Ok(()) };
            if !std::mem::replace(&mut said, true) {
                let (behind, most) = (behind.as_secs_f64(), most.as_secs());
                let reason =
                    format!("a replica is {behind:.1} s behind; waiting until it is at most {most} s (--max-lag)");
                self.watcher.event(&Event::Waiting { reason, wait: Duration::ZERO });
            }
            if !self.sleep(LAG) {
                return Err(Ending::Interrupted);
            }
        }
    }

    /// How many items go into the next batch: by the limits, and never two whose order matters when one is refused and
    /// sent again: deletions and what follows them, and pieces of one value.
    fn next_batch(&self, items: &[Item<'_>]) -> usize {
        let mut bytes: usize = 0;
        let mut grown: HashSet<(u32, &[u8])> = HashSet::new();
        let deletes = items.first().is_some_and(|first| first.verb.deletes_keys());
        let is_across = self.guard.as_ref().is_some_and(|guard| guard.is_across());
        let mut goes: HashSet<Vec<u8>> = HashSet::new();
        for (at, item) in items.iter().enumerate() {
            bytes = bytes.saturating_add(item.bytes.len());
            let by_script = self.guard.as_ref().is_some_and(|guard| guard.takes(item));
            let prunes = by_script && self.guard.as_ref().is_some_and(|guard| guard.prunes(item));
            if prunes {
                // Many go by one script; what it needs besides are the names of other keys.
                bytes = bytes.saturating_add(item.bytes.len().saturating_mul(4)).saturating_add(SCRIPT / 10);
            } else if by_script {
                // What a script needs besides: each member again as a key, the state of its record, and its own text.
                bytes = bytes.saturating_add(item.bytes.len().saturating_mul(3)).saturating_add(SCRIPT);
            }
            // Whether the key is ours must be known before it expires.
            let of_made = || {
                let before = at.checked_sub(1).and_then(|at| items.get(at));
                before.is_some_and(|before| before.makes_key())
            };
            let waits = item.verb == Verb::HPExpireAt || item.verb == Verb::PExpireAt && of_made();
            let grows = item.makes_key() || waits;
            let turns_back =
                at.checked_sub(1).and_then(|at| items.get(at)).is_some_and(|before| before.number > item.number);
            // What an entry names must be gone before it is looked at.
            let follows = || {
                is_across
                    && self
                        .guard
                        .as_ref()
                        .is_some_and(|guard| guard.waits_for(item).iter().any(|key| goes.contains(key)))
            };
            if at > 0
                && (turns_back
                    || follows()
                    || at >= self.pace.commands()
                    || bytes > self.terms.limits.bytes
                    || item.verb.deletes_keys() != deletes
                    || grows && grown.contains(&(item.db, item.key())))
            {
                return at;
            }
            if is_across {
                goes.extend(item.keys().iter().map(|key| key.to_vec()));
            }
            // A field that expires must be there.
            if item.makes_key() || item.verb == Verb::HEdit {
                grown.insert((item.db, item.key()));
            }
        }
        items.len()
    }

    /// `goes_on` where the next batch has more of the last command of this one.
    fn batch(&mut self, batch: &[Item<'e>], goes_on: bool) -> Result<Result<(), Ending>, JournalError> {
        let way = self.terms.way;
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(Ok(())) };
        let (first, last) = (first.number, last.number);
        let mut tally = Tally::default();
        let mut pending: Vec<Cow<'_, Item<'e>>> = Vec::with_capacity(batch.len());
        for item in batch {
            let is_taken = !self.taken.is_empty() && self.taken.contains(&(item.db, item.key().to_vec()));
            let has_moved_on = !self.moved_on.is_empty() && self.moved_on.contains(&(item.db, item.key().to_vec()));
            match self.full {
                _ if has_moved_on && !item.verb.deletes_keys() => {}
                _ if is_taken && !item.edits_members() => self.keep_key(item),
                Some(_) if makes_larger(item.verb) => tally.open.push(item.number),
                _ => pending.push(Cow::Borrowed(item)),
            }
        }
        if !pending.is_empty() {
            // On the disk, with the acknowledgement of the batch before, before anything leaves.
            let nodes = self.nodes_of(&pending);
            self.journal.add(&Record::Intent { way, first, last, nodes });
            self.journal.sync()?;
            let bytes = pending.iter().fold(0, |sum: usize, item| sum.saturating_add(item.bytes.len()));
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.watcher.event(&Event::Sending { first, last, bytes });
            self.report.sent = true;
            self.send(pending, &mut tally)?;
            self.look_again_elsewhere(&mut tally);
            self.settle(&mut tally)?;
            self.report.done.batches = self.report.done.batches.saturating_add(1);
            self.watcher.event(&Event::Answered(self.report.done));
            if !self.report.nodes.is_empty() {
                let nodes = self.report.nodes.iter().map(|(node, commands)| (node.clone(), *commands));
                self.watcher.event(&Event::OfNodes(nodes.collect()));
            }
        }
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        self.report.failed = self.report.failed.saturating_add(count(tally.failed.len()));
        self.report.otherwise = self.report.otherwise.saturating_add(count(tally.otherwise.len()));
        let left = tally.open.len().saturating_add(tally.unknown.len());
        self.given_up.extend(tally.open.iter().chain(&tally.unknown).copied());
        self.given_up.extend(tally.failed.iter().map(|(number, _)| *number));
        self.report.left = self.report.left.saturating_add(count(left));
        let Tally { mut open, mut unknown, failed, otherwise, stop, .. } = tally;
        if goes_on {
            unknown.push(last);
        }
        if self.guard.is_some() {
            // Several commands may stand for one of the file; that one of them was refused says nothing about the others.
            unknown.append(&mut open);
            for item in batch {
                if let Some(pieces) = self.to_come.get_mut(&item.number) {
                    *pieces = pieces.saturating_sub(1);
                }
            }
            let comes = |number: &u64| self.to_come.get(number).is_some_and(|pieces| *pieces > 0);
            unknown.extend((first..=last).filter(comes));
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
}

/// Whether a command needs room.
fn makes_larger(verb: Verb) -> bool {
    use Verb::{Del, HDel, LRem, SRem, Select, Unlink, ZRem};
    !matches!(verb, Unlink | Del | SRem | ZRem | HDel | LRem | Select)
}
