//! A bar while something lasts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::Terminal;
use crate::report::text::{size, span};
use crate::scan::Observer;

/// What lasts less long than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a bar is drawn, and how often a line is written where there is no terminal.
const TICK: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(5);

/// Runs `work` while another thread shows how far its observer is, of `total` bytes.
pub fn bytes<T>(terminal: &Terminal, what: &str, total: u64, observer: &Observer, work: impl FnOnce() -> T) -> T {
    if terminal.quiet {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let shower = scope.spawn(|| show(terminal, what, total, observer, &done));
        let result = work();
        done.store(true, Ordering::Release);
        shower.thread().unpark();
        result
    })
}

fn show(terminal: &Terminal, what: &str, total: u64, observer: &Observer, done: &AtomicBool) {
    let wait = |time: Duration| {
        let end = Instant::now() + time;
        while !done.load(Ordering::Acquire) {
            let now = Instant::now();
            if now >= end {
                return true;
            }
            std::thread::park_timeout(end - now);
        }
        false
    };
    let began = Instant::now();
    if !wait(PATIENCE) {
        return;
    }
    let position = || observer.position.load(Ordering::Relaxed);
    if terminal.interactive {
        let bar = ProgressBar::new(total);
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        while wait(TICK) {
            bar.set_position(position());
        }
        bar.finish_and_clear();
    } else {
        while wait(LINE) {
            terminal.say(line(what, position(), total, began.elapsed()));
        }
    }
}

/// How far it is, for a log: `reading: 45% of 1.3 GB, 210.0 MB/s, 3 seconds left`.
fn line(what: &str, position: u64, total: u64, elapsed: Duration) -> String {
    let percent = position.saturating_mul(100).checked_div(total).unwrap_or(100);
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rate = position.saturating_mul(1000).checked_div(ms).unwrap_or(0);
    let left = total.saturating_sub(position).saturating_mul(1000).checked_div(rate);
    let left = left.map(|ms| format!(", {} left", span(ms))).unwrap_or_default();
    format!("{what}: {percent}% of {}, {}/s{left}", size(total), size(rate))
}

/// Makes Ctrl-C call `stop`, which says whether it had been called before: then the process ends at once.
pub fn on_interrupt(stop: impl Fn() -> bool + Send + 'static) {
    // A handler can be set once in a process, and a command sets one.
    let _ = ctrlc::set_handler(move || {
        if stop() {
            std::process::exit(130);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_log() {
        let facts = [
            (585_000_000, 1_300_000_000, 3, "reading: 45% of 1.3 GB, 195.0 MB/s, 3 seconds left"),
            (0, 1000, 5, "reading: 0% of 1.0 kB, 0 B/s"),
            (0, 0, 0, "reading: 100% of 0 B, 0 B/s"),
        ];
        for (position, total, seconds, text) in facts {
            assert_eq!(line("reading", position, total, Duration::from_secs(seconds)), text);
        }
    }
}
