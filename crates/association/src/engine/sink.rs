//! Where found itemsets go.

use crate::{Itemsets, SetCounts};

/// Receives the nodes of the trie in preorder; monomorphic, because it is called once a set.
pub(crate) trait Sink: Default + Send {
    /// A node: the length of its itemset, the item it adds, and its count or 0 for a step that is not in the output.
    fn node(&mut self, depth: usize, item: u32, count: u32);
}

/// Keeps every node.
#[derive(Default)]
pub(crate) struct Collect(pub Itemsets);

impl Sink for Collect {
    fn node(&mut self, depth: usize, item: u32, count: u32) {
        self.0.depths.push(depth as u16);
        self.0.items.push(item);
        self.0.counts.push(count);
    }
}

/// Counts itemsets by length.
#[derive(Default)]
pub(crate) struct Count(pub SetCounts);

impl Sink for Count {
    fn node(&mut self, depth: usize, _item: u32, count: u32) {
        if count > 0 {
            self.0.add(depth, 1);
        }
    }
}
