//! The keys that a file of commands touches, and what it makes of each.

use hashbrown::HashMap;

use super::script::{Script, ScriptError, Steps, Verb};

/// A type of value, as far as a plan can write one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Set,
    ZSet,
    Hash,
    Json,
}

impl Kind {
    /// What the command `TYPE` answers.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::ZSet => "zset",
            Self::Hash => "hash",
            Self::Json => "ReJSON-RL",
        }
    }

    /// The command that counts elements; a string and a document have none.
    pub fn cardinality_command(self) -> Option<&'static str> {
        match self {
            Self::Set => Some("SCARD"),
            Self::ZSet => Some("ZCARD"),
            Self::List => Some("LLEN"),
            Self::Hash => Some("HLEN"),
            Self::String | Self::Json => None,
        }
    }

    fn written_by(verb: Verb) -> Option<Self> {
        match verb {
            Verb::SAdd | Verb::SRem => Some(Self::Set),
            Verb::ZAdd | Verb::ZRem => Some(Self::ZSet),
            Verb::Set | Verb::Append => Some(Self::String),
            Verb::RPush => Some(Self::List),
            Verb::HSet | Verb::HPExpireAt => Some(Self::Hash),
            Verb::JsonSet => Some(Self::Json),
            // RESTORE does not say; PEXPIREAT takes any type.
            Verb::Restore | Verb::PExpireAt | Verb::Select | Verb::Unlink | Verb::Del => None,
        }
    }
}

/// What a file of commands does to one key.
#[derive(Clone, Copy, Debug)]
pub struct TouchedKey<'a> {
    pub db: u32,
    pub key: &'a [u8],
    /// The number of the last command that deletes it.
    pub deleted_at: Option<u64>,
    /// Whether a command writes to it, since it was deleted if it was.
    pub written: bool,
    /// The type that those commands take or make, where they tell.
    pub kind: Option<Kind>,
    /// Members, fields or elements that they add.
    pub added: u64,
}

/// All keys of a file, in the order of their first command.
#[derive(Debug, Default)]
pub struct Touched<'a> {
    keys: Vec<TouchedKey<'a>>,
    places: HashMap<(u32, &'a [u8]), usize, foldhash::fast::RandomState>,
}

impl<'a> Touched<'a> {
    /// Reads a file whose first commands go to database `db`.
    pub fn read(commands: &'a [u8], script: Script, db: u32) -> Result<Self, ScriptError> {
        let mut touched = Self::default();
        let mut steps = Steps::new(commands, script, db);
        while let Some(step) = steps.next_step()? {
            if step.verb == Verb::Select {
                continue;
            }
            for key in step.deleted_keys() {
                if let Some(entry) = touched.entry(step.db, key) {
                    *entry = TouchedKey::new(step.db, key);
                    entry.deleted_at = Some(step.number);
                }
            }
            if !step.verb.deletes_keys()
                && let Some(entry) = touched.entry(step.db, step.key())
            {
                entry.written = true;
                entry.kind = Kind::written_by(step.verb).or(entry.kind);
                if !matches!(step.verb, Verb::SRem | Verb::ZRem) {
                    entry.added = entry.added.saturating_add(step.members());
                }
            }
        }
        Ok(touched)
    }

    /// The keys, in the order of their first command.
    pub fn keys(&self) -> &[TouchedKey<'a>] {
        &self.keys
    }

    /// What is known of one key, if the file touches it.
    pub fn get(&self, db: u32, key: &[u8]) -> Option<&TouchedKey<'a>> {
        self.keys.get(*self.places.get(&(db, key))?)
    }

    fn entry(&mut self, db: u32, key: &'a [u8]) -> Option<&mut TouchedKey<'a>> {
        let next = self.keys.len();
        let place = *self.places.entry((db, key)).or_insert(next);
        if place == next {
            self.keys.push(TouchedKey::new(db, key));
        }
        self.keys.get_mut(place)
    }
}

impl<'a> TouchedKey<'a> {
    fn new(db: u32, key: &'a [u8]) -> Self {
        Self { db, key, deleted_at: None, written: false, kind: None, added: 0 }
    }

