//! What each touched key should be like at a given moment: as the dump had it, then after each command that was done.

use hashbrown::HashMap;

use super::script::{Script, ScriptError, Step, Steps, Verb};
use super::touched::Kind;
use crate::plan::manifest::{Reply as Expected, Touched};

/// What a key should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation<'a> {
    pub db: u32,
    pub key: &'a [u8],
    pub state: State<'a>,
}

/// The part of a key's state that a pipelined look at it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    Absent,
    Present {
        /// What the command `TYPE` answers.
        kind: &'a str,
        /// What counts for its type: see [`cardinality_command`].
        elements: u64,
        expire_at_ms: Option<i64>,
    },
    /// A command was done that does not say what it makes (`RESTORE`).
    Unknown,
}

/// The command that counts what [`State::Present`] counts; a string, a document and most modules have none.
pub fn cardinality_command(kind: &str) -> Option<&'static str> {
    match kind {
        "set" => Some("SCARD"),
        "zset" => Some("ZCARD"),
        "list" => Some("LLEN"),
        "hash" => Some("HLEN"),
        "stream" => Some("XLEN"),
        _ => None,
    }
}

/// The state of all touched keys, advanced command by command. In the order of the manifest.
#[derive(Clone, Debug, Default)]
pub struct Forecast<'a> {
    keys: Vec<Expectation<'a>>,
    places: HashMap<(u32, &'a [u8]), usize, foldhash::fast::RandomState>,
}

impl<'a> Forecast<'a> {
    /// As the dump had them.
    pub fn new(touched: &'a [Touched]) -> Self {
        let mut forecast = Self::default();
        for touched in touched {
            let state = match touched.kind.as_str() {
                "none" => State::Absent,
                kind => State::Present { kind, elements: touched.elements, expire_at_ms: touched.expire_at_ms },
            };
            // No server has a database of a larger number; this one is found nowhere, and that is then said.
            let db = u32::try_from(touched.db).unwrap_or(u32::MAX);
            if let Some(key) = forecast.entry(db, &touched.key.0) {
                key.state = state;
            }
        }
        forecast
    }

    /// As they are after a file of commands was carried out and every reply was the expected one.
    pub fn after(self, commands: &'a [u8], script: Script, replies: &[Expected]) -> Result<Self, ScriptError> {
        let mut forecast = self;
        let mut steps = Steps::new(commands, script, 0);
        let mut replies = replies.iter();
        while let Some(step) = steps.next_step()? {
            let Some(reply) = replies.next() else { break };
            forecast.advance(&step, reply);
        }
        Ok(forecast)
    }

    /// Notes that a command was carried out and answered so.
    pub fn advance(&mut self, step: &Step<'_, 'a>, reply: &Expected) {
        let number = match reply {
            Expected::Integer(number) => u64::try_from(*number).unwrap_or(0),
            Expected::Status(_) => 0,
        };
        if step.verb == Verb::Select {
            return;
        }
        for key in step.deleted_keys() {
            if let Some(entry) = self.entry(step.db, key) {
                entry.state = State::Absent;
            }
        }
        if step.verb.deletes_keys() {
            return;
        }
        let Some(entry) = self.entry(step.db, step.key()) else { return };
        let (old, expiry) = match entry.state {
            State::Present { elements, expire_at_ms, .. } => (elements, expire_at_ms),
            State::Absent | State::Unknown => (0, None),
        };
        let present = |kind: Kind, elements: u64| match elements {
            0 => State::Absent,
            elements => State::Present { kind: kind.type_name(), elements, expire_at_ms: expiry },
        };
        entry.state = match (step.verb, entry.state) {
            (Verb::PExpireAt, State::Present { kind, elements, .. }) => {
                let at = step.body().first().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                State::Present { kind, elements, expire_at_ms: at }
            }
            (Verb::SAdd, State::Absent | State::Present { .. }) => present(Kind::Set, old.saturating_add(number)),
            (Verb::ZAdd, State::Absent | State::Present { .. }) => present(Kind::ZSet, old.saturating_add(number)),
            (Verb::HSet, State::Absent | State::Present { .. }) => present(Kind::Hash, old.saturating_add(number)),
            (Verb::SRem, _) => present(Kind::Set, old.saturating_sub(number)),
            (Verb::ZRem, _) => present(Kind::ZSet, old.saturating_sub(number)),
            (Verb::RPush, _) => present(Kind::List, number),
            (Verb::Set | Verb::Append, _) => present(Kind::String, 1),
            (Verb::JsonSet, _) => present(Kind::Json, 1),
            (Verb::Restore, _) => State::Unknown,
            (_, state) => state,
        };
    }

