//! What becomes of the sets the dense search finds: counted, or listed where they belong.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::lattice::{narrow, wide};
use super::tally::Tally;
use super::words::{self, Node, Words};
use crate::SetCounts;

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

/// A target that says in the end how many sets there were.
pub(crate) trait Counter: Target {
    fn merge(self, other: Self) -> Self;
    /// Sets by size, none longer than `max_length`, which is that of the search.
    fn into_counts(self, max_length: usize) -> SetCounts;
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

impl Table<'_> {
    /// Calls `f` with the depth, the last item and the count of every frequent mask over a set of size `depth`, as far as the depth is wanted.
    #[inline(always)]
    fn for_each_wanted(&self, depth: usize, mut f: impl FnMut(usize, u32, u32)) {
        let call = |mask: usize, count: u32| {
            let depth = depth + mask.count_ones() as usize;
            if depth <= self.max_length {
                f(depth, self.items[mask.trailing_zeros() as usize], count);
            }
        };
        if self.is_narrow {
            narrow::for_each(self.words, u64::from(self.min_count), call);
        } else {
            wide::for_each(self.words, u64::from(self.min_count), call);
        }
    }
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

impl Counter for Tally {
    fn merge(self, other: Self) -> Self {
        Self::merge(self, other)
    }

    fn into_counts(self, max_length: usize) -> SetCounts {
        Self::into_counts(self, max_length)
    }
}

/// Counts sets one by one: only those of a length that is wanted, so that what was found so far may be compared with a limit.
#[derive(Default)]
pub(crate) struct Sizes(SetCounts);

impl Target for Sizes {
    const LISTS: bool = true;

    #[inline(always)]
    fn set(&mut self, depth: usize, _n_free: usize, _item: u32, _count: u32) -> u64 {
        self.0.add(depth, 1);
        1
    }

    fn cube(&mut self, _depth: usize, _n_free: usize, _n_items: usize) -> u64 {
        unreachable!("sets are counted one by one")
    }

    fn table(&mut self, depth: usize, _n_free: usize, table: &Table<'_>) -> u64 {
        let before = self.0.sets;
        table.for_each_wanted(depth, |depth, _, _| self.0.add(depth, 1));
        self.0.sets - before
    }

    fn words(&mut self, words: &mut Words, node: Node) -> u64 {
        words::count_each(words, node, self)
    }
}

impl Counter for Sizes {
    fn merge(mut self, other: Self) -> Self {
        self.0.merge(&other.0);
        self
    }

    fn into_counts(self, _max_length: usize) -> SetCounts {
        self.0
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
        table.for_each_wanted(depth, |depth, item, count| {
            self.set(depth, 0, item, count);
        });
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
