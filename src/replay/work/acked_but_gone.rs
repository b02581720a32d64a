//! Edits that a database has acknowledged and that are not there: it is another database, or one that lost them, or
//! somebody undid them since. Only reads.

use std::collections::HashSet;

use crate::replay::link::Link;
use crate::replay::look::inspect::{Subject, inspect};
use crate::replay::look::preflight::There;
use crate::replay::look::query::{Difference, LookOptions, QueryError, Tally, knows};
use crate::replay::script::Verb;
use crate::replay::script::item::Item;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Edits that were looked at: members, and deleted keys.
    pub of: u64,
    pub edits: Tally,
}

impl Lost {
    /// Whether what is missing can be the work of others: none, or, where others are expected to work on and edits are
    /// left out for that, less than half.
    pub fn is_believable(&self, guarded: bool) -> bool {
        self.edits.is_empty() || guarded && self.edits.count.saturating_mul(2) < self.of
    }
}

/// Of what was done, what can still be seen: not a deletion of a key that is then built anew, not an edit of a key that
/// expires. `all` is every command of the same file.
pub fn lasting<'a>(done: Vec<Item<'a>>, all: &[&Item<'a>]) -> Vec<Item<'a>> {
    let keys = |wanted: fn(&Item<'_>) -> bool| -> HashSet<(u32, &'a [u8])> {
        all.iter()
            .filter(|item| wanted(item))
            .map(|item| (item.db, item.args.get(1).copied().unwrap_or_default()))
            .collect()
    };
    let built = keys(|item| !item.verb.deletes_keys());
    let expiring = keys(|item| matches!(item.verb, Verb::PExpireAt | Verb::HPExpireAt));
    done.into_iter()
        .filter_map(|mut item| {
            let db = item.db;
            if item.verb.deletes_keys() {
                return item.retain(|_, key| !built.contains(&(db, key))).then_some(item);
            }
            let key = item.args.get(1).copied().unwrap_or_default();
            (item.edits_members() && !expiring.contains(&(db, key))).then_some(item)
        })
        .collect()
}

/// Looks whether these edits, which were done, are in place.
pub fn look(
    link: &mut dyn Link,
    done: &[Item<'_>],
    options: &LookOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Lost, QueryError> {
    // Without LPOS it cannot be seen whether an element is there.
    let sees_elements = !done.iter().any(|item| item.verb == Verb::LRem) || knows(link, "LPOS")?;
    let done: Vec<&Item<'_>> = done.iter().filter(|item| item.verb != Verb::LRem || sees_elements).collect();
    let subjects: Vec<Subject<'_, '_>> =
        done.iter().map(|item| Subject { item, was_sent: true, there: There::Unknown }).collect();
    let found = inspect(link, &subjects, options, progress)?;
    let mut lost = Lost::default();
    for (item, found) in done.iter().zip(found) {
        for (at, (_, part)) in item.parts().enumerate() {
            lost.of = lost.of.saturating_add(1);
            if !found.is_done(at) {
                lost.edits.add(options.examples, || difference(item, part));
            }
        }
    }
    Ok(lost)
}

fn difference(item: &Item<'_>, part: &[u8]) -> Difference {
    let (expected, found) = match item.verb {
        Verb::SAdd => ("a member", "no member"),
        Verb::ZAdd => ("the score of the plan", "another score, or no member"),
        Verb::SRem | Verb::ZRem => ("no member", "a member"),
        Verb::HEdit => ("the value of the plan", "another value, or no field"),
        Verb::HDel => ("no field", "a field"),
        Verb::LRem => ("no such element", "an element"),
        _ => ("no key", "a key"),
    };
    let (key, member) = match item.verb.deletes_keys() {
        true => (part.to_vec(), None),
        false => (item.key().to_vec(), Some(part.to_vec())),
    };
    Difference { db: item.db, key, member, expected: expected.into(), found: found.into() }
}
