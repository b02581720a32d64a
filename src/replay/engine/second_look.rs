//! In a cluster: what was edited is looked at once more, together with what it rests on in other slots.

use std::collections::HashSet;

use super::super::guard::Repair;
use super::super::link::Reply;
use super::backoff::Backoff;
use super::{Engine, Tally};
use crate::replay::look::query::{LookOptions, QueryError, ask_all};
use crate::replay::script::item::Item;

/// How often an edit is undone and made again before it is left undone.
const MOST_ROUNDS: u32 = 5;

/// Places of parts, by command.
type Places = Vec<HashSet<usize>>;

impl<'e> Engine<'e, '_, '_> {
    /// Looks whether the edits of this batch are still right, and undoes those that are not. What stays undone is left out.
    pub(super) fn look_again_elsewhere(&mut self, tally: &mut Tally) {
        let Some(guard) = self.guard.as_ref().filter(|guard| guard.is_across()) else { return };
        let made: Vec<Item<'e>> = self.recent.iter().filter(|item| guard.rests_elsewhere(item)).cloned().collect();
        if made.is_empty() {
            return;
        }
        let mut undone: Places = vec![HashSet::new(); made.len()];
        let mut backoff = Backoff::new(self.terms.retry_for);
        for round in 0..=MOST_ROUNDS {
            match self.undo_or_redo(&made, &mut undone, round < MOST_ROUNDS) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    if matches!(error, QueryError::Link(_)) {
                        self.session.broken();
                    }
                    let reason = format!("edits could not be looked at again: {error}");
                    if !error.is_transient(true) || !self.pause(&reason, &mut backoff) {
                        tally.unknown.extend(made.iter().map(|item| item.number));
                        tally.stop.get_or_insert(reason);
                        break;
                    }
                }
            }
        }
        for (item, places) in made.iter().zip(undone).filter(|(_, places)| !places.is_empty()) {
            let parts = item.parts().enumerate().filter(|(at, _)| places.contains(at));
            let parts: Vec<Vec<u8>> = parts.map(|(_, (_, part))| part.to_vec()).collect();
            self.keep(item, parts);
        }
    }

    /// The same with the edits of an earlier run that ended before its second look. Why nothing more is sent, if so.
    pub(super) fn look_again_at_earlier(&mut self) -> Option<String> {
        let made = self.guard.as_mut().map(|guard| guard.take_made()).filter(|made| !made.is_empty())?;
        let mut tally = Tally::default();
        self.recent = made;
        self.look_again_elsewhere(&mut tally);
        self.recent.clear();
        tally.stop
    }

    /// One look. Whether anything was undone, or made again, so that another is needed.
    fn undo_or_redo(&mut self, made: &[Item<'e>], undone: &mut Places, may_redo: bool) -> Result<bool, QueryError> {
        let options = LookOptions { limits: self.terms.limits, ..LookOptions::default() };
        let Some(guard) = &mut self.guard else { return Ok(false) };
        let link = self.session.link()?;
        let wrong = guard.not_right(link, made, &options)?;
        let mut repairs: Vec<Repair> = Vec::new();
        for ((item, wrong), undone) in made.iter().zip(wrong).zip(undone.iter_mut()) {
            let to_undo: HashSet<usize> = wrong.difference(undone).copied().collect();
            let to_redo: HashSet<usize> = undone.difference(&wrong).copied().filter(|_| may_redo).collect();
            if !to_undo.is_empty() {
                repairs.extend(guard.undo(link, item, &to_undo, &options)?);
                undone.extend(&to_undo);
            }
            if !to_redo.is_empty() {
                let mut again = item.clone();
                again.retain(|at, _| to_redo.contains(&at));
                repairs.push((item.db, again.args.iter().map(|arg| arg.to_vec()).collect()));
                undone.retain(|at| !to_redo.contains(at));
            }
        }
        let questions = repairs.iter().map(|(db, args)| (*db, args.iter().map(Vec::as_slice).collect()));
        for reply in ask_all(link, &options, questions)? {
            // A key that has another type by now is somebody else's.
            if let Reply::Error(error) = &reply
                && !error.is_wrong_type()
            {
                return Err(QueryError::Refused { command: "an edit that is undone", reply });
            }
        }
        Ok(!repairs.is_empty())
    }
}
