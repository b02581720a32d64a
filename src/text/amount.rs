//! Numbers, sizes and times in words.

use super::safe;

/// With a comma between thousands.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 key`, `2,001 keys`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(n), if n == 1 { "" } else { "s" })
}

/// A share of all, in percent with one digit.
pub fn percent(part: u64, whole: u64) -> String {
    let thousandths =
        u128::from(part).saturating_mul(1000).saturating_add(u128::from(whole / 2)) / u128::from(whole.max(1));
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Bytes in the units that disks and services are sold in (1 kB is 1,000 bytes).
pub fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1_u64;
    let mut name = "";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        // 999,950 is where a tenth more would read 1000.0.
        if !name.is_empty() && u128::from(bytes) * 100 < u128::from(unit) * 99_995 {
            break;
        }
        unit = unit.saturating_mul(1000);
        name = next;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A span of time in its largest fitting unit.
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..=89 => counted(seconds, "second"),
        90..=5_399 => counted(seconds / 60, "minute"),
        5_400..=172_799 => counted(seconds / 3_600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

/// How long before `now_ms` a time was.
pub fn ago(at_ms: i64, now_ms: i64) -> String {
    match u64::try_from(now_ms.saturating_sub(at_ms)) {
        Ok(age) => format!("{} ago", span(age)),
        Err(_) => "in the future".to_owned(),
    }
}

/// An RFC 3339 time in UTC, for reading.
pub fn time(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => safe(rfc3339).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let facts = [(0, "0"), (999, "999"), (1000, "1,000"), (29_695, "29,695"), (1_234_567, "1,234,567")];
        for (n, text) in facts {
            assert_eq!(number(n), text);
        }
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(2001, "key"), "2,001 keys");
        assert_eq!(counted(0, "key"), "0 keys");
    }

    #[test]
    fn sizes() {
        let facts = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (7_908_593, "7.9 MB"),
            (1_300_000_000, "1.3 GB"),
            // 18.446744… EB.
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, text) in facts {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn spans() {
        let facts = [
            (0, "0 seconds"),
            (89_999, "89 seconds"),
            (90_000, "1 minute"),
            (5_399_999, "89 minutes"),
            (5_400_000, "1 hour"),
            (172_799_999, "47 hours"),
            (172_800_000, "2 days"),
        ];
        for (ms, text) in facts {
            assert_eq!(span(ms), text, "{ms}");
        }
        assert_eq!(ago(1_000, 61_000), "60 seconds ago");
        assert_eq!(ago(2, 1), "in the future");
        assert_eq!(time("2025-01-06T17:45:00Z"), "2025-01-06 17:45:00 UTC");
    }
}
