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

    pub(super) fn written_by(verb: Verb) -> Option<Self> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
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
    fn a_deletion_forgets_what_was_written() {
        let commands = file(&["SADD k a b", "UNLINK k", "ZADD k 1 a"]);
        let touched = Touched::read(&commands, Script::Apply, 0).unwrap();
        let key = touched.get(0, b"k").unwrap();
        assert_eq!((key.deleted_at, key.kind, key.added, key.is_gone()), (Some(2), Some(Kind::ZSet), 1, false));
        assert!(touched.get(1, b"k").is_none());
    }
}
