//! The commands a plan may hold, with their arguments understood.

use super::finding::Stage;

/// A command, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'r, 'f> {
    Select(u64),
    Unlink(&'r [&'f [u8]]),
    SAdd {
        key: &'f [u8],
        members: &'r [&'f [u8]],
    },
    SRem {
        key: &'f [u8],
        members: &'r [&'f [u8]],
    },
    ZAdd {
        key: &'f [u8],
        flags: ZFlags,
        members: &'r [&'f [u8]],
    },
    ZRem {
        key: &'f [u8],
        members: &'r [&'f [u8]],
    },
    Set {
        key: &'f [u8],
        value: &'f [u8],
        expire_ms: Option<i64>,
    },
    /// `SET … NX`
    SetNew {
        key: &'f [u8],
        value: &'f [u8],
    },
    /// `SET … XX KEEPTTL GET`
    SetChanged {
        key: &'f [u8],
        value: &'f [u8],
    },
    HDel {
        key: &'f [u8],
        fields: &'r [&'f [u8]],
    },
    /// Every element that is equal to this one.
    LRem {
        key: &'f [u8],
        element: &'f [u8],
    },
    Append {
        key: &'f [u8],
        value: &'f [u8],
    },
    RPush {
        key: &'f [u8],
        elements: &'r [&'f [u8]],
    },
    HSet {
        key: &'f [u8],
        fields: &'r [&'f [u8]],
    },
    HPExpireAt {
        key: &'f [u8],
        ms: i64,
        fields: &'r [&'f [u8]],
    },
    PExpireAt {
        key: &'f [u8],
        ms: i64,
    },
    JsonSet {
        key: &'f [u8],
        text: &'f [u8],
    },
    /// `expire_ms` is absolute, or none.
    Restore {
        key: &'f [u8],
        expire_ms: Option<i64>,
        payload: &'f [u8],
    },
}

/// What may stand before the scores of `ZADD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZFlags {
    /// Only members that are there.
    pub xx: bool,
    /// Only members that are not.
    pub nx: bool,
    /// Count also those whose score changes.
    pub ch: bool,
}

/// The order in which `apply` does things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Delete,
    Add,
    Remove,
}

