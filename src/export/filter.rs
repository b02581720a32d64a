//! Which keys are exported. What a key's own header, name and size say decides: the value of a key that is left out is
//! never decoded.

use crate::dump::rdb::{Kind, Record};
use crate::model::spec::Glob;
use crate::model::view::Clock;
use crate::text::rfc3339::unix_millis;

/// What keys must be like; several of the same kind are alternatives, different kinds must all hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Globs, as in Redis.
    pub matching: Vec<Glob>,
    /// What the command `TYPE` answers.
    pub types: Vec<TypeRule>,
    pub dbs: Vec<u64>,
    /// Bytes in the dump, as in the column `bytes`.
    pub min_bytes: u64,
    /// All of them must hold.
    pub expires: Vec<Expires>,
}

impl Filter {
    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.matching.is_empty() && self.dbs.is_empty() && !self.has_values()
    }

    /// Whether something besides name and database counts, which only a key that exists has.
    pub fn has_values(&self) -> bool {
        !self.types.is_empty() || self.min_bytes > 0 || !self.expires.is_empty()
    }

    /// Whether the key of a record may be kept, as far as all but its name tells.
    pub(super) fn keeps(&self, record: &Record<'_>, clock: &Clock) -> bool {
        let bytes = record.value.end().saturating_sub(record.start) as u64;
        let expiry = clock.unix_ms(record.expire_ms);
        let is = |rule: &TypeRule| rule.0.eq_ignore_ascii_case(record.value.type_name().as_str());
        self.keeps_db(record.db)
            && bytes >= self.min_bytes
            && (self.types.is_empty() || self.types.iter().any(is))
            && self.expires.iter().all(|rule| rule.holds(expiry, clock))
    }

    pub(super) fn keeps_db(&self, db: u64) -> bool {
        self.dbs.is_empty() || self.dbs.contains(&db)
    }

    pub(super) fn keeps_name(&self, key: &[u8]) -> bool {
        self.matching.is_empty() || self.matching.iter().any(|glob| glob.matches(key))
    }

    /// Whether it must be known when the dump was made.
    pub(super) fn needs_clock(&self) -> bool {
        self.expires.iter().any(|rule| matches!(rule, Expires::Within(_)))
    }
}

/// A type as `TYPE` names it, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule(String);

/// The types that are not a module's.
const KINDS: [Kind; 7] = [Kind::String, Kind::List, Kind::Set, Kind::Zset, Kind::Hash, Kind::Stream, Kind::Array];
/// What `TYPE` answers for a RedisJSON document, and what people call it.
const JSON: [&str; 2] = ["ReJSON-RL", "json"];

impl std::str::FromStr for TypeRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case(JSON[1]) {
            return Ok(Self(JSON[0].to_owned()));
        }
        let known = KINDS.iter().any(|kind| kind.name().eq_ignore_ascii_case(text));
        // The name of a module's type has nine characters of these.
        let module = text.len() == 9 && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        if known || module {
            return Ok(Self(text.to_owned()));
        }
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        Err(format!("expected {}, json, or a module's type, whose name has nine characters", names.join(", ")))
    }
}

/// A rule for the expiry of a key, as the column `expire_at_ms` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// It has none.
    Never,
    /// It has one.
    Ever,
    /// It has one before this time, in Unix milliseconds.
    Before(i64),
    /// It has one at or after this time.
    After(i64),
    /// It has one in the so many milliseconds after the dump was made.
    Within(i64),
}

impl Expires {
    fn holds(self, expiry: Option<i64>, clock: &Clock) -> bool {
        match (self, expiry) {
            (Self::Never, at) => at.is_none(),
            (_, None) => false,
            (Self::Ever, Some(_)) => true,
            (Self::Before(time), Some(at)) => at < time,
            (Self::After(time), Some(at)) => at >= time,
            (Self::Within(span), Some(at)) => {
                clock.created_ms.is_some_and(|made| at > made && at <= made.saturating_add(span))
            }
        }
    }
}

impl std::str::FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "none" => Ok(Self::Never),
            None if text == "any" => Ok(Self::Ever),
            Some(("before", at)) => Ok(Self::Before(time(at)?)),
            Some(("after", at)) => Ok(Self::After(time(at)?)),
            Some(("within", span)) => Ok(Self::Within(duration(span)?)),
            _ => Err("expected one of: none, any, before=DATE, after=DATE, within=DURATION, such as \
                      before=2026-01-31 or within=7d"
                .to_owned()),
        }
    }
}

