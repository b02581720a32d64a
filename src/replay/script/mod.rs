//! The commands of a plan, and the proof that a file holds no others.

pub mod commands;
pub mod error;
pub mod item;
pub mod kind;
pub mod was;

use crate::bundle::resp::{self, Command, CommandReader};
use crate::text::display;

/// Which file of a bundle is read. A rollback may rebuild keys of any type; an apply deletes keys, and edits what is in
/// sets, sorted sets, hashes, lists and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Apply,
    Rollback,
}

/// A command that a plan may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Select,
    Unlink,
    SAdd,
    SRem,
    ZAdd,
    ZRem,
    Del,
    Set,
    Append,
    RPush,
    HSet,
    HPExpireAt,
    PExpireAt,
    JsonSet,
    Restore,
    /// `HSET` that edits fields of a hash, where [`Verb::HSet`] makes one that is not there, or a piece of it.
    HEdit,
    HDel,
    /// `LREM key 0 element`: every element equal to it.
    LRem,
    /// `SET key value NX` of an apply: a pointer that was not there.
    SetNew,
    /// `SET key value XX KEEPTTL GET`: a pointer that was there, with another value.
    SetChanged,
}

impl Verb {
    /// Each name once. What it stands for where several verbs have it, the arguments and the file say.
    const ALL: [Self; 17] = [
        Self::SAdd,
        Self::SRem,
        Self::Unlink,
        Self::ZAdd,
        Self::ZRem,
        Self::Select,
        Self::Set,
        Self::Append,
        Self::RPush,
        Self::HSet,
        Self::HPExpireAt,
        Self::PExpireAt,
        Self::JsonSet,
        Self::Restore,
        Self::Del,
        Self::HDel,
        Self::LRem,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Unlink => "UNLINK",
            Self::SAdd => "SADD",
            Self::SRem => "SREM",
            Self::ZAdd => "ZADD",
            Self::ZRem => "ZREM",
            Self::Del => "DEL",
            Self::Set | Self::SetNew | Self::SetChanged => "SET",
            Self::Append => "APPEND",
            Self::RPush => "RPUSH",
            Self::HSet | Self::HEdit => "HSET",
            Self::HDel => "HDEL",
            Self::LRem => "LREM",
            Self::HPExpireAt => "HPEXPIREAT",
            Self::PExpireAt => "PEXPIREAT",
            Self::JsonSet => "JSON.SET",
            Self::Restore => "RESTORE",
        }
    }

    fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name().as_bytes() == name)
    }

    /// What a command of this file does, by its arguments. Whether a `HSET` on the way back edits a hash or makes one, only
    /// both files tell: see [`commands::Commands`].
    fn in_script(self, script: Script, args: &[&[u8]]) -> Self {
        match (self, script, args) {
            (Self::Set, _, [_, _, _, b"XX", b"KEEPTTL", b"GET"]) => Self::SetChanged,
            (Self::Set, Script::Apply, [_, _, _, b"NX"]) => Self::SetNew,
            (Self::HSet, Script::Apply, _) => Self::HEdit,
            (verb, ..) => verb,
        }
    }

    fn belongs_in(self, script: Script) -> bool {
        match self {
            Self::Select | Self::Unlink | Self::SAdd | Self::SRem | Self::ZAdd | Self::ZRem => true,
            Self::HEdit | Self::HDel | Self::SetChanged => true,
            Self::SetNew | Self::LRem => script == Script::Apply,
            _ => script == Script::Rollback,
        }
    }

    /// Whether every argument is a key.
    pub fn deletes_keys(self) -> bool {
        matches!(self, Self::Unlink | Self::Del)
    }
}

/// Why a file of commands was refused. It was refused as a whole: nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    #[error("the file is not a list of commands: {0}; nothing was sent")]
    Resp(#[from] resp::Error),
    #[error("command {number} at offset {offset} is {name}, which no plan contains; nothing was sent")]
    Forbidden { number: u64, offset: usize, name: String },
    #[error("command {number} at offset {offset}, {name}, has the wrong arguments; nothing was sent")]
    Malformed { number: u64, offset: usize, name: &'static str },
}

/// What a file of commands adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub commands: u64,
    /// Members, fields or elements added or removed by a command that names them.
    pub members: u64,
    pub deleted_keys: u64,
    pub bytes: u64,
    /// Commands that change the database.
    pub selects: u64,
}

/// One command of a plan, its form checked.
#[derive(Clone, Copy, Debug)]
pub struct Step<'r, 'a> {
    /// Counted from 1.
    pub number: u64,
    pub verb: Verb,
    /// The database in force, and for `SELECT` the one it names.
    pub db: u32,
    pub command: Command<'r, 'a>,
}

