//! Bytes of a dump, as much of them as a person reads.

/// Bytes kept of the beginning of a long name, …
const HEAD: usize = 160;
/// … and of its end, where names differ most.
const TAIL: usize = 80;

/// A name or a value, perhaps without its middle: a key has up to 512 MiB, and a page shows many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    pub head: Vec<u8>,
    /// Empty if `head` is all there is.
    pub tail: Vec<u8>,
    /// Of the whole.
    pub len: usize,
}

impl Truncated {
    pub fn new(bytes: &[u8]) -> Self {
        let most = HEAD.saturating_add(TAIL);
        let (head, tail) = match bytes.split_at_checked(HEAD) {
            Some((head, rest)) if bytes.len() > most => (head, rest.get(rest.len().saturating_sub(TAIL)..)),
            _ => (bytes, None),
        };
        Self { head: head.to_vec(), tail: tail.unwrap_or_default().to_vec(), len: bytes.len() }
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.head.len() == self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_name_is_left_out() {
        let short = Truncated::new(&[b'x'; 240]);
        assert!(short.is_whole() && short.head.len() == 240 && short.tail.is_empty());
        let bytes: Vec<u8> = (0..=240).collect();
        let long = Truncated::new(&bytes);
        assert!(!long.is_whole() && long.len == 241);
        assert_eq!((long.head.as_slice(), long.tail.as_slice()), (&bytes[..160], &bytes[161..]));
        assert_eq!(Truncated::new(b""), Truncated::default());
    }
}
