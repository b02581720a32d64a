//! What of an apply a rollback must not undo, because it never happened.

use std::collections::{HashMap, HashSet};

use crate::replay::journal::{Fate, History};
use crate::replay::script::Verb;
use crate::replay::script::item::Item;

/// The edits of an apply that were *not* made: a rollback must not undo them.
pub struct Undone<'a, 'h> {
    /// Keys that the apply deletes, and whether it did.
    deletions: HashMap<(u32, &'a [u8]), bool>,
    pub members: HashSet<(u32, &'a [u8], &'a [u8])>,
    /// Keys that it may have written to.
    written: HashSet<(u32, &'a [u8])>,
    /// Strings that it may have written, and lists that it may have taken elements out of: what undoes that is about the key
    /// as a whole.
    whole: HashSet<(u32, &'a [u8])>,
    /// Members that stayed of keys that it took the members out of.
    kept: HashMap<(u32, &'h [u8]), HashSet<&'h [u8]>>,
}

impl<'a, 'h> Undone<'a, 'h> {
    pub fn new(apply: &[Item<'a>], history: &'h History) -> Self {
        let course = &history.apply;
        let mut undone = Self {
            deletions: HashMap::new(),
            members: HashSet::new(),
            written: HashSet::new(),
            whole: HashSet::new(),
            kept: HashMap::new(),
        };
        // A guard may have kept members of a key that is emptied instead of deleted.
        for (db, key, member) in &course.left_members {
            undone.kept.entry((*db, key)).or_default().insert(member);
        }
        for item in apply {
            let may_have_happened = matches!(course.fate(item.number), Fate::Done | Fate::Unknown);
            if may_have_happened && !item.verb.deletes_keys() {
                undone.written.insert((item.db, item.key()));
            }
            for (_, part) in item.parts() {
                let left =
                    |key: &[u8]| !course.left_keys.is_empty() && course.left_keys.contains(&(item.db, key.to_vec()));
                if item.verb.deletes_keys() {
                    undone.deletions.insert((item.db, part), may_have_happened && !left(part));
                } else {
                    let in_place = !course.left_members.is_empty()
                        && course.left_members.contains(&(item.db, item.key().to_vec(), part.to_vec()));
                    if !may_have_happened || in_place || left(item.key()) {
                        undone.members.insert((item.db, item.key(), part));
                    } else if matches!(item.verb, Verb::LRem | Verb::SetNew | Verb::SetChanged) {
                        undone.whole.insert((item.db, item.key()));
                    }
                }
            }
        }
        undone
    }

    /// Takes out of a command of the rollback what undoes nothing. Whether anything is left of it.
    pub fn happened(&self, item: &mut Item<'a>) -> bool {
        let (db, key) = (item.db, item.key());
        if item.verb.deletes_keys() {
            // What was deleted and never built anew need not be deleted.
            return item.retain(|_, key| match self.deletions.get(&(db, key)) {
                Some(was_deleted) => *was_deleted && self.written.contains(&(db, key)),
                None => self.whole.contains(&(db, key)),
            });
        }
        match self.deletions.get(&(db, key)) {
            Some(true) if item.edits_members() => {
                let kept = self.kept.get(&(db, key));
                item.retain(|_, member| !kept.is_some_and(|kept| kept.contains(member)))
            }
            Some(was_deleted) => *was_deleted,
            None if item.edits_members() || item.verb == Verb::HPExpireAt => {
                item.retain(|_, member| !self.members.contains(&(db, key, member)))
            }
            // Nothing but a deletion takes a key's expiry or its other types away.
            None => self.whole.contains(&(db, key)),
        }
    }
}
