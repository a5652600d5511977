//! All frequent itemsets below one item: bitmaps over its transactions, tables of supports at the bottom.

#![expect(clippy::inline_always, reason = "what a dispatched function calls must be compiled with its features")]

use super::Budget;
use super::lattice::{MAX_ITEMS, Source, narrow, wide};
use super::ranked::{Paths, Ranked, StoredRank};
use super::tally::Tally;

/// Tables below this many items cost more than searching.
const MIN_TABLE_ITEMS: usize = 5;
/// Bits of a table beyond the logarithm of the transactions: filling the table and scattering into it then cost about the same.
const EXTRA_BITS: usize = 3;
/// Counters read one after the other in the time of one that must be found.
const SCAN_SPEED: usize = 16;
/// Sets found between two looks at the budget.
const BUDGET_STEP: u64 = 1 << 14;
/// Bitmaps are rewritten to the transactions of a set when it holds less than one in so many of them.
const COMPACT_BELOW: usize = 4;

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

    fn set(&mut self, depth: usize, n_free: usize, _item: u32, _count: u32) -> u64 {
        Self::set(self, depth, n_free);
        power_of_two(n_free)
    }

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
}

/// An item that may extend the current set, and the transactions that hold both.
#[derive(Clone, Copy)]
struct Column {
    item: u32,
    count: u32,
    /// Where its bitmap starts in the stack of words.
    at: usize,
}

/// The transactions bitmaps are about: those of the root, or of a set below it after rewriting.
#[derive(Clone, Copy)]
struct Frame {
    n_words: usize,
    /// Where their weights start; none are kept when all are 1.
    weights: Option<usize>,
    /// Where the planes start: bitmap b holds bit b of the weights.
    planes: usize,
    n_planes: usize,
    /// Sum of the weights.
    total: u64,
}

/// The set a node extends.
#[derive(Clone, Copy)]
struct Prefix {
    depth: usize,
    n_free: usize,
}

/// The state of one worker. Columns and words are stacks: a child's lie above its parent's and are cut off when it is done, so the
/// recursion allocates only while the deepest branch so far grows them.
pub(crate) struct Dense<'a, T> {
    min_count: u32,
    max_length: usize,
    budget: &'a Budget<'a>,
    unspent: u64,
    has_ended: bool,
    /// Weighted pair counts with the root item, by rank; zero between roots.
    pair_counts: Vec<u32>,
    /// The rows below the root, one after the other, and where each ends.
    rows: Vec<u32>,
    row_ends: Vec<u32>,
    frequent: Vec<u32>,
    columns: Vec<Column>,
    words: Vec<u64>,
    weights: Vec<u32>,
    counts: Vec<u32>,
    table: Vec<u64>,
    pub target: T,
}

impl<'a, T: Target> Dense<'a, T> {
    pub(crate) fn new(min_count: u32, max_length: usize, budget: &'a Budget<'a>) -> Self {
        Self {
            min_count,
            max_length,
            budget,
            unspent: 0,
            has_ended: false,
            pair_counts: Vec::new(),
            rows: Vec::new(),
            row_ends: Vec::new(),
            frequent: Vec::new(),
            columns: Vec::new(),
            words: Vec::new(),
            weights: Vec::new(),
            counts: Vec::new(),
            table: Vec::new(),
            target: T::default(),
        }
    }

    /// All sets whose rarest item has rank `root`.
    pub(crate) fn mine_root<R: StoredRank>(&mut self, paths: &Paths<'_, R>, root: u32) {
        if self.has_ended {
            return;
        }
        self.columns.clear();
        self.words.clear();
        self.weights.clear();
        let ranked = paths.ranked();
        self.pair_counts.resize(ranked.n_ranks(), 0);
        let count = ranked.counts[root as usize];
        let n_free = self.count_pairs(paths, root);
        self.report(Prefix { depth: 1, n_free }, ranked.items[root as usize], count);
        if self.max_length == 2 || self.columns.len() < 2 {
            for idx in 0..self.columns.len() {
                let column = self.columns[idx];
                self.report(Prefix { depth: 2, n_free }, column.item, column.count);
            }
        } else {
            let frame = self.open_root_frame(u64::from(count));
            self.fill_columns(frame);
            self.expand(0, frame, Prefix { depth: 1, n_free });
        }
        self.has_ended |= !self.budget.spend(std::mem::take(&mut self.unspent));
    }

