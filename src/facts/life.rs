//! From when to when a fact holds, and what must be there for that.

use crate::export::Cell;
use crate::model::view::{Clock, Expires, Expiry, FIRST_POSSIBLE_MS};

/// Before and after all times: half of what 64 bits have room for, so that nothing overflows in an engine.
pub const ALWAYS: i64 = -(1 << 62);
/// See [`ALWAYS`].
pub const NEVER: i64 = 1 << 62;

/// From when to when a fact holds, in Unix milliseconds, the end not included; and a key that must be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    pub from: i64,
    pub to: i64,
    pub need: Option<Vec<u8>>,
}

impl Life {
    /// Until then.
    pub fn until(to: i64) -> Self {
        Self { from: ALWAYS, to, need: None }
    }

    /// Whether it depends on nothing.
    pub fn is_plain(&self) -> bool {
        self.need.is_none() && self.from == ALWAYS && self.to == NEVER
    }

    /// The cells of `from_ms`, `to_ms`, `has_need` and `need`.
    pub fn cells(&self) -> [Cell<'_>; 4] {
        let need = self.need.as_deref();
        [
            Cell::Time(self.from),
            Cell::Time(self.to),
            Cell::Unsigned(u64::from(need.is_some())),
            Cell::Bytes(need.unwrap_or_default()),
        ]
    }
}

/// Until when what has this expiry is there: for ever, if no clock that is not later than this dump's could be after it.
pub fn end(clock: &Clock, expire_ms: Option<i64>) -> i64 {
    let Some(ms) = expire_ms else { return NEVER };
    // In doubt: taken for no expiry.
    if ms < FIRST_POSSIBLE_MS && clock.expiry != Expiry::Absolute {
        return NEVER;
    }
    match clock.expires(expire_ms) {
        Expires::At(_) if clock.created_ms.is_some() => NEVER,
        Expires::Never | Expires::InDoubt => NEVER,
        Expires::At(_) | Expires::Gone => ms.clamp(ALWAYS, NEVER),
    }
}

/// More different expiries of the fields of one hash are too many to tell what it says at each time.
const SPANS: usize = 64;

/// The spans of time in which a hash has the same fields, each with a clock that stands in it; `None` if they are too many.
pub fn spans(clock: &Clock, expiries: &mut Vec<i64>) -> Option<Vec<(i64, i64, Clock)>> {
    expiries.sort_unstable();
    expiries.dedup();
    let ends: Vec<i64> = expiries.iter().map(|ms| end(clock, Some(*ms))).filter(|end| *end != NEVER).collect();
    if ends.len() > SPANS {
        return None;
    }
    let mut out = Vec::new();
    let mut from = ALWAYS;
    for to in ends {
        // Nothing that has an expiry is gone a moment before the first of them.
        out.push((from, to, Clock { created_ms: Some(to.saturating_sub(1)), ..*clock }));
        from = to;
    }
    let last = if from == ALWAYS {
        *clock
    } else {
        Clock { created_ms: Some(from.max(clock.created_ms.unwrap_or(from))), ..*clock }
    };
    out.push((from, NEVER, last));
    Some(out)
}
