//! A cluster, where the record of an edit, or the key that an entry names, is mostly on another node: no script sees both.
//!
//! Such an edit is made between two looks. What the first look finds decides whether it is made, as anywhere; what the second
//! finds, once it was made, whether it stays: if it is not right any more, it is undone, and made again if it is right by
//! then. A change that comes and goes between the two looks is not seen, nor is one after the second.

use std::borrow::Cow;
use std::collections::HashSet;

use super::prune;
use super::{Guard, Level, exist};
use crate::replay::link::{Link, Reply};
use crate::replay::look::query::{LookOptions, QueryError, ask_all};
use crate::replay::script::Verb;
use crate::replay::script::item::Item;

/// A command that undoes an edit, or makes it again: its database, and its arguments.
pub type Repair = (u32, Vec<Vec<u8>>);

impl<'g> Guard<'g> {
    /// For a cluster; `others` are the commands of the other file of the bundle, which undo what those of this one do.
    /// `made` are edits of an earlier run that ended before the second look at them.
    pub fn across(self, others: &'g [Item<'g>], made: Vec<Item<'g>>) -> Self {
        Self { others: Some(others), made, ..self }
    }

    /// Edits of an earlier run that must be looked at once more, once.
    pub fn take_made(&mut self) -> Vec<Item<'g>> {
        std::mem::take(&mut self.made)
    }

    /// Whether nothing can be checked and edited in one step where it is in two slots.
    pub fn is_across(&self) -> bool {
        self.others.is_some()
    }

    /// Whether a command is right only as long as keys of other slots are as they are.
    pub fn rests_elsewhere(&self, item: &Item<'_>) -> bool {
        self.is_across() && (self.prunes(item) || self.level == Level::Records && item.edits_a_set())
    }

    /// Keys that the plan deletes and that entries of a command name: they must be gone by then.
    pub fn waits_for(&self, item: &Item<'_>) -> Vec<Vec<u8>> {
        if !self.is_across() || !self.prunes(item) {
            return Vec::new();
        }
        let named = prune::named(&*self.judge, self.known, item).into_iter().flatten().flatten();
        let by_name = self.judge.named_by_name(item.db, item.key()).into_iter().flatten();
        let deleted = named.chain(by_name).filter(|named| self.known.deletes(item.db, &named.key));
        deleted.map(|named| named.key).collect()
    }

    /// Of each command, the places of the parts that are not right as things are now.
    pub fn not_right(
        &mut self,
        link: &mut dyn Link,
        items: &[Item<'_>],
        options: &LookOptions,
    ) -> Result<Vec<HashSet<usize>>, QueryError> {
        let items: Vec<Cow<'_, Item<'_>>> = items.iter().map(Cow::Borrowed).collect();
        let pruning = items.iter().enumerate().filter(|(_, item)| self.prunes(item));
        let pruning = pruning.map(|(place, item)| (place, item.as_ref()));
        let mut pruned = prune::decide(link, &*self.judge, self.known, pruning, options)?;
        prune::ask_elsewhere(link, &items, &mut pruned, options)?;
        let records = self.read(link, &items, options)?;
        let judged = self.judge(&items, &records);
        let required = exist(link, &judged, options)?;
        let places = items.iter().zip(judged).enumerate().map(|(at, (item, edits))| {
            let stays: Vec<bool> = match pruned.remove(&at) {
                Some(checks) => checks.iter().map(Option::is_none).collect(),
                None => {
                    let decide = |(edit, (_, member))| self.decide(item, edit, member, &records, &required).is_none();
                    edits.iter().zip(item.parts()).map(decide).collect()
                }
            };
            stays.iter().enumerate().filter(|(_, stays)| **stays).map(|(part, _)| part).collect()
        });
        Ok(places.collect())
    }

    /// What undoes these parts of a command, as far as nobody has made anything in their place.
    pub fn undo(
        &self,
        link: &mut dyn Link,
        item: &Item<'_>,
        parts: &HashSet<usize>,
        options: &LookOptions,
    ) -> Result<Vec<Repair>, QueryError> {
        let others = self.others.unwrap_or_default();
        let of_key = |key: &[u8]| {
            let same = others.iter().filter(|other| other.db == item.db && other.key() == key);
            same.collect::<Vec<&Item<'_>>>()
        };
        let names = item.parts().enumerate().filter(|(at, _)| parts.contains(at)).map(|(_, (_, part))| part);
        let names: Vec<&[u8]> = names.collect();
        let text = |text: &[u8]| text.to_vec();
        let edit = |verb: &[u8]| {
            let head = [text(verb), text(item.key())];
            vec![(item.db, head.into_iter().chain(names.iter().map(|name| text(name))).collect())]
        };
        Ok(match item.verb {
            Verb::SRem => edit(b"SADD"),
            Verb::SAdd => edit(b"SREM"),
            // Its old place is not known: the others have moved on.
            Verb::LRem => edit(b"RPUSH"),
            Verb::ZAdd | Verb::ZRem => {
                let scored =
                    of_key(item.key()).into_iter().filter(|other| matches!(other.verb, Verb::ZAdd | Verb::ZRem));
                let back = scored.filter_map(|other| {
                    let mut other = other.clone();
                    let any = other.retain(|_, member| names.contains(&member));
                    other.careful();
                    any.then(|| (item.db, other.args.iter().map(|arg| text(arg)).collect()))
                });
                back.collect()
            }
            Verb::HDel => {
                let fields =
                    of_key(item.key()).into_iter().filter(|other| matches!(other.verb, Verb::HEdit | Verb::HSet));
                let fields = fields.flat_map(|other| {
                    let is_made = other.verb == Verb::HSet;
                    other.parts().map(move |(with, part)| if is_made { (with, Some(part)) } else { (Some(part), with) })
                });
                let fields = fields.filter_map(|(field, value)| Some((field.filter(|f| names.contains(f))?, value?)));
                fields
                    .map(|(field, value)| (item.db, [b"HSETNX", item.key(), field, value].map(text).to_vec()))
                    .collect()
            }
            Verb::Unlink | Verb::Del => {
                let questions = names.iter().map(|key| (item.db, vec![&b"EXISTS"[..], *key]));
                let there = ask_all(link, options, questions)?;
                let gone = names.iter().zip(there).filter(|(_, there)| *there == Reply::Integer(0));
                let made = gone.flat_map(|(key, _)| of_key(key).into_iter().filter(|other| !other.verb.deletes_keys()));
                let made = made.map(|other| {
                    let mut other = other.clone();
                    other.careful();
                    (item.db, other.args.iter().map(|arg| text(arg)).collect())
                });
                made.collect()
            }
            _ => Vec::new(),
        })
    }
}
