//! Keys by what their names begin with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Family;
use crate::bundle::manifest::Bytes;

/// What ends a part of a name, as where families are found from names.
const SEPARATORS: &[u8] = b":/|#";

/// Keys whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prefix {
    /// A glob: so many parts of a name, and a star where names go on.
    pub prefix: Bytes,
    /// How many parts it has.
    pub depth: usize,
    pub keys: u64,
    pub elements: u64,
    pub bytes: u64,
    pub memory: u64,
    pub with_expiry: u64,
    /// Names go on: it has prefixes of more parts in it, or is cut here.
    #[serde(skip)]
    pub is_cut: bool,
}

/// All prefixes of up to `depth` parts, each before those that begin with it. Every key counts once at each depth that its
/// family's pattern has.
pub fn prefixes(families: &[Family], depth: usize) -> Vec<Prefix> {
    let mut all: BTreeMap<Vec<Vec<u8>>, Prefix> = BTreeMap::new();
    for family in families.iter().filter(|family| family.keys > 0) {
        let parts = parts(&family.pattern.0);
        for upto in 1..=depth.min(parts.len()) {
            let is_cut = upto < parts.len();
            let path: Vec<Vec<u8>> = parts.iter().take(upto).map(|part| part.to_vec()).collect();
            let prefix = all.entry(path).or_insert_with_key(|path| {
                let mut glob = path.concat();
                if is_cut {
                    glob.push(b'*');
                }
                Prefix {
                    prefix: Bytes(glob),
                    depth: upto,
                    keys: 0,
                    elements: 0,
                    bytes: 0,
                    memory: 0,
                    with_expiry: 0,
                    is_cut,
                }
            });
            for (mine, more) in [
                (&mut prefix.keys, family.keys),
                (&mut prefix.elements, family.elements),
                (&mut prefix.bytes, family.bytes),
                (&mut prefix.memory, family.memory),
                (&mut prefix.with_expiry, family.with_expiry),
            ] {
                *mine = mine.saturating_add(more);
            }
        }
    }
    all.into_values().collect()
}

/// The parts of a glob, each with the separator behind it.
fn parts(glob: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut escaped, mut in_class) = (false, false);
    for (at, byte) in glob.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            byte if SEPARATORS.contains(byte) && !in_class => {
                parts.push(&glob[from..=at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if from < glob.len() || parts.is_empty() {
        parts.push(&glob[from..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::inventory::FamilyKind;

    fn family(pattern: &str, keys: u64) -> Family {
        Family {
            pattern: Bytes(pattern.into()),
            kind: FamilyKind::Other,
            name: None,
            db: None,
            keys,
            elements: 2 * keys,
            bytes: 10 * keys,
            memory: 100 * keys,
            with_expiry: 0,
        }
    }

    #[test]
    fn names_are_cut_after_so_many_parts() {
        let families =
            [family("a:b:*", 3), family("a:c", 1), family("user:*:cart", 5), family("x", 7), family("z:*", 0)];
        let found = |depth| -> Vec<(String, usize, u64)> {
            let all = prefixes(&families, depth);
            all.into_iter().map(|one| (String::from_utf8(one.prefix.0).unwrap(), one.depth, one.memory)).collect()
        };
        let row = |prefix: &str, depth, memory| (prefix.to_owned(), depth, memory);
        assert_eq!(found(1), [row("a:*", 1, 400), row("user:*", 1, 500), row("x", 1, 700)]);
        assert_eq!(
            found(2),
            [
                row("a:*", 1, 400),
                row("a:b:*", 2, 300),
                row("a:c", 2, 100),
                row("user:*", 1, 500),
                row("user:*:*", 2, 500),
                row("x", 1, 700)
            ]
        );
        assert!(found(3).contains(&row("user:*:cart", 3, 500)));
    }

    #[test]
    fn separators_in_classes_and_escapes_end_nothing() {
        assert_eq!(parts(br"a[:/]b:c\:d"), [&br"a[:/]b:"[..], br"c\:d"]);
        assert_eq!(parts(b""), [b""]);
        assert_eq!(parts(b"a:"), [b"a:"]);
    }
}
