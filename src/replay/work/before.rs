//! What each edit must find: what the other file of the bundle leaves there. A field or a value that is something else is
//! somebody else's, and so is a list that is not as an apply left it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::bundle::manifest::Reply as Expected;
use crate::replay::journal::{Course, Fate, Way};
use crate::replay::script::Verb;
use crate::replay::script::item::{Item, Wanted};
use crate::replay::script::was::{ListLeft, Was};

type Key<'a> = (u32, &'a [u8]);

/// Tells each command that edits fields or values what it must find. `other` are the commands of the other direction.
pub fn tell<'a>(items: &mut [Item<'a>], other: &[Item<'a>], way: Way) {
    use Verb::{HDel, HEdit, SetChanged, SetNew, Unlink};
    if !items.iter().any(|item| matches!(item.verb, HEdit | HDel | SetChanged | Unlink)) {
        return;
    }
    let mut fields: HashMap<(Key<'a>, &'a [u8]), Option<&'a [u8]>> = HashMap::new();
    let mut values: HashMap<Key<'a>, &'a [u8]> = HashMap::new();
    for item in other {
        let key = (item.db, item.key());
        match item.verb {
            HEdit | HDel => fields.extend(item.parts().map(|(value, field)| ((key, field), value))),
            SetNew | SetChanged => values.extend(item.args.get(2).map(|value| (key, *value))),
            _ => {}
        }
    }
    for item in items {
        let key = (item.db, item.key());
        let parts = i64::try_from(item.parts().count()).unwrap_or(i64::MAX);
        // Where every field is new, there is none of them.
        let all_new = item.wanted == Wanted::Reply(Expected::Integer(parts));
        let of_field = |field: &'a [u8]| match (fields.get(&(key, field)), item.verb, way) {
            // What was changed may be gone since: that puts nothing of somebody else's away.
            (Some(Some(value)), HEdit, Way::Rollback) => Was::AbsentOr(value),
            (Some(Some(value)), ..) => Was::Is(value),
            (Some(None), HEdit, _) => Was::Absent,
            (None, HEdit, _) if all_new => Was::Absent,
            _ => Was::Any,
        };
        let of_value = |key: Key<'a>| values.get(&key).map_or(Was::Any, |value| Was::Is(value));
        item.before = match item.verb {
            HEdit | HDel if item.before.is_empty() => item.parts().map(|(_, field)| of_field(field)).collect(),
            SetChanged => vec![of_value(key)],
            SetNew => vec![Was::Absent],
            Unlink if way == Way::Rollback => item.parts().map(|(_, key)| of_value((item.db, key))).collect(),
            _ => continue,
        };
    }
}

/// Tells each deletion on the way back of a list that an apply took elements out of how it left that. These are its keys.
pub fn tell_lists<'a>(rollback: &mut [Item<'a>], apply: &[Item<'a>], done: Option<&Course>) -> HashSet<Key<'a>> {
    let mut lists: HashMap<Key<'a>, ListLeft<'a>> = HashMap::new();
    for item in apply.iter().filter(|item| item.verb == Verb::LRem) {
        let key = (item.db, item.key());
        let list = lists.entry(key).or_default();
        for (_, element) in item.parts() {
            let is_left = done.is_some_and(|course| {
                let (db, key) = (item.db, item.key().to_vec());
                course.left_members.contains(&(db, key.clone(), element.to_vec()))
                    || course.left_keys.contains(&(db, key))
            });
            match done.map_or(Fate::Done, |course| course.fate(item.number)) {
                _ if is_left => {}
                Fate::Done => drop(list.gone.insert(element)),
                Fate::Unknown => drop(list.maybe.insert(element)),
                Fate::Open | Fate::Failed => {}
            }
        }
    }
    let keys = lists.keys().copied().collect();
    let made: Vec<Item<'a>> = match lists.is_empty() {
        true => return keys,
        false => rollback.iter().filter(|item| item.verb == Verb::RPush).cloned().collect(),
    };
    tell_left(rollback, lists, &made);
    keys
}

/// Lists that have more elements are only counted before they are deleted.
const MOST_ELEMENTS: usize = 100_000;

/// Tells each deletion of a list how that was in the dump: a queue may hold as many elements as then, and others.
pub fn tell_deleted_lists<'a>(apply: &mut [Item<'a>], rollback: &[Item<'a>]) {
    let deleting = apply.iter().filter(|item| item.verb.deletes_keys());
    let deleted: HashSet<Key<'a>> = deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect();
    let mut lists: HashMap<Key<'a>, ListLeft<'a>> = HashMap::new();
    let mut elements: HashMap<Key<'a>, usize> = HashMap::new();
    for item in rollback.iter().filter(|item| item.verb == Verb::RPush) {
        let key = (item.db, item.key());
        if deleted.contains(&key) {
            lists.entry(key).or_default();
            let count = elements.entry(key).or_default();
            *count = count.saturating_add(item.parts().count());
        }
    }
    lists.retain(|key, _| elements.get(key).is_some_and(|count| *count <= MOST_ELEMENTS));
    if !lists.is_empty() {
        tell_left(apply, lists, rollback);
    }
}

/// Tells deletions what these lists are once their old elements are known, which `makers` push.
fn tell_left<'a>(deleting: &mut [Item<'a>], mut lists: HashMap<Key<'a>, ListLeft<'a>>, makers: &[Item<'a>]) {
    for item in makers.iter().filter(|item| item.verb == Verb::RPush) {
        if let Some(list) = lists.get_mut(&(item.db, item.key())) {
            list.old.extend(item.parts().map(|(_, element)| element));
        }
    }
    let lists: HashMap<Key<'a>, Arc<ListLeft<'a>>> =
        lists.into_iter().map(|(key, list)| (key, Arc::new(list))).collect();
    for item in deleting.iter_mut().filter(|item| item.verb.deletes_keys()) {
        let db = item.db;
        let mut before: Vec<Was<'a>> = item.parts().enumerate().map(|(at, _)| item.was(at).clone()).collect();
        for (was, (_, key)) in before.iter_mut().zip(item.parts()) {
            if let Some(list) = lists.get(&(db, key)) {
                *was = Was::List(Arc::clone(list));
            }
        }
        item.before = before;
    }
}
