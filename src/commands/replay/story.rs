//! What was done with a plan, told from its journal: one true sentence, the same in every command.

use std::path::Path;

use crate::bundle::Bundle;
use crate::bundle::manifest::{JOURNAL, MANIFEST};
use crate::bundle::sha256;
use crate::replay::journal::{self, Course, History, JournalError, Way};
use crate::report::plan::State;
use crate::text::{self, counted, number};
use crate::ui::exit::{Exit, Failure};
use crate::ui::typed;

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
    let failed = |cause: String| Failure::error(format!("{}: {cause}", text::path(&path)));
    let read = journal::read(&path).map_err(|error| {
        let exit = if matches!(error, JournalError::Link { .. }) { Exit::Refused } else { Exit::Error };
        Failure::new(exit, error)
    })?;
    let Some(bytes) = read else { return Ok(History::default()) };
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
            let hint: Vec<String> = next.iter().map(typed::with_why).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::journal::{Record, With};

    fn history(records: &[Record]) -> History {
        let open = serde_json::json!({ "t": "open", "version": 1, "plan_id": "p", "plan_sha256": "s", "user": "u",
            "host": "h", "pid": 1, "at": "T0" });
        let mut text = format!("{open}\n");
        for record in records {
            text.push_str(&format!("{}\n", serde_json::to_string(record).expect("it is text")));
        }
        History::read(text.as_bytes(), "s", (9, 9)).expect("a journal").0
    }

    fn start(way: Way) -> Record {
        let with = With { replay: vec!["--max-rate".into(), "5".into()], ..With::default() };
        Record::Start { way, to: format!("redis://{}:1", way.name()), at: "T1".into(), with }
    }

    fn done(way: Way) -> [Record; 2] {
        let (first, last) = (1, 3);
        let (open, unknown, failed, otherwise) = Default::default();
        [
            Record::Intent { way, first, last, nodes: Vec::new() },
            Record::Ack { way, first, last, open, unknown, failed, otherwise },
        ]
    }

    #[test]
    fn each_state_has_its_sentence_and_leads_on() {
        let (apply, back) = (Way::Apply, Way::Rollback);
        let ended = |way| Record::End { way, at: "T2".into() };
        let [intent, ack] = done(apply);
        let journal = |more: &[Record]| history(&[&[start(apply), intent.clone(), ack.clone()], more].concat());
        let (there, also) = ("--to redis://apply:1 --max-rate 5", "--to redis://rollback:1 --max-rate 5");
        let facts = [
            (
                journal(&[]),
                "an apply of plan p to redis://apply:1 was begun at T1 and has not ended (3 commands done",
                format!("rdb-reindex apply 'a b' {there} --resume"),
            ),
            (
                journal(&[ended(apply)]),
                "plan p was applied to redis://apply:1 at T2",
                "rdb-reindex verify 'a b' --to redis://apply:1".into(),
            ),
            (
                journal(&[ended(apply), start(back)]),
                "plan p was applied to redis://apply:1 at T2; its rollback was begun at T1 and has not ended",
                format!("rdb-reindex rollback 'a b' {also} --resume"),
            ),
            (
                journal(&[ended(apply), start(back), ended(back)]),
                "plan p was applied to redis://apply:1 at T2, and rolled back on redis://rollback:1 at T2",
                "rdb-reindex verify 'a b' --to redis://rollback:1".into(),
            ),
            (
                journal(&[start(back), ended(back)]),
                "plan p was applied in part to redis://apply:1, begun at T1, and rolled back",
                "rdb-reindex verify".into(),
            ),
            (
                history(&[start(back), ended(back)]),
                "plan p was never applied from this folder, and rolled back on redis://rollback:1 at T2",
                "rdb-reindex verify".into(),
            ),
        ];
        for (history, sentence, next) in facts {
            let story = Story::new("p", Path::new("a b"), &history);
            assert!(story.sentence().starts_with(sentence), "{}", story.sentence());
            assert!(story.next()[0].0.starts_with(&next), "{:?}", story.next());
        }
    }

    #[test]
    fn what_is_refused_is_refused_with_what_to_type() {
        let (apply, back) = (Way::Apply, Way::Rollback);
        let begun = history(&[start(apply)]);
        let applied = history(&[start(apply), Record::End { way: apply, at: "T2".into() }]);
        let rolled = [
            start(apply),
            Record::End { way: apply, at: "T2".into() },
            start(back),
            Record::End { way: back, at: "T3".into() },
        ];
        let rolled = history(&rolled);
        let new = History::default();
        // Which way, with --resume or not: refused (4), nothing left to do (0), or gone on with.
        let facts = [
            (&new, apply, false, None),
            (&new, back, false, None),
            (&begun, apply, false, Some(4)),
            (&begun, apply, true, None),
            (&begun, back, false, None),
            (&applied, apply, false, Some(4)),
            (&applied, apply, true, Some(0)),
            (&applied, back, false, None),
            (&rolled, apply, false, Some(4)),
            (&rolled, apply, true, Some(4)),
            (&rolled, back, false, Some(4)),
            (&rolled, back, true, Some(0)),
        ];
        for (history, way, resume, wanted) in facts {
            let story = Story::new("p", Path::new("plan"), history);
            let found = story.refusal(way, resume).map(|refusal| match refusal {
                Refusal::Finished(text) => {
                    assert!(text.starts_with(&story.sentence()), "{text}");
                    0
                }
                Refusal::Refused(failure) => {
                    assert!(failure.message.starts_with(&story.sentence()), "{failure:?}");
                    assert!(failure.hint.is_some_and(|hint| hint.contains("\n  rdb-reindex ")));
                    failure.exit as u8
                }
            });
            assert_eq!(found, wanted, "{way:?} {resume} {}", story.sentence());
        }
    }
}