/// Unix milliseconds of a day, or of a time of RFC 3339.
fn time(text: &str) -> Result<i64, String> {
    let at = if text.len() == 10 { unix_millis(format!("{text}T00:00:00Z").as_bytes()) } else { None };
    at.or_else(|| unix_millis(text.as_bytes())).ok_or_else(|| {
        format!("'{text}' is not a date; expected one such as 2026-01-31 (UTC), or a time such as 2026-01-31T12:00:00Z")
    })
}

/// Milliseconds of a whole number and a unit.
fn duration(text: &str) -> Result<i64, String> {
    let due = || format!("'{text}' is not a duration; expected one such as 90s, 15m, 12h, 7d, 4w");
    let (number, unit) = split(text);
    let unit: i64 = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(due()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(due)
}

/// Bytes of a whole number and perhaps a unit: `10k` and `10kB` are 10,000, `10KiB` is 10,240.
pub fn bytes(text: &str) -> Result<u64, String> {
    let due = || format!("'{text}' is not a size; expected one such as 512, 10k, 1MB, 1MiB, 2GB");
    let (number, unit) = split(text);
    let unit = unit.to_ascii_lowercase();
    let unit: u64 = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        "ti" => 1 << 40,
        _ => return Err(due()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(due)
}

/// The digits that a text begins with, and the rest.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let facts = [
            ("0", 0),
            ("512", 512),
            ("10k", 10_000),
            ("10kB", 10_000),
            ("1MB", 1_000_000),
            ("1mib", 1_048_576),
            ("3GiB", 3_221_225_472),
            ("7b", 7),
        ];
        for (text, size) in facts {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "k", "-1", "1.5k", "1 k", "1kk", "99999999999999999999", "99999999999T"] {
            assert!(bytes(text).unwrap_err().contains("is not a size; expected one such as"), "{text}");
        }
    }

    #[test]
    fn rules_for_expiries() {
        // 2026-01-31 is 20,484 days after 1970-01-01 (`date -u -d 2026-01-31 +%s` is 1769817600).
        let facts = [
            ("none", Expires::Never),
            ("any", Expires::Ever),
            ("before=2026-01-31", Expires::Before(1_769_817_600_000)),
            ("after=2026-01-31T00:00:01Z", Expires::After(1_769_817_601_000)),
            ("within=7d", Expires::Within(604_800_000)),
            ("within=90s", Expires::Within(90_000)),
        ];
        for (text, rule) in facts {
            assert_eq!(text.parse(), Ok(rule), "{text}");
        }
        for (text, said) in [
            ("", "expected one of"),
            ("never", "expected one of"),
            ("before", "expected one of"),
            ("before=", "is not a date"),
            ("before=31.1.2026", "is not a date"),
            ("before=2026-02-30", "is not a date"),
            ("within=7", "is not a duration"),
            ("within=d", "is not a duration"),
            ("within=-7d", "is not a duration"),
            ("within=99999999999999d", "is not a duration"),
        ] {
            let error = text.parse::<Expires>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn which_expiries_hold() {
        let clock = Clock { created_ms: Some(1000), expiry: crate::model::view::Expiry::Absolute };
        let at = |rule: Expires| {
            [None, Some(500), Some(1000), Some(1001), Some(1100), Some(1101)].map(|at| rule.holds(at, &clock))
        };
        assert_eq!(at(Expires::Never), [true, false, false, false, false, false]);
        assert_eq!(at(Expires::Ever), [false, true, true, true, true, true]);
        assert_eq!(at(Expires::Before(1001)), [false, true, true, false, false, false]);
        assert_eq!(at(Expires::After(1001)), [false, false, false, true, true, true]);
        // After the dump was made, and at most so long after it.
        assert_eq!(at(Expires::Within(100)), [false, false, false, true, true, false]);
    }

    #[test]
    fn types_are_those_that_exist() {
        for text in ["set", "ZSET", "json", "JSON", "ReJSON-RL", "scdtype00"] {
            assert!(text.parse::<TypeRule>().is_ok(), "{text}");
        }
        for text in ["", "sett", "module", "document", "ten-letters"] {
            let error = text.parse::<TypeRule>().unwrap_err();
            assert_eq!(
                error,
                "expected string, list, set, zset, hash, stream, array, json, or a module's type, whose name has nine \
                 characters",
                "{text}"
            );
        }
    }
}