    /// Finds the columns: items frequent together with the root. `at` is their rank until they have bitmaps, and `pair_counts` is left at 0
    /// for all items. Keeps the rows below the root close by, in `rows`, and their weights. Returns how many items are free to add.
    fn count_pairs<R: StoredRank>(&mut self, paths: &Paths<'_, R>, root: u32) -> usize {
        self.rows.clear();
        self.row_ends.clear();
        if self.max_length == 1 {
            return 0;
        }
        let counts = &mut self.pair_counts[..];
        paths.for_each_before(root, |row, weight| {
            self.rows.extend(row.iter().map(|rank| {
                let rank: u32 = (*rank).into();
                counts[rank as usize] += weight;
                rank
            }));
            self.row_ends.push(self.rows.len() as u32);
            self.weights.push(weight);
        });
        let ranked = paths.ranked();
        let mut n_free = 0;
        if self.rows.len() * SCAN_SPEED < root as usize {
            for at in 0..self.rows.len() {
                n_free += self.open_column(ranked, self.rows[at], root);
            }
            self.columns.sort_unstable_by_key(|column| column.at);
        } else {
            self.frequent.clear();
            find_at_least(&self.pair_counts[..root as usize], self.min_count, &mut self.frequent);
            for at in 0..self.frequent.len() {
                n_free += self.open_column(ranked, self.frequent[at], root);
            }
            self.pair_counts[..root as usize].fill(0);
        }
        n_free
    }

    /// Empties the pair counter of a rank and makes a column of it when it is frequent. Returns 1 when it is free to add.
    fn open_column(&mut self, ranked: &Ranked, rank: u32, root: u32) -> usize {
        let count = std::mem::take(&mut self.pair_counts[rank as usize]);
        let is_free = !T::LISTS && count == ranked.counts[root as usize];
        if count >= self.min_count && !is_free {
            self.columns.push(Column { item: ranked.items[rank as usize], count, at: rank as usize });
        }
        usize::from(is_free)
    }

    /// The frame of the rows below the root, which weigh `total`. Weights cost a plane for each of their bits; where that is more than
    /// a bit for each copy of a row, the copies stay.
    fn open_root_frame(&mut self, total: u64) -> Frame {
        let all = self.weights.iter().fold(0, |all, weight| all | weight);
        let n_planes = (u32::BITS - all.leading_zeros()) as usize;
        let (merged, single) = (self.weights.len().div_ceil(64), (total as usize).div_ceil(64));
        if all > 1 && merged * (1 + n_planes) < 2 * single {
            return self.open_planes(0, merged, all);
        }
        Frame { n_words: single, weights: None, planes: 0, n_planes: 0, total }
    }

    /// Planes for the weights from `start` on, whose bits are among those of `all`.
    fn open_planes(&mut self, start: usize, n_words: usize, all: u32) -> Frame {
        let n_planes = (u32::BITS - all.leading_zeros()) as usize;
        let planes = self.words.len();
        self.words.resize(planes + n_planes * n_words, 0);
        for (row, weight) in self.weights[start..].iter().enumerate() {
            for plane in 0..n_planes {
                self.words[planes + plane * n_words + row / 64] |= u64::from(weight >> plane & 1) << (row % 64);
            }
        }
        let total = self.weights[start..].iter().map(|weight| u64::from(*weight)).sum();
        Frame { n_words, weights: Some(start), planes, n_planes, total }
    }

    /// Gives every column its bitmap: a bit for each row of `rows` below the root, or for each copy when the frame has no weights.
    fn fill_columns(&mut self, frame: Frame) {
        let (base, n_words) = (self.words.len(), frame.n_words);
        self.words.resize(base + self.columns.len() * n_words, 0);
        // While bitmaps are filled the pair counter holds one more than the position of the item's column.
        for (idx, column) in self.columns.iter().enumerate() {
            self.pair_counts[column.at] = idx as u32 + 1;
        }
        let (mut start, mut first) = (0, 0);
        for (end, weight) in self.row_ends.iter().zip(&self.weights) {
            let copies = if frame.weights.is_some() { 1 } else { *weight as usize };
            for rank in &self.rows[start..*end as usize] {
                let idx = self.pair_counts[*rank as usize] as usize;
                if idx > 0 {
                    for bit in first..first + copies {
                        self.words[base + (idx - 1) * n_words + bit / 64] |= 1 << (bit % 64);
                    }
                }
            }
            start = *end as usize;
            first += copies;
        }
        for (idx, column) in self.columns.iter_mut().enumerate() {
            self.pair_counts[column.at] = 0;
            column.at = base + idx * n_words;
        }
        self.order_columns(0);
    }

    /// Most frequent first: the first columns meet most often, so more of their tables is frequent. Lists must keep ranks in order.
    fn order_columns(&mut self, start: usize) {
        if !T::LISTS {
            self.columns[start..].sort_unstable_by_key(|column| (std::cmp::Reverse(column.count), column.at));
        }
    }

    fn report(&mut self, prefix: Prefix, item: u32, count: u32) {
        let found = self.target.set(prefix.depth, prefix.n_free, item, count);
        self.spend(found);
    }

