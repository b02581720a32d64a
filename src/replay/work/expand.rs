//! Commands on whole keys as edits of their members, one by one: what a guard does, and what `verify` asks for.

use std::collections::{HashMap, HashSet};

use super::before;
use crate::replay::journal::{Course, Fate, Way};
use crate::replay::link::Link;
use crate::replay::look::exact;
use crate::replay::look::inspect::{Subject, inspect};
use crate::replay::look::preflight::There;
use crate::replay::look::query::{LookOptions, QueryError};
use crate::replay::script::Verb;
use crate::replay::script::commands::Commands;
use crate::replay::script::error::ReplayError;
use crate::replay::script::item::Item;
use crate::replay::script::was::Was;

/// Puts removals of what a key had in the dump in the place of its deletion, for keys that are `taken`. What that is, the
/// way back says, by the commands that make the key again.
pub fn one_by_one<'a>(
    apply: Vec<Item<'a>>,
    rollback: &[Item<'a>],
    taken: impl Fn(u32, &[u8], Verb) -> bool,
) -> Vec<Item<'a>> {
    let deleted: HashSet<(u32, &[u8])> = apply
        .iter()
        .filter(|item| item.verb.deletes_keys())
        .flat_map(|item| item.keys().iter().map(|key| (item.db, *key)))
        .collect();
    let mut contents: HashMap<(u32, &[u8]), Vec<&Item<'a>>> = HashMap::new();
    for item in rollback.iter().filter(|item| IN_PARTS.contains(&item.verb)) {
        if deleted.contains(&(item.db, item.key())) && taken(item.db, item.key(), item.verb) {
            contents.entry((item.db, item.key())).or_default().push(item);
        }
    }
    let mut items = Vec::with_capacity(apply.len());
    for mut item in apply {
        if !item.verb.deletes_keys() {
            items.push(item);
            continue;
        }
        let db = item.db;
        let keys: Vec<&[u8]> = item.keys().iter().copied().filter(|key| contents.contains_key(&(db, key))).collect();
        for key in &keys {
            let pieces: Vec<Item<'a>> =
                contents.get(&(db, key)).into_iter().flatten().map(|piece| piece.removal(item.number)).collect();
            items.extend(each_once(pieces));
        }
        if item.retain(|_, key| !contents.contains_key(&(db, key))) {
            items.push(item);
        }
    }
    items
}

/// What makes a key of parts that can be taken out one by one.
const IN_PARTS: [Verb; 5] = [Verb::SAdd, Verb::ZAdd, Verb::HSet, Verb::HEdit, Verb::RPush];

/// An element that a list has several times is taken out once.
fn each_once(mut pieces: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    pieces.retain_mut(|piece| piece.verb != Verb::LRem || piece.retain(|_, element| seen.insert(element)));
    pieces
}

