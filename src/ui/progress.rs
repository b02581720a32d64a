//! A line that shows how far the work is, while it lasts.
//!
//! On a terminal it is drawn over again in place; without one a line is written every few seconds. Everything that
//! prints goes through [`clear`] first, so that nothing is mixed with it and nothing of it stays behind.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Observer, Step, Unit, Watch};
use crate::text::{fit, number, size, width};

/// What lasts less long than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is drawn, and how often one is written where there is no terminal.
const TICK: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(5);
/// A bar narrower than this says nothing, and a wider one nothing more.
const NARROWEST: usize = 10;
const WIDEST: usize = 30;

/// Whether a line is drawn. Whoever writes to the terminal holds it.
static DRAWN: Mutex<bool> = Mutex::new(false);

fn drawn() -> MutexGuard<'static, bool> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the line off the screen. It is not drawn again before the guard is dropped.
pub fn clear() -> impl Drop {
    let mut drawn = drawn();
    if std::mem::take(&mut *drawn) {
        // Nobody can be told that standard error does not work.
        let _ = write!(io::stderr().lock(), "\r\x1b[K");
    }
    drawn
}

/// How progress is shown. One process has one standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Not at all.
    Silent,
    /// A line every few seconds.
    Lines,
    /// A line that is drawn over again in place.
    Drawn,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

/// Says once how progress is shown.
pub fn set(manner: Manner) {
    // Whoever comes second is a test.
    let _ = MANNER.set(manner);
}

/// Runs `work`, which reads `total` bytes, while its progress is shown.
pub fn bytes<T>(what: &'static str, total: u64, observer: &Observer, work: impl FnOnce() -> T) -> T {
    observer.begin(what, Unit::Bytes, total);
    during(observer, work)
}

/// Runs `work`, which tells the observer what it is at, while another thread shows it.
pub fn during<T>(observer: &Observer, work: impl FnOnce() -> T) -> T {
    let manner = *MANNER.get().unwrap_or(&Manner::Silent);
    if manner == Manner::Silent {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let shower = scope.spawn(|| show(manner, observer, &done));
        // Dropped also if the work panics: the scope waits for the other thread.
        let _end = End { done: &done, shower: shower.thread().clone() };
        work()
    })
}

struct End<'d> {
    done: &'d AtomicBool,
    shower: std::thread::Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.shower.unpark();
    }
}

fn show(manner: Manner, observer: &Observer, done: &AtomicBool) {
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
    let (mut step, mut began) = (observer.step(), Instant::now());
    if !wait(PATIENCE) {
        return;
    }
    let mut said = began;
    loop {
        let now = observer.step();
        if now.number != step.number {
            (step, began) = (now, Instant::now());
        }
        let far = Far { step, position: observer.position.load(Ordering::Relaxed), elapsed: began.elapsed() };
        if manner == Manner::Drawn {
            let line = far.drawn(columns());
            let mut drawn = drawn();
            *drawn = write!(io::stderr().lock(), "\r{line}\x1b[K").is_ok();
        } else if said.elapsed() >= LINE {
            said = Instant::now();
            // Nobody can be told that standard error does not work.
            let _ = writeln!(io::stderr().lock(), "{}", far.line());
        }
        if !wait(TICK) {
            break;
        }
    }
    drop(clear());
}

/// Columns of the terminal now: somebody may have resized it.
fn columns() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.map_or(80, |(columns, _)| usize::from(columns.0).max(1))
}

/// How far a step is.
struct Far {
    step: Step,
    position: u64,
    elapsed: Duration,
}

impl Far {
    /// For a log: `reading: 45% of 1.3 GB, 210.0 MB/s, 3 s left`.
    fn line(&self) -> String {
        format!("{}: {}", self.step.name, self.parts().join(", "))
    }

