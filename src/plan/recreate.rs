//! Commands that make a key again as the dump has it: for the way back.

use std::io;
use std::ops::ControlFlow;

use crc_fast::CrcAlgorithm;

use super::command::{CommandFile, Pending};
use super::once::{Marks, Seen};
use crate::bundle::Sink;
use crate::bundle::manifest::Reply;
use crate::bundle::resp::argument_len;
use crate::dump::rdb::{self, Element, Flow, Header, Json, Kind, Record, Scratch, Visitor};
use crate::model::derive::write_score;
use crate::model::view::{Clock, Expires};

/// What stops the writing of a command file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Memory that one key after the other is made again in.
#[derive(Debug, Default)]
pub struct Room {
    scratch: Scratch,
    pending: Pending,
    score: Vec<u8>,
    marks: Marks,
}

/// Writes what makes `record` again under `key`, its expiry included.
///
/// Plain commands wherever they give back exactly what was there; `RESTORE` for streams (whose groups and consumers have
/// times that no command sets), arrays, and values of modules other than RedisJSON text.
pub fn recreate<S: Sink>(
    file: &mut CommandFile<S>,
    header: Header,
    clock: Clock,
    key: &[u8],
    record: &Record<'_>,
    room: &mut Room,
) -> Result<(), Error> {
    let value = &record.value;
    let expires = match clock.expires(record.expire_ms) {
        Expires::At(ms) => Some(ms),
        Expires::Never | Expires::Gone | Expires::InDoubt => None,
    };
    let verb = match value.ty.kind() {
        Kind::Set => "SADD",
        Kind::List => "RPUSH",
        Kind::Zset => "ZADD",
        Kind::Hash => "HSET",
        Kind::String => {
            let raw = rdb::string_at(value.bytes, 0)?;
            let mut buffer = Vec::new();
            let text = raw.decode(&mut buffer).map_err(|kind| rdb::Error::in_string(value.offset as u64, kind))?;
            string(file, key, text)?;
            return Ok(expire(file, key, expires)?);
        }
        Kind::Module => {
            if let Some(Json::Text(raw)) = value.json()? {
                let mut buffer = Vec::new();
                let text = raw.decode(&mut buffer).map_err(|kind| rdb::Error::in_string(value.offset as u64, kind))?;
                file.single(&[b"JSON.SET", key, b"$", text], ok())?;
                return Ok(expire(file, key, expires)?);
            }
            return Ok(restore(file, header, key, record, expires)?);
        }
        Kind::Stream | Kind::Array => return Ok(restore(file, header, key, record, expires)?),
    };
    let Room { scratch, pending, score, marks } = room;
    file.begin(pending, verb, Some(key));
    let seen = Seen::new(value, clock, marks)?;
    let mut writer = Writer { file, pending, clock, error: None, score, field_expiries: false, seen };
    value.visit(scratch, &mut writer)?;
    if let Some(error) = writer.error {
        return Err(error.into());
    }
    let Writer { file, pending, field_expiries, .. } = writer;
    file.end(pending)?;
    if field_expiries {
        let mut marks = Marks::default();
        let seen = Seen::new(value, clock, &mut marks)?;
        let mut writer = FieldExpiries { file, key, clock, error: None, seen };
        value.visit(scratch, &mut writer)?;
        if let Some(error) = writer.error {
            return Err(error.into());
        }
    }
    Ok(expire(file, key, expires)?)
}

fn ok() -> Reply {
    Reply::Status("OK".into())
}

fn expire<S: Sink>(file: &mut CommandFile<S>, key: &[u8], at_ms: Option<i64>) -> io::Result<()> {
    if let Some(ms) = at_ms {
        file.single(&[b"PEXPIREAT", key, ms.to_string().as_bytes()], Reply::Integer(1))?;
    }
    Ok(())
}

