//! Families of keys, found from the names alone: a part that varies becomes `*`.
//!
//! A name is cut after each separator (`:`, `/`, `|`, `#`). A part that looks like an identifier is a `*` at once; with
//! those a name is a *shape*, and shapes are counted. When all are known they are made a tree ([`FamilyTree`]). Where a
//! place in it has more different parts than its depth allows, those that are heavy keep their names, and the others become
//! one `*`.
//!
//! So everything is decided by the whole set of names: neither their order nor how they were split among threads shows.
//! If there are too many shapes, the last parts of all of them become `*` until there are not: for a part of the names to
//! have too many means that all of them have, too.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Tally;

/// How many different literal parts are kept at each depth; the rest of a longer name is one `*`.
const WIDTHS: [usize; 6] = [48, 16, 8, 4, 2, 1];
/// Parts longer than this are identifiers or text, never a name that people chose for a family.
const MAX_LITERAL: usize = 64;
/// So many shapes are counted, of so many bytes together, by each thread.
const MAX_SHAPES: usize = 1 << 16;
const MAX_SHAPE_BYTES: usize = 8 << 20;
/// Of too many parts one keeps its name if it has so many times the keys of the one in the middle, …
const STANDS_OUT: u64 = 32;
/// … or so many times the share of the keys or bytes that there is room for.
const FAIR_SHARES: u64 = 2;
/// So many times as many as there is room for may keep their names, before only the heaviest of them do.
const STRETCH: usize = 4;

/// Counts the shapes of names.
#[derive(Clone, Debug)]
pub struct Families {
    shapes: HashMap<Box<[u8]>, Tally, RandomState>,
    /// Bytes of all shapes.
    bytes: usize,
    /// So many parts of a name may be literal.
    depth: usize,
    shape: Vec<u8>,
}

impl Default for Families {
    fn default() -> Self {
        let shapes = HashMap::with_hasher(RandomState::default());
        Self { shapes, bytes: 0, depth: WIDTHS.len(), shape: Vec::new() }
    }
}

impl Families {
    /// Counts one key.
    pub fn add(&mut self, key: &[u8], tally: Tally) {
        let mut shape = std::mem::take(&mut self.shape);
        write_shape(key, self.depth, &mut shape);
        self.count(&shape, tally);
        self.shape = shape;
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        if other.depth < self.depth {
            self.coarsen(other.depth);
        }
        let mut room = Vec::new();
        for (shape, tally) in other.shapes {
            // It may have become coarser on the way.
            write_coarse(&shape, self.depth, &mut room);
            self.count(&room, tally);
        }
    }

    fn count(&mut self, shape: &[u8], tally: Tally) {
        if let Some(known) = self.shapes.get_mut(shape) {
            known.add(tally);
            return;
        }
        self.bytes = self.bytes.saturating_add(shape.len());
        self.shapes.insert(shape.into(), tally);
        while self.depth > 0 && (self.shapes.len() > MAX_SHAPES || self.bytes > MAX_SHAPE_BYTES) {
            self.coarsen(self.depth.saturating_sub(1));
        }
    }

    /// Makes all parts behind the first `depth` ones `*`.
    fn coarsen(&mut self, depth: usize) {
        self.depth = depth;
        self.bytes = 0;
        let mut room = Vec::new();
        for (shape, tally) in std::mem::take(&mut self.shapes) {
            write_coarse(&shape, depth, &mut room);
            self.count(&room, tally);
        }
    }

    /// The families that the names fall into.
    pub fn tree(&self) -> FamilyTree {
        let mut shapes: Vec<(&[u8], Tally)> = self.shapes.iter().map(|(shape, tally)| (&**shape, *tally)).collect();
        shapes.sort_unstable_by_key(|(shape, _)| *shape);
        FamilyTree { root: Node::of(shapes, 0), depth: self.depth }
    }

    /// Every family as a glob, in the order of the globs' bytes.
    pub fn list(&self) -> Vec<(Vec<u8>, Tally)> {
        self.tree().list(self)
    }
}

/// The families that names fall into.
#[derive(Debug)]
pub struct FamilyTree {
    root: Node,
    depth: usize,
}

