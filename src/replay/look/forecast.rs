//! What each touched key should be like at a given moment: as the dump had it, then after each command that was done.

use hashbrown::HashMap;

use crate::bundle::manifest::{Reply as Expected, Touched};
use crate::replay::script::Verb;
use crate::replay::script::item::{Item, Wanted};
use crate::replay::script::kind::Kind;

/// What a key should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation<'a> {
    pub db: u32,
    pub key: &'a [u8],
    pub state: State<'a>,
    /// The whole of a string, where it is known.
    pub text: Option<&'a [u8]>,
}

/// The part of a key's state that a pipelined look at it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    Absent,
    Present {
        /// What the command `TYPE` answers.
        kind: &'a str,
        /// What counts for its type: see [`cardinality_command`]. `u64::MAX` for a string whose length is not known.
        elements: u64,
        expire_at_ms: Option<i64>,
    },
    /// A command was done that does not say what it makes (`RESTORE`), or whose answer is not known.
    Unknown,
}

/// In place of the length of a string that is not known.
pub const UNMEASURED: u64 = u64::MAX;

/// The command that counts what [`State::Present`] counts: elements, and the bytes of a string. A document and most
/// modules have none.
pub fn cardinality_command(kind: &str) -> Option<&'static str> {
    match kind {
        "string" => Some("STRLEN"),
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
            let state = match touched.kind.as_ref() {
                "none" => State::Absent,
                // A manifest says that there is one value, but not how long it is.
                "string" => State::Present { kind: "string", elements: UNMEASURED, expire_at_ms: touched.expire_at_ms },
                kind => State::Present { kind, elements: touched.elements, expire_at_ms: touched.expire_at_ms },
            };
            // No server has a database with a larger number: its keys are reported as not found.
            let db = u32::try_from(touched.db).unwrap_or(u32::MAX);
            if let Some(key) = forecast.entry(db, &touched.key.0) {
                key.state = state;
            }
        }
        forecast
    }

    /// Notes how long the strings of the dump are, and what they are: a rollback makes them again.
    pub fn measure(&mut self, rollback: &[Item<'a>]) {
        use Verb::{Append, Set, SetChanged};
        for item in rollback.iter().filter(|item| matches!(item.verb, Set | SetChanged | Append)) {
            let more = item.args.get(2).and_then(|value| u64::try_from(value.len()).ok()).unwrap_or(UNMEASURED);
            let Some(place) = self.places.get(&(item.db, item.key())) else { continue };
            let entry = self.keys.get_mut(*place);
            if let Some(Expectation { state: State::Present { kind: "string", elements, .. }, text, .. }) = entry {
                let is_first = item.verb != Verb::Append;
                *elements = if is_first { more } else { elements.saturating_add(more) };
                *text = item.args.get(2).copied().filter(|_| is_first);
            }
        }
    }

    /// As they are after commands were carried out and every reply was the expected one.
    pub fn after(mut self, items: &[Item<'a>]) -> Self {
        for item in items {
            self.advance(item, None);
        }
        self
    }

    /// Notes that a command was carried out and answered as expected, or so.
    pub fn advance(&mut self, item: &Item<'a>, answered: Option<i64>) {
        let number = match (answered, &item.wanted) {
            (Some(number), _) => u64::try_from(number).ok(),
            (None, Wanted::Reply(Expected::Integer(number))) => u64::try_from(*number).ok(),
            (None, Wanted::Reply(Expected::Status(_) | Expected::Bulk(_))) => Some(0),
            (None, Wanted::UpTo(_)) => None,
        };
        if item.verb.deletes_keys() {
            for key in item.keys() {
                if let Some(entry) = self.entry(item.db, key) {
                    entry.state = State::Absent;
                }
            }
            return;
        }
        let Some(number) = number else { return self.doubt(item) };
        let Some(entry) = self.entry(item.db, item.key()) else { return };
        let (old, expiry) = match entry.state {
            State::Present { elements, expire_at_ms, .. } => (elements, expire_at_ms),
            State::Absent | State::Unknown => (0, None),
        };
        entry.text = match item.verb {
            Verb::Set | Verb::SetNew | Verb::SetChanged => item.args.get(2).copied(),
            Verb::PExpireAt => entry.text,
            _ => None,
        };
        let present = |kind: Kind, elements: u64| match elements {
            0 => State::Absent,
            elements => State::Present { kind: kind.type_name(), elements, expire_at_ms: expiry },
        };
        entry.state = match (item.verb, entry.state) {
            (Verb::PExpireAt, State::Present { kind, elements, .. }) => {
                let at = item.args.get(2).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                State::Present { kind, elements, expire_at_ms: at }
            }
            (Verb::Set | Verb::SetNew | Verb::SetChanged | Verb::Append, _) => {
                let value = item.args.get(2).and_then(|value| u64::try_from(value.len()).ok());
                let elements = if item.verb == Verb::Append { number } else { value.unwrap_or(UNMEASURED) };
                State::Present { kind: Kind::String.type_name(), elements, expire_at_ms: expiry }
            }
            (Verb::JsonSet, _) => present(Kind::Json, 1),
            (Verb::Restore, _) => State::Unknown,
            (_, State::Unknown) => State::Unknown,
            (Verb::SAdd, _) => present(Kind::Set, old.saturating_add(number)),
            (Verb::ZAdd, _) => present(Kind::ZSet, old.saturating_add(number)),
            (Verb::HSet | Verb::HEdit, _) => present(Kind::Hash, old.saturating_add(number)),
            (Verb::HDel, _) => present(Kind::Hash, old.saturating_sub(number)),
            (Verb::LRem, _) => present(Kind::List, old.saturating_sub(number)),
            (Verb::SRem, _) => present(Kind::Set, old.saturating_sub(number)),
            (Verb::ZRem, _) => present(Kind::ZSet, old.saturating_sub(number)),
            (Verb::RPush, _) => present(Kind::List, number),
            (_, state) => state,
        };
    }

    /// Notes that a command may have been carried out.
    pub fn doubt(&mut self, item: &Item<'a>) {
        for key in item.keys() {
            if let Some(entry) = self.entry(item.db, key) {
                entry.state = State::Unknown;
            }
        }
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
            self.keys.push(Expectation { db, key, state: State::Absent, text: None });
        }
        self.keys.get_mut(place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::bundle::manifest::Bytes;
    use crate::bundle::resp;
    use crate::replay::script::Script;
    use crate::replay::script::item::read;

    fn touched(key: &str, kind: &str, elements: u64, expire_at_ms: Option<i64>) -> Touched {
        Touched { db: 0, key: Bytes(key.into()), kind: kind.to_owned().into(), elements, expire_at_ms, others: None }
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
        let (items, _) = read(&apply, Script::Apply, &replies).unwrap();
        let forecast = Forecast::new(&dump).after(&items);
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
    fn fields_elements_and_values_move_their_key() {
        let dump = [
            touched("hash", "hash", 4, Some(99)),
            touched("list", "list", 6, None),
            touched("text", "string", 1, Some(77)),
            touched("fresh", "none", 0, None),
            touched("made", "none", 0, None),
        ];
        let value = |text: &str| Expected::Bulk(Bytes(text.into()));
        let number = Expected::Integer;
        let mut apply = Vec::new();
        let mut replies = Vec::new();
        for (command, reply) in [
            ("HSET hash new 1 newer 2", number(2)),
            ("HSET hash changed 1", number(0)),
            ("HSET made f 1", number(1)),
            ("SET fresh four NX", Expected::Status("OK".into())),
            ("SET text longer XX KEEPTTL GET", value("old")),
            ("HDEL hash stale", number(1)),
            ("LREM list 0 x", number(2)),
            ("LREM list 0 y", number(1)),
        ] {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut apply);
            replies.push(reply);
        }
        let (items, _) = read(&apply, Script::Apply, &replies).unwrap();
        let forecast = Forecast::new(&dump).after(&items);
        let states: Vec<_> = forecast.keys().iter().map(|key| (key.state, key.text)).collect();
        let present = |kind, elements, expire_at_ms| State::Present { kind, elements, expire_at_ms };
        assert_eq!(
            states,
            [
                (present("hash", 5, Some(99)), None),
                (present("list", 3, None), None),
                (present("string", 6, Some(77)), Some(&b"longer"[..])),
                (present("string", 4, None), Some(b"four")),
                (present("hash", 1, None), None),
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
        let (items, _) = read(&rollback, Script::Rollback, &replies).unwrap();
        let back = Forecast::new(&dump).after(&items);
        let gone = State::Present { kind: "list", elements: 3, expire_at_ms: Some(77) };
        assert_eq!(back.get(0, b"gone").unwrap().state, gone);
        assert_eq!(back.get(0, b"other").unwrap().state, State::Unknown);
        assert!(back.get(1, b"gone").is_none());
    }

    #[test]
    fn a_string_is_as_long_as_the_rollback_makes_it() {
        let dump =
            [touched("text", "string", 1, None), touched("empty", "string", 1, None), touched("set", "set", 2, None)];
        let mut rollback = Vec::new();
        let mut replies = Vec::new();
        for (command, reply) in [
            (&["SET", "text", "one"][..], Expected::Status("OK".into())),
            (&["APPEND", "text", "four"], Expected::Integer(7)),
            (&["SET", "empty", ""], Expected::Status("OK".into())),
            (&["SADD", "set", "a"], Expected::Integer(1)),
        ] {
            resp::encode(command, &mut rollback);
            replies.push(reply);
        }
        let (items, _) = read(&rollback, Script::Rollback, &replies).unwrap();
        let present = |kind, elements| State::Present { kind, elements, expire_at_ms: None };
        let mut forecast = Forecast::new(&dump);
        assert_eq!(forecast.get(0, b"text").unwrap().state, present("string", UNMEASURED));
        forecast.measure(&items);
        for (key, state) in
            [("text", present("string", 7)), ("empty", present("string", 0)), ("set", present("set", 2))]
        {
            assert_eq!(forecast.get(0, key.as_bytes()).unwrap().state, state, "{key}");
        }
        let back = forecast.after(&items);
        assert_eq!(back.get(0, b"text").unwrap().state, present("string", 7));
        assert_eq!(back.get(0, b"empty").unwrap().state, present("string", 0));
    }
}
