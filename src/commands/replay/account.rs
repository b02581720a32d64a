//! What a replay changed, in the words of who asked for it.

use std::collections::HashSet;

use crate::replay::{Item, Verb};
use crate::text::{counted, number};

/// Counts what was carried out.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Keys that the apply deletes: what a rollback writes to them restores them.
    deleted_by_apply: HashSet<(u32, Vec<u8>)>,
    pub added: u64,
    pub removed: u64,
    pub deleted: u64,
    restored: HashSet<(u32, Vec<u8>)>,
}

impl Account {
    /// `deleted_by_apply` is for a rollback, and empty for an apply.
    pub fn new(deleted_by_apply: HashSet<(u32, Vec<u8>)>) -> Self {
        Self { deleted_by_apply, ..Self::default() }
    }

    /// Takes note of what was carried out; a command may come in parts.
    pub fn add(&mut self, item: &Item<'_>) {
        if item.verb.deletes_keys() {
            self.deleted += item.deleted_keys();
            return;
        }
        let key = (item.db, item.key().to_vec());
        match item.verb {
            Verb::SRem | Verb::ZRem | Verb::HDel | Verb::LRem => self.removed += item.members(),
            Verb::PExpireAt | Verb::HPExpireAt | Verb::Select => {}
            _ if self.deleted_by_apply.contains(&key) => {
                self.restored.insert(key);
            }
            _ => self.added += item.members(),
        }
    }

    pub fn restored(&self) -> u64 {
        u64::try_from(self.restored.len()).unwrap_or(u64::MAX)
    }

    /// `53 members added, 55 removed, 6,046 keys deleted`.
    pub fn of_apply(&self) -> String {
        let members = counted(self.added, "member");
        format!("{members} added, {} removed, {} deleted", number(self.removed), counted(self.deleted, "key"))
    }

    /// `6,046 keys restored, 53 members removed, 55 put back`.
    pub fn of_rollback(&self) -> String {
        let (restored, out) = (counted(self.restored(), "key"), counted(self.removed, "member"));
        format!("{restored} restored, {out} removed, {} put back", number(self.added))
    }
}
