//! What a replay says before it begins.

use std::path::Path;

use super::terminal::Terminal;
use crate::replay::journal::{History, Operator, Way};
use crate::replay::{Verb, Work};
use crate::text::{self, counted, number};

/// How far the runs before came.
pub fn of_what_was_found(terminal: &Terminal, history: &History, way: Way) {
    let course = history.course(way);
    let Some((at, to)) = &course.started else {
        terminal.say("nothing had been sent; starting at the beginning");
        return;
    };
    let (done, unknown) = course.counts();
    let (done, unknown) = (counted(done, "command"), number(unknown));
    terminal.say(format!("resuming what was begun at {at} on {to}: {done} done, the answers of {unknown} not known"));
    // The lock holds between the processes of one machine.
    let here = Operator::current();
    if let Some(last) = history.last.as_ref().filter(|last| last.host != here.host) {
        terminal.warn(format!(
            "the last run was by {last}; this is {}. A lock does not reach from one machine to another: make sure that it \
             has ended",
            here.host
        ));
    }
}

/// That the address is another one than that of the run before. It may be the same database by another name, or one that
/// took its place; what was done is looked for in any case.
pub fn of_another_target(terminal: &Terminal, history: &History, way: Way, target: &str) {
    let before = history.course(way).started.as_ref().or(history.apply.started.as_ref());
    if let Some((at, to)) = before.filter(|(_, to)| to != target) {
        terminal.warn(format!("this plan was begun at {at} on {to}; this is {target}"));
    }
}

/// What the way back has to do without.
pub fn of_what_is_not_known(terminal: &Terminal, way: Way, is_guarded: bool, history: &History, journal: &Path) {
    if way != Way::Rollback {
        return;
    }
    if history.apply.started.is_none() {
        terminal.warn(format!(
            "there is no journal of an apply beside this plan ({}): all of rollback.resp is used, as if the whole plan had \
             been applied",
            text::path(journal)
        ));
    }
    if is_guarded && history.apply.states.is_empty() {
        terminal.warn(
            "how the records were when the plan was applied is not known (apply ran without --guard records): keys and \
             scores that somebody changed since are left alone, but no record is looked at",
        );
    }
}

/// Without a journal: what would be written, as nobody noted what happened.
pub fn of_what_is_overwritten(terminal: &Terminal, work: &Work<'_>) {
    let (mut added, mut removed, mut deleted, mut made) = (0, 0, 0, 0);
    for item in &work.items {
        match item.verb {
            Verb::SAdd | Verb::ZAdd => added += item.members(),
            Verb::SRem | Verb::ZRem => removed += item.members(),
            Verb::Unlink | Verb::Del => deleted += item.deleted_keys(),
            Verb::Set | Verb::JsonSet | Verb::Restore | Verb::RPush | Verb::HSet => made += 1,
            _ => {}
        }
    }
    terminal.say(format!(
        "this puts back {} (or their old scores), takes out {}, deletes {}, and makes values anew with {}",
        counted(added, "member"),
        counted(removed, "member"),
        counted(deleted, "key"),
        counted(made, "command"),
    ));
}
