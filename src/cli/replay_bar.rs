//! How far a replay is: commands, members, rate and time left.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::Terminal;
use crate::replay::{Observer, Progress, Totals};

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// Runs `work`, which tells the observer it is given how far it is.
pub fn show<T>(terminal: &Terminal, name: &str, work: impl FnOnce(&mut dyn Observer) -> T) -> T {
    let mut bar =
        Bar { terminal, name: name.to_owned(), bar: None, total: 0, started: Instant::now(), said: Instant::now() };
    let result = work(&mut bar);
    if let Some(bar) = bar.bar {
        bar.finish_and_clear();
    }
    result
}

struct Bar<'a> {
    terminal: &'a Terminal,
    name: String,
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    said: Instant,
}

impl Observer for Bar<'_> {
    fn started(&mut self, totals: &Totals) {
        self.total = totals.commands;
        self.started = Instant::now();
        self.said = self.started;
        if !self.terminal.interactive || self.terminal.quiet {
            return;
        }
        let bar = ProgressBar::new(totals.commands);
        let template = "{prefix} [{bar:30}] {pos}/{len} commands, {msg}, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(self.name.clone());
        bar.set_message("0 members");
        bar.enable_steady_tick(Duration::from_millis(100));
        self.bar = Some(bar);
    }

    fn answered(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} members", progress.members));
            bar.set_position(progress.commands);
        } else if self.said.elapsed() >= LINE {
            self.said = Instant::now();
            let seconds = self.started.elapsed().as_secs().max(1);
            let rate = progress.commands / seconds;
            let left = self.total.saturating_sub(progress.commands).checked_div(rate);
            let left = left.map(|left| format!(", {left} s left")).unwrap_or_default();
            self.terminal.say(format!(
                "{}: {} of {} commands, {} members, {rate} commands/s{left}",
                self.name, progress.commands, self.total, progress.members
            ));
        }
    }
}
