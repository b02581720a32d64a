//! Bytes to commands, without copying.

use super::{Error, ErrorKind};

/// The shortest argument, `$0\r\n\r\n`. What is left divided by it bounds every count.
const MIN_ARGUMENT: usize = 6;

/// Reads one command after the other from a slice.
///
/// It is not an [`Iterator`], because a [`Command`] borrows the reader's one vector of arguments: a file of a million
/// members is read with a single allocation. After an error every further call gives the same error.
#[derive(Clone, Debug)]
pub struct CommandReader<'a> {
    rest: &'a [u8],
    offset: usize,
    args: Vec<&'a [u8]>,
    failed: Option<Error>,
}

/// One command where it lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'r, 'a> {
    /// Offset of its first byte.
    pub offset: usize,
    /// The whole of it, encoded.
    pub bytes: &'a [u8],
    /// Its name and arguments; never empty.
    pub args: &'r [&'a [u8]],
}

impl<'a> Command<'_, 'a> {
    /// The command's name as written.
    pub fn name(&self) -> &'a [u8] {
        self.args.first().copied().unwrap_or_default()
    }

    /// The first argument after the name: the key, in nearly every command.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.args.get(1).copied()
    }
}

impl<'a> CommandReader<'a> {
    /// Reads `input` from its start.
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input, offset: 0, args: Vec::new(), failed: None }
    }

    /// Where the next command begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The next command, or `None` where the input ends between two commands.
    pub fn next_command(&mut self) -> Result<Option<Command<'_, 'a>>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (whole, start) = (self.rest, self.offset);
        if let Err(error) = self.read() {
            self.failed = Some(error);
            return Err(error);
        }
        let len = self.offset.saturating_sub(start);
        Ok(Some(Command { offset: start, bytes: whole.get(..len).unwrap_or_default(), args: &self.args }))
    }

    fn read(&mut self) -> Result<(), Error> {
        let start = self.offset;
        self.args.clear();
        let count = self.line(b'*', ErrorKind::NotACommand)?;
        if count == 0 {
            return Err(Error { offset: start, kind: ErrorKind::EmptyCommand });
        }
        let left = self.rest.len();
        if count > left / MIN_ARGUMENT {
            return Err(Error { offset: start, kind: ErrorKind::TooManyArguments { count, left } });
        }
        self.args.reserve(count);
        for _ in 0..count {
            let argument = self.argument()?;
            self.args.push(argument);
        }
        Ok(())
    }

    fn argument(&mut self) -> Result<&'a [u8], Error> {
        let start = self.offset;
        let len = self.line(b'$', ErrorKind::NotAnArgument)?;
        let left = self.rest.len();
        let Some((bytes, _)) = self.rest.split_at_checked(len) else {
            return Err(Error { offset: start, kind: ErrorKind::ArgumentTooLong { len, left } });
        };
        self.skip(len);
        self.line_end()?;
        Ok(bytes)
    }

    /// `marker`, a number in its canonical form, and a line end.
    fn line(&mut self, marker: u8, otherwise: fn(u8) -> ErrorKind) -> Result<usize, Error> {
        let start = self.offset;
        match self.rest.first() {
            Some(&byte) if byte == marker => self.skip(1),
            Some(&byte) => return Err(Error { offset: start, kind: otherwise(byte) }),
            None => return Err(self.truncated()),
        }
        let mut number: usize = 0;
        let mut digits: usize = 0;
        for &byte in self.rest {
            let digit = match byte {
                b'0'..=b'9' => usize::from(byte & 0x0f),
                _ => break,
            };
            // "0" is a number, "07" is not: one command, one encoding.
            let zero_first = digits > 0 && number == 0;
            number = number
                .checked_mul(10)
                .and_then(|n| n.checked_add(digit))
                .filter(|_| !zero_first)
                .ok_or(Error { offset: start, kind: ErrorKind::BadLength })?;
            digits = digits.saturating_add(1);
        }
        self.skip(digits);
        if self.rest.is_empty() {
            return Err(self.truncated());
        }
        if digits == 0 {
            return Err(Error { offset: start, kind: ErrorKind::BadLength });
        }
        self.line_end()?;
        Ok(number)
    }

    fn line_end(&mut self) -> Result<(), Error> {
        match self.rest {
            [b'\r', b'\n', ..] => {
                self.skip(2);
                Ok(())
            }
            [] | [b'\r'] => Err(self.truncated()),
            _ => Err(Error { offset: self.offset, kind: ErrorKind::MissingLineEnd }),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.offset = self.offset.saturating_add(bytes);
    }

    /// An error at the end of the input, which is where a cut file is wrong.
    fn truncated(&self) -> Error {
        Error { offset: self.offset.saturating_add(self.rest.len()), kind: ErrorKind::Truncated }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bundle::resp::{encode, encoded_len};

    fn all(input: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, Error> {
        let mut reader = CommandReader::new(input);
        let mut commands = Vec::new();
        while let Some(command) = reader.next_command()? {
            commands.push(command.args.iter().map(|arg| arg.to_vec()).collect());
        }
        Ok(commands)
    }

    macro_rules! refused {
        ($($name:ident: $input:expr => $offset:expr, $kind:expr;)*) => {$(
            #[test]
            fn $name() {
                assert_eq!(all($input), Err(Error { offset: $offset, kind: $kind }));
            }
        )*};
    }

    refused! {
        an_inline_command: b"PING\r\n" => 0, ErrorKind::NotACommand(b'P');
        a_reply: b"+OK\r\n" => 0, ErrorKind::NotACommand(b'+');
        an_integer_argument: b"*1\r\n:1\r\n\r\n\r\n" => 4, ErrorKind::NotAnArgument(b':');
        a_nested_array: b"*1\r\n*1\r\n$0\r\n\r\n" => 4, ErrorKind::NotAnArgument(b'*');
        no_arguments: b"*0\r\n" => 0, ErrorKind::EmptyCommand;
        a_null_array: b"*-1\r\n" => 0, ErrorKind::BadLength;
        a_null_argument: b"*1\r\n$-1\r\n\r\n" => 4, ErrorKind::BadLength;
        a_plus_sign: b"*+1\r\n$0\r\n\r\n" => 0, ErrorKind::BadLength;
        a_leading_zero: b"*01\r\n$0\r\n\r\n" => 0, ErrorKind::BadLength;
        two_zeros: b"*1\r\n$00\r\n\r\n" => 4, ErrorKind::BadLength;
        // 2^64, one more than fits.
        a_count_that_overflows: b"*18446744073709551616\r\n" => 0, ErrorKind::BadLength;
        a_count_beyond_the_input: b"*9999999\r\n$0\r\n\r\n!" => 0, ErrorKind::TooManyArguments { count: 9_999_999, left: 7 };
        a_length_beyond_the_input: b"*1\r\n$99\r\nabc\r\n" => 4, ErrorKind::ArgumentTooLong { len: 99, left: 5 };
        a_bare_line_feed: b"*1\n$0\r\n\r\n" => 2, ErrorKind::MissingLineEnd;
        an_argument_longer_than_told: b"*1\r\n$1\r\nabc\r\n" => 9, ErrorKind::MissingLineEnd;
        the_second_command: b"*1\r\n$1\r\na\r\nX" => 11, ErrorKind::NotACommand(b'X');
    }

    #[test]
    fn every_cut_is_noticed() {
        let mut whole = Vec::new();
        encode(&["SADD", "key", "a member"], &mut whole);
        let first = whole.len();
        encode(&["UNLINK", "k"], &mut whole);
        for cut in 0..=whole.len() {
            let read = all(&whole[..cut]);
            if cut == 0 || cut == first || cut == whole.len() {
                assert!(read.is_ok(), "cut at {cut}: {read:?}");
            } else {
                let error = read.unwrap_err();
                assert!(
                    matches!(
                        error.kind,
                        ErrorKind::Truncated | ErrorKind::ArgumentTooLong { .. } | ErrorKind::TooManyArguments { .. }
                    ),
                    "cut at {cut}: {error}"
                );
            }
        }
    }

    #[test]
    fn an_error_stays() {
        let mut reader = CommandReader::new(b"X*1\r\n$0\r\n\r\n");
        let error = reader.next_command().unwrap_err();
        assert_eq!(reader.next_command(), Err(error));
        assert_eq!(error.to_string(), "expected a command (\"*\"), found byte 0x58 at offset 0");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            commands in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12), 0..8)
        ) {
            let mut bytes = Vec::new();
            for command in &commands {
                let before = bytes.len();
                encode(command, &mut bytes);
                prop_assert_eq!(bytes.len() - before, encoded_len(command));
            }
            prop_assert_eq!(all(&bytes), Ok(commands));
            let mut reader = CommandReader::new(&bytes);
            let mut end = 0;
            while let Some(command) = reader.next_command().unwrap() {
                prop_assert_eq!(command.offset, end);
                end += command.bytes.len();
                prop_assert_eq!(command.bytes, &bytes[command.offset..end]);
            }
            prop_assert_eq!(end, bytes.len());
        }

        #[test]
        fn what_is_read_would_be_written_so(bytes in "([*$][0-9]{1,2}\r\n|[a-c]{0,3}\r\n|[*$:+]){0,12}") {
            if let Ok(commands) = all(bytes.as_bytes()) {
                let mut again = Vec::new();
                for command in &commands {
                    encode(command, &mut again);
                }
                prop_assert_eq!(again, bytes.into_bytes());
            }
        }

        #[test]
        fn noise_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = all(&bytes) {
                prop_assert!(error.offset <= bytes.len());
            }
        }
    }
}
