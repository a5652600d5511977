//! Pairs alone: where sets of two are the longest wanted, every pair of a transaction is counted once, and that is all.

use osusume_model::Control;
use rayon::prelude::*;

use super::conflicts::Conflicts;
use super::ranked::Frequent;
use crate::{ItemsetParams, Itemsets, Kind, SetCounts, Transactions};

/// Most frequent items for which every worker has a counter for each two of them: 4 MB.
const MOST_RANKS: usize = 1024;
/// Transactions between two looks at the control.
const STOP_STEP: usize = 1 << 13;

/// Weighted transactions with each two frequent items.
pub(crate) struct Pairs<'a> {
    frequent: Frequent,
    conflicts: Conflicts<'a>,
    max_length: usize,
    /// That of ranks a and b < a at n a + b, for n ranks.
    counts: Vec<u32>,
}

impl<'a> Pairs<'a> {
    /// Counts them; `None` when longer sets are wanted, or when there are too many frequent items. Stops early, with counts that mean
    /// nothing, when the control says so.
    pub(crate) fn count(db: &Transactions, params: &ItemsetParams<'a>, control: &dyn Control) -> Option<Self> {
        if params.kind != Kind::All || params.max_length > 2 {
            return None;
        }
        let frequent = Frequent::new(db, params);
        if frequent.n_ranks() > MOST_RANKS {
            return None;
        }
        let counts = if params.max_length == 2 { count(db, &frequent, control) } else { Vec::new() };
        let conflicts = Conflicts { roles: params.roles, hierarchy: params.hierarchy };
        Some(Self { frequent, conflicts, max_length: params.max_length, counts })
    }

    /// How many sets of one and of two items there are.
    pub(crate) fn counted(&self) -> SetCounts {
        let mut out = SetCounts::default();
        let n_ranks = self.frequent.n_ranks() as u32;
        let sizes = [u64::from(n_ranks), (0..n_ranks).map(|rank| self.partners(rank).count() as u64).sum()];
        for (size, sets) in (1..).zip(sizes).filter(|(_, sets)| *sets > 0) {
            out.add(size, sets);
        }
        out
    }

    /// The sets themselves.
    pub(crate) fn listed(&self, n: u64) -> Itemsets {
        let mut out = Itemsets { n, ..Itemsets::default() };
        out.reserve_exact(self.counted().sets as usize);
        let mut push = |depth, rank: u32, count| {
            out.depths.push(depth);
            out.items.push(self.frequent.items[rank as usize]);
            out.counts.push(count);
        };
        for (rank, count) in (0..).zip(&self.frequent.counts) {
            push(1, rank, *count);
            self.partners(rank).for_each(|(partner, count)| push(2, partner, count));
        }
        out
    }

    /// The more frequent items that may stand in a set with that of `rank` and occur with it often enough, ascending, and their counts.
    fn partners(&self, rank: u32) -> impl Iterator<Item = (u32, u32)> {
        let n_counts = if self.max_length < 2 { 0 } else { rank as usize };
        let row = &self.counts[rank as usize * (self.counts.len() / self.frequent.n_ranks())..][..n_counts];
        let is_wanted = move |(partner, count): &(u32, u32)| {
            *count >= self.frequent.min_count && !self.conflicts.between(&self.frequent, *partner, rank)
        };
        (0..).zip(row.iter().copied()).filter(is_wanted)
    }
}

/// A table a worker, each for its part of the transactions; what they add up to depends on neither.
fn count(db: &Transactions, frequent: &Frequent, control: &dyn Control) -> Vec<u32> {
    let n_ranks = frequent.n_ranks();
    let mut rank_of = vec![n_ranks as u16; db.n_items() as usize];
    for (rank, item) in (0..).zip(&frequent.items) {
        rank_of[*item as usize] = rank;
    }
    let n_workers = rayon::current_num_threads();
    let part_len = db.len().div_ceil(n_workers).max(1);
    let count_part = |worker: usize| {
        let mut table = Table { n_ranks, counts: vec![0; n_ranks * n_ranks] };
        let end = db.len().min((worker + 1) * part_len);
        for start in (worker * part_len..end).step_by(STOP_STEP) {
            if control.stop().is_some() {
                break;
            }
            table.add(db, start..end.min(start + STOP_STEP), &rank_of);
        }
        table.counts
    };
    let sum = |mut a: Vec<u32>, b: Vec<u32>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let mut counts = (0..n_workers).into_par_iter().map(count_part).reduce_with(sum).unwrap_or_default();
    for rank in 0..n_ranks {
        for partner in 0..rank {
            counts[n_ranks * rank + partner] += counts[n_ranks * partner + rank];
        }
    }
    counts
}

/// Counts of pairs in the order in which a transaction names them: which of the two is more frequent is settled once, in the end.
struct Table {
    n_ranks: usize,
    counts: Vec<u32>,
}

impl Table {
    fn add(&mut self, db: &Transactions, transactions: std::ops::Range<usize>, rank_of: &[u16]) {
        let mut ranks = Vec::new();
        for t in transactions {
            let (basket, weight) = (db.basket(t), db.weight(t));
            if ranks.len() < basket.len() {
                ranks.resize(basket.len(), 0);
            }
            let mut len = 0;
            for item in basket {
                // Written in any case: whether an item is frequent is not foreseen by a processor.
                ranks[len] = usize::from(rank_of[*item as usize]);
                len += usize::from(ranks[len] < self.n_ranks);
            }
            for (at, rank) in ranks[..len].iter().enumerate() {
                let counts = &mut self.counts[rank * self.n_ranks..][..self.n_ranks];
                for other in &ranks[..at] {
                    counts[*other] += weight;
                }
            }
        }
    }
}
