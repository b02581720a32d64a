//! Executes the commands that one key is in, as a server would, and misses nothing that is odd.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::answer::Answer;
use super::command::{Command, ZFlags};
use super::finding::{Finding, Gathered, Problem, Stage};
use super::model::Model;
use super::payload;
use super::script::{AFTERWARDS, REPLY, Script, Step, rank, reply_finding};
use super::state::{self, Entry, Field, Name, Value};
use crate::bundle::resp::CommandReader;
use crate::text::quoted;

/// What commands came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added_members: u64,
    pub rescored_members: u64,
    pub removed_members: u64,
    pub deleted_keys: u64,
}

/// What the commands of some keys came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub findings: Gathered,
    pub counts: Counts,
    /// The deletions that have deleted one of them, each as often as it did.
    pub unlinked: Vec<u64>,
}

/// A key, and what commands have made of it.
pub struct Machine<'m, 'a, 'f> {
    model: &'m Model<'a>,
    name: &'m Name,
    state: Option<Cow<'m, Entry>>,
    stage: Stage,
    /// Number and offset of the command that is executed.
    command: (u64, usize),
    /// Findings of the command so far.
    seq: u32,
    /// The members that commands have named.
    named: HashSet<&'f [u8], RandomState>,
    out: Outcome,
}

/// What a server says to a command that does not fit the type of the key.
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// What a file says first of a command comes before what is found here.
const FIRST: u32 = 1 << 16;

impl<'m, 'a, 'f> Machine<'m, 'a, 'f> {
    /// A key as it is before any command.
    pub fn new(model: &'m Model<'a>, name: &'m Name, state: Option<&'m Entry>) -> Self {
        Self {
            model,
            name,
            state: state.map(Cow::Borrowed),
            stage: Stage::Apply,
            command: (0, 0),
            seq: 0,
            named: HashSet::default(),
            out: Outcome::default(),
        }
    }

