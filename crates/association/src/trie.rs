//! Moving about in a trie of all frequent itemsets.

use crate::Itemsets;

/// Itemsets with the end of every subtree, so that siblings can be stepped over.
pub(crate) struct Trie<'a> {
    sets: &'a Itemsets,
    /// The node after the last one below each node.
    ends: Vec<u32>,
    /// The node of each single item, or [`Trie::ROOT`].
    singles: Vec<u32>,
}

impl<'a> Trie<'a> {
    /// The empty set: not a node, but what comes before the first one.
    pub(crate) const ROOT: u32 = u32::MAX;

    pub(crate) fn new(sets: &'a Itemsets) -> Self {
        let n_nodes =
            u32::try_from(sets.n_nodes()).expect("rules are drawn from fewer than 2^32 sets, which memory holds");
        let mut ends = vec![n_nodes; n_nodes as usize];
        let mut open: Vec<u32> = Vec::new();
        let n_items = sets.items.iter().max().map_or(0, |item| *item as usize + 1);
        let mut singles = vec![Self::ROOT; n_items];
        for node in 0..n_nodes {
            while open.last().is_some_and(|last| sets.depths[*last as usize] >= sets.depths[node as usize]) {
                ends[open.pop().expect("just seen") as usize] = node;
            }
            if open.is_empty() {
                singles[sets.items[node as usize] as usize] = node;
            }
            open.push(node);
        }
        Self { sets, ends, singles }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.sets.n_nodes()
    }

    /// Items in all sets together.
    pub(crate) fn n_values(&self) -> usize {
        self.sets.depths.iter().map(|depth| usize::from(*depth)).sum()
    }

    pub(crate) fn item(&self, node: u32) -> u32 {
        self.sets.items[node as usize]
    }

    pub(crate) fn depth(&self, node: u32) -> usize {
        usize::from(self.sets.depths[node as usize])
    }

    /// Count of a node's itemset; for the root that of the empty set.
    pub(crate) fn count(&self, node: u32) -> u32 {
        if node == Self::ROOT { self.sets.n as u32 } else { self.sets.counts[node as usize] }
    }

    /// The node of a single item that is in the trie.
    pub(crate) fn single(&self, item: u32) -> u32 {
        self.singles[item as usize]
    }

    /// The first child, if there is one: in preorder it follows its parent, and the first of all nodes follows the root.
    pub(crate) fn first_child(node: u32) -> u32 {
        node.wrapping_add(1)
    }

    /// The sibling at or after `node` that adds `item`; it must exist.
    pub(crate) fn find_from(&self, mut node: u32, item: u32) -> u32 {
        while self.item(node) != item {
            node = self.ends[node as usize];
        }
        node
    }
}
