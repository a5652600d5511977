//! Closed itemsets: depth first below one item, on bitmaps over the transactions that hold it.
//!
//! A set is closed when no other item is in all its transactions. Every node of the search is closed, and each closed set is met once: a
//! node has items that may follow, in some order, and items that may not. The child of one that may follow gets those before it to follow,
//! those after it not to; it is given up when one of the latter is in all its transactions, for then its closure belongs to another branch
//! (Uno, Kiyomi and Arimura, "LCM ver. 2", 2004, section 3; Lucchese, Orlando and Perego, "Fast and memory efficient mining of frequent
//! closed itemsets", 2006). Nothing found is looked up, so memory does not grow with the output.

use super::bits::{Limits, intersect, is_within_any};
use super::paths::Path;
use super::ranked::{Occurrences, Ranked};
use super::root::{Root, transpose};
use super::rows::StoredRank;
use super::sink::Sink;
use super::{Budget, Watch};

/// What a column costs an intersection beyond its words, and a test of inclusion that ends soon, in words.
const COLUMN_COST: usize = 8;
/// What looking for rarer items in a transaction costs, in words.
const ROW_COST: usize = 64;
/// Rarer partners of a root that get bitmaps; of more of them the transactions of a set are asked, which mostly have few in common.
const MAX_RARER: usize = 256;

/// An item that may follow, and the transactions that hold it and the current set.
#[derive(Clone, Copy)]
struct Column {
    rank: u32,
    count: u32,
    /// Where its bitmap starts in the stack of words.
    at: usize,
}

/// The state of one worker. Columns, words and excluded items are stacks: a child's lie above its parent's and are cut off when it is
/// done.
pub(crate) struct Closed<'a, R> {
    ranked: &'a Ranked<'a, R>,
    occurrences: &'a Occurrences,
    max_length: usize,
    watch: Watch<'a>,
    item: u32,
    root: Root,
    paths: Vec<Path>,
    columns: Vec<Column>,
    words: Vec<u64>,
    /// Bitmaps of items that may not follow, except the rarer partners of the root when they have none.
    excluded: Vec<u32>,
    has_rarer_bitmaps: bool,
    /// Words of a bitmap below the current root.
    n_words: usize,
    /// Where the bitmaps of the bits of the transactions' weights end; they are the first words. None when every weight is 1.
    planes_end: usize,
    counts: Vec<u32>,
    common: Vec<R>,
    /// Items a node adds to its parent.
    steps: Vec<u32>,
}

