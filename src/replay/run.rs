//! The replay itself: a batch out, its replies in, each compared with the one the plan promised.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{Lost, ReplayError, Unexpected};
use super::link::{Link, Reply};
use super::script::{self, Script, Step, Steps, Totals, Verb};
use crate::plan::manifest::Reply as Expected;
use crate::resp::{BatchLimits, BatchMeter};

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Which file the commands are from.
    pub script: Script,
    /// What goes out before replies are read.
    pub limits: BatchLimits,
    /// The database that the connection has selected.
    pub db: u32,
    /// Looked at between two batches; once it is set, no further batch is sent.
    pub interrupt: Option<&'a AtomicBool>,
}

impl Options<'_> {
    /// The default batches, database 0, and nothing that interrupts.
    pub fn new(script: Script) -> Self {
        Self { script, limits: BatchLimits::default(), db: 0, interrupt: None }
    }
}

/// What the server has carried out and answered as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub commands: u64,
    pub members: u64,
    pub deleted_keys: u64,
    pub bytes: u64,
    /// Batches whose replies have all been read.
    pub batches: u64,
}

/// Is told how far a replay is. Every method has an empty body to start from; `()` is an observer that looks away.
pub trait Observer {
    /// The file was checked; the first batch is next.
    fn started(&mut self, _totals: &Totals) {}
    /// A batch of so many commands and bytes is about to be sent.
    fn sending(&mut self, _commands: u64, _bytes: u64) {}
    /// A batch was answered.
    fn answered(&mut self, _progress: &Progress) {}
}

impl Observer for () {}

/// How a replay ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the file adds up to.
    pub totals: Totals,
    /// What of it was done; all, unless it was interrupted.
    pub done: Progress,
    /// The database that the connection has selected now.
    pub db: u32,
    /// The interrupt flag was set before everything was sent.
    pub interrupted: bool,
}

/// What is kept of a command until its reply is there.
#[derive(Clone, Copy)]
struct Pending<'a> {
    number: u64,
    verb: Verb,
    db: u32,
    key: &'a [u8],
    members: u64,
    deleted_keys: u64,
    offset: usize,
    len: usize,
}

impl<'a> Pending<'a> {
    fn new(step: &Step<'_, 'a>) -> Self {
        Self {
            number: step.number,
            verb: step.verb,
            db: step.db,
            key: step.key(),
            members: step.members(),
            deleted_keys: u64::try_from(step.deleted_keys().len()).unwrap_or(u64::MAX),
            offset: step.command.offset,
            len: step.command.bytes.len(),
        }
    }
}

/// Sends `commands` as they are and compares every reply with `expected`.
///
/// The whole file is checked before its first byte is sent. Bytes go out in batches; the first unexpected reply stops
/// the replay after its batch, because the replies of that batch are on their way anyhow and tell what was done.
pub fn replay(
    link: &mut dyn Link,
    commands: &[u8],
    expected: &[Expected],
    options: &Options<'_>,
    observer: &mut dyn Observer,
) -> Result<Outcome, ReplayError> {
    let totals = script::check(commands, options.script)?;
    let replies = u64::try_from(expected.len()).unwrap_or(u64::MAX);
    if totals.commands != replies {
        return Err(ReplayError::ReplyCount { commands: totals.commands, replies });
    }
    if options.db != 0 && totals.selects != 0 {
        return Err(ReplayError::Database { db: options.db });
    }
    observer.started(&totals);
    let mut run = Run {
        link,
        commands,
        expected: expected.iter(),
        of: totals.commands,
        db: options.db,
        done: Progress::default(),
    };
    let mut steps = Steps::new(commands, options.script, options.db);
    let mut meter = BatchMeter::new(options.limits);
    let mut batch: Vec<Pending<'_>> = Vec::new();
    loop {
        // A step that opens a batch is met one too late: it is what is left in `batch` after the one before was sent.
        let next = steps.next_step()?.as_ref().map(Pending::new);
        let full = next.as_ref().is_none_or(|pending| meter.add(pending.len));
        if full && !batch.is_empty() {
            if options.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Ok(Outcome { totals, done: run.done, db: run.db, interrupted: true });
            }
            run.batch(&batch, observer)?;
            batch.clear();
        }
        match next {
            Some(pending) => batch.push(pending),
            None => return Ok(Outcome { totals, done: run.done, db: run.db, interrupted: false }),
        }
    }
}