impl<'r, 'a> Step<'r, 'a> {
    /// The key, or the first of several.
    pub fn key(&self) -> &'a [u8] {
        self.command.key().unwrap_or_default()
    }

    /// The keys of a command that deletes them.
    pub fn deleted_keys(&self) -> &'r [&'a [u8]] {
        if self.verb.deletes_keys() { self.command.args.get(1..).unwrap_or_default() } else { &[] }
    }

    /// What follows the key. Of `ZADD` what follows its flags: scores and members in turn.
    pub fn body(&self) -> &'r [&'a [u8]] {
        let mut body = self.command.args.get(2..).unwrap_or_default();
        while self.verb == Verb::ZAdd
            && let [b"NX" | b"XX" | b"GT" | b"LT" | b"CH", rest @ ..] = body
        {
            body = rest;
        }
        body
    }

    /// How many members, fields or elements it adds or removes.
    pub fn members(&self) -> u64 {
        let body = self.body().len();
        let members = match self.verb {
            Verb::SAdd | Verb::SRem | Verb::ZRem | Verb::RPush | Verb::HDel => body,
            Verb::ZAdd | Verb::HSet | Verb::HEdit => body / 2,
            // Of a list it is the reply that tells how many elements went.
            Verb::SetNew | Verb::SetChanged | Verb::LRem => 1,
            _ => 0,
        };
        u64::try_from(members).unwrap_or(u64::MAX)
    }
}

/// Reads a file of commands and lets through only what a plan may contain.
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    reader: CommandReader<'a>,
    script: Script,
    number: u64,
    db: u32,
}

impl<'a> Steps<'a> {
    /// `db` is the database that the connection has selected.
    pub fn new(commands: &'a [u8], script: Script, db: u32) -> Self {
        Self { reader: CommandReader::new(commands), script, number: 0, db }
    }

    /// The next command, `None` after the last, or why the file is refused from here on.
    pub fn next_step(&mut self) -> Result<Option<Step<'_, 'a>>, ScriptError> {
        let Some(command) = self.reader.next_command()? else { return Ok(None) };
        self.number = self.number.saturating_add(1);
        let (number, offset) = (self.number, command.offset);
        let verb = Verb::of(command.name())
            .map(|verb| verb.in_script(self.script, command.args))
            .filter(|verb| verb.belongs_in(self.script))
            .ok_or_else(|| ScriptError::Forbidden { number, offset, name: display(command.name()) })?;
        let mut step = Step { number, verb, db: self.db, command };
        if !well_formed(&step) {
            return Err(ScriptError::Malformed { number, offset, name: verb.name() });
        }
        if verb == Verb::Select {
            self.db = database(step.key()).ok_or(ScriptError::Malformed { number, offset, name: verb.name() })?;
            step.db = self.db;
        }
        Ok(Some(step))
    }
}

