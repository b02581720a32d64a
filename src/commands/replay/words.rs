//! What a replay says before it begins.

use std::path::Path;

use super::Job;
use super::account::Account;
use super::look::Met;
use super::story::Story;
use crate::bundle::price::usd;
use crate::bundle::resp::BatchMeter;
use crate::replay::journal::{History, Operator, Way};
use crate::replay::{Level, Outlook, Verb, Work};
use crate::report::plan::replay_cost::dollars;
use crate::text::{self, counted, number, span, wrap};
use crate::ui::terminal::Terminal;

/// Prose is no easier to read on a wider terminal.
const PROSE: usize = 100;
/// Where the text of a line of the summary begins.
const INDENT: usize = 12;

impl Job<'_> {
    /// In five lines: which plan, what, where, how long, how much. `asked` commands went to look.
    pub fn sum_up(&self, met: &Met, outlook: &Outlook, work: &Work<'_>, asked: u64) -> String {
        let mut account = Account::new(self.deleted().unwrap_or_default());
        let mut meter = BatchMeter::new(self.limits());
        for item in &work.items {
            account.add(item);
            meter.add(item.bytes.len());
        }
        let commands = u64::try_from(work.items.len()).unwrap_or(u64::MAX);
        let what = match self.way {
            Way::Apply => account.of_apply(),
            Way::Rollback => account.of_rollback(),
        };
        let what = match self.begun {
            true => format!("what is left: {what}"),
            false => what,
        };
        let server = met.place.server.as_ref().map(|server| format!(" ({server})")).unwrap_or_default();
        let state = match outlook.is_calm() {
            true => "is as the plan expects it",
            false => "differs from what the plan expects",
        };
        let batches = meter.batches();
        let trip = met.round_trip.as_secs_f64();
        let mut seconds = trip * batches as f64;
        if let Some(rate) = self.args.max_rate {
            seconds = seconds.max(commands as f64 / f64::from(rate));
        }
        let long = match seconds {
            ..1.0 => "less than a second".to_owned(),
            ..90.0 => format!("about {seconds:.0} s"),
            _ => format!("about {}", span((seconds * 1000.0) as u64)),
        };
        // Of a guard's reads the plan knows how many there are.
        let prices = &self.bundle.manifest.replay;
        let guards = match self.way {
            Way::Apply => prices.apply,
            Way::Rollback => prices.rollback,
        };
        let guarded = match self.level() {
            Level::Auto => Some(guards.auto).filter(|price| price.billed_commands > 0),
            Level::Replies => None,
            Level::Records => guards.records,
        };
        let more = match guarded.filter(|_| !self.begun) {
            Some(price) => price.billed_commands.saturating_sub(price.look),
            None => commands,
        };
        let usd = dollars(usd(asked.saturating_add(more)));
        let mut text = format!("{} of plan {}\n", self.name(), self.plan_id());
        let width = self.terminal.message_style().width.min(PROSE);
        let mut line = |label: &str, words: String| {
            text.push_str(&format!("  {label:<width$}", width = INDENT - 2));
            wrap(&words, INDENT, INDENT, width, &mut text);
        };
        line("what", what);
        line("where", format!("{}{server}; it {state}", self.target));
        line("how long", format!("{long}: {} at {:.1} ms each", counted(batches, "round trip"), trip * 1000.0));
        let more = counted(more, "command");
        line("how much", format!("{more}; {} for the look; about {usd} where commands are billed", number(asked)));
        text.trim_end().to_owned()
    }
}

/// How far the runs before came.
pub fn of_what_was_found(terminal: &Terminal, history: &History, way: Way, story: &Story<'_>) {
    if history.course(way).started.is_none() {
        terminal.say("nothing had been sent; starting at the beginning");
        return;
    }
    terminal.say(format!("resuming: {}", story.sentence()));
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
    let edits_values = work.items.iter().any(|item| matches!(item.verb, Verb::HEdit | Verb::SetChanged));
    let old = if edits_values { "scores or values" } else { "scores" };
    for item in &work.items {
        match item.verb {
            Verb::SAdd | Verb::ZAdd | Verb::HEdit | Verb::SetChanged => added += item.members(),
            Verb::SRem | Verb::ZRem | Verb::HDel => removed += item.members(),
            Verb::Unlink | Verb::Del => deleted += item.deleted_keys(),
            Verb::Set | Verb::JsonSet | Verb::Restore | Verb::RPush | Verb::HSet => made += 1,
            _ => {}
        }
    }
    terminal.say(format!(
        "this puts back {} (or their old {old}), removes {}, deletes {}, and recreates values with {}",
        counted(added, "member"),
        counted(removed, "member"),
        counted(deleted, "key"),
        counted(made, "command"),
    ));
}
