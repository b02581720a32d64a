//! What a journal says of the runs before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::record::{JOURNAL_VERSION, Operator, Record, Way, With};

/// What is known of one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Not sent, or refused and not carried out.
    #[default]
    Open,
    /// Refused and given up.
    Failed,
    /// Sent, and the answer is not known.
    Unknown,
    /// Carried out and answered.
    Done,
}

/// States of records by database, index key and member.
pub type States = HashMap<(u32, Vec<u8>, Vec<u8>), String>;

/// The runs in one direction.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// When the first run of this direction began to send, and where to.
    pub started: Option<(String, String)>,
    /// The options of the last run.
    pub with: With,
    /// Everything was done that could be.
    pub ended: Option<String>,
    /// By number, from 1.
    fates: Vec<Fate>,
    pub left_keys: HashSet<(u32, Vec<u8>)>,
    pub left_members: HashSet<(u32, Vec<u8>, Vec<u8>)>,
    /// Of those, the ones that were in place.
    pub in_place: HashSet<(u32, Vec<u8>, Vec<u8>)>,
    /// How the record of an edit was when it was made.
    pub states: Arc<States>,
    /// A guard took what keys held one by one in a run of this direction, instead of deleting them.
    pub guarded: bool,
    /// Replies of commands that answered otherwise than planned.
    pub otherwise: Vec<(u64, i64)>,
}

impl Course {
    /// What became of the command of this number.
    pub fn fate(&self, number: u64) -> Fate {
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        place.and_then(|place| self.fates.get(place)).copied().unwrap_or_default()
    }

    /// How many commands are known to be done, and of how many the answer is not known.
    pub fn counts(&self) -> (u64, u64) {
        let count = |fate| u64::try_from(self.fates.iter().filter(|known| **known == fate).count()).unwrap_or(u64::MAX);
        (count(Fate::Done), count(Fate::Unknown))
    }

    /// Whether anything may have been sent.
    pub fn is_begun(&self) -> bool {
        self.fates.iter().any(|fate| *fate != Fate::Open)
    }

    fn set(&mut self, first: u64, last: u64, most: u64, change: impl Fn(u64, Fate) -> Fate) -> Option<()> {
        if first == 0 || last < first || last > most {
            return None;
        }
        let (first_place, last_place) = (usize::try_from(first).ok()?.checked_sub(1)?, usize::try_from(last).ok()?);
        if self.fates.len() < last_place {
            self.fates.resize(last_place, Fate::Open);
        }
        for (fate, number) in self.fates.get_mut(first_place..last_place)?.iter_mut().zip(first..) {
            *fate = change(number, *fate);
        }
        Some(())
    }
}

/// Both directions.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub plan_sha256: Option<String>,
    /// Who opened the journal last.
    pub last: Option<Operator>,
    /// Somebody gave the plan's id.
    pub confirmed: bool,
    /// A guard does so in the last run.
    guarded: bool,
    pub apply: Course,
    pub rollback: Course,
}

/// Why a journal makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("line {line} is not a line of a journal: {cause}")]
    Line { line: usize, cause: String },
    #[error(
        "line {line} was written by another version of this tool (journal {version}, this one reads {JOURNAL_VERSION})"
    )]
    Version { line: usize, version: u32 },
    #[error("line {line} is about another plan")]
    OtherPlan { line: usize },
    #[error("line {line} names a command that the plan does not have")]
    Number { line: usize },
}

impl History {
    /// Reads a journal of a plan with so many commands (there, and back). Also gives how many of its bytes are whole
    /// lines: a last line that was cut off by a crash does not count, because what it announces was not begun.
    pub fn read(bytes: &[u8], plan_sha256: &str, commands: (u64, u64)) -> Result<(Self, usize), HistoryError> {
        let mut history = Self::default();
        let mut whole: usize = 0;
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = at.saturating_add(1);
            let Some(text) = line.strip_suffix(b"\n") else { break };
            let record: Record = match serde_json::from_slice(text) {
                Ok(record) => record,
                // A disk may have written the end of a line and not its beginning.
                Err(_) if whole.saturating_add(line.len()) == bytes.len() => break,
                Err(error) => return Err(HistoryError::Line { line: number, cause: error.to_string() }),
            };
            history.take(record, number, plan_sha256, commands)?;
            whole = whole.saturating_add(line.len());
        }
        Ok((history, whole))
    }

    /// The runs in one direction.
    pub fn course(&self, way: Way) -> &Course {
        match way {
            Way::Apply => &self.apply,
            Way::Rollback => &self.rollback,
        }
    }

    fn take(&mut self, record: Record, line: usize, sha256: &str, commands: (u64, u64)) -> Result<(), HistoryError> {
        let most = |way| if way == Way::Apply { commands.0 } else { commands.1 };
        match record {
            Record::Open { version, plan_sha256, confirmed, guarded, who, .. } => {
                self.confirmed |= confirmed;
                self.guarded = guarded;
                if version != JOURNAL_VERSION {
                    return Err(HistoryError::Version { line, version });
                }
                if plan_sha256 != sha256 {
                    return Err(HistoryError::OtherPlan { line });
                }
                self.plan_sha256 = Some(plan_sha256);
                self.last = Some(who);
            }
            Record::Start { way, to, at, with } => {
                self.confirmed = true;
                let course = self.course_mut(way);
                course.started.get_or_insert((at, to));
                course.with = with;
            }
            Record::Leave { way, db, key, member, in_place } => {
                let course = self.course_mut(way);
                let Some(member) = member else {
                    course.left_keys.insert((db, key.0));
                    return Ok(());
                };
                if in_place {
                    course.in_place.insert((db, key.0.clone(), member.0.clone()));
                }
                course.left_members.insert((db, key.0, member.0));
            }
            Record::Seen { way, db, key, states } => {
                let known = Arc::make_mut(&mut self.course_mut(way).states);
                known.extend(states.into_iter().map(|(member, state)| ((db, key.0.clone(), member.0), state)));
            }
            Record::Intent { way, first, last, .. } => {
                let guarded = self.guarded;
                self.course_mut(way).guarded |= guarded;
                let sent = |_, fate: Fate| if fate == Fate::Open { Fate::Unknown } else { fate };
                self.course_mut(way).set(first, last, most(way), sent).ok_or(HistoryError::Number { line })?;
            }
            Record::Ack { way, first, last, open, unknown, failed, otherwise } => {
                let open: HashSet<u64> = open.into_iter().collect();
                let unknown: HashSet<u64> = unknown.into_iter().collect();
                let failed: HashSet<u64> = failed.into_iter().map(|(number, _)| number).collect();
                let answered = |number, fate: Fate| match fate {
                    Fate::Unknown if open.contains(&number) => Fate::Open,
                    Fate::Unknown if unknown.contains(&number) => Fate::Unknown,
                    Fate::Unknown if failed.contains(&number) => Fate::Failed,
                    Fate::Unknown => Fate::Done,
                    fate => fate,
                };
                let course = self.course_mut(way);
                course.set(first, last, most(way), answered).ok_or(HistoryError::Number { line })?;
                course.otherwise.extend(otherwise);
            }
            Record::Stop { .. } => {}
            Record::End { way, at } => self.course_mut(way).ended = Some(at),
        }
        Ok(())
    }

    fn course_mut(&mut self, way: Way) -> &mut Course {
        match way {
            Way::Apply => &mut self.apply,
            Way::Rollback => &mut self.rollback,
        }
    }
}