    /// Deleted and not written again.
    pub fn is_gone(&self) -> bool {
        self.deleted_at.is_some() && !self.written
    }
}

/// What a key should be like before a plan is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation<'a> {
    pub db: u32,
    pub key: &'a [u8],
    pub before: Before,
}

/// The part of a key's state that a pipelined look at it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Absent,
    /// It exists; `None` where its type, or its number of elements, is not known.
    Present {
        kind: Option<Kind>,
        cardinality: Option<u64>,
    },
}

/// What the two files of a plan say about the state in the dump, in the order in which `apply` touches the keys.
///
/// `rollback` leads back to the dump: what it builds anew stood there, and how many elements it had; what it deletes
/// without building it did not. A key that both files edit in place existed, and its number of elements is not known.
/// This relies on a rollback that *deletes* what apply created, instead of removing its members one by one.
pub fn expectations<'a>(apply: &'a [u8], rollback: &[u8], db: u32) -> Result<Vec<Expectation<'a>>, ScriptError> {
    let forth = Touched::read(apply, Script::Apply, db)?;
    let back = Touched::read(rollback, Script::Rollback, db)?;
    let expectation = |key: &TouchedKey<'a>| {
        let undone = back.get(key.db, key.key);
        let rebuilt = key.deleted_at.is_some() || undone.is_some_and(|undone| undone.deleted_at.is_some());
        let before = match undone {
            Some(undone) if undone.is_gone() => Before::Absent,
            Some(undone) if rebuilt => {
                let counted = undone.kind.is_some_and(|kind| kind.cardinality_command().is_some());
                Before::Present { kind: undone.kind, cardinality: counted.then_some(undone.added) }
            }
            Some(_) => Before::Present { kind: key.kind, cardinality: None },
            None => Before::Present { kind: if rebuilt { None } else { key.kind }, cardinality: None },
        };
        Expectation { db: key.db, key: key.key, before }
    };
    Ok(forth.keys().iter().map(expectation).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::resp;

    fn file(commands: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for command in commands {
            resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut out);
        }
        out
    }

    #[test]
    fn each_way_a_key_can_have_been() {
        let apply = file(&[
            "UNLINK wrong-set wrong-type restored no-undo",
            "SADD wrong-type a",
            "SADD absent a b",
            "SADD edited a",
            "SREM edited z",
            "ZREM ranked z",
            "SELECT 1",
            "SADD absent a",
        ]);
        let rollback = file(&[
            "UNLINK wrong-type absent",
            "SADD wrong-set x y",
            "SADD wrong-set z",
            "RPUSH wrong-type 1 2 3 4",
            "PEXPIREAT wrong-type 99",
            "RESTORE restored 0 bytes",
            "SREM edited a",
            "SADD edited z",
            "ZADD ranked 1 z",
            "SELECT 1",
            "UNLINK absent",
        ]);
        let present = |kind, cardinality| Before::Present { kind, cardinality };
        let found = expectations(&apply, &rollback, 0).unwrap();
        let found: Vec<_> = found.iter().map(|e| (e.db, std::str::from_utf8(e.key).unwrap(), e.before)).collect();
        assert_eq!(
            found,
            [
                (0, "wrong-set", present(Some(Kind::Set), Some(3))),
                (0, "wrong-type", present(Some(Kind::List), Some(4))),
                (0, "restored", present(None, None)),
                (0, "no-undo", present(None, None)),
                (0, "absent", Before::Absent),
                (0, "edited", present(Some(Kind::Set), None)),
                (0, "ranked", present(Some(Kind::ZSet), None)),
                (1, "absent", Before::Absent),
            ]
        );
    }

    #[test]
    fn a_deletion_forgets_what_was_written() {
        let commands = file(&["SADD k a b", "UNLINK k", "ZADD k 1 a"]);
        let touched = Touched::read(&commands, Script::Apply, 0).unwrap();
        let key = touched.get(0, b"k").unwrap();
        assert_eq!((key.deleted_at, key.kind, key.added, key.is_gone()), (Some(2), Some(Kind::ZSet), 1, false));
        assert!(touched.get(1, b"k").is_none());
    }
}
