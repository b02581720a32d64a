//! What was done with a plan, told from its journal: one true sentence, the same in every command.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::typed;
use crate::plan::bundle::Bundle;
use crate::plan::manifest::{JOURNAL, MANIFEST};
use crate::plan::output::sha256;
use crate::replay::journal::{Course, History, Way};
use crate::report::plan::State;
use crate::report::text::{counted, number};

/// A plan and its journal.
pub struct Story<'s> {
    plan_id: &'s str,
    dir: &'s Path,
    history: &'s History,
}

/// What to do about a plan that cannot be replayed as it is asked for.
pub enum Refusal {
    /// Nothing is left to do, and that is all right.
    Finished(String),
    Refused(Failure),
}

/// Reads the journal beside a bundle, which nobody has to have begun, and without locking it: somebody may be at it.
pub fn read(bundle: &Bundle) -> Result<History, Failure> {
    let path = bundle.path.join(JOURNAL);
    let failed = |cause: String| Failure::error(format!("{}: {cause}", path.display()));
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(History::default()),
        read => read.map_err(|error| failed(error.to_string()))?,
    };
    let manifest = std::fs::read(bundle.path.join(MANIFEST)).map_err(|error| failed(error.to_string()))?;
    let history = History::read(&bytes, &sha256(&manifest), commands(bundle));
    history.map(|(history, _)| history).map_err(|error| failed(error.to_string()))
}

/// How many commands a bundle has, there and back.
pub fn commands(bundle: &Bundle) -> (u64, u64) {
    let count = |replies: &[_]| u64::try_from(replies.len()).unwrap_or(u64::MAX);
    (count(&bundle.manifest.expected_replies), count(&bundle.manifest.rollback_expected_replies))
}

impl<'s> Story<'s> {
    /// `dir` is the folder as the user named it.
    pub fn new(plan_id: &'s str, dir: &'s Path, history: &'s History) -> Self {
        Self { plan_id, dir, history }
    }

    pub fn state(&self) -> State {
        let (there, back) = (&self.history.apply, &self.history.rollback);
        match (&there.started, &there.ended, &back.started, &back.ended) {
            (_, _, _, Some(_)) => State::RolledBack,
            (_, _, Some(_), None) => State::RollbackBegun,
            (_, Some(_), None, None) => State::Applied,
            (Some(_), None, None, None) => State::ApplyBegun,
            (None, None, None, None) => State::New,
        }
    }

    /// What was done with it; of a new one, that nothing was.
    pub fn sentence(&self) -> String {
        let (there, back) = (&self.history.apply, &self.history.rollback);
        let plan = format!("plan {}", self.plan_id);
        let to = |course: &Course| course.started.as_ref().map(|(_, to)| to.clone()).unwrap_or_default();
        let begun = |course: &Course| course.started.as_ref().map(|(at, _)| at.clone()).unwrap_or_default();
        let applied = match (&there.started, &there.ended) {
            (_, Some(at)) => format!("{plan} was applied to {} at {at}", to(there)),
            (Some((at, to)), None) => format!("{plan} was applied in part to {to}, begun at {at}"),
            (None, None) => format!("{plan} was never applied from this folder"),
        };
        match self.state() {
            State::New => format!("{plan} was never applied from this folder"),
            State::ApplyBegun => {
                format!("an apply of {plan} to {} was begun at {} and {}", to(there), begun(there), self.far(there))
            }
            State::Applied => applied,
            State::RollbackBegun => {
                format!("{applied}; its rollback was begun at {} and {}", begun(back), self.far(back))
            }
            State::RolledBack => {
                let at = back.ended.as_deref().unwrap_or_default();
                let elsewhere = if there.started.is_some() && to(back) == to(there) {
                    String::new()
                } else {
                    format!(" on {}", to(back))
                };
                format!("{applied}, and rolled back{elsewhere} at {at}")
            }
        }
    }

    fn far(&self, course: &Course) -> String {
        let (done, unknown) = course.counts();
        let who = self.history.last.as_ref().map(|who| format!(", last by {who}")).unwrap_or_default();
        let unknown = match unknown {
            0 => String::new(),
            unknown => format!(", the answers of {} not known", number(unknown)),
        };
        format!("has not ended ({} done{unknown}{who})", counted(done, "command"))
    }

    /// What can be typed next, and what it is for.
    pub fn next(&self) -> Vec<(String, &'static str)> {
        let (there, back) = (&self.history.apply, &self.history.rollback);
        let to = |course: &Course| course.started.as_ref().map_or_else(|| "URL".into(), |(_, to)| to.clone());
        let resume = |way: Way, course: &Course| typed::resume(way, self.dir, &to(course), &course.with);
        match self.state() {
            State::New => Vec::new(),
            State::ApplyBegun => vec![
                (resume(Way::Apply, there), "go on"),
                (typed::rollback(self.dir, &to(there), &there.with), "undo what was done"),
            ],
            State::Applied => {
                let mut next = vec![
                    (typed::verify(self.dir, &to(there), &there.with), "is it there?"),
                    (typed::rollback(self.dir, &to(there), &there.with), "undo it"),
                ];
                next.push((typed::copy(self.dir).1, "for another database: a copy without the journal"));
                next
            }
            State::RollbackBegun => vec![(resume(Way::Rollback, back), "go on")],
            State::RolledBack => {
                let mut next = vec![(typed::verify(self.dir, &to(back), &back.with), "is the old state there?")];
                // Its journal stays where the rollback left it.
                let (copy, line) = typed::copy(self.dir);
                next.push((line, "to apply it again, there or elsewhere: a copy without the journal"));
                next.push((typed::apply(&copy, &to(back), &there.with), "…and that is applied"));
                next
            }
        }
    }

    /// Why a replay in this direction is not begun, if it is not. Needs no connection.
    pub fn refusal(&self, way: Way, resume: bool) -> Option<Refusal> {
        let refuse = || {
            let next = self.next();
            let hint: Vec<String> = next.iter().map(|(line, why)| format!("{why}:\n  {line}")).collect();
            let message = format!("{}; nothing was sent", self.sentence());
            Some(Refusal::Refused(Failure::new(Exit::Refused, message).with_hint(hint.join("\n"))))
        };
        let finished = || Some(Refusal::Finished(format!("{}: there is nothing left to do", self.sentence())));
        match (way, self.state()) {
            (_, State::New) | (Way::Rollback, State::ApplyBegun | State::Applied) => None,
            (Way::Apply, State::ApplyBegun) | (Way::Rollback, State::RollbackBegun) if resume => None,
            (Way::Apply, State::Applied) | (Way::Rollback, State::RolledBack) if resume => finished(),
            _ => refuse(),
        }
    }
}
