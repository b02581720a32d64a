//! How fast to send: as fast as replies come, not faster than asked, and slower when the server gets slow.

use std::time::{Duration, Instant};

/// A batch that takes longer makes the next one smaller.
const SLOW: Duration = Duration::from_secs(1);
/// A batch that takes less makes the next one larger again.
const FAST: Duration = Duration::from_millis(250);
/// Batches do not get smaller than this because the server is slow.
const LEAST: usize = 10;

/// The size of the next batch, and when it may go.
#[derive(Clone, Debug)]
pub struct Pace {
    per_second: Option<u32>,
    most: usize,
    now: usize,
    next: Instant,
}

impl Pace {
    /// At most `most` commands per batch, and `per_second` per second.
    pub fn new(most: usize, per_second: Option<u32>) -> Self {
        // A second's worth at once, so that the rate holds within a second, too.
        let rate = per_second.map_or(usize::MAX, |rate| usize::try_from(rate).unwrap_or(usize::MAX));
        let most = most.min(rate).max(1);
        Self { per_second, most, now: most, next: Instant::now() }
    }

    /// How many commands the next batch may have.
    pub fn commands(&self) -> usize {
        self.now
    }

    /// How long to wait before it.
    pub fn wait(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Notes that a batch of so many commands took so long. Gives the new size if it changed because of that.
    pub fn note(&mut self, commands: usize, sent: Instant, took: Duration) -> Option<usize> {
        if let Some(rate) = self.per_second {
            let seconds = f64::from(u32::try_from(commands).unwrap_or(u32::MAX)) / f64::from(rate.max(1));
            let due = sent.checked_add(Duration::from_secs_f64(seconds));
            self.next = due.unwrap_or(sent).max(Instant::now());
        }
        let before = self.now;
        if took > SLOW {
            self.now = (before / 2).max(LEAST.min(before));
        } else if took < FAST {
            self.now = before.saturating_mul(2).min(self.most);
        }
        (self.now != before).then_some(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_replies_make_small_batches_and_fast_ones_large_again() {
        let mut pace = Pace::new(1000, None);
        let now = Instant::now();
        let mut note = |millis| pace.note(1, now, Duration::from_millis(millis));
        assert_eq!([2000, 2000, 500].map(&mut note), [Some(500), Some(250), None]);
        for _ in 0..10 {
            note(2000);
        }
        assert_eq!(note(2000), None, "ten is the least");
        assert_eq!([10, 10, 10].map(&mut note), [Some(20), Some(40), Some(80)]);
        for _ in 0..10 {
            note(10);
        }
        assert_eq!(pace.commands(), 1000);
        assert_eq!(pace.wait(), Duration::ZERO);
    }

    #[test]
    fn a_rate_is_kept() {
        let mut pace = Pace::new(1000, Some(100));
        assert_eq!(pace.commands(), 100);
        pace.note(50, Instant::now(), Duration::from_millis(1));
        // 50 commands at 100 per second.
        let wait = pace.wait();
        assert!(wait > Duration::from_millis(400) && wait <= Duration::from_millis(500), "{wait:?}");
    }
}