struct Run<'a, 'l> {
    link: &'l mut dyn Link,
    commands: &'a [u8],
    expected: std::slice::Iter<'a, Expected>,
    of: u64,
    db: u32,
    done: Progress,
}

impl Run<'_, '_> {
    fn batch(&mut self, batch: &[Pending<'_>], observer: &mut dyn Observer) -> Result<(), ReplayError> {
        let start = batch.first().map_or(0, |first| first.offset);
        let (end, last_number) =
            batch.last().map_or((0, 0), |last| (last.offset.saturating_add(last.len), last.number));
        let bytes = self.commands.get(start..end).unwrap_or_default();
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        observer.sending(count(batch.len()), count(bytes.len()));
        let mut broken = self.link.send(bytes).err();
        let mut unexpected: Option<Unexpected> = None;
        for pending in batch {
            // After a send that failed, what had been answered until then is still worth knowing. The last command
            // cannot be among that: some of the batch's bytes never left.
            let received = match broken.take_if(|_| pending.number == last_number) {
                Some(cause) => Err(cause),
                None => self.link.receive(),
            };
            let reply = match received {
                Ok(reply) => reply,
                Err(error) => {
                    return Err(ReplayError::Lost(Box::new(Lost {
                        cause: broken.unwrap_or(error),
                        of: self.of,
                        first_unknown: pending.number,
                        last_unknown: last_number,
                        unexpected,
                        done: self.done,
                    })));
                }
            };
            let Some(expected) = self.expected.next() else { continue };
            if is(pending.verb, &reply, expected) {
                self.db = pending.db;
                self.done.commands = self.done.commands.saturating_add(1);
                self.done.members = self.done.members.saturating_add(pending.members);
                self.done.deleted_keys = self.done.deleted_keys.saturating_add(pending.deleted_keys);
                self.done.bytes = self.done.bytes.saturating_add(count(pending.len));
            } else if let Some(first) = &mut unexpected {
                first.others = first.others.saturating_add(1);
            } else {
                unexpected = Some(Unexpected {
                    number: pending.number,
                    of: self.of,
                    verb: pending.verb,
                    key: pending.key.to_vec(),
                    expected: expected.clone(),
                    got: reply,
                    last_sent: last_number,
                    others: 0,
                    done: Progress::default(),
                });
            }
        }
        self.done.batches = self.done.batches.saturating_add(1);
        observer.answered(&self.done);
        if let Some(mut unexpected) = unexpected {
            unexpected.done = self.done;
            return Err(ReplayError::Unexpected(Box::new(unexpected)));
        }
        Ok(())
    }
}

/// `HPEXPIREAT` alone answers with a list, a number a field; there the plan's one number stands for each of them.
fn is(verb: Verb, reply: &Reply, expected: &Expected) -> bool {
    match (reply, expected) {
        (Reply::Integer(got), Expected::Integer(expected)) => got == expected,
        (Reply::Status(got), Expected::Status(expected)) => got == expected,
        (Reply::Array(got), Expected::Integer(_)) if verb == Verb::HPExpireAt && !got.is_empty() => {
            got.iter().all(|got| matches!(got, Reply::Integer(_)) && is(verb, got, expected))
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
mod tests {
    use std::collections::VecDeque;

    use super::super::link::LinkError;
    use super::*;
    use crate::resp;

    /// A server made of canned replies.
    #[derive(Default)]
    struct Canned {
        replies: VecDeque<Reply>,
        sent: Vec<Vec<u8>>,
        /// `send` fails for the batch of this number, counted from 0.
        refuses: Option<usize>,
    }

    fn closed() -> LinkError {
        LinkError::Closed { target: "h:1 db 0".into() }
    }

    impl Link for Canned {
        fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
            self.sent.push(commands.to_vec());
            if self.refuses == Some(self.sent.len() - 1) { Err(closed()) } else { Ok(()) }
        }

        fn receive(&mut self) -> Result<Reply, LinkError> {
            self.replies.pop_front().ok_or_else(closed)
        }
    }

    /// `SADD k0 a b`, `SADD k1 a b`, … each of which answers 2.
    fn plan(commands: usize) -> (Vec<u8>, Vec<Expected>) {
        let mut bytes = Vec::new();
        for number in 0..commands {
            resp::encode(&["SADD", &format!("k{number}"), "a", "b"], &mut bytes);
        }
        (bytes, vec![Expected::Integer(2); commands])
    }

    fn options(commands: usize) -> Options<'static> {
        Options { limits: BatchLimits { commands, bytes: usize::MAX }, ..Options::new(Script::Apply) }
    }

    fn twos(count: usize) -> VecDeque<Reply> {
        std::iter::repeat_n(Reply::Integer(2), count).collect()
    }

    #[test]
    fn every_byte_goes_out_once_and_in_order() {
        let (bytes, expected) = plan(10);
        let mut link = Canned { replies: twos(10), ..Canned::default() };
        let outcome = replay(&mut link, &bytes, &expected, &options(4), &mut ()).unwrap();
        assert_eq!(link.sent.concat(), bytes);
        assert_eq!(link.sent.len(), 3, "4 + 4 + 2");
        let done = Progress { commands: 10, members: 20, deleted_keys: 0, bytes: bytes.len() as u64, batches: 3 };
        assert_eq!((outcome.done, outcome.interrupted), (done, false));
    }

    #[test]
    fn an_empty_plan_sends_nothing() {
        let mut link = Canned::default();
        let outcome = replay(&mut link, b"", &[], &options(4), &mut ()).unwrap();
        assert_eq!((outcome.done, link.sent.len()), (Progress::default(), 0));
    }

    #[test]
    fn nothing_is_sent_of_a_plan_that_does_not_add_up() {
        let (bytes, expected) = plan(3);
        let mut link = Canned::default();
        let error = replay(&mut link, &bytes, &expected[..2], &options(4), &mut ()).unwrap_err();
        assert_eq!(error, ReplayError::ReplyCount { commands: 3, replies: 2 });
        let mut with_flush = bytes.clone();
        resp::encode(&["FLUSHALL"], &mut with_flush);
        let error = replay(&mut link, &with_flush, &[&expected[..], &expected[..1]].concat(), &options(1), &mut ());
        let error = error.unwrap_err();
        assert!(error.to_string().contains("FLUSHALL") && error.progress().is_none(), "{error}");
        let mut with_select = Vec::new();
        resp::encode(&["SELECT", "1"], &mut with_select);
        let on_db = Options { db: 2, ..options(1) };
        let error = replay(&mut link, &with_select, &[Expected::Status("OK".into())], &on_db, &mut ()).unwrap_err();
        assert_eq!(error, ReplayError::Database { db: 2 });
        assert_eq!(link.sent.len(), 0);
    }

    #[test]
    fn a_wrong_reply_stops_after_its_batch() {
        let (bytes, expected) = plan(9);
        let mut replies = twos(9);
        replies[4] = Reply::Integer(1);
        replies[5] = Reply::Error("WRONGTYPE Operation".into());
        let mut link = Canned { replies, ..Canned::default() };
        let error = replay(&mut link, &bytes, &expected, &options(3), &mut ()).unwrap_err();
        let ReplayError::Unexpected(wrong) = &error else { panic!("{error}") };
        assert_eq!((wrong.number, &wrong.key[..], wrong.last_sent, wrong.others), (5, &b"k4"[..], 6, 1));
        // Commands 1 to 4 of 2 members each.
        assert_eq!((wrong.done.commands, wrong.done.members), (4, 8));
        assert_eq!(link.sent.len(), 2);
        assert_eq!(link.replies.len(), 3, "the third batch was not asked for");
        let text = error.to_string();
        assert!(text.starts_with("command 5 of 9, SADD k4, answered 1 where 2 was expected: "), "{text}");
    }

    #[test]
    fn a_status_and_a_number_are_not_the_same() {
        let is_so = |reply, expected| is(Verb::Set, &reply, &expected);
        assert!(!is_so(Reply::Status("2".into()), Expected::Integer(2)));
        assert!(!is_so(Reply::Bulk(b"OK".to_vec()), Expected::Status("OK".into())));
        assert!(!is_so(Reply::Nil, Expected::Integer(0)));
        assert!(is_so(Reply::Status("OK".into()), Expected::Status("OK".into())));
        assert!(!is_so(Reply::Array(vec![Reply::Integer(1)]), Expected::Integer(1)));
    }

    #[test]
    fn a_number_stands_for_each_field_that_expires() {
        let list = |numbers: &[i64]| Reply::Array(numbers.iter().copied().map(Reply::Integer).collect());
        let is_so = |reply, expected| is(Verb::HPExpireAt, &reply, &Expected::Integer(expected));
        assert!(is_so(list(&[1, 1]), 1));
        assert!(!is_so(list(&[1, -2]), 1), "the second field does not exist");
        assert!(!is_so(list(&[]), 1));
        assert!(!is_so(Reply::Array(vec![list(&[1])]), 1));
    }

    #[test]
    fn a_lost_connection_says_what_is_unknown() {
        let (bytes, expected) = plan(9);
        let mut link = Canned { replies: twos(4), ..Canned::default() };
        let error = replay(&mut link, &bytes, &expected, &options(3), &mut ()).unwrap_err();
        let ReplayError::Lost(lost) = &error else { panic!("{error}") };
        assert_eq!((lost.first_unknown, lost.last_unknown, lost.done.commands), (5, 6, 4));
        // The send itself fails: replies that are there are read, but never one for the last command.
        let mut link = Canned { replies: twos(9), refuses: Some(0), ..Canned::default() };
        let error = replay(&mut link, &bytes, &expected, &options(3), &mut ()).unwrap_err();
        let ReplayError::Lost(lost) = &error else { panic!("{error}") };
        assert_eq!((lost.first_unknown, lost.last_unknown, lost.done.commands), (3, 3, 2));
    }

    #[test]
    fn an_interrupt_is_heeded_between_batches() {
        struct Stop<'a>(&'a AtomicBool, u64);
        impl Observer for Stop<'_> {
            fn answered(&mut self, progress: &Progress) {
                self.0.store(progress.batches == self.1, Ordering::Relaxed);
            }
        }
        let (bytes, expected) = plan(9);
        let flag = AtomicBool::new(false);
        let mut link = Canned { replies: twos(9), ..Canned::default() };
        let stopping = Options { interrupt: Some(&flag), ..options(2) };
        let outcome = replay(&mut link, &bytes, &expected, &stopping, &mut Stop(&flag, 2)).unwrap();
        assert_eq!((outcome.done.commands, outcome.interrupted), (4, true));
        // Set only when all was sent: the replay is complete, and says so.
        let mut link = Canned { replies: twos(9), ..Canned::default() };
        flag.store(false, Ordering::Relaxed);
        let outcome = replay(&mut link, &bytes, &expected, &stopping, &mut Stop(&flag, 5)).unwrap();
        assert_eq!((outcome.done.commands, outcome.interrupted), (9, false));
    }
}