    fn spend(&mut self, found: u64) {
        self.unspent = self.unspent.saturating_add(found);
        if self.unspent >= BUDGET_STEP {
            self.has_ended |= !self.budget.spend(std::mem::take(&mut self.unspent));
        }
    }

    /// All sets that extend a prefix by the columns from `start` on.
    fn expand(&mut self, start: usize, frame: Frame, prefix: Prefix) {
        let n_columns = self.columns.len() - start;
        if n_columns == 0 || self.has_ended {
            return;
        }
        if !T::LISTS && n_columns > 1 && self.is_cube(start, frame) {
            let found = self.target.cube(prefix.depth, prefix.n_free, n_columns);
            self.spend(found);
            return;
        }
        let n_items = table_items(n_columns, frame);
        if n_items > 0 {
            self.fill_table(start, n_items, frame, prefix);
        }
        let (n_words, n_weights) = (self.words.len(), self.weights.len());
        for idx in start + n_items..start + n_columns {
            let chosen = self.columns[idx];
            let first = self.columns.len();
            let n_free = prefix.n_free + self.intersect(start..idx, chosen, frame);
            let child = Prefix { depth: prefix.depth + 1, n_free };
            self.report(child, chosen.item, chosen.count);
            if child.depth < self.max_length {
                self.order_columns(first);
                let frame = self.compact(first, chosen, frame);
                self.expand(first, frame, child);
            }
            self.columns.truncate(first);
            self.words.truncate(n_words);
            self.weights.truncate(n_weights);
        }
    }

    /// Whether all columns are frequent together; then every subset is.
    fn is_cube(&mut self, start: usize, frame: Frame) -> bool {
        self.counts.clear();
        self.counts.extend(self.columns[start..].iter().map(|column| column.at as u32));
        let planes = frame.planes..frame.planes + frame.n_planes * frame.n_words;
        count_common(&self.words, &self.counts, frame.n_words, &self.words[planes]) >= self.min_count
    }

    fn fill_table(&mut self, start: usize, n_items: usize, frame: Frame, prefix: Prefix) {
        let (mut starts, mut items) = ([0; MAX_ITEMS], [0; MAX_ITEMS]);
        for (idx, column) in self.columns[start..start + n_items].iter().enumerate() {
            (starts[idx], items[idx]) = (column.at, column.item);
        }
        let weights = frame.weights.map_or(&[][..], |start| &self.weights[start..]);
        let source = Source { words: &self.words, starts: &starts[..n_items], n_words: frame.n_words, weights };
        let is_narrow = frame.total < narrow::CAPACITY;
        if is_narrow {
            self.table.resize(narrow::n_words(n_items.max(narrow::LOW_BITS)), 0);
            narrow::fill(source, &mut self.table);
        } else {
            self.table.resize(wide::n_words(n_items.max(wide::LOW_BITS)), 0);
            wide::fill(source, &mut self.table);
        }
        let table = Table {
            words: &self.table,
            is_narrow,
            min_count: self.min_count,
            items: &items[..n_items],
            max_length: self.max_length,
        };
        let found = self.target.table(prefix.depth, prefix.n_free, &table);
        self.spend(found);
    }

    /// Pushes the columns of `range` cut down to the transactions of `chosen`, as far as they stay frequent. Returns how many are in all
    /// those transactions and were left out as free.
    fn intersect(&mut self, range: std::ops::Range<usize>, chosen: Column, frame: Frame) -> usize {
        let base = self.words.len();
        self.words.resize(base + range.len() * frame.n_words, 0);
        self.counts.clear();
        self.counts.extend(self.columns[range.clone()].iter().map(|column| column.at as u32));
        let (old, new) = self.words.split_at_mut(base);
        let planes = &old[frame.planes..frame.planes + frame.n_planes * frame.n_words];
        let limits = Limits { min_count: self.min_count, free_count: if T::LISTS { u32::MAX } else { chosen.count } };
        let kept = intersect(old, new, &mut self.counts, chosen.at, frame.n_words, planes, limits);
        self.words.truncate(base + kept * frame.n_words);
        let mut n_free = 0;
        let mut at = base;
        for (idx, count) in range.zip(0..) {
            let count = self.counts[count];
            if count == limits.free_count {
                n_free += 1;
            } else if count >= self.min_count {
                self.columns.push(Column { item: self.columns[idx].item, count, at });
                at += frame.n_words;
            }
        }
        n_free
    }

