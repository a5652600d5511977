//! All frequent itemsets below one item: bitmaps over its transactions, tables of supports at the bottom.

use super::Budget;
use super::bits::{Limits, count_common, intersect};
use super::bulk::Bulk;
use super::conflicts::{Conflicts, Order};
use super::lattice::{MAX_ITEMS, Source, narrow, wide};
use super::paths::Paths;
use super::root::{Partner, Root, transpose};
use super::rows::StoredRank;
use super::target::{Table, Target};
use super::words::{self, Node, Words};

/// Tables below this many items cost more than searching.
const MIN_TABLE_ITEMS: usize = 5;
/// Bits of a table beyond the logarithm of the transactions: filling the table and scattering into it then cost about the same.
const EXTRA_BITS: usize = 3;
/// Counting a pair of columns in a row, in units of an AND of two words and counting its bits.
const PAIR_COST: usize = 4;
/// What a column costs an intersection beyond its words, in the same unit.
const COLUMN_COST: usize = 16;
/// Sets found between two looks at the budget.
const BUDGET_STEP: u64 = 1 << 14;
/// Bitmaps are rewritten to the transactions of a set when it holds less than one in so many of them.
const COMPACT_BELOW: usize = 4;

/// An item that may extend the current set, and the transactions that hold both.
#[derive(Clone, Copy)]
struct Column {
    item: u32,
    count: u32,
    /// Where its bitmap starts in the stack of words; its rank until it has one.
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
    /// Whether the columns of the node may all stand together.
    is_clear: bool,
}

/// The state of one worker. Columns and words are stacks: a child's lie above its parent's and are cut off when it is done, so the
/// recursion allocates only while the deepest branch so far grows them.
pub(crate) struct Dense<'a, T> {
    min_count: u32,
    max_length: usize,
    conflicts: &'a Conflicts<'a>,
    budget: &'a Budget<'a>,
    unspent: u64,
    has_ended: bool,
    root: Root,
    columns: Vec<Column>,
    words: Vec<u64>,
    weights: Vec<u32>,
    counts: Vec<u32>,
    table: Vec<u64>,
    found: Vec<Partner>,
    tree: Words,
    order: Order,
    is_bound: Vec<bool>,
    pub target: T,
}

