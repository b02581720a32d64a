//! Families of keys as a tree of what their names begin with.
//!
//! A name is cut after each separator, as where families are found (`model::stock`); parts that all names of a branch
//! share are one step. The tree is bounded however many families there are: so many levels, and the heaviest branches.

use crate::report::inventory::{Family, FamilyKind};

/// Levels below the root.
const LEVELS: usize = 6;
/// Branches of the whole tree; what is lighter is counted.
const MOST: usize = 160;

/// All keys whose names begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// What this branch adds to the name, and the whole beginning of the name.
    pub label: Vec<u8>,
    pub whole: Vec<u8>,
    pub weight: u64,
    pub keys: u64,
    /// That of its families, where they are all of one kind.
    pub kind: Option<FamilyKind>,
    /// The heaviest first.
    pub branches: Vec<Prefix>,
    /// Branches that are not shown, and what they weigh together.
    pub left_out: u64,
    pub left_out_weight: u64,
}

impl Prefix {
    /// The tree of all families.
    pub fn tree(families: &[&Family], weight: fn(&Family) -> u64) -> Self {
        let mut families = families.to_vec();
        families.sort_by(|a, b| a.pattern.0.cmp(&b.pattern.0));
        let mut root = Self::new(&families, 0, 0, weight);
        root.branches = branches(&families, 0, 1, weight);
        root.keep_heaviest();
        root
    }

    /// Without its branches: families whose names are alike up to `end`, of which those above have `start`.
    fn new(families: &[&Family], start: usize, end: usize, weight: fn(&Family) -> u64) -> Self {
        let whole = families.first().and_then(|family| family.pattern.0.get(..end)).unwrap_or_default();
        let sum = |of: fn(&Family) -> u64| families.iter().fold(0, |sum: u64, family| sum.saturating_add(of(family)));
        let kind = families.first().map(|family| family.kind);
        Self {
            label: whole.get(start..).unwrap_or_default().to_vec(),
            whole: whole.to_vec(),
            weight: sum(weight),
            keys: sum(|family| family.keys),
            kind: kind.filter(|kind| families.iter().all(|family| family.kind == *kind)),
            ..Self::default()
        }
    }

    /// How many levels there are below, those of which nothing is shown but their number included.
    pub fn levels(&self) -> usize {
        let left_out = usize::from(self.left_out > 0);
        self.branches.iter().map(|branch| branch.levels().saturating_add(1)).max().unwrap_or(0).max(left_out)
    }

    /// Keeps the heaviest branches of the whole tree. None is heavier than what it grows from, so that none of those goes.
    fn keep_heaviest(&mut self) {
        let mut weights = Vec::new();
        self.weigh(&mut weights);
        let mut order: Vec<usize> = (0..weights.len()).collect();
        // Of equals the first in the order of the tree, which is never above another.
        order.sort_by_key(|at| (std::cmp::Reverse(weights.get(*at).copied().unwrap_or(0)), *at));
        let mut kept = vec![false; weights.len()];
        for at in order.into_iter().take(MOST) {
            if let Some(kept) = kept.get_mut(at) {
                *kept = true;
            }
        }
        self.prune(&mut kept.into_iter());
    }

    fn weigh(&self, weights: &mut Vec<u64>) {
        for branch in &self.branches {
            weights.push(branch.weight);
            branch.weigh(weights);
        }
    }

    fn prune(&mut self, kept: &mut impl Iterator<Item = bool>) {
        let mut branches = Vec::new();
        for mut branch in std::mem::take(&mut self.branches) {
            let stays = kept.next().unwrap_or(false);
            branch.prune(kept);
            if stays {
                branches.push(branch);
            } else {
                self.left_out = self.left_out.saturating_add(1);
                self.left_out_weight = self.left_out_weight.saturating_add(branch.weight);
            }
        }
        self.branches = branches;
    }
}

