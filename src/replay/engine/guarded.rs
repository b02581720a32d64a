//! What a guard decides about a batch, and what its scripts answer.

use std::borrow::Cow;

use super::super::guard::{Prepared, Shape};
use super::super::journal::{JournalError, Record};
use super::Engine;
use super::event::Event;
use crate::bundle::manifest::Bytes;
use crate::replay::look::query::{LookOptions, QueryError};
use crate::replay::script::item::Item;

/// How often a record is judged anew because it changed in between.
const MOST_ROUNDS: u32 = 5;
/// Answers of a script: the record is not as it was when it was judged; a score or a member is somebody else's.
const RECORD_CHANGED: i64 = -1;
const SOMEBODY_ELSE: i64 = -2;

impl<'e> Engine<'e, '_, '_> {
    /// Lets the guard decide about a batch; what it keeps is left out for good. Whatever is judged anew too often is kept
    /// as well: a record that changes all the time is somebody else's.
    pub(super) fn prepare(
        &mut self,
        pending: &mut Vec<Cow<'_, Item<'e>>>,
        rounds: u32,
    ) -> Result<Result<Vec<Shape>, QueryError>, JournalError> {
        let Some(guard) = &mut self.guard else { return Ok(Ok(vec![Shape::Plain; pending.len()])) };
        let look = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
        let link = match self.session.link() {
            Ok(link) => link,
            Err(error) => return Ok(Err(error.into())),
        };
        let Prepared { mut shapes, mut kept, seen } = match guard.prepare(link, pending, &look) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        if rounds > MOST_ROUNDS {
            let scripted = shapes.iter_mut().zip(pending.iter()).enumerate();
            for (at, (shape, item)) in
                scripted.filter(|(_, (shape, _))| matches!(shape, Shape::Script(_) | Shape::With))
            {
                *shape = Shape::Nothing;
                kept.push((at, item.parts().map(|(_, part)| part.to_vec()).collect()));
            }
        }
        for (at, parts) in kept {
            if let Some(item) = pending.get(at) {
                self.keep(item, parts);
            }
        }
        // How the records were must be known of every edit that was made, whatever ends this process.
        let mut must_sync = false;
        for (at, states) in seen {
            if let Some(item) = pending.get(at).filter(|_| !states.is_empty()) {
                let states = states.into_iter().map(|(member, state)| (Bytes(member), state)).collect();
                let (way, db, key) = (self.terms.way, item.db, Bytes(item.key().to_vec()));
                self.journal.add(&Record::Seen { way, db, key, states });
                must_sync = true;
            }
        }
        if must_sync {
            self.journal.sync()?;
        }
        let mut left = shapes.iter();
        pending.retain(|_| !matches!(left.next(), Some(Shape::Nothing)));
        shapes.retain(|shape| *shape != Shape::Nothing);
        Ok(Ok(shapes))
    }

    /// Edits that are not made: noted, so that nothing undoes them.
    pub(super) fn keep(&mut self, item: &Item<'_>, parts: Vec<Vec<u8>>) {
        let count = u64::try_from(parts.len()).unwrap_or(u64::MAX);
        self.report.kept = self.report.kept.saturating_add(count);
        for part in &parts {
            self.leave(item, part);
        }
        self.watcher.event(&Event::Kept {
            number: item.number,
            command: item.verb.name(),
            key: item.key().to_vec(),
            parts,
        });
    }

    pub(super) fn leave(&mut self, item: &Item<'_>, part: &[u8]) {
        self.leave_out(item, part, false);
    }

    /// An edit that somebody else made.
    pub(super) fn leave_in_place(&mut self, item: &Item<'_>, part: &[u8]) {
        self.leave_out(item, part, true);
    }

    fn leave_out(&mut self, item: &Item<'_>, part: &[u8], in_place: bool) {
        let (way, db) = (self.terms.way, item.db);
        let (key, member) = item.subject(part);
        let (key, member) = (Bytes(key.to_vec()), member.map(|member| Bytes(member.to_vec())));
        self.journal.add(&Record::Leave { way, db, key, member, in_place });
    }

    /// A key that is not made again, because somebody else made it: nothing more of it is.
    pub(super) fn keep_key(&mut self, item: &Item<'_>) {
        self.taken.insert((item.db, item.key().to_vec()));
        self.keep(item, vec![item.key().to_vec()]);
    }

    /// What a script answered: edits that were made, edits that were in place, edits that are kept, edits whose record has
    /// changed since it was judged. The last are left in the item; gives whether there are any.
    pub(super) fn scripted(&mut self, item: &mut Cow<'_, Item<'e>>, answers: &[i64]) -> bool {
        let parts: Vec<&'e [u8]> = item.parts().map(|(_, part)| part).collect();
        for (part, _) in parts.iter().zip(answers).filter(|(_, answer)| **answer == 0) {
            // Somebody else made that edit: it is theirs, and a rollback leaves it.
            if !item.may_be_done {
                self.leave_in_place(item, part);
            }
        }
        let others = parts.iter().zip(answers).filter(|(_, answer)| **answer == SOMEBODY_ELSE);
        let others: Vec<Vec<u8>> = others.map(|(part, _)| part.to_vec()).collect();
        if !others.is_empty() {
            self.keep(item, others);
        }
        let mut done = item.clone();
        if done.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer > 0)) {
            self.count(&done);
        }
        let again = item.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer == RECORD_CHANGED));
        self.judged_anew |= again;
        again
    }
}
