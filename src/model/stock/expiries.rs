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

/// Keys with an expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    /// By [`SPANS`]; each span without those before it.
    pub spans: [u64; SPANS.len()],
    /// Keys that had expired when the dump was made.
    pub gone: u64,
    /// Keys whose expiry cannot be a time.
    pub unknown: u64,
}

impl Expiries {
    /// Counts one key.
    pub fn add(&mut self, left: Left) {
        let count = match left {
            Left::Forever => return,
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
        *count = count.saturating_add(1);
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.spans.iter_mut().zip(other.spans) {
            *mine = mine.saturating_add(theirs);
        }
        self.gone = self.gone.saturating_add(other.gone);
        self.unknown = self.unknown.saturating_add(other.unknown);
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
            expiries.add(left);
        }
        let expected = Expiries { spans: [2, 1, 0, 0, 1, 1, 0, 0, 0, 1], gone: 2, unknown: 1 };
        assert_eq!(expiries, expected);
        expiries.merge(expected);
        assert_eq!((expiries.spans[0], expiries.gone, expiries.unknown), (4, 4, 2));
    }
}