/// The expiry of a field of a hash.
pub fn expire_field<S: Sink>(file: &mut CommandFile<S>, key: &[u8], field: &[u8], at_ms: i64) -> io::Result<()> {
    let at = at_ms.to_string();
    file.single(&[b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", b"1", field], Reply::Integer(1))?;
    Ok(())
}

/// `SET`, and for what goes beyond the cap `APPEND`.
fn string<S: Sink>(file: &mut CommandFile<S>, key: &[u8], text: &[u8]) -> io::Result<()> {
    // The longer of the two names, the longest header and length line that can occur, and the key.
    let around = argument_len("APPEND".len()) + argument_len(key.len()) + 32;
    let room = usize::try_from(file.caps().max_command_bytes).unwrap_or(usize::MAX).saturating_sub(around).max(1);
    let (first, mut rest) = text.split_at(text.len().min(room));
    file.single(&[b"SET", key, first], ok())?;
    let mut total = first.len();
    while !rest.is_empty() {
        let (next, after) = rest.split_at(rest.len().min(room));
        total += next.len();
        file.single(&[b"APPEND", key, next], Reply::Integer(total as i64))?;
        rest = after;
    }
    Ok(())
}

/// The payload of `RESTORE`: type, value, RDB version, CRC-64 of all that.
fn restore<S: Sink>(
    file: &mut CommandFile<S>,
    header: Header,
    key: &[u8],
    record: &Record<'_>,
    expires: Option<i64>,
) -> io::Result<()> {
    let mut payload = Vec::with_capacity(record.value.bytes.len() + 11);
    payload.push(record.value.ty.byte());
    payload.extend_from_slice(record.value.bytes);
    payload.extend_from_slice(&(header.version as u16).to_le_bytes());
    let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &payload);
    payload.extend_from_slice(&crc.to_le_bytes());
    match expires {
        Some(ms) => file.single(&[b"RESTORE", key, ms.to_string().as_bytes(), &payload, b"ABSTTL"], ok())?,
        None => file.single(&[b"RESTORE", key, b"0", &payload], ok())?,
    };
    Ok(())
}

struct Writer<'f, 'v, S> {
    file: &'f mut CommandFile<S>,
    pending: &'f mut Pending,
    clock: Clock,
    error: Option<io::Error>,
    score: &'f mut Vec<u8>,
    field_expiries: bool,
    seen: Seen<'f, 'v>,
}

fn flow<T>(error: &mut Option<io::Error>, result: io::Result<T>) -> Flow {
    match result {
        Ok(_) => ControlFlow::Continue(()),
        Err(found) => {
            *error = Some(found);
            ControlFlow::Break(())
        }
    }
}

impl<S: Sink> Writer<'_, '_, S> {
    fn push(&mut self, args: &[&[u8]]) -> Flow {
        let result = self.file.push(self.pending, args, 1);
        flow(&mut self.error, result)
    }
}

impl<S: Sink> Visitor for Writer<'_, '_, S> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        if self.seen.again(member.bytes) {
            return ControlFlow::Continue(());
        }
        self.push(&[member.bytes])
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.push(&[value.bytes])
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        if self.seen.again(member.bytes) {
            return ControlFlow::Continue(());
        }
        self.score.clear();
        write_score(score, self.score);
        let result = self.file.push(self.pending, &[self.score, member.bytes], 1);
        flow(&mut self.error, result)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let expires = self.clock.expires(expire_ms);
        if matches!(expires, Expires::Gone) || self.seen.again(field.bytes) {
            return ControlFlow::Continue(());
        }
        self.field_expiries |= matches!(expires, Expires::At(_));
        self.push(&[field.bytes, value.bytes])
    }
}

/// The expiries of a hash's own fields, a command each: there are few of them, and each has its own time.
struct FieldExpiries<'f, 's, 'v, S> {
    file: &'f mut CommandFile<S>,
    key: &'f [u8],
    clock: Clock,
    error: Option<io::Error>,
    seen: Seen<'s, 'v>,
}

impl<S: Sink> Visitor for FieldExpiries<'_, '_, '_, S> {
    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let expires = self.clock.expires(expire_ms);
        if matches!(expires, Expires::Gone) || self.seen.again(field.bytes) {
            return ControlFlow::Continue(());
        }
        let Expires::At(ms) = expires else { return ControlFlow::Continue(()) };
        let result = expire_field(self.file, self.key, field.bytes, ms);
        flow(&mut self.error, result)
    }
}
