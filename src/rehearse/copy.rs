//! A dump for a server that lives now: the same keys, with every expiry moved into the future.
//!
//! A master drops what has expired by the wall clock when it loads a dump, so a dump of yesterday would not be what it
//! was. What had expired when the dump was made is left out; every other expiry is moved by the same time.

use std::io::{self, Write};

use super::clock::{Clock, Due};
use super::state::{Value, has_field_expiries};
use crate::bundle::resp::{self, CommandReader};
use crate::dump::rdb::{self, Flavor, Item, Record, ValueType, Walker};

/// A rehearsal lasts less long than this: a week.
const MARGIN_MS: i64 = 7 * 86_400_000;

/// Fields of hashes expire before this (48 bits), says the server.
const LAST_FIELD_MS: i64 = (1 << 48) - 2;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// By how much the expiries of a dump have to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// There is none in the dump.
    None,
    By(i64),
}

impl Shift {
    /// Finds the smallest shift by which nothing expires within the next week.
    pub fn find(dump: &[u8], clock: &Clock, now_ms: i64) -> Result<Self, rdb::Error> {
        let mut any = false;
        let mut first = i64::MAX;
        let mut walker = Walker::new(dump)?;
        while let Some(item) = walker.next()? {
            let Item::Record(record) = item else { continue };
            any |= record.expire_ms.is_some() || has_field_expiries(record.value.ty);
            if let Due::At(ms) = clock.due(record.expire_ms) {
                first = first.min(ms);
            }
            if has_field_expiries(record.value.ty)
                && let Some(Value::Hash(fields)) = Value::read(&record.value, clock)?
            {
                first = fields.values().filter_map(|field| field.expire_ms).fold(first, i64::min);
            }
        }
        let due = now_ms.saturating_add(MARGIN_MS);
        Ok(if any { Self::By(due.saturating_sub(first).max(0)) } else { Self::None })
    }

    /// An expiry of a key, moved.
    pub fn key(self, ms: i64) -> i64 {
        match self {
            Self::None => ms,
            Self::By(by) => ms.saturating_add(by),
        }
    }

    /// An expiry of a field, moved.
    pub fn field(self, ms: i64) -> i64 {
        match self {
            Self::None => ms,
            Self::By(by) => ms.saturating_add(by).min(LAST_FIELD_MS.max(ms)),
        }
    }
}

/// Writes the copy.
pub fn write(dump: &[u8], clock: &Clock, shift: Shift, out: &mut impl Write) -> Result<(), CopyError> {
    if shift == Shift::None {
        out.write_all(dump)?;
        return Ok(());
    }
    let mut walker = Walker::new(dump)?;
    let version = walker.header().version;
    let slice = |from: usize, to: usize| dump.get(from..to).unwrap_or_default();
    out.write_all(slice(0, walker.position()))?;
    let mut from = walker.position();
    while let Some(item) = walker.next()? {
        match item {
            // What stands between an expiry and its key has been written by then, and must not be twice.
            Item::Record(record)
                if record.expire_ms.is_some() || has_field_expiries(record.value.ty) || record.start < from =>
            {
                write_record(&record, clock, shift, out)?;
            }
            Item::Record(record) => out.write_all(slice(record.start, walker.position()))?,
            Item::End(footer) => {
                out.write_all(slice(from, footer.body_end))?;
                if version >= 5 {
                    // No checksum.
                    out.write_all(&[0; 8])?;
                }
            }
            // Without what was said before it of the next key.
            _ => out.write_all(slice(walker.item_start(), walker.position()))?,
        }
        from = walker.position();
    }
    Ok(())
}

fn write_record(record: &Record<'_>, clock: &Clock, shift: Shift, out: &mut impl Write) -> Result<(), CopyError> {
    let expire_ms = match clock.due(record.expire_ms) {
        Due::Gone => return Ok(()),
        Due::Never => None,
        Due::At(ms) => Some(shift.key(ms)),
    };
    let mut scratch = Vec::new();
    let at = u64::try_from(record.start).unwrap_or(u64::MAX);
    let key = record.key.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(at, kind))?;
    let mut bytes = Vec::new();
    if let Some(ms) = expire_ms {
        bytes.push(rdb::opcode::EXPIRETIME_MS);
        bytes.extend_from_slice(&ms.to_le_bytes());
    }
    if has_field_expiries(record.value.ty) {
        let Some(Value::Hash(fields)) = Value::read(&record.value, clock)? else { return Ok(()) };
        let moved = |ms: Option<i64>| ms.map(|ms| shift.field(ms));
        let count = u64::try_from(fields.len()).unwrap_or(u64::MAX);
        match record.value.flavor {
            Flavor::Redis => {
                let first = fields.values().filter_map(|field| moved(field.expire_ms)).min().unwrap_or(0);
                bytes.push(ValueType::HashMetadata.byte());
                put(key, &mut bytes);
                bytes.extend_from_slice(&first.to_le_bytes());
                put_len(count, &mut bytes);
                for (name, field) in &fields {
                    // 0 is none, so the first is 1.
                    let ttl = moved(field.expire_ms).map_or(0, |ms| ms.saturating_sub(first).saturating_add(1));
                    put_len(u64::try_from(ttl).unwrap_or(0), &mut bytes);
                    put(name, &mut bytes);
                    put(&field.value, &mut bytes);
                }
            }
            Flavor::Valkey => {
                bytes.push(ValueType::Hash2.byte());
                put(key, &mut bytes);
                put_len(count, &mut bytes);
                for (name, field) in &fields {
                    put(name, &mut bytes);
                    put(&field.value, &mut bytes);
                    bytes.extend_from_slice(&moved(field.expire_ms).unwrap_or(-1).to_le_bytes());
                }
            }
        }
    } else {
        bytes.push(record.value.ty.byte());
        put(key, &mut bytes);
        bytes.extend_from_slice(record.value.bytes);
    }
    out.write_all(&bytes)?;
    Ok(())
}

