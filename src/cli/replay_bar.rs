//! How far a replay is: commands, members, rate and time left.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::events::Teller;
use super::terminal::Terminal;
use crate::replay::{Event, Progress, Watcher, Work};
use crate::text::{Printable, display};
use crate::text::{counted, number};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);
/// How often a bar is drawn, and what lasts so short that it shows none.
const TICK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_millis(500);

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

/// Runs `look`, which tells how many of `total` keys and edits it has looked at.
///
/// Another thread shows it, so that something is seen to go on also while a server takes its time.
pub fn looking<T>(
    terminal: &Terminal,
    teller: Teller<'_>,
    total: u64,
    look: impl FnOnce(&mut dyn FnMut(u64)) -> T,
) -> T {
    if terminal.quiet {
        return look(&mut |_| {});
    }
    let (looked_at, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let shower = scope.spawn(|| {
            let wait = |time: Duration| {
                let end = Instant::now() + time;
                while !done.load(Ordering::Acquire) && Instant::now() < end {
                    std::thread::park_timeout(end.saturating_duration_since(Instant::now()));
                }
                !done.load(Ordering::Acquire)
            };
            let position = || looked_at.load(Ordering::Relaxed).min(total);
            if !terminal.interactive || teller.json {
                while wait(LINE) {
                    terminal.say(format!("looking: {} of {} keys and edits", number(position()), number(total)));
                }
            } else if wait(PATIENCE) {
                let bar = ProgressBar::new(total);
                let template = "looking [{bar:30}] {human_pos}/{human_len} keys and edits, {eta} left";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
                while wait(TICK) {
                    bar.set_position(position());
                }
                bar.finish_and_clear();
            }
        });
        let result = look(&mut |count| looked_at.store(count, Ordering::Relaxed));
        done.store(true, Ordering::Release);
        shower.thread().unpark();
        result
    })
}

fn drawn(name: &str, commands: u64) -> ProgressBar {
    let bar = ProgressBar::new(commands);
    bar.set_message("0 members");
    bar.set_prefix(name.to_owned());
    let template = "{prefix} [{bar:30}] {pos}/{len} commands, {msg}, {rate}/s, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.0}", state.per_sec());
        };
        bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
    }
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
            bar.set_message(counted(progress.members, "member"));
            bar.set_position(progress.commands);
        } else if self.said.elapsed() >= LINE {
            self.said = Instant::now();
            let seconds = self.started.elapsed().as_secs().max(1);
            let rate = progress.commands / seconds;
            let left = self.commands.saturating_sub(progress.commands).checked_div(rate);
            let left = left.map(|left| format!(", {left} s left")).unwrap_or_default();
            self.say(format!(
                "{}: {} of {} commands, {}, {} commands/s{left}",
                self.name,
                number(progress.commands),
                number(self.commands),
                counted(progress.members, "member"),
                number(rate)
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
                let done = counted(*found_done, "command");
                self.say(format!("connected again; {done} without an answer had been carried out"));
            }
            Event::Paced { commands, took } => {
                let size = counted(*commands, "command");
                self.say(format!("the last batch took {:.1} s: now {size} a batch", took.as_secs_f64()))
            }
            Event::Kept { number: at, command, key, parts } => {
                let shown: Vec<String> = parts.iter().take(3).map(|part| display(part)).collect();
                let more = if parts.len() > shown.len() { ", …" } else { "" };
                let what = match parts.len() {
                    1 => "1 edit is not right any more and was not made".to_owned(),
                    several => format!("{several} edits are not right any more and were not made"),
                };
                self.say(format!("command {at}, {command} {}: {what} ({}{more})", Printable(key), shown.join(", ")));
            }
            Event::Trouble { number, command, key, wanted, got, advice } => self.say(format!(
                "command {number}, {command} {}, was answered with {got} where {wanted} was expected: {advice}",
                Printable(key)
            )),
        }
    }
}
