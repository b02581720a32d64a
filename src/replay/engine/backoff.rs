//! How long to wait before something is tried again, and when to give up.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double, until the time for trying again is over.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    give_up: Option<Instant>,
    next: Duration,
}

impl Backoff {
    /// Tries again for so long, from now on.
    pub fn new(retry_for: Duration) -> Self {
        Self { give_up: Instant::now().checked_add(retry_for), next: FIRST }
    }

    /// Gives up at the same time, and starts with the shortest wait.
    pub fn afresh(self) -> Self {
        Self { next: FIRST, ..self }
    }

    /// Whether it is time to give up.
    pub fn is_over(&self) -> bool {
        self.give_up.is_none_or(|give_up| Instant::now() >= give_up)
    }

    /// How long to wait before the next attempt: each time twice as long, up to a limit.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let mut backoff = Backoff::new(Duration::from_secs(60));
        let waits: Vec<u128> = (0..10).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert!(!backoff.is_over());
        assert_eq!(backoff.afresh().next_wait(), Duration::from_millis(50));
        assert_eq!(backoff.next_wait(), Duration::from_secs(5), "the other one goes on");
    }

    #[test]
    fn no_time_is_over_at_once() {
        let backoff = Backoff::new(Duration::ZERO);
        assert!(backoff.is_over() && backoff.afresh().is_over());
    }
}
