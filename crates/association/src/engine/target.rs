//! What becomes of the sets the dense search finds: counted, or listed where they belong.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::lattice::{narrow, wide};
use super::tally::Tally;
use super::words::{self, Node, Words};

/// What becomes of the sets found.
pub(crate) trait Target: Default + Send {
    /// Whether sets are listed in preorder, which forbids reordering items and skipping those that change no count.
    const LISTS: bool;
    /// A set of size `depth` that ends in `item`, with `n_free` items that may be added freely. Returns how many sets that is.
    fn set(&mut self, depth: usize, n_free: usize, item: u32, count: u32) -> u64;
    /// All nonempty extensions by `n_items` items of a set of size `depth`.
    fn cube(&mut self, depth: usize, n_free: usize, n_items: usize) -> u64;
    /// The frequent masks of a table over a set of size `depth`.
    fn table(&mut self, depth: usize, n_free: usize, table: &Table<'_>) -> u64;
    /// All extensions of a set by columns that are words.
    fn words(&mut self, words: &mut Words, node: Node) -> u64;
}

/// A filled table of supports.
pub(crate) struct Table<'a> {
    pub words: &'a [u64],
    pub is_narrow: bool,
    pub min_count: u32,
    /// Item of each bit.
    pub items: &'a [u32],
    /// Longest set wanted.
    pub max_length: usize,
}

impl Target for Tally {
    const LISTS: bool = false;

    #[inline(always)]
    fn set(&mut self, depth: usize, n_free: usize, _item: u32, _count: u32) -> u64 {
        Self::set(self, depth, n_free);
        power_of_two(n_free)
    }

    #[inline(always)]
    fn cube(&mut self, depth: usize, n_free: usize, n_items: usize) -> u64 {
        Self::cube(self, depth, n_free, n_items);
        (power_of_two(n_items) - 1).saturating_mul(power_of_two(n_free))
    }

    fn table(&mut self, depth: usize, n_free: usize, table: &Table<'_>) -> u64 {
        let n_masks = if table.is_narrow {
            self.narrow(depth, n_free, table.words, table.min_count)
        } else {
            self.wide(depth, n_free, table.words, table.min_count)
        };
        n_masks.saturating_mul(power_of_two(n_free))
    }

    fn words(&mut self, words: &mut Words, node: Node) -> u64 {
        words::count(words, node, self)
    }
}

/// Where the sets below one root item belong in the columns of all.
#[derive(Default)]
pub(crate) struct Place<'a> {
    pub depths: &'a mut [u16],
    pub items: &'a mut [u32],
    pub counts: &'a mut [u32],
    /// How many are written.
    pub len: usize,
}

impl Target for Place<'_> {
    const LISTS: bool = true;

    #[inline(always)]
    fn set(&mut self, depth: usize, _n_free: usize, item: u32, count: u32) -> u64 {
        self.depths[self.len] = depth as u16;
        self.items[self.len] = item;
        self.counts[self.len] = count;
        self.len += 1;
        1
    }

    fn cube(&mut self, _depth: usize, _n_free: usize, _n_items: usize) -> u64 {
        unreachable!("a list has an entry for every set");
    }

    /// Masks ascend as their sets do in preorder: items of a set come from the highest bit down.
    fn table(&mut self, depth: usize, _n_free: usize, table: &Table<'_>) -> u64 {
        let before = self.len;
        let push = |mask: usize, count: u32| {
            let depth = depth + mask.count_ones() as usize;
            if depth <= table.max_length {
                self.set(depth, 0, table.items[mask.trailing_zeros() as usize], count);
            }
        };
        if table.is_narrow {
            narrow::for_each(table.words, u64::from(table.min_count), push);
        } else {
            wide::for_each(table.words, u64::from(table.min_count), push);
        }
        (self.len - before) as u64
    }

    fn words(&mut self, words: &mut Words, node: Node) -> u64 {
        words::list(words, node, self)
    }
}

/// 2^n, or the largest u64.
#[inline(always)]
fn power_of_two(n: usize) -> u64 {
    1_u64.checked_shl(n as u32).unwrap_or(u64::MAX)
}
