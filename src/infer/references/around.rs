//! What stands before and behind a part of a name, and the names of keys that are made of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::Part;
use crate::infer::sample::Sample;

/// Surroundings that are tried at most.
pub const SURROUNDINGS: usize = 2_000;

/// What stands before and behind a part of a name.
pub type Around = (Vec<u8>, Vec<u8>);

/// Surroundings that several names share, by database, those that most have first.
pub fn surroundings(sample: &Sample) -> BTreeMap<u64, Vec<Around>> {
    let mut counts: BTreeMap<u64, HashMap<Around, u32>> = BTreeMap::new();
    for named in &sample.names {
        let counts = counts.entry(named.db).or_default();
        let name = named.name.as_slice();
        let starts = std::iter::once(0).chain(edges(name)).take(14);
        let ends: Vec<usize> = std::iter::once(name.len()).chain(edges(name).rev()).take(3).collect();
        for start in starts {
            for end in ends.iter().copied().filter(|end| *end > start) {
                let around = (name.get(..start).unwrap_or_default(), name.get(end..).unwrap_or_default());
                if counts.len() < 1 << 19 || counts.contains_key(&(around.0.to_vec(), around.1.to_vec())) {
                    let count = counts.entry((around.0.to_vec(), around.1.to_vec())).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let list = |counts: HashMap<Around, u32>| {
        let mut all: Vec<(Around, u32)> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
        all.sort_by(|(a, x), (b, y)| (Reverse(x), a).cmp(&(Reverse(y), b)));
        all.truncate(SURROUNDINGS);
        all.into_iter().map(|(around, _)| around).collect()
    };
    counts.into_iter().map(|(db, counts)| (db, list(counts))).collect()
}

/// Where in a name something begins or ends: between a letter or digit and another byte.
pub fn edges(name: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    let alnum = |at: usize| name.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (1..name.len()).filter(move |at| alnum(*at) != alnum(at.saturating_sub(1)))
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
