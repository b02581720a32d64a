//! A file of commands, gone through once: what is wrong with it as a file, and which commands each key is in.
//!
//! What a command comes to depends on its keys alone, so that each key can be looked at by itself afterwards
//! ([`machine`](super::machine)).

use std::collections::BTreeMap;

use super::answer::Answer;
use super::command::{Command, Phase};
use super::finding::{Finding, Gathered, Problem, Stage};
use super::model::Model;
use super::packing::{Packing, is_within};
use super::slot::slot;
use super::state::Name;
use crate::bundle::manifest::{Caps, Reply};
use crate::bundle::resp::CommandReader;
use crate::text::quoted;

/// A file of commands and the replies they must give.
#[derive(Clone, Copy, Debug)]
pub struct File<'f> {
    pub stage: Stage,
    pub commands: &'f [u8],
    pub replies: &'f [Reply],
    pub caps: Caps,
    pub by_slot: bool,
}

/// A command that a key is in.
#[derive(Clone, Copy, Debug)]
pub struct Step<'f> {
    /// Counted from 1.
    pub number: u64,
    pub offset: usize,
    /// It deletes the key; nothing else is to be known of it.
    pub deletes: bool,
    /// None if there is none in the manifest.
    pub reply: Option<&'f Reply>,
}

/// What a file of commands is about.
#[derive(Debug)]
pub struct Script<'f> {
    pub stage: Stage,
    pub file: &'f [u8],
    pub commands: u64,
    /// By key, in the order of the file.
    pub steps: BTreeMap<Name, Vec<Step<'f>>>,
    /// Deletions, whose replies count keys.
    pub unlinks: Vec<Step<'f>>,
}

/// So that the ends of a file stand behind all commands, and what keys have come to behind those.
pub const AT_END: u64 = u64::MAX - 1;
pub const AFTERWARDS: u64 = u64::MAX;
/// The reply is looked at when everything else has been.
pub const REPLY: u32 = u32::MAX;

/// Where a stage stands in the order of findings.
pub fn rank(stage: Stage) -> u8 {
    if stage == Stage::Rollback { 1 } else { 0 }
}

/// Says that an answer is not the expected one.
pub fn reply_finding(answer: &Answer, reply: Option<&Reply>) -> Option<(String, String)> {
    let expected = match reply {
        Some(reply) if answer.is(reply) => return None,
        Some(Reply::Integer(due)) => format!("the reply {due}"),
        Some(Reply::Status(due)) => format!("the reply {due}"),
        Some(Reply::Bulk(due)) => format!("the value {}", quoted(&due.0)),
        None => "a command for which plan.json has a reply".to_owned(),
    };
    Some((expected, answer.to_string()))
}

/// The findings of a file, one after the other.
struct Finder<'g> {
    findings: &'g mut Gathered,
    stage: Stage,
    db: u64,
    /// Number and offset of the command.
    command: (u64, usize),
    seq: u32,
}

impl Finder<'_> {
    fn find(&mut self, problem: Problem, key: Option<&[u8]>, expected: &str, found: String) {
        let (stage, command) = (self.stage, self.command);
        self.seq = self.seq.saturating_add(1);
        let place = (rank(stage), if command.0 > 0 { command.0 } else { AT_END }, self.seq, None);
        self.findings.add(place, || Finding {
            stage,
            problem,
            command: (command.0 > 0).then_some(command),
            key: key.map(|key| (self.db, key.to_vec())),
            expected: expected.to_owned(),
            found,
        });
    }
}

