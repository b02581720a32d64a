//! Many questions and their answers, pipelined.

use crate::bundle::resp::{self, BatchLimits, BatchMeter};
use crate::replay::link::server_error::{self, Class, ErrorKind};
use crate::replay::link::{Link, LinkError, Reply};

/// Why a look at a database failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    #[error(transparent)]
    Script(#[from] crate::replay::script::ScriptError),
    #[error(transparent)]
    Replay(#[from] crate::replay::script::error::ReplayError),
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A question that must be answered was not.
    #[error("{command} was answered with {reply}: {}", server_error::advice(reply))]
    Refused { command: &'static str, reply: Reply },
}

impl QueryError {
    /// Whether trying again later may help. For an address where nobody answers, only if somebody did before.
    pub fn is_transient(&self, answered_before: bool) -> bool {
        match self {
            Self::Link(LinkError::Connect { .. }) => answered_before,
            Self::Link(error) => error.is_transient(),
            Self::Refused { reply: Reply::Error(error), .. } => error.class() == Class::Wait,
            _ => false,
        }
    }
}

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct LookOptions {
    pub limits: BatchLimits,
    /// How many differences of each kind to keep as examples.
    pub examples: usize,
}

impl Default for LookOptions {
    fn default() -> Self {
        Self { limits: BatchLimits::default(), examples: 5 }
    }
}

/// Sends commands in batches, and gives each reply to `answer` with what was noted about its command.
pub struct Pipeline<'l, T, F> {
    link: &'l mut dyn Link,
    db: Option<u32>,
    meter: BatchMeter,
    bytes: Vec<u8>,
    notes: Vec<T>,
    answer: F,
}

impl<'l, T, F: FnMut(T, Reply) -> Result<(), QueryError>> Pipeline<'l, T, F> {
    pub fn new(link: &'l mut dyn Link, limits: BatchLimits, answer: F) -> Self {
        Self { link, db: None, meter: BatchMeter::new(limits), bytes: Vec::new(), notes: Vec::new(), answer }
    }

    /// Goes on in another database.
    pub fn select(&mut self, db: u32) -> Result<(), QueryError> {
        if self.db != Some(db) {
            self.flush()?;
            self.link.select(db)?;
            self.db = Some(db);
        }
        Ok(())
    }

    pub fn push<A: AsRef<[u8]>>(&mut self, args: &[A], note: T) -> Result<(), QueryError> {
        self.push_expecting(args, note, 0)
    }

    /// The same for a command whose answer has this many bytes: a service limits the size of its answers, too.
    pub fn push_expecting<A: AsRef<[u8]>>(&mut self, args: &[A], note: T, bytes: usize) -> Result<(), QueryError> {
        if self.meter.add(resp::encoded_len(args).saturating_add(bytes)) {
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
        // Every reply of the batch is read, even after an answer that ends it all, so that the connection stays usable.
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

/// Keys in one `EXISTS`, at most; and bytes of their names.
const AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 200_000;

/// Asks whether any of the keys that should not be there is, many in one command. `note` gets the first of them and the
/// one after the last, by their place; the answer is how many are there.
pub fn exist_none<T, F: FnMut(T, Reply) -> Result<(), QueryError>>(
    keys: &[(u32, &[u8])],
    pipeline: &mut Pipeline<'_, T, F>,
    note: impl Fn(usize, usize) -> T,
) -> Result<(), QueryError> {
    let mut from: usize = 0;
    while let Some((db, _)) = keys.get(from) {
        let mut bytes: usize = 0;
        let rest = keys.get(from..).unwrap_or_default();
        let some = rest.iter().take(AT_ONCE).take_while(|(other, key)| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(resp::argument_len(key.len()));
            other == db && (is_first || bytes <= BYTES_AT_ONCE)
        });
        let args: Vec<&[u8]> = std::iter::once(&b"EXISTS"[..]).chain(some.map(|(_, key)| *key)).collect();
        let to = from.saturating_add(args.len().saturating_sub(1));
        pipeline.select(*db)?;
        pipeline.push(&args, note(from, to))?;
        from = to;
    }
    Ok(())
}

/// One question, one answer.
pub fn ask<A: AsRef<[u8]>>(link: &mut dyn Link, args: &[A]) -> Result<Reply, LinkError> {
    let mut command = Vec::new();
    resp::encode(args, &mut command);
    link.send(&command)?;
    link.receive()
}

/// A question in each of several databases, and the answers in the order of the questions.
pub fn ask_all<'q>(
    link: &mut dyn Link,
    options: &LookOptions,
    questions: impl Iterator<Item = (u32, Vec<&'q [u8]>)>,
) -> Result<Vec<Reply>, QueryError> {
    let mut replies = Vec::new();
    let mut pipeline = Pipeline::new(link, options.limits, |(), reply: Reply| {
        replies.push(reply);
        Ok(())
    });
    for (db, args) in questions {
        pipeline.select(db)?;
        pipeline.push(&args, ())?;
    }
    pipeline.finish()?;
    Ok(replies)
}

/// Whether the server knows a command of the form `NAME key member`. Only "unknown command" means that it does not.
pub fn knows(link: &mut dyn Link, name: &str) -> Result<bool, QueryError> {
    match ask(link, &[name, "", ""])? {
        Reply::Error(error) if error.kind() == ErrorKind::UnknownCommand => Ok(false),
        // Somebody has a key without a name.
        Reply::Error(error) if error.is_wrong_type() => Ok(true),
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
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts one more; `difference` is only called for those that are kept.
    pub fn add(&mut self, keep: usize, difference: impl FnOnce() -> Difference) {
        self.count = self.count.saturating_add(1);
        if self.examples.len() < keep {
            self.examples.push(difference());
        }
    }
}
