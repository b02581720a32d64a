//! Executes the command files of a plan on a state in memory, as a server would, and misses nothing that is odd.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answer;
use super::command::{Command, Phase, ZFlags};
use super::finding::{Finding, Findings, Problem, Stage};
use super::model::Model;
use super::packing::{Packing, is_within};
use super::payload;
use super::slot::slot;
use super::state::{Entry, Field, Name, State, Value};
use crate::bundle::manifest::{Caps, Reply};
use crate::bundle::resp::CommandReader;
use crate::progress::Unit;
use crate::text::quoted;

/// What a file of commands came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub commands: u64,
    pub bytes: u64,
    pub added_members: u64,
    pub rescored_members: u64,
    pub removed_members: u64,
    pub deleted_keys: u64,
    /// Keys that any command names.
    pub touched: BTreeSet<Name>,
}

/// A file of commands and the replies they must give.
#[derive(Clone, Copy, Debug)]
pub struct File<'f> {
    pub stage: Stage,
    pub commands: &'f [u8],
    pub replies: &'f [Reply],
    pub caps: Caps,
    pub by_slot: bool,
}

/// Executes a file on `state`; what is odd goes to `findings`.
pub fn execute(model: &Model<'_>, state: &mut State, file: File<'_>, findings: &mut Findings) -> Tally {
    let mut machine = Machine {
        model,
        state,
        stage: file.stage,
        db: 0,
        command: (0, 0),
        named: BTreeMap::new(),
        tally: Tally::default(),
        findings,
    };
    let name = match file.stage {
        Stage::Rollback => "executing the rollback",
        _ => "executing the plan",
    };
    model.watch.begin(name, Unit::Bytes, u64::try_from(file.commands.len()).unwrap_or(u64::MAX));
    let mut packing = Packing::new(file.caps, file.by_slot);
    let mut phase = Phase::Delete;
    let mut before = (0, None);
    let mut reader = CommandReader::new(file.commands);
    let mut replies = file.replies.iter();
    // Whoever stops it throws away what it says.
    while !model.watch.stopped() {
        let read = match reader.next_command() {
            Ok(Some(read)) => read,
            Ok(None) => break,
            Err(error) => {
                machine.find(Problem::NotCommands, None, "commands", error.to_string());
                break;
            }
        };
        machine.tally.commands = machine.tally.commands.saturating_add(1);
        machine.command = (machine.tally.commands, read.offset);
        model.watch.add(u64::try_from(read.bytes.len()).unwrap_or(u64::MAX));
        let command = match Command::parse(read.args, file.stage) {
            Ok(command) => command,
            Err(due) => {
                let found = read.args.iter().take(4).map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ");
                machine.find(Problem::Forbidden, None, due, found);
                replies.next();
                continue;
            }
        };
        let key = command.key();
        if !is_within(file.caps, &command, read.args, read.bytes.len()) {
            let found = format!("{} arguments, {} bytes", read.args.len(), read.bytes.len());
            machine.find(Problem::OverCap, key, "a command within the caps", found);
        }
        if file.by_slot {
            machine.check_slots(&command, read.args);
        }
        if file.stage == Stage::Apply {
            packing.add(machine.db, &command, read.args);
            if let Some(next) = command.phase() {
                if next < phase {
                    machine.find(
                        Problem::Order,
                        key,
                        "deletions, additions, removals",
                        format!("{next:?} after {phase:?}"),
                    );
                }
                let place =
                    (slot(read.args.get(1).copied().unwrap_or_default()), read.args.get(1).map(|key| key.to_vec()));
                if file.by_slot && next == phase && place < before {
                    machine.find(Problem::Order, key, "an order by slot and key", format!("slot {}", place.0));
                }
                (phase, before) = (next, place);
            }
        }
        let answer = machine.run(&command);
        match replies.next() {
            Some(reply) if answer.is(reply) => {}
            Some(Reply::Integer(due)) => {
                machine.find(Problem::Reply, key, &format!("the reply {due}"), answer.to_string())
            }
            Some(Reply::Status(due)) => {
                machine.find(Problem::Reply, key, &format!("the reply {due}"), answer.to_string())
            }
            Some(Reply::Bulk(due)) => {
                machine.find(Problem::Reply, key, &format!("the value {}", quoted(&due.0)), answer.to_string())
            }
            None => machine.find(Problem::Reply, key, "a command for which plan.json has a reply", answer.to_string()),
        }
    }
    machine.command = (0, 0);
    let left = replies.count();
    if left > 0 {
        machine.find(Problem::Reply, None, &format!("{left} more commands"), "the end of the file".into());
    }
    for (kind, (_, key), found, least) in packing.excess() {
        let key = (!key.is_empty()).then_some(key.as_slice());
        machine.find(Problem::NotMinimal, key, &format!("{least} {kind} commands"), found.to_string());
    }
    machine.tally.bytes = u64::try_from(file.commands.len()).unwrap_or(u64::MAX);
    machine.tally
}

