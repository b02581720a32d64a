//! The names of keys that entries name, as templates.

use std::ops::Range;

use crate::infer::words::words;

/// A piece of the name of a key that an entry names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Text(Vec<u8>),
    /// What varies in the name of the entry's own key, by number.
    Key(usize),
    /// The part of the entry.
    Own,
}

/// The name of a key from what stands around a part of it, in which what varies in the entry's own key varies, too.
pub fn template(before: &[u8], behind: &[u8], values: &[Vec<u8>]) -> Vec<Part> {
    let mut out = Vec::new();
    with_values(before, values, &mut out);
    out.push(Part::Own);
    with_values(behind, values, &mut out);
    out
}

fn with_values(text: &[u8], values: &[Vec<u8>], out: &mut Vec<Part>) {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    for (number, value) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
        for at in memchr::memmem::find_iter(text, value) {
            let end = at.saturating_add(value.len());
            let alone = at.checked_sub(1).is_none_or(|before| !is_word(text.get(before))) && !is_word(text.get(end));
            if alone && found.iter().all(|(other, _)| other.end <= at || end <= other.start) {
                found.push((at..end, number));
                break;
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    let mut from = 0;
    let mut parts = Vec::new();
    for (range, number) in found {
        parts.push((from..range.start, Some(number)));
        from = range.end;
    }
    parts.push((from..text.len(), None));
    for (range, number) in parts {
        let text = text.get(range).unwrap_or_default();
        if !text.is_empty() {
            out.push(Part::Text(text.to_vec()));
        }
        if let Some(number) = number {
            out.push(Part::Key(number));
        }
    }
}

pub fn text_len(parts: &[Part]) -> usize {
    let len = |part: &Part| if let Part::Text(text) = part { text.len() } else { 0 };
    parts.iter().map(len).fold(0, usize::saturating_add)
}

/// Whether the names that the second gives are those of the first with more behind or before them.
pub fn is_satellite(first: &[Part], second: &[Part]) -> bool {
    let flat = |parts: &[Part]| -> Vec<u8> {
        parts
            .iter()
            .flat_map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Key(number) => format!("\u{0}{number}").into_bytes(),
                Part::Own => b"\0\0".to_vec(),
            })
            .collect()
    };
    let (first, second) = (flat(first), flat(second));
    second.starts_with(&first) || second.ends_with(&first)
}

/// The words in the text of a template, in lower case.
pub fn words_of_parts(parts: &[Part]) -> Vec<String> {
    let text = |part: &Part| if let Part::Text(text) = part { words(text).collect() } else { Vec::new() };
    parts.iter().flat_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_in_the_own_key_varies_in_the_name() {
        let values = [b"mail".to_vec()];
        assert_eq!(
            template(b"bull:mail:", b"", &values),
            [Part::Text(b"bull:".to_vec()), Part::Key(0), Part::Text(b":".to_vec()), Part::Own]
        );
        assert_eq!(template(b"mailbox:", b"", &values), [Part::Text(b"mailbox:".to_vec()), Part::Own]);
    }
}