impl FamilyTree {
    /// Writes the glob of the family that a name belongs to; `shape` is room for its shape.
    pub fn find(&self, key: &[u8], glob: &mut Vec<u8>, shape: &mut Vec<u8>) {
        write_shape(key, self.depth, shape);
        self.find_shape(shape, glob);
    }

    /// What names come to by these families, which may have been made of more names than these: every family as a glob, in
    /// the order of the globs' bytes.
    pub fn list(&self, names: &Families) -> Vec<(Vec<u8>, Tally)> {
        let mut all: BTreeMap<Vec<u8>, Tally> = BTreeMap::new();
        let (mut glob, mut coarse) = (Vec::new(), Vec::new());
        for (shape, tally) in &names.shapes {
            write_coarse(shape, self.depth, &mut coarse);
            self.find_shape(&coarse, &mut glob);
            all.entry(std::mem::take(&mut glob)).or_default().add(*tally);
        }
        all.into_iter().collect()
    }

    fn find_shape(&self, shape: &[u8], glob: &mut Vec<u8>) {
        glob.clear();
        let mut node = Some(&self.root);
        for label in labels(shape) {
            let child = |label: &[u8]| node.and_then(|node| node.child(label));
            let next = child(label);
            match next {
                Some(_) => glob.extend_from_slice(label),
                None => glob.extend_from_slice(star_of(label)),
            }
            node = next.or_else(|| child(star_of(label)));
        }
    }
}

/// A place in the tree, with what may follow there.
#[derive(Debug, Default)]
struct Node {
    /// In the order of the labels.
    children: Vec<(Vec<u8>, Node)>,
}

impl Node {
    fn child(&self, label: &[u8]) -> Option<&Self> {
        let at = self.children.binary_search_by(|(known, _)| known[..].cmp(label)).ok()?;
        Some(&self.children[at].1)
    }

    /// Makes a place of all that stands behind it.
    fn of(shapes: Vec<(&[u8], Tally)>, depth: usize) -> Self {
        let mut groups: BTreeMap<&[u8], Vec<(&[u8], Tally)>> = BTreeMap::new();
        for (shape, tally) in shapes {
            if let Some(label) = labels(shape).next() {
                groups.entry(label).or_default().push((&shape[label.len()..], tally));
            }
        }
        let names = heavy(&groups, WIDTHS.get(depth).copied().unwrap_or(0));
        let mut kept: BTreeMap<&[u8], Vec<(&[u8], Tally)>> = BTreeMap::new();
        for (label, group) in groups {
            let name = if names.binary_search(&label).is_ok() { label } else { star_of(label) };
            kept.entry(name).or_default().extend(group);
        }
        let child = |(label, group): (&[u8], Vec<(&[u8], Tally)>)| (label.to_vec(), Self::of(group, depth + 1));
        Self { children: kept.into_iter().map(child).collect() }
    }
}

/// The literal labels that keep their names, in their order: all if there are not more than `width`, else those that are
/// heavy by their keys or their bytes.
fn heavy<'l>(groups: &BTreeMap<&'l [u8], Vec<(&'l [u8], Tally)>>, width: usize) -> Vec<&'l [u8]> {
    let mut total = Tally::default();
    let mut literal: Vec<(&[u8], Tally)> = Vec::new();
    for (label, group) in groups {
        let mut sum = Tally::default();
        group.iter().for_each(|(_, tally)| sum.add(*tally));
        total.add(sum);
        if !is_star(label) {
            literal.push((label, sum));
        }
    }
    if literal.len() > width {
        let mut keys: Vec<u64> = literal.iter().map(|(_, tally)| tally.keys).collect();
        keys.sort_unstable();
        let middle = keys.get(keys.len() / 2).copied().unwrap_or(0).max(1);
        let share =
            |part: u64, whole: u64| whole > 0 && part.saturating_mul(width as u64) >= whole.saturating_mul(FAIR_SHARES);
        literal.retain(|(_, tally)| {
            let stands_out = tally.keys >= middle.saturating_mul(STANDS_OUT);
            // A single key is no family; the largest keys are listed elsewhere.
            let is_large = tally.keys > 1 && share(tally.bytes, total.bytes);
            share(tally.keys, total.keys) || is_large || stands_out
        });
        let most = width * STRETCH;
        if literal.len() > most {
            // None of several that weigh the same is preferred.
            literal.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.keys));
            let bar = literal.get(most).map_or(0, |(_, tally)| tally.keys);
            literal.retain(|(_, tally)| tally.keys > bar);
        }
    }
    let mut names: Vec<&[u8]> = literal.into_iter().map(|(label, _)| label).collect();
    names.sort_unstable();
    names
}