/// A string as it is, behind its length.
pub fn put(text: &[u8], out: &mut Vec<u8>) {
    put_len(u64::try_from(text.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(text);
}

/// A length in its 6-bit or one of its 32- and 64-bit forms.
pub fn put_len(n: u64, out: &mut Vec<u8>) {
    match (u8::try_from(n), u32::try_from(n)) {
        (Ok(n @ 0..=63), _) => out.push(n),
        (_, Ok(n)) => {
            out.push(0x80);
            out.extend_from_slice(&n.to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// The commands of a rollback, their times moved as those of the dump were.
pub fn move_commands(commands: &[u8], shift: Shift) -> Result<Vec<u8>, resp::Error> {
    let mut out = Vec::with_capacity(commands.len());
    let mut reader = CommandReader::new(commands);
    while let Some(command) = reader.next_command()? {
        // Which argument is a time; 0 is no expiry to RESTORE.
        let time = match command.args {
            [b"PEXPIREAT", _, ms] => Some((2, *ms, false)),
            [b"HPEXPIREAT", _, ms, ..] => Some((2, *ms, true)),
            [b"RESTORE", _, ms, _, b"ABSTTL"] if *ms != b"0" => Some((2, *ms, false)),
            [b"SET", _, _, b"PXAT", ms] => Some((4, *ms, false)),
            _ => None,
        };
        let parsed =
            time.and_then(|(at, ms, is_field)| Some((at, std::str::from_utf8(ms).ok()?.parse().ok()?, is_field)));
        let Some((at, ms, is_field)) = parsed else {
            out.extend_from_slice(command.bytes);
            continue;
        };
        let moved = if is_field { shift.field(ms) } else { shift.key(ms) }.to_string();
        let mut args: Vec<&[u8]> = command.args.to_vec();
        if let Some(arg) = args.get_mut(at) {
            *arg = moved.as_bytes();
        }
        resp::encode(&args, &mut out);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn the_first_expiry_comes_a_week_from_now() {
        // Type 0, key "a", value "x"; expiries of 2020-09-13 and an hour later.
        let mut dump = b"REDIS0010".to_vec();
        for (key, ms) in [(b'a', 1_600_000_000_000_i64), (b'b', 1_600_003_600_000)] {
            dump.push(252);
            dump.extend_from_slice(&ms.to_le_bytes());
            dump.extend_from_slice(&[0, 1, key, 1, b'x']);
        }
        dump.extend_from_slice(&[0, 1, b'c', 1, b'x', 255, 1, 2, 3, 4, 5, 6, 7, 8]);
        let shift = Shift::find(&dump, &Clock::PLAIN, NOW).unwrap();
        assert_eq!(shift, Shift::By(NOW + 604_800_000 - 1_600_000_000_000));
        let mut copy = Vec::new();
        write(&dump, &Clock::PLAIN, shift, &mut copy).unwrap();
        assert_eq!(copy.len(), dump.len());
        assert_eq!(copy[10..18], (NOW + 604_800_000).to_le_bytes());
        assert_eq!(copy[24..32], (NOW + 604_800_000 + 3_600_000).to_le_bytes());
        assert_eq!(copy[copy.len() - 14..], [0, 1, b'c', 1, b'x', 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// KeyDB writes a field between an expiry and its key.
    #[test]
    fn what_stands_between_an_expiry_and_its_key_moves_with_neither() {
        let expiry = |ms: i64| [&[252][..], &ms.to_le_bytes()].concat();
        let field: &[u8] = b"\xfa\x01t\x011";
        let body = [
            &expiry(1_500_000_000_000)[..],
            field,
            b"\x00\x01a\x01x",
            &expiry(1_700_000_000_000),
            field,
            b"\x00\x01b\x01x",
            b"\xf9\x05",
            field,
            b"\x00\x01c\x01x",
        ]
        .concat();
        let dump = [b"REDIS0010", &body[..], &[255, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        // Between the two expiries: `a` is gone, and what was its expiry must not be that of `b` or `c`.
        let clock = Clock { created_ms: Some(1_600_000_000_000), ..Clock::PLAIN };
        let mut copy = Vec::new();
        write(&dump, &clock, Shift::find(&dump, &clock, NOW).unwrap(), &mut copy).unwrap();
        let moved = expiry(NOW + 604_800_000);
        let expected = [field, field, &moved[..], b"\x00\x01b\x01x", field, b"\x00\x01c\x01x"].concat();
        assert_eq!(copy, [b"REDIS0010", &expected[..], &[255, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
    }

    #[test]
    fn times_in_commands_move() {
        let file = |commands: &[&str]| {
            let mut out = Vec::new();
            for command in commands {
                resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut out);
            }
            out
        };
        let before = file(&[
            "PEXPIREAT k 100",
            "HPEXPIREAT h 100 FIELDS 1 f",
            "RESTORE r 100 p ABSTTL",
            "RESTORE r 0 p",
            "SET PEXPIREAT 100",
        ]);
        let after = file(&[
            "PEXPIREAT k 105",
            "HPEXPIREAT h 105 FIELDS 1 f",
            "RESTORE r 105 p ABSTTL",
            "RESTORE r 0 p",
            "SET PEXPIREAT 100",
        ]);
        assert_eq!(move_commands(&before, Shift::By(5)), Ok(after));
    }
}