    /// For a terminal of so many columns: what matters least gives way first.
    fn drawn(&self, columns: usize) -> String {
        // In the last column some terminals begin a new line.
        let room = columns.saturating_sub(1);
        let mut parts = self.parts();
        let text = |parts: &[String]| format!("{} {}", self.step.name, parts.join(", "));
        let is_too_wide = |parts: &[String]| width(&text(parts)) > room;
        // First the rate goes, then of how much, then the time left.
        if parts.len() > 2 && is_too_wide(&parts) {
            parts.remove(1);
        }
        if self.step.total > 0 && is_too_wide(&parts) {
            parts.iter_mut().take(1).for_each(|first| first.truncate(first.find(' ').unwrap_or(first.len())));
        }
        if is_too_wide(&parts) {
            parts.truncate(1);
        }
        let text = text(&parts);
        let free = room.saturating_sub(width(&text)).saturating_sub(3).min(WIDEST);
        if self.step.total == 0 || free < NARROWEST {
            return fit(&text, room).into_owned();
        }
        let free_ = u64::try_from(free).unwrap_or(0);
        let full = self.position.min(self.step.total).saturating_mul(free_).checked_div(self.step.total);
        let full = usize::try_from(full.unwrap_or(0)).unwrap_or(free).min(free);
        let name = self.step.name;
        let bar = format!("{}{}", "=".repeat(full), " ".repeat(free.saturating_sub(full)));
        format!("{name} [{bar}]{}", text.strip_prefix(name).unwrap_or(&text))
    }

    /// How much, how fast, how long.
    fn parts(&self) -> Vec<String> {
        let Self { step, position, elapsed } = self;
        let amount = |n: u64| match step.unit {
            Unit::Bytes => size(n),
            Unit::Keys => format!("{} keys", number(n)),
            Unit::Members => format!("{} members", number(n)),
            Unit::Edits => format!("{} edits", number(n)),
            Unit::Commands => format!("{} commands", number(n)),
            Unit::Looks => format!("{} keys and edits", number(n)),
        };
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let mut parts = Vec::new();
        if step.total == 0 && *position == 0 {
            return vec![clock(ms / 1000)];
        }
        match position.min(&step.total).saturating_mul(100).checked_div(step.total) {
            Some(percent) => parts.push(format!("{percent}% of {}", amount(step.total))),
            None => parts.push(amount(*position)),
        }
        let rate = position.saturating_mul(1000).checked_div(ms).unwrap_or(0);
        if rate > 0 {
            parts.push(match step.unit {
                Unit::Bytes => format!("{}/s", size(rate)),
                _ => format!("{}/s", number(rate)),
            });
        }
        match step.total.saturating_sub(*position).checked_div(rate) {
            Some(left) if step.total > 0 => parts.push(format!("{} left", clock(left))),
            _ => {}
        }
        parts
    }
}

/// Seconds as a clock that counts down shows them.
fn clock(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn far(unit: Unit, position: u64, total: u64, seconds: u64) -> Far {
        let step = Step { name: "reading", unit, total, number: 1 };
        Far { step, position, elapsed: Duration::from_secs(seconds) }
    }

    #[test]
    fn lines_for_a_log() {
        let facts = [
            (Unit::Bytes, 585_000_000, 1_300_000_000, 3, "reading: 45% of 1.3 GB, 195.0 MB/s, 3 s left"),
            (Unit::Bytes, 0, 1000, 5, "reading: 0% of 1.0 kB"),
            (Unit::Bytes, 0, 0, 7, "reading: 7 s"),
            (Unit::Bytes, 4_000_000, 0, 2, "reading: 4.0 MB, 2.0 MB/s"),
            (Unit::Keys, 2_000, 1_000_000, 2, "reading: 0% of 1,000,000 keys, 1,000/s, 16 min 38 s left"),
            (Unit::Edits, 10, 72_010, 10, "reading: 0% of 72,010 edits, 1/s, 20 h 0 min left"),
        ];
        for (unit, position, total, seconds, text) in facts {
            assert_eq!(far(unit, position, total, seconds).line(), text);
        }
    }

    #[test]
    fn a_drawn_line_fits_any_terminal() {
        let half = far(Unit::Bytes, 650_000_000, 1_300_000_000, 10);
        let facts = [
            (20, "reading 50%"),
            (24, "reading 50%, 10 s left"),
            (40, "reading 50% of 1.3 GB, 10 s left"),
            (56, "reading 50% of 1.3 GB, 65.0 MB/s, 10 s left"),
            // 79 - 43 - 3 = 33 columns are free, 30 are taken.
            (80, "reading [===============               ] 50% of 1.3 GB, 65.0 MB/s, 10 s left"),
            (200, "reading [===============               ] 50% of 1.3 GB, 65.0 MB/s, 10 s left"),
        ];
        for (columns, text) in facts {
            assert_eq!(half.drawn(columns), text, "{columns}");
        }
        for columns in 1..120 {
            assert!(width(&half.drawn(columns)) < columns.max(2), "{columns}");
        }
    }
}
