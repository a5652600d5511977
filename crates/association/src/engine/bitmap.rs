//! Depth-first search below one item, on bitmaps over the transactions that hold it.

use super::Budget;
use super::conflicts::Conflicts;
use super::ranked::{Occurrences, Ranked};
use super::rows::StoredRank;
use super::sink::Sink;
use crate::{ItemsetParams, Kind};

/// Sets found between two looks at the budget.
const BUDGET_STEP: u64 = 1 << 14;

/// An item that may extend the current set, and the transactions that hold both.
#[derive(Clone, Copy)]
struct Column {
    rank: u32,
    count: u32,
    /// Where its bitmap starts in the stack of words.
    at: usize,
}

/// The extensions of one set: `columns[start..middle]` may follow it, `columns[middle..end]` may not (they come in other branches)
/// but decide whether the set is closed.
#[derive(Clone, Copy)]
struct Node {
    start: usize,
    middle: usize,
    end: usize,
    depth: usize,
}

/// The state of one worker. Columns and words are stacks: a child's lie above its parent's and are cut off when it is done, so the
/// recursion allocates only while the deepest branch so far grows them.
pub(crate) struct Search<'a, R> {
    ranked: &'a Ranked<'a, R>,
    occurrences: &'a Occurrences,
    min_count: u32,
    max_length: usize,
    kind: Kind,
    conflicts: Conflicts<'a>,
    budget: &'a Budget<'a>,
    unspent: u64,
    has_ended: bool,
    /// Weighted pair counts with the root item, by rank; zero between roots.
    pair_counts: Vec<u32>,
    columns: Vec<Column>,
    words: Vec<u64>,
    /// Words of a bitmap below the current root.
    n_words: usize,
    /// Bit b of every transaction's weight; none when every weight is 1.
    planes: Vec<Vec<u64>>,
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
            kind: params.kind,
            conflicts: Conflicts { roles: params.roles, hierarchy: params.hierarchy },
            budget,
            unspent: 0,
            has_ended: false,
            pair_counts: vec![0; ranked.frequent.n_ranks()],
            columns: Vec::new(),
            words: Vec::new(),
            n_words: 0,
            planes: Vec::new(),
        }
    }

    /// All sets whose rarest item has this rank.
    pub(crate) fn mine_root<S: Sink>(&mut self, rank: u32, sink: &mut S) {
        if self.has_ended {
            return;
        }
        self.columns.clear();
        self.words.clear();
        self.open_root(rank);
        let node = Node {
            start: 0,
            middle: self.columns.partition_point(|c| c.rank < rank),
            end: self.columns.len(),
            depth: 0,
        };
        self.enter(rank, self.ranked.frequent.counts[rank as usize], node, sink);
        self.has_ended |= !self.budget.spend(std::mem::take(&mut self.unspent));
    }

    /// Columns for every item frequent together with the root; rarer ones only where closedness asks for them.
    fn open_root(&mut self, root: u32) {
        let rows = self.occurrences.of(root);
        if self.max_length == 1 && self.kind == Kind::All {
            return;
        }
        for t in rows {
            let weight = self.ranked.weight(*t);
            self.partners(*t, root).iter().for_each(|rank| self.pair_counts[rank.index()] += weight);
        }
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

    /// The part of a transaction that matters below `root`.
    fn partners(&self, t: u32, root: u32) -> &'a [R] {
        let row = self.ranked.row(t);
        match self.kind {
            Kind::All => &row[..row.partition_point(|rank| rank.index() < root as usize)],
            Kind::Closed => row,
        }
    }

    /// Replaces pair counts by positions of columns, one more than the index, and by 0 where there is no column.
    fn open_columns(&mut self, rows: &[u32], root: u32) {
        for t in rows {
            for rank in self.partners(*t, root) {
                let count = std::mem::take(&mut self.pair_counts[rank.index()]);
                let rank = rank.index() as u32;
                if count >= self.min_count && rank != root && !self.conflicts.between(self.ranked.frequent, rank, root)
                {
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

    /// Reports the set that was just extended by `rank` and goes on below it. `node` holds its extensions.
    fn enter<S: Sink>(&mut self, rank: u32, count: u32, node: Node, sink: &mut S) {
        let depth = node.depth + 1;
        match self.kind {
            Kind::All => {
                self.report(depth, rank, count, sink);
                self.expand(Node { depth, ..node }, sink);
            }
            Kind::Closed => self.enter_closed(rank, count, Node { depth, ..node }, sink),
        }
    }

    /// Reports the closure of a set unless another branch does: when an item that may not follow is in all its transactions
    /// (Uno, Kiyomi and Arimura, "LCM ver. 2", 2004, section 3: prefix-preserving closure extension).
    fn enter_closed<S: Sink>(&mut self, rank: u32, count: u32, node: Node, sink: &mut S) {
        if self.columns[node.middle..node.end].iter().any(|column| column.count == count) {
            return;
        }
        let mut last = (node.depth, rank);
        let (mut depth, mut kept) = (node.depth, node.start);
        let first_step = (depth, rank);
        let mut steps = vec![first_step];
        for idx in node.start..node.middle {
            let column = self.columns[idx];
            if column.count == count {
                depth += 1;
                last = (depth, column.rank);
                steps.push(last);
            } else {
                self.columns[kept] = column;
                kept += 1;
            }
        }
        if depth > self.max_length {
            return;
        }
        for (depth, rank) in &steps[..steps.len() - 1] {
            sink.node(*depth, self.ranked.frequent.items[*rank as usize], 0);
        }
        self.report(last.0, last.1, count, sink);
        // The columns between `kept` and `middle` belong to the set now; the rest moves down over them.
        self.columns.copy_within(node.middle..node.end, kept);
        let end = kept + node.end - node.middle;
        self.expand(Node { start: node.start, middle: kept, end, depth }, sink);
    }

    fn report<S: Sink>(&mut self, depth: usize, rank: u32, count: u32, sink: &mut S) {
        sink.node(depth, self.ranked.frequent.items[rank as usize], count);
        self.unspent += 1;
        if self.unspent >= BUDGET_STEP {
            self.has_ended |= !self.budget.spend(std::mem::take(&mut self.unspent));
        }
    }

    fn expand<S: Sink>(&mut self, node: Node, sink: &mut S) {
        if node.depth >= self.max_length {
            return;
        }
        let words = self.words.len();
        for idx in node.start..node.middle {
            if self.has_ended {
                return;
            }
            let chosen = self.columns[idx];
            let start = self.columns.len();
            if node.depth + 1 < self.max_length || self.kind == Kind::Closed {
                self.intersect(node.start..idx, chosen);
            }
            let middle = self.columns.len();
            if self.kind == Kind::Closed {
                self.intersect(idx + 1..node.end, chosen);
            }
            let child = Node { start, middle, end: self.columns.len(), depth: node.depth };
            self.enter(chosen.rank, chosen.count, child, sink);
            self.columns.truncate(start);
            self.words.truncate(words);
        }
    }

    /// Pushes the columns of `range` cut down to the transactions of `chosen`, as far as they stay frequent.
    fn intersect(&mut self, range: std::ops::Range<usize>, chosen: Column) {
        for idx in range {
            let column = self.columns[idx];
            if self.conflicts.between(self.ranked.frequent, column.rank, chosen.rank) {
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