/// Commands that make keys again, for keys that are still there in part: fields go beside those that stayed, and a list is
/// taken out of the way first, to get its old order back.
pub fn beside<'a>(items: Vec<Item<'a>>, apply: &[Item<'a>], is_partly: impl Fn(u32, &[u8]) -> bool) -> Vec<Item<'a>> {
    let deleting = apply.iter().filter(|item| item.verb.deletes_keys());
    let deleted: HashSet<(u32, &[u8])> =
        deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect();
    let taken_from = apply.iter().filter(|item| item.verb == Verb::LRem);
    let taken_from: HashSet<(u32, &[u8])> = taken_from.map(|item| (item.db, item.key())).collect();
    let own = items.iter().filter(|item| item.verb.deletes_keys());
    let mut cleared: HashSet<(u32, &[u8])> =
        own.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect();
    let mut all = Vec::with_capacity(items.len());
    for mut item in items {
        let key = (item.db, item.key());
        if is_partly(item.db, item.key()) && !deleted.contains(&key) {
            match item.verb {
                Verb::HSet => {
                    item.verb = Verb::HEdit;
                    item.before = item.parts().map(|_| Was::Absent).collect();
                }
                Verb::RPush if taken_from.contains(&key) && cleared.insert(key) => {
                    all.push(Item::unlink(item.number, item.db, item.key()));
                }
                _ => {}
            }
        }
        all.push(item);
    }
    all
}

/// What a guarded apply left of keys.
pub struct Kept {
    /// Keys whose members could be asked for.
    pub looked_at: HashSet<(u32, Vec<u8>)>,
    /// Members of the dump that are still there.
    pub there: Vec<Part>,
}

/// A database, a key, and a member where it is not the whole key.
pub type Part = (u32, Vec<u8>, Option<Vec<u8>>);

/// Keys, and members of keys, whose command a run in this direction gave up.
pub fn refused(commands: &Commands<'_>, way: Way, course: &Course) -> Result<HashSet<Part>, ReplayError> {
    let items = match way {
        Way::Apply => commands.apply()?,
        Way::Rollback => commands.rollback()?,
    };
    let mut refused = HashSet::new();
    for item in items.iter().filter(|item| course.fate(item.number) == Fate::Failed) {
        refused.extend(item.parts().map(|(_, part)| {
            let (key, member) = item.subject(part);
            (item.db, key.to_vec(), member.map(<[u8]>::to_vec))
        }));
    }
    Ok(refused)
}

/// Members that keys (by database and name) had in the dump, that a guarded apply takes out of them one by one instead of
/// deleting the keys, and that are still there.
pub fn kept_members(
    link: &mut dyn Link,
    commands: &Commands<'_>,
    keys: &HashSet<(u32, Vec<u8>)>,
    options: &LookOptions,
) -> Result<Kept, QueryError> {
    let mut apply = commands.apply()?.to_vec();
    apply.retain_mut(|item| {
        let db = item.db;
        item.verb.deletes_keys() && item.retain(|_, key| keys.contains(&(db, key.to_vec())))
    });
    let mut items = one_by_one(apply, commands.rollback()?, |_, _, _| true);
    items.retain(Item::edits_members);
    let subjects: Vec<Subject<'_, '_>> =
        items.iter().map(|item| Subject { item, was_sent: true, there: There::Unknown }).collect();
    let found = inspect(link, &subjects, options, &mut |_| {})?;
    let mut there = Vec::new();
    for (item, found) in items.iter().zip(found) {
        for (at, (_, member)) in item.parts().enumerate() {
            if !found.is_done(at) {
                there.push((item.db, item.key().to_vec(), Some(member.to_vec())));
            }
        }
    }
    Ok(Kept { looked_at: items.iter().map(|item| (item.db, item.key().to_vec())).collect(), there })
}

/// Of these lists, those that are what an apply left of them, elements that it kept included.
pub fn lists_as_left(
    link: &mut dyn Link,
    commands: &Commands<'_>,
    apply: &Course,
    lists: &HashSet<(u32, Vec<u8>)>,
    options: &LookOptions,
) -> Result<HashSet<(u32, Vec<u8>)>, QueryError> {
    let mut items = commands.rollback()?.to_vec();
    before::tell_lists(&mut items, commands.apply()?, Some(apply));
    items.retain_mut(|item| {
        let db = item.db;
        item.verb.deletes_keys() && item.retain(|_, key| lists.contains(&(db, key.to_vec())))
    });
    let mut same: HashSet<(u32, Vec<u8>)> =
        items.iter().flat_map(|item| item.keys().iter().map(|key| (item.db, key.to_vec()))).collect();
    for changed in exact::changed(link, &items.iter().collect::<Vec<_>>(), options)? {
        if let Some(item) = items.get(changed.item)
            && let Some((_, key)) = item.parts().nth(changed.part)
        {
            same.remove(&(item.db, key.to_vec()));
        }
    }
    Ok(same)
}

/// What an apply built anew in the place of a key of another type, for each key that the way back takes out of the way:
/// nothing where that is a string, or a list that the apply took elements out of.
pub fn built<'a>(apply: &[Item<'a>], rollback: &[Item<'a>]) -> HashMap<(u32, &'a [u8]), Vec<Item<'a>>> {
    let deleting = rollback.iter().filter(|item| item.verb.deletes_keys());
    let mut built: HashMap<(u32, &[u8]), Vec<Item<'a>>> =
        deleting.flat_map(|item| item.keys().iter().map(|key| ((item.db, *key), Vec::new()))).collect();
    for item in apply.iter().filter(|item| matches!(item.verb, Verb::SAdd | Verb::ZAdd | Verb::HEdit)) {
        if let Some(items) = built.get_mut(&(item.db, item.key())) {
            items.push(item.clone());
        }
    }
    built
}

/// Puts removals of what an apply built in the place of the deletion of such keys: what came since stays. Other keys are
/// still deleted, as long as they are as the apply left them ([`Item::was`]).
pub fn taken_out<'a>(
    items: Vec<Item<'a>>,
    built: &HashMap<(u32, &'a [u8]), Vec<Item<'a>>>,
    happened: impl Fn(u32, &'a [u8], &'a [u8]) -> bool,
) -> Vec<Item<'a>> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        if !item.verb.deletes_keys() {
            all.push(item);
            continue;
        }
        let mut whole = item.clone();
        if whole.retain(|_, key| built.get(&(item.db, key)).is_none_or(Vec::is_empty)) {
            all.push(whole);
        }
        for key in item.keys() {
            for piece in built.get(&(item.db, *key)).into_iter().flatten() {
                let mut removal = piece.removal(item.number);
                if removal.retain(|_, member| happened(item.db, key, member)) {
                    all.push(removal);
                }
            }
        }
    }
    all
}
