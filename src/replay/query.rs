//! Many questions and their answers, pipelined.

use super::class::Class;
use super::link::{Link, LinkError, Reply};
use super::preflight::LookOptions;
use crate::resp::{self, BatchLimits, BatchMeter};

/// Why looking at a database came to nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    #[error(transparent)]
    Script(#[from] super::script::ScriptError),
    #[error(transparent)]
    Replay(#[from] super::error::ReplayError),
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A question that must be answered was not.
    #[error("{command} was answered with {reply}: {}", super::hint::for_reply(reply))]
    Refused { command: &'static str, reply: Reply },
}

impl QueryError {
    /// Whether it may be otherwise after a while. That nobody answers at an address counts only if somebody did before.
    pub fn is_transient(&self, answered_before: bool) -> bool {
        match self {
            Self::Link(LinkError::Connect { .. }) => answered_before,
            Self::Link(error) => error.is_transient(),
            Self::Refused { reply: Reply::Error(text), .. } => Class::of(text) == Class::Wait,
            _ => false,
        }
    }
}

/// Sends commands in batches, and gives each reply to `answer` with what was noted about its command.
pub(super) struct Pipeline<'l, T, F> {
    link: &'l mut dyn Link,
    meter: BatchMeter,
    bytes: Vec<u8>,
    notes: Vec<T>,
    answer: F,
}

impl<'l, T, F: FnMut(T, Reply) -> Result<(), QueryError>> Pipeline<'l, T, F> {
    pub fn new(link: &'l mut dyn Link, limits: BatchLimits, answer: F) -> Self {
        Self { link, meter: BatchMeter::new(limits), bytes: Vec::new(), notes: Vec::new(), answer }
    }

    pub fn push<A: AsRef<[u8]>>(&mut self, args: &[A], note: T) -> Result<(), QueryError> {
        if self.meter.add(resp::encoded_len(args)) {
            self.flush()?;
        }
        resp::encode(args, &mut self.bytes);
        self.notes.push(note);
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), QueryError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.link.send(&self.bytes)?;
        self.bytes.clear();
        // Every reply of the batch is read, also after an answer that ends it all: the connection stays of use.
        let mut first_error = None;
        for note in self.notes.drain(..) {
            let reply = self.link.receive()?;
            if first_error.is_none() {
                first_error = (self.answer)(note, reply).err();
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// One question, one answer.
pub(super) fn ask<A: AsRef<[u8]>>(link: &mut dyn Link, args: &[A]) -> Result<Reply, LinkError> {
    let mut command = Vec::new();
    resp::encode(args, &mut command);
    link.send(&command)?;
    link.receive()
}

/// A question in each of several databases, and the answers in the order of the questions.
pub(super) fn ask_all<'q>(
    link: &mut dyn Link,
    options: &LookOptions,
    questions: impl Iterator<Item = (u32, Vec<&'q [u8]>)>,
) -> Result<Vec<Reply>, QueryError> {
    let mut replies = Vec::new();
    let mut pipeline = Pipeline::new(link, options.limits, |is_select: bool, reply: Reply| {
        match (is_select, reply) {
            (true, reply @ Reply::Error(_)) => return Err(QueryError::Refused { command: "SELECT", reply }),
            (true, _) => {}
            (false, reply) => replies.push(reply),
        }
        Ok(())
    });
    let mut db = options.db;
    for (in_db, args) in questions {
        if in_db != db {
            db = in_db;
            pipeline.push(&["SELECT", &db.to_string()], true)?;
        }
        pipeline.push(&args, false)?;
    }
    if db != options.db {
        pipeline.push(&["SELECT", &options.db.to_string()], true)?;
    }
    pipeline.finish()?;
    Ok(replies)
}

/// Whether the server knows a command of the form `NAME key member`.
pub(super) fn knows(link: &mut dyn Link, name: &str) -> Result<bool, QueryError> {
    match ask(link, &[name, "", ""])? {
        Reply::Error(text) if text.contains("unknown command") || text.contains("not available") => Ok(false),
        // Somebody has a key without a name.
        Reply::Error(text) if text.starts_with("WRONGTYPE") => Ok(true),
        reply @ Reply::Error(_) => Err(QueryError::Refused { command: "a look at a key", reply }),
        _ => Ok(true),
    }
}

/// Whether the connection still answers.
pub fn is_alive(link: &mut dyn Link) -> Result<(), LinkError> {
    ask(link, &["PING"]).map(|_| ())
}

/// A difference between what should be and what is, with what a person needs to look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub db: u32,
    pub key: Vec<u8>,
    /// The member, where it is not the key as a whole that differs.
    pub member: Option<Vec<u8>>,
    /// What the plan says, in words: `set`, `no key`, `score 4.25`.
    pub expected: String,
    /// What the server says, likewise.
    pub found: String,
}

/// How many differences of a kind there are, and the first few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    pub examples: Vec<Difference>,
}

impl Tally {
    /// Whether there is no such difference.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts one more; `difference` is only called for those that are kept.
    pub(super) fn add(&mut self, keep: usize, difference: impl FnOnce() -> Difference) {
        self.count = self.count.saturating_add(1);
        if self.examples.len() < keep {
            self.examples.push(difference());
        }
    }
}
