//! What a guard must know besides the commands that are left: what keys held, and how an apply left things.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::journal::States;
use super::super::script::Verb;
use super::content::Content;
use crate::replay::script::item::Item;

/// A database, a key, and a member or field of it.
type Part<'a> = (u32, &'a [u8], &'a [u8]);

/// Worked out once, from the files of a bundle and the journal.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// What keys hold that are deleted as a whole, or that expire once they are made again.
    contents: HashMap<(u32, &'a [u8]), Content<'a>>,
    /// By number of a command that makes a key again: what must be there before it.
    before: HashMap<u64, Vec<u8>>,
    /// The scores that an apply gave to members of sorted sets.
    scores: HashMap<Part<'a>, &'a [u8]>,
    /// How records were when the edits were made that are undone now.
    states: Arc<States>,
    /// Keys that the apply deletes.
    deleted: HashSet<(u32, &'a [u8])>,
    /// Texts of strings that are pruned.
    texts: HashMap<(u32, &'a [u8]), Vec<u8>>,
}

impl<'a> Known<'a> {
    /// For the way there: `apply` deletes what `rollback` makes again.
    pub fn there(apply: &[Item<'a>], rollback: &[Item<'a>]) -> Self {
        let deleted = apply.iter().filter(|item| item.verb.deletes_keys());
        let deleted = deleted.flat_map(|item| item.keys().iter().map(|key| (item.db, *key)));
        Self { contents: contents(deleted, rollback), ..Self::default() }
    }

    /// What of that prune rules need: the keys that `apply` deletes, and the texts of strings that are `pruned`.
    pub fn of_pruned(mut self, apply: &[Item<'a>], rollback: &[Item<'a>], pruned: impl Fn(u32, &[u8]) -> bool) -> Self {
        let deleting = apply.iter().filter(|item| item.verb.deletes_keys());
        self.deleted = deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect();
        for item in rollback.iter().filter(|item| matches!(item.verb, Verb::Set | Verb::Append)) {
            let key = (item.db, item.key());
            if self.deleted.contains(&key) && pruned(item.db, item.key()) {
                let text = item.args.get(2).copied().unwrap_or_default();
                self.texts.entry(key).or_default().extend_from_slice(text);
            }
        }
        self
    }

    /// For the way back from where `apply` led.
    pub fn back(apply: &[Item<'a>], rollback: &[Item<'a>], states: Arc<States>) -> Self {
        let expiring = rollback.iter().filter(|item| item.verb == Verb::PExpireAt).map(|item| (item.db, item.key()));
        let mut known = Self { contents: contents(expiring, rollback), states, ..Self::default() };
        for item in apply.iter().filter(|item| item.verb == Verb::ZAdd) {
            let scored = item.parts().filter_map(|(score, member)| Some(((item.db, item.key(), member), score?)));
            known.scores.extend(scored);
        }
        known.before = before(rollback);
        known
    }

    /// What a key held, as far as that can be compared.
    pub fn content<'s>(&'s self, db: u32, key: &'s [u8]) -> Option<&'s Content<'s>> {
        self.contents.get(&(db, key))
    }

    /// Whether the apply deletes a key.
    pub fn deletes(&self, db: u32, key: &[u8]) -> bool {
        self.deleted.contains(&(db, key))
    }

    /// The text that a string had, where it is pruned by its text.
    pub fn text<'s>(&'s self, db: u32, key: &'s [u8]) -> &'s [u8] {
        self.texts.get(&(db, key)).map_or(b"", |text| text)
    }

    /// What must be there of a key before a command that makes it again is carried out.
    pub fn before(&self, number: u64) -> &[u8] {
        self.before.get(&number).map_or(b"0", |before| before)
    }

    /// The score that a member must have for its edit to be undone; `None` where it must not be there.
    pub fn score<'s>(&'s self, db: u32, key: &'s [u8], member: &'s [u8]) -> Option<&'s [u8]> {
        self.scores.get(&(db, key, member)).copied()
    }

    /// How the record of an edit was when that was made, where a journal says so.
    pub fn state(&self, db: u32, key: &[u8], member: &[u8]) -> Option<&str> {
        if self.states.is_empty() {
            return None;
        }
        self.states.get(&(db, key.to_vec(), member.to_vec())).map(String::as_str)
    }
}

fn contents<'a>(
    keys: impl Iterator<Item = (u32, &'a [u8])>,
    rollback: &[Item<'a>],
) -> HashMap<(u32, &'a [u8]), Content<'a>> {
    let mut makers: HashMap<(u32, &'a [u8]), Vec<&Item<'a>>> = keys.map(|key| (key, Vec::new())).collect();
    for item in rollback {
        let makes = !item.verb.deletes_keys() && !matches!(item.verb, Verb::PExpireAt | Verb::HPExpireAt);
        if makes && let Some(items) = makers.get_mut(&(item.db, item.key())) {
            items.push(item);
        }
    }
    let contents = makers.iter().filter_map(|(key, items)| Some((*key, Content::made_by(items)?)));
    contents.collect()
}

/// Bytes of a string, elements of a list and fields of a hash that commands before it made; for the expiry of a field the
/// field's value.
fn before(rollback: &[Item<'_>]) -> HashMap<u64, Vec<u8>> {
    let mut made: HashMap<(u32, &[u8]), usize> = HashMap::new();
    let expire = rollback.iter().any(|item| item.verb == Verb::HPExpireAt);
    let mut values: HashMap<Part<'_>, &[u8]> = HashMap::new();
    let mut before = HashMap::new();
    for item in rollback {
        let (db, key) = (item.db, item.key());
        let more = match item.verb {
            Verb::Set | Verb::Append => item.args.get(2).map_or(0, |text| text.len()),
            Verb::RPush => item.parts().count(),
            Verb::HSet => {
                if expire {
                    values.extend(item.parts().filter_map(|(field, value)| Some(((db, key, field?), value))));
                }
                item.parts().count()
            }
            Verb::HEdit => {
                if expire {
                    values.extend(item.parts().filter_map(|(value, field)| Some(((db, key, field), value?))));
                }
                continue;
            }
            Verb::HPExpireAt => {
                let field = item.args.get(5).copied().unwrap_or_default();
                before.insert(item.number, values.get(&(db, key, field)).copied().unwrap_or_default().to_vec());
                continue;
            }
            _ => continue,
        };
        let there = made.entry((db, key)).or_default();
        if *there > 0 {
            before.insert(item.number, there.to_string().into_bytes());
        }
        *there = there.saturating_add(more);
    }
    before
}
