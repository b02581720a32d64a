//! The wanted paths as a tree, so that one look at a field name says whether anything below it is wanted.

use crate::model::spec::{Path, Step};

/// A node's position in [`Trie`].
pub(super) type NodeId = usize;

#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The fields of an object at this node, by name. Few, so that comparing length and bytes in a row is fastest.
    children: Vec<(Box<[u8]>, NodeId)>,
    /// What those names look like.
    pub hints: Hints,
    /// The elements of an array at this node.
    pub each: Option<NodeId>,
    /// The path that ends here.
    pub path: Option<usize>,
    /// All paths that end here or below.
    pub below: Vec<usize>,
}

impl Trie {
    pub fn new(paths: &[Path]) -> Trie {
        let mut trie = Trie { nodes: vec![Node::default()] };
        for (position, path) in paths.iter().enumerate() {
            let mut at = Trie::ROOT;
            trie.note(at, position);
            for step in &path.steps {
                at = trie.down(at, step);
                trie.note(at, position);
            }
            if let Some(node) = trie.nodes.get_mut(at) {
                // Paths are distinct in a spec; of two equal ones the first would get the values.
                node.path.get_or_insert(position);
            }
        }
        trie
    }

    /// Whether a path goes through arrays.
    pub fn has_arrays(&self) -> bool {
        self.nodes.iter().any(|node| node.each.is_some())
    }

    /// The top of a document.
    pub const ROOT: NodeId = 0;

    pub fn node(&self, at: NodeId) -> Option<&Node> {
        self.nodes.get(at)
    }

    fn note(&mut self, at: NodeId, path: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.below.push(path);
        }
    }

    /// The node one step below, made if there is none.
    fn down(&mut self, at: NodeId, step: &Step) -> NodeId {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let found = match step {
            Step::Each => *node.each.get_or_insert(new),
            Step::Name(name) => match node.child(name) {
                Some(child) => child,
                None => {
                    node.children.push((name.as_slice().into(), new));
                    node.hints.add(name);
                    new
                }
            },
        };
        if found == new {
            self.nodes.push(Node::default());
        }
        found
    }
}

/// Whether two names are equal. They are short and mostly differ: what compares any bytes is called when the first and
/// the last eight are the same.
#[inline(always)]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() || a.first() != b.first() {
        return false;
    }
    match (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) => {
            a_first == b_first && a_last == b_last && (a.len() <= 16 || a == b)
        }
        _ => a == b,
    }
}

/// One of 64 bits for the length of a name; all long ones share the last. Nearly every field of a document is none of the
/// wanted ones, and most differ from them in length alone.
#[inline(always)]
pub(super) fn length_bit(len: usize) -> u64 {
    1 << len.min(63)
}

/// The lengths and the first bytes of some names, a bit for each of 64 classes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints {
    /// The [`length_bit`] of each.
    pub lengths: u64,
    firsts: u64,
}

impl Hints {
    fn add(&mut self, name: &[u8]) {
        self.lengths |= length_bit(name.len());
        self.firsts |= first_bit(name);
    }

    /// Whether a name may be one of them.
    #[inline(always)]
    pub fn may_have(&self, name: &[u8]) -> bool {
        self.lengths & length_bit(name.len()) != 0 && self.firsts & first_bit(name) != 0
    }

    /// Whether what stands between two quotes of a text may be one of them.
    #[inline(always)]
    pub fn may_be_between(&self, text: &[u8], open: usize, close: usize) -> bool {
        let start = open.wrapping_add(1);
        self.lengths & length_bit(close.wrapping_sub(start)) != 0
            && text.get(start..close).is_none_or(|name| self.firsts & first_bit(name) != 0)
    }
}

#[inline(always)]
fn first_bit(name: &[u8]) -> u64 {
    1 << (name.first().copied().unwrap_or(0) & 63)
}

impl Node {
    #[inline(always)]
    pub fn child(&self, name: &[u8]) -> Option<NodeId> {
        if !self.hints.may_have(name) {
            return None;
        }
        for (own, child) in &self.children {
            if same(own, name) {
                return Some(*child);
            }
        }
        None
    }

    /// Whether an object here has wanted fields.
    #[inline]
    pub fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    pub fn children(&self) -> impl Iterator<Item = NodeId> {
        self.children.iter().map(|(_, child)| *child)
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn names_of_any_length_are_compared_whole() {
        let text: Vec<u8> = (0..40).collect();
        for len in 0..text.len() {
            let name = &text[..len];
            let copy = name.to_vec();
            assert!(same(name, &copy), "{len}");
            assert!(!same(name, &text[..len + 1]), "{len}");
            for at in 0..len {
                let mut other = name.to_vec();
                other[at] ^= 0x80;
                assert!(!same(name, &other), "{len} {at}");
            }
        }
    }
}
