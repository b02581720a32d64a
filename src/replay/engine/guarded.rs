//! What a guard decides about a batch, and what its scripts answer.

use std::borrow::Cow;

use super::super::event::Event;
use super::super::guard::Shape;
use super::super::item::{Item, Wanted};
use super::super::journal::Record;
use super::super::preflight::LookOptions;
use super::super::query::QueryError;
use super::super::script::Verb;
use super::Engine;
use crate::plan::manifest::Bytes;

/// How often a record is judged anew because it changed in between.
const MOST_ROUNDS: u32 = 5;

impl Engine<'_, '_, '_> {
    /// Lets the guard decide about a batch; what it keeps is left out for good. Whatever is judged anew too often is kept
    /// as well: a record that changes all the time is somebody else's.
    pub(super) fn prepare(
        &mut self,
        pending: &mut Vec<Cow<'_, Item<'_>>>,
        rounds: u32,
    ) -> Result<Vec<Shape>, QueryError> {
        let Some(guard) = &mut self.guard else { return Ok(vec![Shape::Plain; pending.len()]) };
        let look = LookOptions { db: self.session.db(), limits: self.terms.limits, ..LookOptions::default() };
        let (mut shapes, mut kept) = guard.prepare(self.session.link()?, pending, &look)?;
        if rounds > MOST_ROUNDS {
            let scripted = shapes.iter_mut().zip(pending.iter()).enumerate();
            for (at, (shape, item)) in scripted.filter(|(_, (shape, _))| matches!(shape, Shape::Script(_))) {
                *shape = Shape::Nothing;
                kept.push((at, item.parts().map(|(_, part)| part.to_vec()).collect()));
            }
        }
        for (at, parts) in kept {
            if let Some(item) = pending.get(at) {
                self.keep(item, parts);
            }
        }
        let mut left = shapes.iter();
        pending.retain(|_| !matches!(left.next(), Some(Shape::Nothing)));
        shapes.retain(|shape| *shape != Shape::Nothing);
        Ok(shapes)
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
        let (key, member) = match item.verb.deletes_keys() {
            true => (part, None),
            false => (item.key(), Some(Bytes(part.to_vec()))),
        };
        self.journal.add(&Record::Leave { way: self.terms.way, db: item.db, key: Bytes(key.to_vec()), member });
    }

    /// What a script answered: edits that were made, edits that were in place, edits whose record has changed since it
    /// was judged. The last are left in the item; whether there are any.
    pub(super) fn scripted<'a>(&mut self, item: &mut Cow<'_, Item<'a>>, answers: &[i64]) -> bool {
        let parts: Vec<&'a [u8]> = item.parts().map(|(_, part)| part).collect();
        let was_sent_before = matches!(item.wanted, Wanted::UpTo(_));
        for (part, _) in parts.iter().zip(answers).filter(|(_, answer)| **answer == 0) {
            // Somebody else made that edit. A score that changes is answered with 0 as well, and is ours.
            if !was_sent_before && item.verb != Verb::ZAdd {
                self.leave(item, part);
            }
        }
        let mut done = item.clone();
        if done.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer > 0)) {
            self.count(&done);
        }
        item.to_mut().retain(|at, _| answers.get(at).is_some_and(|answer| *answer < 0))
    }
}