    /// Rewrites the columns from `first` on to the transactions of `chosen` when those are few.
    fn compact(&mut self, first: usize, chosen: Column, frame: Frame) -> Frame {
        let chosen_words = &self.words[chosen.at..chosen.at + frame.n_words];
        let n_columns = self.columns.len() - first;
        if frame.n_words < 2 || n_columns < 3 || chosen.count as usize * COMPACT_BELOW > frame.n_words * 64 {
            return frame;
        }
        self.counts.clear();
        for (word, bits) in chosen_words.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                self.counts.push(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        let n_words = self.counts.len().div_ceil(64);
        let new_frame = match frame.weights {
            None => Frame { n_words, total: self.counts.len() as u64, ..frame },
            Some(start) => {
                let (mut all, new_start) = (0, self.weights.len());
                for row in &self.counts {
                    let weight = self.weights[start + *row as usize];
                    all |= weight;
                    self.weights.push(weight);
                }
                self.open_planes(new_start, n_words, all)
            }
        };
        for idx in first..self.columns.len() {
            let (old_at, at) = (self.columns[idx].at, self.words.len());
            for rows in self.counts.chunks(64) {
                let bit = |row: &u32| self.words[old_at + *row as usize / 64] >> (row % 64) & 1;
                let word = rows.iter().enumerate().fold(0, |word, (at, row)| word | bit(row) << at);
                self.words.push(word);
            }
            self.columns[idx].at = at;
        }
        new_frame
    }
}

/// How many of a node's first columns a table takes.
fn table_items(n_columns: usize, frame: Frame) -> usize {
    if n_columns < MIN_TABLE_ITEMS || frame.total >= wide::CAPACITY {
        return 0;
    }
    let n_bits = (frame.n_words * 64).ilog2() as usize + EXTRA_BITS;
    n_columns.min(n_bits).min(MAX_ITEMS)
}

/// 2^n, or the largest u64.
fn power_of_two(n: usize) -> u64 {
    1_u64.checked_shl(n as u32).unwrap_or(u64::MAX)
}

/// Which supports matter.
#[derive(Clone, Copy)]
struct Limits {
    min_count: u32,
    /// Columns of this support are free and need no bitmap.
    free_count: u32,
}

osusume_numeric::dispatch! {
    /// Writes the bitmaps at `counts` in `old`, cut down to the one at `chosen`, one after the other into `new` as far as they are frequent and
    /// not free, and replaces `counts` by their supports. Returns how many were written.
    fn intersect(
        old: &[u64],
        new: &mut [u64],
        counts: &mut [u32],
        chosen: usize,
        n_words: usize,
        planes: &[u64],
        limits: Limits,
    ) -> usize {
        let chosen = &old[chosen..chosen + n_words];
        let mut kept = 0;
        for count in counts.iter_mut() {
            let column = &old[*count as usize..*count as usize + n_words];
            let out = &mut new[kept * n_words..(kept + 1) * n_words];
            let mut ones = 0;
            for ((o, a), b) in out.iter_mut().zip(column).zip(chosen) {
                *o = a & b;
                ones += o.count_ones();
            }
            *count = if planes.is_empty() { ones } else { weigh(out, planes) };
            kept += usize::from(*count >= limits.min_count && *count != limits.free_count);
        }
        kept
    }

    /// Pushes the positions of all counts of at least `min_count`.
    fn find_at_least(counts: &[u32], min_count: u32, out: &mut Vec<u32>) {
        let (blocks, rest) = counts.as_chunks::<32>();
        for (block, counts) in blocks.iter().enumerate() {
            // Most blocks have none: whether one has is a vector comparison.
            if counts.iter().fold(0, |most, count| most.max(*count)) >= min_count {
                push_at_least(counts, min_count, block as u32 * 32, out);
            }
        }
        push_at_least(rest, min_count, blocks.len() as u32 * 32, out);
    }

    /// Support of all bitmaps at `starts` together.
    fn count_common(words: &[u64], starts: &[u32], n_words: usize, planes: &[u64]) -> u32 {
        let mut count = 0;
        for word in 0..n_words {
            let common = starts.iter().fold(u64::MAX, |common, start| common & words[*start as usize + word]);
            if planes.is_empty() {
                count += common.count_ones();
            } else {
                for (bit, plane) in planes.chunks_exact(n_words).enumerate() {
                    count += (common & plane[word]).count_ones() << bit;
                }
            }
        }
        count
    }
}

#[inline(always)]
fn push_at_least(counts: &[u32], min_count: u32, first: u32, out: &mut Vec<u32>) {
    for (at, count) in (first..).zip(counts) {
        if *count >= min_count {
            out.push(at);
        }
    }
}

/// Σ 2^b · bits set in both the words and plane b.
#[inline(always)]
fn weigh(words: &[u64], planes: &[u64]) -> u32 {
    let in_plane = |plane: &[u64]| words.iter().zip(plane).map(|(w, p)| (w & p).count_ones()).sum::<u32>();
    planes.chunks_exact(words.len()).enumerate().map(|(bit, plane)| in_plane(plane) << bit).sum()
}
