//! The numbers of an index, by the names that the engine gives them.

use std::collections::HashMap;

use crate::index::prune::References;
use crate::index::{Doubtful, Evidence, Summary};
use crate::model::spec::{Index, Test};

/// Numbers by name.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<String, u64>);

impl Numbers {
    /// Adds to one of them.
    pub fn add(&mut self, name: &str, n: u64) {
        let number = self.0.entry(name.to_owned()).or_default();
        *number = number.saturating_add(n);
    }

    /// One of them; 0 where nothing was counted.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(super) fn summary(&self) -> Summary {
        let doubtful = |of: &str| Doubtful {
            other_type: self.get(&format!("{of} other type")),
            nested: self.get(&format!("{of} nested")),
            foreign_keys: self.get(&format!("{of} foreign keys")),
            foreign_members: self.get(&format!("{of} foreign members")),
        };
        Summary {
            keys: self.get("keys"),
            correct_keys: self.get("correct keys"),
            absent_keys: self.get("absent keys"),
            members: self.get("members"),
            missing_members: self.get("missing members"),
            stale_members: self.get("stale members"),
            held_members: self.get("held members"),
            conflict_members: self.get("conflict members"),
            expiring_members: self.get("expiring members"),
            overlapped_keys: self.get("overlapped keys"),
            held_keys: self.get("held keys"),
            contested_keys: self.get("contested keys"),
            undecidable_records: self.get("undecidable records"),
            orphan_records: self.get("orphan records"),
            unnamed_keys: self.get("unnamed keys"),
            frozen: None,
            kept: doubtful("kept"),
            lifted: doubtful("lifted"),
        }
    }

    pub(super) fn evidence(&self, index: &Index) -> Evidence {
        let is_met = |at: usize| self.get(&format!("when met {at}")) > 0;
        let conditions = index.when.iter().enumerate();
        let all_met =
            conditions.into_iter().all(|(at, condition)| is_met(at) || !matches!(condition.test, Test::OneOf(_)));
        Evidence {
            typed_keys: self.get("typed keys"),
            exposed_keys: self.get("exposed keys"),
            has_entry: self.get("has entry") > 0,
            left_out_by_when: !index.when.is_empty() && self.get("when left out") > 0 && all_met,
            right_members: self.get("right members"),
            missing_members: self.get("missing from existing"),
        }
    }

    pub(super) fn references(&self) -> References {
        References {
            entries: self.get("entries"),
            formed: self.get("formed"),
            found: self.get("found"),
            going: self.get("going"),
        }
    }
}