/// The branches of families, in the order of their names, that are alike up to `start`.
fn branches(families: &[&Family], start: usize, level: usize, weight: fn(&Family) -> u64) -> Vec<Prefix> {
    let mut out: Vec<Prefix> = families
        .chunk_by(|a, b| part(a, start) == part(b, start))
        .map(|alike| {
            let end = shared(alike, start);
            let mut branch = Prefix::new(alike, start, end, weight);
            if level < LEVELS && alike.iter().any(|family| family.pattern.0.len() > end) {
                branch.branches = branches(alike, end, level.saturating_add(1), weight);
            }
            branch
        })
        .collect();
    out.sort_by_key(|branch| std::cmp::Reverse(branch.weight));
    out
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b':' | b'/' | b'|' | b'#')
}

/// The next part of a name, with its separator.
fn part(family: &Family, start: usize) -> &[u8] {
    let rest = family.pattern.0.get(start..).unwrap_or_default();
    rest.split_inclusive(|byte| is_separator(*byte)).next().unwrap_or_default()
}

/// Up to where the names of families, in their order, are alike: all of a name, or up to a separator.
fn shared(families: &[&Family], start: usize) -> usize {
    let (Some(first), Some(last)) = (families.first(), families.last()) else { return start };
    let (first, last) = (first.pattern.0.as_slice(), last.pattern.0.as_slice());
    let alike = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    if alike == first.len() && alike == last.len() {
        return alike;
    }
    let separator = first.get(..alike).unwrap_or_default().iter().rposition(|byte| is_separator(*byte));
    separator.map_or(start, |at| at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::Bytes;

    fn family(pattern: &str, bytes: u64) -> Family {
        Family {
            pattern: Bytes(pattern.as_bytes().to_vec()),
            kind: if pattern.starts_with('i') { FamilyKind::Index } else { FamilyKind::Other },
            name: None,
            db: None,
            keys: 1,
            elements: 1,
            bytes,
            memory: bytes,
            with_expiry: 0,
        }
    }

    fn tree_of(families: &[Family]) -> Prefix {
        Prefix::tree(&families.iter().collect::<Vec<_>>(), |family| family.bytes)
    }

    fn shown(tree: &Prefix) -> String {
        let label = String::from_utf8_lossy(&tree.label).into_owned();
        let below: Vec<String> = tree.branches.iter().map(shown).collect();
        let below = if below.is_empty() { String::new() } else { format!("({})", below.join(" ")) };
        format!("{label}={}{below}", tree.weight)
    }

    #[test]
    fn what_names_share_is_one_step() {
        let families = [
            family("i:m:user:*", 5),
            family("i:m:project:*", 7),
            family("queue", 1),
            family("queue:*", 3),
            family("a:b:c:*", 2),
        ];
        let tree = tree_of(&families);
        assert_eq!(shown(&tree), "=18(i:m:=12(project:*=7 user:*=5) queue:*=3 a:b:c:*=2 queue=1)");
        assert_eq!((tree.levels(), tree.keys, tree.kind), (2, 5, None));
        assert_eq!(tree.branches[0].kind, Some(FamilyKind::Index));
        assert_eq!(tree.branches[0].branches[1].whole, b"i:m:user:*");
    }

    /// A name that ends where others go on, and the same name twice.
    #[test]
    fn odd_names() {
        assert_eq!(shown(&tree_of(&[])), "=0");
        assert_eq!(shown(&tree_of(&[family("a:", 1), family("a:b", 2), family("", 4)])), "=7(=4 a:=3(b=2 =1))");
        assert_eq!(shown(&tree_of(&[family("a:b", 1), family("a:b", 2)])), "=3(a:b=3)");
        assert_eq!(shown(&tree_of(&[family("a", u64::MAX), family("b", 2)])).matches('=').count(), 3);
    }

    #[test]
    fn a_tree_is_bounded() {
        let flat: Vec<Family> = (1..=2000).map(|n| family(&format!("{n:04}:*"), n)).collect();
        let tree = tree_of(&flat);
        assert_eq!((tree.branches.len(), tree.left_out), (MOST, 2000 - MOST as u64));
        assert_eq!(tree.branches[0].weight, 2000);
        let shown: u64 = tree.branches.iter().map(|branch| branch.weight).sum();
        assert_eq!(shown + tree.left_out_weight, tree.weight);
        // Each name is the beginning of the next.
        let deep: Vec<Family> = (1..2000).map(|n| family(&"x:".repeat(n), 1)).collect();
        let tree = tree_of(&deep);
        assert_eq!(tree.levels(), LEVELS);
    }
}
