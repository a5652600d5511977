//! Closed sets among those that roles and hierarchy permit: depth first below one item, on bitmaps over the transactions that hold it.
//!
//! A permitted set is closed when every item in all its transactions may not stand with it. An item in all transactions of a set that may
//! stand with whatever follows belongs to every closed set below; one that may not stand with some of it starts a branch like any other.

use super::conflicts::Conflicts;
use super::ranked::{Occurrences, Ranked};
use super::rows::StoredRank;
use super::sink::Sink;
use super::{Budget, Watch};
use crate::ItemsetParams;

/// What a column costs an intersection beyond its words, in words.
const COLUMN_COST: usize = 8;

/// An item that may extend the current set, and the transactions that hold both.
#[derive(Clone, Copy)]
struct Column {
    rank: u32,
    count: u32,
    /// Where its bitmap starts in the stack of words.
    at: usize,
}

/// The extensions of one set: `columns[start..middle]` may follow it, `columns[middle..end]` may not (they come in other branches) but decide
/// whether the set is closed.
#[derive(Clone, Copy)]
struct Node {
    start: usize,
    middle: usize,
    end: usize,
}

/// The state of one worker. Columns and words are stacks: a child's lie above its parent's and are cut off when it is done, so the
/// recursion allocates only while the deepest branch so far grows them.
pub(crate) struct Search<'a, R> {
    ranked: &'a Ranked<'a, R>,
    occurrences: &'a Occurrences,
    min_count: u32,
    max_length: usize,
    conflicts: Conflicts<'a>,
    watch: Watch<'a>,
    /// Weighted pair counts with the root item, by rank; zero between roots.
    pair_counts: Vec<u32>,
    columns: Vec<Column>,
    words: Vec<u64>,
    /// Words of a bitmap below the current root.
    n_words: usize,
    /// Bit b of every transaction's weight; none when every weight is 1.
    planes: Vec<Vec<u64>>,
    /// Items of the current set, and how many of them are in the trie already.
    path: Vec<u32>,
    n_written: usize,
}

impl<'a, R: StoredRank> Search<'a, R> {
    pub(crate) fn new(
        ranked: &'a Ranked<'a, R>,
        occurrences: &'a Occurrences,
        params: &ItemsetParams<'a>,
        budget: &'a Budget<'a>,
    ) -> Self {
        Self {
            ranked,
            occurrences,
            min_count: ranked.frequent.min_count,
            max_length: params.max_length,
            conflicts: Conflicts::new(params),
            watch: Watch::new(budget),
            pair_counts: vec![0; ranked.frequent.n_ranks()],
            columns: Vec::new(),
            words: Vec::new(),
            n_words: 0,
            planes: Vec::new(),
            path: Vec::new(),
            n_written: 0,
        }
    }

    /// All sets whose rarest item has this rank.
    pub(crate) fn mine_root<S: Sink>(&mut self, rank: u32, sink: &mut S) {
        if self.watch.has_ended() {
            return;
        }
        self.columns.clear();
        self.words.clear();
        self.n_written = 0;
        self.open_root(rank);
        let middle = self.columns.partition_point(|c| c.rank < rank);
        let node = Node { start: 0, middle, end: self.columns.len() };
        self.enter(rank, self.ranked.frequent.counts[rank as usize], node, sink);
        self.watch.look();
    }

