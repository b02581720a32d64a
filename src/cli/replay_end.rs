//! How a replay ended: the summary that a person can paste into a ticket, and the exit status.

use serde_json::{Value, json};

use super::args;
use super::events::{self, Teller};
use super::exit::{Exit, Failure, Outcome};
use crate::replay::journal::{Record, Way};
use crate::replay::{Ending, OnDrift, Outlook, Report};
use crate::text::{self, counted, number};

/// A replay that is over.
pub struct Ended<'e> {
    pub way: Way,
    pub report: &'e Report,
    pub outlook: &'e Outlook,
    pub target: &'e str,
    /// Commands of the whole file.
    pub of: u64,
    /// Earlier runs sent something.
    pub begun: bool,
}

/// Ended by Ctrl-C before anything was sent, unless earlier runs had (`begun`).
pub fn interrupted(args: &args::Replay, way: Way, begun: bool) -> Failure {
    match begun {
        false => Failure::new(Exit::Stopped, "interrupted; nothing was written"),
        true => Failure::new(Exit::Interrupted, "interrupted; nothing more was written").with_hint(resume(args, way)),
    }
}

fn resume(args: &args::Replay, way: Way) -> String {
    format!("`rdb-reindex {} {} --resume` goes on", way.name(), text::shell_path(&args.dir))
}

impl Ended<'_> {
    /// Says so.
    pub fn conclude(&self, args: &args::Replay, plan_id: &str, on_drift: OnDrift, teller: Teller<'_>) -> Outcome {
        let Self { way, report, outlook, target, of, begun } = *self;
        let (name, done) = (way.name(), &report.done);
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let left_keys = outlook.left.iter().filter(|left| matches!(left, Record::Leave { member: None, .. }));
        let left_keys = count(left_keys.count());
        let left_out = count(outlook.left.iter().filter(|left| matches!(left, Record::Leave { .. })).count());
        let in_place = left_out.saturating_sub(left_keys);
        let mut text = format!(
            "{name} of plan {plan_id} on {target}: {} of {}, {}, {} deleted, {}\n",
            counted(done.commands, "command"),
            number(of),
            counted(done.members, "member"),
            counted(done.deleted_keys, "key"),
            counted(done.bytes, "byte"),
        );
        let kept = match way {
            Way::Apply => [
                "edit was not made, because its record has moved or its key has changed",
                "edits were not made, because their record has moved or their key has changed",
            ],
            Way::Rollback => [
                "edit was not undone, because its record or its key has changed since",
                "edits were not undone, because their record or their key has changed since",
            ],
        };
        for (count, [one, several]) in [
            (in_place, ["edit was in place already", "edits were in place already"]),
            (left_keys, ["key was left alone, because of drift", "keys were left alone, because of drift"]),
            (report.failed, ["command was refused because of its key", "commands were refused because of their key"]),
            (
                report.otherwise,
                ["command was answered otherwise than planned", "commands were answered otherwise than planned"],
            ),
            (report.kept, kept),
            (report.left, ["command is left to do", "commands are left to do"]),
        ] {
            if count > 0 {
                text.push_str(&format!("  {} {}\n", number(count), if count == 1 { one } else { several }));
            }
        }
        let mut fields = json!({
            "way": name, "plan_id": plan_id, "to": target, "of": of, "left_out": left_out, "left_keys": left_keys,
            "in_place": in_place, "failed": report.failed, "otherwise": report.otherwise, "kept": report.kept,
            "left": report.left,
        });
        if let (Value::Object(fields), Value::Object(done)) = (&mut fields, events::progress_fields(done)) {
            fields.extend(done);
        }
        teller.tell("summary", fields, &text)?;
        let resume = resume(args, way);
        match &report.ending {
            Ending::Interrupted if !report.sent => Err(interrupted(args, way, begun)),
            Ending::Interrupted => Err(Failure::new(Exit::Interrupted, "interrupted").with_hint(resume)),
            Ending::Stopped(reason) => Err(Failure::new(Exit::Interrupted, reason).with_hint(resume)),
            Ending::Done if report.failed > 0 || report.kept > 0 || left_keys > 0 => Ok(Exit::Skipped),
            Ending::Done if on_drift == OnDrift::Skip && left_out.saturating_add(report.otherwise) > 0 => {
                Ok(Exit::Skipped)
            }
            Ending::Done => Ok(Exit::Done),
        }
    }
}