    /// Every touched key.
    pub fn keys(&self) -> &[Expectation<'a>] {
        &self.keys
    }

    /// One key, if the plan touches it.
    pub fn get(&self, db: u32, key: &[u8]) -> Option<&Expectation<'a>> {
        self.keys.get(*self.places.get(&(db, key))?)
    }

    fn entry(&mut self, db: u32, key: &'a [u8]) -> Option<&mut Expectation<'a>> {
        let next = self.keys.len();
        let place = *self.places.entry((db, key)).or_insert(next);
        if place == next {
            self.keys.push(Expectation { db, key, state: State::Absent });
        }
        self.keys.get_mut(place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::manifest::Bytes;
    use crate::resp;

    fn touched(key: &str, kind: &str, elements: u64, expire_at_ms: Option<i64>) -> Touched {
        Touched { db: 0, key: Bytes(key.into()), kind: kind.into(), elements, expire_at_ms }
    }

    #[test]
    fn each_command_moves_its_key() {
        let dump = [
            touched("wrong", "set", 3, None),
            touched("retyped", "list", 4, None),
            touched("created", "none", 0, None),
            touched("kept", "set", 3, Some(99)),
            touched("ranked", "zset", 2, None),
        ];
        let mut apply = Vec::new();
        let mut replies = Vec::new();
        for (command, reply) in [
            ("UNLINK wrong retyped", 2),
            ("SADD retyped r", 1),
            ("SADD created c d", 2),
            ("SADD kept new", 1),
            // One is new, the other changes its score.
            ("ZADD ranked 1 n 2 moved", 1),
            ("SREM kept a b", 2),
            ("ZREM ranked old", 1),
        ] {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut apply);
            replies.push(Expected::Integer(reply));
        }
        let forecast = Forecast::new(&dump).after(&apply, Script::Apply, &replies).unwrap();
        let found: Vec<_> =
            forecast.keys().iter().map(|key| (std::str::from_utf8(key.key).unwrap(), key.state)).collect();
        let present = |kind, elements, expire_at_ms| State::Present { kind, elements, expire_at_ms };
        assert_eq!(
            found,
            [
                ("wrong", State::Absent),
                ("retyped", present("set", 1, None)),
                ("created", present("set", 2, None)),
                ("kept", present("set", 2, Some(99))),
                ("ranked", present("zset", 2, None)),
            ]
        );
    }

    #[test]
    fn a_rollback_leads_back() {
        let dump = [touched("gone", "list", 3, Some(77)), touched("other", "stream", 5, None)];
        let mut rollback = Vec::new();
        let mut replies = Vec::new();
        for (command, reply) in [
            ("UNLINK gone other", Expected::Integer(2)),
            ("RPUSH gone a b", Expected::Integer(2)),
            ("RPUSH gone c", Expected::Integer(3)),
            ("PEXPIREAT gone 77", Expected::Integer(1)),
            ("RESTORE other 0 x", Expected::Status("OK".into())),
        ] {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut rollback);
            replies.push(reply);
        }
        let back = Forecast::new(&dump).after(&rollback, Script::Rollback, &replies).unwrap();
        let gone = State::Present { kind: "list", elements: 3, expire_at_ms: Some(77) };
        assert_eq!(back.get(0, b"gone").unwrap().state, gone);
        assert_eq!(back.get(0, b"other").unwrap().state, State::Unknown);
        assert!(back.get(1, b"gone").is_none());
    }
}
