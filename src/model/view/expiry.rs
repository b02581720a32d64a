//! When the dump was made, and what its expiries mean.

use crate::dump::rdb::{self, Item, RawStr, Walker};
use crate::model::stock::Left;

/// What to make of expiries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Absolute, but for those that cannot be: they are taken for no expiry at all, and said to be in doubt.
    #[default]
    Careful,
    /// Absolute, whatever they say.
    Absolute,
    /// Those that cannot be absolute are the milliseconds that were left at `ctime`.
    Relative,
}

impl Expiry {
    /// The word for it in a plan and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Careful => "careful",
            Self::Absolute => "absolute",
            Self::Relative => "relative",
        }
    }
}

/// An expiry before 2009, when there was no Redis, cannot have been meant as a time.
pub const FIRST_POSSIBLE_MS: i64 = 1_230_768_000_000;

/// What an expiry comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// It has none.
    Never,
    /// Unix milliseconds, after the dump was made.
    At(i64),
    /// It had expired when the dump was made.
    Gone,
    /// It cannot be a time, and nobody said that it is a duration.
    InDoubt,
}

/// The dump's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Unix milliseconds of the dump's `ctime`, when it has one.
    pub created_ms: Option<i64>,
    /// What expiries before 2009 are taken for.
    pub expiry: Expiry,
}

impl Clock {
    /// Reads `ctime`, which stands before the first key.
    pub fn read(file: &[u8], expiry: Expiry) -> Result<Self, rdb::Error> {
        let mut walker = Walker::new(file)?;
        let mut scratch = Vec::new();
        while let Some(item) = walker.next()? {
            match item {
                Item::Aux { name, value } if is(name, b"ctime", &mut scratch) => {
                    let seconds = number(value, &mut scratch);
                    let created_ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
                    return Ok(Self { created_ms, expiry });
                }
                Item::Record(_) | Item::End(_) => break,
                _ => {}
            }
        }
        Ok(Self { created_ms: None, expiry })
    }

    /// The time that an expiry means, past or not; of one in doubt what the dump says.
    pub fn unix_ms(&self, expire_ms: Option<i64>) -> Option<i64> {
        let ms = expire_ms?;
        match (self.expiry, self.created_ms) {
            (Expiry::Relative, Some(created)) if ms < FIRST_POSSIBLE_MS => Some(created.saturating_add(ms)),
            _ => Some(ms),
        }
    }

    /// How long an expiry leaves a key.
    pub fn left(&self, expire_ms: Option<i64>) -> Left {
        match (self.expires(expire_ms), self.created_ms) {
            (Expires::Never, _) => Left::Forever,
            (Expires::Gone, _) => Left::Gone,
            (Expires::At(at), Some(created)) => u64::try_from(at.saturating_sub(created)).map_or(Left::Gone, Left::Ms),
            (Expires::At(_), None) | (Expires::InDoubt, _) => Left::Unknown,
        }
    }

    /// What an expiry in the dump comes to. Without a `ctime` nothing is known to be gone.
    pub fn expires(&self, expire_ms: Option<i64>) -> Expires {
        let Some(ms) = expire_ms else { return Expires::Never };
        let at = if ms >= FIRST_POSSIBLE_MS || self.expiry == Expiry::Absolute {
            ms
        } else {
            match (self.expiry, self.created_ms) {
                (Expiry::Relative, Some(created)) => created.saturating_add(ms),
                _ => return Expires::InDoubt,
            }
        };
        match self.created_ms {
            Some(created) if at <= created => Expires::Gone,
            _ => Expires::At(at),
        }
    }
}

fn is(text: RawStr<'_>, expected: &[u8], scratch: &mut Vec<u8>) -> bool {
    text.eq_bytes(expected, scratch).unwrap_or(false)
}

fn number(text: RawStr<'_>, scratch: &mut Vec<u8>) -> Option<i64> {
    std::str::from_utf8(text.decode(scratch).ok()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_by_mode() {
        // 2025-01-06T17:45:00Z is 1736185500.
        let now = 1_736_185_500_000;
        let clock = |expiry| Clock { created_ms: Some(now), expiry };
        let facts = [
            (Expiry::Careful, None, Expires::Never),
            (Expiry::Careful, Some(now), Expires::Gone),
            (Expiry::Careful, Some(now + 1), Expires::At(now + 1)),
            (Expiry::Careful, Some(60_000), Expires::InDoubt),
            (Expiry::Careful, Some(-5), Expires::InDoubt),
            (Expiry::Absolute, Some(60_000), Expires::Gone),
            (Expiry::Relative, Some(60_000), Expires::At(now + 60_000)),
            (Expiry::Relative, Some(-5), Expires::Gone),
            (Expiry::Relative, Some(now + 1), Expires::At(now + 1)),
        ];
        for (expiry, ms, expected) in facts {
            assert_eq!(clock(expiry).expires(ms), expected, "{expiry:?} {ms:?}");
        }
        let unknown = Clock { created_ms: None, expiry: Expiry::Careful };
        assert_eq!(unknown.expires(Some(FIRST_POSSIBLE_MS)), Expires::At(FIRST_POSSIBLE_MS));
    }
}
