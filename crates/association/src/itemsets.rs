//! Itemsets as a prefix trie in columns.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use osusume_model::Control;

use crate::error::check_stop;
use crate::{Error, Transactions};

/// Nodes between two looks at the control.
const STOP_STEP: usize = 1 << 16;

/// Frequent itemsets: a prefix trie in depth-first preorder, one entry a node.
///
/// A node's itemset is its own item and those of the nearest nodes before it with depths one less, two less, and so on.
/// Ten bytes a set, however long it is, against four bytes an item for lists.
///
/// Of all frequent itemsets every node is one. Of closed ones, and of the most frequent ones of some length, a node may be only a step on the way to deeper ones; its count is 0 then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Itemsets {
    /// Length of the node's itemset, from 1.
    pub depths: Vec<u16>,
    /// The item the node adds to its parent.
    pub items: Vec<u32>,
    /// Weighted number of transactions with the node's itemset, or 0 when the itemset is not among the output.
    pub counts: Vec<u32>,
    /// Weighted number of all transactions.
    pub n: u64,
}

/// How many itemsets there are; the empty set is never counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetCounts {
    /// All of them. Saturates at `u64::MAX`.
    pub sets: u64,
    /// `by_size[k]` itemsets have `k` items; as long as the longest itemset needs, `by_size[0]` is 0.
    pub by_size: Vec<u64>,
}

impl Itemsets {
    /// Nodes of the trie.
    pub fn n_nodes(&self) -> usize {
        self.items.len()
    }

    /// Calls `f` with every itemset (items ascending) and its count, in the order of the trie.
    pub fn for_each(&self, mut f: impl FnMut(&[u32], u32)) {
        let (mut path, mut itemset) = (Vec::<u32>::new(), Vec::new());
        for ((depth, item), count) in self.depths.iter().zip(&self.items).zip(&self.counts) {
            path.truncate(*depth as usize - 1);
            path.push(*item);
            if *count > 0 {
                itemset.clone_from(&path);
                itemset.sort_unstable();
                f(&itemset, *count);
            }
        }
    }

    /// How many itemsets there are, by size.
    pub fn counted(&self) -> SetCounts {
        let mut by_size: Vec<u64> = Vec::new();
        for (depth, count) in self.depths.iter().zip(&self.counts) {
            let size = usize::from(*depth);
            if by_size.len() <= size {
                by_size.resize(size + 1, 0);
            }
            by_size[size] += u64::from(*count > 0);
        }
        let mut out = SetCounts::default();
        for (size, sets) in by_size.into_iter().enumerate().filter(|(_, sets)| *sets > 0) {
            out.add(size, sets);
        }
        out
    }

    /// The `n` most frequent itemsets of at least `min_length` items with their counts; equal counts in order of items. O(nodes), and
    /// O(log n) for each set that is among the first at some time.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn most_frequent(
        &self,
        n: usize,
        min_length: usize,
        control: &dyn Control,
    ) -> Result<Vec<(Vec<u32>, u32)>, Error> {
        let mut path = Vec::new();
        // The last of those kept is on top.
        let mut kept: BinaryHeap<(Reverse<u32>, Vec<u32>)> = BinaryHeap::new();
        for (node, ((depth, item), count)) in self.depths.iter().zip(&self.items).zip(&self.counts).enumerate() {
            if node % STOP_STEP == 0 {
                check_stop(control)?;
            }
            path.truncate(usize::from(*depth) - 1);
            path.push(*item);
            let is_full = kept.len() >= n;
            let is_behind = is_full && kept.peek().is_none_or(|(last, _)| *count < last.0);
            if *count == 0 || path.len() < min_length || is_behind {
                continue;
            }
            let mut itemset = path.clone();
            itemset.sort_unstable();
            kept.push((Reverse(*count), itemset));
            if is_full {
                kept.pop();
            }
        }
        Ok(kept.into_sorted_vec().into_iter().map(|(count, itemset)| (itemset, count.0)).collect())
    }

    /// Offsets and items of every itemset with its count, for callers that want lists; items ascend.
    pub fn to_lists(&self) -> (Vec<usize>, Vec<u32>, Vec<u32>) {
        let (mut offsets, mut items, mut counts) = (vec![0], Vec::new(), Vec::new());
        self.for_each(|itemset, count| {
            items.extend_from_slice(itemset);
            offsets.push(items.len());
            counts.push(count);
        });
        (offsets, items, counts)
    }

    /// Turns shorter sets into steps on the way to longer ones, and leaves out those on the way to none.
    pub(crate) fn forget_shorter_than(&mut self, length: usize) {
        let old = std::mem::replace(self, Self { n: self.n, ..Self::default() });
        let mut path: Vec<(u16, u32)> = Vec::new();
        let mut n_written = 0;
        for ((depth, item), count) in old.depths.into_iter().zip(old.items).zip(old.counts) {
            path.truncate(usize::from(depth) - 1);
            n_written = n_written.min(path.len());
            path.push((depth, item));
            if usize::from(depth) < length || count == 0 {
                continue;
            }
            for (at, (depth, item)) in path.iter().enumerate().skip(n_written) {
                self.depths.push(*depth);
                self.items.push(*item);
                self.counts.push(if at + 1 == path.len() { count } else { 0 });
            }
            n_written = path.len();
        }
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.depths.extend_from_slice(&other.depths);
        self.items.extend_from_slice(&other.items);
        self.counts.extend_from_slice(&other.counts);
    }

    pub(crate) fn reserve_exact(&mut self, n_nodes: usize) {
        self.depths.reserve_exact(n_nodes);
        self.items.reserve_exact(n_nodes);
        self.counts.reserve_exact(n_nodes);
    }
}

impl SetCounts {
    pub(crate) fn add(&mut self, size: usize, sets: u64) {
        if self.by_size.len() <= size {
            self.by_size.resize(size + 1, 0);
        }
        self.by_size[size] = self.by_size[size].saturating_add(sets);
        self.sets = self.sets.saturating_add(sets);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (size, sets) in other.by_size.iter().enumerate().filter(|(_, sets)| **sets > 0) {
            self.add(size, *sets);
        }
    }
}

/// Weighted number of transactions with all of `itemset`, by a scan: O(values). For a handful of sets and for tests.
pub fn count_itemset(db: &Transactions, itemset: &[u32]) -> u64 {
    let has_all = |t: &usize| itemset.iter().all(|item| db.basket(*t).contains(item));
    (0..db.len()).filter(has_all).map(|t| u64::from(db.weight(t))).sum()
}