/// Writes the shape of a name: each part as its label, of which the first `depth` may be literal, and then its separator.
fn write_shape(key: &[u8], depth: usize, shape: &mut Vec<u8>) {
    shape.clear();
    let mut rest = key;
    for at in 0..WIDTHS.len() {
        let (part, separator, after) = cut(rest);
        if part.is_empty() && separator.is_none() {
            return;
        }
        let before = shape.len();
        if at < depth {
            write_label(part, shape);
        }
        if at >= depth || shape.len() == before && !part.is_empty() {
            shape.push(b'*');
        }
        shape.extend(separator);
        rest = after;
        if separator.is_none() {
            return;
        }
    }
    shape.push(b'*');
}

/// Writes a shape with only the first `depth` labels as they are.
fn write_coarse(shape: &[u8], depth: usize, out: &mut Vec<u8>) {
    out.clear();
    for (at, label) in labels(shape).enumerate() {
        out.extend_from_slice(if at < depth { label } else { star_of(label) });
    }
}

/// The labels of a shape, each with its separator. A name may be empty, and have one empty label.
fn labels(shape: &[u8]) -> impl Iterator<Item = &[u8]> {
    shape.split_inclusive(|&byte| is_separator(byte))
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

/// What stands for a label and others like it: a `*`, and the separator behind it.
fn star_of(label: &[u8]) -> &'static [u8] {
    match label.last() {
        Some(b':') => b"*:",
        Some(b'/') => b"*/",
        Some(b'|') => b"*|",
        Some(b'#') => b"*#",
        _ => b"*",
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
        let tree = families.tree();
        let mut counted = std::collections::BTreeMap::new();
        let mut glob = Vec::new();
        for key in &keys {
            tree.find(key.as_bytes(), &mut glob, &mut Vec::new());
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
        assert_eq!(families.list(), [(b"*:*:*:*".to_vec(), Tally { keys: 200_000, ..Tally::default() })]);
        assert!(families.shapes.len() <= MAX_SHAPES);
    }

    /// A name in letters alone, different for each number.
    fn word(mut n: usize) -> String {
        let mut word = String::from("q");
        while n > 0 {
            word.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        word
    }

    #[test]
    fn heavy_families_keep_their_names_among_many_others() {
        // One-off names at the first place, with and without more behind them.
        for noise in [0, 40, 46, 47, 48, 50, 500, 20_000] {
            let heavy =
                ["user", "post", "session"].iter().flat_map(|name| (0..700).map(move |n| format!("{name}:{n}")));
            let keys: Vec<String> = heavy.chain((0..noise).map(|n| format!("{}:{n}", word(n)))).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let found = families(&keys);
            for name in ["user:*", "post:*", "session:*"] {
                assert!(found.contains(&(name.to_owned(), 700)), "{noise}: {found:?}");
            }
            assert_eq!(found.iter().map(|(_, keys)| keys).sum::<u64>(), keys.len() as u64);
            if noise > 48 {
                assert_eq!(found.len(), 4, "{noise}");
                assert!(found.contains(&("*:*".to_owned(), noise as u64)), "{noise}: {found:?}");
            }
        }
        // At the second place, where sixteen names are kept, and at the third, where eight are.
        for front in ["app:", "app:v2:"] {
            let heavy = (0..700).map(|n| format!("{front}user:{n}"));
            let keys: Vec<String> = heavy.chain((0..300).map(|n| format!("{front}{}:{n}", word(n)))).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!(families(&keys), pairs(&[(&format!("{front}*:*"), 300), (&format!("{front}user:*"), 700)]));
        }
    }

    #[test]
    fn heavy_families_may_be_more_than_there_is_room_for() {
        let heavy = (0..50).flat_map(|family| (0..40).map(move |n| format!("{}-heavy:{n}", word(family))));
        let keys: Vec<String> = heavy.chain((0..60).map(|n| format!("{}:{n}", word(n)))).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = families(&keys);
        assert_eq!(found.len(), 51);
        assert!(found.contains(&("*:*".to_owned(), 60)));
        // Where all are alike, none of them is heavy.
        let alike: Vec<String> =
            (0..60).flat_map(|family| (0..40).map(move |n| format!("{}:{n}", word(family)))).collect();
        let alike: Vec<&str> = alike.iter().map(String::as_str).collect();
        assert_eq!(families(&alike), pairs(&[("*:*", 2400)]));
    }

    #[test]
    fn what_stands_out_keeps_its_name_though_it_is_a_small_part_of_all() {
        let sizes = [("user", 100_000), ("job", 300), ("lock", 31)];
        let mut found = Families::default();
        let mut add = |key: &str, keys| found.add(key.as_bytes(), Tally { keys, ..Tally::default() });
        sizes.iter().for_each(|(name, keys)| add(&format!("{name}:1"), *keys));
        (0..60).for_each(|n| add(&format!("{}:1", word(n)), 1));
        let names: Vec<_> =
            found.list().into_iter().map(|(glob, tally)| (String::from_utf8(glob).unwrap(), tally.keys)).collect();
        assert_eq!(names, pairs(&[("*:*", 91), ("job:*", 300), ("user:*", 100_000)]));
    }

    #[test]
    fn bytes_make_a_family_heavy_too() {
        let mut found = Families::default();
        (0..100).for_each(|n| {
            found.add(format!("{}:1", word(n)).as_bytes(), Tally { keys: 1, bytes: 10, ..Tally::default() })
        });
        for key in [&b"blob:1"[..], b"blob:2", b"one:1"] {
            found.add(key, Tally { keys: 1, bytes: 1000, ..Tally::default() });
        }
        let names: Vec<_> =
            found.list().into_iter().map(|(glob, tally)| (String::from_utf8(glob).unwrap(), tally.keys)).collect();
        assert_eq!(names, pairs(&[("*:*", 101), ("blob:*", 2)]));
    }

    #[test]
    fn too_many_shapes_lose_their_last_parts_first_and_any_split_gives_the_same() {
        let keys: Vec<String> = (0..200_000).map(|n| format!("{}:{}:{}", word(n % 40), word(n / 40), n)).collect();
        let mut whole = Families::default();
        keys.iter().for_each(|key| whole.add(key.as_bytes(), Tally { keys: 1, ..Tally::default() }));
        let mut merged = Families::default();
        for part in keys.chunks(30_000).rev() {
            let mut some = Families::default();
            part.iter().for_each(|key| some.add(key.as_bytes(), Tally { keys: 1, ..Tally::default() }));
            merged.merge(some);
        }
        assert_eq!(whole.list(), merged.list());
        assert_eq!(whole.depth, 1);
        assert_eq!(whole.list().len(), 40);
        assert!(whole.list().iter().all(|(glob, tally)| glob.ends_with(b":*:*") && tally.keys == 5000));
    }

    #[test]
    fn families_of_more_names_serve_for_some_of_them() {
        let tally = Tally { keys: 1, ..Tally::default() };
        let (mut old, mut new) = (Families::default(), Families::default());
        (0..30).for_each(|n| old.add(format!("{}:1", word(n)).as_bytes(), tally));
        (20..60).for_each(|n| new.add(format!("{}:1", word(n)).as_bytes(), tally));
        let mut both = old.clone();
        both.merge(new.clone());
        let tree = both.tree();
        assert_eq!(tree.list(&old), [(b"*:*".to_vec(), Tally { keys: 30, ..tally })]);
        assert_eq!(tree.list(&new), [(b"*:*".to_vec(), Tally { keys: 40, ..tally })]);
    }
}
