//! What is missing, with its bytes.

use crate::dump::rdb;
use crate::index::store::entry::Membership;
use crate::index::{Difference, Edits};

impl Difference<'_> {
    /// Calls `each` with index key, member and score (0 for a set) of every membership that is to be added: by index key,
    /// sets before sorted sets.
    ///
    /// Of an index that the dump does not have yet, these are all.
    pub fn each_missing(&self, mut each: impl FnMut(&[u8], &[u8], f64)) -> Result<(), rdb::Error> {
        self.each_edit(&self.sets, &mut each)?;
        self.each_edit(&self.zsets, &mut each)
    }

    fn each_edit<M: Membership>(
        &self,
        edits: &Edits<M>,
        each: &mut impl FnMut(&[u8], &[u8], f64),
    ) -> Result<(), rdb::Error> {
        let mut scratch = Vec::new();
        for edit in edits.iter(&self.interned) {
            let entry = edit.entry();
            let member = self.member(entry, &mut scratch)?;
            each(self.keys.name(entry.key), member, edit.score());
        }
        Ok(())
    }
}