    /// Columns for every item frequent together with the root.
    fn open_root(&mut self, root: u32) {
        let rows = self.occurrences.of(root);
        for t in rows {
            let weight = self.ranked.weight(*t);
            self.ranked.row(*t).iter().for_each(|rank| self.pair_counts[rank.index()] += weight);
        }
        self.watch.work(2 * COLUMN_COST * rows.len());
        self.n_words = rows.len().div_ceil(64);
        self.open_columns(rows, root);
        for (bit, t) in rows.iter().enumerate() {
            for rank in self.ranked.row(*t) {
                // While bitmaps are filled the counter holds one more than the position of the item's column.
                let column = self.pair_counts[rank.index()];
                if column > 0 {
                    self.words[self.columns[column as usize - 1].at + bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        for column in &self.columns {
            self.pair_counts[column.rank as usize] = 0;
        }
        self.open_planes(rows);
    }

    /// Replaces pair counts by positions of columns, one more than the index, and by 0 where there is no column.
    fn open_columns(&mut self, rows: &[u32], root: u32) {
        for t in rows {
            for rank in self.ranked.row(*t) {
                let count = std::mem::take(&mut self.pair_counts[rank.index()]);
                let rank = rank.index() as u32;
                if count >= self.min_count && rank != root && self.may_meet(rank, root) {
                    self.columns.push(Column { rank, count, at: 0 });
                }
            }
        }
        self.columns.sort_unstable_by_key(|column| column.rank);
        for (idx, column) in self.columns.iter_mut().enumerate() {
            column.at = idx * self.n_words;
            self.pair_counts[column.rank as usize] = idx as u32 + 1;
        }
        self.words.resize(self.columns.len() * self.n_words, 0);
    }

    fn may_meet(&self, a: u32, b: u32) -> bool {
        let items = &self.ranked.frequent.items;
        !self.conflicts.between(items[a as usize], items[b as usize])
    }

    fn open_planes(&mut self, rows: &[u32]) {
        self.planes.clear();
        let all = rows.iter().fold(0, |all, t| all | self.ranked.weight(*t));
        if all <= 1 {
            return;
        }
        for plane in 0..u32::BITS - all.leading_zeros() {
            let mut words = vec![0; self.n_words];
            for (bit, t) in rows.iter().enumerate() {
                words[bit / 64] |= u64::from(self.ranked.weight(*t) >> plane & 1) << (bit % 64);
            }
            self.planes.push(words);
        }
    }

    /// All closed sets that extend the path by `rank`; `node` holds the extensions of that set.
    fn enter<S: Sink>(&mut self, rank: u32, count: u32, node: Node, sink: &mut S) {
        let depth = self.path.len();
        self.path.push(rank);
        if let Some(node) = self.close(count, node)
            && self.path.len() <= self.max_length
        {
            let is_full = |column: &Column| column.count == count;
            if !self.columns[node.start..node.end].iter().any(is_full) {
                self.report(count, sink);
            }
            self.expand(node, sink);
        }
        self.path.truncate(depth);
        self.n_written = self.n_written.min(depth);
    }

    /// Moves the items that every closed set below holds to the path. `None` when there is no closed set below, because an item that comes in
    /// another branch could be added to all of them without changing a count (as in Uno, Kiyomi and Arimura, "LCM ver. 2", 2004, section 3).
    fn close(&mut self, count: u32, node: Node) -> Option<Node> {
        let may_follow = node.start..node.middle;
        let fits_all = |search: &Self, column: Column| {
            let mut others = search.columns[may_follow.clone()].iter();
            column.count == count && others.all(|other| search.may_meet(column.rank, other.rank))
        };
        if (node.middle..node.end).any(|idx| fits_all(self, self.columns[idx])) {
            return None;
        }
        let depth = self.path.len();
        for idx in may_follow.clone() {
            if fits_all(self, self.columns[idx]) {
                self.path.push(self.columns[idx].rank);
            }
        }
        if self.path.len() == depth {
            return Some(node);
        }
        // What is on the path is no extension, nor is what may not stand with it.
        let (mut kept, mut middle) = (node.start, node.start);
        for idx in node.start..node.end {
            let column = self.columns[idx];
            let added = &self.path[depth..];
            if !added.contains(&column.rank) && added.iter().all(|rank| self.may_meet(column.rank, *rank)) {
                self.columns[kept] = column;
                kept += 1;
                middle += usize::from(idx < node.middle);
            }
        }
        Some(Node { start: node.start, middle, end: kept })
    }

    /// Writes the path, those of its sets that are not yet in the trie as steps.
    fn report<S: Sink>(&mut self, count: u32, sink: &mut S) {
        let last = self.path.len() - 1;
        for (at, rank) in self.path.iter().enumerate().skip(self.n_written) {
            sink.node(at + 1, self.ranked.frequent.items[*rank as usize], if at == last { count } else { 0 });
        }
        self.n_written = self.path.len();
        self.watch.found(1);
    }

    /// All closed sets that extend the path by one of the columns that may follow.
    fn expand<S: Sink>(&mut self, node: Node, sink: &mut S) {
        if self.path.len() >= self.max_length {
            return;
        }
        let (words, start) = (self.words.len(), self.columns.len());
        for idx in node.start..node.middle {
            if self.watch.has_ended() {
                return;
            }
            let chosen = self.columns[idx];
            self.intersect(node.start..idx, chosen);
            let middle = self.columns.len();
            self.intersect(idx + 1..node.end, chosen);
            self.enter(chosen.rank, chosen.count, Node { start, middle, end: self.columns.len() }, sink);
            self.columns.truncate(start);
            self.words.truncate(words);
        }
    }

    /// Pushes the columns of `range` cut down to the transactions of `chosen`, as far as they stay frequent.
    fn intersect(&mut self, range: std::ops::Range<usize>, chosen: Column) {
        self.watch.work(range.len() * (self.n_words + COLUMN_COST));
        for idx in range {
            let column = self.columns[idx];
            if !self.may_meet(column.rank, chosen.rank) {
                continue;
            }
            let at = self.words.len();
            self.words.resize(at + self.n_words, 0);
            let (old, new) = self.words.split_at_mut(at);
            let (a, b) = (&old[column.at..column.at + self.n_words], &old[chosen.at..chosen.at + self.n_words]);
            and(a, b, new);
            let count = if self.planes.is_empty() { ones(new) } else { weigh(new, &self.planes) };
            if count >= self.min_count {
                self.columns.push(Column { rank: column.rank, count, at });
            } else {
                self.words.truncate(at);
            }
        }
    }
}

osusume_numeric::dispatch! {
    /// Sets `out` to the bits in both.
    fn and(a: &[u64], b: &[u64], out: &mut [u64]) {
        for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
            *o = x & y;
        }
    }

    /// How many bits are set.
    fn ones(words: &[u64]) -> u32 {
        words.iter().map(|word| word.count_ones()).sum()
    }
}

/// Σ 2^b · bits set in both the words and plane b.
fn weigh(words: &[u64], planes: &[Vec<u64>]) -> u32 {
    let in_plane = |plane: &Vec<u64>| words.iter().zip(plane).map(|(w, p)| (w & p).count_ones()).sum::<u32>();
    planes.iter().enumerate().map(|(bit, plane)| in_plane(plane) << bit).sum()
}
