//! What a whole key holds, so that a script on the server can tell whether it still holds it.
//!
//! A bundle says it by the commands that make the key. `content.lua` takes the digest of the same from the key itself,
//! element by element, so that how a server stores a value does not matter; where a bundle has only what `RESTORE` takes
//! (streams, values of modules), the bytes of `DUMP` must be the same, its version and checksum apart.

use sha1::{Digest as _, Sha1};

use super::super::script::Verb;
use super::super::verify::number;
use crate::bundle::hex;
use crate::replay::script::item::Item;

/// More is not read in one step: a server answers nobody else in the meantime.
const MOST_ELEMENTS: usize = 100_000;
const MOST_BYTES: usize = 16 << 20;
/// The version and the checksum at the end of what `DUMP` answers.
const FOOTER: usize = 10;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// How the script takes it, the command that counts its elements, their number, the digest.
    Digest { how: &'static str, count: &'static str, elements: usize, digest: String },
    /// A document: a server writes it as it likes, so it is read and compared here.
    Document(&'a [u8]),
}

impl<'a> Content<'a> {
    /// What these commands make of a key that is not there, in their order; `None` if it is too much to be compared.
    pub fn made_by(items: &[&Item<'a>]) -> Option<Self> {
        let first = items.first()?;
        let bytes = items.iter().fold(0_usize, |sum, item| sum.saturating_add(item.bytes.len()));
        let elements = items.iter().filter(|item| item.verb == first.verb);
        let elements = elements.fold(0_usize, |sum, item| sum.saturating_add(item.parts().count()));
        if bytes > MOST_BYTES || elements > MOST_ELEMENTS {
            return None;
        }
        let digest = |how, count, elements, digest| Some(Self::Digest { how, count, elements, digest });
        let parts = || items.iter().filter(|item| item.verb == first.verb).flat_map(|item| item.parts());
        match first.verb {
            Verb::JsonSet => first.args.get(3).map(|text| Self::Document(text)),
            Verb::Set => {
                let pieces = items.iter().filter(|item| matches!(item.verb, Verb::Set | Verb::Append));
                let text: Vec<u8> =
                    pieces.filter_map(|item| item.args.get(2)).flat_map(|piece| *piece).copied().collect();
                Self::of_text(&text)
            }
            Verb::RPush => Self::of_list(&parts().map(|(_, value)| value).collect::<Vec<_>>()),
            Verb::SAdd => digest("set", "SCARD", elements, unordered(parts().map(|(_, member)| sha1(member)))),
            Verb::HSet => {
                let fields = parts().map(|(field, value)| {
                    let mut all = Vec::new();
                    with_length(field.unwrap_or_default(), &mut all);
                    all.extend_from_slice(value);
                    sha1(&all)
                });
                digest("hash", "HLEN", elements, unordered(fields))
            }
            Verb::ZAdd => {
                let members = parts().map(|(score, member)| {
                    let mut all = exact(score.and_then(number)?).into_bytes();
                    all.push(b':');
                    all.extend_from_slice(member);
                    Some(sha1(&all))
                });
                let members: Vec<String> = members.collect::<Option<_>>()?;
                digest("zset", "ZCARD", elements, unordered(members.into_iter()))
            }
            Verb::Restore => {
                let payload = first.args.get(3)?;
                let value = payload.get(..payload.len().checked_sub(FOOTER)?)?;
                digest("dump", "", 0, sha1(value))
            }
            _ => None,
        }
    }

    /// Whatever it is.
    pub fn any() -> Self {
        Self::Digest { how: "any", count: "", elements: 0, digest: String::new() }
    }

    /// A string.
    pub fn of_text(text: &[u8]) -> Option<Self> {
        let digest = || Self::Digest { how: "string", count: "STRLEN", elements: text.len(), digest: sha1(text) };
        (text.len() <= MOST_BYTES).then(digest)
    }

    /// A list of these elements; `None` if it is too much to be compared.
    pub fn of_list(elements: &[&[u8]]) -> Option<Self> {
        let bytes = elements.iter().fold(0_usize, |sum, element| sum.saturating_add(element.len()));
        if bytes > MOST_BYTES || elements.len() > MOST_ELEMENTS {
            return None;
        }
        let mut all = Vec::with_capacity(bytes);
        elements.iter().for_each(|element| with_length(element, &mut all));
        Some(Self::Digest { how: "list", count: "LLEN", elements: elements.len(), digest: sha1(&all) })
    }

    /// Whether `answer`, what `JSON.GET key $` gives, is the document.
    pub fn is_document(document: &[u8], answer: &[u8]) -> bool {
        let wanted: Option<serde_json::Value> = serde_json::from_slice(document).ok();
        let found: Option<Vec<serde_json::Value>> = serde_json::from_slice(answer).ok();
        found.zip(wanted).is_some_and(|(found, wanted)| found == [wanted])
    }

    /// What the script takes for a document that was read just now.
    pub fn of_answer(answer: &[u8]) -> Self {
        Self::Digest { how: "document", count: "", elements: 0, digest: sha1(answer) }
    }

    /// The arguments by which the scripts know it.
    pub fn arguments(known: Option<&Self>) -> [Vec<u8>; 4] {
        match known {
            Some(Self::Digest { how, count, elements, digest }) => {
                let text = |text: &str| text.as_bytes().to_vec();
                [text(how), text(count), text(&elements.to_string()), text(digest)]
            }
            _ => Default::default(),
        }
    }
}

fn sha1(bytes: &[u8]) -> String {
    hex(&Sha1::digest(bytes))
}

fn with_length(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(value.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(value);
}

/// One digest of elements that a server gives in an order of its own.
fn unordered(digests: impl Iterator<Item = String>) -> String {
    let mut digests: Vec<String> = digests.collect();
    digests.sort_unstable();
    sha1(digests.concat().as_bytes())
}

/// A score as the script spells it: a whole number of 53 bits and a power of two, which no formatting can round.
fn exact(score: f64) -> String {
    if score.is_infinite() {
        return if score > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if score == 0.0 {
        return "0:0".into();
    }
    // Numbers too small for a full fraction are scaled up first.
    let (scaled, less) = if score.is_normal() { (score, 0) } else { (score * 18_014_398_509_481_984.0, 54) };
    let bits = scaled.to_bits();
    let exponent = i64::try_from((bits >> 52) & 0x7ff).unwrap_or_default().saturating_sub(1022).saturating_sub(less);
    let fraction = (bits & ((1 << 52) - 1)) | (1 << 52);
    let sign = if score < 0.0 { "-" } else { "" };
    format!("{sign}{fraction}:{exponent}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_spelled_exactly() {
        // 1 = 0.5 * 2^1, and 0.5 * 2^53 = 2^52.
        assert_eq!(exact(1.0), "4503599627370496:1");
        // -3 = -0.75 * 2^2; 0.75 * 2^53 = 6755399441055744.
        assert_eq!(exact(-3.0), "-6755399441055744:2");
        // The smallest number of all: 2^-1074 = 0.5 * 2^-1073.
        assert_eq!(exact(f64::from_bits(1)), "4503599627370496:-1073");
        assert_eq!((exact(0.0).as_str(), exact(-0.0).as_str()), ("0:0", "0:0"));
        assert_eq!((exact(f64::INFINITY).as_str(), exact(f64::NEG_INFINITY).as_str()), ("inf", "-inf"));
    }

    #[test]
    fn a_document_is_compared_by_what_it_says() {
        let document = br#"{"a":1,"b":[1.5,null]}"#;
        assert!(Content::is_document(document, br#"[{"b": [1.5, null], "a": 1}]"#));
        for other in
            [&br#"[{"a":1,"b":[1.5]}]"#[..], br#"[{"a":1.0,"b":[1.5,null]}]"#, b"[]", b"", br#"{"a":1,"b":[1.5,null]}"#]
        {
            assert!(!Content::is_document(document, other), "{}", String::from_utf8_lossy(other));
        }
    }
}
