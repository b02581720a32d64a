//! Families of keys, found from the names alone: a part that varies becomes `*`.
//!
//! A name is cut after each separator (`:`, `/`, `|`, `#`). A part that looks like an identifier is a `*` at once; other
//! parts are kept literally until a place in the tree has more of them than its depth allows, then they all become one
//! `*`. Whether a place overflows depends on the set of names and not on their order, so any split of the keys among
//! threads gives the same families. The widths bound the tree to some ten thousand nodes whatever the names are.

use super::Tally;

/// How many different literal parts are kept at each depth; the rest of a longer name is one `*`.
const WIDTHS: [usize; 6] = [48, 16, 8, 4, 2, 1];
/// Parts longer than this are identifiers or text, never a name that people chose for a family.
const MAX_LITERAL: usize = 64;

/// A tree of key names, with a [`Tally`] for each family.
#[derive(Debug, Default)]
pub struct Families {
    root: Node,
    label: Vec<u8>,
}

#[derive(Debug, Default)]
struct Node {
    tally: Tally,
    /// Few, so a linear search beats hashing.
    children: Vec<(Vec<u8>, Node)>,
    /// How many of the children are literal.
    literal: usize,
    collapsed: bool,
}

impl Families {
    /// Counts one key.
    pub fn add(&mut self, key: &[u8], tally: Tally) {
        let mut node = &mut self.root;
        let mut rest = key;
        for depth in 0..WIDTHS.len() {
            let (part, separator, after) = cut(rest);
            node_label(node, part, separator, &mut self.label);
            node = node.child(&self.label, depth);
            rest = after;
            if separator.is_none() {
                node.tally.add(tally);
                return;
            }
        }
        node.child(b"*", WIDTHS.len()).tally.add(tally);
    }

    /// Writes the glob of the family that a key which was counted belongs to; `label` is room for a part of it.
    pub fn find(&self, key: &[u8], glob: &mut Vec<u8>, label: &mut Vec<u8>) {
        glob.clear();
        let mut node = &self.root;
        let mut rest = key;
        for _ in 0..WIDTHS.len() {
            let (part, separator, after) = cut(rest);
            node_label(node, part, separator, label);
            glob.extend_from_slice(label);
            let Some((_, child)) = node.children.iter().find(|(known, _)| known == label) else { return };
            if separator.is_none() {
                return;
            }
            node = child;
            rest = after;
        }
        glob.push(b'*');
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        self.root.merge(other.root, 0);
    }

    /// Every family as a glob, in the order of the globs' bytes.
    pub fn list(&self) -> Vec<(Vec<u8>, Tally)> {
        let mut out = Vec::new();
        self.root.list(&mut Vec::new(), &mut out);
        out.sort_by(|a, b| a.0.cmp(&b.0));
        out
    }
}

impl Node {
    /// The child with this label, made if it is new; where it is one too many, the children collapse first.
    fn child(&mut self, label: &[u8], depth: usize) -> &mut Node {
        let width = WIDTHS.get(depth).copied().unwrap_or(0);
        let found = self.children.iter().position(|(known, _)| known == label);
        let at = match found {
            Some(at) => at,
            None => {
                let is_literal = !is_star(label);
                if is_literal && self.literal >= width {
                    self.collapse(depth);
                    let star = star_of(label);
                    self.children.iter().position(|(known, _)| *known == star).unwrap_or_else(|| self.push(star))
                } else {
                    self.push(label.to_vec())
                }
            }
        };
        &mut self.children[at].1
    }

    fn push(&mut self, label: Vec<u8>) -> usize {
        self.literal += usize::from(!is_star(&label));
        self.children.push((label, Node::default()));
        self.children.len() - 1
    }

    /// Makes all literal children one `*` for each separator that may follow.
    fn collapse(&mut self, depth: usize) {
        self.collapsed = true;
        self.literal = 0;
        for (label, node) in std::mem::take(&mut self.children) {
            let star = star_of(&label);
            match self.children.iter().position(|(known, _)| *known == star) {
                Some(at) => self.children[at].1.merge(node, depth + 1),
                None => self.children.push((star, node)),
            }
        }
    }

    fn merge(&mut self, other: Node, depth: usize) {
        self.tally.add(other.tally);
        if other.collapsed && !self.collapsed {
            self.collapse(depth);
        }
        for (label, node) in other.children {
            let label = if self.collapsed { star_of(&label) } else { label };
            self.child(&label, depth).merge(node, depth + 1);
        }
    }

    fn list(&self, prefix: &mut Vec<u8>, out: &mut Vec<(Vec<u8>, Tally)>) {
        if self.tally.keys > 0 {
            out.push((prefix.clone(), self.tally));
        }
        for (label, node) in &self.children {
            let len = prefix.len();
            prefix.extend_from_slice(label);
            node.list(prefix, out);
            prefix.truncate(len);
        }
    }
}

/// What a part of a name, and the separator behind it, are called below `node`.
fn node_label(node: &Node, part: &[u8], separator: Option<u8>, label: &mut Vec<u8>) {
    label.clear();
    if !node.collapsed {
        write_label(part, label);
    }
    if node.collapsed || label.is_empty() && !part.is_empty() {
        label.push(b'*');
    }
    label.extend(separator);
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b':' | b'/' | b'|' | b'#')
}

/// The first part of a name, the separator behind it, and the rest.
fn cut(name: &[u8]) -> (&[u8], Option<u8>, &[u8]) {
    match name.iter().position(|&byte| is_separator(byte)) {
        Some(at) => (&name[..at], Some(name[at]), &name[at + 1..]),
        None => (name, None, &[]),
    }
}

fn star_of(label: &[u8]) -> Vec<u8> {
    match label.last() {
        Some(&last) if is_separator(last) => vec![b'*', last],
        _ => vec![b'*'],
    }
}

