//! Times as RFC 3339 writes them: `2025-01-06T17:45:00.123Z`, both ways, and the present one.

/// Unix milliseconds of this moment.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, to the second, of Unix milliseconds; none for a year that has not four digits.
pub fn write(unix_ms: i64) -> Option<String> {
    let seconds = unix_ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days are counted from the first of March of the year 0, so that a leap day is the last day of its year; eras of
    // 400 years all have the same 146,097 days.
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Milliseconds since 1970-01-01T00:00:00Z; `None` if the text is no RFC 3339 `date-time`.
///
/// `t` and `z` may be lower case, as the RFC allows; a space instead of the `T` is not in its grammar. Digits beyond
/// milliseconds are cut off. Second 60 is taken only in the last minute of a month in UTC, where a leap second can be,
/// and counts as the second after it, since Unix time has no other place for it.
pub fn unix_millis(text: &[u8]) -> Option<i64> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b"t"))?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (millis, rest) = match rest.strip_prefix(b".") {
        Some(fraction) => fraction_millis(fraction)?,
        None => (0, rest),
    };
    let offset = offset_minutes(rest)?;
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    #[expect(clippy::arithmetic_side_effects, reason = "every number has at most four digits")]
    {
        let minutes = (days_before(year, month) + day - 1) * 1440 + hour * 60 + minute - offset;
        if second == 60 && !ends_month(minutes + 1) {
            return None;
        }
        Some((minutes * 60 + second) * 1000 + millis)
    }
}

/// That many digits as a number, and what follows.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (own, rest) = text.split_at_checked(digits)?;
    if !own.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((std::str::from_utf8(own).ok()?.parse().ok()?, rest))
}

/// The first three digits of one or more, as milliseconds, and what follows all of them.
fn fraction_millis(text: &[u8]) -> Option<(i64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count).filter(|_| count > 0)?;
    let mut millis = [b'0'; 3];
    for (to, from) in millis.iter_mut().zip(digits) {
        *to = *from;
    }
    Some((number(&millis, 3)?.0, rest))
}

/// How far the local time is ahead of UTC. The end of the text.
fn offset_minutes(text: &[u8]) -> Option<i64> {
    if matches!(text, b"Z" | b"z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(b":")?, 2)?;
    if hours > 23 || minutes > 59 || !rest.is_empty() {
        return None;
    }
    hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of this month.
#[expect(clippy::arithmetic_side_effects, reason = "years have four digits")]
fn days_before(year: i64, month: i64) -> i64 {
    // Leap days from year 1 up to this one. For year 0, a leap year before them, the floors give -1, as they should.
    let last = year - 1;
    let leap_days = last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400);
    // 719,162 days from 0001-01-01 to 1970-01-01: 1969 * 365 + 477 leap days.
    let year_start = last * 365 + leap_days - 719_162;
    year_start + (1..month).map(|month| days_in_month(year, month)).sum::<i64>()
}

/// Whether a month begins at this minute since 1970.
#[expect(clippy::arithmetic_side_effects, reason = "years have four digits")]
fn ends_month(minutes: i64) -> bool {
    if minutes.rem_euclid(1440) != 0 {
        return false;
    }
    let days = minutes.div_euclid(1440);
    // A year has 365.2425 days, so over the ten thousand years there are the guess is at most six years off.
    let guess = 1970 + days.div_euclid(365);
    let near = (guess - 7..=guess + 7).filter(|year| days_before(*year, 1) <= days).max();
    near.is_some_and(|year| (1..=12).any(|month| days_before(year, month) == days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Seconds from `date -u -d … +%s`.
        let facts = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_736_185_500, "2025-01-06T17:45:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in facts {
            assert_eq!(write(seconds * 1000).as_deref(), Some(text));
        }
        assert_eq!(write(253_402_300_800_000), None);
        assert_eq!(write(i64::MAX), None);
        assert_eq!(write(i64::MIN), None);
    }

    #[test]
    fn times() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            // `date -u -d 2025-01-06T17:45:00Z +%s`
            ("2025-01-06T17:45:00Z", 1_736_185_500_000),
            ("2025-01-06T17:45:00.123Z", 1_736_185_500_123),
            ("2025-01-06t17:45:00.1z", 1_736_185_500_100),
            ("2025-01-06T17:45:00.9999999999Z", 1_736_185_500_999),
            ("2025-01-06T18:45:00+01:00", 1_736_185_500_000),
            ("2025-01-06T12:15:00-05:30", 1_736_185_500_000),
            ("2025-01-06T17:45:00-00:00", 1_736_185_500_000),
            // The day before 1970 by its second, and then its milliseconds forward: -1000 + 250.
            ("1969-12-31T23:59:59.250Z", -750),
            // `date -u -d … +%s`: a leap day, a century that is none, one that is.
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            // A leap second that there was; it is the first second of 2017 in Unix time.
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2017-01-01T00:59:60.5+01:00", 1_483_228_800_500),
            ("0000-02-29T23:59:60Z", -62_162_035_200_000),
        ] {
            assert_eq!(unix_millis(text.as_bytes()), Some(millis), "{text}");
        }
    }

    #[test]
    fn not_times() {
        for text in [
            "",
            "2025-01-06",
            "2025-01-06T17:45Z",
            "2025-01-06 17:45:00Z",
            "2025-01-06T17:45:00",
            "2025-01-06T17:45:00.Z",
            "2025-01-06T17:45:00,5Z",
            "2025-01-06T17:45:00Zx",
            "2025-1-06T17:45:00Z",
            "2025-00-06T17:45:00Z",
            "2025-13-06T17:45:00Z",
            "2025-01-00T17:45:00Z",
            "2025-01-32T17:45:00Z",
            "2025-04-31T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2025-01-06T24:00:00Z",
            "2025-01-06T17:60:00Z",
            "2025-01-06T17:45:61Z",
            "2025-01-06T17:45:60Z",
            "2016-12-30T23:59:60Z",
            "2016-12-31T23:59:60+01:00",
            "2025-01-06T17:45:00+24:00",
            "2025-01-06T17:45:00+01:60",
            "2025-01-06T17:45:00+0100",
            "2025-01-06T17:45:00+01:00Z",
            "+025-01-06T17:45:00Z",
            "20250106T174500Z",
        ] {
            assert_eq!(unix_millis(text.as_bytes()), None, "{text}");
        }
    }
}