impl<'f> Script<'f> {
    /// Goes through a file; what is odd about it goes to `findings`.
    pub fn read(model: &Model<'_>, file: File<'f>, findings: &mut Gathered) -> Self {
        let stage = file.stage;
        let mut script = Self { stage, file: file.commands, commands: 0, steps: BTreeMap::new(), unlinks: Vec::new() };
        let mut finder = Finder { findings, stage, db: 0, command: (0, 0), seq: 0 };
        let mut packing = Packing::new(file.caps, file.by_slot);
        let mut phase = Phase::Delete;
        let mut before = (0, None);
        let mut reader = CommandReader::new(file.commands);
        let mut replies = file.replies.iter();
        // Whoever stops it throws away what it says.
        while !model.watch.stopped() {
            (finder.command, finder.seq) = ((0, 0), 0);
            let read = match reader.next_command() {
                Ok(Some(read)) => read,
                Ok(None) => break,
                Err(error) => {
                    finder.find(Problem::NotCommands, None, "commands", error.to_string());
                    break;
                }
            };
            script.commands = script.commands.saturating_add(1);
            finder.command = (script.commands, read.offset);
            model.watch.add(u64::try_from(read.bytes.len()).unwrap_or(u64::MAX));
            let reply = replies.next();
            let command = match Command::parse(read.args, stage) {
                Ok(command) => command,
                Err(due) => {
                    let found = read.args.iter().take(4).map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ");
                    finder.find(Problem::Forbidden, None, due, found);
                    continue;
                }
            };
            let key = command.key();
            if !is_within(file.caps, &command, read.args, read.bytes.len()) {
                let found = format!("{} arguments, {} bytes", read.args.len(), read.bytes.len());
                finder.find(Problem::OverCap, key, "a command within the caps", found);
            }
            if file.by_slot {
                check_slots(&command, read.args, &mut finder);
            }
            if stage == Stage::Apply {
                packing.add(finder.db, &command, read.args);
                if let Some(next) = command.phase() {
                    if next < phase {
                        let found = format!("{next:?} after {phase:?}");
                        finder.find(Problem::Order, key, "deletions, additions, removals", found);
                    }
                    if file.by_slot {
                        let first = read.args.get(1).copied().unwrap_or_default();
                        let place = (slot(first), Some(first));
                        if next == phase && place < before {
                            let found = format!("slot {}", place.0);
                            finder.find(Problem::Order, key, "an order by slot and key", found);
                        }
                        before = place;
                    }
                    phase = next;
                }
            }
            let deletes = matches!(command, Command::Unlink(_));
            let step = Step { number: script.commands, offset: read.offset, deletes, reply };
            match command {
                Command::Select(db) => {
                    if db == finder.db {
                        finder.find(Problem::NoOp, None, "another database", format!("SELECT {db}"));
                    }
                    finder.db = db;
                    if let Some((expected, found)) = reply_finding(&Answer::Status("OK".into()), reply) {
                        finder.find(Problem::Reply, None, &expected, found);
                    }
                }
                Command::Unlink(_) => script.unlinks.push(step),
                _ => {}
            }
            let one = key.as_slice();
            for key in if let Command::Unlink(keys) = command { keys } else { one } {
                script.steps.entry((finder.db, key.to_vec())).or_default().push(step);
            }
        }
        (finder.command, finder.seq) = ((0, 0), 1);
        let left = replies.count();
        if left > 0 {
            finder.find(Problem::Reply, None, &format!("{left} more commands"), "the end of the file".into());
        }
        for (kind, (_, key), found, least) in packing.excess() {
            let key = (!key.is_empty()).then_some(key.as_slice());
            finder.find(Problem::NotMinimal, key, &format!("{least} {kind} commands"), found.to_string());
        }
        script
    }

    /// The replies to deletions, by how many keys each has deleted.
    pub fn check_unlinks(&self, deleted: &BTreeMap<u64, i64>, findings: &mut Gathered) {
        for step in &self.unlinks {
            let answer = Answer::Integer(deleted.get(&step.number).copied().unwrap_or_default());
            if let Some((expected, found)) = reply_finding(&answer, step.reply) {
                let (stage, problem, command) = (self.stage, Problem::Reply, Some((step.number, step.offset)));
                let place = (rank(stage), step.number, REPLY, None);
                findings.add(place, || Finding { stage, problem, command, key: None, expected, found });
            }
        }
    }
}

/// Whether all keys of a command are in one slot.
fn check_slots(command: &Command<'_, '_>, args: &[&[u8]], finder: &mut Finder<'_>) {
    let keys = match command {
        Command::Unlink(keys) => keys,
        _ => args.get(1..2).unwrap_or_default(),
    };
    let first = keys.first().map(|key| slot(key));
    if let Some(key) = keys.iter().find(|key| Some(slot(key)) != first) {
        let slots = format!("slot {} after slot {}", slot(key), first.unwrap_or_default());
        finder.find(Problem::TwoSlots, Some(key), "keys of one slot", slots);
    }
}
