//! A rehearsal in a real server: every key is compared, those of the indexes with the target and all others with what
//! they were.

use std::collections::BTreeMap;

use redis::{Connection, ConnectionLike as _, Value as Reply};
use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::copy::{self, Shift};
use super::finding::{Finding, Findings, Problem, Stage};
use super::model::Model;
use super::payload;
use super::server::{Program, Server};
use super::state::{self, Entry, Name, Value};
use super::throwaway_error::ServerError;
use super::watchdog::Watchdog;
use super::{Error, Files};
use crate::bundle::manifest::Reply as Due;
use crate::bundle::resp::CommandReader;
use crate::progress::Unit;
use crate::text::{quoted, safe};

/// Commands and bytes that go out before their replies are read.
const BATCH_COMMANDS: usize = 500;
const BATCH_BYTES: usize = 256 * 1024;
/// Keys that are looked at in one go.
const KEYS: usize = 500;

/// What a rehearsal in a server came to. The plan is proven if there are no findings.
#[derive(Debug, Default)]
pub struct Live {
    /// Name and version of the server.
    pub version: String,
    /// Keys that were compared, each of them three times.
    pub keys: u64,
    pub findings: Findings,
}

/// The content of a key in 128 bits.
type Digest = [u8; 16];

/// Starts a server with the dump, applies the plan, rolls it back, and compares all keys at every step.
pub fn run(
    model: &Model<'_>,
    files: Files<'_>,
    dump: &[u8],
    program: &Program,
    now_ms: i64,
    watchdog: &Watchdog,
) -> Result<Live, ServerError> {
    let shift = Shift::find(dump, &model.clock, now_ms).map_err(copy::CopyError::Dump)?;
    model.watch.begin("loading the dump into a server", Unit::Bytes, 0);
    let databases = model.last_db.saturating_add(1).max(16);
    let mut server = Server::start(program, databases, watchdog, |out| copy::write(dump, &model.clock, shift, out))?;
    let mut live = Live {
        version: server.version.clone() + if program.cluster { ", a cluster of one node" } else { "" },
        ..Live::default()
    };
    let mut run = Run { model, shift, watchdog, connection: &mut server.connection, findings: &mut live.findings };

    let before = run.look(Stage::Start, None)?;
    live.keys = u64::try_from(before.len()).unwrap_or(u64::MAX);
    if live.keys != model.keys {
        let (expected, found) = (format!("{} keys", model.keys), format!("{} keys", live.keys));
        run.find(Stage::Start, None, Problem::State, None, expected, found);
    }
    run.send(Stage::Apply, files.apply, files.apply_replies)?;
    run.look(Stage::Apply, Some(&before))?;
    let rollback = copy::move_commands(files.rollback, shift);
    let rollback = rollback.map_err(|error| ServerError::Answer(error.to_string()))?;
    run.send(Stage::Rollback, &rollback, files.rollback_replies)?;
    run.look(Stage::Rollback, Some(&before))?;
    Ok(live)
}

struct Run<'r, 'a> {
    model: &'r Model<'a>,
    shift: Shift,
    watchdog: &'r Watchdog,
    connection: &'r mut Connection,
    findings: &'r mut Findings,
}

impl Run<'_, '_> {
    fn find(
        &mut self,
        stage: Stage,
        command: Option<(u64, usize)>,
        problem: Problem,
        key: Option<Name>,
        expected: String,
        found: String,
    ) {
        self.findings.add(|| Finding { stage, problem, command, key, expected, found });
    }

    /// An error after the server was ended by Ctrl-C is Ctrl-C.
    fn ask<T>(&self, result: redis::RedisResult<T>) -> Result<T, ServerError> {
        match result {
            _ if self.watchdog.is_stopped() => Err(ServerError::Interrupted),
            result => Ok(result?),
        }
    }

