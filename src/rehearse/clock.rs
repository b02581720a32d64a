//! What the expiries of a dump mean, read from the contract a second time.

/// How expiries are to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meaning {
    /// As times; those that cannot be times (before 2009) as no expiry at all.
    #[default]
    Careful,
    /// As times, whatever they say.
    Absolute,
    /// Those that cannot be times as milliseconds left when the dump was made.
    Relative,
}

/// The time of the dump.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Unix milliseconds of `ctime`.
    pub created_ms: Option<i64>,
    pub meaning: Meaning,
}

/// When something expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Never,
    At(i64),
    /// Before the dump was made.
    Gone,
}

/// Midnight of 2009-01-01, UTC: Redis is younger than that.
const FIRST_MS: i64 = 14_245 * 86_400_000;

impl Clock {
    /// A clock by which every expiry is what it says, and none has passed.
    pub const PLAIN: Self = Self { created_ms: None, meaning: Meaning::Absolute };

    /// What an expiry of the dump comes to.
    pub fn due(&self, expire_ms: Option<i64>) -> Due {
        let Some(ms) = expire_ms else { return Due::Never };
        let is_time = ms >= FIRST_MS || self.meaning == Meaning::Absolute;
        let at = match (is_time, self.meaning, self.created_ms) {
            (true, ..) => ms,
            (false, Meaning::Relative, Some(created)) => created.saturating_add(ms),
            _ => return Due::Never,
        };
        if self.created_ms.is_some_and(|created| at <= created) { Due::Gone } else { Due::At(at) }
    }
}