impl<'r, 'f> Command<'r, 'f> {
    /// Understands a command; the error says why it has no place in a plan.
    pub fn parse(args: &'r [&'f [u8]], stage: Stage) -> Result<Self, &'static str> {
        let Some((name, rest)) = args.split_first() else { return Err("a command") };
        let command = match (*name, rest) {
            (b"SELECT", [db]) => Self::Select(number(db).and_then(|db| u64::try_from(db).ok()).ok_or(NUMBER)?),
            (b"UNLINK", keys @ [_, ..]) => Self::Unlink(keys),
            (b"SADD", [key, members @ ..]) if !members.is_empty() => Self::SAdd { key, members },
            (b"SREM", [key, members @ ..]) if !members.is_empty() => Self::SRem { key, members },
            (b"ZREM", [key, members @ ..]) if !members.is_empty() => Self::ZRem { key, members },
            (b"ZADD", [key, members @ ..]) => {
                let (flags, members) = flags(members);
                if members.is_empty() || members.len() % 2 == 1 {
                    return Err("pairs of score and member");
                }
                Self::ZAdd { key, flags, members }
            }
            (b"HSET", [key, fields @ ..]) if !fields.is_empty() && fields.len() % 2 == 0 => Self::HSet { key, fields },
            (b"HDEL", [key, fields @ ..]) if !fields.is_empty() => Self::HDel { key, fields },
            (b"LREM", [key, b"0", element]) => Self::LRem { key, element },
            (b"SET", [key, value, b"NX"]) => Self::SetNew { key, value },
            (b"SET", [key, value, b"XX", b"KEEPTTL", b"GET"]) => Self::SetChanged { key, value },
            (_, rest) if stage == Stage::Rollback => Self::parse_rollback(name, rest)?,
            _ => return Err("a command that apply.resp may hold, with its arguments"),
        };
        Ok(command)
    }

    fn parse_rollback(name: &[u8], rest: &'r [&'f [u8]]) -> Result<Self, &'static str> {
        Ok(match (name, rest) {
            (b"SET", [key, value]) => Self::Set { key, value, expire_ms: None },
            (b"SET", [key, value, b"PXAT", ms]) => Self::Set { key, value, expire_ms: Some(number(ms).ok_or(NUMBER)?) },
            (b"APPEND", [key, value]) => Self::Append { key, value },
            (b"RPUSH", [key, elements @ ..]) if !elements.is_empty() => Self::RPush { key, elements },
            (b"HPEXPIREAT", [key, ms, b"FIELDS", n, fields @ ..]) if !fields.is_empty() => {
                if number(n).and_then(|n| usize::try_from(n).ok()) != Some(fields.len()) {
                    return Err("as many fields as it says");
                }
                Self::HPExpireAt { key, ms: number(ms).ok_or(NUMBER)?, fields }
            }
            (b"PEXPIREAT", [key, ms]) => Self::PExpireAt { key, ms: number(ms).ok_or(NUMBER)? },
            (b"JSON.SET", [key, b"$" | b".", text]) => Self::JsonSet { key, text },
            (b"RESTORE", [key, ttl, payload, options @ ..]) => {
                let ms = number(ttl).ok_or(NUMBER)?;
                let absolute = match options {
                    [] => false,
                    [b"ABSTTL"] => true,
                    _ => return Err("RESTORE without options, or with ABSTTL"),
                };
                if ms != 0 && !absolute {
                    return Err("an absolute expiry: a relative one depends on when the command is sent");
                }
                Self::Restore { key, expire_ms: (ms != 0).then_some(ms), payload }
            }
            _ => return Err("a command that rollback.resp may hold, with its arguments"),
        })
    }

    /// Its key, unless it has none or several.
    pub fn key(&self) -> Option<&'f [u8]> {
        match *self {
            Self::Select(_) | Self::Unlink(_) => None,
            Self::SAdd { key, .. }
            | Self::SRem { key, .. }
            | Self::ZAdd { key, .. }
            | Self::ZRem { key, .. }
            | Self::Set { key, .. }
            | Self::SetNew { key, .. }
            | Self::SetChanged { key, .. }
            | Self::HDel { key, .. }
            | Self::LRem { key, .. }
            | Self::Append { key, .. }
            | Self::RPush { key, .. }
            | Self::HSet { key, .. }
            | Self::HPExpireAt { key, .. }
            | Self::PExpireAt { key, .. }
            | Self::JsonSet { key, .. }
            | Self::Restore { key, .. } => Some(key),
        }
    }

    /// When `apply` may do it.
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Unlink(_) => Some(Phase::Delete),
            Self::SAdd { .. }
            | Self::ZAdd { .. }
            | Self::HSet { .. }
            | Self::SetNew { .. }
            | Self::SetChanged { .. } => Some(Phase::Add),
            Self::SRem { .. } | Self::ZRem { .. } | Self::HDel { .. } | Self::LRem { .. } => Some(Phase::Remove),
            _ => None,
        }
    }
}

const NUMBER: &str = "a number";

fn flags<'r, 'f>(mut args: &'r [&'f [u8]]) -> (ZFlags, &'r [&'f [u8]]) {
    let mut flags = ZFlags::default();
    loop {
        args = match args {
            [b"XX", rest @ ..] => {
                flags.xx = true;
                rest
            }
            [b"NX", rest @ ..] => {
                flags.nx = true;
                rest
            }
            [b"CH", rest @ ..] => {
                flags.ch = true;
                rest
            }
            _ => return (flags, args),
        };
    }
}

/// An integer in its only decimal form.
fn number(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}