    /// Sends a file and compares the replies.
    fn send(&mut self, stage: Stage, commands: &[u8], due: &[Due]) -> Result<(), ServerError> {
        let name = match stage {
            Stage::Rollback => "sending the rollback",
            _ => "sending the plan",
        };
        self.model.watch.begin(name, Unit::Bytes, u64::try_from(commands.len()).unwrap_or(u64::MAX));
        // A plan begins in database 0.
        let selected = redis::cmd("SELECT").arg(0).exec(self.connection);
        self.ask(selected)?;
        let mut reader = CommandReader::new(commands);
        let mut due = due.iter();
        let mut number = 0_u64;
        let mut batch = Vec::new();
        let mut waiting: Vec<(usize, Option<Name>)> = Vec::new();
        let mut more = true;
        while more {
            match reader.next_command().map_err(|error| ServerError::Answer(error.to_string()))? {
                Some(command) => {
                    batch.extend_from_slice(command.bytes);
                    waiting.push((command.offset, command.key().map(|key| (0, key.to_vec()))));
                }
                None => more = false,
            }
            if more && waiting.len() < BATCH_COMMANDS && batch.len() < BATCH_BYTES {
                continue;
            }
            if waiting.is_empty() {
                break;
            }
            let replies = self.connection.req_packed_commands(&batch, 0, waiting.len());
            let replies = self.ask(replies)?;
            for ((offset, key), reply) in waiting.drain(..).zip(replies) {
                number = number.saturating_add(1);
                let (answer, due) = (answer(reply), due.next());
                if !due.is_some_and(|due| answer.is(due)) {
                    let expected = match due {
                        Some(Due::Integer(n)) => format!("the reply {n}"),
                        Some(Due::Status(text)) => format!("the reply {text}"),
                        Some(Due::Bulk(value)) => format!("the value {}", quoted(&value.0)),
                        None => "a command for which plan.json has a reply".to_owned(),
                    };
                    self.find(stage, Some((number, offset)), Problem::Reply, key, expected, answer.to_string());
                }
            }
            self.model.watch.add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            batch.clear();
        }
        Ok(())
    }

    /// A key as it has to be at a stage.
    fn expected(&self, stage: Stage, name: &Name) -> Result<Option<Entry>, ServerError> {
        let entry = match stage {
            Stage::Apply => self.model.target_of(name),
            _ => self.model.start_of(name),
        };
        entry.map_err(|error| ServerError::Answer(error.to_string()))
    }

    /// Looks at every key: those of the indexes must be as the stage demands, all others as they were before. After a
    /// rollback, or if no index is about it, a key must be exactly what it was.
    fn look(
        &mut self,
        stage: Stage,
        before: Option<&BTreeMap<Name, Digest>>,
    ) -> Result<BTreeMap<Name, Digest>, ServerError> {
        self.model.watch.begin("comparing with the server", Unit::Keys, self.model.keys);
        let mut seen = BTreeMap::new();
        for db in self.databases()? {
            let selected = redis::cmd("SELECT").arg(db).exec(self.connection);
            self.ask(selected)?;
            let mut cursor = "0".to_owned();
            loop {
                let page = redis::cmd("SCAN").arg(&cursor).arg("COUNT").arg(KEYS).query(self.connection);
                let (next, keys): (String, Vec<Vec<u8>>) = self.ask(page)?;
                self.model.watch.add(u64::try_from(keys.len()).unwrap_or(u64::MAX));
                for (key, entry) in self.entries(keys)? {
                    let name = (db, key);
                    let digest = digest(&entry);
                    // A cursor may come by a key twice.
                    if seen.insert(name.clone(), digest).is_none() {
                        self.compare(stage, &name, &entry, digest, before)?;
                    }
                }
                cursor = next;
                if cursor == "0" {
                    break;
                }
            }
        }
        let mut missing = Vec::new();
        for name in self.model.all_names().into_iter().filter(|name| !seen.contains_key(name)) {
            if self.expected(stage, &name)?.is_some() {
                missing.push(name);
            }
        }
        let others = before.into_iter().flatten().map(|(name, _)| name);
        let others =
            others.filter(|name| !seen.contains_key(*name) && !self.model.is_index_key(name)).collect::<Vec<_>>();
        for name in missing.iter().chain(others) {
            let (problem, key) = (Problem::State, Some(name.clone()));
            self.findings.add(|| Finding {
                stage,
                problem,
                command: None,
                key,
                expected: "a key".to_owned(),
                found: "no key".to_owned(),
            });
        }
        Ok(seen)
    }

    fn compare(
        &mut self,
        stage: Stage,
        name: &Name,
        found: &Entry,
        digest: Digest,
        before: Option<&BTreeMap<Name, Digest>>,
    ) -> Result<(), ServerError> {
        let problem = Problem::State;
        let was = before.and_then(|before| before.get(name));
        if self.model.is_index_key(name) {
            let due = self.expected(stage, name)?.map(|entry| self.moved(entry, found));
            if let Some((expected, found)) = state::difference(due.as_ref(), Some(found)) {
                self.find(stage, None, problem, Some(name.clone()), expected, found);
                return Ok(());
            }
            if stage == Stage::Apply {
                return Ok(());
            }
        }
        if before.is_some() && was != Some(&digest) {
            let (expected, found) = ("what it was before".to_owned(), format!("another {}", found.value.type_name()));
            self.find(stage, None, problem, Some(name.clone()), expected, found);
        }
        Ok(())
    }

