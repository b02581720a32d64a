//! Bytes of a dump, as much of them as a person reads.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// Head and tail in base64, and the length.
impl Serialize for Truncated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (BASE64_STANDARD.encode(&self.head), BASE64_STANDARD.encode(&self.tail), self.len).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Truncated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (head, tail, len) = <(String, String, usize)>::deserialize(deserializer)?;
        let decode = |text: String| BASE64_STANDARD.decode(text).map_err(D::Error::custom);
        let (head, tail) = (decode(head)?, decode(tail)?);
        let kept = head.len().saturating_add(tail.len());
        let is_possible = match tail.len() {
            0 => head.len() == len && len <= HEAD.saturating_add(TAIL),
            TAIL => head.len() == HEAD && kept < len,
            _ => false,
        };
        if is_possible { Ok(Self { head, tail, len }) } else { Err(D::Error::custom("no name is shortened like that")) }
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
        for name in [&b""[..], b"\xff\0", &bytes, &[b'x'; 240]] {
            let name = Truncated::new(name);
            let text = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<Truncated>(&text).unwrap(), name);
        }
        for wrong in [r#"["YQ==","",2]"#, r#"["","YQ==",300]"#, r#"["!","",1]"#, r#"["YQ==","",-1]"#] {
            assert!(serde_json::from_str::<Truncated>(wrong).is_err(), "{wrong}");
        }
    }
}
