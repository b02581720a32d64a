//! When keys expire, counted by how long they have left.

/// How long a key has left, as seen from the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It has no expiry.
    Forever,
    /// It had expired when the dump was made.
    Gone,
    /// Milliseconds.
    Ms(u64),
    /// Its expiry cannot be meant as a time, or the dump does not say when it was made.
    Unknown,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The spans that are told apart: up to so many milliseconds, and the words for it. The last has no end.
pub const SPANS: [(u64, &str); 10] = [
    (MINUTE, "up to a minute"),
    (10 * MINUTE, "up to 10 minutes"),
    (HOUR, "up to an hour"),
    (6 * HOUR, "up to 6 hours"),
    (DAY, "up to a day"),
    (7 * DAY, "up to a week"),
    (30 * DAY, "up to 30 days"),
    (90 * DAY, "up to 90 days"),
    (365 * DAY, "up to a year"),
    (u64::MAX, "more than a year"),
];

/// Keys, and what they take in the memory of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiring {
    /// How many.
    pub keys: u64,
    /// In bytes.
    pub memory: u64,
}

impl Expiring {
    fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.memory = self.memory.saturating_add(other.memory);
    }
}

/// Keys by how long they have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    /// By [`SPANS`]; each span without those before it.
    pub spans: [Expiring; SPANS.len()],
    /// Keys that had expired when the dump was made.
    pub gone: Expiring,
    /// Keys whose expiry cannot be a time.
    pub unknown: Expiring,
    /// Keys without an expiry.
    pub forever: Expiring,
}

impl Expiries {
    /// Counts one key.
    pub fn add(&mut self, left: Left, memory: u64) {
        let count = match left {
            Left::Forever => &mut self.forever,
            Left::Gone => &mut self.gone,
            Left::Unknown => &mut self.unknown,
            Left::Ms(ms) => {
                let at = SPANS.iter().position(|(most, _)| ms <= *most).unwrap_or(SPANS.len());
                match self.spans.get_mut(at) {
                    Some(count) => count,
                    None => return,
                }
            }
        };
        count.add(Expiring { keys: 1, memory });
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.spans.iter_mut().zip(other.spans) {
            mine.add(theirs);
        }
        self.gone.add(other.gone);
        self.unknown.add(other.unknown);
        self.forever.add(other.forever);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_by_what_they_have_left() {
        let mut expiries = Expiries::default();
        let all = [0, 60_000, 60_001, 86_400_000, 86_400_001, u64::MAX].map(Left::Ms);
        for left in all.into_iter().chain([Left::Forever, Left::Gone, Left::Unknown, Left::Gone]) {
            expiries.add(left, 10);
        }
        let spans = expiries.spans.map(|span| span.keys);
        assert_eq!(spans, [2, 1, 0, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!([expiries.gone.keys, expiries.unknown.keys, expiries.forever.keys], [2, 1, 1]);
        expiries.merge(expiries);
        let doubled = |keys, memory| Expiring { keys, memory };
        assert_eq!((expiries.spans[0], expiries.gone), (doubled(4, 40), doubled(4, 40)));
        assert_eq!((expiries.unknown, expiries.forever), (doubled(2, 20), doubled(2, 20)));
    }
}