    /// Executes the commands of a file that the key is in, and compares what they make of it with what it had to become.
    pub fn execute(&mut self, script: &Script<'f>, due: Option<&Entry>, out: &mut Outcome) {
        std::mem::swap(&mut self.out, out);
        self.stage = script.stage;
        self.named.clear();
        let steps: &[Step<'f>] = script.steps.get(self.name).map(Vec::as_slice).unwrap_or_default();
        let is_foreign = !steps.is_empty() && !self.model.is_index_key(self.name);
        for step in steps {
            (self.command, self.seq) = ((step.number, step.offset), FIRST);
            if is_foreign {
                self.find(Problem::Foreign, "an index key", "a key that no plan may touch".into());
            }
            if step.deletes {
                self.unlink(step.number);
                continue;
            }
            // It was read before.
            let rest = script.file.get(step.offset..).unwrap_or_default();
            let mut reader = CommandReader::new(rest);
            let Ok(Some(read)) = reader.next_command() else { continue };
            let Ok(command) = Command::parse(read.args, self.stage) else { continue };
            let answer = self.run(&command);
            if let Some((expected, found)) = reply_finding(&answer, step.reply) {
                self.seq = REPLY;
                self.find(Problem::Reply, &expected, found);
            }
        }
        if let Some((expected, found)) = state::difference(due, self.state.as_deref()) {
            (self.command, self.seq) = ((0, 0), 0);
            self.find(Problem::State, &expected, found);
        }
        std::mem::swap(&mut self.out, out);
    }

    fn find(&mut self, problem: Problem, expected: &str, found: String) {
        let (stage, command) = (self.stage, self.command);
        let number = if command.0 > 0 { command.0 } else { AFTERWARDS };
        let place = (rank(stage), number, self.seq, Some(self.name.clone()));
        self.seq = self.seq.saturating_add(1);
        self.out.findings.add(place, || Finding {
            stage,
            problem,
            command: (command.0 > 0).then_some(command),
            key: Some(self.name.clone()),
            expected: expected.to_owned(),
            found,
        });
    }

    fn no_op(&mut self, found: String) {
        self.find(Problem::NoOp, "a command that changes something", found);
    }

    /// Executes a command that is about this key alone.
    fn run(&mut self, command: &Command<'_, 'f>) -> Answer {
        let answer = match *command {
            Command::Select(_) | Command::Unlink(_) => Ok(Answer::Nothing),
            Command::SAdd { members, .. } => self.sadd(members),
            Command::SRem { members, .. } => self.remove(members, "set"),
            Command::ZAdd { flags, members, .. } => self.zadd(flags, members),
            Command::ZRem { members, .. } => self.remove(members, "zset"),
            Command::Set { value, expire_ms, .. } => Ok(self.set(Value::String(value.to_vec()), expire_ms)),
            Command::SetNew { value, .. } => Ok(self.set_new(value)),
            Command::SetChanged { value, .. } => self.set_changed(value),
            Command::HDel { fields, .. } => self.remove(fields, "hash"),
            Command::LRem { element, .. } => self.lrem(element),
            Command::Append { value, .. } => self.append(value),
            Command::RPush { elements, .. } => self.rpush(elements),
            Command::HSet { fields, .. } => self.hset(fields),
            Command::HPExpireAt { ms, fields, .. } => self.hpexpireat(ms, fields),
            Command::PExpireAt { ms, .. } => Ok(self.pexpireat(ms)),
            Command::JsonSet { text, .. } => match self.state.as_deref().map(|entry| entry.value.type_name()) {
                Some(other) if other != "ReJSON-RL" => Err("Existing key has wrong Redis type"),
                _ => Ok(self.set(Value::Json(text.to_vec()), None)),
            },
            Command::Restore { expire_ms, payload, .. } => self.restore(expire_ms, payload),
        };
        answer.unwrap_or_else(|error| {
            let kind = self.state.as_deref().map_or("none".to_owned(), |entry| entry.value.type_name().to_owned());
            self.find(Problem::WrongType, "a key of the command's type", kind);
            Answer::Error(error.to_owned())
        })
    }

    fn entry(&mut self) -> Option<&mut Entry> {
        self.state.as_mut().map(Cow::to_mut)
    }

    /// The value of the key, made if there is none.
    fn value(&mut self, empty: Value) -> &mut Value {
        let made = || Cow::Owned(Entry { value: empty, expire_ms: None });
        &mut self.state.get_or_insert_with(made).to_mut().value
    }

    /// Notes that a command names a member.
    fn name(&mut self, member: &'f [u8]) {
        if !self.named.insert(member) {
            self.find(Problem::Twice, "each member once", quoted(member));
        }
    }

    fn unlink(&mut self, number: u64) {
        if self.state.take().is_some() {
            self.out.unlinked.push(number);
            self.out.counts.deleted_keys = self.out.counts.deleted_keys.saturating_add(1);
        } else {
            self.no_op("the deletion of a key that is not there".into());
        }
    }

    fn sadd(&mut self, members: &[&'f [u8]]) -> Result<Answer, &'static str> {
        let mut added = 0_i64;
        for member in members {
            self.name(member);
            let Value::Set(set) = self.value(Value::Set(BTreeSet::new())) else { return Err(WRONG_TYPE) };
            if set.insert(member.to_vec()) {
                added = added.saturating_add(1);
                self.out.counts.added_members = self.out.counts.added_members.saturating_add(1);
            } else {
                self.no_op(format!("the addition of {}, which is there", quoted(member)));
            }
        }
        Ok(Answer::Integer(added))
    }

    fn zadd(&mut self, flags: ZFlags, members: &[&'f [u8]]) -> Result<Answer, &'static str> {
        let mut counted = 0_i64;
        for pair in members.chunks_exact(2) {
            let [score, member] = *pair else { continue };
            let score = std::str::from_utf8(score).ok().and_then(|text| text.parse::<f64>().ok());
            let Some(score) = score.filter(|score| !score.is_nan()) else {
                return Ok(Answer::Error("ERR value is not a valid float".into()));
            };
            self.name(member);
            if flags.xx && self.entry().is_none() {
                self.no_op(format!("the score of {} in a key that is not there", quoted(member)));
                continue;
            }
            let Value::Zset(zset) = self.value(Value::Zset(BTreeMap::new())) else { return Err(WRONG_TYPE) };
            let known = zset.get(member).copied();
            let may = if known.is_some() { !flags.nx } else { !flags.xx };
            if may && known != Some(score) {
                zset.insert(member.to_vec(), score);
                counted = counted.saturating_add(i64::from(known.is_none() || flags.ch));
                let tally = match known {
                    None => &mut self.out.counts.added_members,
                    Some(_) => &mut self.out.counts.rescored_members,
                };
                *tally = tally.saturating_add(1);
            } else {
                self.no_op(format!("the score {score} of {}", quoted(member)));
            }
        }
        Ok(Answer::Integer(counted))
    }

    fn remove(&mut self, members: &[&'f [u8]], kind: &str) -> Result<Answer, &'static str> {
        let mut removed = 0_i64;
        for member in members {
            self.name(member);
            let there = match self.entry().map(|entry| &mut entry.value) {
                None => false,
                Some(Value::Set(set)) if kind == "set" => set.remove(*member),
                Some(Value::Zset(zset)) if kind == "zset" => zset.remove(*member).is_some(),
                Some(Value::Hash(fields)) if kind == "hash" => fields.remove(*member).is_some(),
                Some(_) => return Err(WRONG_TYPE),
            };
            if !there {
                self.no_op(format!("the removal of {}, which is not there", quoted(member)));
                continue;
            }
            removed = removed.saturating_add(1);
            self.out.counts.removed_members = self.out.counts.removed_members.saturating_add(1);
            self.emptied();
        }
        Ok(Answer::Integer(removed))
    }

    /// A key without elements is gone; a plan deletes such a key instead.
    fn emptied(&mut self) {
        if self.entry().is_some_and(|entry| entry.value.elements() == 0) {
            self.state = None;
            if self.stage == Stage::Apply {
                self.find(Problem::Emptied, "the deletion of the key", "the removal of all members".into());
            }
        }
    }

    fn lrem(&mut self, element: &'f [u8]) -> Result<Answer, &'static str> {
        self.name(element);
        let removed = match self.entry().map(|entry| &mut entry.value) {
            None => 0,
            Some(Value::List(elements)) => {
                let before = elements.len();
                elements.retain(|own| own != element);
                before.saturating_sub(elements.len())
            }
            Some(_) => return Err(WRONG_TYPE),
        };
        if removed == 0 {
            self.no_op(format!("the removal of {}, which is not there", quoted(element)));
        }
        let count = u64::try_from(removed).unwrap_or(u64::MAX);
        self.out.counts.removed_members = self.out.counts.removed_members.saturating_add(count);
        self.emptied();
        Ok(Answer::Integer(length(removed)))
    }

    fn set_new(&mut self, value: &[u8]) -> Answer {
        if self.entry().is_some() {
            self.no_op("SET … NX of a key that is there".into());
            return Answer::Nothing;
        }
        self.out.counts.added_members = self.out.counts.added_members.saturating_add(1);
        self.set(Value::String(value.to_vec()), None)
    }

    /// Changes a string; its expiry stays.
    fn set_changed(&mut self, value: &[u8]) -> Result<Answer, &'static str> {
        let old = match self.entry().map(|entry| &mut entry.value) {
            None => {
                self.no_op("SET … XX of a key that is not there".into());
                return Ok(Answer::Nothing);
            }
            Some(Value::String(text)) => std::mem::replace(text, value.to_vec()),
            Some(_) => return Err(WRONG_TYPE),
        };
        if old == value {
            self.no_op("the value that was there".into());
        }
        self.out.counts.rescored_members = self.out.counts.rescored_members.saturating_add(1);
        Ok(Answer::Bulk(old))
    }

    fn set(&mut self, value: Value, expire_ms: Option<i64>) -> Answer {
        let old = self.state.replace(Cow::Owned(Entry { value, expire_ms }));
        if old.is_some() && old == self.state {
            self.no_op("the value that was there".into());
        }
        self.expire_if_due();
        Answer::Status("OK".into())
    }

    fn append(&mut self, more: &[u8]) -> Result<Answer, &'static str> {
        if more.is_empty() {
            self.no_op("nothing to append".into());
        }
        let Value::String(text) = self.value(Value::String(Vec::new())) else { return Err(WRONG_TYPE) };
        text.extend_from_slice(more);
        Ok(Answer::Integer(length(text.len())))
    }

    fn rpush(&mut self, more: &[&'f [u8]]) -> Result<Answer, &'static str> {
        let Value::List(elements) = self.value(Value::List(Vec::new())) else { return Err(WRONG_TYPE) };
        elements.extend(more.iter().map(|element| element.to_vec()));
        Ok(Answer::Integer(length(elements.len())))
    }

    fn hset(&mut self, more: &[&'f [u8]]) -> Result<Answer, &'static str> {
        let mut added = 0_i64;
        for pair in more.chunks_exact(2) {
            let [name, value] = *pair else { continue };
            self.name(name);
            let Value::Hash(fields) = self.value(Value::Hash(BTreeMap::new())) else { return Err(WRONG_TYPE) };
            let field = Field { value: value.to_vec(), expire_ms: None };
            match fields.insert(name.to_vec(), field.clone()) {
                None => {
                    added = added.saturating_add(1);
                    self.out.counts.added_members = self.out.counts.added_members.saturating_add(1);
                }
                Some(old) if old == field => self.no_op(format!("the field {}, as it was", quoted(name))),
                Some(_) => self.out.counts.rescored_members = self.out.counts.rescored_members.saturating_add(1),
            }
        }
        Ok(Answer::Integer(added))
    }

    fn hpexpireat(&mut self, ms: i64, names: &[&'f [u8]]) -> Result<Answer, &'static str> {
        let past = self.model.clock.created_ms.is_some_and(|created| ms <= created);
        let mut answers = Vec::new();
        for name in names {
            let field = match self.entry().map(|entry| &mut entry.value) {
                None => None,
                Some(Value::Hash(fields)) if past => fields.remove(*name).map(|_| 2),
                Some(Value::Hash(fields)) => fields.get_mut(*name).map(|field| {
                    let changed = field.expire_ms.replace(ms) != Some(ms);
                    i64::from(changed)
                }),
                Some(_) => return Err(WRONG_TYPE),
            };
            if field == Some(0) {
                self.no_op(format!("the expiry of the field {}, as it was", quoted(name)));
            }
            // A server answers 1 also to an expiry that changes nothing, and -2 where there is no field.
            answers.push(field.map_or(-2, |answer| answer.max(1)));
        }
        Ok(Answer::Array(answers))
    }

    fn pexpireat(&mut self, ms: i64) -> Answer {
        let Some(entry) = self.entry() else {
            self.no_op("an expiry for a key that is not there".into());
            return Answer::Integer(0);
        };
        if entry.expire_ms.replace(ms) == Some(ms) {
            self.no_op("the expiry that it had".into());
        }
        self.expire_if_due();
        Answer::Integer(1)
    }

    fn restore(&mut self, expire_ms: Option<i64>, bytes: &[u8]) -> Result<Answer, &'static str> {
        if self.entry().is_some() {
            self.no_op("RESTORE of a key that is there".into());
            return Ok(Answer::Error("BUSYKEY Target key name already exists.".into()));
        }
        match payload::decode(bytes, self.model.header) {
            Ok(value) => Ok(self.set(value, expire_ms)),
            Err(error) => {
                self.find(Problem::Payload, "what DUMP gives", error.to_string());
                Ok(Answer::Error("ERR DUMP payload version or checksum are wrong".into()))
            }
        }
    }

    /// The time is that of the dump: what expired before it is gone at once.
    fn expire_if_due(&mut self) {
        let created_ms = self.model.clock.created_ms;
        let due = |ms: i64| created_ms.is_some_and(|created| ms <= created);
        if self.entry().is_some_and(|entry| entry.expire_ms.is_some_and(due)) {
            self.state = None;
        }
    }
}

fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
