//! A dump in what somebody captured of a replication: the answers of the master, the announcement of the dump, the dump,
//! and commands.
//!
//! ```text
//! (+text CRLF | -text CRLF | LF)*  $length CRLF dump           commands
//! (+text CRLF | -text CRLF | LF)*  $EOF:mark CRLF dump mark    commands      mark: 40 bytes
//! ```

use std::ops::Range;

use memchr::memmem;

/// The bytes of a mark.
const MARK: usize = 40;
/// An answer is no longer than this.
const LONGEST_LINE: usize = 1 << 10;

/// How the dump in a captured replication was announced, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    start: usize,
    until: Until,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Length(u64),
    Mark([u8; MARK]),
}

/// Where the dump is in what was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In this range, which may go on behind the dump.
    In(Range<usize>),
    /// In the first of these; the mark is between it and the second one, where commands are.
    Before(Range<usize>, Range<usize>),
    /// Only so many of the bytes of the dump, of which there should be so many more, or up to a mark that is not there.
    Cut { there: usize, of: Option<u64> },
}

impl Announced {
    /// Reads what stands before a dump, if `head` is the start of a captured replication.
    pub fn read(head: &[u8]) -> Option<Self> {
        let mut rest = head;
        let mut start = 0;
        loop {
            let (line, after) = match rest {
                [b'\n', after @ ..] => (1, after),
                [b'+' | b'-' | b'$', ..] => {
                    let line = memmem::find(rest.get(..LONGEST_LINE).unwrap_or(rest), b"\r\n")?;
                    if let [b'$', announced @ ..] = rest.get(..line)? {
                        let until = Until::read(announced)?;
                        let after = rest.get(line + 2..)?;
                        let is_dump = after.starts_with(b"REDIS") || after.starts_with(b"VALKEY");
                        return is_dump.then_some(Self { start: start + line + 2, until });
                    }
                    (line + 2, rest.get(line + 2..)?)
                }
                _ => return None,
            };
            start += line;
            rest = after;
        }
    }

    /// Finds the end of the dump in all that was captured.
    pub fn find(&self, all: &[u8]) -> Found {
        let dump = all.get(self.start..).unwrap_or_default();
        match self.until {
            // A dump knows where it ends, and what follows is told as with any other.
            Until::Length(length) if usize::try_from(length).is_ok_and(|length| length <= dump.len()) => {
                Found::In(self.start..all.len())
            }
            Until::Length(length) => Found::Cut { there: dump.len(), of: Some(length) },
            Until::Mark(mark) => match memmem::find(dump, &mark) {
                None => Found::Cut { there: dump.len(), of: None },
                Some(at) => {
                    let (end, next) = (self.start + at, self.start + at + MARK);
                    if next == all.len() {
                        Found::In(self.start..end)
                    } else {
                        Found::Before(self.start..end, next..all.len())
                    }
                }
            },
        }
    }
}

impl Until {
    fn read(text: &[u8]) -> Option<Self> {
        if let Some(mark) = text.strip_prefix(b"EOF:") {
            return mark.try_into().ok().map(Self::Mark);
        }
        let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok().map(Self::Length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK_TEXT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn found(all: &str) -> Option<Found> {
        Announced::read(all.as_bytes()).map(|announced| announced.find(all.as_bytes()))
    }

    #[test]
    fn announced_by_length() {
        assert_eq!(found("$9\r\nREDIS0011"), Some(Found::In(4..13)));
        assert_eq!(found("+FULLRESYNC 0 1\r\n\n\n$9\r\nREDIS0011*1\r\n"), Some(Found::In(23..36)));
        assert_eq!(found("$10\r\nREDIS0011"), Some(Found::Cut { there: 9, of: Some(10) }));
        assert_eq!(found("$99999999999999999999999\r\nREDIS0011"), None);
    }

    #[test]
    fn announced_by_a_mark() {
        let stream = |after: &str| format!("+OK\r\n-ERR what\r\n$EOF:{MARK_TEXT}\r\nVALKEY080{after}");
        let start = 5 + 11 + 47;
        assert_eq!(found(&stream(MARK_TEXT)), Some(Found::In(start..start + 9)));
        let behind = Found::Before(start..start + 9, start + 49..start + 53);
        assert_eq!(found(&stream(&format!("{MARK_TEXT}*1\r\n"))), Some(behind));
        assert_eq!(found(&stream("")), Some(Found::Cut { there: 9, of: None }));
    }

    #[test]
    fn what_is_no_replication() {
        for text in [
            "",
            "+OK\r\n",
            "+OK",
            "$3\r\nfoo",
            "$-1\r\n",
            "$\r\nREDIS",
            "$+9\r\nREDIS0011",
            "REDIS0011",
            "$EOF:short\r\nREDIS",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