impl<'a, R: StoredRank> Closed<'a, R> {
    pub(crate) fn new(
        ranked: &'a Ranked<'a, R>,
        occurrences: &'a Occurrences,
        max_length: usize,
        budget: &'a Budget<'a>,
    ) -> Self {
        Self {
            ranked,
            occurrences,
            max_length,
            watch: Watch::new(budget),
            item: 0,
            root: Root::default(),
            paths: Vec::new(),
            columns: Vec::new(),
            words: Vec::new(),
            excluded: Vec::new(),
            has_rarer_bitmaps: false,
            n_words: 0,
            planes_end: 0,
            counts: Vec::new(),
            common: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// All closed sets whose rarest item has rank `item`.
    pub(crate) fn mine_root<S: Sink>(&mut self, item: u32, sink: &mut S) {
        if self.watch.has_ended() {
            return;
        }
        self.close_root(item, sink);
        self.watch.look();
    }

    fn close_root<S: Sink>(&mut self, item: u32, sink: &mut S) {
        let rows = self.occurrences.of(item);
        if let [row] = rows
            && self.ranked.row(*row).last().is_some_and(|last| last.index() > item as usize)
        {
            // In its only row the item is not the rarest.
            return;
        }
        self.item = item;
        self.paths.clear();
        self.paths.extend(rows.iter().map(|t| self.ranked.path(*t)));
        let frequent = self.ranked.frequent;
        self.root.open_rows(self.ranked.ranks(), &self.paths, frequent, frequent.n_ranks() as u32);
        let count = frequent.counts[item as usize];
        let rarer = self.root.partners.partition_point(|partner| partner.rank <= item);
        if self.root.partners[rarer..].iter().any(|partner| partner.count == count) {
            return;
        }
        self.columns.clear();
        self.steps.clear();
        self.steps.push(item);
        for partner in &self.root.partners[..rarer] {
            if partner.count < count {
                self.columns.push(Column { rank: partner.rank, count: partner.count, at: 0 });
            } else if partner.rank != item {
                self.steps.push(partner.rank);
            }
        }
        let depth = self.steps.len();
        if depth <= self.max_length {
            self.report(0, count, sink);
            if depth < self.max_length && !self.columns.is_empty() {
                self.open_bitmaps(rarer);
                self.expand(0, depth, sink);
            }
        }
    }

    /// Bitmaps of the weights, the columns and, unless they are many, the root's partners from `rarer` on.
    fn open_bitmaps(&mut self, rarer: usize) {
        self.words.clear();
        self.excluded.clear();
        self.n_words = self.paths.len().div_ceil(64);
        let all = self.paths.iter().fold(0, |all, path| all | path.weight);
        let n_planes = if all > 1 { u32::BITS - all.leading_zeros() } else { 0 };
        for bit in 0..n_planes {
            let bits =
                |paths: &[Path]| paths.iter().rev().fold(0, |word, path| word << 1 | u64::from(path.weight >> bit & 1));
            self.words.extend(self.paths.chunks(64).map(bits));
        }
        self.planes_end = self.words.len();
        self.columns.sort_unstable_by_key(|column| (std::cmp::Reverse(column.count), column.rank));
        let mut ranks: Vec<u32> = self.columns.iter().map(|column| column.rank).collect();
        let rarer = &self.root.partners[rarer..];
        self.has_rarer_bitmaps = rarer.len() <= MAX_RARER;
        if self.has_rarer_bitmaps {
            ranks.extend(rarer.iter().map(|partner| partner.rank));
        }
        let base = self.words.len();
        self.words.resize(base + ranks.len() * self.n_words, 0);
        for (chunk, ranks) in ranks.chunks(64).enumerate() {
            self.root.gather_masks(ranks.iter().copied(), 0);
            let words = &mut self.words[base + 64 * chunk * self.n_words..];
            transpose(&self.root.masks, self.n_words, &mut words[..ranks.len() * self.n_words]);
        }
        let n_columns = self.columns.len();
        for (idx, column) in self.columns.iter_mut().enumerate() {
            column.at = base + idx * self.n_words;
        }
        self.excluded.extend((n_columns..ranks.len()).map(|idx| (base + idx * self.n_words) as u32));
    }

    /// Reports a set that adds the steps to one of size `depth`.
    fn report<S: Sink>(&mut self, depth: usize, count: u32, sink: &mut S) {
        let last = self.steps.len() - 1;
        for (at, rank) in self.steps.iter().enumerate() {
            let count = if at == last { count } else { 0 };
            sink.node(depth + 1 + at, self.ranked.frequent.items[*rank as usize], count);
        }
        self.watch.found(1);
    }

    /// All closed sets that extend one of size `depth` by the columns from `start` on.
    fn expand<S: Sink>(&mut self, start: usize, depth: usize, sink: &mut S) {
        let (end, n_words, n_excluded) = (self.columns.len(), self.words.len(), self.excluded.len());
        // From the last column on, so that those after one are excluded when its turn comes.
        for idx in (start..end).rev() {
            if self.watch.has_ended() {
                break;
            }
            let chosen = self.columns[idx];
            if !self.is_elsewhere(chosen) {
                self.intersect(start..idx, chosen);
                let depth_below = depth + self.steps.len();
                if depth_below <= self.max_length {
                    self.report(depth, chosen.count, sink);
                    if depth_below < self.max_length && self.columns.len() > end {
                        self.columns[end..]
                            .sort_unstable_by_key(|column| (std::cmp::Reverse(column.count), column.rank));
                        self.expand(end, depth_below, sink);
                    }
                }
                self.columns.truncate(end);
                self.words.truncate(n_words);
            }
            self.excluded.push(chosen.at as u32);
        }
        self.excluded.truncate(n_excluded);
    }

    /// Whether an excluded item is in all transactions of a column.
    fn is_elsewhere(&mut self, chosen: Column) -> bool {
        self.watch.work(self.excluded.len() * COLUMN_COST);
        is_within_any(&self.words, chosen.at, self.n_words, &self.excluded)
            || !self.has_rarer_bitmaps && self.has_rarer_in_common(chosen)
    }

    /// Whether all transactions of a column hold the same item rarer than the root. Mostly a few of them show that none does.
    fn has_rarer_in_common(&mut self, chosen: Column) -> bool {
        let (root, rows) = (self.item as usize, self.occurrences.of(self.item));
        let mut is_first = true;
        for (word, bits) in self.words[chosen.at..chosen.at + self.n_words].iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let row = self.ranked.row(rows[64 * word + bits.trailing_zeros() as usize]);
                bits &= bits - 1;
                self.watch.work(ROW_COST);
                let rarer = &row[row.partition_point(|rank| rank.index() <= root)..];
                if is_first {
                    self.common.clear();
                    self.common.extend_from_slice(rarer);
                    is_first = false;
                } else {
                    self.common.retain(|rank| rarer.binary_search(rank).is_ok());
                }
                if self.common.is_empty() {
                    return false;
                }
            }
        }
        true
    }

    /// Pushes the columns of `range` cut down to the transactions of `chosen` as far as they stay frequent, and sets the steps to `chosen`
    /// and the columns in all of them.
    fn intersect(&mut self, range: std::ops::Range<usize>, chosen: Column) {
        let (base, n_words) = (self.words.len(), self.n_words);
        self.watch.work(range.len() * (n_words + COLUMN_COST));
        self.words.resize(base + range.len() * n_words, 0);
        self.counts.clear();
        self.counts.extend(self.columns[range.clone()].iter().map(|column| column.at as u32));
        let (old, new) = self.words.split_at_mut(base);
        let limits = Limits { min_count: self.ranked.frequent.min_count, free_count: chosen.count };
        let planes = &old[..self.planes_end];
        let kept = intersect(old, new, &mut self.counts, chosen.at, n_words, planes, limits);
        self.words.truncate(base + kept * n_words);
        self.steps.clear();
        self.steps.push(chosen.rank);
        let mut at = base;
        for (idx, count) in range.zip(&self.counts) {
            let rank = self.columns[idx].rank;
            if *count == limits.free_count {
                self.steps.push(rank);
            } else if *count >= limits.min_count {
                self.columns.push(Column { rank, count: *count, at });
                at += n_words;
            }
        }
    }
}