    /// What a key of the model is in this server: its expiries moved. The text of a document and the bytes of what has no
    /// commands depend on the version of the server; for them it is only compared what they were before.
    fn moved(&self, mut entry: Entry, found: &Entry) -> Entry {
        entry.expire_ms = entry.expire_ms.map(|ms| self.shift.key(ms));
        match (&mut entry.value, &found.value) {
            (Value::Hash(fields), _) => {
                for field in fields.values_mut() {
                    field.expire_ms = field.expire_ms.map(|ms| self.shift.field(ms));
                }
            }
            (Value::Json(own), Value::Json(found)) => own.clone_from(found),
            (Value::Other(own), Value::Other(found)) if own.type_name == found.type_name => own.clone_from(found),
            _ => {}
        }
        entry
    }

    /// The databases that hold keys.
    fn databases(&mut self) -> Result<Vec<u64>, ServerError> {
        let info = redis::cmd("INFO").arg("keyspace").query(self.connection);
        let info: String = self.ask(info)?;
        let mut databases: Vec<u64> =
            info.lines().filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok()).collect();
        databases.sort_unstable();
        Ok(databases)
    }

    /// Values and expiries of keys, those aside that are not there any more.
    fn entries(&mut self, keys: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Entry)>, ServerError> {
        let mut pipeline = redis::pipe();
        for key in &keys {
            pipeline.cmd("DUMP").arg(key).cmd("PEXPIRETIME").arg(key);
        }
        let replies = pipeline.query(self.connection);
        let replies: Vec<Reply> = if keys.is_empty() { Vec::new() } else { self.ask(replies)? };
        let mut entries = Vec::with_capacity(keys.len());
        for (key, pair) in keys.into_iter().zip(replies.chunks(2)) {
            let entry = match pair {
                [Reply::BulkString(payload), Reply::Int(ms)] => {
                    let value = payload::decode_own(payload);
                    let value = value.map_err(|error| ServerError::Answer(format!("DUMP gave {error}")))?;
                    Entry { value, expire_ms: (*ms >= 0).then_some(*ms) }
                }
                [Reply::Nil, _] => continue,
                other => return Err(ServerError::Answer(safe(&format!("{other:?}")).into_owned())),
            };
            entries.push((key, entry));
        }
        Ok(entries)
    }
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Int(n) => Answer::Integer(n),
        Reply::BulkString(value) => Answer::Bulk(value),
        Reply::Nil => Answer::Nothing,
        Reply::Okay => Answer::Status("OK".into()),
        Reply::SimpleString(text) => Answer::Status(text),
        Reply::Array(all) => {
            let numbers = all.iter().map(|reply| if let Reply::Int(n) = reply { Some(*n) } else { None });
            match numbers.collect::<Option<Vec<i64>>>() {
                Some(numbers) => Answer::Array(numbers),
                None => Answer::Odd(format!("{all:?}")),
            }
        }
        Reply::ServerError(error) => Answer::Error(error.to_string()),
        other => Answer::Odd(format!("{other:?}")),
    }
}

/// The same for the same content, whatever the order in which a server holds it.
fn digest(entry: &Entry) -> Digest {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    };
    let ms = |ms: Option<i64>| ms.unwrap_or(-1).to_le_bytes();
    put(&ms(entry.expire_ms));
    put(entry.value.type_name().as_bytes());
    match &entry.value {
        Value::String(text) | Value::Json(text) => put(text),
        Value::List(elements) => elements.iter().for_each(|element| put(element)),
        Value::Set(members) => members.iter().for_each(|member| put(member)),
        Value::Zset(members) => members.iter().for_each(|(member, score)| {
            put(member);
            // Both zeros are one score.
            put(&if *score == 0.0 { 0_u64 } else { score.to_bits() }.to_le_bytes());
        }),
        Value::Hash(fields) => fields.iter().for_each(|(name, field)| {
            put(name);
            put(&field.value);
            put(&ms(field.expire_ms));
        }),
        Value::Other(other) => {
            put(&[other.type_byte]);
            put(&other.bytes);
        }
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}