fn is_star(label: &[u8]) -> bool {
    label.first() == Some(&b'*') && (label.len() == 1 || label.len() == 2 && is_separator(label[1]))
}

/// Writes a part as it goes into a glob: nothing for an identifier, else the part with long runs of digits as `*` and
/// glob characters escaped.
fn write_label(part: &[u8], label: &mut Vec<u8>) {
    if is_identifier(part) {
        return;
    }
    let mut rest = part;
    while let Some(&byte) = rest.first() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits >= 3 {
            label.push(b'*');
            rest = &rest[digits..];
        } else {
            if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^') {
                label.push(b'\\');
            }
            label.push(byte);
            rest = &rest[1..];
        }
    }
}

/// Whether a part is an identifier rather than a word: a number, a UUID, a hash, a random token.
fn is_identifier(part: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| part.iter().filter(|byte| test(byte)).count();
    if part.is_empty() {
        return false;
    }
    let digits = count(u8::is_ascii_digit);
    if digits == part.len() || part.len() > MAX_LITERAL || std::str::from_utf8(part).is_err() {
        return true;
    }
    let hex = count(u8::is_ascii_hexdigit);
    let dashes = count(|&byte| byte == b'-');
    if digits > 0 && hex + dashes == part.len() && hex >= 8 {
        return true;
    }
    let upper = count(u8::is_ascii_uppercase);
    let lower = count(u8::is_ascii_lowercase);
    part.len() >= 16 && (digits > 0 && upper + lower > 0 || upper > 1 && lower > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(keys: &[&str]) -> Vec<(String, u64)> {
        let mut families = Families::default();
        for key in keys {
            families.add(key.as_bytes(), Tally { keys: 1, ..Tally::default() });
        }
        families.list().into_iter().map(|(glob, tally)| (String::from_utf8(glob).unwrap(), tally.keys)).collect()
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|&(glob, keys)| (glob.to_owned(), keys)).collect()
    }

    #[test]
    fn identifiers_become_stars() {
        let found = families(&["user:1", "user:22", "user:x:posts", "a:0a1b2c3d", "k"]);
        assert_eq!(found, pairs(&[("a:*", 1), ("k", 1), ("user:*", 2), ("user:x:posts", 1)]));
    }

    #[test]
    fn glob_characters_are_escaped() {
        assert_eq!(families(&["a*b:c?"]), pairs(&[("a\\*b:c\\?", 1)]));
    }

    #[test]
    fn words_become_a_star_when_there_are_many() {
        let keys: Vec<String> = (0..17u8).map(|n| format!("word:{}", char::from(b'a' + n))).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(families(&keys), pairs(&[("word:*", 17)]));
        assert_eq!(families(&keys[..16]).len(), 16);
    }

    #[test]
    fn any_order_and_any_split_give_the_same_families() {
        // Names over a small alphabet overflow at every depth.
        let mut keys = Vec::new();
        for n in 0..20_000u32 {
            let part = |shift: u32, base: u32| format!("w{}", char::from_u32(97 + (n >> shift) % base).unwrap());
            keys.push(format!("{}:{}/{}:{}:{}", part(0, 23), part(3, 19), part(5, 11), part(2, 7), part(7, 3)));
        }
        let add = |families: &mut Families, key: &String| {
            families.add(key.as_bytes(), Tally { keys: 1, bytes: key.len() as u64, ..Tally::default() });
        };
        let mut forward = Families::default();
        keys.iter().for_each(|key| add(&mut forward, key));
        let mut backward = Families::default();
        keys.iter().rev().for_each(|key| add(&mut backward, key));
        let mut merged = Families::default();
        for part in keys.chunks(777).rev() {
            let mut families = Families::default();
            part.iter().for_each(|key| add(&mut families, key));
            merged.merge(families);
        }
        assert_eq!(forward.list(), backward.list());
        assert_eq!(forward.list(), merged.list());
        assert_eq!(forward.list().iter().map(|(_, tally)| tally.keys).sum::<u64>(), 20_000);
    }

    #[test]
    fn every_key_is_found_where_it_was_counted() {
        let keys: Vec<String> = (0..20_000u32)
            .map(|n| format!("w{}:{}/x{}:y", n % 61, n / 61, char::from_u32(97 + n % 23).unwrap()))
            .chain(["a:b:c:d:e:f:g:h", "", ":", "user:1"].map(str::to_owned))
            .collect();
        let mut families = Families::default();
        keys.iter().for_each(|key| families.add(key.as_bytes(), Tally { keys: 1, ..Tally::default() }));
        let mut counted = std::collections::BTreeMap::new();
        let mut glob = Vec::new();
        for key in &keys {
            families.find(key.as_bytes(), &mut glob, &mut Vec::new());
            *counted.entry(glob.clone()).or_insert(0) += 1;
        }
        let listed: Vec<_> = families.list().into_iter().map(|(glob, tally)| (glob, tally.keys)).collect();
        assert_eq!(counted.into_iter().collect::<Vec<_>>(), listed);
    }

    #[test]
    fn the_tree_is_bounded() {
        let mut families = Families::default();
        for n in 0..200_000u64 {
            // A multiplicative hash spelled in letters: every part different, no part an identifier.
            let word = |salt: u64| {
                let mut x = (n + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (0..6)
                    .map(|_| {
                        x = x.rotate_left(7);
                        char::from(b'a' + (x % 26) as u8)
                    })
                    .collect::<String>()
            };
            let key = format!("{}:{}:{}:{}", word(0), word(1), word(2), word(3));
            families.add(key.as_bytes(), Tally { keys: 1, ..Tally::default() });
        }
        assert_eq!(families.list().len(), 1);
    }
}