fn database(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Enough arguments, and pairs where the command takes pairs. The rest is for the server to say.
fn well_formed(step: &Step<'_, '_>) -> bool {
    let (args, body) = (step.command.args.len(), step.body());
    match step.verb {
        Verb::Select => args == 2,
        Verb::Unlink | Verb::Del => args >= 2,
        Verb::SAdd | Verb::SRem | Verb::ZRem | Verb::RPush | Verb::HDel | Verb::PExpireAt => !body.is_empty(),
        Verb::ZAdd | Verb::HSet | Verb::HEdit => !body.is_empty() && body.len() % 2 == 0,
        Verb::LRem => matches!(body, [b"0", _]),
        Verb::Set => matches!(body, [_] | [_, b"NX"]),
        Verb::SetNew | Verb::SetChanged => true,
        Verb::Append => args == 3,
        Verb::JsonSet | Verb::Restore => body.len() >= 2,
        Verb::HPExpireAt => body.len() >= 4,
    }
}

/// Reads the whole file once: an error here means that nothing was sent.
pub fn check(commands: &[u8], script: Script) -> Result<Totals, ScriptError> {
    let mut steps = Steps::new(commands, script, 0);
    let mut totals = Totals { bytes: u64::try_from(commands.len()).unwrap_or(u64::MAX), ..Totals::default() };
    while let Some(step) = steps.next_step()? {
        totals.add(&step);
    }
    Ok(totals)
}

impl Totals {
    pub(super) fn add(&mut self, step: &Step<'_, '_>) {
        self.commands = step.number;
        self.members = self.members.saturating_add(step.members());
        let deleted = u64::try_from(step.deleted_keys().len()).unwrap_or(u64::MAX);
        self.deleted_keys = self.deleted_keys.saturating_add(deleted);
        self.selects = self.selects.saturating_add(u64::from(step.verb == Verb::Select));
    }
}

#[cfg(test)]
#[allow(clippy::as_conversions, clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn file(commands: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for command in commands {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut out);
        }
        out
    }

    #[test]
    fn every_name_is_found_again() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(verb.name().as_bytes()), Some(verb));
        }
    }

    #[test]
    fn totals_of_a_file() {
        let bytes =
            file(&["UNLINK a b c", "SADD k 1 2", "ZADD z XX CH 1.5 m 2 n", "SELECT 3", "SREM k 3", "ZREM z o p"]);
        let totals = check(&bytes, Script::Apply).unwrap();
        // Members: 2 + 2 + 1 + 2.
        let expected = Totals { commands: 6, members: 7, deleted_keys: 3, bytes: bytes.len() as u64, selects: 1 };
        assert_eq!(totals, expected);
        assert_eq!(check(b"", Script::Apply).unwrap(), Totals::default());
    }

    #[test]
    fn the_database_follows_select() {
        let bytes = file(&["SADD k 1", "SELECT 7", "SADD k 1"]);
        let mut steps = Steps::new(&bytes, Script::Apply, 2);
        let mut dbs = Vec::new();
        while let Some(step) = steps.next_step().unwrap() {
            dbs.push(step.db);
        }
        assert_eq!(dbs, [2, 7, 7]);
    }

    #[test]
    fn what_no_plan_contains_is_refused_by_name() {
        for name in ["FLUSHALL", "AUTH", "EVAL", "KEYS", "CONFIG", "sadd", "MONITOR", "DEL", "SET", "RESTORE"] {
            let bytes = file(&["SADD k m", &format!("{name} a b c d")]);
            let error = check(&bytes, Script::Apply).unwrap_err();
            // "*3 $4 SADD $1 k $1 m", each with CR LF: 4 + 10 + 7 + 7.
            assert_eq!(error, ScriptError::Forbidden { number: 2, offset: 28, name: name.into() }, "{name}");
        }
    }

    #[test]
    fn a_rollback_may_rebuild_any_type() {
        let bytes = file(&[
            "SET k v",
            "APPEND k v",
            "RPUSH l a b",
            "HSET h f v",
            "HPEXPIREAT h 1 FIELDS 1 f",
            "PEXPIREAT k 1",
            "JSON.SET j . 1",
            "RESTORE r 0 x",
            "DEL d",
        ]);
        let totals = check(&bytes, Script::Rollback).unwrap();
        assert_eq!((totals.commands, totals.members, totals.deleted_keys), (9, 3, 1));
        assert!(check(&file(&["FLUSHDB"]), Script::Rollback).is_err());
    }

    #[test]
    fn a_name_may_stand_for_several_things() {
        let verbs = |script, commands: &[&str]| {
            let bytes = file(commands);
            let mut steps = Steps::new(&bytes, script, 0);
            let mut verbs = Vec::new();
            while let Some(step) = steps.next_step().unwrap() {
                verbs.push(step.verb);
            }
            verbs
        };
        let apply = ["HSET h f v", "SET k v NX", "SET k v XX KEEPTTL GET", "HDEL h f g", "LREM l 0 NX"];
        assert_eq!(verbs(Script::Apply, &apply), [Verb::HEdit, Verb::SetNew, Verb::SetChanged, Verb::HDel, Verb::LRem]);
        assert_eq!(check(&file(&apply), Script::Apply).unwrap().members, 1 + 1 + 1 + 2 + 1);
        let rollback = ["HSET h f v", "SET k v NX", "SET k NX", "SET k v XX KEEPTTL GET", "HDEL h f"];
        assert_eq!(
            verbs(Script::Rollback, &rollback),
            [Verb::HSet, Verb::Set, Verb::Set, Verb::SetChanged, Verb::HDel]
        );
    }

    #[test]
    fn a_command_stays_in_its_file() {
        for (script, command) in [
            (Script::Apply, "SET k v"),
            (Script::Apply, "SET k NX"),
            (Script::Apply, "SET k v XX"),
            (Script::Apply, "SET k v XX GET KEEPTTL"),
            (Script::Apply, "RPUSH l a"),
            (Script::Apply, "HPEXPIREAT h 1 FIELDS 1 f"),
            (Script::Rollback, "LREM l 0 a"),
        ] {
            let error = check(&file(&[command]), script).unwrap_err();
            assert!(matches!(error, ScriptError::Forbidden { number: 1, .. }), "{command}: {error}");
        }
        for (script, command) in [
            (Script::Apply, "LREM l 1 a"),
            (Script::Apply, "LREM l 0"),
            (Script::Apply, "LREM l 0 a b"),
            (Script::Apply, "HDEL h"),
            (Script::Apply, "HSET h f"),
            (Script::Rollback, "SET k v XX"),
            (Script::Rollback, "SET k v EX 10"),
            (Script::Rollback, "HDEL h"),
        ] {
            let error = check(&file(&[command]), script).unwrap_err();
            assert!(matches!(error, ScriptError::Malformed { number: 1, .. }), "{command}: {error}");
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for command in
            ["SADD k", "SREM", "UNLINK", "ZADD z 1", "ZADD z XX", "SELECT", "SELECT x", "SELECT -1", "SELECT 1 2"]
        {
            let error = check(&file(&[command]), Script::Apply).unwrap_err();
            assert!(matches!(error, ScriptError::Malformed { number: 1, offset: 0, .. }), "{command}: {error}");
        }
    }
}