impl<'a, T: Target> Dense<'a, T> {
    pub(crate) fn new(min_count: u32, max_length: usize, conflicts: &'a Conflicts<'a>, budget: &'a Budget<'a>) -> Self {
        Self {
            min_count,
            max_length,
            conflicts,
            budget,
            unspent: 0,
            has_ended: false,
            root: Root::default(),
            columns: Vec::new(),
            words: Vec::new(),
            weights: Vec::new(),
            counts: Vec::new(),
            table: Vec::new(),
            found: Vec::new(),
            tree: Words::default(),
            order: Order::new(),
            is_bound: Vec::new(),
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
        if self.max_length == 1 {
            self.root.close();
        } else {
            self.root.open(paths, root);
        }
        let frequent = paths.frequent();
        let (item, count) = (frequent.items[root as usize], frequent.counts[root as usize]);
        let is_clear = self.conflicts.are_none();
        if !is_clear {
            let item_of = |partner: &Partner| frequent.items[partner.rank as usize];
            self.root.partners.retain(|partner| !self.conflicts.between(item, item_of(partner)));
        }
        for partner in &self.root.partners {
            if T::LISTS || !is_clear || partner.count < count {
                let item = frequent.items[partner.rank as usize];
                self.columns.push(Column { item, count: partner.count, at: partner.rank as usize });
            }
        }
        // Who is not a column is in all the root's transactions and free to add.
        let prefix = Prefix { depth: 1, n_free: self.root.partners.len() - self.columns.len(), is_clear };
        let prefix = self.settle(0, prefix, count);
        self.report(prefix, item, count);
        match self.columns.len() {
            0..2 => self.report_each(0, prefix),
            _ if self.max_length == 2 => self.report_each(0, prefix),
            2..=64 => {
                self.order_columns(0);
                let columns = self.columns.iter().map(|column| column.at as u32);
                self.root.gather_masks(columns.clone(), 2);
                self.root.gather_bulk_masks(paths.bulk(), &columns, 2);
                self.expand_masks(0, prefix, count);
            }
            _ => self.expand_wide(paths.bulk(), prefix, count),
        }
        self.has_ended |= !self.budget.spend(std::mem::take(&mut self.unspent));
    }

    /// Finds out whether the columns from `start` on of a prefix that is in transactions of weight `count` may all stand together. Unless sets
    /// are listed, those that are in all these transactions and may stand with all others become free.
    fn settle(&mut self, start: usize, prefix: Prefix, count: u32) -> Prefix {
        if prefix.is_clear {
            return prefix;
        }
        self.is_bound.clear();
        self.is_bound.resize(self.columns.len() - start, false);
        let items = self.columns[start..].iter().map(|column| column.item);
        let mut is_clear = true;
        self.conflicts.for_each_related(items, &mut self.order, |a, b| {
            is_clear = false;
            (self.is_bound[a], self.is_bound[b]) = (true, true);
        });
        let mut n_free = prefix.n_free;
        if !T::LISTS {
            let mut kept = start;
            for idx in start..self.columns.len() {
                let column = self.columns[idx];
                let is_free = column.count == count && !self.is_bound[idx - start];
                self.columns[kept] = column;
                kept += usize::from(!is_free);
                n_free += usize::from(is_free);
            }
            self.columns.truncate(kept);
        }
        Prefix { n_free, is_clear, ..prefix }
    }

    /// A prefix with each of the columns from `start` on.
    fn report_each(&mut self, start: usize, prefix: Prefix) {
        for idx in start..self.columns.len() {
            let column = self.columns[idx];
            self.report(Prefix { depth: prefix.depth + 1, ..prefix }, column.item, column.count);
        }
    }

    /// Expands a prefix, which is in transactions of weight `count`, by the columns from `start` on, at most 64. Masks of the rows with
    /// two of them and more were gathered; a table takes them as they are.
    fn expand_masks(&mut self, start: usize, prefix: Prefix, count: u32) {
        if self.root.masks.is_empty() {
            self.report_each(start, prefix);
            return;
        }
        let n_columns = self.columns.len() - start;
        if !T::LISTS && prefix.is_clear && self.root.weight_of(u64::MAX >> (64 - n_columns)) >= self.min_count {
            let found = self.target.cube(prefix.depth, prefix.n_free, n_columns);
            self.spend(found);
            return;
        }
        if self.root.weights.iter().map(|weight| *weight as usize).sum::<usize>() <= words::MAX {
            self.expand_words(start, prefix);
            return;
        }
        let n_items = table_items(n_columns, self.root.masks.len(), u64::from(count));
        if n_items > 0 {
            self.fill_table_with_masks(start, n_items, prefix, count);
        }
        if n_items < n_columns {
            let frame = self.open_frame(count);
            self.open_bitmaps(start, start + n_columns, frame);
            self.search(start, n_items, frame, prefix);
        }
    }

    /// As `expand_masks` where the masks weigh at most 64 together, so that a word is a bitmap.
    fn expand_words(&mut self, start: usize, prefix: Prefix) {
        self.root.repeat_masks();
        let columns = self.columns[start..].iter().map(|column| (column.item, column.count));
        let node =
            Node { depth: prefix.depth, n_free: prefix.n_free, min_count: self.min_count, max_length: self.max_length };
        self.tree.open(&self.root.masks, columns);
        if !prefix.is_clear {
            let items = self.columns[start..].iter().map(|column| column.item);
            self.conflicts.for_each_related(items, &mut self.order, |a, b| self.tree.bar(a, b));
        }
        let found = self.target.words(&mut self.tree, node);
        self.spend(found);
    }

    /// Gives the columns `start..end` the bitmaps of the gathered masks.
    fn open_bitmaps(&mut self, start: usize, end: usize, frame: Frame) {
        if frame.weights.is_none() {
            self.root.repeat_masks();
        }
        let (base, n_words) = (self.words.len(), frame.n_words);
        self.words.resize(base + (end - start) * n_words, 0);
        transpose(&self.root.masks, n_words, &mut self.words[base..]);
        for (idx, column) in self.columns[start..end].iter_mut().enumerate() {
            column.at = base + idx * n_words;
        }
    }

    /// Expands a root of more than 64 columns.
    fn expand_wide(&mut self, bulk: &Bulk, prefix: Prefix, count: u32) {
        // In order of rank, as the partners come, the columns of a row ascend. From here on a column's position stands for it.
        let n_pairs = self.root.cut_rows(bulk, self.columns.iter().map(|column| column.at as u32));
        self.columns.iter_mut().enumerate().for_each(|(idx, column)| column.at = idx);
        let (n_columns, n_words) = (self.columns.len(), self.root.n_cut_rows().div_ceil(64));
        if n_pairs * PAIR_COST > n_columns * (n_columns - 1) / 2 * (COLUMN_COST + n_words) {
            self.expand_sweeps(0, None, n_columns, prefix, count);
            return;
        }
        let n_items = table_items(n_columns, self.root.n_cut_rows(), u64::from(count));
        if n_items > 0 {
            self.root.gather_cut_masks(None, n_columns, 0..n_items as u32, 2);
            self.fill_table_with_masks(0, n_items, prefix, count);
        }
        self.root.index_cut_rows(n_columns);
        for idx in n_items..n_columns {
            self.extend(idx, n_columns, prefix);
        }
    }

    /// Expands by the columns from `start` on of rows cut to `n_columns`, with bitmaps made from masks of 64 columns at a time.
    fn expand_sweeps(&mut self, start: usize, with: Option<usize>, n_columns: usize, prefix: Prefix, count: u32) {
        let end = self.columns.len();
        self.root.gather_cut_masks(with, n_columns, 0..0, 0);
        let frame = self.open_frame(count);
        for first in (start..end).step_by(64) {
            let last = end.min(first + 64);
            let columns = self.columns[first..last].iter().map(|column| column.at as u32);
            self.root.gather_cut_masks(with, n_columns, columns, 0);
            self.open_bitmaps(first, last, frame);
        }
        self.order_columns(start);
        self.expand(start, frame, prefix);
    }

    /// The sets with column `idx` of a wide root's `n_columns` and any before it. Few of those are frequent with it, and only the rows of
    /// the column are looked at.
    fn extend(&mut self, idx: usize, n_columns: usize, prefix: Prefix) {
        let (chosen, first) = (self.columns[idx], self.columns.len());
        if prefix.depth + 1 >= self.max_length {
            self.report(Prefix { depth: prefix.depth + 1, ..prefix }, chosen.item, chosen.count);
            return;
        }
        self.root.find_columns(idx, self.min_count, &mut self.found);
        if !prefix.is_clear {
            let item_of = |partner: &Partner| self.columns[partner.rank as usize].item;
            self.found.retain(|partner| !self.conflicts.between(chosen.item, item_of(partner)));
        }
        for Partner { rank: at, count } in &self.found {
            if T::LISTS || !prefix.is_clear || *count < chosen.count {
                self.columns.push(Column { count: *count, ..self.columns[*at as usize] });
            }
        }
        let n_free = prefix.n_free + self.found.len() - (self.columns.len() - first);
        let child = self.settle(first, Prefix { depth: prefix.depth + 1, n_free, ..prefix }, chosen.count);
        let n_children = self.columns.len() - first;
        self.report(child, chosen.item, chosen.count);
        let (n_words, n_weights) = (self.words.len(), self.weights.len());
        if n_children < 2 || child.depth + 1 == self.max_length {
            self.report_each(first, child);
        } else if n_children <= 64 {
            self.order_columns(first);
            let columns = self.columns[first..].iter().map(|column| column.at as u32);
            self.root.gather_cut_masks(Some(idx), n_columns, columns, 2);
            self.expand_masks(first, child, chosen.count);
        } else {
            self.expand_sweeps(first, Some(idx), n_columns, child, chosen.count);
        }
        self.words.truncate(n_words);
        self.weights.truncate(n_weights);
        self.columns.truncate(first);
    }

    /// The frame of the gathered rows of a prefix, which is in transactions of weight `count`. Weights cost a plane for each of their bits;
    /// where that is more than a bit for each copy of a row, the rows are to be copied.
    fn open_frame(&mut self, count: u32) -> Frame {
        let weights = &self.root.weights;
        let all = weights.iter().fold(0, |all, weight| all | weight);
        let total: usize = weights.iter().map(|weight| *weight as usize).sum();
        let n_planes = (u32::BITS - all.leading_zeros()) as usize;
        let (merged, single) = (weights.len().div_ceil(64), total.div_ceil(64));
        let frame = Frame { n_words: single, weights: None, planes: 0, n_planes: 0, total: u64::from(count) };
        if all > 1 && merged * (1 + n_planes) < 2 * single {
            let start = self.weights.len();
            self.weights.extend_from_slice(weights);
            return Frame { total: u64::from(count), ..self.open_planes(start, merged, all) };
        }
        frame
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
        if !T::LISTS && prefix.is_clear && n_columns > 1 && self.is_cube(start, frame) {
            let found = self.target.cube(prefix.depth, prefix.n_free, n_columns);
            self.spend(found);
            return;
        }
        let n_items = table_items(n_columns, frame.n_words * 64, frame.total);
        if n_items > 0 {
            self.fill_table(start, n_items, frame, prefix);
        }
        self.search(start, n_items, frame, prefix);
    }

    /// The sets that extend a prefix by the columns from `start` on and at least one beyond the first `n_done` of them.
    fn search(&mut self, start: usize, n_done: usize, frame: Frame, prefix: Prefix) {
        let (n_columns, n_words, n_weights) = (self.columns.len(), self.words.len(), self.weights.len());
        for idx in start + n_done..n_columns {
            let chosen = self.columns[idx];
            let n_free = prefix.n_free + self.intersect(start..idx, chosen, frame, prefix.is_clear);
            let child = self.settle(n_columns, Prefix { depth: prefix.depth + 1, n_free, ..prefix }, chosen.count);
            self.report(child, chosen.item, chosen.count);
            if child.depth < self.max_length {
                self.order_columns(n_columns);
                let frame = self.compact(n_columns, chosen, frame);
                self.expand(n_columns, frame, child);
            }
            self.columns.truncate(n_columns);
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
        let mut starts = [0; MAX_ITEMS];
        for (start, column) in starts.iter_mut().zip(&self.columns[start..start + n_items]) {
            *start = column.at;
        }
        let weights = frame.weights.map_or(&[][..], |start| &self.weights[start..]);
        let source = Source { words: &self.words, starts: &starts[..n_items], n_words: frame.n_words, weights };
        if frame.total < narrow::CAPACITY {
            self.table.resize(narrow::n_words(n_items.max(narrow::LOW_BITS)), 0);
            narrow::fill(source, &mut self.table);
        } else {
            self.table.resize(wide::n_words(n_items.max(wide::LOW_BITS)), 0);
            wide::fill(source, &mut self.table);
        }
        self.report_table(start, n_items, frame.total, prefix);
    }

    /// As `fill_table`, for masks that were gathered, of a prefix in transactions of weight `total`.
    fn fill_table_with_masks(&mut self, start: usize, n_items: usize, prefix: Prefix, total: u32) {
        let Root { masks, weights, .. } = &self.root;
        let total = u64::from(total);
        if total < narrow::CAPACITY {
            self.table.resize(narrow::n_words(n_items.max(narrow::LOW_BITS)), 0);
            narrow::fill_with_masks(masks, weights, &mut self.table);
        } else {
            self.table.resize(wide::n_words(n_items.max(wide::LOW_BITS)), 0);
            wide::fill_with_masks(masks, weights, &mut self.table);
        }
        self.report_table(start, n_items, total, prefix);
    }

    fn report_table(&mut self, start: usize, n_items: usize, total: u64, prefix: Prefix) {
        let columns = &self.columns[start..start + n_items];
        let mut items = [0; MAX_ITEMS];
        for (item, column) in items.iter_mut().zip(columns) {
            *item = column.item;
        }
        // Rows with only one of a root's columns were dropped.
        let singles = columns.iter().map(|column| column.count);
        let is_narrow = total < narrow::CAPACITY;
        if is_narrow {
            narrow::set_singles(singles, &mut self.table);
        } else {
            wide::set_singles(singles, &mut self.table);
        }
        if !prefix.is_clear {
            let forbid = if is_narrow { narrow::forbid } else { wide::forbid };
            let items = items[..n_items].iter().copied();
            self.conflicts.for_each_related(items, &mut self.order, |a, b| forbid(a, b, &mut self.table));
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

    /// Pushes the columns of `range` that may stand with `chosen`, cut down to its transactions, as far as they stay frequent. Returns how many
    /// are in all those transactions and were left out as free; none unless all columns may stand together.
    fn intersect(&mut self, range: std::ops::Range<usize>, chosen: Column, frame: Frame, is_clear: bool) -> usize {
        let base = self.words.len();
        self.words.resize(base + range.len() * frame.n_words, 0);
        self.counts.clear();
        let conflicts = self.conflicts;
        let may_meet = |column: &Column| is_clear || !conflicts.between(column.item, chosen.item);
        let starts =
            self.columns[range.clone()].iter().filter(|column| may_meet(column)).map(|column| column.at as u32);
        self.counts.extend(starts);
        let (old, new) = self.words.split_at_mut(base);
        let planes = &old[frame.planes..frame.planes + frame.n_planes * frame.n_words];
        let free_count = if T::LISTS || !is_clear { u32::MAX } else { chosen.count };
        let limits = Limits { min_count: self.min_count, free_count };
        let kept = intersect(old, new, &mut self.counts, chosen.at, frame.n_words, planes, limits);
        self.words.truncate(base + kept * frame.n_words);
        let mut n_free = 0;
        let (mut at, mut counts) = (base, self.counts.iter());
        for idx in range {
            if !may_meet(&self.columns[idx]) {
                continue;
            }
            let count = *counts.next().expect("one for each column that may meet the chosen one");
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

/// How many of a node's first columns a table takes; its rows weigh `total`.
fn table_items(n_columns: usize, n_rows: usize, total: u64) -> usize {
    if n_columns < MIN_TABLE_ITEMS || total >= wide::CAPACITY {
        return 0;
    }
    let n_bits = n_rows.max(64).ilog2() as usize + EXTRA_BITS;
    n_columns.min(n_bits).min(MAX_ITEMS)
}