struct Machine<'m, 'a> {
    model: &'m Model<'a>,
    state: &'m mut State,
    stage: Stage,
    db: u64,
    /// Number and offset of the command that is executed; zeros if it is none in particular.
    command: (u64, usize),
    /// By key: the members that commands have named.
    named: BTreeMap<Name, BTreeSet<Vec<u8>>>,
    tally: Tally,
    findings: &'m mut Findings,
}

/// What a server says to a command that does not fit the type of the key.
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

impl Machine<'_, '_> {
    /// Whether all keys of a command are in one slot.
    fn check_slots(&mut self, command: &Command<'_>, args: &[&[u8]]) {
        let keys = match command {
            Command::Unlink(keys) => keys,
            _ => args.get(1..2).unwrap_or_default(),
        };
        let first = keys.first().map(|key| slot(key));
        if let Some(key) = keys.iter().find(|key| Some(slot(key)) != first) {
            let slots = format!("slot {} after slot {}", slot(key), first.unwrap_or_default());
            self.find(Problem::TwoSlots, Some(key), "keys of one slot", slots);
        }
    }

    fn find(&mut self, problem: Problem, key: Option<&[u8]>, expected: &str, found: String) {
        let (stage, db, command) = (self.stage, self.db, self.command);
        self.findings.add(|| Finding {
            stage,
            problem,
            command: (command.0 > 0).then_some(command),
            key: key.map(|key| (db, key.to_vec())),
            expected: expected.to_owned(),
            found,
        });
    }

    fn no_op(&mut self, key: &[u8], found: String) {
        self.find(Problem::NoOp, Some(key), "a command that changes something", found);
    }

    fn run(&mut self, command: &Command<'_>) -> Answer {
        for key in command.keys() {
            let name = (self.db, key.to_vec());
            if !self.model.is_index_key(&name) {
                self.find(Problem::Foreign, Some(key), "an index key", "a key that no plan may touch".into());
            }
            self.tally.touched.insert(name);
        }
        let answer = match *command {
            Command::Select(db) => {
                if db == self.db {
                    self.find(Problem::NoOp, None, "another database", format!("SELECT {db}"));
                }
                self.db = db;
                Ok(Answer::Status("OK".into()))
            }
            Command::Unlink(keys) => Ok(self.unlink(keys)),
            Command::SAdd { key, members } => self.sadd(key, members),
            Command::SRem { key, members } => self.remove(key, members, "set"),
            Command::ZAdd { key, flags, members } => self.zadd(key, flags, members),
            Command::ZRem { key, members } => self.remove(key, members, "zset"),
            Command::Set { key, value, expire_ms } => Ok(self.set(key, Value::String(value.to_vec()), expire_ms)),
            Command::SetNew { key, value } => Ok(self.set_new(key, value)),
            Command::SetChanged { key, value } => self.set_changed(key, value),
            Command::HDel { key, fields } => self.remove(key, fields, "hash"),
            Command::LRem { key, element } => self.lrem(key, element),
            Command::Append { key, value } => self.append(key, value),
            Command::RPush { key, elements } => self.rpush(key, elements),
            Command::HSet { key, fields } => self.hset(key, fields),
            Command::HPExpireAt { key, ms, fields } => self.hpexpireat(key, ms, fields),
            Command::PExpireAt { key, ms } => Ok(self.pexpireat(key, ms)),
            Command::JsonSet { key, text } => match self.entry(key).map(|entry| entry.value.type_name().to_owned()) {
                Some(other) if other != "ReJSON-RL" => Err("Existing key has wrong Redis type"),
                _ => Ok(self.set(key, Value::Json(text.to_vec()), None)),
            },
            Command::Restore { key, expire_ms, payload } => self.restore(key, expire_ms, payload),
        };
        answer.unwrap_or_else(|error| {
            if let Some(key) = command.key() {
                let kind = self.entry(key).map_or("none".to_owned(), |entry| entry.value.type_name().to_owned());
                self.find(Problem::WrongType, Some(key), "a key of the command's type", kind);
            }
            Answer::Error(error.to_owned())
        })
    }

    fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.state.get_mut(&(self.db, key.to_vec()))
    }

    /// The value of a key, made if there is none.
    fn value(&mut self, key: &[u8], empty: Value) -> &mut Value {
        let entry = self.state.entry((self.db, key.to_vec()));
        &mut entry.or_insert(Entry { value: empty, expire_ms: None }).value
    }

    /// Notes that a command names a member.
    fn name(&mut self, key: &[u8], member: &[u8]) {
        if !self.named.entry((self.db, key.to_vec())).or_default().insert(member.to_vec()) {
            self.find(Problem::Twice, Some(key), "each member once", quoted(member));
        }
    }

    fn unlink(&mut self, keys: &[&[u8]]) -> Answer {
        let mut deleted = 0_i64;
        for key in keys {
            if self.state.remove(&(self.db, key.to_vec())).is_some() {
                deleted = deleted.saturating_add(1);
                self.tally.deleted_keys = self.tally.deleted_keys.saturating_add(1);
            } else {
                self.no_op(key, "the deletion of a key that is not there".into());
            }
        }
        Answer::Integer(deleted)
    }

    fn sadd(&mut self, key: &[u8], members: &[&[u8]]) -> Result<Answer, &'static str> {
        let mut added = 0_i64;
        for member in members {
            self.name(key, member);
            let Value::Set(set) = self.value(key, Value::Set(BTreeSet::new())) else { return Err(WRONG_TYPE) };
            if set.insert(member.to_vec()) {
                added = added.saturating_add(1);
                self.tally.added_members = self.tally.added_members.saturating_add(1);
            } else {
                self.no_op(key, format!("the addition of {}, which is there", quoted(member)));
            }
        }
        Ok(Answer::Integer(added))
    }

    fn zadd(&mut self, key: &[u8], flags: ZFlags, members: &[&[u8]]) -> Result<Answer, &'static str> {
        let mut counted = 0_i64;
        for pair in members.chunks_exact(2) {
            let [score, member] = *pair else { continue };
            let score = std::str::from_utf8(score).ok().and_then(|text| text.parse::<f64>().ok());
            let Some(score) = score.filter(|score| !score.is_nan()) else {
                return Ok(Answer::Error("ERR value is not a valid float".into()));
            };
            self.name(key, member);
            if flags.xx && self.entry(key).is_none() {
                self.no_op(key, format!("the score of {} in a key that is not there", quoted(member)));
                continue;
            }
            let Value::Zset(zset) = self.value(key, Value::Zset(BTreeMap::new())) else { return Err(WRONG_TYPE) };
            let known = zset.get(member).copied();
            let may = if known.is_some() { !flags.nx } else { !flags.xx };
            if may && known != Some(score) {
                zset.insert(member.to_vec(), score);
                counted = counted.saturating_add(i64::from(known.is_none() || flags.ch));
                let tally = match known {
                    None => &mut self.tally.added_members,
                    Some(_) => &mut self.tally.rescored_members,
                };
                *tally = tally.saturating_add(1);
            } else {
                self.no_op(key, format!("the score {score} of {}", quoted(member)));
            }
        }
        Ok(Answer::Integer(counted))
    }

    fn remove(&mut self, key: &[u8], members: &[&[u8]], kind: &str) -> Result<Answer, &'static str> {
        let mut removed = 0_i64;
        for member in members {
            self.name(key, member);
            let there = match self.entry(key).map(|entry| &mut entry.value) {
                None => false,
                Some(Value::Set(set)) if kind == "set" => set.remove(*member),
                Some(Value::Zset(zset)) if kind == "zset" => zset.remove(*member).is_some(),
                Some(Value::Hash(fields)) if kind == "hash" => fields.remove(*member).is_some(),
                Some(_) => return Err(WRONG_TYPE),
            };
            if !there {
                self.no_op(key, format!("the removal of {}, which is not there", quoted(member)));
                continue;
            }
            removed = removed.saturating_add(1);
            self.tally.removed_members = self.tally.removed_members.saturating_add(1);
            self.emptied(key);
        }
        Ok(Answer::Integer(removed))
    }

    /// A key without elements is gone; a plan deletes such a key instead.
    fn emptied(&mut self, key: &[u8]) {
        if self.entry(key).is_some_and(|entry| entry.value.elements() == 0) {
            self.state.remove(&(self.db, key.to_vec()));
            if self.stage == Stage::Apply {
                self.find(Problem::Emptied, Some(key), "the deletion of the key", "the removal of all members".into());
            }
        }
    }

    fn lrem(&mut self, key: &[u8], element: &[u8]) -> Result<Answer, &'static str> {
        self.name(key, element);
        let removed = match self.entry(key).map(|entry| &mut entry.value) {
            None => 0,
            Some(Value::List(elements)) => {
                let before = elements.len();
                elements.retain(|own| own != element);
                before.saturating_sub(elements.len())
            }
            Some(_) => return Err(WRONG_TYPE),
        };
        if removed == 0 {
            self.no_op(key, format!("the removal of {}, which is not there", quoted(element)));
        }
        let count = u64::try_from(removed).unwrap_or(u64::MAX);
        self.tally.removed_members = self.tally.removed_members.saturating_add(count);
        self.emptied(key);
        Ok(Answer::Integer(length(removed)))
    }

    fn set_new(&mut self, key: &[u8], value: &[u8]) -> Answer {
        if self.entry(key).is_some() {
            self.no_op(key, "SET … NX of a key that is there".into());
            return Answer::Nothing;
        }
        self.tally.added_members = self.tally.added_members.saturating_add(1);
        self.set(key, Value::String(value.to_vec()), None)
    }

    /// Changes a string; its expiry stays.
    fn set_changed(&mut self, key: &[u8], value: &[u8]) -> Result<Answer, &'static str> {
        let old = match self.entry(key).map(|entry| &mut entry.value) {
            None => {
                self.no_op(key, "SET … XX of a key that is not there".into());
                return Ok(Answer::Nothing);
            }
            Some(Value::String(text)) => std::mem::replace(text, value.to_vec()),
            Some(_) => return Err(WRONG_TYPE),
        };
        if old == value {
            self.no_op(key, "the value that was there".into());
        }
        self.tally.rescored_members = self.tally.rescored_members.saturating_add(1);
        Ok(Answer::Bulk(old))
    }

    fn set(&mut self, key: &[u8], value: Value, expire_ms: Option<i64>) -> Answer {
        let old = self.state.insert((self.db, key.to_vec()), Entry { value, expire_ms });
        if old.is_some() && old.as_ref() == self.state.get(&(self.db, key.to_vec())) {
            self.no_op(key, "the value that was there".into());
        }
        self.expire_if_due(key);
        Answer::Status("OK".into())
    }

    fn append(&mut self, key: &[u8], more: &[u8]) -> Result<Answer, &'static str> {
        if more.is_empty() {
            self.no_op(key, "nothing to append".into());
        }
        let Value::String(text) = self.value(key, Value::String(Vec::new())) else { return Err(WRONG_TYPE) };
        text.extend_from_slice(more);
        Ok(Answer::Integer(length(text.len())))
    }

    fn rpush(&mut self, key: &[u8], more: &[&[u8]]) -> Result<Answer, &'static str> {
        let Value::List(elements) = self.value(key, Value::List(Vec::new())) else { return Err(WRONG_TYPE) };
        elements.extend(more.iter().map(|element| element.to_vec()));
        Ok(Answer::Integer(length(elements.len())))
    }

    fn hset(&mut self, key: &[u8], more: &[&[u8]]) -> Result<Answer, &'static str> {
        let mut added = 0_i64;
        for pair in more.chunks_exact(2) {
            let [name, value] = *pair else { continue };
            self.name(key, name);
            let Value::Hash(fields) = self.value(key, Value::Hash(BTreeMap::new())) else { return Err(WRONG_TYPE) };
            let field = Field { value: value.to_vec(), expire_ms: None };
            match fields.insert(name.to_vec(), field.clone()) {
                None => {
                    added = added.saturating_add(1);
                    self.tally.added_members = self.tally.added_members.saturating_add(1);
                }
                Some(old) if old == field => self.no_op(key, format!("the field {}, as it was", quoted(name))),
                Some(_) => self.tally.rescored_members = self.tally.rescored_members.saturating_add(1),
            }
        }
        Ok(Answer::Integer(added))
    }

    fn hpexpireat(&mut self, key: &[u8], ms: i64, names: &[&[u8]]) -> Result<Answer, &'static str> {
        let past = self.model.clock.created_ms.is_some_and(|created| ms <= created);
        let mut answers = Vec::new();
        for name in names {
            let field = match self.entry(key).map(|entry| &mut entry.value) {
                None => None,
                Some(Value::Hash(fields)) if past => fields.remove(*name).map(|_| 2),
                Some(Value::Hash(fields)) => fields.get_mut(*name).map(|field| {
                    let changed = field.expire_ms.replace(ms) != Some(ms);
                    i64::from(changed)
                }),
                Some(_) => return Err(WRONG_TYPE),
            };
            if field == Some(0) {
                self.no_op(key, format!("the expiry of the field {}, as it was", quoted(name)));
            }
            // A server answers 1 also to an expiry that changes nothing, and -2 where there is no field.
            answers.push(field.map_or(-2, |answer| answer.max(1)));
        }
        Ok(Answer::Array(answers))
    }

    fn pexpireat(&mut self, key: &[u8], ms: i64) -> Answer {
        let Some(entry) = self.entry(key) else {
            self.no_op(key, "an expiry for a key that is not there".into());
            return Answer::Integer(0);
        };
        if entry.expire_ms.replace(ms) == Some(ms) {
            self.no_op(key, "the expiry that it had".into());
        }
        self.expire_if_due(key);
        Answer::Integer(1)
    }

    fn restore(&mut self, key: &[u8], expire_ms: Option<i64>, bytes: &[u8]) -> Result<Answer, &'static str> {
        if self.entry(key).is_some() {
            self.no_op(key, "RESTORE of a key that is there".into());
            return Ok(Answer::Error("BUSYKEY Target key name already exists.".into()));
        }
        match payload::decode(bytes, self.model.header) {
            Ok(value) => Ok(self.set(key, value, expire_ms)),
            Err(error) => {
                self.find(Problem::Payload, Some(key), "what DUMP gives", error.to_string());
                Ok(Answer::Error("ERR DUMP payload version or checksum are wrong".into()))
            }
        }
    }

    /// The time is that of the dump: what expired before it is gone at once.
    fn expire_if_due(&mut self, key: &[u8]) {
        let created_ms = self.model.clock.created_ms;
        let due = |ms: i64| created_ms.is_some_and(|created| ms <= created);
        if self.entry(key).is_some_and(|entry| entry.expire_ms.is_some_and(due)) {
            self.state.remove(&(self.db, key.to_vec()));
        }
    }
}

fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
