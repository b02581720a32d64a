//! How a replay ended: the summary that a person can paste into a ticket, what to type next, and the exit status.

use std::time::Duration;

use serde_json::{Value, json};

use super::Job;
use super::account::Account;
use super::events;
use crate::replay::journal::{Record, Way};
use crate::replay::{Ending, OnDrift, Outlook, Report};
use crate::text::{counted, number, span};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::interrupt::Leave;
use crate::ui::typed;

/// A replay that is over.
pub struct Ended<'e, 'j> {
    pub job: &'e Job<'j>,
    pub report: &'e Report,
    pub outlook: &'e Outlook<'e>,
    /// Commands of the whole file.
    pub of: u64,
    pub account: &'e Account,
    pub took: Duration,
    /// All commands of this run, the look included.
    pub commands: u64,
    pub of_a_cluster: bool,
}

impl Leave {
    pub fn into_failure(self) -> Failure {
        Failure::new(self.exit, self.message).with_any_hint(self.hint)
    }
}

/// `3.3 s`, `4 minutes`.
fn time(took: Duration) -> String {
    match took.as_secs_f64() {
        seconds @ ..90.0 => format!("{seconds:.1} s"),
        seconds => span((seconds * 1000.0) as u64),
    }
}

/// Says so.
pub fn conclude(ended: &Ended<'_, '_>) -> Outcome {
    let Ended { job, report, outlook, of, account, .. } = *ended;
    let (way, name, done) = (job.way, job.way.name(), &report.done);
    let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    let left_keys = outlook.left.iter().filter(|left| matches!(left, Record::Leave { member: None, .. }));
    let left_keys = count(left_keys.count());
    let left_out = count(outlook.left.iter().filter(|left| matches!(left, Record::Leave { .. })).count());
    let in_place = outlook.left.iter().filter(|left| matches!(left, Record::Leave { in_place: true, .. }));
    let in_place = count(in_place.count());
    let changed = left_out.saturating_sub(left_keys).saturating_sub(in_place);
    let what = match way {
        Way::Apply => account.of_apply(),
        Way::Rollback => account.of_rollback(),
    };
    let mut text = format!("{name} of plan {} on {}: {what}\n", job.plan_id(), job.target);
    text.push_str(&format!(
        "  {} of {} in {}, {}; with the look {} in all\n",
        counted(done.commands, "command"),
        number(of),
        time(ended.took),
        counted(done.bytes, "byte"),
        counted(ended.commands, "command"),
    ));
    if report.nodes.len() > 1 {
        let nodes = report.nodes.iter().map(|(node, commands)| format!("{node} {}", number(*commands)));
        text.push_str(&format!("  by node: {}\n", nodes.collect::<Vec<_>>().join(", ")));
    }
    let kept = match way {
        Way::Apply => [
            "edit was not made, because its record has moved, its key has changed, or what it names is there",
            "edits were not made, because their record has moved, their key has changed, or what they name is there",
        ],
        Way::Rollback => [
            "edit was not undone, because its record or its key has changed since",
            "edits were not undone, because their record or their key has changed since",
        ],
    };
    for (count, [one, several]) in [
        (in_place, ["edit was already in place", "edits were already in place"]),
        (left_keys, ["key was left alone, because of drift", "keys were left alone, because of drift"]),
        (changed, ["field was left alone, because of drift", "fields were left alone, because of drift"]),
        (report.failed, ["command was refused because of its key", "commands were refused because of their key"]),
        (
            report.otherwise,
            ["command was answered differently than planned", "commands were answered differently than planned"],
        ),
        (report.kept, kept),
        (report.left, ["command is left to do", "commands are left to do"]),
    ] {
        if count > 0 {
            text.push_str(&format!("  {} {}\n", number(count), if count == 1 { one } else { several }));
        }
    }
    let mut fields = json!({
        "way": name, "plan_id": job.plan_id(), "to": job.target, "of": of, "total": of, "left_out": left_out,
        "left_keys": left_keys, "in_place": in_place, "failed": report.failed, "otherwise": report.otherwise,
        "kept": report.kept, "left": report.left, "added": account.added, "removed": account.removed,
        "restored_keys": account.restored(), "nodes": report.nodes, "seconds": ended.took.as_secs_f64(), "commands_in_all": ended.commands,
    });
    if let (Value::Object(fields), Value::Object(done)) = (&mut fields, events::progress_fields(done)) {
        fields.extend(done);
    }
    job.teller.tell("summary", fields, &text)?;
    let stopped = |reason: &str| {
        let failure = Failure::new(Exit::Interrupted, reason);
        match ended.of_a_cluster {
            // Going on would meet the same.
            true => failure.with_hint(format!("to undo what was done:\n  {}", rollback(job))),
            false => failure.with_hint(job.resume()),
        }
    };
    match &report.ending {
        Ending::Interrupted if !report.sent => return Err(job.interrupted().into_failure()),
        Ending::Interrupted => return Err(stopped("interrupted")),
        Ending::Stopped(reason) => return Err(stopped(reason)),
        Ending::Done => {}
    }
    next(job);
    let left_out_by_drift = job.on_drift() == OnDrift::Skip && left_out.saturating_add(report.otherwise) > 0;
    match report.failed > 0 || report.kept > 0 || left_keys > 0 || changed > 0 || left_out_by_drift {
        true => Ok(Exit::Skipped),
        false => Ok(Exit::Done),
    }
}

fn rollback(job: &Job<'_>) -> String {
    typed::rollback(&job.args.dir, &job.target, &job.with)
}

/// What to type next.
fn next(job: &Job<'_>) {
    let verify = typed::verify(&job.args.dir, &job.target, &job.with);
    match job.way {
        Way::Apply => {
            job.terminal
                .say(format!("next, check that it is there:\n  {verify}\nand to undo it:\n  {}", rollback(job)));
        }
        Way::Rollback => job.terminal.say(format!("next, check that the old state is there:\n  {verify}")),
    }
}
