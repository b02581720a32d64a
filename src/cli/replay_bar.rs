//! How far a replay is: commands, members, rate and time left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::events::Teller;
use super::terminal::Terminal;
use crate::replay::{Event, Printable, Progress, Watcher, Work};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// Runs `work`, which tells the watcher it is given how far it is.
///
/// `sent` is set once something is sent.
pub fn show<T>(
    terminal: &Terminal,
    teller: Teller<'_>,
    name: &str,
    work: &Work<'_>,
    sent: &AtomicBool,
    run: impl FnOnce(&mut dyn Watcher) -> T,
) -> T {
    let commands = u64::try_from(work.items.len()).unwrap_or(u64::MAX);
    let bar = (terminal.interactive && !terminal.quiet && !teller.json).then(|| drawn(name, commands));
    let started = Instant::now();
    let mut shower = Shower { terminal, teller, sent, name, bar, commands, started, said: started };
    let result = run(&mut shower);
    if let Some(bar) = shower.bar {
        bar.finish_and_clear();
    }
    result
}

fn drawn(name: &str, commands: u64) -> ProgressBar {
    let bar = ProgressBar::new(commands);
    let template = "{prefix} [{bar:30}] {pos}/{len} commands, {msg}, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_owned());
    bar.set_message("0 members");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

struct Shower<'a> {
    terminal: &'a Terminal,
    teller: Teller<'a>,
    sent: &'a AtomicBool,
    name: &'a str,
    bar: Option<ProgressBar>,
    commands: u64,
    started: Instant,
    said: Instant,
}

impl Shower<'_> {
    /// A line of its own, the bar below it.
    fn say(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.terminal.say(text)),
            None => self.terminal.say(text),
        }
    }

    fn answered(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} members", progress.members));
            bar.set_position(progress.commands);
        } else if self.said.elapsed() >= LINE {
            self.said = Instant::now();
            let seconds = self.started.elapsed().as_secs().max(1);
            let rate = progress.commands / seconds;
            let left = self.commands.saturating_sub(progress.commands).checked_div(rate);
            let left = left.map(|left| format!(", {left} s left")).unwrap_or_default();
            self.say(format!(
                "{}: {} of {} commands, {} members, {rate} commands/s{left}",
                self.name, progress.commands, self.commands, progress.members
            ));
        }
    }
}

impl Watcher for Shower<'_> {
    fn event(&mut self, event: &Event) {
        // A reader of the events that went away does not stop a replay.
        let _ = self.teller.event(event);
        match event {
            Event::Sending { .. } => self.sent.store(true, Ordering::SeqCst),
            Event::Answered(progress) => self.answered(progress),
            Event::Waiting { reason, wait } if wait.is_zero() => self.say(reason.clone()),
            Event::Waiting { reason, wait } => {
                self.say(format!("{reason}; trying again in {:.2} s", wait.as_secs_f64()));
            }
            Event::Reconnected { found_done } => {
                self.say(format!("connected again; {found_done} commands without an answer had been carried out"));
            }
            Event::Paced { commands, took } => {
                self.say(format!("the last batch took {:.1} s: now {commands} commands a batch", took.as_secs_f64()))
            }
            Event::Kept { number, command, key, parts } => {
                let shown: Vec<String> = parts.iter().take(3).map(|part| Printable(part).to_string()).collect();
                let more = if parts.len() > shown.len() { ", …" } else { "" };
                self.say(format!(
                    "command {number}, {command} {}: {} edits are not right any more and were not made ({}{more})",
                    Printable(key),
                    parts.len(),
                    shown.join(", ")
                ));
            }
            Event::Trouble { number, command, key, wanted, got, advice } => self.say(format!(
                "command {number}, {command} {}, was answered with {got} where {wanted} was expected: {advice}",
                Printable(key)
            )),
        }
    }
}
