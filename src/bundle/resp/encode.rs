//! Commands to bytes, and the exact number of those bytes before they are written.

/// Bytes of the marker and of the two line ends around a length.
const LINE: usize = 3;
const CRLF: &[u8] = b"\r\n";

/// Appends one command to `out`.
///
/// ```
/// let mut out = Vec::new();
/// rdb_reindex::bundle::resp::encode(&["SREM", "k", ""], &mut out);
/// assert_eq!(out, b"*3\r\n$4\r\nSREM\r\n$1\r\nk\r\n$0\r\n\r\n");
/// ```
pub fn encode<A: AsRef<[u8]>>(args: &[A], out: &mut Vec<u8>) {
    out.reserve(encoded_len(args));
    push_header(args.len(), out);
    for arg in args {
        push_argument(arg.as_ref(), out);
    }
}

/// How many bytes [`encode`] appends for `args`.
pub fn encoded_len<A: AsRef<[u8]>>(args: &[A]) -> usize {
    args.iter().fold(header_len(args.len()), |sum, arg| sum.saturating_add(argument_len(arg.as_ref().len())))
}

/// Bytes of the line that opens a command of `args` arguments, the command's name included.
pub const fn header_len(args: usize) -> usize {
    LINE.saturating_add(decimal_len(args))
}

/// Bytes of one argument of `len` bytes, its length line and line end included.
pub const fn argument_len(len: usize) -> usize {
    LINE.saturating_add(decimal_len(len)).saturating_add(len).saturating_add(CRLF.len())
}

/// Appends the line that opens a command of `args` arguments; exactly so many [`push_argument`] must follow.
///
/// For a writer that streams members and knows their number, but does not hold them in a slice.
pub fn push_header(args: usize, out: &mut Vec<u8>) {
    push_line(b'*', args, out);
}

/// Appends one argument.
pub fn push_argument(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(argument_len(bytes.len()));
    push_line(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(CRLF);
}

/// `marker`, the number, and a line end. A plan has a length for every member, so this stays clear of `fmt`, and knows the
/// usual lengths.
#[inline]
fn push_line(marker: u8, number: usize, out: &mut Vec<u8>) {
    // A digit is at most 9, so it fits, and its four bits do not meet those of '0' (0x30).
    let digit = |number: usize| b'0' | u8::try_from(number % 10).unwrap_or(0);
    match number {
        0..10 => out.extend_from_slice(&[marker, digit(number), b'\r', b'\n']),
        10..100 => out.extend_from_slice(&[marker, digit(number / 10), digit(number), b'\r', b'\n']),
        _ => {
            out.push(marker);
            let start = out.len();
            let mut rest = number;
            while rest > 0 {
                out.push(digit(rest));
                rest /= 10;
            }
            if let Some(digits) = out.get_mut(start..) {
                digits.reverse();
            }
            out.extend_from_slice(CRLF);
        }
    }
}

const fn decimal_len(number: usize) -> usize {
    let mut len: usize = 1;
    let mut rest = number / 10;
    while rest > 0 {
        len = len.saturating_add(1);
        rest /= 10;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_each_number_of_digits() {
        // The number of decimal digits, counted by hand, and three bytes: marker, CR, LF.
        for (args, len) in [(0, 4), (1, 4), (9, 4), (10, 5), (99, 5), (100, 6), (1_000, 7), (1_000_000, 10)] {
            assert_eq!(header_len(args), len, "{args}");
            let mut out = Vec::new();
            push_header(args, &mut out);
            assert_eq!(out, format!("*{args}\r\n").into_bytes());
        }
        // "$10\r\n" is 5 bytes, the argument 10, its line end 2.
        assert_eq!(argument_len(10), 17);
        assert_eq!(argument_len(0), 6);
        assert_eq!(argument_len(usize::MAX), usize::MAX, "no overflow");
    }

    #[test]
    fn any_byte_may_stand_in_an_argument() {
        let mut out = Vec::new();
        encode(&[&b"SADD"[..], b"a\r\nb", b"\0\xff"], &mut out);
        assert_eq!(out, b"*3\r\n$4\r\nSADD\r\n$4\r\na\r\nb\r\n$2\r\n\0\xff\r\n");
        assert_eq!(encoded_len(&[&b"SADD"[..], b"a\r\nb", b"\0\xff"]), out.len());
    }
}
