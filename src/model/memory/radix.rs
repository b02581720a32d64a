//! The nodes of a radix tree of ids, as `rax.c` builds it.

use super::sizes::RADIX_NODE;

/// Bytes of an id.
const ID: u8 = 16;
/// What the command counts for an id: `sizeof(streamID)`.
const ELEMENT: u64 = 16;

/// Counts the nodes of a tree whose ids come in their order.
///
/// A place where ids differ is a node, and so is the end of each id. Bytes between two of them that all ids there share
/// are one node more.
#[derive(Debug, Default)]
pub struct Radix {
    ids: u64,
    nodes: u64,
    last: [u8; ID as usize],
    /// The places on the way to the last id where others went another way, from the root.
    forks: [u8; ID as usize],
    depth: usize,
}

impl Radix {
    /// One more id.
    pub fn add(&mut self, id: [u8; ID as usize]) {
        if self.ids > 0 {
            // There are 16 bytes.
            let shared = self.last.iter().zip(&id).take_while(|(a, b)| a == b).count() as u8;
            if shared == ID {
                return;
            }
            let below = self.close(shared);
            let parent = self.depth.checked_sub(1).and_then(|at| self.forks.get(at)).copied();
            if parent != Some(shared) {
                self.nodes += 1;
                if let Some(fork) = self.forks.get_mut(self.depth) {
                    *fork = shared;
                    self.depth += 1;
                }
            }
            self.edge(Some(shared), below);
        }
        self.last = id;
        self.ids += 1;
        self.nodes += 1;
    }

    /// What the command counts for the tree, if it has so many ids that are like these.
    pub fn bytes(mut self, all: Option<u64>) -> u64 {
        if self.ids == 0 {
            return RADIX_NODE;
        }
        let top = self.close(0);
        // A fork at the root itself has nothing before it.
        if self.depth > 0 {
            self.edge(Some(0), top);
        } else {
            self.edge(None, top);
        }
        let bytes = self.nodes.saturating_mul(RADIX_NODE).saturating_add(self.ids.saturating_mul(ELEMENT));
        let bytes = u128::from(bytes).saturating_mul(u128::from(all.unwrap_or(self.ids))) / u128::from(self.ids);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Leaves the forks below this depth; gives back the last of them, or the end of the id.
    fn close(&mut self, depth: u8) -> u8 {
        let mut below = ID;
        while let Some(fork) = self.depth.checked_sub(1).and_then(|at| self.forks.get(at)).copied()
            && fork > depth
        {
            self.edge(Some(fork), below);
            below = fork;
            self.depth -= 1;
        }
        below
    }

    /// The way from a fork to what comes below it; the fork itself has the first byte of it.
    fn edge(&mut self, from: Option<u8>, to: u8) {
        let first = from.map_or(0, |from| from + 1);
        if to > first {
            self.nodes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[u128]) -> u64 {
        let mut radix = Radix::default();
        ids.iter().for_each(|id| radix.add(id.to_be_bytes()));
        (radix.bytes(None) - ids.len() as u64 * ELEMENT) / RADIX_NODE
    }

    /// Counted by hand: a root that holds what is shared, forks, rests and ends.
    #[test]
    fn nodes_are_those_of_a_radix_tree() {
        assert_eq!(nodes(&[]), 1);
        assert_eq!(nodes(&[7]), 2);
        // Shared bytes, a fork, two ends.
        assert_eq!(nodes(&[1, 2]), 4);
        assert_eq!(nodes(&[1, 2, 3]), 5);
        // A fork at the root, two rests, two ends.
        assert_eq!(nodes(&[0, 1 << 127]), 5);
        // Shared bytes, a fork; there a fork with two ends, after nothing, and a rest with its end.
        assert_eq!(nodes(&[0x0001, 0x0002, 0x0100]), 1 + 1 + 1 + 2 + 1 + 1);
    }
}
